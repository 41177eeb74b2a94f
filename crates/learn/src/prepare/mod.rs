//! Transformers: scaling and encoding of features in front of a model.

pub mod hashing;
pub mod one_hot;
pub mod standard_scaler;

//! Models made of models.

pub mod chain;

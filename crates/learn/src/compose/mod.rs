//! Models made of models.

pub mod build;
pub mod chain;

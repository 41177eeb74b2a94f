//! Recommendation: who will like what, from who liked what before.

pub mod biased_matrix_factorization;
pub mod factorization_machine_classification;
pub mod factorization_machine_regression;
pub mod field_aware_factorization_machine_classification;
pub mod field_aware_factorization_machine_regression;
mod inputs;
mod machine;
mod machines;
mod table;

//! Recommendation: who will like what, from who liked what before.

pub mod bayesian_personalized_ranking;
pub mod biased_matrix_factorization;
mod counts;
pub mod factorization_machine_classification;
pub mod factorization_machine_regression;
pub mod field_aware_factorization_machine_classification;
pub mod field_aware_factorization_machine_regression;
mod inputs;
pub mod item_to_item;
mod machine;
mod machines;
pub mod popularity;
mod table;
mod users;

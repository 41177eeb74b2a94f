//! Clustering.

pub mod k_means;

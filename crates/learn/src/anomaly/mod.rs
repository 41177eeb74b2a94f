//! Anomaly detection: what is strange among the events of a stream.

pub mod half_space_trees;

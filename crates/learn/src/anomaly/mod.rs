//! Anomaly detection: what is strange among the events of a stream.

mod cut_tree;
pub mod half_space_trees;
pub mod quantile_threshold;
pub mod robust_random_cut_forest;
pub mod seasonal_z_score;

//! Online machine learning: models that predict and learn event by event.
//!
//! No IO, no clock, no Kafka, no Arrow: a model is a deterministic fold over rows. The same rows in the same order
//! with the same seed give the same bits on every machine (`exp` and `ln` come from `libm`; sums run in a fixed
//! order; no hash map with a random seed decides anything), and a model saved and loaded in the middle goes on with
//! the same bits.

pub mod anomaly;
pub mod bandit;
pub mod baseline;
pub mod bayes;
pub mod boost;
pub mod checks;
pub mod cluster;
mod columns;
pub mod compose;
pub mod drift;
mod dump;
pub mod evaluate;
pub mod features;
pub mod forecast;
pub mod forest;
mod lanes;
pub mod linear;
pub mod metrics;
pub mod model;
pub mod neighbors;
pub mod neural;
pub mod params;
pub mod prepare;
pub mod random;
pub mod recommend;
pub mod registry;
pub mod snapshot;
pub mod synthetic;
pub mod tree;

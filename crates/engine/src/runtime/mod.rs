//! The real driver of lanes: connects them to a log, a group and a clock.
//!
//! One thread turns the membership in the group ([`run()`]); for each lane that the group hands out there is a lane
//! thread, which owns the lane and its source (fetch, fold, act), and a commit thread, which owns the committer, so
//! that the lane folds on while a commit is under way. A lane that waits (for input, for the broker, for its state)
//! never holds up the membership, and a log that cannot be reached is waited for.
//!
//! What the runtime needs of the log, beyond the traits of [`streamfold_flow::log`], are the traits in [`port`];
//! the binary implements them over Kafka. [`Backtest`] folds the same way without group, journal and commits.

mod backtest;
mod commit;
mod control;
mod error;
mod group;
mod hold;
mod lane_thread;
mod monitor;
mod patience;
pub mod port;
mod send;
mod start;

pub use backtest::{Backtest, BacktestLane};
pub use error::{MovedOffset, RunError};
pub use group::run;
pub use monitor::{COMMIT_BOUNDS_SECONDS, Histogram, LaneView, Monitor, Phase};

use crate::journal::TopicIdentity;
use crate::plan::{Parts, Plan};
use port::Log;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use streamfold_flow::Partition;

/// Everything that a run of a pipeline needs.
pub struct Context {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Builds the parts of a lane, fresh.
    pub parts: Box<dyn Fn() -> Result<Parts, String> + Send + Sync>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// What is there: cluster, topics, generation.
    pub site: Site,
    /// Stop when everything below these offsets is folded and committed.
    pub until: Option<BTreeMap<Partition, i64>>,
    /// What the run tells about itself.
    pub monitor: Arc<Monitor>,
}

/// What the pipeline runs on.
#[derive(Clone, Debug)]
pub struct Site {
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// The input topics, in the plan's order.
    pub topics: Vec<TopicIdentity>,
    /// Partitions of the topic of predictions, where they are known.
    pub prediction_partitions: Option<i32>,
    /// The generation that is run.
    pub generation: u32,
}

/// What the clock shows, in milliseconds since 1970.
fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

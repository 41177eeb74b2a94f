//! Why a run ended that was not asked to.

use crate::checkpoint::RestoreError;
use crate::lane::LaneError;
use std::fmt;
use streamfold_flow::log::LogError;

/// A group offset that is not where the journal's end says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedOffset {
    /// Topic of the input.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// What the journal says is committed.
    pub journal: i64,
    /// What the group says is committed.
    pub group: i64,
}

impl fmt::Display for MovedOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MovedOffset { topic, partition, journal, group } = self;
        write!(f, "{topic} partition {partition}: {journal} in the journal, {group} in the group")
    }
}

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A lane cannot go on.
    #[error("lane {lane} cannot go on; nothing that was committed is lost")]
    Lane {
        /// The lane.
        lane: u32,
        /// Why.
        #[source]
        error: LaneError,
    },
    /// A lane's state cannot be restored.
    #[error("lane {lane} cannot be restored from its checkpoint and journal")]
    Restore {
        /// The lane.
        lane: u32,
        /// Why.
        #[source]
        error: RestoreError,
    },
    /// The state of an older generation cannot be taken over.
    #[error("lane {lane} cannot take over the state of generation {generation}: {reason}")]
    Inherit {
        /// The lane.
        lane: u32,
        /// The older generation.
        generation: u32,
        /// Why, and what to do.
        reason: String,
    },
    /// Somebody moved the group's offsets.
    #[error(
        "somebody moved the committed offsets of group {group}, so they no longer are where the journal of lane {lane} ends: {}",
        list(moved)
    )]
    OffsetsMoved {
        /// The lane.
        lane: u32,
        /// The consumer group.
        group: String,
        /// Where they differ.
        moved: Vec<MovedOffset>,
    },
    /// Running to the end, which an open transaction holds back.
    #[error(
        "topic {topic} partition {partition}: the end at start was offset {target}, but offset {offset} is held by a transaction \
         that somebody left open: nothing came for {waited_seconds} s"
    )]
    Held {
        /// Topic of the input.
        topic: String,
        /// Partition.
        partition: i32,
        /// First offset that cannot be read.
        offset: i64,
        /// Offset to be reached.
        target: i64,
        /// How long was waited.
        waited_seconds: u64,
    },
    /// Draining took too long.
    #[error(
        "lanes {lanes:?} did not commit within shutdown_timeout ({timeout_ms} ms); they go on from their last commit when started again"
    )]
    ShutdownTimeout {
        /// The lanes that were left.
        lanes: Vec<u32>,
        /// How long was waited.
        timeout_ms: i64,
    },
    /// The log says that it will never work.
    #[error("{what}")]
    Log {
        /// What was tried.
        what: String,
        /// Why it does not work.
        #[source]
        error: LogError,
    },
    /// A lane could not be built.
    #[error("lane {lane} cannot be built: {reason}")]
    Build {
        /// The lane.
        lane: u32,
        /// Why.
        reason: String,
    },
    /// A lane's thread ended without a word.
    #[error("lane {lane} ended unexpectedly; this is a fault of streamfold, please report it")]
    Panicked {
        /// The lane.
        lane: u32,
    },
}

fn list(moved: &[MovedOffset]) -> String {
    moved.iter().map(MovedOffset::to_string).collect::<Vec<_>>().join("; ")
}

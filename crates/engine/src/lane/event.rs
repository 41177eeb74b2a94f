//! What a lane is told, and what it wants done. Time, the log and the group enter only here.

use std::sync::Arc;
use streamfold_flow::Partition;
use streamfold_flow::log::Transaction;
use streamfold_flow::record::{OutputBlock, RecordBlock};

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// The next records of a partition, in the order of their offsets.
    Records(Partition, RecordBlock),
    /// Nothing more is there below this position (see [`streamfold_flow::log::Fetched::End`]).
    End(Partition, i64),
    /// The position asked for is not there; the first that is comes with it.
    OutOfRange(Partition, i64),
    /// What the clock shows now, in milliseconds since 1970. At least some ten times a second.
    Tick(i64),
    /// The commit under way is durable.
    Committed,
    /// The commit under way is undone; the same bytes have to be sent again, on fresh group metadata.
    Aborted,
    /// Nobody knows what became of the commit under way, or the lane's transactional id was taken from it.
    Unknown,
    /// Everything up to this [`Action::Send`] is durable.
    Sent(u64),
    /// The answer to [`Action::Recover`]: the value of the last journal record, once the transactional id is the
    /// lane's own again; `None` for an empty journal.
    JournalEnd(Option<Vec<u8>>),
    /// Fold no more, commit what was folded with a checkpoint, then [`Action::Finished`]: SIGTERM, or the lane is
    /// handed over.
    Drain,
    /// The lane is somebody else's already: nothing may be committed any more.
    Lost,
}

/// Something is to be done.
#[derive(Debug)]
pub enum Action {
    /// Commit this, and answer with [`Event::Committed`], [`Event::Aborted`] or [`Event::Unknown`]. The same bytes
    /// come again after an abort. There is never more than one under way.
    Commit(Arc<Transaction>),
    /// Write these answers at once, outside of transactions; they are numbered from 1. Answer with [`Event::Sent`].
    /// Only with `delivery = "at_least_once"`.
    Send(u64, Arc<OutputBlock>),
    /// Take the transactional id over again, then read the journal's end: [`Event::JournalEnd`].
    Recover,
    /// Stop (`true`) or go on (`false`) bringing records of this partition.
    Pause(Partition, bool),
    /// Everything that was folded is committed; nothing more will come.
    Finished,
    /// Somebody else went on from another state: build the lane anew from checkpoint and journal.
    Restart(String),
    /// The lane cannot go on. Nothing that was committed is lost.
    Failed(LaneError),
}

/// Why a lane cannot go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LaneError {
    /// The input is not what the journal says any more.
    #[error(
        "input {input} partition {partition}: commit {sequence} of the journal folded offsets {first} to {last}, but {found}. The \
         input was compacted, deleted or made anew, so the state cannot be folded again from the last checkpoint; ways on: restore the topic, \
         or start a new generation"
    )]
    InputChanged {
        /// Topic of the input.
        input: String,
        /// Partition.
        partition: i32,
        /// The commit whose run does not fit.
        sequence: u64,
        /// First offset of the run.
        first: i64,
        /// Last offset of the run.
        last: i64,
        /// What was found instead.
        found: String,
    },
    /// The input has lost records that were not read yet.
    #[error(
        "input {input} partition {partition}: offset {wanted} is to be read next, but the topic now begins at {earliest}: records were \
         deleted by retention before they were read; ways on: a longer retention, or start a new generation"
    )]
    OutOfRange {
        /// Topic of the input.
        input: String,
        /// Partition.
        partition: i32,
        /// Offset that was to be read.
        wanted: i64,
        /// First offset there is.
        earliest: i64,
    },
    /// The journal or a checkpoint cannot be read.
    #[error("{0}")]
    State(String),
    /// Too many bad records.
    #[error(
        "{bad} of the last {of} records were bad, more than dead_letters.fraction_max allows; the last one: {last_reason} (see the dead-letter topic)"
    )]
    TooManyBadRecords {
        /// Bad records in the window.
        bad: usize,
        /// Size of the window.
        of: usize,
        /// Why the last one was bad.
        last_reason: String,
    },
    /// The table of waiting events is full, and the file says to stop then.
    #[error(
        "the table of events that wait for their labels is full ({rows} events, {bytes} bytes) and label.when_full is \"stop\""
    )]
    WaitingFull {
        /// Events.
        rows: usize,
        /// Their bytes.
        bytes: usize,
    },
}

//! The log as the runtime sees it: where records come from, and where a transaction goes.
//!
//! Kafka implements these traits; the engine's runtime drives lanes with them and knows no more about Kafka.

use crate::Partition;
use crate::record::{OutputBlock, RecordBlock};
use std::sync::Arc;
use std::time::Duration;

/// What a [`Source`] has to tell.
#[derive(Debug)]
pub enum Fetched {
    /// The next records of a partition.
    Records(Partition, RecordBlock),
    /// Everything below `position` has been handed out and nothing more is there: markers of transactions,
    /// aborted and compacted records in between are passed over, so `position` can lie beyond the last record + 1.
    End(Partition, i64),
    /// The position asked for is not there any more (or not yet): `earliest` is the first that is.
    OutOfRange(Partition, i64),
}

/// Reads partitions by plain assignment; one source for each lane, so that no lane blocks another.
pub trait Source: Send {
    /// Reads these partitions from these offsets on, and no others.
    fn assign(&mut self, positions: &[(Partition, i64)]) -> Result<(), LogError>;
    /// Waits up to `timeout` for something to come and appends it to `out`.
    fn fetch(&mut self, timeout: Duration, out: &mut Vec<Fetched>) -> Result<(), LogError>;
    /// Stops handing out records of this partition (`true`), or goes on (`false`): the bound of the lane's queue.
    fn pause(&mut self, partition: Partition, pause: bool) -> Result<(), LogError>;
}

/// Everything that one commit writes, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// Number of the commit in its lane and generation; the journal record carries it too.
    pub sequence: u64,
    /// Predictions, decisions, metrics, dead letters.
    pub outputs: Vec<OutputBlock>,
    /// Value of the journal record; its partition is the lane's.
    pub journal: Vec<u8>,
    /// State records: key and value (`None` deletes the key); their partition is the lane's.
    pub state: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// For every partition that moved: the next offset to read. Never empty: an empty one would not be fenced.
    pub offsets: Vec<(Partition, i64)>,
}

/// How a commit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Committed,
    /// It is undone as a whole; the producer can go on and the same bytes may be sent again.
    Aborted(String),
    /// It is undone as a whole, and so would every further try be: the log does not take one of the records.
    Refused(String),
    /// Nobody knows (a timeout, a lost answer): the journal's end will tell.
    Unknown(String),
    /// Somebody else has this lane's transactional id: the journal's end and the group will tell.
    Fenced(String),
}

/// Writes the transactions of one lane under its own transactional id.
pub trait Committer: Send {
    /// Takes the transactional id over: fences the predecessor and ends its open transaction. After it, what the
    /// journal's end shows is settled. Also the way on after [`Outcome::Unknown`] and [`Outcome::Fenced`].
    fn init(&mut self) -> Result<(), LogError>;
    /// Writes and commits; returns when the outcome is known or known to be unknowable.
    fn commit(&mut self, transaction: &Transaction) -> Outcome;
}

/// Writes answers at once, outside of transactions.
pub trait Sender: Send {
    /// Writes the records and returns when all of them are durable. After an error some may be there; the same blocks may
    /// be sent again.
    fn send(&mut self, blocks: &[Arc<OutputBlock>]) -> Result<(), LogError>;
}

/// Something went wrong with the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The log cannot be reached now; the same call may work later.
    #[error("{0}")]
    Unavailable(String),
    /// It will not work however often it is tried: no such topic, not allowed, wrong setting.
    #[error("{0}")]
    Fatal(String),
}

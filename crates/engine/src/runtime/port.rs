//! What the runtime needs of the log: connections, what a lane has stored, offsets, and the group.

use crate::checkpoint::{Checkpoint, StateRecord};
use crate::journal::identity;
use crate::plan::{Fit, fit};
use std::sync::Arc;
use std::time::Duration;
use streamfold_flow::Partition;
use streamfold_flow::log::{Committer, LogError, Sender, Source};

/// Opens what a lane reads and writes with.
pub trait Connect: Send + Sync {
    /// A source of this lane's own.
    fn source(&self, lane: u32) -> Result<Box<dyn Source>, LogError>;
    /// A committer under this lane's transactional id.
    fn committer(&self, lane: u32) -> Result<Box<dyn Committer>, LogError>;
    /// Writes this lane's answers outside of transactions; asked for only with `delivery = "at_least_once"`.
    fn sender(&self, lane: u32) -> Result<Box<dyn Sender>, LogError>;
    /// Joins the group; `lanes` is told what it decides, from within [`Membership::poll`].
    fn join(&self, lanes: Arc<dyn LaneHandler>) -> Result<Box<dyn Membership>, LogError>;
}

/// Reads what a lane has stored. Every read goes to the end that the log has when it begins; open transactions
/// before that end are waited for.
pub trait Archive: Send + Sync {
    /// The records of the lane's state partition, in their order.
    fn state(&self, lane: u32) -> Result<Vec<StateRecord>, LogError>;
    /// The values of the lane's journal, in their order, from this time (milliseconds since 1970) or the beginning.
    fn journal(&self, lane: u32, since_ms: Option<i64>) -> Result<Vec<Vec<u8>>, LogError>;
    /// The value of the last record of the lane's journal.
    fn journal_end(&self, lane: u32) -> Result<Option<Vec<u8>>, LogError>;
    /// What the generation that begins is to take over, if anything.
    fn legacy(&self, lane: u32) -> Result<Option<Legacy>, LogError>;
}

/// What an older generation has left of a lane.
pub struct Legacy {
    /// Its number.
    pub generation: u32,
    /// Its meaning.
    pub meaning: Vec<(String, String)>,
    /// The records of the lane's state partition, in their order.
    pub state: Vec<StateRecord>,
    /// The value of the last record of the lane's journal.
    pub journal_end: Option<Vec<u8>>,
    /// Whether it may still be at work, so that what it folds behind its last checkpoint is of no concern.
    pub goes_on: bool,
}

impl Legacy {
    /// The checkpoint to go on from, and what of it fits a plan of this meaning; or why it cannot be taken over.
    pub fn take(self, meaning: &[(String, String)]) -> Result<(Checkpoint, Fit), String> {
        let fit = fit(&self.meaning, meaning)?;
        let checkpoint = Checkpoint::find(self.state).map_err(|error| error.to_string())?;
        let checkpoint = checkpoint.ok_or("it has no checkpoint")?;
        let end = self.journal_end.as_deref().map(identity);
        if !self.goes_on && end != Some(checkpoint.manifest.journal_identity) {
            return Err("it did not end in order: its last events are in its journal but not in its checkpoint. Run it once more with \
                        the file as it was and stop it (SIGTERM, or --until-end)"
                .to_owned());
        }
        Ok((checkpoint, fit))
    }
}

/// Asks for offsets of the inputs. Answers are in the order of the question.
pub trait Offsets: Send + Sync {
    /// Where a new generation starts to read.
    fn start(&self, partitions: &[Partition]) -> Result<Vec<i64>, LogError>;
    /// What the group has committed; `None`: nothing, or it expired.
    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>, LogError>;
    /// The ends, open transactions included (high watermarks).
    fn ends(&self, partitions: &[Partition]) -> Result<Vec<i64>, LogError>;
}

/// All of it.
pub trait Log: Connect + Archive + Offsets {}

impl<T: Connect + Archive + Offsets> Log for T {}

/// A process's place in the group. Dropping it leaves the group.
pub trait Membership: Send {
    /// Turns the membership: waits up to `timeout` for something to happen.
    fn poll(&mut self, timeout: Duration) -> Result<(), LogError>;
}

/// Told by the group which lanes are this process's.
pub trait LaneHandler: Send + Sync {
    /// These lanes are ours from now on.
    fn assigned(&self, lanes: &[u32]);
    /// These lanes are to be handed over; when this returns they are let go. The membership is still valid, so what
    /// is folded can be committed.
    fn revoked(&self, lanes: &[u32]);
    /// These lanes are somebody else's already.
    fn lost(&self, lanes: &[u32]);
}

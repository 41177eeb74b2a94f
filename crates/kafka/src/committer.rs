//! Writes the transactions of one lane.

use crate::config::ClientConfig;
use crate::group::GroupHandle;
use streamfold_flow::log::{Committer, LogError, Outcome, Transaction};

/// Where the parts of a [`Transaction`] go.
#[derive(Clone, Debug)]
pub struct CommitterTopics {
    /// For each of the plan's output topics its name.
    pub outputs: Vec<String>,
    /// Topic of the journal; the partition is the lane.
    pub journal: String,
    /// Topic of the state; the partition is the lane.
    pub state: String,
    /// For each of the plan's inputs its topic: whose offsets are committed.
    pub inputs: Vec<String>,
}

/// The transactional producer of one lane. [`Committer::init`] has to be called before the first commit; nothing is
/// connected before it.
pub struct KafkaCommitter {
    topics: CommitterTopics,
}

impl KafkaCommitter {
    /// `group` gives each transaction the generation and member id that it is fenced by.
    pub fn new(
        config: &ClientConfig,
        transactional_id: &str,
        lane: u32,
        topics: CommitterTopics,
        group: GroupHandle,
    ) -> Result<KafkaCommitter, LogError> {
        let _ = (config, transactional_id, lane, group);
        Ok(KafkaCommitter { topics })
    }
}

impl Committer for KafkaCommitter {
    fn init(&mut self) -> Result<(), LogError> {
        Err(LogError::Fatal(format!("not built yet: {:?}", self.topics)))
    }

    fn commit(&mut self, _transaction: &Transaction) -> Outcome {
        Outcome::Unknown("not built yet".to_string())
    }
}

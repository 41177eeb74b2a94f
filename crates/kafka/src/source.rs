//! Reads the inputs of one lane.

use crate::config::ClientConfig;
use std::time::Duration;
use streamfold_flow::Partition;
use streamfold_flow::log::{Fetched, LogError, Source};

/// Reads partitions of the inputs by plain assignment, committed records only. One for each lane.
///
/// While no broker can be reached, `fetch` says so once with [`LogError::Unavailable`] and then finds nothing;
/// it goes on by itself when Kafka is back.
pub struct KafkaSource {
    topics: Vec<String>,
}

impl KafkaSource {
    /// `topics[i]` is the topic of input `i`; at most `queue_bytes_max` are read ahead, in all partitions together.
    /// `group` appears in nothing but the broker's authorisation: the source neither joins it nor commits.
    pub fn new(
        config: &ClientConfig,
        group: &str,
        topics: Vec<String>,
        queue_bytes_max: usize,
    ) -> Result<KafkaSource, LogError> {
        let _ = (config, group, queue_bytes_max);
        Ok(KafkaSource { topics })
    }
}

impl Source for KafkaSource {
    fn assign(&mut self, _positions: &[(Partition, i64)]) -> Result<(), LogError> {
        Err(LogError::Fatal(format!("not built yet: {:?}", self.topics)))
    }

    fn fetch(&mut self, _timeout: Duration, _out: &mut Vec<Fetched>) -> Result<(), LogError> {
        Err(LogError::Fatal("not built yet".to_string()))
    }

    fn pause(&mut self, _partition: Partition, _pause: bool) -> Result<(), LogError> {
        Err(LogError::Fatal("not built yet".to_string()))
    }
}

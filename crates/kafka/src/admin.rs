//! What is asked of the cluster besides records: topics, ends, the group's offsets.

use crate::config::ClientConfig;
use std::collections::BTreeMap;
use streamfold_flow::log::LogError;

/// A connection to the cluster on behalf of one consumer group.
///
/// Every call returns within some 10 seconds: [`LogError::Unavailable`] when no broker answers, [`LogError::Fatal`]
/// when the answer is no.
pub struct Cluster {
    config: ClientConfig,
}

/// A topic as the cluster describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Its id; a topic made anew under the same name has another one.
    pub id: String,
    /// Number of partitions.
    pub partitions: i32,
}

/// A topic to be created.
#[derive(Clone, Debug, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Copies of each partition; `None`: 3, or as many as there are brokers.
    pub replication: Option<i32>,
    /// Topic settings such as `cleanup.policy`.
    pub settings: BTreeMap<String, String>,
}

/// The offsets between which a partition can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// First offset that is still there.
    pub earliest: i64,
    /// Up to here a reader of committed records comes: the last stable offset. Below `end` while a transaction is open.
    pub stable: i64,
    /// Where the next record will be written: the high watermark.
    pub end: i64,
}

impl Cluster {
    /// Connects, and waits up to 10 seconds for a broker to answer. `group` is the group whose offsets the calls
    /// below read and write; joining it is [`Membership`](crate::Membership)'s business.
    pub fn connect(config: &ClientConfig, group: &str) -> Result<Cluster, LogError> {
        let _ = group;
        Ok(Cluster { config: config.clone() })
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> Result<String, LogError> {
        unbuilt(&self.config)
    }

    /// Number of brokers.
    pub fn brokers(&self) -> Result<usize, LogError> {
        unbuilt(&self.config)
    }

    /// Describes topics: `None` for one that is not there.
    pub fn topics(&self, names: &[String]) -> Result<Vec<Option<TopicInfo>>, LogError> {
        let _ = names;
        unbuilt(&self.config)
    }

    /// Names of all topics that this user may see, internal ones of Kafka excepted, in order.
    pub fn topic_names(&self) -> Result<Vec<String>, LogError> {
        unbuilt(&self.config)
    }

    /// Creates those of these topics that are not there and waits until all of them can be used. The error names
    /// each missing topic with the settings that it needs and what the cluster said.
    pub fn create_topics(&self, topics: &[NewTopic]) -> Result<(), LogError> {
        let _ = topics;
        unbuilt(&self.config)
    }

    /// Deletes topics; one that is not there is no error.
    pub fn delete_topics(&self, names: &[String]) -> Result<(), LogError> {
        let _ = names;
        unbuilt(&self.config)
    }

    /// Deletes the records below these offsets.
    pub fn delete_records(&self, before: &[(String, i32, i64)]) -> Result<(), LogError> {
        let _ = before;
        unbuilt(&self.config)
    }

    /// Where a partition begins and ends.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<Watermarks, LogError> {
        let _ = (topic, partition);
        unbuilt(&self.config)
    }

    /// Offset of the first record with at least this timestamp, for each partition; `None`: there is none so late.
    pub fn offsets_at(
        &self,
        partitions: &[(String, i32)],
        timestamp_ms: i64,
    ) -> Result<Vec<Option<i64>>, LogError> {
        let _ = (partitions, timestamp_ms);
        unbuilt(&self.config)
    }

    /// The group's committed offset for each partition; `None`: nothing is committed, or it has expired. Waits out
    /// transactions that are about to commit such offsets.
    pub fn committed_offsets(&self, partitions: &[(String, i32)]) -> Result<Vec<Option<i64>>, LogError> {
        let _ = partitions;
        unbuilt(&self.config)
    }

    /// Commits offsets of the group outside of any transaction; only while the group has no members.
    pub fn commit_offsets(&self, offsets: &[(String, i32, i64)]) -> Result<(), LogError> {
        let _ = offsets;
        unbuilt(&self.config)
    }

    /// Deletes the group with its offsets; one that is not there is no error, one with members is.
    pub fn delete_group(&self) -> Result<(), LogError> {
        unbuilt(&self.config)
    }
}

fn unbuilt<T>(_: &ClientConfig) -> Result<T, LogError> {
    Err(LogError::Fatal("not built yet".to_string()))
}

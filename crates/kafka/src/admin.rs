//! What is asked of the cluster besides records: topics, ends, the group's offsets.

use crate::client::{self, ANSWER_TIMEOUT, Context, ContextConsumer};
use crate::config::ClientConfig;
use crate::ffi;
use rdkafka::admin::{AdminClient, AdminOptions, TopicReplication};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{Thread, sleep};
use std::time::{Duration, Instant};
use streamfold_flow::log::LogError;

/// A new topic is known to all brokers after a moment.
const CREATION_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to the cluster on behalf of one consumer group.
///
/// Every call returns within some 10 seconds: [`LogError::Unavailable`] when no broker answers, [`LogError::Fatal`]
/// when the answer is no.
pub struct Cluster {
    config: ClientConfig,
    group: String,
    /// Sees committed records only: last stable offsets.
    consumer: Arc<ContextConsumer>,
    /// Sees everything: high watermarks.
    admin: AdminClient<Context>,
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
        let consumer = client::consumer(config, group, &[])?;
        // An administrator's client is a producer to librdkafka, which nevertheless asks for offsets as this says.
        let admin = config
            .producer(&[("isolation.level", "read_uncommitted")])
            .create_with_context(Context::default())
            .map_err(|error| client::unusable(&error))?;
        let cluster = Cluster { config: config.clone(), group: group.to_string(), consumer, admin };
        cluster.greet()?;
        Ok(cluster)
    }

    /// Waits for a broker. A wrong password is told at once, and told apart from a broker that is not there.
    fn greet(&self) -> Result<(), LogError> {
        let what = format!("connecting to {}", self.config.brokers());
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            let answer = self.consumer.fetch_metadata(Some("__consumer_offsets"), Duration::from_secs(1));
            // The reasons for a lost connection come as events.
            while self.consumer.poll(Duration::ZERO).is_some() {}
            if let Some(denial) = self.consumer.context().denial() {
                return Err(LogError::Fatal(format!("{what}: {denial}")));
            }
            match answer {
                Ok(_) => return Ok(()),
                Err(_) if Instant::now() < deadline => {}
                Err(error) => return Err(self.failed(&what, &error)),
            }
        }
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> Result<String, LogError> {
        let id = self.admin.inner().fetch_cluster_id(ANSWER_TIMEOUT);
        id.ok_or_else(|| self.refused("asking for the cluster's id", RDKafkaErrorCode::OperationTimedOut))
    }

    /// Number of brokers.
    pub fn brokers(&self) -> Result<usize, LogError> {
        Ok(self.metadata()?.brokers().len())
    }

    /// Names of all topics that this user may see, internal ones of Kafka excepted, in order.
    pub fn topic_names(&self) -> Result<Vec<String>, LogError> {
        let metadata = self.metadata()?;
        let names = metadata.topics().iter().map(|topic| topic.name().to_string());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with("__")).collect();
        names.sort();
        Ok(names)
    }

    fn metadata(&self) -> Result<Metadata, LogError> {
        let metadata = self.admin.inner().fetch_metadata(None, ANSWER_TIMEOUT);
        metadata.map_err(|error| self.failed("asking for topics", &error))
    }

    /// Describes topics, in the order of their names here: `None` for one that is not there.
    pub fn topics(&self, names: &[String]) -> Result<Vec<Option<TopicInfo>>, LogError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let described = ffi::describe_topics(self.admin.inner(), names, ANSWER_TIMEOUT)
            .map_err(|code| self.refused("describing topics", code))?;
        let mut found = BTreeMap::new();
        for topic in described {
            match topic.error {
                None => {
                    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
                    found
                        .insert(topic.name.clone(), TopicInfo { name: topic.name, id: topic.id, partitions });
                }
                Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {}
                Some(code) => return Err(self.refused(&format!("topic {}", topic.name), code)),
            }
        }
        Ok(names.iter().map(|name| found.get(name).cloned()).collect())
    }

    /// Creates those of these topics that are not there and waits until all of them can be used. The error names
    /// each missing topic with the settings that it needs and what the cluster said.
    pub fn create_topics(&self, topics: &[NewTopic]) -> Result<(), LogError> {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        let found = self.topics(&names)?;
        let missing: Vec<&NewTopic> =
            topics.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(topic, _)| topic).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let copies = i32::try_from(self.brokers()?.clamp(1, 3)).unwrap_or(1);
        let wanted = missing.iter().map(|topic| rdkafka::admin::NewTopic {
            name: &topic.name,
            num_partitions: topic.partitions,
            replication: TopicReplication::Fixed(topic.replication.unwrap_or(copies)),
            config: topic.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        });
        let wanted: Vec<_> = wanted.collect();
        let results = wait(self.admin.create_topics(&wanted, &options()))
            .map_err(|error| self.failed("creating topics", &error))?;
        let refused: Vec<(String, RDKafkaErrorCode)> = results.into_iter().filter_map(Result::err).collect();
        self.report_uncreated(&missing, &refused, copies)?;
        self.await_topics(&names)
    }

    /// The error for topics that could not be created.
    fn report_uncreated(
        &self,
        missing: &[&NewTopic],
        refused: &[(String, RDKafkaErrorCode)],
        copies: i32,
    ) -> Result<(), LogError> {
        let mut lines = Vec::new();
        let mut is_passing = true;
        for (name, code) in refused.iter().filter(|(_, code)| *code != RDKafkaErrorCode::TopicAlreadyExists) {
            is_passing &= client::is_passing(*code);
            let Some(topic) = missing.iter().find(|topic| topic.name == *name) else { continue };
            let settings: Vec<String> =
                topic.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
            lines.push(format!(
                "{name} (partitions: {}, replication: {}{}{}): {code}",
                topic.partitions,
                topic.replication.unwrap_or(copies),
                if settings.is_empty() { "" } else { ", " },
                settings.join(", "),
            ));
        }
        match lines.is_empty() {
            true => Ok(()),
            false if is_passing => {
                Err(LogError::Unavailable(format!("topics could not be created: {}", lines.join("; "))))
            }
            false => Err(LogError::Fatal(format!(
                "these topics are missing and could not be created: {}; create them with these settings, or give this user Create on them",
                lines.join("; ")
            ))),
        }
    }

    fn await_topics(&self, names: &[String]) -> Result<(), LogError> {
        let deadline = Instant::now() + CREATION_TIMEOUT;
        while self.topics(names)?.iter().any(Option::is_none) {
            if Instant::now() > deadline {
                return Err(LogError::Unavailable("topics were created but cannot be seen yet".to_string()));
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Deletes topics; one that is not there is no error.
    pub fn delete_topics(&self, names: &[String]) -> Result<(), LogError> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() {
            return Ok(());
        }
        let results = wait(self.admin.delete_topics(&names, &options()))
            .map_err(|error| self.failed("deleting topics", &error))?;
        let mut refused = results.into_iter().filter_map(Result::err);
        match refused.find(|(_, code)| *code != RDKafkaErrorCode::UnknownTopicOrPartition) {
            None => Ok(()),
            Some((name, code)) => Err(self.refused(&format!("deleting topic {name}"), code)),
        }
    }

    /// Deletes the records below these offsets.
    pub fn delete_records(&self, before: &[(String, i32, i64)]) -> Result<(), LogError> {
        let what = "deleting records";
        let list = list(before)?;
        let result =
            wait(self.admin.delete_records(&list, &options())).map_err(|error| self.failed(what, &error))?;
        for element in result.elements() {
            element
                .error()
                .map_err(|error| self.failed(&format!("{what} of topic {}", element.topic()), &error))?;
        }
        Ok(())
    }

    /// Where a partition begins and ends.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<Watermarks, LogError> {
        let failed =
            |error| self.failed(&format!("topic {topic} partition {partition}: asking for its end"), &error);
        // The stable end first: it can only grow until the other answer.
        let (_, stable) = self.consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT).map_err(failed)?;
        let (earliest, end) =
            self.admin.inner().fetch_watermarks(topic, partition, ANSWER_TIMEOUT).map_err(failed)?;
        Ok(Watermarks { earliest, stable, end })
    }

    /// Offset of the first record with at least this timestamp, for each partition; `None`: there is none so late.
    pub fn offsets_at(
        &self,
        partitions: &[(String, i32)],
        timestamp_ms: i64,
    ) -> Result<Vec<Option<i64>>, LogError> {
        let asked = partitions
            .iter()
            .map(|(topic, partition)| (topic.as_str(), *partition, Offset::Offset(timestamp_ms)));
        let asked = client::list(asked)?;
        let what = "asking for offsets by time";
        let found = self
            .consumer
            .offsets_for_times(asked, ANSWER_TIMEOUT)
            .map_err(|error| self.failed(what, &error))?;
        self.answers(what, partitions, &found)
    }

    /// The group's committed offset for each partition; `None`: nothing is committed, or it has expired. Waits out
    /// transactions that are about to commit such offsets.
    pub fn committed_offsets(&self, partitions: &[(String, i32)]) -> Result<Vec<Option<i64>>, LogError> {
        let asked = partitions.iter().map(|(topic, partition)| (topic.as_str(), *partition, Offset::Invalid));
        let asked = client::list(asked)?;
        let what = format!("group {}: asking for committed offsets", self.group);
        let found = self
            .consumer
            .committed_offsets(asked, ANSWER_TIMEOUT)
            .map_err(|error| self.failed(&what, &error))?;
        self.answers(&what, partitions, &found)
    }

    /// Commits offsets of the group outside of any transaction; only while the group has no members.
    pub fn commit_offsets(&self, offsets: &[(String, i32, i64)]) -> Result<(), LogError> {
        let list = list(offsets)?;
        let what = format!("group {}: committing offsets", self.group);
        self.consumer.commit(&list, CommitMode::Sync).map_err(|error| self.failed(&what, &error))
    }

    /// Number of the group's members; 0 where there is no such group.
    pub fn members(&self) -> Result<usize, LogError> {
        let what = format!("group {}: asking for its members", self.group);
        let found = self.consumer.fetch_group_list(Some(&self.group), ANSWER_TIMEOUT);
        let found = found.map_err(|error| self.failed(&what, &error))?;
        Ok(found.groups().iter().map(|group| group.members().len()).sum())
    }

    /// Deletes the group with its offsets; one that is not there is no error, one with members is.
    pub fn delete_group(&self) -> Result<(), LogError> {
        let what = format!("deleting group {}", self.group);
        let results = wait(self.admin.delete_groups(&[&self.group], &options()))
            .map_err(|error| self.failed(&what, &error))?;
        let mut refused = results.into_iter().filter_map(Result::err);
        match refused.find(|(_, code)| *code != RDKafkaErrorCode::GroupIdNotFound) {
            None => Ok(()),
            Some((_, code)) => Err(self.refused(&what, code)),
        }
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    /// The offsets that were found, in the order of the question.
    fn answers(
        &self,
        what: &str,
        partitions: &[(String, i32)],
        found: &TopicPartitionList,
    ) -> Result<Vec<Option<i64>>, LogError> {
        let answer = |(topic, partition): &(String, i32)| {
            let Some(element) = found.find_partition(topic, *partition) else { return Ok(None) };
            element.error().map_err(|error| {
                self.failed(&format!("{what}: topic {topic} partition {partition}"), &error)
            })?;
            match element.offset() {
                Offset::Offset(offset) => Ok(Some(offset)),
                _ => Ok(None),
            }
        };
        partitions.iter().map(answer).collect()
    }

    fn failed(&self, what: &str, error: &KafkaError) -> LogError {
        client::failed(&self.config, what, error, self.consumer.context())
    }

    fn refused(&self, what: &str, code: RDKafkaErrorCode) -> LogError {
        client::refused(&self.config, what, code, self.consumer.context())
    }
}

fn list(offsets: &[(String, i32, i64)]) -> Result<TopicPartitionList, LogError> {
    client::list(
        offsets
            .iter()
            .map(|(topic, partition, offset)| (topic.as_str(), *partition, Offset::Offset(*offset))),
    )
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_TIMEOUT)).operation_timeout(Some(ANSWER_TIMEOUT))
}

/// Waits for an answer on this thread.
fn wait<T>(answer: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    let mut answer = pin!(answer);
    loop {
        match answer.as_mut().poll(&mut context) {
            Poll::Ready(result) => return result,
            Poll::Pending => std::thread::park(),
        }
    }
}

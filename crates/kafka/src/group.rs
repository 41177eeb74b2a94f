//! Which lanes are ours: membership in the pipeline's consumer group.

use crate::client::{self, Context};
use crate::config::ClientConfig;
use crate::ffi::GroupMetadata;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use streamfold_flow::log::LogError;

/// The lanes (partitions of the lanes topic) that come or go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// These lanes are ours from now on.
    Assigned(Vec<u32>),
    /// These lanes are to be handed over: what is folded can still be committed until the handler returns, then they
    /// are somebody else's. It has `max.poll.interval.ms` (5 minutes).
    Revoked(Vec<u32>),
    /// These lanes are somebody else's already: nothing can be committed any more.
    Lost(Vec<u32>),
}

/// This process's membership in the group; one for all its lanes. Reads no data. Dropping it leaves the group.
pub struct Membership {
    config: ClientConfig,
    what: String,
    topic: String,
    consumer: Arc<GroupConsumer>,
}

/// Gives transactions the group's generation; can be cloned and sent to the threads of the committers.
#[derive(Clone)]
pub struct GroupHandle {
    /// Weak, so that the group is left when the membership is dropped.
    consumer: Weak<GroupConsumer>,
}

impl Membership {
    /// Joins the group by subscribing to `lanes_topic`, which has one partition for each lane. Nothing is waited for:
    /// lanes come with [`Membership::poll`].
    pub fn new(config: &ClientConfig, group: &str, lanes_topic: &str) -> Result<Membership, LogError> {
        let own = [
            ("group.id", group),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "latest"),
        ];
        let consumer: GroupConsumer = config
            .consumer(&own)
            .create_with_context(GroupContext::default())
            .map_err(|error| client::unusable(&error))?;
        let what = format!("group {group}");
        client::list([(lanes_topic, 0, Offset::End)])?;
        consumer.subscribe(&[lanes_topic]).map_err(|error| LogError::Fatal(format!("{what}: {error}")))?;
        Ok(Membership {
            config: config.clone(),
            what,
            topic: lanes_topic.to_string(),
            consumer: Arc::new(consumer),
        })
    }

    /// Waits up to `timeout` for a change and tells the handler, on this thread. A revocation is complete only when
    /// the handler has returned: committers on other threads can commit meanwhile.
    ///
    /// To be called regularly: who has not called for `max.poll.interval.ms` is taken for dead and loses its lanes.
    pub fn poll(&mut self, timeout: Duration, handler: &mut dyn FnMut(GroupEvent)) -> Result<(), LogError> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(Err(error)) = self.consumer.poll(left) {
                self.judge(&error)?;
            }
            let mut has_changed = false;
            while let Some(change) = self.consumer.context().next() {
                self.perform(change, handler)?;
                has_changed = true;
            }
            if has_changed || Instant::now() >= deadline {
                return Ok(());
            }
        }
    }

    /// For the committers.
    pub fn handle(&self) -> GroupHandle {
        GroupHandle { consumer: Arc::downgrade(&self.consumer) }
    }

    /// Which errors the caller has to know.
    fn judge(&self, error: &KafkaError) -> Result<(), LogError> {
        let context = &self.consumer.context().client;
        match error.rdkafka_error_code() {
            // The lanes are lost, which the next call tells.
            Some(RDKafkaErrorCode::PollExceeded) => {
                log::warn!("{}: not polled for max.poll.interval.ms; its lanes go to others", self.what);
                Ok(())
            }
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Err(LogError::Fatal(format!("{}: topic {} is not there", self.what, self.topic)))
            }
            Some(code) if code == RDKafkaErrorCode::AllBrokersDown || !client::is_passing(code) => {
                Err(client::refused(&self.config, &self.what, code, context))
            }
            _ => {
                log::debug!("{}: {error}", self.what);
                Ok(())
            }
        }
    }

    fn perform(&self, change: Change, handler: &mut dyn FnMut(GroupEvent)) -> Result<(), LogError> {
        let is_lost = self.consumer.assignment_lost();
        let lanes = || change.partitions.iter().filter_map(|lane| u32::try_from(*lane).ok()).collect();
        if change.is_assigned {
            self.assign(&change.partitions)?;
            handler(GroupEvent::Assigned(lanes()));
            return Ok(());
        }
        handler(if is_lost { GroupEvent::Lost(lanes()) } else { GroupEvent::Revoked(lanes()) });
        let list = self.list(&change.partitions)?;
        release(&self.consumer, &list).map_err(|error| LogError::Fatal(format!("{}: {error}", self.what)))
    }

    /// A given offset spares asking for the committed one, of which there is none.
    fn list(&self, partitions: &[i32]) -> Result<TopicPartitionList, LogError> {
        client::list(partitions.iter().map(|lane| (self.topic.as_str(), *lane, Offset::End)))
    }

    /// Takes the lanes; the topic itself is never read.
    fn assign(&self, partitions: &[i32]) -> Result<(), LogError> {
        let list = self.list(partitions)?;
        let assigned = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&list),
            _ => self.consumer.assign(&list),
        };
        let assigned = assigned.and_then(|()| self.consumer.pause(&list));
        assigned.map_err(|error| LogError::Fatal(format!("{}: {error}", self.what)))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // Closing revokes what is left; nobody is asked any more.
        self.consumer.context().is_closing.store(true, Ordering::Release);
    }
}

impl GroupHandle {
    /// The member's place in the group at this moment, or why it has none.
    pub(crate) fn metadata(&self) -> Result<GroupMetadata, String> {
        let consumer = self.consumer.upgrade().ok_or("this process has left the group")?;
        let metadata = GroupMetadata::of(&consumer).ok_or("the group's client is closed")?;
        // Without them the broker would accept the offsets of anybody.
        if metadata.generation() < 0 || metadata.member_id().is_empty() {
            return Err("this process is not a member of the group at the moment".to_string());
        }
        Ok(metadata)
    }
}

type GroupConsumer = BaseConsumer<GroupContext>;

/// A change of the assignment that the group waits for.
struct Change {
    is_assigned: bool,
    partitions: Vec<i32>,
}

/// Only notes what the group wants, so that [`Membership::poll`] can ask its handler before it is done.
#[derive(Default)]
struct GroupContext {
    client: Context,
    changes: Mutex<VecDeque<Change>>,
    is_closing: AtomicBool,
}

impl GroupContext {
    fn next(&self) -> Option<Change> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.client.stats_raw(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(&self, consumer: &GroupConsumer, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let is_assigned = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.is_closing.load(Ordering::Acquire) {
            // An error here would only mean that the client is further already.
            if !is_assigned && let Err(error) = release(consumer, list) {
                log::debug!("leaving the group: {error}");
            }
            return;
        }
        let partitions = list.elements().iter().map(|element| element.partition()).collect();
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(Change { is_assigned, partitions });
    }
}

fn release(consumer: &GroupConsumer, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        _ => consumer.unassign(),
    }
}

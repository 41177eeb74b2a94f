//! OffsetCommit, OffsetFetch, OffsetDelete: where groups have got to.

use crate::api::group::locked;
use crate::api::{code, text};
use crate::clock::{now_ms, uptime_ms};
use crate::group::offsets::{Committed, Place};
use crate::group::{Inner, Phase};
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

/// Kafka's `offset.metadata.max.bytes`.
const METADATA_BYTES_MAX: usize = 4096;

/// Who commits.
#[derive(Clone, Copy, Debug)]
pub struct Committer<'a> {
    /// The member's id; empty: none.
    pub member_id: &'a str,
    /// A name that it keeps over restarts.
    pub instance: Option<&'a str>,
    /// Its generation; -1: none.
    pub generation: i32,
}

impl Committer<'_> {
    fn is_member(&self) -> bool {
        self.generation >= 0 || !self.member_id.is_empty() || self.instance.is_some()
    }

    /// Whether it may commit for the group.
    pub fn check(&self, inner: &mut Inner, in_transaction: bool) -> Result<(), ResponseError> {
        if !self.is_member() {
            // Kafka lets a transaction without a member's word pass.
            return match in_transaction || inner.phase == Phase::Empty {
                true => Ok(()),
                false => Err(ResponseError::UnknownMemberId),
            };
        }
        inner.check_generation(self.member_id, self.instance, self.generation)?;
        if inner.phase == Phase::Assigning && !in_transaction {
            return Err(ResponseError::RebalanceInProgress);
        }
        if let Some(member) = inner.members.get_mut(self.member_id) {
            member.heard(uptime_ms());
        }
        Ok(())
    }

    /// Whether a group is made for it where there is none.
    pub fn may_create(&self) -> bool {
        self.generation < 0
    }
}

/// One offset as it was sent; an error where it cannot be committed.
pub fn accept(
    call: &Call<'_>,
    topic: &str,
    partition: i32,
    offset: i64,
    leader_epoch: i32,
    metadata: Option<&StrBytes>,
) -> Result<(Place, Committed), ResponseError> {
    if metadata.is_some_and(|metadata| metadata.len() > METADATA_BYTES_MAX) {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    if call.node.topics.partition(topic, partition).is_none() {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    let metadata = metadata.map_or_else(String::new, StrBytes::to_string);
    Ok(((topic.to_string(), partition), Committed { offset, leader_epoch, metadata, at_ms: now_ms() }))
}

/// Commits.
pub fn commit(call: &Call<'_>, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let committer = Committer {
        member_id: &request.member_id,
        instance: request.group_instance_id.as_ref().map(|id| id.as_str()),
        generation: request.generation_id_or_member_epoch,
    };
    let mut accepted = Vec::new();
    let mut topics: Vec<OffsetCommitResponseTopic> = Vec::new();
    for topic in &request.topics {
        let mut answers = OffsetCommitResponseTopic::default().with_name(topic.name.clone());
        for asked in &topic.partitions {
            let metadata = asked.committed_metadata.as_ref();
            let epoch = asked.committed_leader_epoch;
            let outcome =
                accept(call, &topic.name, asked.partition_index, asked.committed_offset, epoch, metadata);
            answers.partitions.push(
                OffsetCommitResponsePartition::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(code(&outcome)),
            );
            accepted.extend(outcome);
        }
        topics.push(answers);
    }
    let outcome = locked(call, &request.group_id, committer.may_create(), |group, mut inner| {
        committer.check(&mut inner, false)?;
        inner
            .offsets
            .commit(&group.id, &call.node.state, accepted)
            .map_err(|_| ResponseError::CoordinatorNotAvailable)
    });
    let outcome = outcome.flatten().map_err(|error| match error {
        ResponseError::GroupIdNotFound => ResponseError::IllegalGeneration,
        error => error,
    });
    if let Err(error) = outcome {
        for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
        }
    }
    OffsetCommitResponse::default().with_topics(topics)
}

/// What one group committed, by topic: partition, offset, epoch, metadata, error.
type Found = BTreeMap<String, Vec<(i32, i64, i32, String, i16)>>;

fn find(call: &Call<'_>, group: &str, asked: Option<Vec<(String, Vec<i32>)>>, stable: bool) -> Found {
    let found = locked(call, group, false, |_, inner| {
        let mut found = Found::new();
        let asked = asked.clone().unwrap_or_else(|| {
            let mut all: BTreeMap<String, Vec<i32>> = BTreeMap::new();
            inner.offsets.all().for_each(|((t, p), _)| all.entry(t.clone()).or_default().push(*p));
            all.into_iter().collect()
        });
        for (topic, partitions) in asked {
            let lines = partitions.iter().map(|partition| {
                if stable && inner.offsets.is_pending(&topic, *partition) {
                    return (*partition, -1, -1, String::new(), ResponseError::UnstableOffsetCommit.code());
                }
                match inner.offsets.get(&topic, *partition) {
                    Some(c) => (*partition, c.offset, c.leader_epoch, c.metadata.clone(), 0),
                    None => (*partition, -1, -1, String::new(), 0),
                }
            });
            let lines = lines.collect();
            found.insert(topic, lines);
        }
        found
    });
    // Of a group that is not there nothing was committed.
    found.unwrap_or_else(|_| {
        let none = |partition| (partition, -1, -1, String::new(), 0);
        let asked = asked.unwrap_or_default().into_iter();
        asked.map(|(topic, partitions)| (topic, partitions.into_iter().map(none).collect())).collect()
    })
}

/// Tells what was committed.
pub fn fetch(call: &Call<'_>, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let stable = request.require_stable;
    if call.version < 8 {
        // Version 1 cannot ask for all with anything but a list.
        let asked = request.topics.map(|topics| {
            topics.into_iter().map(|topic| (topic.name.to_string(), topic.partition_indexes)).collect()
        });
        let topics = find(call, &request.group_id, asked, stable).into_iter().map(|(topic, lines)| {
            let lines = lines.into_iter().map(|(index, offset, epoch, metadata, error)| {
                OffsetFetchResponsePartition::default()
                    .with_partition_index(index)
                    .with_committed_offset(offset)
                    .with_committed_leader_epoch(epoch)
                    .with_metadata(Some(text(metadata)))
                    .with_error_code(error)
            });
            OffsetFetchResponseTopic::default()
                .with_name(TopicName(text(topic)))
                .with_partitions(lines.collect())
        });
        return OffsetFetchResponse::default().with_topics(topics.collect());
    }
    let groups = request.groups.into_iter().map(|group| {
        let asked = group.topics.map(|topics| {
            topics.into_iter().map(|topic| (topic.name.to_string(), topic.partition_indexes)).collect()
        });
        let topics = find(call, &group.group_id, asked, stable).into_iter().map(|(topic, lines)| {
            let lines = lines.into_iter().map(|(index, offset, epoch, metadata, error)| {
                OffsetFetchResponsePartitions::default()
                    .with_partition_index(index)
                    .with_committed_offset(offset)
                    .with_committed_leader_epoch(epoch)
                    .with_metadata(Some(text(metadata)))
                    .with_error_code(error)
            });
            OffsetFetchResponseTopics::default()
                .with_name(TopicName(text(topic)))
                .with_partitions(lines.collect())
        });
        OffsetFetchResponseGroup::default().with_group_id(group.group_id).with_topics(topics.collect())
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

/// Takes offsets away, unless members have subscribed to their topic.
pub fn delete(call: &Call<'_>, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let outcome = locked(call, &request.group_id, false, |group, mut inner| {
        let topics = request.topics.iter().map(|topic| {
            let subscribed = inner.is_subscribed(&topic.name);
            let places = topic.partitions.iter().map(|asked| (topic.name.to_string(), asked.partition_index));
            let outcome = match subscribed {
                true => Err(ResponseError::GroupSubscribedToTopic),
                false => inner
                    .offsets
                    .remove(&group.id, &call.node.state, &places.collect::<Vec<_>>())
                    .map_err(|_| ResponseError::CoordinatorNotAvailable),
            };
            let partitions = topic.partitions.iter().map(|asked| {
                OffsetDeleteResponsePartition::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(code(&outcome))
            });
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        topics.collect::<Vec<_>>()
    });
    match outcome {
        Ok(topics) => OffsetDeleteResponse::default().with_topics(topics),
        Err(error) => OffsetDeleteResponse::default().with_error_code(error.code()),
    }
}

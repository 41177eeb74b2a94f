//! Metadata and FindCoordinator: who has what. The one node has everything.

use crate::api::text;
use crate::node::NODE_ID;
use crate::topics::{Topic, TopicError};
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where clients are told to connect to.
pub fn address(call: &Call<'_>) -> (StrBytes, i32) {
    let host = call.node.config.advertised_host.clone().unwrap_or_else(|| call.caller.local.ip().to_string());
    (text(host), i32::from(call.caller.local.port()))
}

/// Topics, all or some; those that are not there are made where that is wanted.
pub fn metadata(call: &Call<'_>, request: MetadataRequest) -> MetadataResponse {
    let (host, port) = address(call);
    let broker =
        MetadataResponseBroker::default().with_node_id(NODE_ID.into()).with_host(host).with_port(port);
    // Version 0 asks for all topics with an empty list.
    let asked = request.topics.filter(|asked| call.version > 0 || !asked.is_empty());
    let topics = match asked {
        None => call.node.topics.all().iter().map(|topic| known(topic)).collect(),
        Some(asked) => {
            let may_create = request.allow_auto_topic_creation || call.version < 4;
            asked.into_iter().map(|asked| one(call, asked, may_create)).collect()
        }
    };
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(text(call.node.cluster_id.clone())))
        .with_controller_id(NODE_ID.into())
        .with_topics(topics)
}

fn one(call: &Call<'_>, asked: MetadataRequestTopic, may_create: bool) -> MetadataResponseTopic {
    let missing = |name: Option<TopicName>, error: ResponseError| {
        MetadataResponseTopic::default().with_name(name).with_error_code(error.code())
    };
    let Some(name) = asked.name else {
        return match call.node.topics.by_id(asked.topic_id) {
            Some(topic) => known(&topic),
            None => missing(None, ResponseError::UnknownTopicId).with_topic_id(asked.topic_id),
        };
    };
    if let Some(topic) = call.node.topics.get(&name) {
        return known(&topic);
    }
    if !(may_create && call.node.config.auto_create_topics) {
        return missing(Some(name), ResponseError::UnknownTopicOrPartition);
    }
    match create(call, &name) {
        Ok(topic) => known(&topic),
        Err(TopicError::Name) => missing(Some(name), ResponseError::InvalidTopicException),
        Err(error) => {
            log::warn!("topic {} cannot be made: {error}", name.as_str());
            missing(Some(name), ResponseError::UnknownTopicOrPartition)
        }
    }
}

fn create(call: &Call<'_>, name: &str) -> Result<Arc<Topic>, TopicError> {
    let node = call.node;
    match node.topics.create(&node.state, name, node.config.default_partitions, BTreeMap::new(), false) {
        // Somebody else was quicker.
        Err(TopicError::Exists(name)) => node.topics.get(&name).ok_or(TopicError::Unknown),
        outcome => outcome,
    }
}

fn known(topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..topic.partition_count() as i32).map(|index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(NODE_ID.into())
            .with_leader_epoch(0)
            .with_replica_nodes(vec![NODE_ID.into()])
            .with_isr_nodes(vec![NODE_ID.into()])
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(topic.name.clone()))))
        .with_topic_id(topic.id)
        .with_partitions(partitions.collect())
}

/// This node, for every group and every transactional id.
pub fn find_coordinator(call: &Call<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let (host, port) = address(call);
    let is_known = (0..=1).contains(&request.key_type);
    if call.version < 4 {
        let response = FindCoordinatorResponse::default();
        return match is_known {
            true => response.with_node_id(NODE_ID.into()).with_host(host).with_port(port),
            false => response.with_node_id((-1).into()).with_error_code(ResponseError::InvalidRequest.code()),
        };
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        let coordinator = Coordinator::default().with_key(key);
        match is_known {
            true => coordinator.with_node_id(NODE_ID.into()).with_host(host.clone()).with_port(port),
            false => {
                coordinator.with_node_id((-1).into()).with_error_code(ResponseError::InvalidRequest.code())
            }
        }
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

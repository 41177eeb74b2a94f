//! CreateTopics, DeleteTopics, CreatePartitions.

use crate::api::text;
use crate::settings::SETTINGS;
use crate::topics::{Topic, TopicError};
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The source of a setting: set for the topic.
pub const SOURCE_TOPIC: i8 = 1;
/// The source of a setting: the default.
pub const SOURCE_DEFAULT: i8 = 5;

/// A failure, and a word on it.
type Failure = (ResponseError, String);

/// What a client is told of a failure.
pub fn failure(error: &TopicError) -> Failure {
    let kind = match error {
        TopicError::Exists(_) => ResponseError::TopicAlreadyExists,
        TopicError::Unknown => ResponseError::UnknownTopicOrPartition,
        TopicError::Name => ResponseError::InvalidTopicException,
        TopicError::Partitions(_) => ResponseError::InvalidPartitions,
        TopicError::Setting(_) => ResponseError::InvalidConfig,
        TopicError::Storage(_) => ResponseError::KafkaStorageError,
    };
    (kind, error.to_string())
}

/// Makes topics.
pub fn create(call: &Call<'_>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let results = request.topics.into_iter().map(|topic| {
        let name = topic.name.clone();
        let result = CreatableTopicResult::default().with_name(name);
        match create_one(call, topic, request.validate_only) {
            Ok(topic) => result
                .with_topic_id(topic.id)
                .with_num_partitions(topic.partition_count() as i32)
                .with_replication_factor(1)
                .with_configs(Some(settings(&topic))),
            Err((error, words)) => result
                .with_error_code(error.code())
                .with_error_message(Some(text(words)))
                .with_configs(Some(Vec::new())),
        }
    });
    CreateTopicsResponse::default().with_topics(results.collect())
}

fn create_one(call: &Call<'_>, topic: CreatableTopic, dry_run: bool) -> Result<Arc<Topic>, Failure> {
    let node = call.node;
    let partitions = match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => node.config.default_partitions,
        (0, count) => count,
        (assigned, _) => i32::try_from(assigned).unwrap_or(i32::MAX),
    };
    let several = topic.replication_factor > 1 || topic.assignments.iter().any(|a| a.broker_ids.len() > 1);
    if several || topic.replication_factor == 0 {
        let words = "a replication factor other than 1: this is a single node".to_string();
        return Err((ResponseError::InvalidReplicationFactor, words));
    }
    let given: BTreeMap<String, String> = topic
        .configs
        .into_iter()
        .filter_map(|setting| Some((setting.name.to_string(), setting.value?.to_string())))
        .collect();
    node.topics.create(&node.state, &topic.name, partitions, given, dry_run).map_err(|error| failure(&error))
}

fn settings(topic: &Topic) -> Vec<CreatableTopicConfigs> {
    let settings = topic.settings();
    let line = |setting| {
        let setting: &crate::settings::Setting = setting;
        let source = if settings.given.contains_key(setting.name) { SOURCE_TOPIC } else { SOURCE_DEFAULT };
        CreatableTopicConfigs::default()
            .with_name(text(setting.name))
            .with_value(Some(text(settings.value(setting))))
            .with_config_source(source)
    };
    SETTINGS.iter().map(line).collect()
}

/// Removes topics, with what groups committed for them.
pub fn delete(call: &Call<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name =
        request.topic_names.into_iter().map(|name| DeleteTopicState::default().with_name(Some(name)));
    let asked: Vec<DeleteTopicState> = request.topics.into_iter().chain(by_name).collect();
    let results = asked.into_iter().map(|asked| {
        let result = DeletableTopicResult::default().with_topic_id(asked.topic_id);
        let (name, unknown) = match asked.name {
            Some(name) => (Some(name), ResponseError::UnknownTopicOrPartition),
            None => {
                let topic = call.node.topics.by_id(asked.topic_id);
                (topic.map(|topic| TopicName(text(topic.name.clone()))), ResponseError::UnknownTopicId)
            }
        };
        let outcome = match &name {
            None => Err((unknown, String::new())),
            Some(name) => call.node.topics.delete(&call.node.state, name).map_err(|error| failure(&error)),
        };
        let result = result.with_name(name);
        match outcome {
            Ok(topic) => {
                forget(call, &topic.name);
                result.with_topic_id(topic.id)
            }
            Err((error, words)) => result.with_error_code(error.code()).with_error_message(Some(text(words))),
        }
    });
    DeleteTopicsResponse::default().with_responses(results.collect())
}

fn forget(call: &Call<'_>, topic: &str) {
    for group in call.node.groups.all() {
        let outcome = group.lock().offsets.forget_topic(&group.id, &call.node.state, topic);
        outcome.unwrap_or_else(|error| log::warn!("offsets of group {} for {topic} stay: {error}", group.id));
    }
}

/// Gives topics more partitions.
pub fn create_partitions(call: &Call<'_>, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let results = request.topics.into_iter().map(|topic: CreatePartitionsTopic| {
        let outcome =
            call.node.topics.grow(&call.node.state, &topic.name, topic.count, request.validate_only);
        let result = CreatePartitionsTopicResult::default().with_name(topic.name);
        match outcome.map_err(|error| failure(&error)) {
            Ok(()) => result,
            Err((error, words)) => result.with_error_code(error.code()).with_error_message(Some(text(words))),
        }
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

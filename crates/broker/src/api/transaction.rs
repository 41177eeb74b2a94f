//! InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, EndTxn: what a transactional producer asks for.

use crate::api::code;
use crate::api::committed::{Committer, accept};
use crate::api::group::locked;
use crate::clock::now_ms;
use crate::sync::lock;
use crate::transaction::{Phase, Transaction};
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};

/// Kafka's `transaction.max.timeout.ms`.
const TIMEOUT_MAX_MS: i32 = 900_000;

/// Older clients know a fenced producer by another error.
fn since(call: &Call<'_>, version: i16, error: ResponseError) -> ResponseError {
    match error {
        ResponseError::ProducerFenced if call.version < version => ResponseError::InvalidProducerEpoch,
        error => error,
    }
}

/// Gives a producer its id and epoch.
pub fn init(call: &Call<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let node = call.node;
    let outcome = match request.transactional_id {
        None => node
            .transactions
            .fresh_id(&node.state)
            .map(|id| (id, 0))
            .map_err(|_| ResponseError::CoordinatorNotAvailable),
        Some(id) if id.is_empty() => Err(ResponseError::InvalidRequest),
        Some(_) if !(1..=TIMEOUT_MAX_MS).contains(&request.transaction_timeout_ms) => {
            Err(ResponseError::InvalidTransactionTimeout)
        }
        Some(id) => {
            let known =
                (request.producer_id.0 >= 0).then_some((request.producer_id.0, request.producer_epoch));
            node.transactions
                .init(node.world(), &id, request.transaction_timeout_ms.into(), known)
                .map_err(|error| since(call, 4, error))
        }
    };
    match outcome {
        Ok((id, epoch)) => {
            InitProducerIdResponse::default().with_producer_id(id.into()).with_producer_epoch(epoch)
        }
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1),
    }
}

/// Acts on the transaction of a producer that is not fenced.
fn with<T>(
    call: &Call<'_>,
    id: &str,
    producer: (i64, i16),
    act: impl FnOnce(&mut Transaction) -> Result<T, ResponseError>,
) -> Result<T, ResponseError> {
    let transaction = call.node.transactions.get(id)?;
    let mut transaction = lock(&transaction);
    transaction.check(producer.0, producer.1)?;
    act(&mut transaction)
}

/// Adds partitions: all of them, or none.
pub fn add_partitions(call: &Call<'_>, request: AddPartitionsToTxnRequest) -> AddPartitionsToTxnResponse {
    let topics = &request.v3_and_below_topics;
    let wanted: Vec<(String, i32)> = topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|index| (topic.name.to_string(), *index)))
        .collect();
    let is_known = |topic: &str, index: i32| call.node.topics.partition(topic, index).is_some();
    let all_known = wanted.iter().all(|(topic, index)| is_known(topic, *index));
    let producer = (request.v3_and_below_producer_id.0, request.v3_and_below_producer_epoch);
    let outcome =
        with(call, &request.v3_and_below_transactional_id, producer, |transaction| match all_known {
            true => transaction.add_partitions(
                &request.v3_and_below_transactional_id,
                &call.node.state,
                wanted,
                now_ms(),
            ),
            false => Err(ResponseError::OperationNotAttempted),
        });
    let outcome = outcome.map_err(|error| since(call, 2, error));
    let results = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|index| {
            let outcome = match outcome {
                Err(ResponseError::OperationNotAttempted) if !is_known(&topic.name, *index) => {
                    Err(ResponseError::UnknownTopicOrPartition)
                }
                outcome => outcome,
            };
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(code(&outcome))
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results.collect())
}

/// Adds a group.
pub fn add_offsets(call: &Call<'_>, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let producer = (request.producer_id.0, request.producer_epoch);
    let outcome = with(call, &request.transactional_id, producer, |transaction| {
        transaction.add_group(&request.transactional_id, &call.node.state, &request.group_id, now_ms())
    });
    AddOffsetsToTxnResponse::default().with_error_code(code(&outcome.map_err(|error| since(call, 2, error))))
}

/// Notes the offsets that the transaction will commit.
pub fn commit_offsets(call: &Call<'_>, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let committer = Committer {
        member_id: &request.member_id,
        instance: request.group_instance_id.as_ref().map(|id| id.as_str()),
        generation: request.generation_id,
    };
    let mut accepted = Vec::new();
    let mut topics: Vec<TxnOffsetCommitResponseTopic> = Vec::new();
    for topic in &request.topics {
        let mut answers = TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone());
        for asked in &topic.partitions {
            let metadata = asked.committed_metadata.as_ref();
            let epoch = asked.committed_leader_epoch;
            let outcome =
                accept(call, &topic.name, asked.partition_index, asked.committed_offset, epoch, metadata);
            answers.partitions.push(
                TxnOffsetCommitResponsePartition::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(code(&outcome)),
            );
            accepted.extend(outcome);
        }
        topics.push(answers);
    }
    let producer = (request.producer_id.0, request.producer_epoch);
    let outcome = with(call, &request.transactional_id, producer, |transaction| {
        if transaction.phase != Phase::Open || !transaction.groups.contains(request.group_id.as_str()) {
            return Err(ResponseError::InvalidTxnState);
        }
        locked(call, &request.group_id, committer.may_create(), |group, mut inner| {
            committer.check(&mut inner, true)?;
            inner
                .offsets
                .add_pending(&group.id, &call.node.state, producer.0, accepted)
                .map_err(|_| ResponseError::CoordinatorNotAvailable)
        })
        .flatten()
    });
    let outcome = outcome.map_err(|error| match error {
        ResponseError::GroupIdNotFound => ResponseError::IllegalGeneration,
        ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
        error => error,
    });
    if let Err(error) = outcome {
        for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
        }
    }
    TxnOffsetCommitResponse::default().with_topics(topics)
}

/// Commits or aborts.
pub fn end(call: &Call<'_>, request: EndTxnRequest) -> EndTxnResponse {
    let producer = (request.producer_id.0, request.producer_epoch);
    let outcome = with(call, &request.transactional_id, producer, |transaction| {
        transaction.end(&request.transactional_id, call.node.world(), request.committed)
    });
    EndTxnResponse::default().with_error_code(code(&outcome.map_err(|error| since(call, 2, error))))
}

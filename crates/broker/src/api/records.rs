//! DeleteRecords and DescribeProducers: partitions from the administrator's side.

use crate::clock::now_ms;
use crate::housekeeping::keep_start;
use crate::sync::lock;
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse, DescribeProducersRequest, DescribeProducersResponse,
};

/// Removes the records before an offset.
pub fn delete(call: &Call<'_>, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let result = DeleteRecordsPartitionResult::default().with_partition_index(asked.partition_index);
            match delete_before(call, &topic.name, asked.partition_index, asked.offset) {
                Ok(start) => result.with_low_watermark(start),
                Err(error) => result.with_low_watermark(-1).with_error_code(error.code()),
            }
        });
        DeleteRecordsTopicResult::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name.clone())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn delete_before(call: &Call<'_>, topic: &str, partition: i32, offset: i64) -> Result<i64, ResponseError> {
    let found = call.node.topics.partition(topic, partition);
    let (topic, partition) = found.ok_or(ResponseError::UnknownTopicOrPartition)?;
    if !topic.settings().delete {
        return Err(ResponseError::PolicyViolation);
    }
    let mut log = lock(&partition.log);
    let offset = if offset == -1 { log.next_offset() } else { offset };
    if offset < 0 || offset > log.next_offset() {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let storage = |error: std::io::Error| {
        log::error!("{} {}: {error}", topic.name, partition.index);
        ResponseError::KafkaStorageError
    };
    let start = log.delete_before(offset, now_ms()).map_err(storage)?;
    drop(log);
    keep_start(call.node, &topic, partition.index, start).map_err(storage)?;
    Ok(start)
}

/// The producers that partitions know.
pub fn describe_producers(call: &Call<'_>, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|index| {
            let answer = PartitionResponse::default().with_partition_index(*index);
            let Some((_, partition)) = call.node.topics.partition(&topic.name, *index) else {
                return answer.with_error_code(ResponseError::UnknownTopicOrPartition.code());
            };
            let log = lock(&partition.log);
            let producers = log.producers().known().map(|(id, producer)| {
                ProducerState::default()
                    .with_producer_id((*id).into())
                    .with_producer_epoch(producer.epoch.into())
                    .with_last_sequence(producer.last_sequence())
                    .with_last_timestamp(producer.seen_ms)
                    .with_coordinator_epoch(0)
                    .with_current_txn_start_offset(producer.open_from.unwrap_or(-1))
            });
            answer.with_active_producers(producers.collect())
        });
        TopicResponse::default().with_partitions(partitions.collect()).with_name(topic.name.clone())
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}

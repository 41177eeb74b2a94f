//! ListOffsets and OffsetForLeaderEpoch: where a partition begins, ends, and was at a time.

use crate::store::log::PartitionLog;
use crate::sync::lock;
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const GREATEST_TIME: i64 = -3;

/// Finds offsets by time, or the first and the last one.
pub fn list(call: &Call<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let committed = request.isolation_level == 1;
    let topics = request.topics.into_iter().map(|topic| {
        let found = call.node.topics.get(&topic.name);
        let partitions = topic.partitions.iter().map(|asked| {
            let answer = ListOffsetsPartitionResponse::default()
                .with_partition_index(asked.partition_index)
                .with_timestamp(-1)
                .with_offset(-1);
            let partition = found.as_ref().and_then(|topic| topic.partition(asked.partition_index));
            let outcome = partition
                .ok_or(ResponseError::UnknownTopicOrPartition)
                .and_then(|partition| find(&lock(&partition.log), asked.timestamp, committed));
            match outcome {
                Err(error) => answer.with_error_code(error.code()),
                Ok(None) => answer,
                Ok(Some((offset, timestamp))) => {
                    let epoch = if call.version >= 4 { 0 } else { -1 };
                    answer.with_offset(offset).with_timestamp(timestamp).with_leader_epoch(epoch)
                }
            }
        });
        ListOffsetsTopicResponse::default().with_partitions(partitions.collect()).with_name(topic.name)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn find(log: &PartitionLog, timestamp: i64, committed: bool) -> Result<Option<(i64, i64)>, ResponseError> {
    let limit = log.limit(committed);
    let moment = match timestamp {
        LATEST => return Ok(Some((limit, -1))),
        EARLIEST => return Ok(Some((log.start_offset(), -1))),
        GREATEST_TIME => log.at_greatest_time(limit),
        timestamp if timestamp >= 0 => log.at_time(timestamp, limit),
        _ => return Err(ResponseError::InvalidRequest),
    };
    let moment = moment.map_err(|error| {
        log::error!("looking for a time: {error}");
        ResponseError::KafkaStorageError
    })?;
    Ok(moment.map(|moment| (moment.offset, moment.timestamp)))
}

/// All records are of one epoch: it ends where the partition does.
pub fn for_leader_epoch(
    call: &Call<'_>,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let found = call.node.topics.get(&topic.topic);
        let partitions = topic.partitions.iter().map(|asked| {
            let answer = EpochEndOffset::default().with_partition(asked.partition);
            match found.as_ref().and_then(|topic| topic.partition(asked.partition)) {
                None => answer.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
                Some(partition) => {
                    answer.with_leader_epoch(0).with_end_offset(lock(&partition.log).next_offset())
                }
            }
        });
        OffsetForLeaderTopicResult::default().with_partitions(partitions.collect()).with_topic(topic.topic)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

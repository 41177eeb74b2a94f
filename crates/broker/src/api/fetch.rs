//! Fetch: records go out, now or when there are some.

use crate::store::read::{Batches, ReadError, Wanted};
use crate::sync::lock;
use crate::topics::Partition;
use crate::watch::Watcher;
use crate::wire::dispatch::{Call, Frame};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one sleeps at most before looking whether the broker stops.
const LOOK: Duration = Duration::from_millis(500);

/// A partition asked for.
struct Asked<'a> {
    wanted: &'a FetchPartition,
    partition: Option<Arc<Partition>>,
}

/// Answers with what there is once it is enough, or once time is up.
pub fn fetch<'a>(mut call: Call<'a>) -> io::Result<Frame<'a>> {
    let request: FetchRequest = call.request()?;
    if request.session_id != 0 {
        // No sessions: a client that believes in one begins anew.
        let refusal = FetchResponse::default().with_error_code(ResponseError::FetchSessionIdNotFound.code());
        return call.frame::<FetchRequest>(&refusal, None);
    }
    let topics: Vec<(&FetchTopic, Vec<Asked<'_>>)> =
        request.topics.iter().map(|topic| asked(&call, topic)).collect();
    let ready = wait(&call, &request, topics.iter().flat_map(|(_, asked)| asked));
    let bytes_max =
        usize::try_from(request.max_bytes).unwrap_or(0).min(call.node.config.limits.fetch_bytes_max);
    // Records are in memory twice: as they were read, and in the answer's frame.
    let share = call.node.answers.take(ready.min(bytes_max as u64) as usize * 2);
    let mut left = Left { bytes: bytes_max, first: true };
    let committed = request.isolation_level == 1;
    let responses = topics.iter().map(|(topic, asked)| {
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_partitions(asked.iter().map(|asked| read(asked, committed, &mut left)).collect())
    });
    let response = FetchResponse::default().with_responses(responses.collect());
    call.frame::<FetchRequest>(&response, Some(share))
}

fn asked<'a>(call: &Call<'_>, topic: &'a FetchTopic) -> (&'a FetchTopic, Vec<Asked<'a>>) {
    let found = call.node.topics.get(&topic.topic);
    let partition = |index| found.as_ref().and_then(|topic| topic.partition(index));
    let asked =
        topic.partitions.iter().map(|wanted| Asked { wanted, partition: partition(wanted.partition) });
    (topic, asked.collect())
}

/// Waits until there is enough to answer with, or something to complain of; about how many bytes there are.
fn wait<'a>(
    call: &Call<'_>,
    request: &FetchRequest,
    asked: impl Iterator<Item = &'a Asked<'a>> + Clone,
) -> u64 {
    let until = Instant::now() + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let enough = u64::try_from(request.min_bytes).unwrap_or(0);
    let committed = request.isolation_level == 1;
    let watcher = Arc::new(Watcher::default());
    let mut watched = false;
    loop {
        let mut bytes = 0;
        let mut complaint = false;
        for asked in asked.clone() {
            let Some(partition) = &asked.partition else {
                complaint = true;
                continue;
            };
            let log = lock(&partition.log);
            let offset = asked.wanted.fetch_offset;
            complaint |= offset < log.start_offset() || offset > log.next_offset();
            let most = u64::try_from(asked.wanted.partition_max_bytes).unwrap_or(0);
            bytes += log.readable_bytes(offset, committed).min(most.max(1));
        }
        let left = until.saturating_duration_since(Instant::now());
        if complaint || bytes >= enough || left.is_zero() || call.node.is_stopping() {
            return bytes;
        }
        if watched {
            watcher.wait(left.min(LOOK));
        } else {
            // Then once more: something may have come in between.
            asked.clone().filter_map(|asked| asked.partition.as_ref()).for_each(|p| p.watch(&watcher));
            watched = true;
        }
    }
}

/// What may still go into the answer.
struct Left {
    bytes: usize,
    /// Nothing is in it yet: the first batch goes in whatever its size, so that there is progress.
    first: bool,
}

fn read(asked: &Asked<'_>, committed: bool, left: &mut Left) -> PartitionData {
    let mut answer = PartitionData::default()
        .with_partition_index(asked.wanted.partition)
        .with_high_watermark(-1)
        .with_records(Some(bytes::Bytes::new()));
    let Some(partition) = &asked.partition else {
        return answer.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    };
    let mut log = lock(&partition.log);
    answer.high_watermark = log.next_offset();
    answer.last_stable_offset = log.stable_offset();
    answer.log_start_offset = log.start_offset();
    let partition_max = usize::try_from(asked.wanted.partition_max_bytes).unwrap_or(0);
    let outcome = log.read(&Wanted {
        offset: asked.wanted.fetch_offset,
        bytes_max: partition_max.min(left.bytes),
        at_least_one: left.first,
        committed,
    });
    drop(log);
    match outcome {
        Ok(Batches { bytes, aborted }) => {
            left.bytes = left.bytes.saturating_sub(bytes.len());
            left.first &= bytes.is_empty();
            answer.records = Some(bytes.into());
            answer.aborted_transactions = committed.then(|| {
                let aborted = aborted.iter().map(|aborted| {
                    AbortedTransaction::default()
                        .with_producer_id(aborted.producer_id.into())
                        .with_first_offset(aborted.first_offset)
                });
                aborted.collect()
            });
            answer
        }
        Err(error) => {
            let error = match error {
                ReadError::OutOfRange => ResponseError::OffsetOutOfRange,
                ReadError::Damaged => ResponseError::CorruptMessage,
                ReadError::Storage(error) => {
                    log::error!("partition {}: {error}", asked.wanted.partition);
                    ResponseError::KafkaStorageError
                }
            };
            answer.with_error_code(error.code())
        }
    }
}

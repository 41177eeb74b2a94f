//! Produce: records come in.

use crate::api::text;
use crate::clock::now_ms;
use crate::config::Fsync;
use crate::store::batch::{Header, Refusal};
use crate::store::log::{AppendError, Appended};
use crate::sync::lock;
use crate::topics::{Partition, Topic};
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use std::io;

/// A failure, and a word on it.
type Failure = (ResponseError, String);

/// Appends every batch; one that is refused keeps no other one out. `acks` 0 wants no answer.
pub fn produce(call: &Call<'_>, request: ProduceRequest) -> Option<ProduceResponse> {
    let mut response = ProduceResponse::default();
    let transactional_id = request.transactional_id.as_ref().map(|id| id.as_str());
    for topic in request.topic_data {
        let found = call.node.topics.get(&topic.name);
        let mut answers = TopicProduceResponse::default().with_name(topic.name);
        for data in topic.partition_data {
            let index = data.index;
            let outcome = match &found {
                None => Err((ResponseError::UnknownTopicOrPartition, String::new())),
                Some(_) if !(-1..=1).contains(&request.acks) => {
                    Err((ResponseError::InvalidRequiredAcks, String::new()))
                }
                Some(topic) => append(call, topic, data, transactional_id),
            };
            answers.partition_responses.push(answer(index, outcome));
        }
        response.responses.push(answers);
    }
    (request.acks != 0).then_some(response)
}

fn answer(index: i32, outcome: Result<(Appended, i64), Failure>) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index);
    match outcome {
        Ok((appended, start)) => answer
            .with_base_offset(appended.base_offset)
            .with_log_append_time_ms(appended.append_time_ms)
            .with_log_start_offset(start),
        Err((error, words)) => answer
            .with_error_code(error.code())
            .with_base_offset(-1)
            .with_log_append_time_ms(-1)
            .with_error_message((!words.is_empty()).then(|| text(words))),
    }
}

fn append(
    call: &Call<'_>,
    topic: &Topic,
    data: PartitionProduceData,
    transactional_id: Option<&str>,
) -> Result<(Appended, i64), Failure> {
    let plain = |error| (error, String::new());
    let partition =
        topic.partition(data.index).ok_or_else(|| plain(ResponseError::UnknownTopicOrPartition))?;
    let batch = data.records.unwrap_or_default();
    let header = Header::parse(&batch).filter(Header::is_transactional);
    // While a transaction's record is appended, the transaction cannot end.
    let transaction = match (&header, transactional_id) {
        (None, _) => None,
        (Some(_), None) => return Err(plain(ResponseError::InvalidTxnState)),
        (Some(_), Some(id)) => Some(call.node.transactions.get(id).map_err(plain)?),
    };
    let transaction = transaction.as_ref().map(|transaction| lock(transaction));
    if let (Some(transaction), Some(header)) = (&transaction, &header) {
        let producer = (header.producer_id, header.producer_epoch);
        transaction.check_append(producer, &topic.name, data.index).map_err(plain)?;
    }
    let appended = partition
        .append(&batch, &topic.settings(), now_ms())
        .and_then(|appended| Ok(force(call, &partition).map(|()| appended)?));
    let start = lock(&partition.log).start_offset();
    appended.map(|appended| (appended, start)).map_err(|error| {
        if let AppendError::Storage(error) = &error {
            log::error!("{} {}: a batch is refused: {error}", topic.name, data.index);
        }
        (error_of(&error), error.to_string())
    })
}

/// Waits for the disk where that is asked for.
fn force(call: &Call<'_>, partition: &Partition) -> io::Result<()> {
    if call.node.config.fsync != Fsync::EveryAppend {
        return Ok(());
    }
    let files = lock(&partition.log).take_unsynced()?;
    files.iter().try_for_each(|file| file.sync_data())
}

fn error_of(error: &AppendError) -> ResponseError {
    match error {
        AppendError::Refused(Refusal::OldFormat) => ResponseError::UnsupportedForMessageFormat,
        AppendError::Refused(Refusal::Corrupt) => ResponseError::CorruptMessage,
        AppendError::Refused(Refusal::Invalid) | AppendError::NoKey => ResponseError::InvalidRecord,
        AppendError::TooLarge => ResponseError::MessageTooLarge,
        AppendError::Timestamp => ResponseError::InvalidTimestamp,
        AppendError::OutOfOrder => ResponseError::OutOfOrderSequenceNumber,
        AppendError::Duplicate => ResponseError::DuplicateSequenceNumber,
        AppendError::Fenced => ResponseError::InvalidProducerEpoch,
        AppendError::Storage(_) => ResponseError::KafkaStorageError,
    }
}

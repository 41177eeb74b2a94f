//! Writes entries of small compacted topics, outside of any transaction.

use crate::client::{ANSWER_TIMEOUT, Context};
use crate::config::ClientConfig;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use streamfold_flow::log::LogError;

/// Writes these records (key, and value or deletion) and returns when they are durable.
pub fn write(
    config: &ClientConfig,
    topic: &str,
    partition: i32,
    records: &[(Vec<u8>, Option<Vec<u8>>)],
) -> Result<(), LogError> {
    let unavailable =
        |error: rdkafka::error::KafkaError| LogError::Unavailable(format!("topic {topic}: {error}"));
    let own = [("acks", "all"), ("enable.idempotence", "true")];
    let config = config.producer(&own);
    let producer: ThreadedProducer<Context> = config
        .create_with_context(Context::default())
        .map_err(|error| LogError::Fatal(format!("topic {topic}: {error}")))?;
    for (key, value) in records {
        let mut record = BaseRecord::to(topic).partition(partition).key(key);
        if let Some(value) = value {
            record = record.payload(value);
        }
        producer.send(record).map_err(|(error, _)| unavailable(error))?;
    }
    producer.flush(ANSWER_TIMEOUT).map_err(unavailable)?;
    producer.context().take_undelivered().map_or(Ok(()), |reason| Err(LogError::Fatal(reason.text)))
}

//! The topics that a producer writes, each under its name.

use crate::client::{Context, Undelivered};
use crate::ffi::ProducerTopic;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::ThreadedProducer;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use streamfold_flow::record::OutputRef;

/// How long to wait when the producer's queue is full, before it is tried again.
const FULL_PAUSE: Duration = Duration::from_millis(1);

/// A topic to write to.
pub(crate) struct OutputTopic {
    name: String,
    topic: ProducerTopic<Context>,
}

impl OutputTopic {
    /// `None`: no topic can have this name.
    pub fn open(producer: &Arc<ThreadedProducer<Context>>, name: &str) -> Option<OutputTopic> {
        Some(OutputTopic { name: name.to_string(), topic: ProducerTopic::open(producer, name)? })
    }

    /// Several, in their order.
    pub fn open_all(producer: &Arc<ThreadedProducer<Context>>, names: &[String]) -> Option<Vec<OutputTopic>> {
        names.iter().map(|name| Self::open(producer, name)).collect()
    }

    /// The topic that a record is meant for.
    pub fn of<'a>(topics: &'a [OutputTopic], record: &OutputRef<'_>) -> Result<&'a OutputTopic, Undelivered> {
        topics.get(usize::from(record.topic)).ok_or_else(|| Undelivered {
            text: format!("output {} has no topic", record.topic),
            is_for_good: true,
        })
    }

    /// Queues a record; waits for room until the deadline.
    pub fn produce(&self, record: OutputRef<'_>, deadline: Instant) -> Result<(), Undelivered> {
        loop {
            match self.topic.produce(record) {
                Ok(()) => return Ok(()),
                Err(RDKafkaErrorCode::QueueFull) if Instant::now() < deadline => sleep(FULL_PAUSE),
                Err(code) => {
                    let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
                    return Err(Undelivered::new(&self.name, record.partition.unwrap_or(-1), bytes, code));
                }
            }
        }
    }
}

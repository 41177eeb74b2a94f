//! Writes answers at once, outside of transactions.

use crate::client::{self, Context, Undelivered};
use crate::config::ClientConfig;
use crate::ffi::ProducerTopic;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{Producer, ThreadedProducer};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use streamfold_flow::log::{LogError, Sender};
use streamfold_flow::record::{OutputBlock, OutputRef};

/// How long records may be under way before they are given up and sent again.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before it is looked again whether all is delivered.
const DELIVERY_PAUSE: Duration = Duration::from_micros(500);

/// A plain, idempotent producer: within one call of [`Sender::send`] nothing is doubled or put out of order.
pub struct KafkaSender {
    topics: Vec<(String, ProducerTopic<Context>)>,
    producer: Arc<ThreadedProducer<Context>>,
}

impl KafkaSender {
    /// `topics[i]` is the topic of output `i`.
    pub fn new(config: &ClientConfig, topics: &[String]) -> Result<KafkaSender, LogError> {
        let timeout_ms = SEND_TIMEOUT.as_millis().to_string();
        let own = [
            ("enable.idempotence", "true"),
            // Who sends answers at once does not wait for more of them.
            ("linger.ms", "0"),
            ("delivery.report.only.error", "true"),
            ("message.timeout.ms", timeout_ms.as_str()),
        ];
        let producer: ThreadedProducer<Context> = config
            .producer(&own)
            .create_with_context(Context::default())
            .map_err(|error| client::unusable(&error))?;
        let producer = Arc::new(producer);
        let open = |name: &String| Some((name.clone(), ProducerTopic::open(&producer, name)?));
        let topics: Option<_> = topics.iter().map(open).collect();
        let topics =
            topics.ok_or_else(|| LogError::Fatal("a name of an output topic cannot be used".to_string()))?;
        Ok(KafkaSender { topics, producer })
    }

    fn produce(&self, record: OutputRef<'_>, deadline: Instant) -> Result<(), Undelivered> {
        let topic = self.topics.get(usize::from(record.topic));
        let (name, topic) = topic.ok_or_else(|| Undelivered {
            text: format!("output {} has no topic", record.topic),
            is_for_good: true,
        })?;
        loop {
            match topic.produce(record) {
                Ok(()) => return Ok(()),
                Err(RDKafkaErrorCode::QueueFull) if Instant::now() < deadline => sleep(DELIVERY_PAUSE),
                Err(code) => {
                    let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
                    return Err(Undelivered::new(name, record.partition.unwrap_or(-1), bytes, code));
                }
            }
        }
    }

    fn undelivered(&self) -> Result<(), Undelivered> {
        self.producer.client().context().take_undelivered().map_or(Ok(()), Err)
    }

    fn deliver(&self, blocks: &[Arc<OutputBlock>]) -> Result<(), Undelivered> {
        let deadline = Instant::now() + SEND_TIMEOUT;
        blocks.iter().flat_map(|block| block.iter()).try_for_each(|record| self.produce(record, deadline))?;
        // Every record ends, by an acknowledgement or by its time-out.
        while self.producer.in_flight_count() > 0 {
            sleep(DELIVERY_PAUSE);
        }
        self.undelivered()
    }
}

impl Sender for KafkaSender {
    fn send(&mut self, blocks: &[Arc<OutputBlock>]) -> Result<(), LogError> {
        // What was told of an earlier call is over.
        let _ = self.undelivered();
        self.deliver(blocks).map_err(|undelivered| match undelivered.is_for_good {
            true => LogError::Fatal(undelivered.text),
            false => LogError::Unavailable(undelivered.text),
        })
    }
}

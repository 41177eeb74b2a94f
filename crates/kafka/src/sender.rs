//! Writes answers at once, outside of transactions.

use crate::client::{self, Context, Undelivered};
use crate::config::ClientConfig;
use crate::output::OutputTopic;
use rdkafka::producer::{Producer, ThreadedProducer};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use streamfold_flow::log::{LogError, Sender};
use streamfold_flow::record::OutputBlock;

/// How long records may be under way before they are given up and sent again.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before it is looked again whether all is delivered.
const DELIVERY_PAUSE: Duration = Duration::from_micros(500);

/// A plain, idempotent producer: within one call of [`Sender::send`] nothing is doubled or put out of order.
pub struct KafkaSender {
    topics: Vec<OutputTopic>,
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
        let topics = OutputTopic::open_all(&producer, topics)
            .ok_or_else(|| LogError::Fatal("a name of an output topic cannot be used".to_string()))?;
        Ok(KafkaSender { topics, producer })
    }

    fn undelivered(&self) -> Result<(), Undelivered> {
        self.producer.client().context().take_undelivered().map_or(Ok(()), Err)
    }

    fn deliver(&self, blocks: &[Arc<OutputBlock>]) -> Result<(), Undelivered> {
        let deadline = Instant::now() + SEND_TIMEOUT;
        for record in blocks.iter().flat_map(|block| block.iter()) {
            OutputTopic::of(&self.topics, &record)?.produce(record, deadline)?;
        }
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

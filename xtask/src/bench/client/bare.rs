//! The bare client: reads in batches, writes the first 40 bytes of each event, commits a transaction every 100 ms.
//! No decoding, no model: nobody can be faster with this client on this machine and broker.

#![expect(unsafe_code, reason = "batches are only in librdkafka's C interface")]

use anyhow::{Context, anyhow, bail, ensure};
use rdkafka::ClientConfig;
use rdkafka::bindings::*;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::ffi::{CStr, CString};
use std::ptr;
use std::time::{Duration, Instant};

const OUTPUT_BYTES: usize = 40;
const BATCH: usize = 10_000;
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// Runs until the event with this number is committed.
pub fn run(bootstrap: &str, topic: &str, output: &str, group: &str, events: i64) -> anyhow::Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.min.messages", "1000000")
        .create()?;
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", group)
        .set("batch.size", "1000000")
        .set("batch.num.messages", "100000")
        .set("queue.buffering.max.messages", "2000000")
        .set("delivery.report.only.error", "true")
        .create()?;
    producer.init_transactions(Duration::from_secs(30))?;

    let input = Queue::open(&consumer, topic)?;
    let mut positions = TopicPartitionList::new();
    positions.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&positions)?;
    let output = Output::open(&producer, output)?;

    let mut next = 0;
    while next < events {
        producer.begin_transaction()?;
        let begun = Instant::now();
        while next < events && begun.elapsed() < COMMIT_INTERVAL {
            // Errors of the client come through its main queue.
            if let Some(Err(error)) = consumer.poll(Duration::ZERO) {
                return Err(error.into());
            }
            next = input.batch()?.send(&output)?.unwrap_or(next);
        }
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, 0, Offset::Offset(next))?;
        let group = consumer.group_metadata().context("no group")?;
        producer.send_offsets_to_transaction(&offsets, &group, Duration::from_secs(30))?;
        commit(&producer)?;
    }
    Ok(())
}

/// Commits without the wrapper's wait of 100 ms.
fn commit(producer: &ThreadedProducer<DefaultProducerContext>) -> anyhow::Result<()> {
    // SAFETY: the client lives; an error is read and then destroyed once.
    unsafe {
        let error = rd_kafka_commit_transaction(producer.client().native_ptr(), -1);
        if error.is_null() {
            return Ok(());
        }
        let text = CStr::from_ptr(rd_kafka_error_string(error)).to_string_lossy().into_owned();
        rd_kafka_error_destroy(error);
        Err(anyhow!(text))
    }
}

/// The queue of the input's only partition.
struct Queue(*mut rd_kafka_queue_t);

impl Queue {
    fn open(consumer: &BaseConsumer, topic: &str) -> anyhow::Result<Self> {
        let topic = CString::new(topic)?;
        // SAFETY: the client outlives the queue; forwarding to nothing makes the queue our own.
        unsafe {
            let queue = rd_kafka_queue_get_partition(consumer.client().native_ptr(), topic.as_ptr(), 0);
            rd_kafka_queue_forward(queue, ptr::null_mut());
            Ok(Queue(queue))
        }
    }

    fn batch(&self) -> anyhow::Result<Batch> {
        let mut messages: Vec<*mut rd_kafka_message_t> = Vec::with_capacity(BATCH);
        // SAFETY: the array has room for `BATCH` pointers, and as many as the call says are written.
        let count = unsafe { rd_kafka_consume_batch_queue(self.0, 5, messages.as_mut_ptr(), BATCH) };
        let count = usize::try_from(count).context("the batch could not be read")?;
        // SAFETY: see above.
        unsafe { messages.set_len(count) };
        Ok(Batch(messages))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: destroyed once.
        unsafe { rd_kafka_queue_destroy(self.0) };
    }
}

/// Messages as librdkafka gave them out.
struct Batch(Vec<*mut rd_kafka_message_t>);

impl Batch {
    /// Sends the first bytes of each message; the offset after the last one, if there is one.
    fn send(&self, output: &Output) -> anyhow::Result<Option<i64>> {
        let mut next = None;
        let mut answers = Vec::with_capacity(self.0.len());
        for &message in &self.0 {
            // SAFETY: the messages live until the batch is dropped.
            let message = unsafe { &*message };
            if message.err != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                bail!("error in the batch: {:?}", message.err);
            }
            next = Some(message.offset + 1);
            answers.push(rd_kafka_message_t {
                err: rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
                rkt: output.0,
                partition: 0,
                payload: message.payload,
                len: message.len.min(OUTPUT_BYTES),
                key: ptr::null_mut(),
                key_len: 0,
                offset: 0,
                _private: ptr::null_mut(),
            });
        }
        // SAFETY: payloads are copied by the call, before the messages that own them are destroyed.
        let sent = unsafe {
            let (answers, count) = (answers.as_mut_ptr(), answers.len() as i32);
            rd_kafka_produce_batch(output.0, 0, RD_KAFKA_MSG_F_COPY, answers, count)
        };
        ensure!(sent as usize == answers.len(), "the producer's queue is full");
        Ok(next)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for &message in &self.0 {
            // SAFETY: each was given out once and is destroyed once.
            unsafe { rd_kafka_message_destroy(message) };
        }
    }
}

/// The topic that answers go to.
struct Output(*mut rd_kafka_topic_t);

impl Output {
    fn open(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str) -> anyhow::Result<Self> {
        let topic = CString::new(topic)?;
        // SAFETY: the client outlives the topic's handle.
        let handle =
            unsafe { rd_kafka_topic_new(producer.client().native_ptr(), topic.as_ptr(), ptr::null_mut()) };
        ensure!(!handle.is_null(), "the output topic cannot be opened");
        Ok(Output(handle))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: destroyed once.
        unsafe { rd_kafka_topic_destroy(self.0) };
    }
}

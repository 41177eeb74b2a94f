//! Reads the inputs of one lane.

use crate::client::{self, ANSWER_TIMEOUT, Context, ContextConsumer};
use crate::config::ClientConfig;
use crate::ffi::{Batch, Delivery, PartitionQueue};
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::Offset;
use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamfold_flow::Partition;
use streamfold_flow::log::{Fetched, LogError, Source};
use streamfold_flow::record::{RecordBlock, RecordRef};

/// Records that are taken from one partition at a time.
const BATCH_RECORDS: usize = 8192;
/// A queued record counts as at least so many bytes: what the client needs for itself.
const RECORD_BYTES_MIN: usize = 256;
/// What one fetch asks of a partition at most; a larger record still comes whole.
const FETCH_BYTES_MAX: usize = 1 << 20;

/// Room that a block begins with at most.
const ROOM_BYTES_MAX: usize = 4 << 20;
/// How often topics are asked after that nothing is heard of: a deleted one is only silent.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// How long that may hold up the reading.
const CHECK_TIMEOUT: Duration = Duration::from_millis(500);

/// Reads partitions of the inputs by plain assignment, committed records only. One for each lane.
///
/// While no broker can be reached, `fetch` says so with [`LogError::Unavailable`], once for each time that the
/// connection was lost; it goes on by itself when Kafka is back. A topic that is gone or forbidden is
/// [`LogError::Fatal`].
pub struct KafkaSource {
    config: ClientConfig,
    group: String,
    topics: Vec<String>,
    queue_bytes_max: usize,
    reading: Option<Reading>,
}

impl KafkaSource {
    /// `topics[i]` is the topic of input `i`; about `queue_bytes_max` are read ahead, in all partitions together.
    /// `group` appears in nothing but the broker's authorisation: the source neither joins it nor commits.
    pub fn new(
        config: &ClientConfig,
        group: &str,
        topics: Vec<String>,
        queue_bytes_max: usize,
    ) -> Result<KafkaSource, LogError> {
        let source = KafkaSource {
            config: config.clone(),
            group: group.to_string(),
            topics,
            queue_bytes_max,
            reading: None,
        };
        // The properties are all that can be wrong before something is assigned.
        source.consumer(1).map(|_| source)
    }

    fn consumer(&self, partitions: usize) -> Result<Arc<ContextConsumer>, LogError> {
        // Queues are bounded each by itself, because each is consumed by itself.
        let queue_bytes = self.queue_bytes_max / partitions.max(1);
        let kilobytes = (queue_bytes / 1024).clamp(64, 2_097_151).to_string();
        let messages = (queue_bytes / RECORD_BYTES_MIN).clamp(100, 10_000_000).to_string();
        let fetch_bytes = (queue_bytes / 2).clamp(64 << 10, FETCH_BYTES_MAX).to_string();
        let own = [
            ("enable.partition.eof", "true"),
            ("queued.max.messages.kbytes", kilobytes.as_str()),
            ("queued.min.messages", messages.as_str()),
            ("fetch.message.max.bytes", fetch_bytes.as_str()),
        ];
        client::consumer(&self.config, &self.group, &own)
    }

    fn topic(&self, partition: Partition) -> Result<&str, LogError> {
        let topic = self.topics.get(usize::from(partition.input)).map(String::as_str);
        topic.ok_or_else(|| LogError::Fatal(format!("input {} has no topic", partition.input)))
    }
}

impl Source for KafkaSource {
    fn assign(&mut self, positions: &[(Partition, i64)]) -> Result<(), LogError> {
        // A fresh client: queues of an earlier assignment would come back silent (librdkafka keeps a flag on them).
        self.reading = None;
        let consumer = self.consumer(positions.len())?;
        let wake = Wake::new().map_err(|error| LogError::Fatal(format!("no socket pair: {error}")))?;
        let mut inputs = Vec::with_capacity(positions.len());
        for (partition, _) in positions {
            let topic = self.topic(*partition)?.to_string();
            let queue = PartitionQueue::open(&consumer, &topic, partition.partition, wake.writer.as_fd());
            let queue = queue.ok_or_else(|| {
                LogError::Fatal(format!("topic {topic:?}: no queue for partition {}", partition.partition))
            })?;
            inputs.push(Input::new(*partition, topic, queue));
        }
        let offsets = positions.iter().map(|(_, offset)| Offset::Offset(*offset));
        let list = inputs
            .iter()
            .zip(offsets)
            .map(|(input, offset)| (input.topic.as_str(), input.partition.partition, offset));
        let list = client::list(list)?;
        consumer.assign(&list).map_err(|error| LogError::Fatal(format!("assigning partitions: {error}")))?;
        let batch = Batch::new(BATCH_RECORDS);
        self.reading = Some(Reading {
            config: self.config.clone(),
            inputs,
            batch,
            consumer,
            wake,
            checked_at: Instant::now(),
        });
        Ok(())
    }

    fn fetch(&mut self, timeout: Duration, out: &mut Vec<Fetched>) -> Result<(), LogError> {
        match &mut self.reading {
            Some(reading) => reading.fetch(timeout, out),
            None => Err(LogError::Fatal("nothing was assigned".to_string())),
        }
    }

    fn pause(&mut self, partition: Partition, pause: bool) -> Result<(), LogError> {
        let inputs = self.reading.iter_mut().flat_map(|reading| &mut reading.inputs);
        for input in inputs.filter(|input| input.partition == partition) {
            input.is_paused = pause;
        }
        Ok(())
    }
}

/// One assignment. The order of the fields is the order in which they are given back.
struct Reading {
    config: ClientConfig,
    inputs: Vec<Input>,
    batch: Batch,
    consumer: Arc<ContextConsumer>,
    wake: Wake,
    checked_at: Instant,
}

impl Reading {
    fn fetch(&mut self, timeout: Duration, out: &mut Vec<Fetched>) -> Result<(), LogError> {
        let deadline = Instant::now() + timeout;
        let before = out.len();
        loop {
            client::serve(&self.config, "reading the inputs", &self.consumer)?;
            self.check()?;
            for input in self.inputs.iter_mut().filter(|input| !input.is_paused) {
                input.drain(&mut self.batch, out)?;
                if input.is_out_of_range {
                    input.tell_range(&self.config, &self.consumer, out)?;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if out.len() > before || left.is_zero() {
                return Ok(());
            }
            self.wake.wait(left);
        }
    }
}

impl Reading {
    /// Asks after the topics of silent partitions.
    fn check(&mut self) -> Result<(), LogError> {
        if self.checked_at.elapsed() < CHECK_INTERVAL {
            return Ok(());
        }
        self.checked_at = Instant::now();
        let mut answers = BTreeMap::new();
        for input in &mut self.inputs {
            if std::mem::take(&mut input.is_heard) {
                continue;
            }
            let answer =
                *answers.entry(input.topic.clone()).or_insert_with(|| refusal(&self.consumer, &input.topic));
            match answer.filter(|_| std::mem::replace(&mut input.is_refused, answer.is_some())) {
                None => {}
                // Twice in a row: not all brokers know a new topic at once.
                Some(code) => return Err(input.unreadable(code, None)),
            }
        }
        Ok(())
    }
}

/// Why a topic cannot be read, if the broker says so.
fn refusal(consumer: &ContextConsumer, topic: &str) -> Option<RDKafkaErrorCode> {
    let metadata = consumer.fetch_metadata(Some(topic), CHECK_TIMEOUT).ok()?;
    let error = metadata.topics().first()?.error()?;
    Some(RDKafkaErrorCode::from(error)).filter(|code| !client::is_passing(*code))
}

/// One partition. Pausing leaves its queue alone: it fills up to its bound, and then nothing more is fetched.
/// (The client's own pausing would fetch again from a position that its batch calls have moved too far.)
struct Input {
    partition: Partition,
    topic: String,
    queue: PartitionQueue<Context>,
    is_paused: bool,
    /// The broker has refused the position, and this was not told yet.
    is_out_of_range: bool,
    /// Something has come since the topic was last asked after.
    is_heard: bool,
    /// Then, the answer was that it cannot be read.
    is_refused: bool,
}

impl Input {
    fn new(partition: Partition, topic: String, queue: PartitionQueue<Context>) -> Input {
        Input {
            partition,
            topic,
            queue,
            is_paused: false,
            is_out_of_range: false,
            is_heard: false,
            is_refused: false,
        }
    }

    /// Appends what is in the queue.
    fn drain(&mut self, batch: &mut Batch, out: &mut Vec<Fetched>) -> Result<(), LogError> {
        let partition = self.partition;
        let mut block = RecordBlock::default();
        let mut failure = None;
        let close = |block: &mut RecordBlock, out: &mut Vec<Fetched>| {
            if !block.is_empty() {
                out.push(Fetched::Records(partition, std::mem::take(block)));
            }
        };
        let count = self.queue.drain(batch, |left, delivery| match delivery {
            Delivery::Record(record) => {
                push(&mut block, record, left);
                if block.is_full() {
                    close(&mut block, out);
                }
            }
            Delivery::Event(RDKafkaErrorCode::PartitionEOF, position) => {
                close(&mut block, out);
                out.push(Fetched::End(partition, position));
            }
            Delivery::Event(RDKafkaErrorCode::AutoOffsetReset, _) => self.is_out_of_range = true,
            Delivery::Event(code, offset) if !client::is_passing(code) => {
                failure.get_or_insert((code, offset));
            }
            Delivery::Event(code, offset) => {
                log::debug!("topic {} partition {} offset {offset}: {code}", self.topic, partition.partition);
            }
        });
        close(&mut block, out);
        self.is_heard |= count > 0;
        failure.map_or(Ok(()), |(code, offset)| Err(self.unreadable(code, Some(offset))))
    }

    fn unreadable(&self, code: RDKafkaErrorCode, offset: Option<i64>) -> LogError {
        let offset = offset.map(|offset| format!(" at offset {offset}")).unwrap_or_default();
        LogError::Fatal(format!(
            "topic {} partition {} cannot be read{offset}: {code}; the topic has to be there, and this user needs Read on it",
            self.topic, self.partition.partition
        ))
    }

    /// Tells the first offset that is there instead of the one that was asked for.
    fn tell_range(
        &mut self,
        config: &ClientConfig,
        consumer: &ContextConsumer,
        out: &mut Vec<Fetched>,
    ) -> Result<(), LogError> {
        let what =
            || format!("topic {} partition {}: its first offset", self.topic, self.partition.partition);
        let (earliest, _) = consumer
            .fetch_watermarks(&self.topic, self.partition.partition, ANSWER_TIMEOUT)
            .map_err(|error| client::failed(config, &what(), &error, consumer.context()))?;
        self.is_out_of_range = false;
        out.push(Fetched::OutOfRange(self.partition, earliest));
        Ok(())
    }
}

/// Appends a record. The first one decides how much room its block begins with: `left` records of its size.
fn push(block: &mut RecordBlock, record: RecordRef<'_>, left: usize) {
    if block.is_empty() {
        let parts = [record.key, record.value, Some(record.headers.encoded())];
        let bytes: usize = parts.iter().flatten().map(|part| part.len()).sum();
        *block = RecordBlock::with_capacity(left, (bytes * left).min(ROOM_BYTES_MAX));
    }
    block.push(record);
}

/// Waits for any of several queues: each writes a byte when something has come.
struct Wake {
    reader: UnixStream,
    writer: UnixStream,
    timeout: Option<Duration>,
}

impl Wake {
    fn new() -> std::io::Result<Wake> {
        let (reader, writer) = UnixStream::pair()?;
        // The client's threads must not wait for us; a byte that finds no room is not needed.
        writer.set_nonblocking(true)?;
        Ok(Wake { reader, writer, timeout: None })
    }

    fn wait(&mut self, timeout: Duration) {
        let timeout = timeout.max(Duration::from_millis(1));
        if self.timeout != Some(timeout) && self.reader.set_read_timeout(Some(timeout)).is_ok() {
            self.timeout = Some(timeout);
        }
        // Whatever comes, the queues are looked at again.
        let _ = self.reader.read(&mut [0; 1024]);
    }
}

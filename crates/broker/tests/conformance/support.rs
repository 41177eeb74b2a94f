//! What the families share: brokers, topics, and clients that wait for what has to come.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use streamfold_testkit::{KafkaBroker, Message, both, unique};

/// How long to wait for what has to come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on both brokers, side by side; the name of the thread that panics says which one it was.
pub fn on_both(test: impl Fn(&Stage) + Sync) {
    let test = &test;
    std::thread::scope(|scope| {
        for (name, broker) in both() {
            let run = move || test(&Stage { broker });
            std::thread::Builder::new().name(name.to_string()).spawn_scoped(scope, run).unwrap();
        }
    });
}

/// A broker, and how tests use it.
pub struct Stage {
    pub broker: &'static KafkaBroker,
}

impl Stage {
    pub fn config(&self, settings: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.broker.bootstrap());
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config
    }

    pub fn admin(&self) -> (AdminClient<DefaultClientContext>, AdminOptions) {
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        (self.config(&[]).create().unwrap(), options)
    }

    pub fn topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> String {
        let name = unique(name);
        self.broker.client().create_topic(&name, partitions, settings);
        name
    }

    /// Records with these numbers: key `k7`, value `v7`, partition by the number.
    pub fn fill(&self, topic: &str, partitions: i32, numbers: Range<i32>) {
        let record = |number| {
            Message::value(format!("v{number}"))
                .with_key(format!("k{number}"))
                .in_partition(number % partitions)
        };
        self.broker.client().produce(topic, numbers.map(record));
    }

    /// Values in the order of partitions and offsets.
    pub fn values(&self, topic: &str, committed: bool) -> Vec<String> {
        self.broker.client().read(topic, committed).iter().map(Message::text).collect()
    }

    /// Of a group, without auto-commit unless the settings say so.
    pub fn consumer(&self, group: &str, settings: &[(&str, &str)]) -> BaseConsumer {
        let common =
            [("group.id", group), ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
        self.config(&[&common, settings].concat()).create().unwrap()
    }

    /// One that reads partition 0 from an offset on.
    pub fn reader(&self, topic: &str, from: Offset, settings: &[(&str, &str)]) -> BaseConsumer {
        let consumer = self.consumer(&unique("reader"), settings);
        consumer.assign(&at(topic, 0, from)).unwrap();
        consumer
    }

    /// The committed offset of partition 0, as one who accepts offsets of open transactions sees it.
    pub fn committed(&self, group: &str, topic: &str) -> Offset {
        let consumer = self.consumer(group, &[("isolation.level", "read_uncommitted")]);
        let offsets = consumer.committed_offsets(at(topic, 0, Offset::Invalid), PATIENCE).unwrap();
        offsets.elements()[0].offset()
    }

    pub fn producer(&self, settings: &[(&str, &str)]) -> Sender {
        let reports = Reports::default();
        let producer = self.config(settings).create_with_context(reports.clone()).unwrap();
        Sender { producer, reports }
    }

    /// An initialised transactional producer.
    pub fn transactional(&self, id: &str, timeout_ms: &str) -> Sender {
        let times = [("transaction.timeout.ms", timeout_ms), ("message.timeout.ms", timeout_ms)];
        let sender = self.producer(&[&[("transactional.id", id)], &times[..]].concat());
        sender.producer.init_transactions(PATIENCE).unwrap();
        sender
    }
}

/// An offset of a partition.
pub fn at(topic: &str, partition: i32, offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, offset).unwrap();
    list
}

/// What became of each record.
#[derive(Clone, Default)]
pub struct Reports(Arc<Mutex<Vec<Result<i64, KafkaError>>>>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let outcome = result.as_ref().map(|message| message.offset()).map_err(|(error, _)| error.clone());
        self.0.lock().unwrap().push(outcome);
    }
}

/// A producer and what became of its records.
pub struct Sender {
    pub producer: BaseProducer<Reports>,
    reports: Reports,
}

impl Sender {
    /// Hands a record of partition 0 over.
    pub fn send(&self, topic: &str, value: &str) {
        self.producer
            .send(BaseRecord::to(topic).partition(0).key("k").payload(value))
            .map_err(|(error, _)| error)
            .unwrap();
    }

    /// Waits for the fate of all records and gives it: offsets or errors.
    pub fn flush(&self) -> Vec<Result<i64, KafkaError>> {
        self.producer.flush(PATIENCE).unwrap();
        std::mem::take(&mut *self.reports.0.lock().unwrap())
    }

    /// A transaction with these values, all delivered, and left open.
    pub fn open(&self, topic: &str, values: &[&str]) {
        self.producer.begin_transaction().unwrap();
        values.iter().for_each(|value| self.send(topic, value));
        assert!(self.flush().iter().all(Result::is_ok));
    }

    pub fn commit(&self) -> Result<(), KafkaError> {
        self.producer.commit_transaction(PATIENCE)
    }

    pub fn abort(&self) {
        self.producer.abort_transaction(PATIENCE).unwrap();
    }
}

/// Partition, offset and value.
pub type Found = (i32, i64, String);

pub fn found(message: &BorrowedMessage<'_>) -> Found {
    let value = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
    (message.partition(), message.offset(), value)
}

/// Polls until so many records have come.
pub fn take<C: ConsumerContext>(consumer: &BaseConsumer<C>, count: usize) -> Vec<Found> {
    let mut all = Vec::new();
    wait(&format!("{count} records"), || {
        if let Some(message) = consumer.poll(Duration::from_millis(50)) {
            all.push(found(&message.unwrap()));
        }
        all.len() >= count
    });
    all
}

/// Waits until something holds.
pub fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
    }
}

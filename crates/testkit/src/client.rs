//! A plain client for tests: writes records, and reads what is there, whole.
//!
//! It goes straight to the Kafka client and shares nothing with the crate `kafka`, so that a test does not check that
//! crate against itself.

#![expect(clippy::expect_used, reason = "a test that cannot talk to its broker has failed")]

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A record, as it is written and read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// Partition; when writing, `None` leaves it to the key's hash.
    pub partition: Option<i32>,
    /// Offset; not looked at when writing.
    pub offset: i64,
    /// Timestamp in milliseconds; when writing, `None` is the time of writing.
    pub timestamp_ms: Option<i64>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Message {
    /// A record with this value and nothing else.
    pub fn value(value: impl Into<Vec<u8>>) -> Message {
        Message { value: Some(value.into()), ..Message::default() }
    }

    /// The same with a key.
    pub fn with_key(self, key: impl Into<Vec<u8>>) -> Message {
        Message { key: Some(key.into()), ..self }
    }

    /// The same in this partition.
    pub fn in_partition(self, partition: i32) -> Message {
        Message { partition: Some(partition), ..self }
    }

    /// The first header of this name as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(n, _)| n == name)?;
        value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The value as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

/// Talks to one broker.
pub struct Client {
    bootstrap: String,
}

const TIMEOUT: Duration = Duration::from_secs(60);

impl Client {
    /// For the broker at this address.
    pub fn new(bootstrap: &str) -> Client {
        Client { bootstrap: bootstrap.to_owned() }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    /// Makes a topic, with settings as `("retention.ms", "-1")`.
    pub fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("an admin client");
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        let made = block_on(admin.create_topics([&topic], &options)).expect("create_topics");
        for result in made {
            result.expect("the topic is made");
        }
    }

    /// Deletes a topic.
    pub fn delete_topic(&self, name: &str) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("an admin client");
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        for result in block_on(admin.delete_topics(&[name], &options)).expect("delete_topics") {
            result.expect("the topic is deleted");
        }
    }

    /// Sets the committed offset of a group without members.
    pub fn commit_offset(&self, group: &str, topic: &str, partition: i32, offset: i64) {
        let consumer: BaseConsumer = self.config().set("group.id", group).create().expect("a consumer");
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
        consumer.commit(&offsets, CommitMode::Sync).expect("the offset is committed");
    }

    /// A producer; `transactional_id` makes it a transactional one, initialised.
    pub fn producer(&self, transactional_id: Option<&str>) -> BaseProducer {
        let mut config = self.config();
        config.set("linger.ms", "5").set("message.max.bytes", "20000000");
        if let Some(id) = transactional_id {
            config.set("transactional.id", id);
        }
        let producer: BaseProducer = config.create().expect("a producer");
        if transactional_id.is_some() {
            producer.init_transactions(TIMEOUT).expect("init_transactions");
        }
        producer
    }

    /// Hands a record to a producer.
    pub fn send(producer: &BaseProducer, topic: &str, message: &Message) {
        loop {
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
            record.partition = message.partition;
            record.timestamp = message.timestamp_ms;
            record.key = message.key.as_deref();
            record.payload = message.value.as_deref();
            if !message.headers.is_empty() {
                let headers = message.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                    headers.insert(Header { key, value: value.as_deref() })
                });
                record.headers = Some(headers);
            }
            match producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => panic!("sending to {topic}: {error}"),
            }
        }
    }

    /// Writes records and waits until they are there.
    pub fn produce(&self, topic: &str, messages: impl IntoIterator<Item = Message>) {
        let producer = self.producer(None);
        for message in messages {
            Self::send(&producer, topic, &message);
        }
        producer.flush(TIMEOUT).expect("flush");
    }

    /// Everything in a topic, partition after partition; `committed`: as a read_committed consumer sees it.
    pub fn read(&self, topic: &str, committed: bool) -> Vec<Message> {
        let consumer: BaseConsumer = self
            .config()
            .set("group.id", "testkit")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", if committed { "read_committed" } else { "read_uncommitted" })
            .create()
            .expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).expect("metadata");
        let partitions: Vec<i32> = metadata.topics()[0].partitions().iter().map(|p| p.id()).collect();
        let mut assignment = TopicPartitionList::new();
        for partition in &partitions {
            assignment.add_partition_offset(topic, *partition, Offset::Beginning).expect("an offset");
        }
        consumer.assign(&assignment).expect("assign");
        let mut found: BTreeMap<i32, Vec<Message>> = BTreeMap::new();
        let (mut ended, deadline) = (Vec::new(), Instant::now() + TIMEOUT);
        while ended.len() < partitions.len() {
            assert!(Instant::now() < deadline, "{topic} could not be read to its end");
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Err(KafkaError::PartitionEOF(partition))) if ended.contains(&partition) => {}
                Some(Err(KafkaError::PartitionEOF(partition))) => ended.push(partition),
                Some(Err(error)) => panic!("reading {topic}: {error}"),
                Some(Ok(message)) => found.entry(message.partition()).or_default().push(Message {
                    partition: Some(message.partition()),
                    offset: message.offset(),
                    timestamp_ms: message.timestamp().to_millis(),
                    key: message.key().map(<[u8]>::to_vec),
                    value: message.payload().map(<[u8]>::to_vec),
                    headers: message
                        .headers()
                        .map(|headers| {
                            headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect()
                        })
                        .unwrap_or_default(),
                }),
            }
        }
        found.into_values().flatten().collect()
    }
}

/// Waits for a future that another thread (the client's) completes.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park_timeout(Duration::from_millis(100)),
        }
    }
}

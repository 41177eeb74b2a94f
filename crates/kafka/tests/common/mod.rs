//! What the tests share: topics, producers beside ours, and a reader that waits.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use rdkafka::config::ClientConfig as Raw;
use rdkafka::producer::{DefaultProducerContext, Producer, ThreadedProducer};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use streamfold_flow::Partition;
use streamfold_flow::log::{Fetched, Source, Transaction};
use streamfold_flow::record::{Headers, OutputBlock, OutputRef, RecordBlock};
use streamfold_kafka::admin::NewTopic;
use streamfold_kafka::{ClientConfig, Cluster, CommitterTopics, KafkaCommitter, KafkaSource, Membership};
use streamfold_testkit::{KafkaBroker, unique};

pub const SECOND: Duration = Duration::from_secs(1);
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A plain or transactional producer that is not ours.
pub type Foreign = ThreadedProducer<DefaultProducerContext>;

pub fn at(partition: i32) -> Partition {
    Partition { input: 0, partition }
}

pub fn config(broker: &KafkaBroker) -> ClientConfig {
    ClientConfig::plain(broker.bootstrap())
}

pub fn cluster(broker: &KafkaBroker) -> Cluster {
    Cluster::connect(&config(broker), &unique("group")).unwrap()
}

pub fn topic(cluster: &Cluster, name: &str, partitions: i32, settings: &[(&str, &str)]) -> String {
    let name = unique(name);
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    cluster
        .create_topics(&[NewTopic { name: name.clone(), partitions, replication: None, settings }])
        .unwrap();
    name
}

pub fn foreign(broker: &KafkaBroker, transactional_id: Option<&str>) -> Foreign {
    let mut config = Raw::new();
    config
        .set("bootstrap.servers", broker.bootstrap())
        .set("linger.ms", "0")
        .set("message.max.bytes", "20000000");
    if let Some(id) = transactional_id {
        config.set("transactional.id", id).set("transaction.timeout.ms", "60000");
    }
    let producer: Foreign = config.create().unwrap();
    if transactional_id.is_some() {
        producer.init_transactions(PATIENCE).unwrap();
    }
    producer
}

pub fn send(producer: &Foreign, topic: &str, partition: i32, key: Option<&str>, value: &str) {
    let mut record = rdkafka::producer::BaseRecord::<str, str>::to(topic).partition(partition).payload(value);
    if let Some(key) = key {
        record = record.key(key);
    }
    producer.send(record).map_err(|(error, _)| error).unwrap();
}

pub fn transact(producer: &Foreign, topic: &str, values: &[&str], commit: bool) {
    producer.begin_transaction().unwrap();
    values.iter().for_each(|value| send(producer, topic, 0, None, value));
    producer.flush(PATIENCE).unwrap();
    match commit {
        true => producer.commit_transaction(PATIENCE).unwrap(),
        false => producer.abort_transaction(PATIENCE).unwrap(),
    }
}

pub fn source(broker: &KafkaBroker, topic: &str) -> KafkaSource {
    KafkaSource::new(&config(broker), &unique("group"), vec![topic.to_string()], 8 << 20).unwrap()
}

/// Fetches until `enough` says so, failing after a minute.
pub fn fetch_until(source: &mut KafkaSource, mut enough: impl FnMut(&[Fetched]) -> bool) -> Vec<Fetched> {
    let (mut all, begun) = (Vec::new(), Instant::now());
    while !enough(&all) {
        assert!(begun.elapsed() < PATIENCE, "not enough came: {:?}", summary(&all));
        source.fetch(SECOND, &mut all).unwrap();
    }
    all
}

/// The position of the last end that was told for a partition.
pub fn end_of(fetched: &[Fetched], partition: i32) -> Option<i64> {
    fetched.iter().rev().find_map(|fetched| match fetched {
        Fetched::End(of, position) if of.partition == partition => Some(*position),
        _ => None,
    })
}

/// Offsets and values of a partition's records.
pub fn records(fetched: &[Fetched], partition: i32) -> Vec<(i64, String)> {
    let blocks = fetched.iter().filter_map(|fetched| match fetched {
        Fetched::Records(of, block) if of.partition == partition => Some(block),
        _ => None,
    });
    blocks.flat_map(values).collect()
}

pub fn values(block: &RecordBlock) -> Vec<(i64, String)> {
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    block.iter().map(|record| (record.offset, text(record.value))).collect()
}

pub fn summary(fetched: &[Fetched]) -> Vec<String> {
    let text = |fetched: &Fetched| match fetched {
        Fetched::Records(partition, block) => format!("{} records of {}", block.len(), partition.partition),
        Fetched::End(partition, position) => format!("end of {} at {position}", partition.partition),
        Fetched::OutOfRange(partition, earliest) => format!("{} begins at {earliest}", partition.partition),
    };
    fetched.iter().map(text).collect()
}

/// A pipeline's topics, group and membership.
pub struct Pipeline {
    pub cluster: Cluster,
    pub group: String,
    pub topics: CommitterTopics,
    pub lanes_topic: String,
    pub transactional_id: String,
}

impl Pipeline {
    pub fn new(broker: &KafkaBroker, lanes: i32) -> Pipeline {
        let group = unique("pipeline");
        let cluster = Cluster::connect(&config(broker), &group).unwrap();
        let made = |name: &str, partitions| topic(&cluster, name, partitions, &[]);
        let topics = CommitterTopics {
            outputs: vec![made("out", 3)],
            journal: made("journal", lanes),
            state: made("state", lanes),
            inputs: vec![made("in", lanes)],
        };
        let lanes_topic = made("lanes", lanes);
        let transactional_id = unique("lane");
        Pipeline { cluster, group, topics, lanes_topic, transactional_id }
    }

    /// A member that has been given all its lanes.
    pub fn join(&self, broker: &KafkaBroker) -> Membership {
        let mut membership = Membership::new(&config(broker), &self.group, &self.lanes_topic).unwrap();
        let (mut assigned, begun) = (0, Instant::now());
        while assigned == 0 {
            assert!(begun.elapsed() < PATIENCE, "no lane was assigned");
            membership.poll(SECOND, &mut |_| assigned += 1).unwrap();
        }
        membership
    }

    pub fn committer(&self, broker: &KafkaBroker, membership: &Membership) -> KafkaCommitter {
        let handle = membership.handle();
        KafkaCommitter::new(&config(broker), &self.transactional_id, 0, self.topics.clone(), handle).unwrap()
    }
}

/// A transaction with one output, one state record, a journal record and an offset.
pub fn transaction(sequence: u64, value: &[u8]) -> Transaction {
    let mut outputs = OutputBlock::default();
    outputs.push(OutputRef {
        topic: 0,
        partition: Some(1),
        timestamp_ms: None,
        key: None,
        value: Some(value),
        headers: Headers::EMPTY,
    });
    Transaction {
        sequence,
        outputs: vec![outputs],
        journal: format!("journal {sequence}").into_bytes(),
        state: vec![(b"key".to_vec(), Some(format!("state {sequence}").into_bytes()))],
        offsets: vec![(at(0), sequence as i64)],
    }
}

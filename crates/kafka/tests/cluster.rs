//! Administration and the reading of journal and state, against a broker.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

mod common;

use common::*;
use rdkafka::producer::Producer;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use streamfold_flow::log::LogError;
use streamfold_kafka::admin::NewTopic;
use streamfold_kafka::{ClientConfig, Cluster, PartitionReader, Start};
use streamfold_testkit::{broker, unique};

fn read(cluster: &Cluster, topic: &str, start: Start) -> Vec<String> {
    let reader = PartitionReader::open(cluster, topic, 0, start, PATIENCE).unwrap();
    reader.flat_map(|block| values(&block.unwrap())).map(|(_, text)| text).collect()
}

fn last(cluster: &Cluster, topic: &str) -> Option<String> {
    let block = PartitionReader::last(cluster, topic, 0, PATIENCE).unwrap();
    block.map(|block| values(&block).remove(0).1)
}

#[test]
fn topics_get_their_settings_and_an_id_of_their_own() {
    let broker = broker();
    let cluster = cluster(broker);
    let name = unique("settings");
    let settings = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.3")];
    let settings = settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let wanted = NewTopic { name: name.clone(), partitions: 5, replication: None, settings };
    assert_eq!(cluster.topics(std::slice::from_ref(&name)).unwrap(), [None]);
    cluster.create_topics(std::slice::from_ref(&wanted)).unwrap();
    // Once more is no error.
    cluster.create_topics(std::slice::from_ref(&wanted)).unwrap();
    let first = cluster.topics(&[unique("none"), name.clone()]).unwrap().remove(1).unwrap();
    assert_eq!((first.name.as_str(), first.partitions), (name.as_str(), 5));
    assert!(cluster.topic_names().unwrap().contains(&name));
    if let Some(described) = broker.topics(&["--describe", "--topic", &name]) {
        assert!(described.contains("cleanup.policy=compact"), "{described}");
        assert!(described.contains("min.cleanable.dirty.ratio=0.3"), "{described}");
        assert!(described.contains("ReplicationFactor: 1"), "{described}");
    }

    cluster.delete_topics(&[name.clone(), unique("none")]).unwrap();
    let begun = Instant::now();
    while cluster.topics(std::slice::from_ref(&name)).unwrap() != [None] {
        assert!(begun.elapsed() < PATIENCE, "it is still there");
    }
    cluster.create_topics(std::slice::from_ref(&wanted)).unwrap();
    let second = cluster.topics(&[name]).unwrap().remove(0).unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(first.id.len(), 22);
}

#[test]
fn a_topic_that_cannot_be_created_is_named_with_what_it_needs() {
    let broker = broker();
    let name = unique("wrong");
    let settings = BTreeMap::from([("cleanup.policy".to_string(), "burn".to_string())]);
    let wanted = NewTopic { name: name.clone(), partitions: 3, replication: None, settings };
    let error = cluster(broker).create_topics(&[wanted]).unwrap_err().to_string();
    for part in [name.as_str(), "partitions: 3", "replication: 1", "cleanup.policy=burn", "create them"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_cluster_has_an_id_and_its_brokers() {
    let broker = broker();
    let cluster = cluster(broker);
    assert_eq!(cluster.cluster_id().unwrap().len(), 22);
    assert_eq!(cluster.brokers().unwrap(), 1);
}

#[test]
fn no_broker_is_told_within_ten_seconds() {
    let begun = Instant::now();
    let error = Cluster::connect(&ClientConfig::plain("127.0.0.1:1"), "group").map(|_| ()).unwrap_err();
    assert!(matches!(&error, LogError::Unavailable(text) if text.contains("127.0.0.1:1")), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    // Twice the promise, as tests share the machine.
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn offsets_of_the_group_and_of_times() {
    let broker = broker();
    let cluster = cluster(broker);
    let topic = topic(&cluster, "offsets", 2, &[]);
    let producer = foreign(broker, None);
    for (index, time) in [1_000, 2_000, 3_000].into_iter().enumerate() {
        let text = index.to_string();
        let record =
            rdkafka::producer::BaseRecord::<str, str>::to(&topic).partition(0).payload(&text).timestamp(time);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    let both = [(topic.clone(), 0), (topic.clone(), 1)];
    assert_eq!(cluster.offsets_at(&both, 1_500).unwrap(), [Some(1), None]);
    assert_eq!(cluster.offsets_at(&both, 3_001).unwrap(), [None, None]);
    assert_eq!(cluster.committed_offsets(&both).unwrap(), [None, None]);
    cluster.commit_offsets(&[(topic.clone(), 0, 2)]).unwrap();
    assert_eq!(cluster.committed_offsets(&both).unwrap(), [Some(2), None]);
    cluster.delete_group().unwrap();
    cluster.delete_group().unwrap();
    assert_eq!(cluster.committed_offsets(&both).unwrap(), [None, None]);
}

#[test]
fn a_partition_is_read_to_its_end_and_no_further() {
    let broker = broker();
    let cluster = cluster(broker);
    let topic = topic(&cluster, "read", 1, &[]);
    assert_eq!((read(&cluster, &topic, Start::Beginning), last(&cluster, &topic)), (vec![], None));
    let producer = foreign(broker, Some(&unique("writer")));
    transact(&producer, &topic, &["a", "b"], true);
    transact(&producer, &topic, &["lost"], false);
    transact(&producer, &topic, &["c"], true);
    assert_eq!(read(&cluster, &topic, Start::Beginning), ["a", "b", "c"]);
    assert_eq!(read(&cluster, &topic, Start::Offset(1)), ["b", "c"]);
    assert_eq!(read(&cluster, &topic, Start::Timestamp(1)), ["a", "b", "c"]);
    assert_eq!(read(&cluster, &topic, Start::Timestamp(i64::MAX / 2)), Vec::<String>::new());
    assert_eq!(last(&cluster, &topic), Some("c".to_string()));
    // Behind more aborted records than are looked at first.
    let aborted = vec!["lost"; 50];
    transact(&producer, &topic, &aborted, false);
    assert_eq!(last(&cluster, &topic), Some("c".to_string()));
    // What comes after the reader was opened is not its business.
    let reader = PartitionReader::open(&cluster, &topic, 0, Start::Beginning, PATIENCE).unwrap();
    transact(&producer, &topic, &["later"], true);
    let texts: Vec<String> = reader.flat_map(|block| values(&block.unwrap())).map(|(_, text)| text).collect();
    assert_eq!(texts, ["a", "b", "c"]);
}

#[test]
fn a_transaction_that_hangs_is_waited_for_then_named() {
    let broker = broker();
    let cluster = cluster(broker);
    let topic = topic(&cluster, "hangs", 1, &[]);
    let (done, hanging) = (foreign(broker, Some(&unique("done"))), foreign(broker, Some(&unique("hanging"))));
    transact(&done, &topic, &["a"], true);
    assert_eq!(read(&cluster, &topic, Start::Beginning), ["a"]);
    hanging.begin_transaction().unwrap();
    send(&hanging, &topic, 0, None, "held");
    hanging.flush(PATIENCE).unwrap();
    transact(&done, &topic, &["behind"], true);

    let reader =
        PartitionReader::open(&cluster, &topic, 0, Start::Beginning, Duration::from_secs(2)).unwrap();
    let results: Vec<_> = reader.collect();
    let error = results.last().unwrap().as_ref().unwrap_err().to_string();
    assert!(error.contains(&format!("topic {topic} partition 0")) && error.contains("offset 2 "), "{error}");

    // Waited for long enough, nothing is missing: neither what was held nor what lay behind it.
    let reader = PartitionReader::open(&cluster, &topic, 0, Start::Beginning, PATIENCE).unwrap();
    let ended = std::thread::spawn(move || {
        std::thread::sleep(SECOND);
        hanging.commit_transaction(PATIENCE).unwrap();
    });
    let texts: Vec<String> = reader.flat_map(|block| values(&block.unwrap())).map(|(_, text)| text).collect();
    assert_eq!(texts, ["a", "held", "behind"]);
    ended.join().unwrap();
}

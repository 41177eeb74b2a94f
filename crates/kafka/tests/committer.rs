//! Transactions against a broker: committed, aborted, fenced, and what others see of them.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

mod common;

use common::*;
use rdkafka::producer::Producer;
use streamfold_flow::log::{Committer, Outcome, Source};
use streamfold_flow::record::{HeadersWriter, OutputBlock, OutputRef};
use streamfold_kafka::{KafkaSource, Membership, PartitionReader, Start};
use streamfold_testkit::{broker, unique};

fn read(pipeline: &Pipeline, topic: &str, partition: i32) -> Vec<(i64, String)> {
    let reader =
        PartitionReader::open(&pipeline.cluster, topic, partition, Start::Beginning, PATIENCE).unwrap();
    reader.flat_map(|block| values(&block.unwrap())).collect()
}

fn texts(records: Vec<(i64, String)>) -> Vec<String> {
    records.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_commit_writes_everything_at_once() {
    let broker = broker();
    let pipeline = Pipeline::new(broker, 2);
    let membership = pipeline.join(broker);
    let mut committer = pipeline.committer(broker, &membership);
    committer.init().unwrap();
    assert_eq!(committer.commit(&transaction(1, b"one")), Outcome::Committed);
    let mut second = transaction(2, b"two");
    second.state.push((b"gone".to_vec(), None));
    assert_eq!(committer.commit(&second), Outcome::Committed);

    assert_eq!(texts(read(&pipeline, &pipeline.topics.outputs[0], 1)), ["one", "two"]);
    assert_eq!(texts(read(&pipeline, &pipeline.topics.journal, 0)), ["journal 1", "journal 2"]);
    assert_eq!(texts(read(&pipeline, &pipeline.topics.state, 0)), ["state 1", "state 2", ""]);
    let input = pipeline.topics.inputs[0].clone();
    let partitions = [(input.clone(), 0), (input, 1)];
    assert_eq!(pipeline.cluster.committed_offsets(&partitions).unwrap(), [Some(2), None]);
    // What Kafka's own tool shows: the offset, and who is a member.
    let Some(described) = broker.consumer_groups(&["--describe", "--group", &pipeline.group]) else { return };
    let line = described.lines().find(|line| line.contains(&pipeline.topics.inputs[0])).unwrap();
    assert_eq!(line.split_whitespace().nth(3), Some("2"), "{described}");
}

#[test]
fn output_records_keep_key_partition_time_and_headers() {
    let broker = broker();
    let pipeline = Pipeline::new(broker, 1);
    let membership = pipeline.join(broker);
    let mut committer = pipeline.committer(broker, &membership);
    committer.init().unwrap();
    let mut headers = HeadersWriter::default();
    headers.push(b"streamfold.source", Some(b"in/0/7"));
    headers.push(b"null", None);
    headers.push(b"empty", Some(b""));
    let mut block = OutputBlock::default();
    let record = OutputRef {
        topic: 0,
        partition: Some(2),
        timestamp_ms: Some(1_700_000_000_000),
        key: Some(b"k"),
        value: Some(b"v"),
        headers: headers.headers(),
    };
    block.push(record);
    block.push(OutputRef { key: Some(b""), value: None, ..record });
    block.push(OutputRef { key: None, value: Some(b""), ..record });
    // Kafka's own tests give murmur2("21") as -973932308, which is partition 0 of 3 to its clients.
    block.push(OutputRef { partition: None, key: Some(b"21"), value: Some(b"hashed"), ..record });
    let mut transaction = transaction(1, b"x");
    transaction.outputs = vec![block];
    assert_eq!(committer.commit(&transaction), Outcome::Committed);

    let reader =
        PartitionReader::open(&pipeline.cluster, &pipeline.topics.outputs[0], 2, Start::Beginning, PATIENCE)
            .unwrap();
    let blocks: Vec<_> = reader.map(Result::unwrap).collect();
    let records: Vec<_> = blocks.iter().flat_map(|block| block.iter()).collect();
    assert_eq!((records[0].key, records[0].value), (Some(&b"k"[..]), Some(&b"v"[..])));
    assert_eq!((records[0].timestamp_ms, records[0].headers), (1_700_000_000_000, headers.headers()));
    assert_eq!((records[1].key, records[1].value), (Some(&b""[..]), None));
    assert_eq!((records[2].key, records[2].value), (None, Some(&b""[..])));
    assert_eq!(texts(read(&pipeline, &pipeline.topics.outputs[0], 0)), ["hashed"]);
}

#[test]
fn the_second_of_the_same_id_fences_the_first() {
    let broker = broker();
    let pipeline = Pipeline::new(broker, 1);
    let membership = pipeline.join(broker);
    let mut first = pipeline.committer(broker, &membership);
    let mut second = pipeline.committer(broker, &membership);
    first.init().unwrap();
    assert_eq!(first.commit(&transaction(1, b"first")), Outcome::Committed);
    second.init().unwrap();
    assert!(matches!(first.commit(&transaction(2, b"zombie")), Outcome::Fenced(_)));
    // It stays out until it has asked for the id again.
    assert!(matches!(first.commit(&transaction(2, b"zombie")), Outcome::Unknown(_)));
    assert_eq!(second.commit(&transaction(2, b"second")), Outcome::Committed);
    first.init().unwrap();
    assert_eq!(first.commit(&transaction(3, b"third")), Outcome::Committed);
    assert_eq!(texts(read(&pipeline, &pipeline.topics.outputs[0], 1)), ["first", "second", "third"]);
}

#[test]
fn taking_the_id_over_ends_the_predecessors_open_transaction() {
    let broker = broker();
    let pipeline = Pipeline::new(broker, 1);
    let membership = pipeline.join(broker);
    let dead = foreign(broker, Some(&pipeline.transactional_id));
    dead.begin_transaction().unwrap();
    send(&dead, &pipeline.topics.journal, 0, None, "never committed");
    dead.flush(PATIENCE).unwrap();
    let mut committer = pipeline.committer(broker, &membership);
    committer.init().unwrap();
    let watermarks = pipeline.cluster.watermarks(&pipeline.topics.journal, 0).unwrap();
    assert_eq!((watermarks.stable, watermarks.end), (2, 2), "record and marker are settled");
    assert_eq!(committer.commit(&transaction(1, b"x")), Outcome::Committed);
    assert_eq!(texts(read(&pipeline, &pipeline.topics.journal, 0)), ["journal 1"]);
}

#[test]
fn a_record_that_is_too_large_for_the_topic_is_refused_with_its_name_and_size() {
    let broker = broker();
    let pipeline = Pipeline::new(broker, 1);
    let membership = pipeline.join(broker);
    let mut committer = pipeline.committer(broker, &membership);
    committer.init().unwrap();
    let outcome = committer.commit(&transaction(1, &vec![b'x'; 5_000_000]));
    let Outcome::Refused(reason) = outcome else { panic!("{outcome:?}") };
    let topic = &pipeline.topics.outputs[0];
    assert!(reason.contains(topic) && reason.contains("5000000 bytes"), "{reason}");
    assert!(reason.contains("max.message.bytes"), "{reason}");
    // A new producer has no number skipped.
    committer.init().unwrap();
    assert_eq!(committer.commit(&transaction(1, b"small")), Outcome::Committed);
    assert_eq!(texts(read(&pipeline, topic, 1)), ["small"]);
}

#[test]
fn five_megabytes_pass_where_the_topic_allows_them() {
    let broker = broker();
    let mut pipeline = Pipeline::new(broker, 1);
    let large = topic(&pipeline.cluster, "large", 3, &[("max.message.bytes", "10000000")]);
    pipeline.topics.outputs = vec![large.clone()];
    let membership = pipeline.join(broker);
    let mut committer = pipeline.committer(broker, &membership);
    committer.init().unwrap();
    let value = vec![b'x'; 5_000_000];
    assert_eq!(committer.commit(&transaction(1, &value)), Outcome::Committed);
    assert_eq!(committer.commit(&transaction(2, b"after")), Outcome::Committed);
    // A queue far smaller than the record does not stop it.
    let mut source = KafkaSource::new(&config(broker), &unique("group"), vec![large], 64 << 10).unwrap();
    source.assign(&[(at(1), 0)]).unwrap();
    let fetched = fetch_until(&mut source, |all| records(all, 1).len() == 2);
    let lengths: Vec<usize> = records(&fetched, 1).iter().map(|(_, value)| value.len()).collect();
    assert_eq!(lengths, [5_000_000, 5]);
}

#[test]
fn without_a_member_nothing_is_committed() {
    let broker = broker();
    let pipeline = Pipeline::new(broker, 1);
    // There is nothing to join for, so there is no generation either. The broker would take such a commit from anybody.
    let membership = Membership::new(&config(broker), &pipeline.group, &unique("missing")).unwrap();
    let mut committer = pipeline.committer(broker, &membership);
    committer.init().unwrap();
    let outcome = committer.commit(&transaction(1, b"x"));
    assert!(matches!(&outcome, Outcome::Aborted(reason) if reason.contains("not a member")), "{outcome:?}");
    drop(membership);
    let outcome = committer.commit(&transaction(1, b"x"));
    assert!(matches!(&outcome, Outcome::Aborted(reason) if reason.contains("left the group")), "{outcome:?}");
    assert_eq!(read(&pipeline, &pipeline.topics.journal, 0), []);
}

//! What cannot work is said clearly, with an exit code of its own.

use crate::support::Pipeline;
use rdkafka::producer::Producer;
use std::time::{Duration, Instant};
use streamfold_testkit::{Client, Message, broker};

const TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn no_broker() {
    // A port that nobody listens on: bound once, then free again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let pipeline = Pipeline::without_topic(&format!("127.0.0.1:{port}"), "no-broker", 1);
    let begin = Instant::now();
    let ran = pipeline.output(&["run"], &[]);
    assert_eq!(ran.code, Some(4), "{}", ran.error);
    assert!(ran.error.contains(&format!("no broker can be reached at 127.0.0.1:{port}")), "{}", ran.error);
    assert!(begin.elapsed() < Duration::from_secs(60));
    assert_eq!(pipeline.output(&["check"], &["--offline"]).code, Some(0));
}

#[test]
fn a_missing_topic() {
    let broker = broker();
    let pipeline = Pipeline::without_topic(broker.bootstrap(), "missing", 1);
    for verb in ["run", "check"] {
        let ran = pipeline.output(&[verb], &[]);
        assert_eq!(ran.code, Some(5), "{}", ran.error);
        assert!(
            ran.error.contains(&format!("topic {:?} of input events is not there", pipeline.input)),
            "{}",
            ran.error
        );
    }
}

#[test]
fn fewer_partitions_than_lanes() {
    let pipeline = Pipeline::new("few", 1, 2);
    let ran = pipeline.output(&["run"], &[]);
    assert_eq!(ran.code, Some(5), "{}", ran.error);
    assert!(ran.error.contains("has 1 partitions for 2 lanes"), "{}", ran.error);
}

#[test]
fn a_wrong_file() {
    let pipeline = Pipeline::without_topic("127.0.0.1:1", "wrong", 1);
    pipeline.edit("numeric", "numerik");
    pipeline.edit("kind = \"linear_regression\"", "kind = \"linear_regresion\"");
    for verb in ["run", "check", "state", "backtest"] {
        let ran = pipeline.output(&[verb], &[]);
        assert_eq!(ran.code, Some(2), "{}", ran.error);
        let file = pipeline.file().display().to_string();
        assert!(ran.error.contains(&format!("{file}:11:1: features.numerik")), "{}", ran.error);
        assert!(ran.error.contains("did you mean \"linear_regression\"?"), "{}", ran.error);
    }
}

#[test]
fn an_open_transaction_holds_the_end() {
    let pipeline = Pipeline::new("held", 1, 1);
    pipeline.produce(0..10, 1);
    // Stays open as long as this producer lives.
    let producer = pipeline.client.producer(Some(&pipeline.name));
    producer.begin_transaction().unwrap();
    Client::send(&producer, &pipeline.input, &Message::value("{}").in_partition(0));
    producer.flush(TIMEOUT).unwrap();
    let ran = pipeline.output(&["run"], &["--until-end"]);
    assert_eq!(ran.code, Some(6), "{}", ran.error);
    let expected = format!(
        "topic {} partition 0: the end at start was offset 11, but offset 10 is held",
        pipeline.input
    );
    assert!(ran.error.contains(&expected), "{}", ran.error);
    assert_eq!(pipeline.predictions().len(), 10, "what could be read is committed");
}

#[test]
fn a_transaction_that_ends_is_waited_for() {
    let pipeline = Pipeline::new("ends", 1, 1);
    pipeline.produce(0..10, 1);
    let producer = pipeline.client.producer(Some(&pipeline.name));
    producer.begin_transaction().unwrap();
    Client::send(&producer, &pipeline.input, &crate::support::event(10).in_partition(0));
    producer.flush(TIMEOUT).unwrap();
    let running = pipeline.start(&["--until-end"]);
    pipeline.wait_folded(10);
    producer.abort_transaction(TIMEOUT).unwrap();
    let ran = running.end();
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    assert_eq!(pipeline.predictions().len(), 10, "the aborted event is none");
}

#[test]
fn moved_offsets() {
    let pipeline = Pipeline::new("moved", 1, 1);
    pipeline.produce(0..100, 1);
    pipeline.run_to_end();
    pipeline.client.commit_offset(&pipeline.name, &pipeline.input, 0, 40);
    let ran = pipeline.output(&["run"], &["--until-end"]);
    assert_eq!(ran.code, Some(8), "{}", ran.error);
    let expected = format!("{} partition 0: 100 in the journal, 40 in the group", pipeline.input);
    assert!(ran.error.contains(&expected), "{}", ran.error);
    // One of the ways on.
    let shown = pipeline.output(&["state", "restore-offsets"], &[]);
    assert!(shown.text.contains("from 40 to 100"), "{}", shown.text);
    assert_eq!(pipeline.output(&["run"], &["--until-end"]).code, Some(8), "shown is not done");
    assert_eq!(pipeline.output(&["state", "restore-offsets"], &["--execute"]).code, Some(0));
    pipeline.run_to_end();
    assert_eq!(pipeline.predictions().len(), 100);
}

#[test]
fn a_deleted_journal() {
    let pipeline = Pipeline::new("gone", 1, 1);
    pipeline.produce(0..100, 1);
    pipeline.run_to_end();
    pipeline.client.delete_topic(&format!("{}.1.journal", pipeline.name));
    let ran = pipeline.output(&["run"], &["--until-end"]);
    assert_eq!(ran.code, Some(5), "{}", ran.error);
    assert!(ran.error.contains(&format!("topic {}.1.journal is gone", pipeline.name)), "{}", ran.error);
    assert_eq!(pipeline.output(&["state", "reset"], &["--start", "offsets", "--execute"]).code, Some(0));
    pipeline.produce(100..150, 1);
    pipeline.run_to_end();
    assert_eq!(pipeline.predictions().len(), 150);
}

#[test]
fn an_input_made_anew() {
    let pipeline = Pipeline::new("anew", 1, 1);
    pipeline.produce(0..100, 1);
    pipeline.run_to_end();
    pipeline.client.delete_topic(&pipeline.input);
    pipeline.client.create_topic(&pipeline.input, 1, &[]);
    pipeline.produce(0..120, 1);
    let ran = pipeline.output(&["run"], &["--until-end"]);
    assert_eq!(ran.code, Some(9), "{}", ran.error);
    assert!(ran.error.contains(&format!("the id of topic {}", pipeline.input)), "{}", ran.error);
}

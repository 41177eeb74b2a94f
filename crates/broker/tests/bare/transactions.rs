//! Transactions over a restart.

use crate::client::{Client, Producer, batch, folder, start, text, topic_name};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{AddPartitionsToTxnRequest, EndTxnRequest, TransactionalId};
use std::time::{Duration, Instant};
use streamfold_broker::Store;

fn add(client: &mut Client, id: &str, producer: Producer, topic: &str) -> i16 {
    let topic = AddPartitionsToTxnTopic::default().with_name(topic_name(topic)).with_partitions(vec![0]);
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(TransactionalId(text(id)))
        .with_v3_and_below_producer_id(producer.id.into())
        .with_v3_and_below_producer_epoch(producer.epoch)
        .with_v3_and_below_topics(vec![topic]);
    client.call(2, &request).results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
}

fn end(client: &mut Client, id: &str, producer: Producer, commit: bool) -> i16 {
    let request = EndTxnRequest::default()
        .with_transactional_id(TransactionalId(text(id)))
        .with_producer_id(producer.id.into())
        .with_producer_epoch(producer.epoch)
        .with_committed(commit);
    client.call(2, &request).error_code
}

/// Last stable offset, and the aborted transactions from the beginning.
fn seen(client: &mut Client, topic: &str) -> (i64, usize) {
    let got = client.fetch(topic, 0, true);
    (got.last_stable_offset, got.aborted_transactions.unwrap_or_default().len())
}

#[test]
fn an_open_transaction_goes_on_after_a_restart() {
    let store = Store::Directory(folder("open"));
    let broker = start(store.clone());
    let mut client = Client::connect(broker.address());
    assert_eq!(client.create("t", 1, &[]), 0);
    let [stays, goes] = ["stays", "goes"].map(|id| {
        let producer = client.init_producer(Some(id), 60_000);
        assert_eq!(add(&mut client, id, producer, "t"), 0);
        assert_eq!(client.produce_as("t", Some(id), batch(&[id], producer, 0)).0, 0);
        producer
    });
    broker.stop();
    let broker = start(store.clone());
    let mut client = Client::connect(broker.address());
    assert_eq!(seen(&mut client, "t"), (0, 0));
    assert_eq!(client.produce_as("t", Some("stays"), batch(&["more"], stays, 1)).0, 0);
    assert_eq!(end(&mut client, "stays", stays, true), 0);
    assert_eq!(seen(&mut client, "t").0, 1);
    // Its successor aborts what it left, and it is fenced.
    let successor = client.init_producer(Some("goes"), 60_000);
    assert_eq!((successor.id, successor.epoch > goes.epoch), (goes.id, true));
    assert_eq!(seen(&mut client, "t"), (5, 1));
    let late = client.produce_as("t", Some("goes"), batch(&["late"], goes, 1)).0;
    assert_eq!(late, ResponseError::InvalidProducerEpoch.code());
    assert_eq!(end(&mut client, "goes", goes, true), ResponseError::ProducerFenced.code());
    broker.stop();
    let broker = start(store);
    assert_eq!(seen(&mut Client::connect(broker.address()), "t"), (5, 1));
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_after_a_restart_too() {
    let store = Store::Directory(folder("late"));
    let broker = start(store.clone());
    let mut client = Client::connect(broker.address());
    assert_eq!(client.create("t", 1, &[]), 0);
    let producer = client.init_producer(Some("late"), 300);
    assert_eq!(add(&mut client, "late", producer, "t"), 0);
    assert_eq!(client.produce_as("t", Some("late"), batch(&["x"], producer, 0)).0, 0);
    broker.stop();
    let broker = start(store);
    let mut client = Client::connect(broker.address());
    let begun = Instant::now();
    while seen(&mut client, "t") != (2, 1) {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(end(&mut client, "late", producer, true), ResponseError::ProducerFenced.code());
}

#[test]
fn an_end_asked_for_twice_is_the_same_end() {
    let broker = start(Store::Memory);
    let mut client = Client::connect(broker.address());
    assert_eq!(client.create("t", 1, &[]), 0);
    let producer = client.init_producer(Some("x"), 60_000);
    assert_eq!(end(&mut client, "x", producer, true), ResponseError::InvalidTxnState.code());
    assert_eq!(add(&mut client, "x", producer, "t"), 0);
    assert_eq!(client.produce_as("t", Some("x"), batch(&["a"], producer, 0)), (0, 0));
    assert_eq!(end(&mut client, "x", producer, true), 0);
    assert_eq!(end(&mut client, "x", producer, true), 0);
    assert_eq!(end(&mut client, "x", producer, false), ResponseError::InvalidTxnState.code());
    assert_eq!(seen(&mut client, "t"), (2, 0));
    // Nothing can slip in behind the end.
    let late = client.produce_as("t", Some("x"), batch(&["late"], producer, 1)).0;
    assert_eq!(late, ResponseError::InvalidTxnState.code());
}

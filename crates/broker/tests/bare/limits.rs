//! Much of everything: served or refused, not died of.

use crate::client::{Client, PLAIN, batch, folder, start, start_with, text, topic_name};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::{ApiVersionsRequest, CreateTopicsRequest, MetadataRequest};
use streamfold_broker::{Config, Limits, Store};

#[test]
fn ten_thousand_topics() {
    let store = Store::Directory(folder("topics"));
    let broker = start(store.clone());
    let mut client = Client::connect(broker.address());
    for hundred in 0..100 {
        let topics = (0..100).map(|i| {
            CreatableTopic::default()
                .with_name(topic_name(&format!("t{hundred}-{i}")))
                .with_num_partitions(1)
                .with_replication_factor(1)
        });
        let answer = client.call(5, &CreateTopicsRequest::default().with_topics(topics.collect()));
        assert!(answer.topics.iter().all(|topic| topic.error_code == 0));
    }
    assert_eq!(client.call(9, &MetadataRequest::default().with_topics(None)).topics.len(), 10_000);
    assert_eq!(client.produce("t99-99", batch(&["x"], PLAIN, 0)), (0, 0));
    broker.stop();
    let broker = start(store);
    assert_eq!(Client::connect(broker.address()).values("t99-99", 0).unwrap(), ["x"]);
}

#[test]
fn more_partitions_than_the_limit_are_refused() {
    let limits = Limits { partitions_max: 10, ..Limits::default() };
    let broker = start_with(Config { limits, ..Config::default() });
    let mut client = Client::connect(broker.address());
    assert_eq!(client.create("a", 8, &[]), 0);
    assert_eq!(client.create("b", 3, &[]), ResponseError::InvalidPartitions.code());
    assert_eq!(client.create("c", 2, &[]), 0);
}

#[test]
fn a_thousand_connections_and_one_more() {
    let limits = Limits { connections_max: 1_000, ..Limits::default() };
    let broker = start_with(Config { limits, ..Config::default() });
    let mut clients: Vec<Client> = (0..1_000).map(|_| Client::connect(broker.address())).collect();
    for client in &mut clients {
        assert!(client.call(0, &ApiVersionsRequest::default()).api_keys.len() > 20);
    }
    assert!(Client::connect(broker.address()).receive().is_err());
    assert!(clients[0].call(0, &ApiVersionsRequest::default()).error_code == 0);
    broker.stop();
}

#[test]
fn a_record_of_100_mb_is_served_where_the_topic_allows_it() {
    let broker = start(Store::Directory(folder("large")));
    let mut client = Client::connect(broker.address());
    let large = "x".repeat(100 << 20);
    let batch = batch(&[&large], PLAIN, 0);
    assert_eq!(client.create("small", 1, &[]), 0);
    assert_eq!(client.produce("small", batch.clone()).0, ResponseError::MessageTooLarge.code());
    assert_eq!(client.create("large", 1, &[("max.message.bytes", "120000000")]), 0);
    assert_eq!(client.produce("large", batch), (0, 0));
    assert!(client.values("large", 0).unwrap() == [large]);
}

#[test]
fn a_request_beyond_the_limit_ends_its_connection_only() {
    let broker = start(Store::Memory);
    let mut hostile = Client::connect(broker.address());
    hostile.send_size(i32::MAX);
    assert!(hostile.receive().is_err());
    let mut negative = Client::connect(broker.address());
    negative.send_size(-5);
    assert!(negative.receive().is_err());
    let mut other = Client::connect(broker.address());
    assert_eq!(
        other.call(3, &ApiVersionsRequest::default().with_client_software_name(text("x"))).error_code,
        0
    );
}

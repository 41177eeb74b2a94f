//! What is not spoken, and what is wrong, is answered in the protocol's own words.

use crate::client::{Client, PLAIN, Producer, batch, start};
use bytes::{Buf, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::Decodable;
use streamfold_broker::Store;

fn frame(key: i16, version: i16) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.extend_from_slice(&key.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&99i32.to_be_bytes());
    frame.extend_from_slice(&[0xff, 0xff]);
    frame
}

#[test]
fn a_newer_client_learns_how_to_ask() {
    let broker = start(Store::Memory);
    let mut client = Client::connect(broker.address());
    client.send(&frame(ApiKey::ApiVersions as i16, 5));
    let mut answer = client.receive().unwrap();
    assert_eq!(answer.get_i32(), 99);
    let answer = ApiVersionsResponse::decode(&mut answer, 0).unwrap();
    assert_eq!(answer.error_code, ResponseError::UnsupportedVersion.code());
    assert_eq!((answer.api_keys.len(), answer.api_keys[0].max_version), (1, 4));
    assert_eq!(client.call(4, &ApiVersionsRequest::default()).error_code, 0);
}

#[test]
fn what_is_not_spoken_is_refused_and_the_connection_stays() {
    let broker = start(Store::Memory);
    let mut client = Client::connect(broker.address());
    // ConsumerGroupHeartbeat, CreateAcls, one that nobody knows, and versions that are too old or too new.
    for (key, version) in [(68, 0), (30, 2), (9_999, 0), (0, 2), (1, 17), (3, 99)] {
        client.send(&frame(key, version));
        let answer = client.receive().unwrap();
        assert_eq!(answer[..4], 99i32.to_be_bytes(), "{key}");
        assert_eq!(
            answer[answer.len() - 2..],
            ResponseError::UnsupportedVersion.code().to_be_bytes(),
            "{key}"
        );
    }
    assert_eq!(client.call(4, &ApiVersionsRequest::default()).error_code, 0);
}

#[test]
fn settings_that_are_wrong_are_refused() {
    let broker = start(Store::Memory);
    let mut client = Client::connect(broker.address());
    for (name, value) in [("no.such.setting", "1"), ("retention.ms", "soon"), ("segment.bytes", "1000")] {
        assert_eq!(client.create("t", 1, &[(name, value)]), ResponseError::InvalidConfig.code());
    }
    assert_eq!(client.create("a/b", 1, &[]), ResponseError::InvalidTopicException.code());
    assert_eq!(client.create("t", 0, &[]), ResponseError::InvalidPartitions.code());
    assert_eq!(client.create("t", 1, &[]), 0);
    assert_eq!(client.create("t", 1, &[]), ResponseError::TopicAlreadyExists.code());
}

#[test]
fn batches_that_are_wrong_are_refused() {
    let broker = start(Store::Memory);
    let mut client = Client::connect(broker.address());
    assert_eq!(client.create("t", 1, &[]), 0);
    let good = batch(&["a"], PLAIN, 0);
    let mut flipped = BytesMut::from(&good[..]);
    flipped[65] ^= 1;
    assert_eq!(client.produce("t", flipped.freeze()).0, ResponseError::CorruptMessage.code());
    assert_eq!(client.produce("t", good.slice(..30)).0, ResponseError::CorruptMessage.code());
    assert_eq!(client.produce("u", good).0, ResponseError::UnknownTopicOrPartition.code());
    let transactional = Producer { id: 5, epoch: 0, transactional: true };
    assert_eq!(client.produce("t", batch(&["a"], transactional, 0)).0, ResponseError::InvalidTxnState.code());
    assert_eq!(client.values("t", 0).unwrap(), Vec::<String>::new());
}

#[test]
fn a_batch_sent_again_is_there_once() {
    let broker = start(Store::Memory);
    let mut client = Client::connect(broker.address());
    assert_eq!(client.create("t", 1, &[]), 0);
    let producer = client.init_producer(None, -1);
    let first = batch(&["a", "b"], producer, 0);
    assert_eq!(client.produce("t", first.clone()), (0, 0));
    assert_eq!(client.produce("t", batch(&["c"], producer, 2)), (0, 2));
    assert_eq!(client.produce("t", first), (0, 0));
    let gap = client.produce("t", batch(&["e"], producer, 4)).0;
    assert_eq!(gap, ResponseError::OutOfOrderSequenceNumber.code());
    assert_eq!(client.values("t", 0).unwrap(), ["a", "b", "c"]);
}

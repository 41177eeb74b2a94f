//! Bytes that no client would send: whoever sends them may lose the connection, and nobody else notices.

use crate::client::{Client, start};
use bytes::BytesMut;
use kafka_protocol::messages::ApiVersionsRequest;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::time::Duration;
use streamfold_broker::{Broker, Store};

/// Long enough for an answer, unless the request asks for a wait.
const MOMENT: Duration = Duration::from_millis(20);

/// Every request in every version that is announced.
fn spoken(broker: &Broker) -> Vec<(i16, i16)> {
    let answer = Client::connect(broker.address()).call(3, &ApiVersionsRequest::default());
    let versions = |api: &kafka_protocol::messages::api_versions_response::ApiVersion| {
        (api.min_version..=api.max_version).map(|version| (api.api_key, version)).collect::<Vec<_>>()
    };
    answer.api_keys.iter().flat_map(versions).collect()
}

fn frame((key, version): (i16, i16), body: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.extend_from_slice(&key.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    // Correlation id, no client id.
    frame.extend_from_slice(&[0, 0, 0, 9, 0xff, 0xff]);
    frame.extend_from_slice(body);
    frame
}

/// Sends it, and whatever becomes of that connection, another one is answered.
fn survives(broker: &Broker, other: &mut Client, frame: &[u8]) {
    let mut client = Client::connect(broker.address());
    client.send(frame);
    client.set_timeout(MOMENT);
    client.receive().ok();
    assert_eq!(other.call(3, &ApiVersionsRequest::default()).error_code, 0);
}

#[test]
fn a_length_of_billions_reserves_nothing_wherever_it_stands() {
    let broker = start(Store::Memory);
    let mut other = Client::connect(broker.address());
    for request in spoken(&broker) {
        for zeros in 0..12 {
            for length in [&[0x7f, 0xff, 0xff, 0xff][..], &[0xff, 0xff, 0xff, 0xff, 0x0f]] {
                let body = [&vec![0; zeros], length, &[0; 20]].concat();
                survives(&broker, &mut other, &frame(request, &body));
            }
        }
    }
}

#[test]
fn any_bytes_end_at_most_their_own_connection() {
    let broker = start(Store::Memory);
    let mut other = Client::connect(broker.address());
    let requests = spoken(&broker);
    let byte = prop_oneof![4 => Just(0u8), 1 => Just(1), 1 => Just(0xff), 1 => Just(0x7f), 3 => any::<u8>()];
    let cases = (prop::sample::select(requests), prop::collection::vec(byte, 0..120));
    let other = std::cell::RefCell::new(&mut other);
    TestRunner::new(Config { cases: 800, failure_persistence: None, ..Config::default() })
        .run(&cases, |(request, body)| {
            survives(&broker, &mut other.borrow_mut(), &frame(request, &body));
            Ok(())
        })
        .unwrap();
}

//! The test broker itself: it starts, survives a kill with its data, and dies with the process that started it.

use streamfold_testkit::{KafkaBroker, Message, broker, unique};

#[test]
fn keeps_its_data_over_a_kill() {
    let mut broker = KafkaBroker::start();
    let topic = unique("kept");
    broker.client().create_topic(&topic, 3, &[]);
    broker.client().produce(&topic, [Message::value("x").in_partition(2)]);
    broker.kill9();
    broker.restart();
    let found = broker.client().read(&topic, true);
    assert_eq!((found.len(), found[0].partition), (1, Some(2)));
}

#[test]
fn is_shared_within_a_process() {
    assert_eq!(broker().bootstrap(), broker().bootstrap());
    // Kafka's own tools understand it.
    if let Some(listed) = broker().topics(&["--list"]) {
        assert!(listed.trim().is_empty(), "{listed}");
    }
}

#[test]
fn a_secure_one_has_its_listener_and_its_authority() {
    let Some((broker, secure)) = KafkaBroker::start_secure() else { return };
    assert!(std::fs::read_to_string(&secure.ca_file).is_ok_and(|text| text.contains("BEGIN CERTIFICATE")));
    assert!(std::net::TcpStream::connect(&secure.bootstrap).is_ok());
    assert!(broker.acls(&["--list"]).is_some_and(|listed| listed.trim().is_empty()));
}

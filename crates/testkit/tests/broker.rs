//! The test broker itself: it starts, survives a kill with its data, and dies with the process that started it.

use streamfold_testkit::{KafkaBroker, broker, unique};

#[test]
fn keeps_its_data_over_a_kill() {
    let Some(mut broker) = KafkaBroker::start() else { return };
    let topic = unique("kept");
    broker.topics(&["--create", "--topic", &topic, "--partitions", "3"]);
    broker.kill9();
    broker.restart();
    assert!(broker.topics(&["--describe", "--topic", &topic]).contains("PartitionCount: 3"));
}

#[test]
fn is_shared_within_a_process() {
    let (Some(first), Some(second)) = (broker(), broker()) else { return };
    assert_eq!(first.bootstrap(), second.bootstrap());
    assert!(first.topics(&["--list"]).trim().is_empty());
}

#[test]
fn a_secure_one_has_its_listener_and_its_authority() {
    let Some((broker, secure)) = KafkaBroker::start_secure() else { return };
    assert!(std::fs::read_to_string(&secure.ca_file).is_ok_and(|text| text.contains("BEGIN CERTIFICATE")));
    assert!(std::net::TcpStream::connect(&secure.bootstrap).is_ok());
    assert!(broker.acls(&["--list"]).trim().is_empty());
}

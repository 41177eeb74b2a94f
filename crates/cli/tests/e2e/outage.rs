//! When Kafka goes away, the pipeline waits and goes on.

use crate::support::{Pipeline, wait};
use std::time::Duration;
use streamfold_testkit::KafkaBroker;

#[test]
fn a_broker_that_dies_is_waited_for() {
    let mut broker = KafkaBroker::start();
    let pipeline = Pipeline::on(&broker, "outage", 1, 1);
    let mut running = pipeline.start(&[]);
    pipeline.produce(0..1_000, 1);
    pipeline.wait_folded(1_000);
    broker.kill9();
    std::thread::sleep(Duration::from_secs(10));
    assert!(!running.is_over(), "it waits");
    broker.restart();
    pipeline.produce(1_000..2_000, 1);
    wait("it goes on", || pipeline.predictions().len() == 2_000);
    let ran = running.terminate();
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    assert!(ran.error.contains("waiting for Kafka"), "{}", ran.error);
}

#[test]
fn what_cannot_be_drained_in_time_has_its_own_exit_code() {
    let mut broker = KafkaBroker::start();
    let pipeline = Pipeline::on(&broker, "timeout", 1, 1);
    pipeline.edit("[timing]", "[timing]\nshutdown_timeout = \"3s\"");
    // Commits so seldom that something is left to commit.
    pipeline.edit("commit_interval = \"50ms\"", "commit_interval = \"60s\"");
    pipeline.edit("checkpoint_interval = \"500ms\"", "checkpoint_interval = \"60s\"");
    let running = pipeline.start(&[]);
    running.wait_said("starts generation");
    // A generation's first commit does not wait for the interval; what comes after it does.
    pipeline.produce(0..1, 1);
    wait("the first commit", || pipeline.state()["lanes"][0]["journal"].is_object());
    pipeline.produce(1..100, 1);
    std::thread::sleep(Duration::from_secs(8));
    broker.kill9();
    let ran = running.terminate();
    assert_eq!(ran.code, Some(7), "{}", ran.error);
    broker.restart();
    pipeline.run_to_end();
    assert_eq!(pipeline.predictions().len(), 100, "nothing is lost, nothing doubled");
}

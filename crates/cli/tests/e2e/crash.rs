//! However often the process ends, and however, nothing changes.

use crate::support::{Pipeline, Running, wait};
use std::time::Duration;

/// How often the process is ended in the middle.
const TIMES: u64 = 10;
/// Events that are written before each end.
const EVENTS: u64 = 2_000;

/// One partition: predictions and model have to be those of an uninterrupted fold.
fn check_against_backtest(pipeline: &Pipeline) {
    let file = pipeline.path("predictions.ndjson");
    let ran = pipeline.output(&["backtest"], &["--json", "--output", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    let result: serde_json::Value = serde_json::from_str(&ran.text).unwrap();
    let expected = std::fs::read_to_string(file).unwrap();
    let predictions = pipeline.predictions();
    assert_eq!(predictions.len(), expected.lines().count(), "none lost, none doubled");
    assert!(predictions.iter().map(|prediction| prediction.text()).eq(expected.lines()));
    let state = pipeline.state();
    assert_eq!(state["lanes"][0]["checkpoint"]["model_hash"], result["lanes"][0]["model_hash"]);
    assert_eq!(state["lanes"][0]["checkpoint"]["state_hash"], result["lanes"][0]["state_hash"]);
}

/// Runs while events come, ends the process in the middle of them, again and again; then runs to the end.
fn end_again_and_again(pipeline: &Pipeline, end: impl Fn(Running)) {
    for round in 0..TIMES {
        let running = pipeline.start(&[]);
        pipeline.produce(round * EVENTS..round * EVENTS + EVENTS / 2, 1);
        pipeline.wait_folded(round * EVENTS + 1);
        pipeline.produce(round * EVENTS + EVENTS / 2..(round + 1) * EVENTS, 1);
        // At another moment each time: between commits, within one, within a checkpoint.
        std::thread::sleep(Duration::from_millis(round * 37 % 200));
        end(running);
    }
    pipeline.run_to_end();
    assert_eq!(pipeline.predictions().len() as u64, TIMES * EVENTS);
    check_against_backtest(pipeline);
}

#[test]
fn sigterm_and_restart_change_no_byte() {
    let pipeline = Pipeline::new("sigterm", 1, 1);
    end_again_and_again(&pipeline, |running| {
        let ran = running.terminate();
        assert_eq!(ran.code, Some(0), "{}", ran.error);
    });
}

#[test]
fn kill_and_restart_change_no_byte() {
    let pipeline = Pipeline::new("kill9", 1, 1);
    end_again_and_again(&pipeline, Running::kill9);
}

#[test]
fn at_least_once_loses_no_answer_and_the_model_is_the_same() {
    let pipeline = Pipeline::new("at-least-once", 1, 1);
    pipeline.edit("lanes = 1", "lanes = 1\ndelivery = \"at_least_once\"");
    for round in 0..4 {
        let running = pipeline.start(&[]);
        pipeline.produce(round * EVENTS..(round + 1) * EVENTS, 1);
        pipeline.wait_folded(round * EVENTS + 1);
        running.kill9();
    }
    pipeline.run_to_end();
    let file = pipeline.path("predictions.ndjson");
    let ran = pipeline.output(&["backtest"], &["--json", "--output", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    let result: serde_json::Value = serde_json::from_str(&ran.text).unwrap();
    let expected = std::fs::read_to_string(file).unwrap();
    // Readers who do not wait for transactions see the same: nothing of it is in one.
    let topic = format!("{}-predictions", pipeline.name);
    let found = pipeline.client.read(&topic, true);
    assert_eq!(found.len(), pipeline.client.read(&topic, false).len());
    let mut seen = std::collections::BTreeSet::new();
    let first_of_each = found.iter().filter(|prediction| seen.insert(prediction.key.clone()));
    let texts: Vec<_> = first_of_each.map(|prediction| prediction.text()).collect();
    assert!(texts.iter().eq(expected.lines()), "each answer is there, in its order");
    let state = pipeline.state();
    assert_eq!(state["lanes"][0]["checkpoint"]["state_hash"], result["lanes"][0]["state_hash"]);
}

#[test]
fn lanes_move_to_the_process_that_is_left() {
    let pipeline = Pipeline::new("move", 4, 2);
    let (first, second) = (pipeline.start(&[]), pipeline.start(&[]));
    pipeline.produce(0..2_000, 4);
    pipeline.wait_folded(2_000);
    first.kill9();
    pipeline.produce(2_000..4_000, 4);
    pipeline.wait_folded(4_000);
    let third = pipeline.start(&[]);
    pipeline.produce(4_000..6_000, 4);
    assert_eq!(second.terminate().code, Some(0));
    wait("the third folds alone", || pipeline.predictions().len() == 6_000);
    assert_eq!(third.terminate().code, Some(0));
    let keys: std::collections::BTreeSet<_> = pipeline.predictions().into_iter().map(|p| p.key).collect();
    assert_eq!(keys.len(), 6_000, "each event once");
}

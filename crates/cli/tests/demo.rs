//! The demo and the embedded broker as a user meets them: nothing else is there, no Kafka, no Java.

#![expect(clippy::unwrap_used, reason = "a test whose preparation fails has failed")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// An empty folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // What an earlier run has left.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn streamfold(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamfold"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn succeeded(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_demo_learns_on_its_own_broker_and_a_backtest_agrees() {
    let folder = folder("demo");
    let ran = succeeded(streamfold(&folder, &["demo", "--json", "--flights", "20000", "--seconds", "4"]));
    let summary: Value = serde_json::from_str(&ran).unwrap();
    assert_eq!(summary["predictions"], 20_000, "{summary}");
    let error = |who: &str| summary["mean_absolute_error_minutes"][who].as_f64().unwrap();
    assert!(
        error("model") < error("as_late_as_it_left") && error("model") < 0.7 * error("mean"),
        "{summary}"
    );
    assert!(summary["influence_minutes"]["dep_delay"].as_f64().unwrap() > 1.0, "{summary}");

    let again = succeeded(streamfold(&folder, &["backtest", "streamfold-demo/flights.toml", "--json"]));
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["records"], summary["records"], "{again}");
    assert_eq!(again["lanes"][0]["predictions"], 20_000, "{again}");

    // Lines for people, and a folder that is there already.
    let text = succeeded(streamfold(&folder, &["demo", "--flights", "2000", "--seconds", "1"]));
    assert!(text.contains("2000 flights were predicted") && text.contains("Try next:"), "{text}");
}

#[test]
fn the_demo_touches_no_folder_of_somebody_else() {
    let folder = folder("demo-taken");
    std::fs::write(folder.join("letter.txt"), "dear").unwrap();
    let output = streamfold(&folder, &["demo", "--dir", ".", "--flights", "10"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not of an earlier demo"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_file_that_names_no_kafka_runs_beside_its_log() {
    let folder = folder("embedded");
    let text = "name = \"p\"\n[input.a]\ntopic = \"a\"\n[features]\nnumeric = [\"x\"]\n[label]\nfield = \"y\"\n[model]\nkind = \"linear_regression\"\n";
    std::fs::write(folder.join("p.toml"), text).unwrap();
    for arguments in [&["check", "p.toml"][..], &["check", "p.toml", "--offline"]] {
        let said = succeeded(streamfold(&folder, arguments));
        assert!(said.contains("a run uses the embedded broker, records in p.kafka"), "{said}");
    }
    assert!(!folder.join("p.kafka").exists());
    succeeded(streamfold(&folder, &["run", "p.toml", "--until-end"]));
    assert!(folder.join("p.kafka").exists());
    let state = succeeded(streamfold(&folder, &["state", "p.toml", "--json"]));
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["generations"][0]["status"], "live", "{state}");
}

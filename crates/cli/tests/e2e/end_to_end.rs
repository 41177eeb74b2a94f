//! Events become predictions, each exactly once.

use crate::support::{Pipeline, wait};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn every_event_is_predicted_once_and_the_model_is_good() {
    let pipeline = Pipeline::new("e2e", 4, 2);
    pipeline.produce(0..5_000, 4);
    let ran = pipeline.run_to_end();
    assert!(ran.error.contains("generation 1 begins"), "{}", ran.error);
    let predictions = pipeline.predictions();
    assert_eq!(predictions.len(), 5_000);
    let keys: BTreeSet<_> = predictions.iter().map(|prediction| prediction.key.clone()).collect();
    assert_eq!(keys.len(), 5_000, "each event once");
    for prediction in &predictions {
        let source = prediction.header("streamfold.source").unwrap();
        assert!(
            source.starts_with(&format!("{}/{}/", pipeline.input, prediction.partition.unwrap())),
            "{source}"
        );
        assert_eq!(prediction.header("streamfold.generation").as_deref(), Some("1"));
    }
    let value: serde_json::Value = serde_json::from_str(&predictions.last().unwrap().text()).unwrap();
    assert!(value["prediction"].is_number(), "{value}");

    // The next run finds nothing to do and changes nothing.
    let before = pipeline.state();
    pipeline.run_to_end();
    assert_eq!(pipeline.predictions().len(), 5_000);
    for lane in 0..2 {
        let (then, now) =
            (&before["lanes"][lane]["checkpoint"], &pipeline.state()["lanes"][lane]["checkpoint"]);
        assert_eq!(then["model_hash"], now["model_hash"]);
        assert!(then["model_hash"].is_string());
    }
}

#[test]
fn a_backtest_gives_the_bytes_of_the_run_whatever_the_batches() {
    let pipeline = Pipeline::new("backtest", 1, 1);
    pipeline.produce(0..3_000, 1);
    pipeline.run_to_end();
    let lines: Vec<String> = pipeline.predictions().iter().map(|prediction| prediction.text()).collect();
    let state = pipeline.state();
    let sizes: [&[&str]; 3] =
        [&[], &["--block-records", "1"], &["--block-records", "7", "--queue-bytes", "70000"]];
    for sizes in sizes {
        let file = pipeline.path("predictions.ndjson");
        let mut arguments = vec!["--json", "--output", file.to_str().unwrap()];
        arguments.extend(sizes);
        let ran = pipeline.output(&["backtest"], &arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.error);
        let result: serde_json::Value = serde_json::from_str(&ran.text).unwrap();
        assert_eq!(
            result["lanes"][0]["model_hash"], state["lanes"][0]["checkpoint"]["model_hash"],
            "{sizes:?}"
        );
        let metrics = &result["lanes"][0]["metrics"];
        assert!(metrics["model.overall.mae"].as_f64() < metrics["mean.overall.mae"].as_f64(), "{metrics}");
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(written.lines().eq(lines.iter()), "{sizes:?}");
    }
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn metrics_are_served() {
    let pipeline = Pipeline::new("metrics", 2, 1);
    pipeline.produce(0..2_000, 2);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let running = pipeline.start(&["--metrics-listen", &format!("127.0.0.1:{port}")]);
    wait("it is ready", || get(port, "/ready").is_some_and(|text| text.contains("200 OK")));
    wait("all is folded", || get(port, "/metrics").is_some_and(|text| text.contains("lane=\"0\"} 2000\n")));
    wait("lag is known", || {
        get(port, "/metrics").is_some_and(|text| text.contains("streamfold_lag_records{"))
    });
    let text = get(port, "/metrics").unwrap();
    let body = text.split("\r\n\r\n").nth(1).unwrap();
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    let labels = format!("pipeline=\"{}\",lane=\"0\"", pipeline.name);
    for expected in [
        format!("streamfold_predictions_total{{{labels}}} 2000"),
        format!("streamfold_lag_records{{{labels},topic=\"{}\",partition=\"1\"}} 0", pipeline.input),
        format!(
            "streamfold_prequential{{{labels},metric=\"mae\",scope=\"overall\",role=\"baseline\",model=\"mean\"}}"
        ),
        format!("streamfold_commit_duration_seconds_count{{{labels}}}"),
    ] {
        assert!(body.contains(&expected), "{expected} is not in\n{body}");
    }
    assert!(get(port, "/nothing").unwrap().contains("404"));
    assert_eq!(running.terminate().code, Some(0));
}

//! `streamfold top` beside a pipeline at work, and without one.

use crate::support::{Pipeline, Ran};
use serde_json::Value;

fn look(pipeline: &Pipeline, more: &[&str]) -> Ran {
    let ran = pipeline.output(&["top"], &[&["--once", "--every", "0.5"], more].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    ran
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.text).unwrap()
}

#[test]
fn a_pipeline_at_work_is_shown_from_what_it_writes() {
    let pipeline = Pipeline::new("top", 4, 2);
    let none = pipeline.output(&["top"], &["--once"]);
    assert_ne!(none.code, Some(0));
    assert!(none.error.contains("no live generation"), "{}", none.error);

    pipeline.produce(0..10_000, 4);
    let running = pipeline.start(&[]);
    pipeline.wait_folded(10_000);
    let at_work = json(&look(&pipeline, &["--json"]));
    assert_eq!((&at_work["members"], &at_work["lag"]), (&1.into(), &0.into()), "{at_work}");
    let lanes = at_work["lanes"].as_array().unwrap();
    assert!(lanes.len() == 2 && lanes.iter().all(|lane| lane["folded"].as_u64() >= Some(4_000)), "{at_work}");
    let mae = |who: &str| at_work["window"][who].as_f64().unwrap();
    assert!(at_work["metric"] == "mae" && mae("model") < mae("mean"), "{at_work}");
    running.terminate();

    pipeline.produce(10_000..10_100, 4);
    let stopped = look(&pipeline, &["--metric", "rmse"]);
    assert!(stopped.text.contains("no process runs it"), "{}", stopped.text);
    assert!(
        stopped.text.contains("rmse of the window") && stopped.text.contains("prediction"),
        "{}",
        stopped.text
    );
    assert_eq!(json(&look(&pipeline, &["--json"]))["lag"], 100);
    let wrong = pipeline.output(&["top"], &["--metric", "accuracy"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.error);
    assert!(wrong.error.contains("it has mae, rmse, r2"), "{}", wrong.error);
}

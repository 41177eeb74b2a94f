//! `streamfold evaluate` as a user runs it: no Kafka, one file.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use std::process::{Command, Output};

fn rows() -> String {
    format!("{}/../../testdata/dataset/rows.parquet", env!("CARGO_MANIFEST_DIR"))
}

fn evaluate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_streamfold"))
        .arg("evaluate")
        .arg(rows())
        .args(arguments)
        .output()
        .unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = evaluate(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The error that is told; the exit code is that of a wrong command line.
fn refused(arguments: &[&str]) -> String {
    let output = evaluate(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap().replace(&rows(), "FILE")
}

#[test]
fn a_model_beats_its_baselines_and_the_run_can_be_repeated() {
    let one = json(&["--target", "y", "--window", "100"]);
    assert_eq!(
        (&one["task"], &one["rows"], &one["unused"][0]),
        (&"regression".into(), &200.into(), &"at".into())
    );
    let model = &one["models"][0];
    // An encoder stands in front of a model that cannot read categories.
    assert_eq!(model["model"]["name"], "linear_regression");
    assert_eq!(model["prepare"][0]["name"], "one_hot");
    let mae = |who: &str| model["metrics"][format!("{who}.window.mae")].as_f64().unwrap();
    assert!(mae("model") < mae("mean") / 2.0 && mae("mean") < mae("last_value"), "{model:#}");
    assert_eq!(model["scored"], 200);
    let points: Vec<_> = model["curve"].as_array().unwrap().iter().map(|point| &point["events"]).collect();
    assert_eq!(points, [50, 100, 150, 200]);
    let again = json(&["--target", "y", "--window", "100"]);
    assert_eq!(again["models"][0]["metrics"], model["metrics"]);
}

#[test]
fn several_models_and_parameters() {
    let set = ["--set", "learning_rate=0.25", "--set", "softmax_regression.classes_max=5"];
    let both = json(&[&["--target", "class", "--model", "all", "--ignore", "y"], &set[..]].concat());
    let names: Vec<&str> = both["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["model"]["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"logistic_regression") && names.contains(&"softmax_regression"), "{names:?}");
    let softmax = names.iter().position(|name| *name == "softmax_regression").unwrap();
    assert_eq!(both["models"][softmax]["model"]["parameters"]["classes_max"], 5);
    assert_eq!(both["classes"], serde_json::json!(["low", "high"]));
    // Of three classes, a model of two says so.
    let message = refused(&["--target", "colour", "--model", "logistic_regression"]);
    assert!(
        message.starts_with("error: logistic_regression tells 2 classes apart; the file has 3"),
        "{message}"
    );
    // Clusters need no target.
    let clusters = json(&["--model", "k_means", "--prepare", "one_hot,standard_scaler"]);
    assert_eq!(clusters["task"], "clustering");
}

#[test]
fn people_get_a_table_and_a_curve() {
    let output = evaluate(&["--target", "class", "--window", "20"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "200 rows, 4 numbers and 1 categories as features; classification of class, 2 classes; no features: at",
        "accuracy",
        "events/s",
        "\nsoftmax_regression",
        "\n  majority_class",
        "accuracy over the window, from ",
        "█",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn mistakes_are_told_with_the_likely_way_on() {
    for (arguments, message) in [
        (
            vec!["--target", "clas"],
            "error: FILE has no column \"clas\" (did you mean \"class\"?); it has: at, x, n, colour, ok, y, class\n",
        ),
        (vec!["--task", "regresion"], "hint: did you mean \"regression\"?"),
        (vec!["--model", "linear_regression"], "hint: --target COLUMN, one of: at, x, n"),
        (vec!["--target", "y", "--model", "linear_regresion"], "hint: did you mean \"linear_regression\"?"),
        (vec!["--target", "y", "--set", "learnin_rate=1"], "hint: did you mean \"learning_rate\"?"),
        (
            vec!["--target", "y", "--set", "learning_rate=x"],
            "error: --set learning_rate=x: learning_rate is a number from",
        ),
        (vec!["--target", "y", "--types", "n=catgory"], "hint: did you mean \"category\"?"),
        (
            vec!["--target", "y", "--types", "colour=number"],
            "error: FILE, row 1: column colour: expected a number, found \"red\"",
        ),
        (
            vec!["--target", "y", "--prepare", "standard_scaler"],
            "error: linear_regression would not see the categorical columns colour",
        ),
        (vec!["--target", "y", "--prepare", "onehot"], "hint: did you mean \"one_hot\"?"),
        (vec!["--target", "class", "--positive", "middle"], "hint: the classes are low, high"),
        (
            vec!["--target", "y", "--model", "k_means", "--task", "regression"],
            "error: k_means does clustering, not regression",
        ),
    ] {
        let told = refused(&arguments);
        assert!(told.contains(message), "{arguments:?}:\n{told}");
    }
}

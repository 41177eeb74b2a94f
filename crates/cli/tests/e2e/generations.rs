//! Changed files, generations, and what `state` does with them.

use crate::support::{Pipeline, wait};

const MEANING: (&str, &str) =
    ("kind = \"linear_regression\"", "kind = \"linear_regression\"\nlearning_rate = 0.5");

#[test]
fn a_change_of_speed_is_accepted_and_a_change_of_meaning_is_not() {
    let pipeline = Pipeline::new("changed", 1, 1);
    pipeline.produce(0..200, 1);
    pipeline.run_to_end();
    pipeline.edit("commit_interval = \"50ms\"", "commit_interval = \"70ms\"");
    pipeline.run_to_end();

    pipeline.edit(MEANING.0, MEANING.1);
    for verb in ["run", "check"] {
        let ran = pipeline.output(&[verb], &[]);
        assert_eq!(ran.code, Some(3), "{}", ran.error);
        assert!(ran.error.contains("model.learning_rate"), "{}", ran.error);
        assert!(ran.error.contains("--new-generation"), "{}", ran.error);
    }
    assert_eq!(pipeline.state()["generation"], 1);

    // From where the old one has got to, with an empty model.
    pipeline.produce(200..300, 1);
    let ran = pipeline.output(&["run"], &["--until-end", "--new-generation", "offsets"]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    let state = pipeline.state();
    assert_eq!((&state["generation"], &state["lanes"][0]["journal"]["folded"]), (&2.into(), &100.into()));
    // The same command again goes on.
    pipeline.produce(300..310, 1);
    let ran = pipeline.output(&["run"], &["--until-end", "--new-generation", "offsets"]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    assert_eq!(pipeline.state()["lanes"][0]["journal"]["folded"], 110);
    assert_eq!(pipeline.predictions().len(), 310);
}

#[test]
fn a_new_generation_takes_over_what_fits() {
    let pipeline = Pipeline::new("inherit", 1, 1);
    pipeline.produce(0..300, 1);
    pipeline.run_to_end();
    let old = pipeline.state();
    // Nothing that the state depends on: all of it goes on.
    pipeline.edit("[output]", "[output]\ninclude = [\"x\"]");
    let ran = pipeline.output(&["run"], &["--until-end", "--new-generation", "state"]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    assert!(ran.error.contains("behind 300 records (the model: taken over"), "{}", ran.error);
    let new = pipeline.state();
    let hash = |state: &serde_json::Value| state["lanes"][0]["checkpoint"]["model_hash"].clone();
    assert_eq!((&new["generation"], hash(&new)), (&2.into(), hash(&old)));
    assert_eq!(pipeline.predictions().len(), 300, "nothing is answered again");

    // It goes on from its own checkpoint, whatever becomes of the old one.
    pipeline.produce(300..400, 1);
    let dropped = pipeline.output(&["state", "drop"], &["1", "--execute"]);
    assert_eq!(dropped.code, Some(0), "{}", dropped.error);
    pipeline.run_to_end();
    assert_eq!(pipeline.predictions().len(), 400);
    // The same model as that of one fold over all of it.
    let ran = pipeline.output(&["backtest"], &["--json"]);
    let whole: serde_json::Value = serde_json::from_str(&ran.text).unwrap();
    assert_eq!(hash(&pipeline.state()), whole["lanes"][0]["model_hash"]);

    // Another model begins with nothing, and says so.
    pipeline.edit(MEANING.0, MEANING.1);
    let ran = pipeline.output(&["run"], &["--until-end", "--new-generation", "state"]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    assert!(ran.error.contains("(the model: anew, waiting events: taken over"), "{}", ran.error);
}

#[test]
fn a_generation_that_did_not_end_in_order_is_not_taken_over() {
    let pipeline = Pipeline::new("inherit-killed", 1, 1);
    pipeline.edit("checkpoint_interval = \"500ms\"", "checkpoint_interval = \"1h\"");
    let running = pipeline.start(&[]);
    // The first commit brings a checkpoint.
    pipeline.produce(0..100, 1);
    pipeline.wait_folded(100);
    pipeline.produce(100..300, 1);
    pipeline.wait_folded(300);
    running.kill9();
    pipeline.edit("[output]", "[output]\ninclude = [\"x\"]");
    let take_over = || pipeline.output(&["run"], &["--until-end", "--new-generation", "state"]);
    wait("the group knows that it is gone", || !take_over().error.contains("is at work"));
    let refused = take_over();
    assert_eq!(refused.code, Some(1), "{}", refused.error);
    assert!(refused.error.contains("cannot take over the state of generation 1"), "{}", refused.error);
    // Nothing has changed, so what the message says is possible.
    pipeline.edit("include = [\"x\"]", "");
    pipeline.run_to_end();
    pipeline.edit("[output]", "[output]\ninclude = [\"x\"]");
    assert_eq!(take_over().code, Some(0));
    assert_eq!(pipeline.state()["generation"], 2);
    assert_eq!(pipeline.predictions().len(), 300);
}

#[test]
fn a_candidate_runs_beside_the_live_generation_until_it_is_promoted() {
    let pipeline = Pipeline::new("candidate", 2, 1);
    pipeline.produce(0..200, 2);
    pipeline.run_to_end();
    let text = std::fs::read_to_string(pipeline.file()).unwrap();
    let live = pipeline.start(&[]);
    live.wait_said("assigned");
    pipeline.edit(MEANING.0, MEANING.1);
    let ran = pipeline.output(&["run"], &["--until-end", "--candidate"]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    assert_eq!(pipeline.client.read(&format!("{}.2.predictions", pipeline.name), true).len(), 200);
    assert_eq!(pipeline.predictions().len(), 200, "the candidate leaves the live topic alone");

    let refused = pipeline.output(&["state", "promote"], &["2", "--execute"]);
    assert_eq!(refused.code, Some(1), "{}", refused.error);
    assert!(refused.error.contains("is at work"), "{}", refused.error);
    assert_eq!(live.terminate().code, Some(0));
    let shown = pipeline.output(&["state", "promote"], &["2"]);
    assert!(shown.text.contains("would do"), "{}", shown.text);
    assert_eq!(pipeline.state()["generation"], 1);
    let done = pipeline.output(&["state", "promote"], &["2", "--execute"]);
    assert_eq!(done.code, Some(0), "{}", done.error);
    assert_eq!(pipeline.state()["generation"], 2);

    pipeline.produce(200..250, 2);
    pipeline.run_to_end();
    assert_eq!(pipeline.predictions().len(), 250, "it goes on where it was, and answers to the live topic");

    // The old one can be dropped; the new one cannot.
    assert_eq!(pipeline.output(&["state", "drop"], &["2", "--execute"]).code, Some(2));
    let dropped = pipeline.output(&["state", "drop"], &["1", "--execute"]);
    assert_eq!(dropped.code, Some(0), "{}", dropped.error);
    assert!(dropped.text.contains(&format!("delete topic {}.1.journal", pipeline.name)), "{}", dropped.text);
    let state = pipeline.output(&["state"], &[]);
    assert!(
        state.text.contains("generation 2 (live)") && !state.text.contains("generation 1"),
        "{}",
        state.text
    );
    std::fs::write(pipeline.file(), text).unwrap();
    assert_eq!(
        pipeline.output(&["run"], &["--until-end"]).code,
        Some(3),
        "the old file is the changed one now"
    );
}

#[test]
fn a_reset_begins_anew_with_the_same_meaning() {
    let pipeline = Pipeline::new("reset", 1, 1);
    pipeline.produce(0..100, 1);
    pipeline.run_to_end();
    let first = pipeline.state();
    let running = pipeline.start(&[]);
    running.wait_said("assigned");
    assert!(pipeline.output(&["state", "reset"], &["--execute"]).error.contains("is at work"));
    assert_eq!(running.terminate().code, Some(0));
    assert_eq!(pipeline.output(&["state", "reset"], &["--execute"]).code, Some(0));
    pipeline.run_to_end();
    let second = pipeline.state();
    assert_eq!((&first["generation"], &second["generation"]), (&1.into(), &2.into()));
    assert_eq!(
        first["lanes"][0]["checkpoint"]["model_hash"], second["lanes"][0]["checkpoint"]["model_hash"],
        "the same events, folded anew, give the same model"
    );
    assert_eq!(pipeline.predictions().len(), 200);
}

#[test]
fn state_is_shown_for_people() {
    let pipeline = Pipeline::new("shown", 1, 1);
    assert!(pipeline.output(&["state"], &[]).text.contains("has not run yet"));
    pipeline.produce(0..100, 1);
    pipeline.run_to_end();
    let text = pipeline.output(&["state"], &[]).text;
    for expected in ["generation 1 (live), 1 lanes", "100 records folded", "model       ", "CURRENT-OFFSET"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn models_are_listed_and_explained() {
    let run = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_streamfold");
        std::process::Command::new(binary).arg("models").args(arguments).output().unwrap()
    };
    let all = run(&["--json"]);
    let all: serde_json::Value = serde_json::from_slice(&all.stdout).unwrap();
    let names: Vec<&str> =
        all.as_array().unwrap().iter().filter_map(|entry| entry["name"].as_str()).collect();
    assert!(names.contains(&"linear_regression") && names.contains(&"standard_scaler"), "{names:?}");
    let one = String::from_utf8(run(&["k_means"]).stdout).unwrap();
    assert!(one.starts_with("k_means (clustering)"), "{one}");
    let unknown = run(&["k_meens"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("did you mean \"k_means\"?"));
}

//! Pipeline files, good and bad, against what `check` says of them: `testdata/pipelines`. With `UPDATE=1` in the
//! environment the expectations are written anew, to be read before they are committed.

#![expect(clippy::unwrap_used, reason = "helpers of tests are no tests to clippy")]

use std::path::{Path, PathBuf};
use streamfold_engine::plan::{self, Catalog, CatalogFormat, Plan};
use streamfold_formats::FORMATS;
use streamfold_learn::registry::{MODELS, TRANSFORMERS};

fn catalog() -> Catalog {
    let formats = FORMATS.iter().map(|entry| {
        let options = entry.options.iter().map(|option| option.name);
        CatalogFormat::new(entry.name, options, entry.decoder, entry.encoder)
    });
    Catalog { formats: formats.collect() }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/pipelines").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn expect(file: &Path, found: &str) {
    let expected = file.with_extension("txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&expected, found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&expected).unwrap_or_default(), "{}", file.display());
}

fn good(name: &str) -> (String, Plan) {
    let file = files("good").into_iter().find(|file| file.file_stem().unwrap() == name).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let plan = plan::from_text(&text, &catalog()).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
    (text, plan)
}

#[test]
fn bad_files_are_told_everything_that_is_wrong() {
    for file in files("bad") {
        let text = std::fs::read_to_string(&file).unwrap();
        let property = |name: &str, _: &str| match name {
            "group.id" => Err("the pipeline sets it itself".to_owned()),
            _ => Ok(()),
        };
        let problems =
            plan::from_text_with(&text, &catalog(), &property).expect_err(&file.display().to_string());
        let name = file.file_name().unwrap().to_str().unwrap();
        let found: String = problems.iter().map(|problem| problem.in_file(name) + "\n").collect();
        // These lists grow with every model and transformer.
        let models: Vec<&str> = MODELS.iter().map(|entry| entry.name).collect();
        let transformers: Vec<&str> = TRANSFORMERS.iter().map(|entry| entry.name).collect();
        let found = found.replace(&models.join(", "), "(all models)");
        let found = found.replace(&transformers.join(", "), "(all transformers)");
        expect(&file, &found);
    }
}

#[test]
fn good_files_are_plans_that_can_be_built_and_read() {
    for file in files("good") {
        let (_, plan) = good(file.file_stem().unwrap().to_str().unwrap());
        let parts = plan.parts(&catalog()).unwrap();
        assert_eq!(parts.model.task(), plan.task);
        assert_eq!(parts.decoders.len(), plan.inputs.len());
        let meaning: String =
            plan.meaning.iter().map(|(key, value)| format!("  {key} = {value}\n")).collect();
        expect(&file, &format!("{}meaning\n{meaning}", plan.describe()));
    }
}

#[test]
fn the_examples_are_plans() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for example in std::fs::read_dir(examples).unwrap() {
        let file = example.unwrap().path().join("pipeline.toml");
        if let Ok(text) = std::fs::read_to_string(&file) {
            let plan = plan::from_text(&text, &catalog());
            assert!(plan.is_ok(), "{}: {:#?}", file.display(), plan.err());
        }
    }
}

#[test]
fn meaning_survives_as_text() {
    for file in files("good") {
        let (_, plan) = good(file.file_stem().unwrap().to_str().unwrap());
        let text = plan::meaning_to_text(&plan.meaning);
        assert_eq!(plan::meaning_from_text(&text).unwrap(), plan.meaning);
    }
    assert_eq!(plan::meaning_from_text("lanes = 1"), None);
}

/// The plan of `everything.toml` with one line exchanged.
fn changed(from: &str, to: &str) -> Plan {
    let (text, _) = good("everything");
    assert_eq!(text.matches(from).count(), 1, "{from}");
    plan::from_text(&text.replace(from, to), &catalog())
        .unwrap_or_else(|problems| panic!("{to}: {problems:#?}"))
}

#[test]
fn what_changes_results_changes_the_meaning() {
    let (_, before) = good("everything");
    for (from, to, said) in [
        ("lanes = 3", "lanes = 4", "lanes was 3 and is now 4"),
        ("seed = 7", "seed = 8", "seed was 7 and is now 8"),
        ("\"refunds\"", "\"returns\"", r#"input.refunds.topic was "refunds" and is now "returns""#),
        ("\"rfc3339\"", "\"auto\"", r#"input.transactions.time_format was "rfc3339" and is now "auto""#),
        ("\"5m\"", "\"6m\"", r#"input.transactions.time_ahead_max was "5m" and is now "6m""#),
        ("start = \"latest\"", "", r#"input.refunds.start was "latest" and is now "earliest""#),
        (
            r#"numeric = ["amount", "abroad"]"#,
            r#"numeric = ["abroad", "amount"]"#,
            r#"features.numeric: the order changed, it is now ["abroad","amount"]"#,
        ),
        (
            r#"categorical = ["country"]"#,
            r#"categorical = ["tx_id"]"#,
            r#"features.categorical: now with "tx_id", no longer with "country""#,
        ),
        ("\"is_fraud\"", "\"fraud\"", r#"label.field was "is_fraud" and is now "fraud""#),
        ("wait = \"7d\"", "wait = \"8d\"", r#"label.wait was "7d" and is now "8d""#),
        ("on_timeout = false", "on_timeout = \"drop\"", r#"label.on_timeout was false and is now "drop""#),
        ("positive = true", "", r#"label.positive is gone: it was "true""#),
        ("\"wait_over\"", "\"arrival\"", r#"label.learn was "wait_over" and is now "arrival""#),
        ("100_000", "100_001", "label.waiting_rows_max was 100000 and is now 100001"),
        ("\"drop_newest\"", "\"stop\"", r#"label.when_full was "drop_newest" and is now "stop""#),
        ("learning_rate = 0.5", "learning_rate = 0.25", "model.learning_rate was 0.5 and is now 0.25"),
        ("bits = 12", "bits = 13", "model.prepare[1].bits was 12 and is now 13"),
        (r#"headers = ["traceparent"]"#, "", r#"output.headers: no longer with "traceparent""#),
        ("window_events = 5000", "", "metrics.window_events was 5000 and is now 1000"),
    ] {
        let after = changed(from, to);
        assert_ne!(before.fingerprint(), after.fingerprint(), "{to}");
        assert_eq!(plan::diff_meaning(&before.meaning, &after.meaning), [said]);
    }
}

#[test]
fn the_order_of_inputs_has_a_meaning() {
    let (text, before) = good("everything");
    let (start, end) = (text.find("[input.refunds]").unwrap(), text.find("[features]").unwrap());
    let refunds = &text[start..end];
    let turned =
        text.replace(refunds, "").replace("[input.transactions]", &format!("{refunds}[input.transactions]"));
    let after = plan::from_text(&turned, &catalog()).unwrap();
    assert_ne!(before.fingerprint(), after.fingerprint());
    let said = r#"input: the order changed, it is now ["refunds","transactions"]"#;
    assert_eq!(plan::diff_meaning(&before.meaning, &after.meaning), [said]);
}

#[test]
fn what_changes_only_names_speed_or_memory_does_not() {
    let (_, before) = good("everything");
    for (from, to) in [
        ("\"bank.\"", "\"shop.\""),
        ("\"zstd\"", "\"lz4\""),
        ("\"SASL_SSL\"", "\"SASL_PLAINTEXT\""),
        ("\"fraud-scores\"", "\"scores\""),
        ("\"fraud-metrics\"", "\"fraud-quality\""),
        ("\"bad-transactions\"", "\"bad\""),
        ("fraction_max = 0.5", "fraction_max = 1"),
        ("record_bytes_max = \"64KiB\"", ""),
        ("queue_bytes_max = \"16MiB\"", "queue_bytes_max = \"32MiB\""),
        ("commit_interval = \"50ms\"", "commit_interval = \"1s\""),
        ("recommit_interval = \"2h\"", ""),
        // The same value, written otherwise.
        ("wait = \"7d\"", "wait = \"168h\""),
        ("start = 2013-01-01T00:00:00-05:00", "start = \"2013-01-01T05:00:00Z\""),
        ("on_timeout = false", "on_timeout = false # no chargeback within 7 days"),
    ] {
        let after = changed(from, to);
        assert_eq!(plan::diff_meaning(&before.meaning, &after.meaning), Vec::<String>::new(), "{to}");
        assert_eq!(before.fingerprint(), after.fingerprint());
    }
}

#[test]
fn topics_are_named_by_role_and_generation() {
    let (_, smallest) = good("smallest");
    let owned = ["numbers.3.predictions", "numbers.3.dead-letters", "numbers.3.metrics"];
    assert_eq!(smallest.output_topics(3), owned);
    let (_, everything) = good("everything");
    assert_eq!(everything.output_topics(3), ["fraud-scores", "bad-transactions", "fraud-metrics"]);
    assert_eq!(everything.group(), "bank.card-fraud");
}

#[test]
fn the_cluster_has_to_have_the_partitions() {
    let (_, flights) = good("flights");
    let check = |partitions: [Option<i32>; 2]| plan::check_cluster(&flights, &partitions);
    assert_eq!(check([Some(4), Some(4)]), Vec::<String>::new());
    let faults = check([None, Some(1)]);
    assert_eq!(faults.len(), 2);
    assert!(faults[0].contains("\"departures\" of input departures is not there"), "{}", faults[0]);
    assert!(faults[1].contains("\"landings\" of input label has 1 partitions for 2 lanes"), "{}", faults[1]);
    let faults = check([Some(4), Some(8)]);
    assert!(faults.len() == 1 && faults[0].contains("has 4 partitions and \"landings\" has 8"), "{faults:?}");
    let (_, smallest) = good("smallest");
    assert!(plan::check_cluster(&smallest, &[Some(1)]).is_empty());
}

#[test]
fn secrets_are_not_shown() {
    let plan = changed("${env:KAFKA_PASSWORD}", "hunter2");
    assert!(!format!("{plan:?}{}{:?}", plan.describe(), plan.meaning).contains("hunter2"));
    let problems = plan::from_text("[kafka]\n\"sasl.password\" = \"hunter2\"\n", &catalog()).unwrap_err();
    assert!(!format!("{problems:?}").contains("hunter2"));
}

#[test]
fn every_bound_of_memory_counts() {
    let (_, plan) = good("everything");
    let metrics = 5000 * 16 * 8;
    let lane = (16 << 20) + (8 << 20) + (1 << 20) + 100_000_000 + metrics + 100;
    assert_eq!(plan.memory_of_lane().iter().map(|(_, bytes)| bytes).sum::<u64>(), lane);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]={}\"'#,.\\-a-z0-9\n ]{0,200}") {
        let _ = plan::from_text(&text, &catalog());
    }

    #[test]
    fn no_damage_to_a_good_file_makes_it_panic(
        name in proptest::sample::select(vec!["everything", "flights", "clusters"]),
        at in 0.0..1.0f64,
        length in 0..40usize,
        with in "[\\[\\]={}\"'#,.\\-a-z0-9\n ]{0,6}",
    ) {
        let (text, _) = good(name);
        let start = text.floor_char_boundary((at * text.len() as f64) as usize);
        let end = text.floor_char_boundary((start + length).min(text.len()));
        let damaged = format!("{}{with}{}", &text[..start], &text[end..]);
        if let Err(problems) = plan::from_text(&damaged, &catalog()) {
            proptest::prop_assert!(!problems.is_empty());
        }
    }
}

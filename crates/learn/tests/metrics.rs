//! Metrics against scikit-learn's (testdata/metrics/golden.json), and the laws that hold for any stream.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use serde_json::Value as Json;
use streamfold_learn::baseline::{self, Baselines};
use streamfold_learn::metrics::{Evaluator, Options, Report, Scope};
use streamfold_learn::model::{Assignment, Task};
use streamfold_learn::snapshot::{Reader, Snapshot, Writer};

const TASKS: [Task; 3] = [Task::Regression, Task::Classification, Task::Clustering];

/// One event: what was predicted and what was right.
#[derive(Clone, Debug)]
enum Event {
    Number(f64, f64),
    Class(Vec<f64>, usize),
    Cluster(f64, f64),
}

/// Scores events the way the engine does when every label comes at once.
struct Run {
    baselines: Baselines,
    evaluator: Evaluator,
    options: Options,
    task: Task,
}

impl Run {
    fn new(task: Task, options: Options) -> Self {
        let baselines = Baselines::new(task, options.classes_max);
        Run { baselines, evaluator: Evaluator::new(task, options), options, task }
    }

    fn feed(&mut self, event: &Event) {
        let mut words = Vec::new();
        match event {
            Event::Number(prediction, label) => {
                self.baselines.predict(0, &mut words);
                self.evaluator.update_regression(*prediction, *label, &words);
                self.baselines.learn_number(*label);
            }
            Event::Class(scores, class) => {
                self.baselines.predict(scores.len(), &mut words);
                self.evaluator.update_classification(scores, *class, &words);
                self.baselines.learn_class(*class);
            }
            &Event::Cluster(distance, second_distance) => {
                self.evaluator.update_clustering(&Assignment { cluster: 0, distance, second_distance });
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.baselines.save(&mut out);
        self.evaluator.save(&mut out);
        out.into_bytes()
    }

    /// The same run, saved and loaded.
    fn reloaded(&self) -> Self {
        let mut loaded = Run::new(self.task, self.options);
        let bytes = self.bytes();
        let mut reader = Reader::new("test", &bytes);
        loaded.baselines.load(&mut reader).unwrap();
        loaded.evaluator.load(&mut reader).unwrap();
        reader.finish().unwrap();
        loaded
    }
}

fn value(report: &Report, who: &str, scope: Scope, metric: &str) -> Option<f64> {
    let mut found = report.values.iter().filter(|v| v.who == who && v.scope == scope && v.metric == metric);
    let value = found.next().unwrap_or_else(|| panic!("no {metric} of {who}")).value;
    assert!(found.next().is_none(), "{metric} of {who} twice");
    value
}

/// Both not defined, or equal up to a share of `tolerance` (of 1, for small numbers).
fn close(a: Option<f64>, b: Option<f64>, tolerance: f64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0),
        (a, b) => a == b,
    }
}

fn floats(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
}

fn events(task: Task, case: &Json) -> Vec<Event> {
    let pairs = |a: &str, b: &str| floats(&case[a]).into_iter().zip(floats(&case[b])).collect::<Vec<_>>();
    match task {
        Task::Regression => {
            pairs("predictions", "labels").into_iter().map(|(p, y)| Event::Number(p, y)).collect()
        }
        Task::Clustering => {
            pairs("distances", "second_distances").into_iter().map(|(a, b)| Event::Cluster(a, b)).collect()
        }
        Task::Classification => {
            let labels = floats(&case["labels"]).into_iter().map(|class| class as usize);
            let scores = case["scores"].as_array().unwrap().iter().map(floats);
            scores.zip(labels).map(|(scores, class)| Event::Class(scores, class)).collect()
        }
        other => panic!("no golden numbers of {}", other.name()),
    }
}

/// Compares a report with the golden metrics at that moment; says what differs.
fn compare(case: &Json, moment: &Json, task: Task, report: &Report, wrong: &mut Vec<String>) -> usize {
    let mut compared = 0;
    let metrics = moment["metrics"].as_object().unwrap();
    assert_eq!(metrics.len(), 1 + baseline::names(task).len());
    for (who, scopes) in metrics {
        for scope in [Scope::Overall, Scope::Window] {
            for (metric, expected) in scopes[scope.name()].as_object().unwrap() {
                let binned = metric == "roc_auc" && scope == Scope::Overall;
                let tolerance = if binned { case["binned_tolerance"][who].as_f64().unwrap() } else { 1e-9 };
                let found = value(report, who, scope, metric);
                if !close(found, expected.as_f64(), tolerance) {
                    let at = format!("{} after {} events", case["name"], moment["events"]);
                    let scope = scope.name();
                    wrong.push(format!("{at}: {who} {scope} {metric} is {found:?}, should be {expected}"));
                }
                compared += 1;
            }
        }
    }
    assert_eq!(compared, report.values.len());
    compared
}

#[test]
fn numbers_agree_with_scikit_learn() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/metrics/golden.json");
    let golden: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (mut compared, mut wrong) = (0, Vec::new());
    for task in TASKS {
        for case in golden[task.name()].as_array().unwrap() {
            let options = Options {
                window_rows: case["window"].as_u64().unwrap() as usize,
                positive_class: case["positive"].as_u64().unwrap_or(1) as usize,
                ..Options::default()
            };
            let mut run = Run::new(task, options);
            let mut fed = 0;
            let events = events(task, case);
            for moment in case["after"].as_array().unwrap() {
                let until = moment["events"].as_u64().unwrap() as usize;
                events[fed..until].iter().for_each(|event| run.feed(event));
                fed = until;
                let report = run.evaluator.report();
                assert_eq!((report.scored, report.skipped), (fed as u64, 0));
                compared += compare(case, moment, task, &report, &mut wrong);
            }
            assert_eq!(fed, events.len());
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 5000, "only {compared} numbers compared");
}

#[test]
fn after_a_million_events_the_window_and_the_sums_have_not_drifted() {
    let options = Options { window_rows: 1000, ..Options::default() };
    let mut run = Run::new(Task::Regression, options);
    let mut last = Run::new(Task::Regression, options);
    let mut state = 1u64;
    let mut whole = 0i128;
    for at in 0..1_000_000 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        // Errors are whole multiples of 2^-20, so that their exact sum is known.
        let error = (state >> 40) as i64 - (1 << 23);
        let label = if at == 1000 { 1e9 } else { (at % 7) as f64 };
        let event = Event::Number(label + error as f64 / f64::from(1 << 20), label);
        whole += i128::from(error.abs());
        run.feed(&event);
        if at >= 999_000 {
            last.feed(&event);
        }
    }
    let (report, fresh) = (run.evaluator.report(), last.evaluator.report());
    let exact = whole as f64 / f64::from(1 << 20) / 1e6;
    assert!(close(value(&report, "model", Scope::Overall, "mae"), Some(exact), 1e-12));
    for metric in ["mae", "rmse", "r2"] {
        let window = value(&report, "model", Scope::Window, metric);
        assert!(window.is_some());
        assert!(close(window, value(&fresh, "model", Scope::Overall, metric), 1e-12), "{metric}");
    }
}

#[test]
fn what_cannot_be_scored_is_counted_and_changes_no_metric() {
    let good = [0.5, 0.5];
    for task in TASKS {
        let mut run = Run::new(task, Options { classes_max: 2, ..Options::default() });
        let before = run.evaluator.report();
        let evaluator = &mut run.evaluator;
        for bad in [f64::NAN, f64::INFINITY] {
            evaluator.update_regression(bad, 0.0, &good);
            evaluator.update_regression(0.0, bad, &good);
            evaluator.update_regression(0.0, 0.0, &[0.5, bad]);
            evaluator.update_classification(&[1.0, bad], 0, &[0.5; 4]);
            evaluator.update_classification(&good, 0, &[0.5, 0.5, 0.5, bad]);
            evaluator.update_clustering(&Assignment { cluster: 0, distance: bad, second_distance: 1.0 });
        }
        evaluator.update_regression(0.0, 0.0, &[0.5]);
        evaluator.update_classification(&good, 0, &[0.5; 3]);
        evaluator.update_classification(&good, 2, &[0.5; 4]);
        evaluator.update_classification(&good, usize::MAX, &[0.5; 4]);
        evaluator.update_classification(&[0.2, 0.3, 0.5], 0, &[0.5; 6]);
        evaluator.update_classification(&[], 0, &[]);
        assert_eq!(evaluator.report(), Report { skipped: 18, ..before });
    }
}

#[test]
fn a_third_class_ends_the_binary_task() {
    let mut run = Run::new(Task::Classification, Options::default());
    for class in [0, 1, 0, 1] {
        run.feed(&Event::Class(vec![0.4, 0.6], class));
    }
    let report = run.evaluator.report();
    assert_eq!(value(&report, "model", Scope::Overall, "roc_auc"), Some(0.5));
    assert_eq!(value(&report, "model", Scope::Window, "f1"), Some(2.0 / 3.0));

    // Unknown when it was predicted: its probability was 0, which counts as 1e-15.
    run.feed(&Event::Class(vec![0.4, 0.6], 2));
    let report = run.reloaded().evaluator.report();
    for scope in [Scope::Overall, Scope::Window] {
        assert_eq!(value(&report, "model", scope, "roc_auc"), None);
        assert!(close(value(&report, "model", scope, "f1"), Some((0.0 + 4.0 / 7.0 + 0.0) / 3.0), 1e-15));
        let log_loss = -(2.0 * 0.4f64.ln() + 2.0 * 0.6f64.ln() + 1e-15f64.ln()) / 5.0;
        assert!(close(value(&report, "model", scope, "log_loss"), Some(log_loss), 1e-14));
    }
    let confusion = run.evaluator.confusion().unwrap();
    assert_eq!((confusion.classes(), confusion.count(2, 1), confusion.count(0, 1)), (3, 1, 2));
}

#[test]
fn numbers_beyond_the_range_are_not_defined_and_leave_the_window() {
    let mut run = Run::new(Task::Regression, Options { window_rows: 2, ..Options::default() });
    for event in [Event::Number(1e308, -1e308), Event::Number(1.0, 2.0), Event::Number(1.0, 3.0)] {
        run.feed(&event);
    }
    let report = run.reloaded().evaluator.report();
    assert_eq!(value(&report, "model", Scope::Overall, "mae"), None);
    assert_eq!(value(&report, "model", Scope::Window, "mae"), Some(1.5));
}

/// A stream of one task. All classes are known from the beginning, so that streams can be cut.
fn stream() -> impl Strategy<Value = (Task, Vec<Event>)> {
    let number =
        prop_oneof![-1e3..1e3f64, Just(1.0), any::<f64>().prop_filter("moderate", |x| x.abs() < 1e9)];
    let numbers = prop::collection::vec((number.clone(), number), 0..60)
        .prop_map(|pairs| (Task::Regression, pairs.into_iter().map(|(p, y)| Event::Number(p, y)).collect()));
    let classes = (1..5usize).prop_flat_map(|classes| {
        let score = prop_oneof![0.0..1.0f64, Just(0.0), Just(0.5), Just(1.0)];
        let event = (prop::collection::vec(score, classes), 0..classes);
        prop::collection::vec(event, 0..60).prop_map(|events| {
            (Task::Classification, events.into_iter().map(|(s, class)| Event::Class(s, class)).collect())
        })
    });
    let distance = prop_oneof![0.0..10.0f64, Just(0.0)];
    let second = prop_oneof![0.0..10.0f64, Just(f64::NAN)];
    let clusters = prop::collection::vec((distance, second), 0..60).prop_map(|pairs| {
        (Task::Clustering, pairs.into_iter().map(|(a, b)| Event::Cluster(a, b.max(a))).collect())
    });
    prop_oneof![numbers, classes, clusters]
}

proptest! {
    #[test]
    fn the_window_is_what_the_last_events_alone_give((task, events) in stream(), window_rows in 1..40usize) {
        let options = Options { window_rows, ..Options::default() };
        let mut whole = Run::new(task, options);
        let mut last = Evaluator::new(task, options);
        for (at, event) in events.iter().enumerate() {
            if at + window_rows >= events.len() {
                // The baselines have seen everything; only the metrics start anew.
                let mut fresh = Run { baselines: whole.baselines.clone(), evaluator: last, ..whole };
                fresh.feed(event);
                last = fresh.evaluator;
            }
            whole.feed(event);
        }
        let (report, fresh) = (whole.evaluator.report(), last.report());
        for (found, expected) in report.values.iter().zip(&fresh.values) {
            if found.scope == Scope::Window {
                prop_assert_eq!(found, expected);
                let overall = value(&fresh, found.who, Scope::Overall, found.metric);
                prop_assert!(found.metric == "roc_auc" || close(found.value, overall, 1e-9));
            }
        }
    }

    #[test]
    fn saved_and_loaded_it_goes_on_with_the_same_bits((task, events) in stream(), cut in 0..60usize) {
        let options = Options { window_rows: 20, ..Options::default() };
        let (mut whole, mut parts) = (Run::new(task, options), Run::new(task, options));
        for (at, event) in events.iter().enumerate() {
            if at == cut {
                parts = parts.reloaded();
            }
            whole.feed(event);
            parts.feed(event);
        }
        prop_assert_eq!(whole.bytes(), parts.bytes());
        prop_assert_eq!(whole.evaluator.report(), parts.evaluator.report());
    }

    #[test]
    fn foreign_bytes_are_an_error_or_a_state_that_works(
        (task, events) in stream(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let options = Options { window_rows: 20, ..Options::default() };
        let mut run = Run::new(task, options);
        events.iter().for_each(|event| run.feed(event));
        let mut out = Writer::new();
        run.evaluator.save(&mut out);
        let mut damaged = out.into_bytes();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        if cut {
            damaged.truncate(at);
        }
        for bytes in [damaged, noise] {
            let mut evaluator = Evaluator::new(task, options);
            let loaded = evaluator.load(&mut Reader::new("test", &bytes));
            prop_assert!(loaded.is_err() || !cut || bytes.len() != at);
            evaluator.report();
            let mut run = Run { evaluator, baselines: run.baselines.clone(), ..run };
            events.iter().for_each(|event| run.feed(event));
            run.evaluator.report();
        }
    }

    #[test]
    fn metrics_stay_in_their_range((task, events) in stream()) {
        let mut run = Run::new(task, Options { window_rows: 20, ..Options::default() });
        events.iter().for_each(|event| run.feed(event));
        for found in run.evaluator.report().values {
            let (least, greatest) = match found.metric {
                "r2" => (f64::NEG_INFINITY, 1.0),
                "kappa" => (-1.0, 1.0),
                "accuracy" | "roc_auc" | "f1" | "silhouette" => (0.0, 1.0),
                "log_loss" => (0.0, 34.6),
                _ => (0.0, f64::INFINITY),
            };
            prop_assert!(found.value.is_none_or(|value| value >= least && value <= greatest), "{found:?}");
        }
    }
}

//! The detectors beside River's on the same streams (`testdata/learn/drift.py` makes the numbers), and what all of them
//! hold.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use std::fs;
use std::path::Path;
use streamfold_learn::drift::adwin::{Adwin, Change};
use streamfold_learn::drift::{DriftDetector, Input, State};
use streamfold_learn::params::{ParamKind, ParamValue};
use streamfold_learn::random::Random;
use streamfold_learn::registry::{DETECTORS, DetectorEntry, detector};
use streamfold_learn::snapshot::{Reader, Writer};

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/learn/drift.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn whole(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn places(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(whole).collect()
}

/// The stream of `drift.py`.
fn stream(golden: &Value, name: &Value) -> Vec<f64> {
    let stream = &golden["streams"][name.as_str().unwrap()];
    let mut random = Random::new(stream["seed"].as_u64().unwrap());
    let mut numbers = Vec::new();
    for part in stream["parts"].as_array().unwrap() {
        numbers.extend((0..whole(&part["events"])).map(|_| match part["share"].as_f64() {
            Some(share) => f64::from(random.unit() < share),
            None => float(&part["offset"]) + float(&part["scale"]) * (2.0 * random.unit() - 1.0),
        }));
    }
    numbers
}

fn build(name: &str, given: &[(&str, ParamValue)]) -> Box<dyn DriftDetector> {
    let entry = detector(name).unwrap();
    let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    (entry.build)(&entry.values(&given).unwrap())
}

/// Where a detector is in a state.
fn found(detector: &mut dyn DriftDetector, numbers: &[f64], state: State) -> Vec<usize> {
    (0..numbers.len()).filter(|&at| detector.learn(numbers[at]) == state).collect()
}

#[test]
fn adwin_has_the_windows_of_river() {
    let golden = golden();
    for case in golden["adwin"].as_array().unwrap() {
        let clock = ParamValue::Integer(whole(&case["clock"]) as i64);
        let delta = ParamValue::Number(float(&case["delta"]));
        let numbers = stream(&golden, &case["stream"]);
        let mut detector = build("adwin", &[("delta", delta), ("clock", clock)]);
        assert_eq!(found(detector.as_mut(), &numbers, State::Drift), places(&case["changes"]), "{case}");
        if whole(&case["clock"]) != 32 {
            continue;
        }
        let mut states = case["states"].as_array().unwrap().iter();
        let mut adwin = Adwin::new(float(&case["delta"]));
        for (at, &number) in numbers.iter().enumerate() {
            adwin.add(number);
            if at % 97 == 96 {
                let state = states.next().unwrap();
                let width = adwin.width() as f64;
                assert_eq!(width, float(&state[0]), "event {at}");
                assert!((adwin.mean() * width - float(&state[1])).abs() < 1e-6, "event {at}");
                assert!((adwin.variance() * width - float(&state[2])).abs() < 1e-6, "event {at}");
            }
        }
        assert_eq!(states.next(), None);
    }
}

#[test]
fn adwin_tells_a_rise_from_a_fall() {
    let golden = golden();
    let numbers = stream(&golden, &"errors".into());
    let mut adwin = Adwin::new(0.002);
    let changes: Vec<_> = numbers.iter().map(|&number| adwin.add(number)).enumerate().collect();
    let of = |wanted: Change| {
        changes.iter().filter(move |(_, change)| *change == wanted).map(|(at, _)| *at / 1500)
    };
    // The share of errors rises in the second, fourth and fifth part, and falls in the third.
    assert_eq!(of(Change::Fall).collect::<Vec<_>>(), [2, 2, 2]);
    assert!(of(Change::Rise).all(|part| [1, 3, 4].contains(&part)));
}

#[test]
fn page_hinkley_without_standardisation_finds_what_river_finds() {
    let golden = golden();
    for case in golden["page_hinkley"].as_array().unwrap() {
        let alarm_on = match case["mode"].as_str().unwrap() {
            "up" => "rise",
            "down" => "fall",
            _ => "change",
        };
        let given = [
            ("threshold", ParamValue::Number(float(&case["threshold"]))),
            ("delta", ParamValue::Number(float(&case["delta"]))),
            ("alarm_on", ParamValue::Text(alarm_on.to_owned())),
            ("standardise", ParamValue::Boolean(false)),
        ];
        let mut detector = build("page_hinkley", &given);
        let numbers = stream(&golden, &case["stream"]);
        assert_eq!(found(detector.as_mut(), &numbers, State::Drift), places(&case["drifts"]), "{case}");
    }
}

#[test]
fn detectors_of_errors_find_what_river_finds() {
    const NAMES: [(&str, &str); 9] = [
        ("warm_start", "warm_up"),
        ("warning_threshold", "warning_deviations"),
        ("drift_threshold", "drift_deviations"),
        ("alpha", "warning_level"),
        ("beta", "drift_level"),
        ("drift_confidence", "drift_confidence"),
        ("warning_confidence", "warning_confidence"),
        ("lambda_val", "weight"),
        ("two_sided_test", "alarm_on"),
    ];
    let golden = golden();
    let numbers = stream(&golden, &"errors".into());
    for name in ["ddm", "eddm", "hddm_a", "hddm_w"] {
        for case in golden[name].as_array().unwrap() {
            let mut given = Vec::new();
            for (theirs, ours) in NAMES {
                match &case[theirs] {
                    Value::Bool(_) => given.push((ours, ParamValue::Text("change".to_owned()))),
                    Value::Number(number) if theirs == "warm_start" => {
                        given.push((ours, ParamValue::Integer(number.as_i64().unwrap())));
                    }
                    Value::Number(number) => given.push((ours, ParamValue::Number(number.as_f64().unwrap()))),
                    _ => {}
                }
            }
            let mut detector = build(name, &given);
            let states: Vec<State> = numbers.iter().map(|&number| detector.learn(number)).collect();
            let drifts = (0..states.len()).filter(|&at| states[at] == State::Drift).collect::<Vec<_>>();
            assert_eq!(drifts, places(&case["drifts"]), "{name} {case}");
            // River's EDDM goes on warning where the distance is larger than ever.
            if name != "eddm" {
                let warnings = states.iter().filter(|state| **state == State::Warning).count();
                assert_eq!(warnings, whole(&case["warnings"]), "{name} {case}");
            }
        }
    }
}

/// A stream that changes now and then, as the detector is to be fed.
fn events(input: Input, count: usize) -> Vec<f64> {
    let mut random = Random::new(9);
    let event = |at: usize| match (input, at / 2000 % 2) {
        (Input::Error, part) => f64::from(random.unit() < [0.1, 0.4][part]),
        (Input::Number, part) => random.normal() * [1.0, 3.0][part] + [0.0, 5.0][part],
    };
    (0..count).map(event).collect()
}

fn bytes(detector: &dyn DriftDetector) -> Vec<u8> {
    let mut out = Writer::new();
    detector.save(&mut out);
    out.into_bytes()
}

/// The detector with defaults, and with each parameter at the ends of its range.
fn settings(entry: &DetectorEntry) -> Vec<Vec<(String, ParamValue)>> {
    let ends = entry.params.iter().flat_map(|param| {
        let values = match param.kind {
            ParamKind::Number { min, max, .. } => vec![ParamValue::Number(min), ParamValue::Number(max)],
            ParamKind::Integer { min, max, .. } => {
                vec![ParamValue::Integer(min), ParamValue::Integer(max.min(5000))]
            }
            ParamKind::Boolean { default } => vec![ParamValue::Boolean(!default)],
            ParamKind::Choice { of, .. } => {
                of.iter().map(|word| ParamValue::Text((*word).to_owned())).collect()
            }
            ParamKind::Category | ParamKind::Model { .. } | ParamKind::Models { .. } => Vec::new(),
        };
        values.into_iter().map(|value| vec![(param.name.to_owned(), value)])
    });
    std::iter::once(Vec::new()).chain(ends).collect()
}

fn every_setting(check: impl Fn(&DetectorEntry, &dyn Fn() -> Box<dyn DriftDetector>)) {
    for entry in DETECTORS {
        for given in settings(entry) {
            let values = entry.values(&given).unwrap();
            check(entry, &|| (entry.build)(&values));
        }
    }
}

#[test]
fn every_detector_finds_a_change_and_little_else() {
    for entry in DETECTORS {
        let mut detector = (entry.build)(&entry.values(&[]).unwrap());
        let numbers = events(entry.input, 4000);
        let drifts = found(detector.as_mut(), &numbers, State::Drift);
        let first = drifts.iter().position(|at| *at >= 2000).unwrap();
        // EDDM is known for false alarms.
        let allowed = if entry.name == "eddm" { 20 } else { 1 };
        assert!(first <= allowed, "{}: false alarms {drifts:?}", entry.name);
        assert!(drifts[first] < 2500, "{}: late {drifts:?}", entry.name);
    }
}

#[test]
fn every_detector_goes_on_after_loading_with_the_same_bits() {
    every_setting(|entry, build| {
        let numbers = events(entry.input, 9000);
        for middle in [0, 1, 500, 2021, 4999] {
            let (mut one, mut other) = (build(), build());
            numbers[..middle].iter().for_each(|&number| _ = one.learn(number));
            // Loading must replace whatever was there.
            numbers.iter().rev().take(777).for_each(|&number| _ = other.learn(number));
            let saved = bytes(one.as_ref());
            let mut from = Reader::new("detector", &saved);
            other.load(&mut from).unwrap();
            from.finish().unwrap();
            for &number in &numbers[middle..middle + 4000] {
                assert_eq!(one.learn(number), other.learn(number), "{}", entry.name);
            }
            assert_eq!(bytes(one.as_ref()), bytes(other.as_ref()), "{}", entry.name);
            one.reset();
            assert_eq!(bytes(one.as_ref()), bytes(build().as_ref()), "{}: after reset", entry.name);
        }
    });
}

#[test]
fn no_number_harms_a_detector() {
    every_setting(|entry, build| {
        let mut detector = build();
        for &number in &events(entry.input, 300) {
            detector.learn(number);
        }
        let before = bytes(detector.as_ref());
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e101, -f64::MAX] {
            assert_eq!(detector.learn(number), State::Stable, "{}", entry.name);
        }
        assert_eq!(bytes(detector.as_ref()), before, "{}", entry.name);
        let mut random = Random::new(3);
        for _ in 0..20_000 {
            let number = [0.0, 1.0, -1.0, 1e100, -1e100, 1e-300, 0.5, 3.0][random.below(8) as usize];
            detector.learn(number);
        }
        let saved = bytes(detector.as_ref());
        build().load(&mut Reader::new("detector", &saved)).unwrap();
        assert!(detector.memory_bytes() < 1 << 20, "{}: {}", entry.name, detector.memory_bytes());
    });
}

#[test]
fn foreign_bytes_are_an_error_or_a_detector_that_works() {
    every_setting(|entry, build| {
        let mut detector = build();
        let numbers = events(entry.input, 700);
        numbers.iter().for_each(|&number| _ = detector.learn(number));
        let real = bytes(detector.as_ref());
        for length in (0..real.len()).step_by(real.len().div_ceil(50)) {
            let cut = build().load(&mut Reader::new("detector", &real[..length]));
            assert!(cut.is_err(), "{}: cut to {length} of {}", entry.name, real.len());
        }
        let mut random = Random::new(4);
        for _ in 0..300 {
            let mut foreign = real.clone();
            let at = random.below(foreign.len() as u64) as usize;
            match foreign.get_mut(at..at + 8) {
                Some(place) if random.below(2) == 0 => {
                    let float = [f64::NAN, f64::INFINITY, f64::MAX, -1.0, 0.0][random.below(5) as usize];
                    place.copy_from_slice(&float.to_le_bytes());
                }
                _ => foreign[at] = random.word() as u8,
            }
            let mut other = build();
            if other.load(&mut Reader::new("detector", &foreign)).is_ok() {
                numbers.iter().for_each(|&number| _ = other.learn(number));
                let saved = bytes(other.as_ref());
                let mut again = build();
                again.load(&mut Reader::new("detector", &saved)).unwrap();
            }
        }
    });
}

/// Drifts among the next numbers of a detector that goes on from its fixture.
fn goes_on(detector: &mut dyn DriftDetector, numbers: &[f64]) -> String {
    format!("{:?}\n", found(detector, numbers, State::Drift))
}

/// `STREAMFOLD_WRITE_SNAPSHOTS=2 cargo test -p streamfold-learn --test drift` writes the files of layout 2.
#[test]
fn snapshots_of_every_layout_still_go_on_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/snapshots/detectors");
    for entry in DETECTORS {
        let numbers = events(entry.input, 8000);
        let (before, after) = numbers.split_at(1500);
        if let Ok(layout) = std::env::var("STREAMFOLD_WRITE_SNAPSHOTS") {
            let path = folder.join(format!("{}.v{layout}.bin", entry.name));
            if !path.exists() {
                let mut detector = build(entry.name, &[]);
                before.iter().for_each(|&number| _ = detector.learn(number));
                fs::create_dir_all(&folder).unwrap();
                fs::write(&path, bytes(detector.as_ref())).unwrap();
                fs::write(path.with_extension("txt"), goes_on(detector.as_mut(), after)).unwrap();
            }
        }
        let mut layouts = 0;
        for layout in 1.. {
            let path = folder.join(format!("{}.v{layout}.bin", entry.name));
            let Ok(saved) = fs::read(&path) else { break };
            let mut detector = build(entry.name, &[]);
            let mut from = Reader::new("fixture", &saved);
            detector.load(&mut from).unwrap();
            from.finish().unwrap();
            let wanted = fs::read_to_string(path.with_extension("txt")).unwrap();
            assert_eq!(goes_on(detector.as_mut(), after), wanted, "{path:?}");
            layouts = layout;
        }
        assert!(layouts > 0, "{} has no fixture in testdata/snapshots/detectors", entry.name);
    }
}

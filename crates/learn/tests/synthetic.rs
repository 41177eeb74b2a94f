//! The generators beside River's on average (`testdata/learn/synthetic.py` makes the numbers), and what all of them hold.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use streamfold_learn::evaluate::Label;
use streamfold_learn::features::RowBuffer;
use streamfold_learn::model::Task;
use streamfold_learn::params::{ParamKind, ParamValue};
use streamfold_learn::registry::{GENERATORS, generator};
use streamfold_learn::synthetic::{Drifting, Generator, events};

fn build(name: &str, given: &[(String, ParamValue)], seed: u64) -> Box<dyn Generator> {
    let entry = generator(name).unwrap();
    (entry.build)(&entry.values(given).unwrap(), seed)
}

fn number(label: Label) -> f64 {
    match label {
        Label::Number(number) => number,
        Label::Class(class) => class as f64,
        Label::None => f64::NAN,
    }
}

fn moments(values: &[f64]) -> [f64; 2] {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    [mean, (squares / values.len() as f64).sqrt()]
}

/// Two means of `count` values each are within five standard errors.
fn near(ours: [f64; 2], theirs: &Value, count: f64) -> bool {
    let [mean, deviation] = [0, 1].map(|at| theirs[at].as_f64().unwrap());
    let error = deviation * (2.0 / count).sqrt();
    (ours[0] - mean).abs() <= 5.0 * error + 1e-9 && (ours[1] / deviation.max(1e-9) - 1.0).abs() < 0.02
}

#[test]
fn distributions_are_those_of_river() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/learn/synthetic.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let name = case["generator"].as_str().unwrap();
        let given = case["given"].as_object().unwrap().iter().map(|(name, value)| {
            let value = value
                .as_i64()
                .map_or_else(|| ParamValue::Number(value.as_f64().unwrap()), ParamValue::Integer);
            (name.clone(), value)
        });
        let given: Vec<_> = given.collect();
        let count = 100_000;
        let sample: Vec<_> = events(build(name, &given, 11)).take(count).collect();
        let labels: Vec<f64> = sample.iter().map(|(_, label)| number(*label)).collect();
        let shares = case["shares"].as_array().map_or(&[][..], Vec::as_slice);
        // The weights of a hyperplane are drawn, and its share with them.
        for (class, share) in shares.iter().enumerate().filter(|_| name != "hyperplane") {
            let share = share.as_f64().unwrap();
            let ours = labels.iter().filter(|label| **label == class as f64).count() as f64 / count as f64;
            assert!((ours - share).abs() < 0.008, "{name} {given:?} class {class}: {ours} beside {share}");
        }
        if case["target"].is_array() {
            assert!(near(moments(&labels), &case["target"], count as f64), "{case}: {:?}", moments(&labels));
        }
        for (feature, theirs) in case["features"].as_array().unwrap().iter().enumerate() {
            let values: Vec<f64> = sample.iter().map(|(row, _)| row.numeric[feature]).collect();
            assert!(
                near(moments(&values), theirs, count as f64),
                "{name} {feature}: {:?} {theirs}",
                moments(&values)
            );
        }
    }
}

#[test]
fn every_generator_is_seeded_and_keeps_its_schema_with_any_parameters() {
    for entry in GENERATORS {
        let mut settings = vec![Vec::new()];
        for param in entry.params {
            let ends = match param.kind {
                ParamKind::Number { min, max, .. } => vec![ParamValue::Number(min), ParamValue::Number(max)],
                ParamKind::Integer { min, max, .. } => {
                    vec![ParamValue::Integer(min), ParamValue::Integer(max)]
                }
                ParamKind::Boolean { default } => vec![ParamValue::Boolean(!default)],
                _ => Vec::new(),
            };
            settings.extend(ends.into_iter().map(|value| vec![(param.name.to_owned(), value)]));
        }
        for given in settings {
            let mut streams = [5, 5, 6].map(|seed| build(entry.name, &given, seed));
            let mut rows = [RowBuffer::default(), RowBuffer::default(), RowBuffer::default()];
            let mut other = 0;
            for _ in 0..50 {
                let labels: Vec<Label> =
                    streams.iter_mut().zip(&mut rows).map(|(stream, row)| stream.next(row)).collect();
                assert_eq!(
                    (labels[0], &rows[0].numeric, &rows[0].categories),
                    (labels[1], &rows[1].numeric, &rows[1].categories)
                );
                other += usize::from(
                    rows[0].numeric != rows[2].numeric || rows[0].categories != rows[2].categories,
                );
                let schema = streams[0].schema();
                assert_eq!(
                    (rows[0].numeric.len(), rows[0].categories.len()),
                    (schema.numeric.len(), schema.categories.len())
                );
                assert!(rows[0].numeric.iter().all(|value| value.is_finite()), "{}", entry.name);
                match (entry.task, labels[0]) {
                    (Task::Regression, Label::Number(target)) => assert!(target.is_finite()),
                    (Task::Classification, Label::Class(_)) => {}
                    other => panic!("{}: {other:?}", entry.name),
                }
            }
            assert!(
                other > 25 || given.iter().any(|(name, _)| name == "numeric"),
                "{} {given:?}: {other}",
                entry.name
            );
        }
    }
}

#[test]
fn labels_follow_from_the_features_where_there_is_no_noise() {
    let no_noise = [("noise".to_owned(), ParamValue::Number(0.0))];
    for (row, label) in events(build("sea", &[], 1)).take(1000) {
        assert_eq!(label, Label::Class(usize::from(row.numeric[0] + row.numeric[1] > 8.0)));
    }
    // Each digit has its own segments.
    let mut shown: Vec<(Label, Vec<u64>)> = Vec::new();
    for (row, label) in events(build("led", &no_noise, 1)).take(1000) {
        let segments = row.categories[..7].to_vec();
        match shown.iter().find(|(known, _)| *known == label) {
            Some((_, known)) => assert_eq!(*known, segments),
            None => shown.push((label, segments)),
        }
    }
    shown.sort_by(|a, b| a.1.cmp(&b.1));
    shown.dedup_by(|a, b| a.1 == b.1);
    assert_eq!(shown.len(), 10);
}

#[test]
fn a_drift_is_abrupt_or_gradual() {
    let stream =
        |concept, seed| build("stagger", &[("concept".to_owned(), ParamValue::Integer(concept))], seed);
    // Small and red things have class 1 in the first concept, never in the third.
    let new_share = |width: u64, from: usize, to: usize| {
        let drifting = Drifting::new(stream(0, 1), stream(2, 2), 10_000, width, 3);
        let part = events(drifting).take(to).skip(from);
        part.filter(|(_, label)| *label == Label::Class(1)).count() as f64 / (to - from) as f64
    };
    assert!((new_share(0, 9000, 10_000) - 1.0 / 9.0).abs() < 0.04);
    assert!((new_share(0, 10_000, 11_000) - 2.0 / 3.0).abs() < 0.05);
    let (before, after) = (1.0 / 9.0, 2.0 / 3.0);
    let at = |share: f64| before + share * (after - before);
    assert!((new_share(4000, 9900, 10_100) - at(0.5)).abs() < 0.12);
    assert!((new_share(4000, 7500, 8500) - at(0.12)).abs() < 0.05);
    assert!((new_share(4000, 11_500, 12_500) - at(0.88)).abs() < 0.05);
}

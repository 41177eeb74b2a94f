//! Naive Bayes beside scikit-learn and River on the same events. `testdata/learn/bayes.py` makes the numbers.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use streamfold_learn::features::{Row, Schema, category};
use streamfold_learn::model::AnyModel;
use streamfold_learn::params::ParamValue;
use streamfold_learn::random::Random;
use streamfold_learn::registry;

const FEATURES: usize = 5;
const CLASSES: usize = 3;
const EVENTS: usize = 300;
/// Events at the end whose answers are compared.
const COMPARED: usize = 50;

/// What the features are, as in `bayes.py`.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Numbers,
    Counts,
    Flags,
    Categories,
}

fn stream(kind: Kind) -> Vec<(Vec<f64>, usize)> {
    let mut random = Random::new(11);
    let mut event = || {
        let class = (random.word() % CLASSES as u64) as usize;
        let value = |feature: usize, random: &mut Random| {
            let value = 2.0 * random.unit() - 1.0 + 0.3 * ((class + feature) % CLASSES) as f64;
            match kind {
                Kind::Numbers => value * 10f64.powi(feature as i32 - 2),
                Kind::Counts => (3.0 * value).floor().max(0.0),
                Kind::Flags => f64::from(u8::from(value > 0.3)),
                Kind::Categories => (2.0 * value + 2.0).floor(),
            }
        };
        ((0..FEATURES).map(|feature| value(feature, &mut random)).collect(), class)
    };
    (0..EVENTS).map(|_| event()).collect()
}

/// The model's answers to the last events, each before it is learnt or (`apart`) after all the others only.
fn compare(name: &str, given: &[(String, ParamValue)], kind: Kind, apart: bool, expected: &Value) {
    // River adds a little to each density and share; scikit-learn does not.
    let near = if apart { 1e-9 } else { 1e-5 };
    let names: Vec<_> = (0..FEATURES).map(|at| format!("f{at}").into()).collect();
    let schema = match kind {
        Kind::Categories => Schema { categories: names, ..Schema::default() },
        _ => Schema { numeric: names, ..Schema::default() },
    };
    let entry = registry::model(name).unwrap();
    let AnyModel::Classifier(mut model) = (entry.build)(&schema, &entry.values(given).unwrap(), 0).unwrap()
    else {
        panic!("{name} is no classifier")
    };
    let first = EVENTS - COMPARED;
    for (number, (values, class)) in stream(kind).iter().enumerate() {
        let hashes: Vec<u64> = values.iter().map(|value| category(&[*value as u8])).collect();
        let row = match kind {
            Kind::Categories => Row { categories: &hashes, ..Row::default() },
            _ => Row { numeric: values, ..Row::default() },
        };
        if number >= first {
            let mut scores = [0.0; CLASSES];
            model.predict(row, &mut scores);
            for (mine, theirs) in scores.iter().zip(expected[number - first].as_array().unwrap()) {
                let theirs = theirs.as_f64().unwrap();
                assert!((mine - theirs).abs() < near, "{name}, event {number}: {mine}, {theirs}");
            }
        }
        if number < first || !apart {
            model.learn(row, *class, 1.0);
        }
    }
}

#[test]
fn naive_bayes_is_scikit_learns_and_rivers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/learn/bayes.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let trusting = [("prior_events".to_owned(), ParamValue::Number(0.0))];
    for (name, given, kind, short) in [
        ("gaussian_naive_bayes", trusting.as_slice(), Kind::Numbers, "gaussian"),
        ("naive_bayes", trusting.as_slice(), Kind::Numbers, "gaussian"),
        ("multinomial_naive_bayes", &[], Kind::Counts, "multinomial"),
        ("bernoulli_naive_bayes", &[], Kind::Flags, "bernoulli"),
    ] {
        compare(name, given, kind, true, &golden[format!("{short}_sklearn")]);
        compare(name, given, kind, false, &golden[format!("{short}_river")]);
    }
    compare("naive_bayes", &[], Kind::Categories, true, &golden["categorical_sklearn"]);
}

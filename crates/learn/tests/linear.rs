//! Gradient, passive-aggressive and margin learners beside River and the FTRL paper on the same events.
//! `testdata/learn/linear.py` makes the numbers.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use streamfold_learn::features::{Row, Schema};
use streamfold_learn::model::AnyModel;
use streamfold_learn::params::ParamValue;
use streamfold_learn::random::Random;
use streamfold_learn::registry;

const FEATURES: usize = 4;
const EVENTS: usize = 400;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/learn/linear.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn number(name: &str, value: f64) -> (String, ParamValue) {
    (name.to_owned(), ParamValue::Number(value))
}

fn word(name: &str, value: &str) -> (String, ParamValue) {
    (name.to_owned(), ParamValue::Text(value.to_owned()))
}

/// Each event is predicted, then learnt with this weight; the last answers are compared.
fn compare(name: &str, given: &[(String, ParamValue)], weight: f64, expected: &Value) {
    let expected = expected.as_array().unwrap();
    let schema =
        Schema { numeric: (0..FEATURES).map(|at| format!("f{at}").into()).collect(), ..Schema::default() };
    let entry = registry::model(name).unwrap();
    let mut model = (entry.build)(&schema, &entry.values(given).unwrap(), 0).unwrap();
    let mut random = Random::new(21);
    let mut draw = || 2.0 * random.unit() - 1.0;
    for event in 0..EVENTS {
        let numeric: Vec<f64> = (0..FEATURES).map(|_| draw()).collect();
        let target = 2.0 * numeric[0] - numeric[1] + 0.5 + 0.3 * draw();
        let row = Row { numeric: &numeric, ..Row::default() };
        let mine = match &mut model {
            AnyModel::Regressor(model) => {
                let answer = model.predict(row);
                model.learn(row, target, weight);
                answer
            }
            AnyModel::Classifier(model) => {
                let mut scores = [0.0; 2];
                model.predict(row, &mut scores);
                model.learn(row, usize::from(target > 0.5), weight);
                scores[1]
            }
            _ => panic!("{name} is of another task"),
        };
        if let Some(theirs) = (event + expected.len()).checked_sub(EVENTS) {
            let theirs = expected[theirs].as_f64().unwrap();
            assert!((mine - theirs).abs() < 1e-6, "{name} {given:?}, event {event}: {mine}, {theirs}");
        }
    }
}

#[test]
fn optimisers_are_rivers() {
    let golden = golden();
    for optimizer in ["sgd", "adagrad", "adam"] {
        let given = [word("optimizer", optimizer), number("learning_rate", 0.1)];
        // River's squared loss is twice ours.
        compare("sgd_regression", &given, 2.0, &golden["regression"][optimizer]);
        compare("sgd_classification", &given, 1.0, &golden["classification"][optimizer]);
    }
}

#[test]
fn ftrl_proximal_is_the_papers() {
    let golden = golden();
    let given = [number("alpha", 0.1), number("beta", 1.0), number("l1", 1.0), number("l2", 0.5)];
    compare("ftrl_proximal_regression", &given, 1.0, &golden["ftrl"]["regression"]);
    compare("ftrl_proximal_classification", &given, 1.0, &golden["ftrl"]["classification"]);
}

#[test]
fn margin_learners_are_rivers() {
    let golden = golden();
    for mode in ["pa", "pa_1", "pa_2"] {
        let given = [word("mode", mode), number("aggressiveness", 0.01)];
        compare("passive_aggressive_classification", &given, 1.0, &golden["margin"][mode]);
    }
    compare("alma", &[], 1.0, &golden["alma"]);
}

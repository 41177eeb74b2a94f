//! The models beside NumPy and scikit-learn on the same streams. `testdata/learn/generate.py` makes the numbers.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use streamfold_learn::cluster::k_means::{self, KMeans};
use streamfold_learn::features::{Row, RowBuffer, Schema};
use streamfold_learn::linear::recursive_least_squares::{self, RecursiveLeastSquares};
use streamfold_learn::model::{AnyModel, Clusterer, Regressor, Transformer};
use streamfold_learn::params::ParamValue;
use streamfold_learn::prepare::standard_scaler::StandardScaler;
use streamfold_learn::registry;

fn golden(part: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/learn/golden.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    golden[part].clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn whole(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn schema(features: usize) -> Schema {
    Schema { numeric: (0..features).map(|number| format!("x{number}").into()).collect(), ..Schema::default() }
}

fn row(numeric: &[f64]) -> Row<'_> {
    Row { numeric, ..Row::default() }
}

fn model(name: &str, features: usize) -> AnyModel {
    let entry = registry::model(name).unwrap();
    (entry.build)(&schema(features), &entry.values(&[]).unwrap(), 0).unwrap()
}

/// The generator of the streams, as in `generate.py`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn number(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn noise(&mut self) -> f64 {
        self.number() + self.number() + self.number()
    }
}

fn regression_stream(stream: &Value) -> Vec<(Vec<f64>, f64)> {
    let mut random = Random(stream["seed"].as_u64().unwrap());
    let (scales, offsets) = (numbers(&stream["scales"]), numbers(&stream["offsets"]));
    let weights = numbers(&stream["weights"]);
    let event = |_| {
        let clear: Vec<f64> = scales.iter().map(|_| random.number()).collect();
        let features = (0..clear.len()).map(|at| offsets[at] + scales[at] * clear[at]).collect();
        let start = stream["intercept"].as_f64().unwrap();
        let target = weights.iter().zip(&clear).fold(start, |sum, (weight, value)| sum + weight * value);
        (features, target + stream["noise"].as_f64().unwrap() * random.noise())
    };
    (0..whole(&stream["events"])).map(event).collect()
}

#[test]
fn gradient_descent_on_raw_features_reaches_least_squares_within_the_noise() {
    let golden = golden("linear_regression");
    let events = regression_stream(&golden["stream"]);
    let coefficients = numbers(&golden["coefficients"]);
    let deviations = numbers(&golden["deviations"]);
    let AnyModel::Regressor(mut model) = model("linear_regression", coefficients.len()) else {
        unreachable!()
    };
    let tail = events.len() * 3 / 4;
    let mut squares = 0.0;
    for (number, (features, target)) in events.iter().enumerate() {
        let error = model.predict(row(features)) - target;
        squares += if number < tail { 0.0 } else { error * error };
        model.learn(row(features), *target, 1.0);
    }
    let mean = events[tail..].iter().map(|(_, target)| target).sum::<f64>() / (events.len() - tail) as f64;
    let spread: f64 = events[tail..].iter().map(|(_, target)| (target - mean) * (target - mean)).sum();
    let r_squared = 1.0 - squares / spread;
    let best = golden["r_squared_last_quarter"].as_f64().unwrap();
    assert!(r_squared > best - 0.005, "R² {r_squared} before learning each event, {best} in hindsight");

    let noise = golden["stream"]["noise"].as_f64().unwrap();
    let base = numbers(&golden["stream"]["offsets"]);
    for feature in 0..coefficients.len() {
        let mut moved = base.clone();
        moved[feature] += deviations[feature];
        let learnt = model.predict(row(&moved)) - model.predict(row(&base));
        let exact = coefficients[feature] * deviations[feature];
        assert!((learnt - exact).abs() < 0.1 * noise, "feature {feature}: {learnt}, least squares {exact}");
    }
}

#[test]
fn the_scale_of_the_target_does_not_matter() {
    let events = regression_stream(&golden("linear_regression")["stream"]);
    let learn = |factor: f64| {
        let AnyModel::Regressor(mut model) = model("linear_regression", events[0].0.len()) else {
            unreachable!()
        };
        events.iter().for_each(|(features, target)| model.learn(row(features), target * factor, 1.0));
        model.predict(row(&events[0].0)) / factor
    };
    // Powers of two, so that not even rounding differs.
    assert_eq!(learn(1.0), learn(2f64.powi(-40)));
    assert_eq!(learn(1.0), learn(2f64.powi(40)));
}

#[test]
fn recursive_least_squares_is_exact() {
    for case in golden("recursive_least_squares").as_array().unwrap() {
        let parameter = |name: &str| (name.to_owned(), ParamValue::Number(case[name].as_f64().unwrap()));
        let values =
            recursive_least_squares::ENTRY.values(&[parameter("forgetting"), parameter("ridge")]).unwrap();
        let events = regression_stream(&case["stream"]);
        let mut model = RecursiveLeastSquares::new(&schema(events[0].0.len()), &values).unwrap();
        let mut compared = 0;
        for (number, (features, target)) in events.iter().enumerate() {
            model.learn(row(features), *target, 1.0);
            let Some(solution) = case["solutions"].get((number + 1).to_string()) else { continue };
            let (intercept, weights) = model.weights();
            for (learnt, exact) in [intercept].iter().chain(weights).zip(numbers(solution)) {
                let near = (learnt - exact).abs() <= 1e-6 * exact.abs().max(1e-9);
                assert!(near, "event {number} of {case}: {learnt}, exact {exact}");
            }
            compared += 1;
        }
        assert_eq!(compared, 3);
    }
}

#[test]
fn the_scaler_is_scikit_learns() {
    let golden = golden("standard_scaler");
    let events = regression_stream(&golden["stream"]);
    let mut scaler = StandardScaler::new(&schema(3));
    events.iter().for_each(|(features, _)| scaler.learn(row(features), 1.0));
    let mut out = RowBuffer::default();
    scaler.transform(row(&events[events.len() - 1].0), &mut out);
    for (mine, theirs) in out.numeric.iter().zip(numbers(&golden["last_row"])) {
        assert!((mine - theirs).abs() < 1e-12, "{mine} {theirs}");
    }
}

fn classes_stream(stream: &Value) -> Vec<(Vec<f64>, usize)> {
    let mut random = Random(stream["seed"].as_u64().unwrap());
    let (features, classes) = (whole(&stream["features"]), whole(&stream["classes"]));
    let weights: Vec<Vec<f64>> =
        (0..classes).map(|_| (0..features).map(|_| 2.0 * random.number()).collect()).collect();
    let event = |_| {
        let clear: Vec<f64> = (0..features).map(|_| random.number()).collect();
        let mut best = (0, f64::NEG_INFINITY);
        for (class, weights) in weights.iter().enumerate() {
            let sum = weights.iter().zip(&clear).fold(0.0, |sum, (weight, value)| sum + weight * value);
            let sum = sum + 0.5 * random.noise();
            best = if sum > best.1 { (class, sum) } else { best };
        }
        let scaled = clear.iter().enumerate().map(|(at, value)| 10f64.powi(at as i32 % 5 - 2) * value);
        (scaled.collect(), best.0)
    };
    (0..whole(&stream["events"])).map(event).collect()
}

#[test]
fn classifiers_come_close_to_scikit_learns() {
    for case in golden("classification").as_array().unwrap() {
        let events = classes_stream(&case["stream"]);
        let classes = whole(&case["stream"]["classes"]);
        let best =
            (case["accuracy_second_half"].as_f64().unwrap(), case["log_loss_second_half"].as_f64().unwrap());
        for name in ["logistic_regression", "softmax_regression"] {
            if classes > 2 && name == "logistic_regression" {
                continue;
            }
            let AnyModel::Classifier(mut model) = model(name, events[0].0.len()) else { unreachable!() };
            let half = events.len() / 2;
            let (mut right, mut loss) = (0, 0.0);
            for (number, (features, class)) in events.iter().enumerate() {
                let mut scores = vec![0.0; classes];
                model.predict(row(features), &mut scores);
                if number >= half {
                    right += usize::from(scores.iter().all(|score| *score <= scores[*class]));
                    loss -= scores[*class].max(1e-15).ln();
                }
                model.learn(row(features), *class, 1.0);
            }
            let (accuracy, loss) = (right as f64 / half as f64, loss / half as f64);
            assert!(accuracy > best.0 - 0.01, "{name}, {classes} classes: accuracy {accuracy}, {}", best.0);
            assert!(loss < best.1 + 0.015, "{name}, {classes} classes: log loss {loss}, {}", best.1);
        }
    }
}

fn blobs_stream(stream: &Value) -> Vec<Vec<f64>> {
    let mut random = Random(stream["seed"].as_u64().unwrap());
    let (features, clusters) = (whole(&stream["features"]), whole(&stream["clusters"]));
    let centres: Vec<Vec<f64>> =
        (0..clusters).map(|_| (0..features).map(|_| 10.0 * random.number()).collect()).collect();
    let event = |_| {
        let centre = &centres[(random.next() % clusters as u64) as usize];
        centre.iter().map(|value| value + random.noise()).collect()
    };
    (0..whole(&stream["events"])).map(event).collect()
}

#[test]
fn k_means_finds_clusters_as_good_as_scikit_learns() {
    for case in golden("k_means").as_array().unwrap() {
        let rows = blobs_stream(&case["stream"]);
        let mut model = KMeans::new(&schema(3), &k_means::ENTRY.values(&[]).unwrap()).unwrap();
        rows.iter().for_each(|features| model.learn(row(features), 1.0));
        let square = |features: &Vec<f64>| model.predict(row(features)).distance.powi(2);
        let mean = rows.iter().map(square).sum::<f64>() / rows.len() as f64;
        let best = case["mean_squared_distance"].as_f64().unwrap();
        assert!(mean < 1.03 * best, "{}: {mean}, scikit-learn {best}", case["stream"]);
    }
}

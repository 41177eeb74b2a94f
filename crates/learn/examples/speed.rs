//! Events per second that models predict and learn, on one thread: `cargo run --release -p streamfold-learn --example
//! speed`. Best of several rounds, so that a busy machine distorts less.

use std::time::Instant;
use streamfold_learn::compose::chain::chain;
use streamfold_learn::features::{Row, Schema};
use streamfold_learn::model::AnyModel;
use streamfold_learn::params::ParamError;
use streamfold_learn::registry;

const EVENTS: usize = 100_000;
const ROUNDS: usize = 7;
/// Actions of bandits, and items of recommenders.
const ACTIONS: usize = 10;

fn main() -> Result<(), ParamError> {
    println!("{:<40}{:>10}{:>14}", "model", "features", "events/s");
    for features in [10, 20] {
        for name in [
            "linear_regression",
            "logistic_regression",
            "softmax_regression",
            "sgd_regression",
            "ftrl_proximal_classification",
            "gaussian_naive_bayes",
            "multilayer_perceptron_regression",
            "k_means",
        ] {
            measure(name, features, build(name, features, false)?);
        }
        measure("standard_scaler, linear_regression", features, build("linear_regression", features, true)?);
        measure("recursive_least_squares", features, build("recursive_least_squares", features, false)?);
    }
    Ok(())
}

fn build(name: &str, features: usize, scaled: bool) -> Result<AnyModel, ParamError> {
    let schema =
        Schema { numeric: (0..features).map(|at| format!("x{at}").into()).collect(), ..Schema::default() };
    let unknown =
        || ParamError::Features { owner: name.to_owned(), reason: "not in the registry".to_owned() };
    let entry = registry::model(name).ok_or_else(unknown)?;
    let model = (entry.build)(&schema, &entry.values(&[])?, 0)?;
    if !scaled {
        return Ok(model);
    }
    let scaler = registry::transformer("standard_scaler").ok_or_else(unknown)?;
    Ok(chain(vec![(scaler.build)(&schema, &scaler.values(&[])?, 0)?], model))
}

fn measure(name: &str, features: usize, mut model: AnyModel) {
    let mut state = 1u64;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as f64 / (1u64 << 30) as f64 - 1.0
    };
    let values: Vec<f64> = (0..EVENTS * features).map(|_| number()).collect();
    let targets: Vec<f64> =
        values.chunks(features).map(|row| row.iter().sum::<f64>() + 0.1 * number()).collect();
    let mut best = f64::INFINITY;
    let mut checksum = 0.0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for (numeric, &target) in values.chunks(features).zip(&targets) {
            checksum += event(&mut model, Row { numeric, ..Row::default() }, target);
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name:<40}{features:>10}{:>14.0}   (checksum {checksum:.3e})", EVENTS as f64 / best);
}

fn event(model: &mut AnyModel, row: Row<'_>, target: f64) -> f64 {
    match model {
        AnyModel::Regressor(model) => {
            let number = model.predict(row);
            model.learn(row, target, 1.0);
            number
        }
        AnyModel::Classifier(model) => {
            let mut scores = [0.0; 2];
            model.predict(row, &mut scores);
            model.learn(row, usize::from(target > 0.0), 1.0);
            scores[1]
        }
        AnyModel::Clusterer(model) => {
            let answer = model.predict(row);
            model.learn(row, 1.0);
            answer.distance
        }
        AnyModel::AnomalyDetector(model) => {
            let score = model.score(row);
            model.learn(row, 1.0);
            score
        }
        AnyModel::Recommender(model) => {
            let mut list = Vec::new();
            model.recommend(row, ACTIONS, ACTIONS, &mut list);
            model.learn(row, usize::from(target > 0.0), 1.0);
            list.len() as f64
        }
        AnyModel::Bandit(model) => {
            let mut propensities = [0.0; ACTIONS];
            model.decide(row, &mut propensities);
            let action = (target.to_bits() % ACTIONS as u64) as usize;
            model.learn(row, action, 1.0 / ACTIONS as f64, target, 1.0);
            propensities[0]
        }
        AnyModel::Forecaster(model) => {
            let mut next = [0.0];
            model.forecast(&[row], &mut next);
            model.learn(row, target, 1.0);
            next[0]
        }
    }
}

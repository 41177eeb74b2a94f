//! Our models: predict, then learn, nothing else.

use super::cases::Case;
use super::data::{Data, FEATURES};
use anyhow::Context;
use std::time::Instant;
use streamfold_learn::bandit::draw;
use streamfold_learn::features::{Row, Schema};
use streamfold_learn::model::AnyModel;
use streamfold_learn::registry::ModelEntry;

/// What a run showed.
#[derive(Clone, Copy)]
pub struct Speed {
    /// Events predicted and learnt in a second.
    pub events_per_second: f64,
    /// Memory of the model at the end; NaN where it is not known.
    pub memory_bytes: f64,
}

/// One pass over the data, with a fresh model.
pub fn measure(entry: &ModelEntry, case: &Case, data: &Data) -> anyhow::Result<Speed> {
    let schema =
        Schema { numeric: (0..FEATURES).map(|at| format!("x{at}").into()).collect(), ..Schema::default() };
    let values = entry.values(&case.parameters()).with_context(|| case.model.to_owned())?;
    let mut model = (entry.build)(&schema, &values, 1)?;
    let events = data.targets.len().min(case.events_max);
    let mut checksum = 0.0;
    let begin = Instant::now();
    for (at, numeric) in data.numeric.chunks_exact(FEATURES).take(events).enumerate() {
        let row = Row { numeric, ..Row::default() };
        checksum += event(&mut model, at as u64, row, data.targets[at], data.classes[at]);
    }
    let seconds = begin.elapsed().as_secs_f64();
    // Without a use, the predictions could be left out.
    std::hint::black_box(checksum);
    Ok(Speed {
        events_per_second: events as f64 / seconds,
        memory_bytes: model.model().memory_bytes() as f64,
    })
}

/// Actions that a bandit has.
const ACTIONS: usize = 10;

fn event(model: &mut AnyModel, at: u64, row: Row<'_>, target: f64, class: usize) -> f64 {
    match model {
        AnyModel::Regressor(model) => {
            let number = model.predict(row);
            model.learn(row, target, 1.0);
            number
        }
        AnyModel::Classifier(model) => {
            let mut scores = [0.0; 2];
            model.predict(row, &mut scores);
            model.learn(row, class, 1.0);
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
            model.recommend(row, 2, 1, &mut list);
            model.learn(row, class, 1.0);
            list.first().map_or(0.0, |best| best.score)
        }
        AnyModel::Bandit(model) => {
            let mut propensities = [0.0; ACTIONS];
            model.decide(row, &mut propensities);
            let action = draw(&propensities, 0, at);
            model.learn(row, action, propensities[action], target, 1.0);
            propensities[action]
        }
        AnyModel::Forecaster(model) => {
            let mut next = [0.0];
            model.forecast(&[row], &mut next);
            model.learn(row, target, 1.0);
            next[0]
        }
    }
}

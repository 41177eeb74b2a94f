//! Models of every task and transformers behind one face, for the checks.

use super::stream::Event;
use crate::features::RowBuffer;
use crate::model::{AnyModel, Ranked, Target, Transformer};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Items that are asked for.
const COUNT: usize = 2;
/// Steps that are asked for.
const STEPS: usize = 3;
/// With which every action was taken.
const PROPENSITY: f64 = 0.25;

/// Something that answers and learns.
pub(super) trait Subject {
    /// Its answer as numbers, or what is not valid about it. `classes` is the number of classes asked for.
    fn answer(&self, event: &Event, classes: usize) -> Result<Vec<f64>, String>;
    /// Learns the event with this target and weight.
    fn learn(&mut self, event: &Event, weight: f64);
    /// Whether it learns from the number in the event, and nothing at all where that is not finite.
    fn learns_target(&self) -> bool;
    /// The model; none of a transformer.
    fn as_model(&self) -> Option<&AnyModel> {
        None
    }
    /// See [`Subject::as_model`].
    fn as_model_mut(&mut self) -> Option<&mut AnyModel> {
        None
    }
    /// Bytes that it says it takes.
    fn memory_bytes(&self) -> usize;
    fn snapshot(&self) -> &dyn Snapshot;
    fn snapshot_mut(&mut self) -> &mut dyn Snapshot;
}

impl dyn Subject {
    /// The state's bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.snapshot().save(&mut out);
        out.into_bytes()
    }

    /// Loads a state, to the last byte.
    pub(super) fn load(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let mut from = Reader::new("state", bytes);
        self.snapshot_mut().load(&mut from)?;
        from.finish()
    }
}

impl Subject for AnyModel {
    fn answer(&self, event: &Event, classes: usize) -> Result<Vec<f64>, String> {
        match self {
            AnyModel::Regressor(model) => {
                let number = model.predict(event.row());
                let mut answer = vec![number];
                for confidence in [0.5, 0.9] {
                    let Some(of) = model.as_interval() else { break };
                    let (low, high) = of.interval(event.row(), confidence);
                    if low.is_nan() || high.is_nan() || low > high {
                        return Err(format!("an interval from {low} to {high}"));
                    }
                    answer.extend([low, high]);
                }
                if number.is_finite() { Ok(answer) } else { Err(format!("predicts {number}")) }
            }
            AnyModel::Classifier(model) => {
                // What is in the slice before must not matter.
                let mut scores = vec![f64::NAN; classes];
                model.predict(event.row(), &mut scores);
                let sum: f64 = scores.iter().sum();
                let valid = scores.iter().all(|score| *score >= 0.0) && (sum - 1.0).abs() <= 1e-9;
                if valid || classes == 0 { Ok(scores) } else { Err(format!("scores are {scores:?}")) }
            }
            AnyModel::Clusterer(model) => {
                let answer = model.predict(event.row());
                let second = answer.second_distance;
                let valid = answer.distance.is_finite()
                    && answer.distance >= 0.0
                    && (second.is_nan() || second >= answer.distance);
                match valid {
                    true => Ok(vec![answer.cluster as f64, answer.distance, second]),
                    false => Err(format!("answers {answer:?}")),
                }
            }
            AnyModel::AnomalyDetector(model) => {
                let score = model.score(event.row());
                if score.is_finite() && score >= 0.0 {
                    Ok(vec![score])
                } else {
                    Err(format!("scores {score}"))
                }
            }
            AnyModel::Recommender(model) => {
                // What is in the list before must not matter.
                let mut list = vec![Ranked { item: usize::MAX, score: f64::NAN }];
                model.recommend(event.row(), classes, COUNT, &mut list);
                let known = list.iter().all(|place| place.item < classes && place.score.is_finite());
                let falling = list.windows(2).all(|pair| pair[0].score >= pair[1].score);
                let twice =
                    (1..list.len()).any(|at| list[..at].iter().any(|other| other.item == list[at].item));
                match known && falling && !twice && list.len() <= COUNT {
                    true => Ok(list.iter().flat_map(|place| [place.item as f64, place.score]).collect()),
                    false => Err(format!("recommends {list:?}")),
                }
            }
            AnyModel::Bandit(model) => {
                let mut propensities = vec![f64::NAN; classes];
                model.decide(event.row(), &mut propensities);
                let sum: f64 = propensities.iter().sum();
                let valid = propensities.iter().all(|one| *one >= 0.0) && (sum - 1.0).abs() <= 1e-9;
                match valid || classes == 0 {
                    true => Ok(propensities),
                    false => Err(format!("propensities are {propensities:?}")),
                }
            }
            AnyModel::Forecaster(model) => {
                let mut values = vec![f64::NAN; STEPS];
                model.forecast(&[event.row()], &mut values);
                match values.iter().all(|value| value.is_finite()) {
                    true => Ok(values),
                    false => Err(format!("forecasts {values:?}")),
                }
            }
        }
    }

    fn learn(&mut self, event: &Event, weight: f64) {
        match self {
            AnyModel::Regressor(model) => model.learn(event.row(), event.target, weight),
            AnyModel::Classifier(model) => model.learn(event.row(), event.class, weight),
            AnyModel::Clusterer(model) => model.learn(event.row(), weight),
            AnyModel::AnomalyDetector(model) => model.learn(event.row(), weight),
            AnyModel::Recommender(model) => model.learn(event.row(), event.class, weight),
            AnyModel::Bandit(model) => {
                model.learn(event.row(), event.class, PROPENSITY, event.target, weight)
            }
            AnyModel::Forecaster(model) => model.learn(event.row(), event.target, weight),
        }
    }

    fn learns_target(&self) -> bool {
        matches!(self, AnyModel::Regressor(_) | AnyModel::Bandit(_))
    }

    fn as_model(&self) -> Option<&AnyModel> {
        Some(self)
    }

    fn as_model_mut(&mut self) -> Option<&mut AnyModel> {
        Some(self)
    }

    fn memory_bytes(&self) -> usize {
        self.model().memory_bytes()
    }

    fn snapshot(&self) -> &dyn Snapshot {
        self.model()
    }

    fn snapshot_mut(&mut self) -> &mut dyn Snapshot {
        self.model_mut()
    }
}

/// A transformer; its answer is the row it writes.
pub(super) struct TransformerSubject(pub(super) Box<dyn Transformer>);

impl Subject for TransformerSubject {
    fn answer(&self, event: &Event, _classes: usize) -> Result<Vec<f64>, String> {
        // What is in the row before must not matter.
        let mut out = RowBuffer { numeric: vec![1.0], categories: vec![1], sparse: vec![(1, 1.0)] };
        self.0.transform(event.row(), &mut out);
        let shape = self.0.output();
        let rising = out.sparse.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let inside = out.sparse.iter().all(|(index, _)| *index < shape.sparse_size);
        if out.numeric.len() != shape.numeric.len() || out.categories.len() != shape.categories.len() {
            return Err(format!("a row of another shape than {shape:?}: {out:?}"));
        }
        if !rising || !inside {
            return Err(format!("sparse features out of order or out of range: {:?}", out.sparse));
        }
        let sparse = out.sparse.iter().flat_map(|&(index, value)| [f64::from(index), value]);
        let categories = out.categories.iter().map(|&category| f64::from_bits(category));
        Ok(out.numeric.iter().copied().chain(categories).chain(sparse).collect())
    }

    fn learn(&mut self, event: &Event, weight: f64) {
        self.0.learn(event.row(), weight);
        self.0.learn_target(event.row(), Target::Number(event.target), weight);
    }

    fn learns_target(&self) -> bool {
        false
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    fn snapshot(&self) -> &dyn Snapshot {
        self.0.as_ref()
    }

    fn snapshot_mut(&mut self) -> &mut dyn Snapshot {
        self.0.as_mut()
    }
}

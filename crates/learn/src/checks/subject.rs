//! Models of every task and transformers behind one face, for the checks.

use super::stream::Event;
use crate::features::RowBuffer;
use crate::model::{AnyModel, Transformer};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Something that answers and learns.
pub(super) trait Subject {
    /// Its answer as numbers, or what is not valid about it. `classes` is the number of classes asked for.
    fn answer(&self, event: &Event, classes: usize) -> Result<Vec<f64>, String>;
    /// Learns the event with this target and weight.
    fn learn(&mut self, event: &Event, weight: f64);
    /// Whether it learns from the number in the event.
    fn learns_target(&self) -> bool;
    /// The model; none of a transformer.
    fn as_model(&self) -> Option<&AnyModel> {
        None
    }
    /// See [`Subject::as_model`].
    fn as_model_mut(&mut self) -> Option<&mut AnyModel> {
        None
    }
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
        }
    }

    fn learn(&mut self, event: &Event, weight: f64) {
        match self {
            AnyModel::Regressor(model) => model.learn(event.row(), event.target, weight),
            AnyModel::Classifier(model) => model.learn(event.row(), event.class, weight),
            AnyModel::Clusterer(model) => model.learn(event.row(), weight),
        }
    }

    fn learns_target(&self) -> bool {
        matches!(self, AnyModel::Regressor(_))
    }

    fn as_model(&self) -> Option<&AnyModel> {
        Some(self)
    }

    fn as_model_mut(&mut self) -> Option<&mut AnyModel> {
        Some(self)
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
    }

    fn learns_target(&self) -> bool {
        false
    }

    fn snapshot(&self) -> &dyn Snapshot {
        self.0.as_ref()
    }

    fn snapshot_mut(&mut self) -> &mut dyn Snapshot {
        self.0.as_mut()
    }
}

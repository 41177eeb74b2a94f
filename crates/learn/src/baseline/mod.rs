//! Naive baselines: what every prediction is compared with.
//!
//! They see labels only, never features. A model that does not beat them has learnt nothing from its features.
//! To be fair they predict at the moment the model does and learn when the label comes, late labels included; so
//! what they predicted has to be kept with the waiting event, as plain numbers ("words"):
//!
//! 1. [`Baselines::predict`] beside the model's prediction; keep the words with the event;
//! 2. when the label is known, hand the words to [`crate::metrics::Evaluator`];
//! 3. then [`Baselines::learn_number`] or [`Baselines::learn_class`].
//!
//! | task | baseline | predicts | before any label |
//! |---|---|---|---|
//! | regression | `last_value` | the last label | 0 |
//! | regression | `mean` | the mean of all labels | 0 |
//! | classification | `majority_class` | the share of each class among all labels | the same for each class |
//! | classification | `last_class` | the last label's class, with certainty | the same for each class |
//! | bandits | `uniform` | the probability with which it takes each action: the same for all | the same |
//! | forecasting | `last_value`, `mean` | as in regression | 0 |
//!
//! Clustering has no labels, anomaly detection learns from none, and lists of recommendations are not kept for a second
//! model: these have no baselines (the model `popularity` is what recommendations are compared with).

mod last_class;
mod last_value;
mod majority_class;
mod mean;
mod uniform;

use crate::model::Task;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use last_class::LastClass;
use last_value::LastValue;
use majority_class::MajorityClass;
use mean::Mean;

/// The names of a task's baselines, in the order in which they predict.
pub fn names(task: Task) -> &'static [&'static str] {
    match task {
        Task::Regression => &["last_value", "mean"],
        Task::Classification => &["majority_class", "last_class"],
        Task::Clustering | Task::AnomalyDetection | Task::Recommendation => &[],
        Task::Bandit => &["uniform"],
        Task::Forecasting => &["last_value", "mean"],
    }
}

/// How many words [`Baselines::predict`] appends: for each baseline one number in regression, and a score for each
/// of the `classes` known at that time in classification; for bandits one.
pub fn words(task: Task, classes: usize) -> usize {
    let each = if task == Task::Classification { classes } else { 1 };
    names(task).len() * each
}

/// The baselines of one task. Deterministic; memory: at most 8 bytes a class.
#[derive(Clone, Debug)]
pub struct Baselines {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Numbers(LastValue, Mean),
    Classes(MajorityClass, LastClass),
    Uniform,
    Nothing,
}

impl Baselines {
    /// Baselines that have seen no label. Classes from `classes_max` on teach them nothing.
    pub fn new(task: Task, classes_max: usize) -> Self {
        let state = match task {
            Task::Regression | Task::Forecasting => State::Numbers(LastValue::default(), Mean::default()),
            Task::Classification => {
                State::Classes(MajorityClass::new(classes_max), LastClass::new(classes_max))
            }
            Task::Bandit => State::Uniform,
            Task::Clustering | Task::AnomalyDetection | Task::Recommendation => State::Nothing,
        };
        Baselines { state }
    }

    /// Appends what each baseline predicts now: exactly [`words`] numbers. `classes` is the number of classes known
    /// (or actions) known to the caller, as long as the scores that the model writes; regression does not look at it.
    pub fn predict(&self, classes: usize, out: &mut Vec<f64>) {
        match &self.state {
            State::Numbers(last, mean) => out.extend([last.predict(), mean.predict()]),
            State::Classes(majority, last) => {
                majority.predict(classes, out);
                last.predict(classes, out);
            }
            State::Uniform => out.push(uniform::predict(classes)),
            State::Nothing => {}
        }
    }

    /// Learns the label of a regression. One that is not finite teaches nothing.
    pub fn learn_number(&mut self, label: f64) {
        if let State::Numbers(last, mean) = &mut self.state
            && label.is_finite()
        {
            last.learn(label);
            mean.learn(label);
        }
    }

    /// Learns the label of a classification.
    pub fn learn_class(&mut self, class: usize) {
        if let State::Classes(majority, last) = &mut self.state {
            majority.learn(class);
            last.learn(class);
        }
    }
}

/// Version of the layout of [`Baselines`].
const LAYOUT: u64 = 1;

impl Snapshot for Baselines {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        match &self.state {
            State::Numbers(last, mean) => {
                last.save(out);
                mean.save(out);
            }
            State::Classes(majority, last) => {
                majority.save(out);
                last.save(out);
            }
            State::Uniform | State::Nothing => {}
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("baselines");
        from.version(LAYOUT)?;
        match &mut self.state {
            State::Numbers(last, mean) => {
                last.load(from)?;
                mean.load(from)
            }
            State::Classes(majority, last) => {
                majority.load(from)?;
                last.load(from)
            }
            State::Uniform | State::Nothing => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TASKS: [Task; 7] = Task::ALL;

    fn predict(baselines: &Baselines, classes: usize) -> Vec<f64> {
        let mut out = Vec::new();
        baselines.predict(classes, &mut out);
        out
    }

    #[test]
    fn every_file_here_is_a_baseline_with_its_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/baseline");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".rs", ""))
            .filter(|name| name != "mod")
            .collect();
        files.sort();
        let mut named: Vec<&str> = TASKS.iter().flat_map(|&task| names(task)).copied().collect();
        named.sort();
        named.dedup();
        assert_eq!(files, named);
    }

    #[test]
    fn numbers_before_and_after_labels() {
        let mut baselines = Baselines::new(Task::Regression, 0);
        assert_eq!(predict(&baselines, 7), [0.0, 0.0]);
        for label in [1.0, 2.0, f64::NAN, f64::INFINITY, 6.0] {
            baselines.learn_number(label);
        }
        baselines.learn_class(1);
        assert_eq!(predict(&baselines, 0), [6.0, 3.0]);
    }

    #[test]
    fn the_mean_of_huge_labels_is_finite() {
        let mut baselines = Baselines::new(Task::Regression, 0);
        for label in [f64::MAX, f64::MIN] {
            baselines.learn_number(label);
        }
        assert_eq!(predict(&baselines, 0), [f64::MIN, 0.0]);
    }

    #[test]
    fn classes_before_and_after_labels() {
        let mut baselines = Baselines::new(Task::Classification, 3);
        assert!(predict(&baselines, 0).is_empty());
        assert_eq!(predict(&baselines, 2), [0.5, 0.5, 0.5, 0.5]);
        for class in [1, 0, 1, 3, 1, 0, usize::MAX] {
            baselines.learn_class(class);
        }
        baselines.learn_number(1.0);
        assert_eq!(predict(&baselines, 3), [0.4, 0.6, 0.0, 1.0, 0.0, 0.0]);
        // To a caller that does not know the last class yet.
        baselines.learn_class(2);
        assert_eq!(predict(&baselines, 2), [0.4, 0.6, 0.5, 0.5]);
    }

    proptest! {
        #[test]
        fn any_labels_give_finite_words_of_the_promised_number(
            labels in prop::collection::vec((any::<f64>(), any::<usize>(), 0..4usize), 0..30), classes in 0..5usize,
        ) {
            for task in TASKS {
                let mut baselines = Baselines::new(task, 4);
                for &(number, wild, class) in &labels {
                    baselines.learn_number(number);
                    baselines.learn_class(wild);
                    baselines.learn_class(class);
                }
                let words = predict(&baselines, classes);
                prop_assert_eq!(words.len(), super::words(task, classes));
                prop_assert!(words.iter().all(|word| word.is_finite()));
            }
        }

        #[test]
        fn saved_and_loaded_it_goes_on_with_the_same_bits(
            labels in prop::collection::vec((-1e3..1e3f64, 0..4usize), 0..30), cut in 0..30usize,
        ) {
            for task in TASKS {
                let mut whole = Baselines::new(task, 4);
                let mut parts = Baselines::new(task, 4);
                for (at, &(number, class)) in labels.iter().enumerate() {
                    if at == cut {
                        let mut out = Writer::new();
                        parts.save(&mut out);
                        parts = Baselines::new(task, 4);
                        let mut reader = Reader::new("test", out.bytes());
                        parts.load(&mut reader).unwrap();
                        reader.finish().unwrap();
                    }
                    for baselines in [&mut whole, &mut parts] {
                        baselines.learn_number(number);
                        baselines.learn_class(class);
                    }
                }
                let (mut a, mut b) = (Writer::new(), Writer::new());
                whole.save(&mut a);
                parts.save(&mut b);
                prop_assert_eq!(a.bytes(), b.bytes());
                prop_assert_eq!(predict(&whole, 4), predict(&parts, 4));
            }
        }

        #[test]
        fn foreign_bytes_are_an_error_or_a_valid_state(mut bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(version) = bytes.first_mut() {
                *version = 1;
            }
            for task in TASKS {
                let mut baselines = Baselines::new(task, 4);
                let _ = baselines.load(&mut Reader::new("test", &bytes));
                baselines.learn_number(1.0);
                baselines.learn_class(1);
                let words = predict(&baselines, 3);
                prop_assert_eq!(words.len(), super::words(task, 3));
                prop_assert!(words.iter().all(|word| word.is_finite()));
            }
        }
    }
}

//! Several classifiers, and one that learns from their scores.
#![doc = include_str!("stacking_classifier.md")]

use super::part::{DefaultPart, Factory};
use super::stacking_regressor::names;
use super::{dump_part, teaches};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

const OF: Param = Param {
    name: "of",
    kind: ParamKind::Models {
        task: Task::Classification,
        default: &[
            DefaultPart::of("softmax_regression"),
            DefaultPart::of("naive_bayes"),
            DefaultPart::of("hoeffding_adaptive_tree"),
        ],
    },
    doc: "The members. The more they differ, the more there is to gain.",
    default_from: "Three that are cheap and see different things.",
};

const META: Param = Param {
    name: "meta",
    kind: ParamKind::Model { task: Task::Classification, default: DefaultPart::of("softmax_regression") },
    doc: "What learns from the members' scores. Its features are these alone: for each member and class the logarithm of \
          the probability, less the mean of the classes.",
    default_from: "A weighted pool of logarithms is the usual way to combine probabilities.",
};

const CLASSES_MAX: Param = Param {
    name: "classes_max",
    kind: ParamKind::Integer { min: 2, max: 1000, default: 20 },
    doc: "Most classes that are learnt. The last model has as many features as there are members times this.",
    default_from: "Enough for most streams, and the last model stays cheap.",
};

/// Share of a score that is spread over all classes: no member can rule a class out.
const SPREAD: f64 = 0.01;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "stacking_classifier",
    task: Task::Classification,
    summary: "Several classifiers, and a model that learns how far to trust each.",
    doc: include_str!("stacking_classifier.md"),
    meaning_version: 1,
    params: &[OF, META, CLASSES_MAX],
    classes_max: ClassesMax::Models(&[&CLASSES_MAX, &OF, &META]),
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Classifier(Box::new(StackingClassifier::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::compose::stacking_classifier::{ENTRY, StackingClassifier};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = StackingClassifier::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..5000 {
///     let (celsius, bar) = (f64::from(event * 37 % 100), f64::from(event * 53 % 10));
///     let class = usize::from(celsius > 70.0 || celsius < 20.0);
///     model.learn(Row { numeric: &[celsius, bar], ..Row::default() }, class, 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[90.0, 5.0], ..Row::default() }, &mut scores);
/// assert_eq!(scores[1].round(), 1.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub struct StackingClassifier {
    members: Vec<(String, Box<dyn Classifier>)>,
    meta: Box<dyn Classifier>,
    meta_schema: Schema,
    schema: Schema,
    /// Classes that have a feature of the last model.
    places: usize,
    /// Most classes that all of them can tell apart.
    classes_max: usize,
    /// Classes seen so far.
    classes: usize,
    /// The members' scores, prepared. Not state; borrowed for the length of one call only.
    scores: RefCell<Vec<f64>>,
}

impl StackingClassifier {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let parts = values.parts(&OF);
        let names = names(parts.iter().map(|part| part.kind.as_str()));
        let mut members = Vec::with_capacity(parts.len());
        for (number, (name, part)) in (1..).zip(names.into_iter().zip(&parts)) {
            // Members of one kind draw different numbers.
            let factory = Factory::<dyn Classifier>::new(part, schema, seed.wrapping_add(number))?;
            members.push((name, factory.build()?));
        }
        let places = values.integer(&CLASSES_MAX) as usize;
        let mut meta_schema = Schema::default();
        for (name, _) in &members {
            meta_schema.numeric.extend((0..places).map(|class| format!("{name}, class {class}").into()));
        }
        let meta = Factory::<dyn Classifier>::new(&values.parts(&META).swap_remove(0), &meta_schema, seed)?
            .build()?;
        Ok(StackingClassifier {
            members,
            meta,
            meta_schema,
            schema: schema.clone(),
            places,
            classes_max: ENTRY.classes_max(values).unwrap_or(places),
            classes: 0,
            scores: RefCell::default(),
        })
    }

    /// Asks the members about the classes seen so far.
    fn ask(&self, row: Row<'_>, features: &mut Vec<f64>) {
        features.clear();
        features.resize(self.places * self.members.len(), 0.0);
        let classes = self.classes;
        if classes == 0 {
            return;
        }
        for ((_, member), features) in self.members.iter().zip(features.chunks_exact_mut(self.places)) {
            let scores = &mut features[..classes];
            member.predict(row, scores);
            let mut mean = 0.0;
            for score in scores.iter_mut() {
                *score = libm::log((1.0 - SPREAD) * *score + SPREAD / classes as f64);
                mean += *score / classes as f64;
            }
            scores.iter_mut().for_each(|score| *score -= mean);
        }
    }
}

impl Classifier for StackingClassifier {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let features = &mut *self.scores.borrow_mut();
        self.ask(row, features);
        self.meta.predict(Row { numeric: features, ..Row::default() }, scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        if class >= self.classes_max || !teaches(weight) {
            return;
        }
        self.classes = self.classes.max(class + 1);
        let mut features = std::mem::take(self.scores.get_mut());
        self.ask(row, &mut features);
        self.meta.learn(Row { numeric: &features, ..Row::default() }, class, weight);
        *self.scores.get_mut() = features;
        self.members.iter_mut().for_each(|(_, member)| member.learn(row, class, weight));
    }
}

impl Model for StackingClassifier {
    fn memory_bytes(&self) -> usize {
        let members: usize = self.members.iter().map(|(_, member)| member.memory_bytes()).sum();
        let names = 64 * self.meta_schema.numeric.len();
        size_of::<Self>() + members + self.meta.memory_bytes() + names + 8 * self.scores.borrow().capacity()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        dump_part("from the members' scores", self.meta.as_ref(), &self.meta_schema, out);
        for (name, member) in &self.members {
            dump_part(name, member.as_ref(), &self.schema, out);
        }
    }
}

impl Snapshot for StackingClassifier {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.classes as u64);
        self.members.iter().for_each(|(_, member)| member.save(out));
        self.meta.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("stacking_classifier");
        from.version(1)?;
        let classes = from.unsigned()?;
        if classes > self.classes_max as u64 {
            return Err(from.invalid(format!("{classes} classes, at most {} are learnt", self.classes_max)));
        }
        self.classes = classes as usize;
        self.members.iter_mut().try_for_each(|(_, member)| member.load(from))?;
        self.meta.load(from)
    }
}

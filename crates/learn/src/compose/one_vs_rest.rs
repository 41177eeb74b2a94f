//! Many classes by models that tell two apart.
#![doc = include_str!("one_vs_rest.md")]

use super::part::{DefaultPart, Factory};
use super::{dump_part, teaches};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const OF: Param = Param {
    name: "of",
    kind: ParamKind::Model { task: Task::Classification, default: DefaultPart::of("logistic_regression") },
    doc: "The model that tells a class from the rest. It needs to know two classes.",
    default_from: "The usual one; it needs no tuning.",
};

const CLASSES_MAX: Param = Param {
    name: "classes_max",
    kind: ParamKind::Integer { min: 2, max: 10_000, default: 100 },
    doc: "Most classes that are learnt; each has a model, made when it is first seen.",
    default_from: "A bound on memory that common data sets stay far below.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "one_vs_rest",
    task: Task::Classification,
    summary: "A model for each class that tells it from all others.",
    doc: include_str!("one_vs_rest.md"),
    meaning_version: 1,
    params: &[OF, CLASSES_MAX],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: true,
    build: |schema, values, seed| Ok(AnyModel::Classifier(Box::new(OneVsRest::new(schema, values, seed)?))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::compose::one_vs_rest::{ENTRY, OneVsRest};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["x".into(), "y".into()], ..Schema::default() };
/// let mut model = OneVsRest::new(&schema, &ENTRY.values(&[])?, 0)?;
/// let corners = [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]];
/// for event in 0..3000 {
///     model.learn(Row { numeric: &corners[event % 3], ..Row::default() }, event % 3, 1.0);
/// }
/// let mut scores = [0.0; 3];
/// model.predict(Row { numeric: &[1.0, 8.0], ..Row::default() }, &mut scores);
/// assert_eq!(scores[2].round(), 1.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub struct OneVsRest {
    factory: Factory<dyn Classifier>,
    classes_max: usize,
    /// For each class seen, what tells it from the rest.
    models: Vec<Box<dyn Classifier>>,
    /// Has learnt that no event was of its class: what a new class starts from.
    rest: Box<dyn Classifier>,
}

impl OneVsRest {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let factory = Factory::new(&values.parts(&OF).swap_remove(0), schema, seed)?;
        Ok(OneVsRest {
            rest: factory.build()?,
            factory,
            classes_max: values.integer(&CLASSES_MAX) as usize,
            models: Vec::new(),
        })
    }
}

impl Classifier for OneVsRest {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        scores.fill(0.0);
        let mut sum = 0.0;
        for (score, model) in scores.iter_mut().zip(&self.models) {
            let mut of_two = [0.0; 2];
            model.predict(row, &mut of_two);
            *score = of_two[1];
            sum += of_two[1];
        }
        let equal = 1.0 / scores.len().max(1) as f64;
        scores.iter_mut().for_each(|score| *score = if sum > 0.0 { *score / sum } else { equal });
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        if class >= self.classes_max || !teaches(weight) {
            return;
        }
        while self.models.len() <= class {
            let Some(new) = self.factory.copy(self.rest.as_ref()) else { return };
            self.models.push(new);
        }
        for (number, model) in self.models.iter_mut().enumerate() {
            model.learn(row, usize::from(number == class), weight);
        }
        self.rest.learn(row, 0, weight);
    }
}

impl Model for OneVsRest {
    fn memory_bytes(&self) -> usize {
        let models: usize = self.models.iter().map(|model| model.memory_bytes()).sum();
        size_of::<Self>() + 16 * self.models.capacity() + models + self.rest.memory_bytes()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        for (class, model) in self.models.iter().take(dump::lines(self.models.len())).enumerate() {
            let heading = format!("class {class} against the rest");
            dump_part(&heading, model.as_ref(), self.factory.schema(), out);
        }
        dump::rest(self.models.len(), out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        self.rest.as_explain().map(|_| self as &dyn Explain)
    }
}

impl Explain for OneVsRest {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        out.clear(row);
        if let Some(explain) = self.models.get(class).unwrap_or(&self.rest).as_explain() {
            explain.explain(row, 1, out);
        }
    }
}

impl Snapshot for OneVsRest {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.models.len() as u64);
        self.rest.save(out);
        self.models.iter().for_each(|model| model.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("one_vs_rest");
        from.version(1)?;
        let length = from.length(1)?;
        if length > self.classes_max {
            return Err(from.invalid(format!("{length} classes, at most {} are learnt", self.classes_max)));
        }
        self.rest.load(from)?;
        self.models.clear();
        for _ in 0..length {
            let mut model = self.factory.build().map_err(|error| from.invalid(error.to_string()))?;
            model.load(from)?;
            self.models.push(model);
        }
        Ok(())
    }
}

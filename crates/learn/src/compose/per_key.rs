//! One model per key, for models of any task: the parts that `per_key_regressor` and its like share.

use super::keys::Keys;
use super::part::{Factory, OfTask, Part};
use super::{dump_part, teaches};
use crate::dump;
use crate::features::{Category, MISSING_CATEGORY, Row, RowBuffer, Schema};
use crate::model::{AnomalyDetector, Classifier, Contributions, Explain, Interval, Model, Regressor};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;
use std::fmt::Write;
use xxhash_rust::xxh3::xxh3_64;

pub(super) const KEY: Param = Param {
    name: "key",
    kind: ParamKind::Category,
    doc: "The categorical feature whose values each have a model. The models do not see it. `\"\"`: all categorical \
          features together are the key.",
    default_from: "The key of most streams is the only category in them.",
};

pub(super) const KEYS_MAX: Param = Param {
    name: "keys_max",
    kind: ParamKind::Integer { min: 1, max: 100_000_000, default: 10_000 },
    doc: "Most keys that are kept. Where there are more, the one seen longest ago makes room; seen again, it starts from \
          the shared model.",
    default_from: "Ten thousand linear models of twenty features take some ten megabytes.",
};

pub(super) const OWN_AFTER: Param = Param {
    name: "own_after",
    kind: ParamKind::Integer { min: 1, max: 1_000_000, default: 10 },
    doc: "Events of a key after which it has a model of its own, a copy of the shared one. Until then the shared one \
          answers.",
    default_from: "Most keys of most streams are rare: they cost no model.",
};

pub(super) const EXPIRE_AFTER: Param = Param {
    name: "expire_after",
    kind: ParamKind::Integer { min: 0, max: 1_000_000_000_000, default: 0 },
    doc: "Events (of all keys) without one of its own after which a key is forgotten; 0: never.",
    default_from: "The table is bounded by `keys_max` anyway.",
};

/// A key that was seen, and its model once it has one.
struct Own<M: ?Sized> {
    events: u64,
    model: Option<Box<M>>,
}

/// What a row's key is.
#[derive(Clone, Debug)]
enum Key {
    /// The value of this categorical feature.
    One(usize),
    /// The values of all of them, each mixed with the hash of its feature's name.
    All(Vec<u64>),
}

impl Key {
    fn of(&self, row: Row<'_>) -> Category {
        match self {
            Key::One(place) => row.categories.get(*place).copied().unwrap_or(MISSING_CATEGORY),
            Key::All(names) => {
                if row.categories.iter().all(|category| *category == MISSING_CATEGORY) {
                    return MISSING_CATEGORY;
                }
                let mixed = |(name, category): (&u64, &Category)| {
                    let word = |value: u64| value.to_le_bytes();
                    xxh3_64([word(*name), word(*category)].as_flattened())
                };
                // A sum: the order of the features does not matter.
                names.iter().zip(row.categories).map(mixed).fold(0, u64::wrapping_add).max(1)
            }
        }
    }

    /// The row without its key.
    fn strip<'a>(&self, row: Row<'a>, room: &'a mut Vec<Category>) -> Row<'a> {
        match self {
            Key::All(_) => Row { categories: &[], ..row },
            Key::One(place) => {
                room.clear();
                room.extend_from_slice(row.categories);
                if *place < room.len() {
                    room.remove(*place);
                }
                Row { categories: room, ..row }
            }
        }
    }
}

/// A model for each key, and one that learns from all.
pub struct PerKey<M: ?Sized> {
    factory: Factory<M>,
    key: Key,
    own_after: u64,
    expire_after: u64,
    shared: Box<M>,
    keys: Keys<Own<M>>,
    /// Events learnt, of all keys.
    events: u64,
    /// Not state; borrowed for the length of one call only.
    room: RefCell<RowBuffer>,
}

impl<M: OfTask + ?Sized> PerKey<M> {
    pub(super) fn new(
        name: &str,
        of: &Part,
        schema: &Schema,
        values: &Values,
        seed: u64,
    ) -> Result<Self, ParamError> {
        let wanted = values.choice(&KEY);
        let key = match schema.categories.iter().position(|category| **category == *wanted) {
            Some(place) => Key::One(place),
            None if wanted.is_empty() => {
                Key::All(schema.categories.iter().map(|name| xxh3_64(name.as_bytes())).collect())
            }
            None => {
                return Err(ParamError::Features {
                    owner: format!("model `{name}`"),
                    reason: format!("`key` names {wanted:?}, which is not among the categorical ones"),
                });
            }
        };
        let mut inner = schema.clone();
        match key {
            Key::One(place) => drop(inner.categories.remove(place)),
            Key::All(_) => inner.categories.clear(),
        }
        let factory = Factory::new(of, &inner, seed)?;
        Ok(PerKey {
            shared: factory.build()?,
            factory,
            key,
            own_after: values.integer(&OWN_AFTER) as u64,
            expire_after: values.integer(&EXPIRE_AFTER) as u64,
            keys: Keys::new(values.integer(&KEYS_MAX) as usize),
            events: 0,
            room: RefCell::default(),
        })
    }

    /// How many keys have been seen and not been forgotten, and how many of them have a model of their own.
    pub fn keys(&self) -> (usize, usize) {
        (self.keys.len(), self.keys.iter().filter(|entry| entry.value.model.is_some()).count())
    }

    /// The model that answers for the row, and the row as it sees it.
    fn answering<T>(&self, row: Row<'_>, then: impl FnOnce(&M, Row<'_>) -> T) -> T {
        let own = self.keys.get(self.key.of(row)).and_then(|own| own.model.as_deref());
        let room = &mut self.room.borrow_mut().categories;
        then(own.unwrap_or(&self.shared), self.key.strip(row, room))
    }

    /// Lets the shared model and the key's own one learn.
    fn learn(&mut self, row: Row<'_>, learn: impl Fn(&mut M, Row<'_>)) {
        self.events += 1;
        if self.expire_after > 0 {
            self.keys.forget_before(self.events.saturating_sub(self.expire_after));
        }
        let key = self.key.of(row);
        let inner = self.key.strip(row, &mut self.room.get_mut().categories);
        learn(&mut self.shared, inner);
        if key == MISSING_CATEGORY {
            return;
        }
        let own = self.keys.seen(key, self.events, || Own { events: 0, model: None });
        own.events += 1;
        match &mut own.model {
            Some(model) => learn(model, inner),
            // The copy has learnt the event with the shared model.
            None if own.events >= self.own_after => own.model = self.factory.copy(&self.shared),
            None => {}
        }
    }
}

impl<M: OfTask + ?Sized> Model for PerKey<M> {
    fn memory_bytes(&self) -> usize {
        let own = |own: &Own<M>| own.model.as_ref().map_or(0, |model| model.memory_bytes());
        let models: usize = self.keys.iter().map(|entry| own(&entry.value)).sum();
        self.keys.memory_bytes() + self.shared.memory_bytes() + models
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        /// Models of keys that are shown.
        const SHOWN: usize = 3;
        let (seen, own) = self.keys();
        let _ = writeln!(
            out,
            "{seen} keys, {own} of them with a model of their own, after {} events",
            self.events
        );
        let schema = self.factory.schema();
        dump_part("shared model", self.shared.as_ref(), schema, out);
        let with_model = self.keys.newest_first().filter(|entry| entry.value.model.is_some());
        for entry in with_model.take(dump::lines(SHOWN)) {
            if let Some(model) = &entry.value.model {
                let heading = format!("key {:016x}, {} events", entry.key, entry.value.events);
                dump_part(&heading, model.as_ref(), schema, out);
            }
        }
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        self.shared.as_explain().map(|_| self as &dyn Explain)
    }

    fn as_interval(&self) -> Option<&dyn Interval> {
        self.shared.as_interval().map(|_| self as &dyn Interval)
    }
}

impl<M: OfTask + ?Sized> Explain for PerKey<M> {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.answering(row, |model, inner| match model.as_explain() {
            Some(explain) => explain.explain(inner, class, out),
            None => out.clear(inner),
        });
        // The key is in the choice of the model: it has nothing of its own.
        match self.key {
            Key::One(place) if place < row.categories.len() => out.categories.insert(place, 0.0),
            _ => out.categories.resize(row.categories.len(), 0.0),
        }
    }
}

impl<M: OfTask + ?Sized> Interval for PerKey<M> {
    fn interval(&self, row: Row<'_>, confidence: f64) -> (f64, f64) {
        let nothing = (f64::NEG_INFINITY, f64::INFINITY);
        self.answering(row, |model, inner| {
            model.as_interval().map_or(nothing, |of| of.interval(inner, confidence))
        })
    }
}

impl Regressor for PerKey<dyn Regressor> {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.answering(row, |model, inner| model.predict(inner))
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if target.is_finite() && teaches(weight) {
            PerKey::learn(self, row, |model, inner| model.learn(inner, target, weight));
        }
    }
}

impl Classifier for PerKey<dyn Classifier> {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        self.answering(row, |model, inner| model.predict(inner, scores));
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        if teaches(weight) {
            PerKey::learn(self, row, |model, inner| model.learn(inner, class, weight));
        }
    }
}

impl AnomalyDetector for PerKey<dyn AnomalyDetector> {
    fn score(&self, row: Row<'_>) -> f64 {
        self.answering(row, |model, inner| model.score(inner))
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if teaches(weight) {
            PerKey::learn(self, row, |model, inner| model.learn(inner, weight));
        }
    }
}

impl<M: OfTask + ?Sized> Snapshot for PerKey<M> {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.shared.save(out);
        out.unsigned(self.events);
        out.unsigned(self.keys.len() as u64);
        for entry in self.keys.iter() {
            out.word(entry.key);
            out.unsigned(entry.last);
            out.unsigned(entry.value.events);
            if let Some(model) = &entry.value.model {
                model.save(out);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("per_key");
        from.version(1)?;
        self.keys.clear();
        self.shared.load(from)?;
        from.part("per_key");
        self.events = from.unsigned()?;
        let length = from.length(10)?;
        let mut before = 1;
        for number in 0..length {
            from.part("per_key");
            let (key, last, events) = (from.word()?, from.unsigned()?, from.unsigned()?);
            let sound = key != MISSING_CATEGORY && last >= before && last <= self.events && events > 0;
            if !sound || events > self.events || self.keys.get(key).is_some() {
                return Err(from.invalid("a key out of order"));
            }
            before = last;
            let mut model = None;
            if events >= self.own_after {
                let mut own = self.factory.build().map_err(|error| from.invalid(error.to_string()))?;
                own.load(from)?;
                model = Some(own);
            }
            self.keys.seen(key, last, || Own { events, model });
            if self.keys.len() != number + 1 {
                return Err(from.invalid("more keys than are kept"));
            }
        }
        Ok(())
    }
}

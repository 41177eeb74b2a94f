//! The classes of a classification, numbered in the order in which they became known.

use std::collections::HashMap;
use streamfold_learn::snapshot::{Reader, SnapshotError, Writer};

/// Names of classes and their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    names: Vec<String>,
    /// Only looked up, never walked: its order decides nothing.
    numbers: HashMap<String, usize>,
    max: usize,
}

impl Classes {
    pub(super) fn new(known: &[String], max: usize) -> Classes {
        let mut classes = Classes { max, ..Classes::default() };
        for name in known {
            classes.index(name);
        }
        classes
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn name(&self, class: usize) -> Option<&str> {
        self.names.get(class).map(String::as_str)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// Whether the class is known or may become so.
    pub(super) fn has_room_for(&self, name: &str) -> bool {
        self.names.len() < self.max || self.numbers.contains_key(name)
    }

    /// The class's number, which it gets now if it is new; `None`: there is no room.
    pub(super) fn index(&mut self, name: &str) -> Option<usize> {
        if let Some(class) = self.find(name) {
            return Some(class);
        }
        if self.names.len() >= self.max {
            return None;
        }
        self.numbers.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        Some(self.names.len() - 1)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.unsigned(self.names.len() as u64);
        for name in &self.names {
            out.text(name);
        }
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let length = from.length(1)?;
        let names =
            (0..length).map(|_| Ok(from.text()?.to_owned())).collect::<Result<Vec<_>, SnapshotError>>()?;
        *self = Classes::new(&names, self.max);
        match self.len() == length {
            true => Ok(()),
            false => Err(from.invalid("more classes than label.classes_max, or one twice")),
        }
    }
}

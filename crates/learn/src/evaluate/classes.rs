//! Names of classes and their numbers.

use std::collections::BTreeMap;

/// Numbers classes from 0 in the order in which they appear.
///
/// ```
/// use streamfold_learn::evaluate::Classes;
///
/// let mut classes = Classes::default();
/// let numbers: Vec<usize> = ["up", "down", "up"].into_iter().map(|name| classes.number(name)).collect();
/// assert_eq!(numbers, [0, 1, 0]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Classes {
    numbers: BTreeMap<String, usize>,
    names: Vec<String>,
}

impl Classes {
    /// The number of the class, a new one if it was not seen before.
    pub fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len();
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    /// The names in the order of their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

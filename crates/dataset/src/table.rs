//! Columns of a file in memory.

use crate::error::{DatasetError, Place};
use std::collections::HashMap;
use std::path::PathBuf;
use streamfold_flow::schema::TimeNotation;
use streamfold_formats::time;
use streamfold_learn::params::nearest;

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers.
    Number,
    /// Truth values, kept as 0 and 1.
    Boolean,
    /// Texts, each of which is a category.
    Category,
    /// Texts, of which the words count. Never inferred.
    Text,
    /// Times, kept as milliseconds since 1970.
    Time,
}

impl Kind {
    /// The kinds with their names on the command line.
    pub const NAMES: &[(&str, Kind)] = &[
        ("number", Kind::Number),
        ("boolean", Kind::Boolean),
        ("category", Kind::Category),
        ("text", Kind::Text),
        ("time", Kind::Time),
    ];
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// NaN is missing.
    Numbers(Vec<f64>),
    /// For each row 0 where it is missing, else one more than the place among the distinct texts.
    Texts {
        /// Of each row.
        codes: Vec<u32>,
        /// The distinct texts in the order in which they appear.
        names: Vec<String>,
    },
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its cells are.
    pub kind: Kind,
    /// Its cells.
    pub cells: Cells,
}

/// A file as columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The file, for messages.
    pub file: PathBuf,
    /// The columns in their order; all are equally long, no two have one name.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
    /// The line on which each row begins; empty where there are no lines.
    pub lines: Vec<u64>,
}

impl Table {
    /// The place of a column.
    pub fn place(&self, name: &str) -> Result<usize, DatasetError> {
        let place = self.columns.iter().position(|column| column.name == name);
        place.ok_or_else(|| {
            let names = || self.columns.iter().map(|column| column.name.as_str());
            DatasetError::Column {
                file: self.file.clone(),
                name: name.to_owned(),
                likely: nearest(name, names()).map(str::to_owned),
                known: names().collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// Where a row is in the file.
    pub fn at(&self, row: usize) -> Place {
        match self.lines.get(row) {
            Some(line) => Place::Line(*line),
            None => Place::Row(row as u64 + 1),
        }
    }

    /// Takes the cells of a column as another kind. An error names the first row where that cannot be.
    pub fn retype(&mut self, name: &str, kind: Kind) -> Result<(), DatasetError> {
        let place = self.place(name)?;
        let column = &self.columns[place];
        let cells = match (&column.cells, kind) {
            _ if column.kind == kind => return Ok(()),
            (Cells::Numbers(numbers), Kind::Category | Kind::Text) => {
                let mut texts = Texts::default();
                let boolean = column.kind == Kind::Boolean;
                for &number in numbers {
                    texts.push((!number.is_nan()).then(|| text(number, boolean)).as_deref());
                }
                texts.finish()
            }
            (Cells::Numbers(numbers), Kind::Boolean) => {
                match numbers.iter().position(|n| !n.is_nan() && *n != 0.0 && *n != 1.0) {
                    Some(row) => {
                        return Err(self.wrong(row, name, "a truth value", &numbers[row].to_string()));
                    }
                    None => column.cells.clone(),
                }
            }
            // A number as a time is what it is: milliseconds.
            (Cells::Numbers(_), _) => column.cells.clone(),
            (Cells::Texts { .. }, Kind::Category | Kind::Text) => column.cells.clone(),
            (Cells::Texts { codes, names }, _) => {
                let values: Vec<Option<f64>> = names.iter().map(|text| value(text, kind)).collect();
                let mut numbers = Vec::with_capacity(codes.len());
                for (row, &code) in codes.iter().enumerate() {
                    numbers.push(match code.checked_sub(1) {
                        None => f64::NAN,
                        Some(code) => values[code as usize]
                            .ok_or_else(|| self.wrong(row, name, expected(kind), &names[code as usize]))?,
                    });
                }
                Cells::Numbers(numbers)
            }
        };
        let column = &mut self.columns[place];
        (column.kind, column.cells) = (kind, cells);
        Ok(())
    }

    fn wrong(&self, row: usize, column: &str, expected: &str, found: &str) -> DatasetError {
        let mut found = found.to_owned();
        if let Some((end, _)) = found.char_indices().nth(40) {
            found.truncate(end);
            found.push('…');
        }
        DatasetError::Place {
            file: self.file.clone(),
            place: self.at(row),
            reason: format!("column {column}: expected {expected}, found {found:?}"),
        }
    }
}

/// A number as the text of a category: `3`, not `3.0`.
pub(crate) fn text(number: f64, boolean: bool) -> String {
    match boolean {
        true => (number != 0.0).to_string(),
        false => number.to_string(),
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "a number",
        Kind::Boolean => "a truth value",
        Kind::Category | Kind::Text => "text",
        Kind::Time => "a time",
    }
}

/// The value of a text as a cell of this kind.
fn value(text: &str, kind: Kind) -> Option<f64> {
    match (kind, text) {
        (Kind::Boolean, "true" | "True" | "TRUE" | "1") => Some(1.0),
        (Kind::Boolean, "false" | "False" | "FALSE" | "0") => Some(0.0),
        (Kind::Time, _) => time::parse(TimeNotation::Auto, text).ok().map(|ms| ms as f64),
        (Kind::Number, _) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Texts under construction.
#[derive(Default)]
pub(crate) struct Texts {
    codes: Vec<u32>,
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Texts {
    /// Appends a cell.
    pub(crate) fn push(&mut self, text: Option<&str>) {
        let code = text.map_or(0, |text| match self.numbers.get(text) {
            Some(code) => *code,
            None => {
                self.names.push(text.to_owned());
                let code = self.names.len() as u32;
                self.numbers.insert(text.to_owned(), code);
                code
            }
        });
        self.codes.push(code);
    }

    /// The column.
    pub(crate) fn finish(self) -> Cells {
        Cells::Texts { codes: self.codes, names: self.names }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut texts = Texts::default();
        [Some("7"), None, Some("x"), Some("7")].into_iter().for_each(|text| texts.push(text));
        let column = |name: &str, kind, cells| Column { name: name.to_owned(), kind, cells };
        Table {
            file: "t.csv".into(),
            columns: vec![
                column("text", Kind::Category, texts.finish()),
                column("number", Kind::Number, Cells::Numbers(vec![1.0, 0.0, f64::NAN, 2.5])),
            ],
            rows: 4,
            lines: vec![2, 3, 5, 6],
        }
    }

    #[test]
    fn cells_are_taken_as_another_kind_or_the_first_that_cannot_be_is_named() {
        let mut table = table();
        let message = table.retype("text", Kind::Number).unwrap_err().to_string();
        assert_eq!(message, "t.csv, line 5: column text: expected a number, found \"x\"");
        let message = table.retype("number", Kind::Boolean).unwrap_err().to_string();
        assert_eq!(message, "t.csv, line 6: column number: expected a truth value, found \"2.5\"");
        table.retype("number", Kind::Category).unwrap();
        let names = ["1", "0", "2.5"].map(str::to_owned).to_vec();
        assert_eq!(table.columns[1].cells, Cells::Texts { codes: vec![1, 2, 0, 3], names });
        let message = table.retype("numbr", Kind::Number).unwrap_err().to_string();
        assert_eq!(message, "t.csv has no column \"numbr\" (did you mean \"number\"?); it has: text, number");
    }

    #[test]
    fn times_and_truth_values_are_numbers() {
        let mut table = table();
        table.columns[0].cells =
            Cells::Texts { codes: vec![1, 0, 1, 1], names: vec!["2013-01-01 00:00:01".to_owned()] };
        table.retype("text", Kind::Time).unwrap();
        let Cells::Numbers(times) = &table.columns[0].cells else { panic!("no numbers") };
        assert_eq!(times[0], 1_356_998_401_000.0);
        assert!(times[1].is_nan());
    }
}

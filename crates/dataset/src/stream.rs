//! A table as events: features and labels.

use crate::error::DatasetError;
use crate::table::{Cells, Column, Kind, Table, text};
use streamfold_learn::evaluate::{Classes, Label};
use streamfold_learn::features::{Category, MISSING_CATEGORY, Row, Schema, category};
use streamfold_learn::model::Task;
use streamfold_learn::prepare::text::{TextHasher, TextRows};

/// What the columns are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// The label; none in clustering.
    pub target: Option<String>,
    /// By which the rows are ordered (equal ones in the order of the file) instead of the file's order; no feature.
    pub time: Option<String>,
    /// Further columns that are no features.
    pub ignored: Vec<String>,
}

/// Events in memory.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The features.
    pub schema: Schema,
    /// Names of the classes in classification, by their numbers.
    pub classes: Vec<String>,
    /// Columns that are neither feature nor label: ignored ones and times.
    pub unused: Vec<String>,
    numeric: Vec<f64>,
    categories: Vec<Category>,
    /// No rows where there are no texts.
    texts: TextRows,
    labels: Vec<Label>,
}

/// Whole numbers as labels are classes where there are at most so many of them, each often enough: [`Stream::task`].
const CLASSES_MAX: usize = 20;

impl Stream {
    /// The task that a label of this column is likely to be about: texts and truth values are classes, and so are
    /// whole numbers of at most 20 different values where there are ten rows for each.
    pub fn task(table: &Table, target: &str) -> Result<Task, DatasetError> {
        let column = &table.columns[table.place(target)?];
        Ok(match &column.cells {
            Cells::Texts { .. } => Task::Classification,
            Cells::Numbers(_) if column.kind == Kind::Boolean => Task::Classification,
            Cells::Numbers(numbers) => {
                let mut distinct: Vec<f64> = Vec::new();
                for &number in numbers.iter().filter(|number| !number.is_nan()) {
                    if distinct.len() <= CLASSES_MAX && number.fract() == 0.0 && !distinct.contains(&number) {
                        distinct.push(number);
                    }
                }
                let whole = numbers.iter().all(|number| number.is_nan() || number.fract() == 0.0);
                let few = distinct.len() <= CLASSES_MAX.min(table.rows / 10);
                if whole && few { Task::Classification } else { Task::Regression }
            }
        })
    }

    /// Takes a table as events for a task.
    pub fn new(table: &Table, task: Task, roles: &Roles) -> Result<Stream, DatasetError> {
        let target = roles.target.as_deref().map(|name| table.place(name)).transpose()?;
        let time = roles.time.as_deref().map(|name| table.place(name)).transpose()?;
        let ignored = roles.ignored.iter().map(|name| table.place(name)).collect::<Result<Vec<_>, _>>()?;
        let order = order(table, time)?;
        let is_feature = |place: usize| {
            Some(place) != target
                && Some(place) != time
                && !ignored.contains(&place)
                && table.columns[place].kind != Kind::Time
        };
        let places = || 0..table.columns.len();
        let (features, others): (Vec<usize>, Vec<usize>) = places().partition(|place| is_feature(*place));
        let name = |place: &usize| table.columns[*place].name.clone();
        let of = |kinds: &[Kind]| -> Vec<usize> {
            features.iter().copied().filter(|place| kinds.contains(&table.columns[*place].kind)).collect()
        };
        let (numbers, texts) = (of(&[Kind::Number, Kind::Boolean]), of(&[Kind::Category]));
        let (hasher, prose) = (TextHasher::default(), of(&[Kind::Text]));
        let mut classes = Classes::default();
        Ok(Stream {
            numeric: matrix(table, &numbers, &order, f64::NAN, |column| match &column.cells {
                Cells::Numbers(numbers) => numbers.clone(),
                Cells::Texts { .. } => Vec::new(),
            }),
            categories: matrix(table, &texts, &order, MISSING_CATEGORY, |column| match &column.cells {
                Cells::Texts { codes, names } => {
                    let hashes: Vec<Category> = names.iter().map(|name| category(name.as_bytes())).collect();
                    let cell = |code: &u32| match code.checked_sub(1) {
                        Some(code) => hashes[code as usize],
                        None => MISSING_CATEGORY,
                    };
                    codes.iter().map(cell).collect()
                }
                Cells::Numbers(_) => Vec::new(),
            }),
            labels: match target {
                None => vec![Label::None; table.rows],
                Some(target) => labels(table, target, task, &order, &mut classes)?,
            },
            classes: classes.names().to_vec(),
            schema: Schema {
                numeric: numbers.iter().map(|place| name(place).into()).collect(),
                categories: texts.iter().map(|place| name(place).into()).collect(),
                sparse_size: hasher.sparse_size() * prose.len() as u32,
            },
            texts: text_rows(table, &hasher, &prose, &order),
            unused: others.iter().filter(|place| Some(**place) != target).map(name).collect(),
        })
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The events in their order.
    pub fn events(&self) -> impl Iterator<Item = (Row<'_>, Label)> {
        let (n, m) = (self.schema.numeric.len(), self.schema.categories.len());
        self.labels.iter().enumerate().map(move |(at, label)| {
            let row = Row {
                numeric: &self.numeric[at * n..(at + 1) * n],
                categories: &self.categories[at * m..(at + 1) * m],
                sparse: self.texts.row(at),
            };
            (row, *label)
        })
    }
}

/// The rows in the order in which they are events.
fn order(table: &Table, time: Option<usize>) -> Result<Vec<usize>, DatasetError> {
    let mut order: Vec<usize> = (0..table.rows).collect();
    let Some(place) = time else { return Ok(order) };
    let column = &table.columns[place];
    let Cells::Numbers(times) = &column.cells else {
        let reason = format!("column {}: it has texts and so no order of time", column.name);
        return Err(DatasetError::File { file: table.file.clone(), reason });
    };
    if let Some(row) = times.iter().position(|time| time.is_nan()) {
        let (file, place) = (table.file.clone(), table.at(row));
        return Err(DatasetError::Place { file, place, reason: format!("column {}: no time", column.name) });
    }
    order.sort_by(|a, b| times[*a].total_cmp(&times[*b]));
    Ok(order)
}

/// The texts of some columns, row after row.
fn text_rows(table: &Table, hasher: &TextHasher, places: &[usize], order: &[usize]) -> TextRows {
    let mut out = TextRows::default();
    for &row in if places.is_empty() { &[] } else { order } {
        let text = |place: &usize| match &table.columns[*place].cells {
            Cells::Texts { codes, names } => {
                codes[row].checked_sub(1).map(|code| names[code as usize].as_str())
            }
            Cells::Numbers(_) => None,
        };
        out.push(hasher, places.iter().map(text));
    }
    out
}

/// The cells of some columns, row after row.
fn matrix<T: Copy>(
    table: &Table,
    places: &[usize],
    order: &[usize],
    missing: T,
    cells: impl Fn(&Column) -> Vec<T>,
) -> Vec<T> {
    let width = places.len();
    let mut matrix = vec![missing; order.len() * width];
    for (feature, place) in places.iter().enumerate() {
        let cells = cells(&table.columns[*place]);
        for (at, row) in order.iter().enumerate() {
            if let Some(cell) = cells.get(*row) {
                matrix[at * width + feature] = *cell;
            }
        }
    }
    matrix
}

fn labels(
    table: &Table,
    target: usize,
    task: Task,
    order: &[usize],
    classes: &mut Classes,
) -> Result<Vec<Label>, DatasetError> {
    let column = &table.columns[target];
    let label = |row: usize| match (task, &column.cells) {
        (Task::Classification, Cells::Numbers(numbers)) if !numbers[row].is_nan() => {
            Ok(Label::Class(classes.number(&text(numbers[row], column.kind == Kind::Boolean))))
        }
        (Task::Classification, Cells::Texts { codes, names }) if codes[row] > 0 => {
            Ok(Label::Class(classes.number(&names[codes[row] as usize - 1])))
        }
        (_, Cells::Numbers(numbers)) if !numbers[row].is_nan() && task != Task::Classification => {
            Ok(Label::Number(numbers[row]))
        }
        (Task::Regression, Cells::Texts { .. }) => {
            let reason = format!(
                "column {}: it has texts, and cannot be predicted as a number; classify it, or read it as numbers",
                column.name
            );
            Err(DatasetError::File { file: table.file.clone(), reason })
        }
        _ => Ok(Label::None),
    };
    order.iter().copied().map(label).collect()
}

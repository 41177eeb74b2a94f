//! A block of records, decoded and laid out for the fold: what each record is, its event time, its features.

use crate::plan::{InputPlan, Role, TextPlan};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use streamfold_flow::record::{RecordBlock, RecordRef};
use streamfold_flow::rows::{BadRecord, Decoded, Value};
use streamfold_learn::features::{Category, MISSING_CATEGORY, Row, category};
use streamfold_learn::prepare::text::TextRows;

/// What a record turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The row of this number.
    Row(u32),
    /// The bad record of this number.
    Bad(u32),
    /// Its value is null.
    Null,
}

/// A label as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Label<'a> {
    /// There is none.
    Missing,
    /// A number (regression); finite.
    Number(f64),
    /// A class (classification).
    Class(&'a str),
}

/// Records of one partition that wait to be folded.
#[derive(Debug)]
pub(super) struct Chunk {
    block: RecordBlock,
    rows: RecordBatch,
    bad: Vec<BadRecord>,
    kinds: Vec<Kind>,
    /// For each record its event time; `i64::MIN` where it has none and goes first.
    times: Vec<i64>,
    /// Records whose time is the record's timestamp and lies beyond this are too far ahead of the clock.
    time_max: i64,
    numeric: Vec<f64>,
    numeric_width: usize,
    categories: Vec<Category>,
    categories_width: usize,
    texts: TextRows,
    key: Option<StringArray>,
    label: LabelColumn,
    /// The record that is folded next.
    next: usize,
}

#[derive(Debug)]
enum LabelColumn {
    None,
    Numbers(arrow_array::Float64Array),
    Classes(StringArray),
}

impl Chunk {
    /// Lays out a decoded block. `now_ms` is the clock's last word (0: unknown), `joined` whether labels find events
    /// by key, so that a row without one is bad.
    pub(super) fn new(
        input: &InputPlan,
        block: RecordBlock,
        decoded: Decoded,
        now_ms: i64,
        joined: bool,
    ) -> Chunk {
        let rows = decoded.rows;
        let mut chunk = Chunk {
            kinds: vec![Kind::Null; block.len()],
            times: vec![i64::MIN; block.len()],
            time_max: match input.time {
                None if now_ms > 0 => now_ms.saturating_add(input.time_ahead_max_ms),
                _ => i64::MAX,
            },
            numeric: numeric_rows(&rows, &input.numeric),
            numeric_width: input.numeric.len(),
            categories: category_rows(&rows, &input.categories),
            categories_width: input.categories.len(),
            texts: input.texts.as_ref().map_or_else(TextRows::default, |texts| text_rows(&rows, texts)),
            key: input.key.and_then(|place| rows.column(place).as_string_opt::<i32>().cloned()),
            label: label_column(&rows, input.label),
            bad: decoded.bad,
            block,
            rows,
            next: 0,
        };
        for (number, bad) in chunk.bad.iter().enumerate() {
            chunk.kinds[bad.record as usize] = Kind::Bad(number as u32);
        }
        for (row, &record) in decoded.record_of_row.iter().enumerate() {
            chunk.place_row(input, row, record as usize, joined);
        }
        chunk
    }

    fn place_row(&mut self, input: &InputPlan, row: usize, record: usize, joined: bool) {
        let timestamp_ms = self.block.get(record).timestamp_ms;
        let time = match input.time {
            None => Some(timestamp_ms),
            Some(place) => {
                let times = self.rows.column(place).as_primitive_opt::<TimestampMillisecondType>();
                times.filter(|times| times.is_valid(row)).map(|times| times.value(row))
            }
        };
        match self.fault(input, row, record, time, timestamp_ms, joined) {
            None => {
                self.kinds[record] = Kind::Row(row as u32);
                self.times[record] = time.unwrap_or(timestamp_ms);
            }
            Some((kind, reason)) => {
                self.kinds[record] = Kind::Bad(self.bad.len() as u32);
                self.bad.push(BadRecord { record: record as u32, kind, reason });
            }
        }
    }

    /// What makes a well-formed row a bad record all the same.
    fn fault(
        &self,
        input: &InputPlan,
        row: usize,
        record: usize,
        time: Option<i64>,
        timestamp_ms: i64,
        joined: bool,
    ) -> Option<(&'static str, String)> {
        let field = |place: usize| input.schema.fields.get(place).map_or("", |field| field.name.as_str());
        let Some(time) = time else {
            let name = input.time.map_or("", field);
            return Some(("missing_time", format!("the field {name} of the event time is missing")));
        };
        if input.time.is_some()
            && timestamp_ms >= 0
            && time.saturating_sub(timestamp_ms) > input.time_ahead_max_ms
        {
            let reason = format!(
                "the event time {time} ms lies more than time_ahead_max = {} ms ahead of the record's timestamp {timestamp_ms} ms",
                input.time_ahead_max_ms
            );
            return Some(("time_ahead", reason));
        }
        if joined && self.key(row, record).is_none() {
            return Some(("missing_key", "there is no key by which a label finds its event".to_owned()));
        }
        match (input.role, self.label(row)) {
            (Role::Labels, Label::Missing) => {
                let name = input.label.map_or("", field);
                Some(("missing_label", format!("the field {name} of the label is missing")))
            }
            (_, Label::Number(number)) if !number.is_finite() => {
                Some(("label_not_finite", format!("the label {number} is not a finite number")))
            }
            _ => None,
        }
    }

    /// Whether every record was folded.
    pub(super) fn is_done(&self) -> bool {
        self.next >= self.block.len()
    }

    /// Place of the record that is folded next.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// The next record is folded.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// Memory, as far as the chunk knows it.
    pub(super) fn size_bytes(&self) -> usize {
        self.block.size_bytes()
            + self.rows.get_array_memory_size()
            + (self.numeric.len() + self.categories.len() + self.times.len() + self.kinds.len()) * 8
            + self.texts.memory_bytes()
    }

    /// The record as it was read.
    pub(super) fn record(&self, record: usize) -> RecordRef<'_> {
        self.block.get(record)
    }

    pub(super) fn kind(&self, record: usize) -> Kind {
        self.kinds[record]
    }

    pub(super) fn bad(&self, number: u32) -> &BadRecord {
        &self.bad[number as usize]
    }

    pub(super) fn time(&self, record: usize) -> i64 {
        self.times[record]
    }

    /// Whether the clock judged the record to lie too far ahead.
    pub(super) fn is_ahead(&self, record: usize) -> bool {
        self.times[record] > self.time_max
    }

    /// The time by which the record is ordered: one without a time, or too far ahead, goes first.
    pub(super) fn order_time(&self, record: usize) -> i64 {
        if self.is_ahead(record) { i64::MIN } else { self.times[record] }
    }

    pub(super) fn features(&self, row: usize) -> Row<'_> {
        let (n, m) = (self.numeric_width, self.categories_width);
        Row {
            numeric: &self.numeric[row * n..(row + 1) * n],
            categories: &self.categories[row * m..(row + 1) * m],
            sparse: self.texts.row(row),
        }
    }

    /// The key by which labels find events: the field declared as key, or the record's key.
    pub(super) fn key(&self, row: usize, record: usize) -> Option<&[u8]> {
        match &self.key {
            Some(keys) => keys.is_valid(row).then(|| keys.value(row).as_bytes()),
            None => self.block.get(record).key,
        }
    }

    pub(super) fn label(&self, row: usize) -> Label<'_> {
        match &self.label {
            LabelColumn::Numbers(numbers) if numbers.is_valid(row) => Label::Number(numbers.value(row)),
            LabelColumn::Classes(classes) if classes.is_valid(row) => Label::Class(classes.value(row)),
            _ => Label::Missing,
        }
    }

    /// The value of a field, to be repeated in the answer.
    pub(super) fn value(&self, row: usize, place: Option<usize>) -> Value<'_> {
        let Some(column) = place.map(|place| self.rows.column(place)).filter(|column| column.is_valid(row))
        else {
            return Value::Null;
        };
        match column.data_type() {
            DataType::Float64 => Value::Number(column.as_primitive::<Float64Type>().value(row)),
            DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
            DataType::Boolean => Value::Boolean(column.as_boolean().value(row)),
            DataType::Utf8 => Value::Text(column.as_string::<i32>().value(row)),
            DataType::Timestamp(..) => {
                Value::Integer(column.as_primitive::<TimestampMillisecondType>().value(row))
            }
            _ => Value::Null,
        }
    }
}

/// The numeric features of all rows, row after row; missing is NaN.
fn numeric_rows(rows: &RecordBatch, places: &[Option<usize>]) -> Vec<f64> {
    let width = places.len();
    let mut matrix = vec![f64::NAN; rows.num_rows() * width];
    if matrix.is_empty() {
        // Every record of the block is bad or empty.
        return matrix;
    }
    for (feature, place) in places.iter().enumerate() {
        let Some(column) = place.map(|place| rows.column(place)) else { continue };
        let mut fill = |value: &dyn Fn(usize) -> f64| {
            for row in 0..rows.num_rows() {
                if column.is_valid(row) {
                    matrix[row * width + feature] = value(row);
                }
            }
        };
        match column.data_type() {
            DataType::Float64 => {
                // The usual case, without the indirection.
                let column = column.as_primitive::<Float64Type>();
                for (cell, value) in matrix[feature..].iter_mut().step_by(width).zip(column.iter()) {
                    *cell = value.unwrap_or(f64::NAN);
                }
            }
            DataType::Int64 => {
                let column = column.as_primitive::<Int64Type>();
                fill(&|row| column.value(row) as f64);
            }
            DataType::Boolean => {
                let column = column.as_boolean();
                fill(&|row| f64::from(u8::from(column.value(row))));
            }
            DataType::Timestamp(..) => {
                let column = column.as_primitive::<TimestampMillisecondType>();
                fill(&|row| column.value(row) as f64);
            }
            _ => {}
        }
    }
    matrix
}

/// The categorical features of all rows, row after row.
fn category_rows(rows: &RecordBatch, places: &[Option<usize>]) -> Vec<Category> {
    let width = places.len();
    let mut matrix = vec![MISSING_CATEGORY; rows.num_rows() * width];
    for (feature, place) in places.iter().enumerate() {
        let Some(column) = place.and_then(|place| rows.column(place).as_string_opt::<i32>()) else {
            continue;
        };
        for (cell, value) in matrix[feature..].iter_mut().step_by(width).zip(column.iter()) {
            *cell = value.map_or(MISSING_CATEGORY, |text| category(text.as_bytes()));
        }
    }
    matrix
}

/// The texts of all rows as sparse features.
fn text_rows(rows: &RecordBatch, plan: &TextPlan) -> TextRows {
    let column = |place: &Option<usize>| place.and_then(|place| rows.column(place).as_string_opt::<i32>());
    let columns: Vec<_> = plan.fields.iter().map(column).collect();
    let mut out = TextRows::default();
    for row in 0..rows.num_rows() {
        let texts = columns.iter().map(|column| {
            let column = (*column)?;
            column.is_valid(row).then(|| column.value(row))
        });
        out.push(&plan.hasher, texts);
    }
    out
}

fn label_column(rows: &RecordBatch, place: Option<usize>) -> LabelColumn {
    let Some(column) = place.map(|place| rows.column(place)) else { return LabelColumn::None };
    if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
        return LabelColumn::Numbers(numbers.clone());
    }
    match column.as_string_opt::<i32>() {
        Some(classes) => LabelColumn::Classes(classes.clone()),
        None => LabelColumn::None,
    }
}

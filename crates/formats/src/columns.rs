//! Columns under construction: cells are set in any order, and a row is kept or dropped as a whole.

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMillisecondArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::SchemaRef;
use std::sync::Arc;
use streamfold_flow::schema::FieldType;

use crate::fault::{self, Fault};

/// The values of a column, null ones included (as zero or empty).
#[derive(Debug)]
enum Store {
    Number(Vec<f64>),
    Integer(Vec<i64>),
    Time(Vec<i64>),
    Boolean(Vec<bool>),
    /// End of each row's text in `bytes`; the row under construction reaches from the last end on.
    Text {
        ends: Vec<i32>,
        bytes: Vec<u8>,
    },
}

#[derive(Debug)]
struct Column {
    /// The attempt in which the cell of the row under construction was set; any other number: it is null.
    set_in: u64,
    store: Store,
    nulls: Vec<u32>,
}

/// The columns of one block.
#[derive(Debug)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    /// Rows that are kept so far, and so the index of the row under construction.
    row: usize,
    /// Counts rows that were begun, over the life of the decoder.
    attempt: u64,
    /// Cells set in the row under construction.
    set: usize,
}

/// The longest text that the cells of one column may have together.
const TEXT_BYTES_MAX: usize = i32::MAX as usize;

impl Columns {
    pub(crate) fn new(kinds: impl IntoIterator<Item = FieldType>) -> Self {
        let column = |kind| {
            let store = match kind {
                FieldType::Number => Store::Number(Vec::new()),
                FieldType::Integer => Store::Integer(Vec::new()),
                FieldType::Time(_) => Store::Time(Vec::new()),
                FieldType::Boolean => Store::Boolean(Vec::new()),
                FieldType::Text | FieldType::Scalar => Store::Text { ends: vec![0], bytes: Vec::new() },
            };
            Column { set_in: 0, store, nulls: Vec::new() }
        };
        Columns { columns: kinds.into_iter().map(column).collect(), row: 0, attempt: 1, set: 0 }
    }

    /// Makes room for so many rows. [`Columns::finish`] comes after at most so many rows.
    pub(crate) fn begin(&mut self, rows_max: usize) {
        for column in &mut self.columns {
            match &mut column.store {
                Store::Number(values) => *values = vec![0.0; rows_max],
                Store::Integer(values) | Store::Time(values) => *values = vec![0; rows_max],
                Store::Boolean(values) => *values = vec![false; rows_max],
                Store::Text { ends, .. } => ends.reserve(rows_max),
            }
        }
    }

    #[inline]
    fn cell(&mut self, column: usize) -> (&mut Store, usize) {
        let column = &mut self.columns[column];
        self.set += usize::from(column.set_in != self.attempt);
        column.set_in = self.attempt;
        (&mut column.store, self.row)
    }

    #[inline]
    pub(crate) fn set_number(&mut self, column: usize, value: f64) {
        if let (Store::Number(values), row) = self.cell(column) {
            values[row] = value;
        }
    }

    /// Sets a cell of an integer or time column.
    #[inline]
    pub(crate) fn set_integer(&mut self, column: usize, value: i64) {
        if let (Store::Integer(values) | Store::Time(values), row) = self.cell(column) {
            values[row] = value;
        }
    }

    #[inline]
    pub(crate) fn set_boolean(&mut self, column: usize, value: bool) {
        if let (Store::Boolean(values), row) = self.cell(column) {
            values[row] = value;
        }
    }

    /// Sets a cell of a text column; a fault if the column is full.
    #[inline]
    pub(crate) fn set_text(&mut self, column: usize, text: &str) -> Result<(), Fault> {
        if let (Store::Text { ends, bytes }, row) = self.cell(column) {
            bytes.truncate(ends[row] as usize);
            if text.len() > TEXT_BYTES_MAX - bytes.len() {
                return Err(Fault::new(
                    fault::TOO_LARGE,
                    "the texts of a column of this block are larger than 2 GiB",
                ));
            }
            bytes.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }

    /// Makes a cell null again.
    pub(crate) fn clear(&mut self, column: usize) {
        let column = &mut self.columns[column];
        if column.set_in == self.attempt {
            column.set_in = 0;
            self.set -= 1;
        }
    }

    /// Keeps the row under construction; cells that were not set are null.
    #[inline]
    pub(crate) fn keep_row(&mut self) {
        if self.set < self.columns.len() {
            self.note_nulls();
        }
        for column in &mut self.columns {
            if let Store::Text { ends, bytes } = &mut column.store {
                ends.push(bytes.len() as i32);
            }
        }
        self.row += 1;
        self.next_attempt();
    }

    fn note_nulls(&mut self) {
        for column in self.columns.iter_mut().filter(|column| column.set_in != self.attempt) {
            column.nulls.push(self.row as u32);
            // A cell that was set and cleared again has left its value behind.
            match &mut column.store {
                Store::Number(values) => values[self.row] = 0.0,
                Store::Integer(values) | Store::Time(values) => values[self.row] = 0,
                Store::Boolean(values) => values[self.row] = false,
                Store::Text { ends, bytes } => bytes.truncate(ends[self.row] as usize),
            }
        }
    }

    /// Drops the row under construction. Its values are overwritten by the next row, or are cut off at the end.
    pub(crate) fn drop_row(&mut self) {
        for column in &mut self.columns {
            if let Store::Text { ends, bytes } = &mut column.store {
                bytes.truncate(ends[self.row] as usize);
            }
        }
        self.next_attempt();
    }

    fn next_attempt(&mut self) {
        self.attempt += 1;
        self.set = 0;
    }

    /// The rows that were kept. The columns are empty again afterwards.
    pub(crate) fn finish(&mut self, schema: &SchemaRef) -> RecordBatch {
        let rows = std::mem::take(&mut self.row);
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(|column| column.finish(rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        #[expect(clippy::expect_used, reason = "types and lengths are those of the schema by construction")]
        RecordBatch::try_new_with_options(schema.clone(), arrays, &options).expect("columns fit their schema")
    }
}

impl Column {
    fn finish(&mut self, rows: usize) -> ArrayRef {
        let nulls = null_buffer(&self.nulls, rows);
        self.nulls.clear();
        match &mut self.store {
            Store::Number(values) => Arc::new(Float64Array::new(scalars(values, rows), nulls)),
            Store::Integer(values) => Arc::new(Int64Array::new(scalars(values, rows), nulls)),
            Store::Time(values) => Arc::new(TimestampMillisecondArray::new(scalars(values, rows), nulls)),
            Store::Boolean(values) => {
                values.truncate(rows);
                let bits = BooleanBuffer::from(values.as_slice());
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Store::Text { ends, bytes } => {
                // The next block will be about as large.
                let (ends, bytes) = (
                    std::mem::replace(ends, vec![0]),
                    std::mem::replace(bytes, Vec::with_capacity(bytes.len())),
                );
                let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
                Arc::new(StringArray::new(offsets, Buffer::from_vec(bytes), nulls))
            }
        }
    }
}

fn scalars<T: arrow_buffer::ArrowNativeType>(values: &mut Vec<T>, rows: usize) -> ScalarBuffer<T> {
    let mut values = std::mem::take(values);
    values.truncate(rows);
    ScalarBuffer::from(values)
}

fn null_buffer(nulls: &[u32], rows: usize) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut bits = vec![0xffu8; rows.div_ceil(8)];
    for &row in nulls {
        bits[row as usize / 8] &= !(1 << (row % 8));
    }
    Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, rows)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use streamfold_flow::schema::{FieldSpec, RowSchema};

    #[test]
    fn nulls_are_where_they_belong() {
        let nulls = null_buffer(&[0, 7, 8, 21], 23).unwrap();
        let found: Vec<_> = (0..23u32).filter(|row| nulls.is_null(*row as usize)).collect();
        assert_eq!((nulls.null_count(), found), (4, vec![0, 7, 8, 21]));
        assert!(null_buffer(&[], 23).is_none());
    }

    #[test]
    fn dropped_rows_leave_nothing_behind() {
        let kinds = [FieldType::Number, FieldType::Text, FieldType::Boolean];
        let fields = kinds.iter().map(|kind| FieldSpec { name: format!("{kind:?}"), kind: *kind }).collect();
        let schema = crate::schema::arrow_schema(&RowSchema { fields, keep_unknown: false }).unwrap();
        let mut columns = Columns::new(kinds);
        for _ in 0..2 {
            columns.begin(4);
            columns.set_number(0, 1.0);
            columns.set_text(1, "dropped").unwrap();
            columns.drop_row();
            columns.set_text(1, "first").unwrap();
            columns.set_text(1, "last").unwrap();
            columns.keep_row();
            columns.set_number(0, 2.0);
            columns.set_text(1, "cleared").unwrap();
            columns.clear(1);
            columns.set_boolean(2, true);
            columns.keep_row();
            let batch = columns.finish(&schema);
            assert_eq!(batch.num_rows(), 2);
            let numbers = batch.column(0).as_primitive::<arrow_array::types::Float64Type>();
            assert_eq!(numbers.iter().collect::<Vec<_>>(), [None, Some(2.0)]);
            assert_eq!(batch.column(1).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("last"), None]);
            assert_eq!(batch.column(2).as_boolean().iter().collect::<Vec<_>>(), [None, Some(true)]);
            assert_eq!(numbers.values()[0], 0.0);
            assert!(batch.column(1).is_null(1));
        }
    }
}

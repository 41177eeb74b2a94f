//! Rows: records decoded into Arrow columns, and the fields of an answer on their way back to bytes.

use crate::record::RecordBlock;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

/// What became of a block's records: each is a row, bad, or empty (null value).
#[derive(Debug)]
pub struct Decoded {
    /// One row for each good record, in the block's order; the columns are those of [`Decode::schema`].
    pub rows: RecordBatch,
    /// For each row, the place of its record in the block (rising).
    pub record_of_row: Vec<u32>,
    /// The records that could not be read (rising places).
    pub bad: Vec<BadRecord>,
    /// Places of the records whose value is null (rising): not bad, but no row either.
    pub null: Vec<u32>,
}

/// A record that could not be read, and why. Its bytes stay in the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Place in the block.
    pub record: u32,
    /// Kind of fault, for counters: a short fixed word such as `not_json` or `wrong_type`.
    pub kind: &'static str,
    /// What is wrong, where, with what was found, for people; bounded in length by the decoder.
    pub reason: String,
}

/// Bytes to rows. Pure: the same block gives the same rows.
pub trait Decode: Send {
    /// The columns of the rows.
    fn schema(&self) -> SchemaRef;
    /// Decodes every record of the block.
    fn decode(&mut self, block: &RecordBlock) -> Decoded;
}

/// A value of a field that is to be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing is known.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number; not finite ones are written as null.
    Number(f64),
    /// Text.
    Text(&'a str),
    /// Numbers by name, such as the scores of classes, in this order.
    Numbers(&'a [(&'a str, f64)]),
    /// Numbers in a row, such as the steps of a forecast; not finite ones are written as null.
    List(&'a [f64]),
    /// Texts in a row, such as recommended items, the best first.
    Texts(&'a [&'a str]),
}

/// A field of an answer: its name and value.
pub type Field<'a> = (&'a str, Value<'a>);

/// Fields to bytes. Pure: the same fields give the same bytes.
pub trait Encode: Send {
    /// Appends one record's value to `out`.
    fn encode(&mut self, fields: &[Field<'_>], out: &mut Vec<u8>);
}

//! Bytes to rows and back: JSON and CSV.
//!
//! A [`Decode`](streamfold_flow::rows::Decode) turns the values of records into Arrow columns, an
//! [`Encode`](streamfold_flow::rows::Encode) turns the fields of an answer into a value. Both are built by name
//! through [`registry::FORMATS`]; adding a format is one file and one line there.
//!
//! What is read is told by a [`RowSchema`](streamfold_flow::schema::RowSchema), declared or [inferred](infer). The
//! same rules hold for every format:
//!
//! | declared | Arrow column | JSON | CSV |
//! |---|---|---|---|
//! | `number` | `Float64` | a number, whole or not | the text of a number |
//! | `integer` | `Int64` | a number without fraction and exponent | the same |
//! | `text` | `Utf8` | a string | any text |
//! | `boolean` | `Boolean` | `true`, `false` | `true`, `True`, `TRUE`, `false`, ... |
//! | `time` | `Timestamp(Millisecond)`, UTC | a number or a string, as the [notation](time) says | the same |
//! | `scalar` | `Utf8` | a string, or the literal text of a number or truth value | any text |
//!
//! Missing and null are the same: null. Nothing is ever converted silently: a number where text was declared is a
//! bad record, and so is text where a number was declared. Numbers are read to the nearest float, always. What is
//! wrong with a bad record is said by one of the words in [`fault`] and a reason of at most some 200 characters.

mod block;
mod columns;
pub mod csv;
pub mod fault;
pub mod infer;
pub mod json;
mod number;
pub mod registry;
pub mod rows;
pub mod schema;
pub mod time;

pub use registry::{FORMATS, FormatError};

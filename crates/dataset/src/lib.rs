//! Whole files as streams of events, for evaluating models without Kafka.
//!
//! 1. A file becomes a [`Table`]: CSV with a header line, Parquet, or ARFF, the texts also gzipped ([`read`]). Types of
//!    columns are inferred where the format does not have them.
//! 2. A table becomes a [`Stream`]: features, and a label for each row ([`Stream::new`]).
//!
//! Everything is in memory, in the order of the file. A crate of its own because of Parquet, which the way of the data
//! through Kafka does not need.
//!
//! | in the file | kind | as a feature | as a label |
//! |---|---|---|---|
//! | numbers | [`Kind::Number`] | a number | a number; as classes `3` and `3.0` are the class `3` |
//! | truth values | [`Kind::Boolean`] | 0 or 1 | 0 or 1; the classes `false` and `true` |
//! | text | [`Kind::Category`] | a category | the class |
//! | text that is declared to be one | [`Kind::Text`] | counts of its words, hashed to 2^18 places | the class |
//! | times | [`Kind::Time`] | none: a time only ever grows | none |
//!
//! Cells that are missing are missing features; a row whose label is missing has no label.

mod arff;
mod csv;
mod error;
mod parquet;
mod read;
mod stream;
mod table;

pub use error::DatasetError;
pub use read::{Options, read};
pub use stream::{Roles, Stream};
pub use table::{Cells, Column, Kind, Table};

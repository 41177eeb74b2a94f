//! The words of streaming: records, rows, positions, and the narrow traits that move them.
//!
//! Every other crate speaks these words and nobody here knows of Kafka, of a format or of a model. The way of
//! the data is the order of the modules: a [`RecordBlock`](record::RecordBlock) is read from a log, decoded into
//! [`Decoded`](rows::Decoded) rows, answered with [`OutputBlock`](record::OutputBlock) records, which a
//! [`Transaction`](log::Transaction) writes back together with the position.

pub mod log;
pub mod record;
pub mod rows;
pub mod schema;

/// A partition of one of the pipeline's inputs: the place of the input in the plan, and the partition's number.
///
/// The order of these (input first, then partition) is the order in which ties of event time are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// Place of the input in the plan's list of inputs.
    pub input: u16,
    /// Number of the partition in the input's topic.
    pub partition: i32,
}

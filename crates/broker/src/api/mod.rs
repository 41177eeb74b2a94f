//! The answers, a file for what belongs together. Here protocol becomes model and back; what happens is decided elsewhere.

pub mod cluster;
pub mod committed;
pub mod configs;
pub mod fetch;
pub mod group;
pub mod groups;
pub mod metadata;
pub mod offsets;
pub mod produce;
pub mod records;
pub mod topics;
pub mod transaction;
pub mod transactions;
pub mod versions;

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

/// A text for an answer.
pub fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

/// The number of an outcome.
pub fn code<T>(outcome: &Result<T, ResponseError>) -> i16 {
    outcome.as_ref().map_or_else(ResponseError::code, |_| 0)
}

//! What can be wrong with a file, and where.

use std::path::PathBuf;

/// Why a file cannot be read, or not be taken as a stream.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file cannot be opened or read to its end.
    #[error("cannot read {}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// One line, or row, of the file is wrong.
    #[error("{}, {place}: {reason}", file.display())]
    Place {
        /// The file.
        file: PathBuf,
        /// The line of a text, the row of a Parquet file, both counted from 1.
        place: Place,
        /// What is wrong, with the column.
        reason: String,
    },
    /// The file as a whole is wrong.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no such column.
    #[error("{} has no column {name:?}{}; it has: {known}", file.display(), likely.as_ref().map(|name| format!(" (did you mean {name:?}?)")).unwrap_or_default())]
    Column {
        /// The file.
        file: PathBuf,
        /// The name that was given.
        name: String,
        /// The name that was probably meant.
        likely: Option<String>,
        /// The names that there are.
        known: String,
    },
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Of a text.
    Line(u64),
    /// Of a file without lines.
    Row(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Line(number) => write!(f, "line {number}"),
            Place::Row(number) => write!(f, "row {number}"),
        }
    }
}

//! What the fields of an input are: declared in the pipeline file or inferred from a sample.

/// How an event time is written in a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimeNotation {
    /// Found out value by value: text by its form, numbers by their size.
    #[default]
    Auto,
    /// Seconds since 1970, whole or fractional.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// Microseconds since 1970.
    UnixMicroseconds,
    /// Nanoseconds since 1970.
    UnixNanoseconds,
    /// `2013-01-01T05:15:00Z`, with an offset.
    Rfc3339,
    /// `2013-01-01 05:15:00`, `2013-01-01T05:15`, `2013-01-01`: without an offset, taken as UTC.
    Iso8601,
}

impl TimeNotation {
    /// All notations with their names in pipeline files.
    pub const NAMES: &[(&str, TimeNotation)] = &[
        ("auto", TimeNotation::Auto),
        ("unix_s", TimeNotation::UnixSeconds),
        ("unix_ms", TimeNotation::UnixMilliseconds),
        ("unix_us", TimeNotation::UnixMicroseconds),
        ("unix_ns", TimeNotation::UnixNanoseconds),
        ("rfc3339", TimeNotation::Rfc3339),
        ("iso8601", TimeNotation::Iso8601),
    ];
}

/// The type of a field, and so of its Arrow column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// `Float64`.
    Number,
    /// `Int64`.
    Integer,
    /// `Utf8`.
    Text,
    /// `Boolean`.
    Boolean,
    /// `Timestamp(Millisecond, None)`, UTC.
    Time(TimeNotation),
    /// A scalar of any JSON type taken as its text (`Utf8`): keys and class labels, where `7`, `"7"` and `true`
    /// are `7`, `7` and `true`.
    Scalar,
}

/// A field that is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldSpec {
    /// Its name; in JSON `a.b` reaches into objects.
    pub name: String,
    /// Its type.
    pub kind: FieldType,
}

/// The fields that are read, in the order of the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RowSchema {
    /// The fields.
    pub fields: Vec<FieldSpec>,
    /// Keep the fields that are not declared, as one more `Utf8` column named `_rest` (a JSON object).
    pub keep_unknown: bool,
}

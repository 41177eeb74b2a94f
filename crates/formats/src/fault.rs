//! What can be wrong with a record: the words for counters, and reasons for people.
//!
//! A reason names the field and shows a bounded excerpt of what was found, with control characters escaped, so that
//! it can be put into a header or a log line as it is.

/// The value has no bytes.
pub const EMPTY: &str = "empty";
/// The value is not UTF-8.
pub const NOT_UTF8: &str = "not_utf8";
/// The value is not JSON.
pub const NOT_JSON: &str = "not_json";
/// The value is JSON, but not an object.
pub const NOT_AN_OBJECT: &str = "not_an_object";
/// The value is not a line of CSV.
pub const NOT_CSV: &str = "not_csv";
/// A line of CSV has more or fewer fields than there are columns.
pub const WRONG_FIELD_COUNT: &str = "wrong_field_count";
/// A field is of another type than declared.
pub const WRONG_TYPE: &str = "wrong_type";
/// A number or time is of the right type, but too large or too small for it.
pub const OUT_OF_RANGE: &str = "out_of_range";
/// Text that is not a time in the declared notation.
pub const NOT_A_TIME: &str = "not_a_time";
/// Objects and arrays are nested deeper than [`crate::json::DEPTH_MAX`].
pub const TOO_DEEP: &str = "too_deep";
/// A block's texts do not fit into one column (2 GiB).
pub const TOO_LARGE: &str = "too_large";

/// Most characters of an [`excerpt`].
const EXCERPT_MAX: usize = 40;

/// Why a record cannot be read. Boxed: it is rare, and the way of the good records should not carry its size.
#[derive(Debug)]
pub(crate) struct Fault(Box<(&'static str, String)>);

impl Fault {
    #[cold]
    pub(crate) fn new(kind: &'static str, reason: impl Into<String>) -> Self {
        Fault(Box::new((kind, reason.into())))
    }

    #[cold]
    pub(crate) fn wrong_type(field: &str, expected: &str, found: &str) -> Self {
        Fault::new(WRONG_TYPE, format!("field {}: expected {expected}, found {found}", excerpt(field)))
    }

    #[cold]
    pub(crate) fn out_of_range(field: &str, found: &str, range: &str) -> Self {
        let reason =
            format!("field {}: {} is outside of the range of {range}", excerpt(field), excerpt(found));
        Fault::new(OUT_OF_RANGE, reason)
    }

    pub(crate) fn at(self, record: u32) -> streamfold_flow::rows::BadRecord {
        let (kind, reason) = *self.0;
        streamfold_flow::rows::BadRecord { record, kind, reason }
    }
}

/// The beginning of a text, safe to show: at most [`EXCERPT_MAX`] characters, on one line, without control
/// characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
        if shown.len() >= EXCERPT_MAX {
            break;
        }
    }
    match shown.char_indices().nth(EXCERPT_MAX) {
        Some((end, _)) => shown.truncate(end),
        None if shown.len() < EXCERPT_MAX => return shown,
        None => {}
    }
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_on_one_line() {
        assert_eq!(excerpt("a \"b\""), "a \"b\"");
        assert_eq!(excerpt("a\nb\0"), "a\\nb\\0");
        assert_eq!(excerpt(&"x".repeat(100)), format!("{}…", "x".repeat(40)));
        assert!(excerpt(&"\u{202e}é".repeat(100)).chars().count() <= 41);
    }
}

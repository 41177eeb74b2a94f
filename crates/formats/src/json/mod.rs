//! JSON, one object a record.
//!
//! # Reading
//!
//! The value of a record is one JSON object (RFC 8259) in UTF-8; white space around it is allowed, a byte order mark
//! is not. The whole record is checked, also what is not read. Of the names:
//!
//! - A field `a.b.c` is looked for inside of objects: `{"a": {"b": {"c": 1}}}`. If the object itself has a key with
//!   those dots, `{"a.b.c": 1}`, that one counts, wherever it stands. Where the schema declares a beginning of the path
//!   (`a` beside `a.b`) as a field of its own, nothing is looked for inside of it.
//! - Keys are compared after their escapes are resolved. Of a key that occurs twice in an object, the last counts;
//!   but each value that is met must be of the declared type.
//! - A field that is missing or null is null. A path that meets null on its way is null, too; one that meets anything
//!   else but an object makes the record bad (`wrong_type`).
//! - Fields that are not declared are skipped, or kept in the column `_rest` as one object, literally as they came
//!   (those inside of objects that are partly read, too); it is null where there are none.
//!
//! | declared | takes | otherwise |
//! |---|---|---|
//! | `number` | any number; the nearest float | beyond all floats (`1e999`): `out_of_range` |
//! | `integer` | numbers without point and exponent | `1.0`: `wrong_type`; beyond 64 bits: `out_of_range` |
//! | `text` | strings | |
//! | `boolean` | `true`, `false` | |
//! | `time` | numbers or strings as the [notation](crate::time) says | `not_a_time`, `out_of_range` |
//! | `scalar` | strings; numbers and truth values by their literal text | |
//!
//! Other kinds of faults are `empty`, `not_utf8`, `not_json`, `not_an_object`, `too_deep` (from [`DEPTH_MAX`]) and
//! `too_large` ([`crate::fault`]). A string with half of a surrogate pair (`"\ud800"`) stands for no text and is
//! `not_json`.
//!
//! # Writing
//!
//! One object without white space, fields in their order. Floats are written with the fewest digits that read back to the
//! same bits, `1` as `1.0`; those that are not finite as `null`. Numbers by name are an object of their own, lists are arrays.

mod decode;
mod encode;
mod keys;
pub(crate) mod token;

pub use decode::JsonDecoder;
pub use encode::JsonEncoder;
pub(crate) use encode::write_string;

use crate::registry::{FormatEntry, FormatError, Options, check_options};

/// Objects and arrays nested so deep, the outermost included, are refused.
pub const DEPTH_MAX: usize = 128;

/// The format's line in the registry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "json",
    summary: "One JSON object a record; nested fields by dotted path",
    options: &[],
    decoder: |schema, options| {
        check(options)?;
        Ok(Box::new(JsonDecoder::new(schema)?))
    },
    encoder: |_columns, options| {
        check(options)?;
        Ok(Box::new(JsonEncoder::default()))
    },
};

fn check(options: &Options) -> Result<(), FormatError> {
    check_options(&ENTRY, options)
}

//! Whole texts of CSV with a header line, for tools that read files.

use streamfold_flow::record::{Headers, RecordBlock, RecordRef};
use streamfold_flow::rows::{Decode, Decoded};
use streamfold_flow::schema::RowSchema;

use super::split::Fields;
use super::{CsvDecoder, CsvOptions};
use crate::FormatError;
use crate::fault::excerpt;

/// The lines of a text, each without its line break and with the number of the line that it begins on. Line breaks
/// inside of quotes belong to their line; lines with nothing in them are passed over, and so is a byte order mark at the
/// beginning.
pub fn lines(text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut rest = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut number = 1;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (mut quoted, mut breaks) = (false, 0);
            let end = rest.iter().position(|byte| {
                quoted ^= *byte == b'"';
                breaks += u64::from(*byte == b'\n');
                *byte == b'\n' && !quoted
            });
            let line = &rest[..end.unwrap_or(rest.len())];
            rest = &rest[end.map_or(rest.len(), |end| end + 1)..];
            let first = number;
            number += breaks;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                return Some((first, line));
            }
        }
        None
    })
}

/// The names in a header line; `None` if it is not a line of CSV.
pub fn header(line: &str, delimiter: u8) -> Option<Vec<String>> {
    let mut fields = Fields::new(line, delimiter);
    let (mut names, mut buffer) = (Vec::new(), String::new());
    while let Some(field) = fields.next().ok()? {
        names.push(field.resolve(&mut buffer).to_owned());
    }
    Some(names)
}

/// A text of CSV as rows.
pub struct CsvRows {
    /// The names in the header line.
    pub header: Vec<String>,
    /// The lines behind it, as records whose offset is the number of the line (the header line being 1).
    pub records: RecordBlock,
    /// What they say.
    pub decoded: Decoded,
}

/// Reads a text whose first line has the names of the columns. `options.columns` is not used. A text of up to 2 GiB.
pub fn read(text: &[u8], fields: &RowSchema, options: &CsvOptions) -> Result<CsvRows, FormatError> {
    let mut lines = lines(text);
    let (_, first) = lines.next().unwrap_or_default();
    let columns = std::str::from_utf8(first).ok().and_then(|line| header(line, options.delimiter));
    let header = columns.filter(|_| !first.is_empty());
    let header = header.ok_or_else(|| FormatError::Header(excerpt(&String::from_utf8_lossy(first))))?;
    let mut decoder = CsvDecoder::new(fields, &CsvOptions { columns: header.clone(), ..options.clone() })?;
    let mut records = RecordBlock::default();
    for (number, line) in lines {
        records.push(RecordRef {
            offset: number as i64,
            timestamp_ms: -1,
            key: None,
            value: Some(line),
            headers: Headers::EMPTY,
        });
    }
    let decoded = decoder.decode(&records);
    Ok(CsvRows { header, records, decoded })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Float64Type;
    use streamfold_flow::schema::{FieldSpec, FieldType};

    #[test]
    fn a_file_becomes_rows() {
        let text = "\u{feff}a,b\r\n1,\"x\ny\"\n\nwrong,z\n3,\"\"\n4";
        let fields = ["b", "a"].map(|name| FieldSpec {
            name: name.to_owned(),
            kind: if name == "a" { FieldType::Number } else { FieldType::Text },
        });
        let schema = RowSchema { fields: fields.into(), keep_unknown: false };
        let read = read(text.as_bytes(), &schema, &CsvOptions::default()).unwrap();
        assert_eq!(read.header, ["a", "b"]);
        let rows = &read.decoded.rows;
        assert_eq!(rows.column(0).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("x\ny"), Some("")]);
        assert_eq!(rows.column(1).as_primitive::<Float64Type>().values()[..], [1.0, 3.0]);
        assert_eq!(read.decoded.record_of_row, [0, 2]);
        let bad: Vec<_> = read
            .decoded
            .bad
            .iter()
            .map(|bad| (read.records.get(bad.record as usize).offset, bad.kind))
            .collect();
        assert_eq!(bad, [(5, "wrong_type"), (7, "wrong_field_count")]);
    }

    #[test]
    fn a_text_without_header_is_refused() {
        for text in ["", "\n\n", "\"a\nb", "a\"\n"] {
            let result = read(text.as_bytes(), &RowSchema::default(), &CsvOptions::default());
            assert!(matches!(result, Err(FormatError::Header(_))), "{text:?}");
        }
    }
}

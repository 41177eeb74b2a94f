//! What the decoders of all formats have in common: the walk over a block of records.

use arrow_schema::SchemaRef;
use streamfold_flow::record::RecordBlock;
use streamfold_flow::rows::Decoded;

use crate::columns::Columns;
use crate::fault::{self, Fault};

/// Reads one record into columns.
pub(crate) trait ReadRecord {
    /// The columns that it reads into.
    fn columns(&mut self) -> &mut Columns;
    /// Sets the cells of the row under construction. The text is not empty.
    fn read(&mut self, text: &str) -> Result<(), Fault>;
}

/// Reads each record of a block: a row, bad, or null.
pub(crate) fn decode_block(reader: &mut impl ReadRecord, schema: &SchemaRef, block: &RecordBlock) -> Decoded {
    let mut record_of_row = Vec::with_capacity(block.len());
    let (mut bad, mut null) = (Vec::new(), Vec::new());
    reader.columns().begin(block.len());
    for (place, record) in (0..).zip(block.iter()) {
        let Some(value) = record.value else {
            null.push(place);
            continue;
        };
        match text(value).and_then(|text| reader.read(text)) {
            Ok(()) => {
                reader.columns().keep_row();
                record_of_row.push(place);
            }
            Err(fault) => {
                reader.columns().drop_row();
                bad.push(fault.at(place));
            }
        }
    }
    Decoded { rows: reader.columns().finish(schema), record_of_row, bad, null }
}

/// The text of a value.
pub(crate) fn text(value: &[u8]) -> Result<&str, Fault> {
    if value.is_empty() {
        return Err(Fault::new(fault::EMPTY, "the value has no bytes"));
    }
    std::str::from_utf8(value)
        .map_err(|error| Fault::new(fault::NOT_UTF8, format!("byte {}: not UTF-8", error.valid_up_to())))
}

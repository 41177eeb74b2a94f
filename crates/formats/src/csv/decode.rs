//! Lines of CSV to rows.

use arrow_schema::SchemaRef;
use streamfold_flow::record::RecordBlock;
use streamfold_flow::rows::{Decode, Decoded};
use streamfold_flow::schema::{FieldType, RowSchema};

use super::CsvOptions;
use super::split::{Fields, RawField};
use crate::FormatError;
use crate::block::{ReadRecord, decode_block};
use crate::columns::Columns;
use crate::fault::{self, Fault, excerpt};
use crate::json::write_string;
use crate::number::{Grammar, scan};
use crate::schema::{arrow_schema, expectation};
use crate::time;

/// Reads lines of CSV; see the [module](super).
pub struct CsvDecoder {
    schema: SchemaRef,
    fields: RowSchema,
    options: CsvOptions,
    /// For each column of the line its name and its field, if it is read.
    line: Vec<(String, Option<usize>)>,
    columns: Columns,
    /// The columns of the line at hand that are not read, as a JSON object, if they are kept.
    rest: Vec<u8>,
    /// For fields with doubled quotes.
    buffer: String,
}

impl CsvDecoder {
    /// A decoder of these fields. Each of them has to be a column, and no column may be there twice.
    pub fn new(fields: &RowSchema, options: &CsvOptions) -> Result<Self, FormatError> {
        let schema = arrow_schema(fields)?;
        let declared: Vec<String> = fields.fields.iter().map(|field| field.name.clone()).collect();
        let names = if options.columns.is_empty() { &declared } else { &options.columns };
        let mut line: Vec<(String, Option<usize>)> = Vec::with_capacity(names.len());
        for name in names {
            if line.iter().any(|(other, _)| other == name) {
                return Err(FormatError::DuplicateField(name.clone()));
            }
            line.push((name.clone(), declared.iter().position(|field| field == name)));
        }
        if let Some(missing) = declared.iter().find(|name| !names.contains(name)) {
            return Err(FormatError::NotAColumn { name: missing.clone(), columns: names.join(", ") });
        }
        let rest = fields.keep_unknown.then_some(FieldType::Text);
        Ok(CsvDecoder {
            schema,
            line,
            columns: Columns::new(fields.fields.iter().map(|field| field.kind).chain(rest)),
            rest: Vec::new(),
            buffer: String::new(),
            fields: fields.clone(),
            options: options.clone(),
        })
    }

    /// If the next field is declared as a number and is one at a glance, reads it.
    #[inline(always)]
    fn number(&mut self, fields: &mut Fields<'_>, field: usize) -> bool {
        if self.fields.fields[field].kind == FieldType::Number
            && let Some((text, start)) = fields.place()
            && let Some((number, end)) = scan(text, start, Grammar::Plain)
            && fields.ends_at(end)
            && (self.options.missing.is_empty() || number.text != self.options.missing)
        {
            let value = number.to_float();
            if value.is_finite() {
                self.columns.set_number(field, value);
                fields.pass(end);
                return true;
            }
        }
        false
    }

    fn field(&mut self, field: usize, found: RawField<'_>) -> Result<(), Fault> {
        let text = found.resolve(&mut self.buffer);
        let spec = &self.fields.fields[field];
        let number = || scan(text, 0, Grammar::Plain).filter(|(_, end)| *end == text.len()).map(|(n, _)| n);
        let wrong_type = || Fault::wrong_type(&spec.name, expectation(spec.kind), &excerpt(text));
        match spec.kind {
            FieldType::Text | FieldType::Scalar => self.columns.set_text(field, text)?,
            FieldType::Number => match number().ok_or_else(wrong_type)?.to_float() {
                value if value.is_finite() => self.columns.set_number(field, value),
                _ => return Err(Fault::out_of_range(&spec.name, text, "64-bit floats")),
            },
            FieldType::Integer => {
                let number = number().filter(|number| number.whole).ok_or_else(wrong_type)?;
                let out_of_range = || Fault::out_of_range(&spec.name, text, "64-bit integers");
                self.columns.set_integer(field, number.to_integer().ok_or_else(out_of_range)?);
            }
            FieldType::Boolean => match text {
                "true" | "True" | "TRUE" => self.columns.set_boolean(field, true),
                "false" | "False" | "FALSE" => self.columns.set_boolean(field, false),
                _ => return Err(wrong_type()),
            },
            FieldType::Time(notation) => {
                let time =
                    time::parse(notation, text).map_err(|error| error.fault(&spec.name, notation, text))?;
                self.columns.set_integer(field, time);
            }
        }
        Ok(())
    }

    fn keep(&mut self, place: usize, found: RawField<'_>) {
        self.rest.push(if self.rest.is_empty() { b'{' } else { b',' });
        write_string(&self.line[place].0, &mut self.rest);
        self.rest.push(b':');
        write_string(found.resolve(&mut self.buffer), &mut self.rest);
    }

    fn keep_rest(&mut self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            return Ok(());
        }
        self.rest.push(b'}');
        let rest = std::str::from_utf8(&self.rest).unwrap_or_default();
        self.columns.set_text(self.fields.fields.len(), rest)
    }

    #[cold]
    fn wrong_count(&self, line: &str) -> Fault {
        let mut fields = Fields::new(line, self.options.delimiter);
        let mut count = 0;
        loop {
            match fields.next() {
                Err(fault) => return fault,
                Ok(Some(_)) => count += 1,
                Ok(None) => break,
            }
        }
        let expected = self.line.len();
        Fault::new(
            fault::WRONG_FIELD_COUNT,
            format!("expected {expected} fields, found {count}: {}", excerpt(line)),
        )
    }
}

impl ReadRecord for CsvDecoder {
    fn columns(&mut self) -> &mut Columns {
        &mut self.columns
    }

    fn read(&mut self, text: &str) -> Result<(), Fault> {
        let mut fields = Fields::new(text, self.options.delimiter);
        self.rest.clear();
        for place in 0..self.line.len() {
            let field = self.line[place].1;
            if field.is_some_and(|field| self.number(&mut fields, field)) {
                continue;
            }
            let Some(found) = fields.next()? else { return Err(self.wrong_count(text)) };
            if !found.quoted && (found.raw.is_empty() || found.raw == self.options.missing) {
                continue;
            }
            match field {
                Some(field) => self.field(field, found)?,
                None if self.fields.keep_unknown => self.keep(place, found),
                None => {}
            }
        }
        if fields.next()?.is_some() {
            return Err(self.wrong_count(text));
        }
        self.keep_rest()
    }
}

impl Decode for CsvDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&mut self, block: &RecordBlock) -> Decoded {
        let schema = self.schema.clone();
        decode_block(self, &schema, block)
    }
}

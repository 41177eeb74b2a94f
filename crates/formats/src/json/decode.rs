//! JSON objects to rows: one pass over the bytes that checks, finds and converts at once.

use arrow_schema::SchemaRef;
use streamfold_flow::record::RecordBlock;
use streamfold_flow::rows::{Decode, Decoded};
use streamfold_flow::schema::{FieldType, RowSchema, TimeNotation};

use super::keys::{Node, START, Target, tree};
use super::token::{Cursor, Token, check_depth};
use crate::FormatError;
use crate::block::{ReadRecord, decode_block};
use crate::columns::Columns;
use crate::fault::{self, Fault, excerpt};
use crate::number::{scan_usual, scan_usual_integer};
use crate::schema::{arrow_schema, expectation};
use crate::time::{self, TimeError};

/// Reads JSON objects; see the [module](super).
pub struct JsonDecoder {
    schema: SchemaRef,
    fields: RowSchema,
    /// The objects that fields are looked for in; the first is the record itself.
    nodes: Vec<Node>,
    columns: Columns,
    /// For each field the record in which a key with literally its name was met.
    literal_in: Vec<u64>,
    /// Counts records over the life of the decoder.
    record: u64,
    /// The unknown fields of the record at hand, if they are kept.
    rest: String,
    /// For strings with escapes.
    buffer: String,
}

impl JsonDecoder {
    /// A decoder of these fields.
    pub fn new(fields: &RowSchema) -> Result<Self, FormatError> {
        let rest = fields.keep_unknown.then_some(FieldType::Text);
        Ok(JsonDecoder {
            schema: arrow_schema(fields)?,
            nodes: tree(fields),
            columns: Columns::new(fields.fields.iter().map(|field| field.kind).chain(rest)),
            literal_in: vec![0; fields.fields.len()],
            record: 0,
            rest: String::new(),
            buffer: String::new(),
            fields: fields.clone(),
        })
    }

    /// Reads the object at the cursor into the fields of this node.
    fn object(&mut self, cursor: &mut Cursor<'_>, node: usize, depth: usize) -> Result<(), Fault> {
        check_depth(depth)?;
        if self.fields.keep_unknown {
            self.rest.push('{');
        }
        let mut last = START;
        let mut more = cursor.open(b'}');
        while more && self.numbers(cursor, node, &mut last) {
            let start = cursor.at;
            let target = match self.nodes[node].guess(cursor, &mut last) {
                Some(target) => target,
                None => self.key(cursor, node, &mut last)?,
            };
            match target {
                Target::Number(field) | Target::Field(field) => self.field(cursor, field)?,
                _ => self.other(cursor, target, depth, start)?,
            }
            more = cursor.more(b'}')?;
        }
        if self.fields.keep_unknown {
            self.rest.push('}');
        }
        Ok(())
    }

    /// Reads members as long as they are the expected ones, declared as numbers, and usual ones: the greater part
    /// of most events. Stops before the first other member; false if the object was closed instead. The place is kept
    /// in a register here: what waits for what is all that counts.
    #[inline(never)]
    fn numbers(&mut self, cursor: &mut Cursor<'_>, node: usize, last: &mut usize) -> bool {
        let keys = &self.nodes[node];
        let bytes = cursor.bytes();
        let mut at = cursor.at;
        let mut next = keys.after(*last);
        let mut more = true;
        while more {
            let Some((field, length)) = keys.number(bytes, at, next) else { break };
            let Some((value, end)) = scan_usual(bytes, at + length) else { break };
            match bytes.get(end) {
                Some(b',') => {}
                Some(b'}') => more = false,
                _ => break,
            }
            at = end + 1;
            self.columns.set_number(field, value);
            *last = next;
            next = keys.after(next);
        }
        cursor.at = at;
        more
    }

    /// Reads a key that was not guessed.
    #[inline(never)]
    fn key(&mut self, cursor: &mut Cursor<'_>, node: usize, last: &mut usize) -> Result<Target, Fault> {
        let start = cursor.at;
        let key = cursor.key()?;
        let name = key.resolve(&mut self.buffer);
        Ok(self.nodes[node].look_up(name, cursor.since(start), last))
    }

    /// Reads the value of a member (which begins at `start`) that is not simply a field.
    #[inline(never)]
    fn other(
        &mut self,
        cursor: &mut Cursor<'_>,
        target: Target,
        depth: usize,
        start: usize,
    ) -> Result<(), Fault> {
        match target {
            Target::Path(field) if self.literal_in[field] == self.record => cursor.skip_value(depth),
            Target::Number(field) | Target::Field(field) | Target::Path(field) => self.field(cursor, field),
            Target::Literal(field) => {
                self.literal_in[field] = self.record;
                self.field(cursor, field)
            }
            Target::Object(child) => self.child(cursor, child, depth, start),
            Target::Unknown => {
                cursor.skip_value(depth)?;
                self.keep(cursor.since(start).trim_ascii_start());
                Ok(())
            }
        }
    }

    /// Reads the value that should be an object with fields. Its member begins at `start`.
    fn child(
        &mut self,
        cursor: &mut Cursor<'_>,
        node: usize,
        depth: usize,
        start: usize,
    ) -> Result<(), Fault> {
        if self.nodes[node].entered_in == self.record {
            self.forget(node);
        }
        self.nodes[node].entered_in = self.record;
        if cursor.peek() == Some(b'{') {
            let (kept, key) = (self.rest.len(), cursor.since(start).trim_ascii_start());
            self.keep(key);
            let opened = self.rest.len();
            self.object(cursor, node, depth + 1)?;
            if self.rest.len() == opened + 2 {
                self.rest.truncate(kept);
            }
            return Ok(());
        }
        let value = cursor.at;
        cursor.skip_value(depth)?;
        match cursor.since(value) {
            "null" => Ok(()),
            found => {
                let field =
                    self.nodes[node].fields.first().map_or("", |field| &self.fields.fields[*field].name);
                Err(Fault::wrong_type(field, "an object on the way to it", &excerpt(found)))
            }
        }
    }

    /// A key that leads to an object occurs again: what was read under the first one does not count.
    fn forget(&mut self, node: usize) {
        for &field in &self.nodes[node].fields {
            if self.literal_in[field] != self.record {
                self.columns.clear(field);
            }
        }
    }

    /// Keeps a member as it stands, if unknown ones are kept.
    #[inline(always)]
    fn keep(&mut self, member: &str) {
        if self.fields.keep_unknown {
            if !self.rest.ends_with('{') {
                self.rest.push(',');
            }
            self.rest.push_str(member);
        }
    }

    /// Reads the value at the cursor into a field.
    #[inline(never)]
    fn field(&mut self, cursor: &mut Cursor<'_>, field: usize) -> Result<(), Fault> {
        let kind = self.fields.fields[field].kind;
        let start = cursor.at;
        if let FieldType::Integer | FieldType::Scalar = kind
            && let Some((value, end)) = scan_usual_integer(cursor.bytes(), start)
        {
            cursor.at = end;
            if kind == FieldType::Scalar {
                return self.columns.set_text(field, cursor.since(start));
            }
            self.columns.set_integer(field, value);
            return Ok(());
        }
        if let FieldType::Text | FieldType::Scalar = kind
            && cursor.peek() == Some(b'"')
        {
            let string = cursor.string()?;
            return self.columns.set_text(field, string.resolve(&mut self.buffer));
        }
        self.rare_field(cursor, field, kind)
    }

    /// As [`JsonDecoder::field`], for whatever is not the usual value of its type.
    fn rare_field(&mut self, cursor: &mut Cursor<'_>, field: usize, kind: FieldType) -> Result<(), Fault> {
        let start = cursor.at;
        match (kind, cursor.token()?) {
            (_, Token::Null) => self.columns.clear(field),
            (FieldType::Number, Token::Number(number)) => match number.to_float() {
                value if value.is_finite() => self.columns.set_number(field, value),
                _ => return Err(self.out_of_range(field, number.text)),
            },
            (FieldType::Integer, Token::Number(number)) if number.whole => match number.to_integer() {
                Some(value) => self.columns.set_integer(field, value),
                None => return Err(self.out_of_range(field, number.text)),
            },
            (FieldType::Boolean, Token::Boolean(value)) => self.columns.set_boolean(field, value),
            (FieldType::Scalar, Token::Boolean(_) | Token::Number(_)) => {
                self.columns.set_text(field, cursor.since(start))?;
            }
            (FieldType::Time(notation), Token::Number(number)) if time::takes_numbers(notation) => {
                let time = time::from_number(notation, number);
                self.time(field, notation, time, number.text)?;
            }
            (FieldType::Time(notation), Token::String(string)) if time::takes_text(notation) => {
                let time = time::from_text(notation, string.resolve(&mut self.buffer));
                self.time(field, notation, time, string.raw)?;
            }
            (_, token) => return Err(self.wrong_type(cursor, field, start, token)),
        }
        Ok(())
    }

    fn time(
        &mut self,
        field: usize,
        notation: TimeNotation,
        time: Result<i64, TimeError>,
        found: &str,
    ) -> Result<(), Fault> {
        let name = &self.fields.fields[field].name;
        let time_ms = time.map_err(|error| error.fault(name, notation, found))?;
        self.columns.set_integer(field, time_ms);
        Ok(())
    }

    #[cold]
    fn wrong_type(&self, cursor: &mut Cursor<'_>, field: usize, start: usize, token: Token<'_>) -> Fault {
        let spec = &self.fields.fields[field];
        // The rest of the value may not even be JSON.
        if matches!(token, Token::Object | Token::Array)
            && let Err(fault) = cursor.skip_value(1)
        {
            return fault;
        }
        let what = match token {
            Token::Null => "",
            Token::Boolean(_) => "boolean ",
            Token::Number(_) => "number ",
            Token::String(_) => "text ",
            Token::Object => "object ",
            Token::Array => "array ",
        };
        let found = format!("{what}{}", excerpt(cursor.since(start)));
        Fault::wrong_type(&spec.name, expectation(spec.kind), &found)
    }

    #[cold]
    fn out_of_range(&self, field: usize, found: &str) -> Fault {
        let spec = &self.fields.fields[field];
        let range = if spec.kind == FieldType::Integer { "64-bit integers" } else { "64-bit floats" };
        Fault::out_of_range(&spec.name, found, range)
    }
}

#[cold]
fn not_an_object(cursor: &mut Cursor<'_>) -> Fault {
    let start = cursor.at;
    match cursor.skip_value(0).and_then(|()| cursor.end()) {
        Err(fault) => fault,
        Ok(()) => {
            let found = excerpt(cursor.since(start));
            Fault::new(fault::NOT_AN_OBJECT, format!("expected a JSON object, found {found}"))
        }
    }
}

impl ReadRecord for JsonDecoder {
    fn columns(&mut self) -> &mut Columns {
        &mut self.columns
    }

    fn read(&mut self, text: &str) -> Result<(), Fault> {
        self.record += 1;
        self.rest.clear();
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        if cursor.peek() != Some(b'{') {
            return Err(not_an_object(&mut cursor));
        }
        self.object(&mut cursor, 0, 1)?;
        cursor.end()?;
        if self.fields.keep_unknown && self.rest != "{}" {
            self.columns.set_text(self.fields.fields.len(), &self.rest)?;
        }
        Ok(())
    }
}

impl Decode for JsonDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&mut self, block: &RecordBlock) -> Decoded {
        let schema = self.schema.clone();
        decode_block(self, &schema, block)
    }
}

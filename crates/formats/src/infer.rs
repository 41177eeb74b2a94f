//! What fields a sample of records has: for writing a first schema, and for inputs that declare none.
//!
//! | all values that are there | inferred |
//! |---|---|
//! | integers of 64 bits | `integer`; `time` if the name says so (`time`, `date`, `timestamp`, `ts`, `.._at`) and all lie in 1990 to 2100 in one unit |
//! | numbers | `number`; `time` on the same condition |
//! | truth values | `boolean` |
//! | text that is a time written out | `time` in the notation that all have, or `auto` |
//! | other text | `text` |
//! | a mixture of these, or integers beyond 64 bits | `scalar` in JSON, `text` in CSV |
//!
//! Not inferred are fields that are always null or an array, that are an object in one record and a value in another,
//! and keys with dots inside of objects, which a path cannot name. In CSV a number with needless leading zeros (`007`)
//! is a text, as codes are written so. The order is that of first appearance; the same sample gives the same answer.

use std::collections::BTreeMap;
use streamfold_flow::schema::{FieldSpec, FieldType, RowSchema, TimeNotation};

use crate::block::text;
use crate::csv::CsvOptions;
use crate::csv::split::Fields;
use crate::fault::{Fault, excerpt};
use crate::json::token::{Cursor, Token, check_depth};
use crate::number::{Decimal, Grammar, scan};
use crate::time;

/// So many fields are told apart; others are not looked at.
pub const FIELDS_MAX: usize = 1000;

/// What a sample says.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// The fields, in the order of their first appearance.
    pub fields: Vec<InferredField>,
    /// Records that could be read.
    pub records: usize,
    /// Records that could not.
    pub bad: usize,
}

/// What a sample says about a field.
#[derive(Clone, Debug, PartialEq)]
pub struct InferredField {
    /// Its name; a dotted path where it lies in objects.
    pub name: String,
    /// Its type; `None` if it cannot be read as any.
    pub kind: Option<FieldType>,
    /// Share of the records in which it is missing or null, from 0 to 1.
    pub missing: f64,
    /// The first value that is there, cut short.
    pub example: String,
}

impl Inferred {
    /// The schema of all fields that can be read.
    pub fn schema(&self) -> RowSchema {
        let field = |field: &InferredField| Some(FieldSpec { name: field.name.clone(), kind: field.kind? });
        RowSchema { fields: self.fields.iter().filter_map(field).collect(), keep_unknown: false }
    }
}

/// Infers from values of records in JSON.
pub fn json<'a>(sample: impl IntoIterator<Item = &'a [u8]>) -> Inferred {
    let mut facts = AllFacts::default();
    for value in sample {
        let read = text(value).and_then(|text| {
            let mut cursor = Cursor::new(text);
            cursor.skip_space();
            cursor.skip_value(0)?;
            cursor.end()?;
            Ok(text)
        });
        match read.map(|text| (text, text.trim_ascii_start().starts_with('{'))) {
            Ok((text, true)) => {
                facts.records += 1;
                let mut cursor = Cursor::new(text);
                cursor.skip_space();
                // It was read to its end already.
                let _ = facts.object(&mut cursor, "", 1);
            }
            _ => facts.bad += 1,
        }
    }
    facts.infer(FieldType::Scalar)
}

/// Infers from lines of CSV. `options.columns` are the names; a line of another length is bad.
pub fn csv<'a>(options: &CsvOptions, sample: impl IntoIterator<Item = &'a [u8]>) -> Inferred {
    let mut facts = AllFacts::default();
    let places: Vec<Option<usize>> = options.columns.iter().map(|name| facts.place(name)).collect();
    let mut values: Vec<(Option<Found>, String)> = Vec::new();
    for value in sample {
        values.clear();
        let read = text(value).and_then(|text| cells(text, options, &mut values));
        if read.is_err() || values.len() != places.len() {
            facts.bad += 1;
            continue;
        }
        facts.records += 1;
        for (place, (found, text)) in places.iter().zip(&values) {
            if let (Some(place), Some(found)) = (place, found) {
                facts.note(*place, *found, text);
            }
        }
    }
    facts.infer(FieldType::Text)
}

fn cells(line: &str, options: &CsvOptions, values: &mut Vec<(Option<Found>, String)>) -> Result<(), Fault> {
    let mut fields = Fields::new(line, options.delimiter);
    let mut buffer = String::new();
    while let Some(field) = fields.next()? {
        let missing = !field.quoted && (field.raw.is_empty() || field.raw == options.missing);
        let text = field.resolve(&mut buffer);
        values.push(((!missing).then(|| cell(text)), text.to_owned()));
    }
    Ok(())
}

/// What a cell of CSV is.
fn cell(text: &str) -> Found {
    let unsigned = text.trim_start_matches(['-', '+']).as_bytes();
    let code = unsigned.len() > 1 && unsigned[0] == b'0' && unsigned[1].is_ascii_digit();
    match (text, scan(text, 0, Grammar::Plain)) {
        ("true" | "True" | "TRUE" | "false" | "False" | "FALSE", _) => Found::Boolean,
        (_, Some((number, end))) if end == text.len() && !code => Found::number(number),
        _ => Found::text(text),
    }
}

/// What a single value is.
#[derive(Clone, Copy)]
enum Found {
    /// With its unit as a time, if it is a likely one.
    Integer(Option<TimeNotation>),
    Number(Option<TimeNotation>),
    Boolean,
    Rfc3339,
    Iso8601,
    Text,
    /// An integer of more than 64 bits.
    Large,
    Object,
    Unreadable,
}

impl Found {
    fn number(number: Decimal<'_>) -> Found {
        let likely = 631_152_000_000..4_102_444_800_000; // 1990 to 2100
        let notations = [
            TimeNotation::UnixSeconds,
            TimeNotation::UnixMilliseconds,
            TimeNotation::UnixMicroseconds,
            TimeNotation::UnixNanoseconds,
        ];
        let is = |notation: &TimeNotation| {
            time::from_number(*notation, number).is_ok_and(|ms| likely.contains(&ms))
        };
        let unit = notations.into_iter().find(is);
        match number.to_integer() {
            Some(_) => Found::Integer(unit),
            None if number.whole => Found::Large,
            None if number.to_float().is_infinite() => Found::Unreadable,
            None => Found::Number(unit),
        }
    }

    fn text(text: &str) -> Found {
        match text {
            _ if time::from_text(TimeNotation::Rfc3339, text).is_ok() => Found::Rfc3339,
            _ if time::from_text(TimeNotation::Iso8601, text).is_ok() => Found::Iso8601,
            _ => Found::Text,
        }
    }
}

/// What is known about a field.
#[derive(Default)]
struct Facts {
    name: String,
    /// The last record in which it was there, counted from 1, and in how many it was.
    last: usize,
    records: usize,
    values: usize,
    integers: usize,
    numbers: usize,
    booleans: usize,
    rfc3339: usize,
    iso8601: usize,
    texts: usize,
    objects: usize,
    unreadable: usize,
    /// How many numbers are likely times in each unit.
    units: BTreeMap<&'static str, usize>,
    example: String,
}

impl Facts {
    fn kind(&self, mixture: FieldType) -> Option<FieldType> {
        let all = |count| count == self.values;
        let named = {
            let name = self.name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
            name == "ts" || name.ends_with("_at") || name.contains("time") || name.contains("date")
        };
        let unit = TimeNotation::NAMES.iter().find(|(name, _)| self.units.get(name).is_some_and(|n| all(*n)));
        Some(match unit {
            _ if self.values == 0 || self.unreadable > 0 || self.objects > 0 => return None,
            Some((_, unit)) if named => FieldType::Time(*unit),
            _ if all(self.integers) => FieldType::Integer,
            _ if all(self.integers + self.numbers) => FieldType::Number,
            _ if all(self.booleans) => FieldType::Boolean,
            _ if all(self.rfc3339) => FieldType::Time(TimeNotation::Rfc3339),
            _ if all(self.iso8601) => FieldType::Time(TimeNotation::Iso8601),
            _ if all(self.rfc3339 + self.iso8601) => FieldType::Time(TimeNotation::Auto),
            _ if all(self.texts + self.rfc3339 + self.iso8601) => FieldType::Text,
            _ => mixture,
        })
    }
}

#[derive(Default)]
struct AllFacts {
    fields: Vec<Facts>,
    by_name: BTreeMap<String, usize>,
    records: usize,
    bad: usize,
}

impl AllFacts {
    /// The place of the field of this name; `None` if there are too many.
    fn place(&mut self, name: &str) -> Option<usize> {
        if let Some(place) = self.by_name.get(name) {
            return Some(*place);
        }
        let place = self.fields.len();
        if place == FIELDS_MAX {
            return None;
        }
        self.fields.push(Facts { name: name.to_owned(), ..Facts::default() });
        self.by_name.insert(name.to_owned(), place);
        Some(place)
    }

    fn note(&mut self, place: usize, found: Found, text: &str) {
        let facts = &mut self.fields[place];
        if !matches!(found, Found::Object) {
            facts.values += 1;
            facts.records += usize::from(facts.last != self.records);
            facts.last = self.records;
            if facts.example.is_empty() {
                facts.example = excerpt(text);
            }
        }
        let count = match found {
            Found::Integer(unit) | Found::Number(unit) => {
                let name = TimeNotation::NAMES.iter().find(|(_, notation)| Some(*notation) == unit);
                if let Some((name, _)) = name {
                    *facts.units.entry(name).or_default() += 1;
                }
                if matches!(found, Found::Integer(_)) { &mut facts.integers } else { &mut facts.numbers }
            }
            Found::Boolean => &mut facts.booleans,
            Found::Rfc3339 => &mut facts.rfc3339,
            Found::Iso8601 => &mut facts.iso8601,
            Found::Text => &mut facts.texts,
            Found::Object => &mut facts.objects,
            Found::Unreadable => &mut facts.unreadable,
            // Only a mixture can hold it.
            Found::Large => return,
        };
        *count += 1;
    }

    /// Notes the members of the object at the cursor, which lies under `path` (with a dot at its end).
    fn object(&mut self, cursor: &mut Cursor<'_>, path: &str, depth: usize) -> Result<(), Fault> {
        check_depth(depth)?;
        let mut buffer = String::new();
        let mut more = cursor.open(b'}');
        while more {
            let key = cursor.key()?;
            let key = key.resolve(&mut buffer);
            let name = format!("{path}{key}");
            // A null says only that there is such a field.
            let place = self.place(&name);
            let start = cursor.at;
            let found = match cursor.token()? {
                Token::Null => None,
                _ if !path.is_empty() && key.contains('.') => Some(Found::Unreadable),
                Token::Boolean(_) => Some(Found::Boolean),
                Token::Number(number) => Some(Found::number(number)),
                Token::String(string) => Some(Found::text(string.resolve(&mut String::new()))),
                Token::Object => {
                    self.object(cursor, &format!("{name}."), depth + 1)?;
                    Some(Found::Object)
                }
                Token::Array => Some(Found::Unreadable),
            };
            if cursor.at == start {
                cursor.skip_value(depth)?;
            }
            if let (Some(place), Some(found)) = (place, found) {
                self.note(place, found, cursor.since(start));
            }
            more = cursor.more(b'}')?;
        }
        Ok(())
    }

    fn infer(self, mixture: FieldType) -> Inferred {
        // What is an object here and a value there can be read neither way.
        let split: Vec<String> = self
            .fields
            .iter()
            .filter(|facts| facts.objects > 0 && facts.values > 0)
            .map(|facts| format!("{}.", facts.name))
            .collect();
        let field = |facts: &Facts| InferredField {
            name: facts.name.clone(),
            kind: facts
                .kind(mixture)
                .filter(|_| !split.iter().any(|path| facts.name.starts_with(path.as_str()))),
            missing: 1.0 - facts.records as f64 / self.records.max(1) as f64,
            example: facts.example.clone(),
        };
        let plain = |facts: &&Facts| facts.objects == 0 || facts.values > 0;
        let fields = self.fields.iter().filter(plain).map(field).collect();
        Inferred { fields, records: self.records, bad: self.bad }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(inferred: &Inferred) -> Vec<(&str, Option<FieldType>)> {
        inferred.fields.iter().map(|field| (field.name.as_str(), field.kind)).collect()
    }

    #[test]
    fn json_is_inferred() {
        let sample = [
            r#"{"z":1,"a":1.5,"id":"x","ok":true,"created_at":1357017300250,"count":1357017300,"day":"2013-01-01","deep":{"er":{"x":1},"b.c":2},"odd":1,"list":[1],"none":null,"both":1,"big":1}"#,
            r#"{"z":2,"a":1,"id":"y","ok":false,"created_at":1357017300251,"count":3,"day":"2013-01-01T00:00:00Z","odd":"a\"","both":{"in":1},"late":"2013-01-01T00:00:00Z","big":9223372036854775808}"#,
            r#"{"z":null}"#,
            "[]",
            "{",
            "",
        ];
        let inferred = json(sample.iter().map(|text| text.as_bytes()));
        assert_eq!((inferred.records, inferred.bad), (3, 3));
        use FieldType::*;
        assert_eq!(
            kinds(&inferred),
            [
                ("z", Some(Integer)),
                ("a", Some(Number)),
                ("id", Some(Text)),
                ("ok", Some(Boolean)),
                ("created_at", Some(Time(TimeNotation::UnixMilliseconds))),
                ("count", Some(Integer)),
                ("day", Some(Time(TimeNotation::Auto))),
                ("deep.er.x", Some(Integer)),
                ("deep.b.c", None),
                ("odd", Some(Scalar)),
                ("list", None),
                ("none", None),
                ("both", None),
                ("big", Some(Scalar)),
                ("both.in", None),
                ("late", Some(Time(TimeNotation::Rfc3339))),
            ]
        );
        let z = &inferred.fields[0];
        assert_eq!((z.example.as_str(), (z.missing * 3.0).round()), ("1", 1.0));
        assert_eq!(inferred.schema().fields.len(), 11);
    }

    #[test]
    fn csv_is_inferred() {
        let columns = ["n", "code", "when", "ok", "text", "empty"].map(str::to_owned).into();
        let options = CsvOptions { columns, missing: "NA".to_owned(), ..CsvOptions::default() };
        let sample = ["1,007,2013-01-01 05:15,TRUE,x,", "NA,008,2013-01-02,false,1,", "too,few"];
        let inferred = csv(&options, sample.iter().map(|text| text.as_bytes()));
        assert_eq!((inferred.records, inferred.bad), (2, 1));
        use FieldType::*;
        let expected = [
            ("n", Some(Integer)),
            ("code", Some(Text)),
            ("when", Some(Time(TimeNotation::Iso8601))),
            ("ok", Some(Boolean)),
            ("text", Some(Text)),
            ("empty", None),
        ];
        assert_eq!(kinds(&inferred), expected);
        assert_eq!(inferred.fields[0].missing, 0.5);
    }
}

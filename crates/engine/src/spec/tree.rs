//! The file as TOML: values with their places, keys in the order of the file.

use super::problem::{Place, Problems};
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// A value of TOML.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A float.
    Number(f64),
    /// A truth value.
    Boolean(bool),
    /// A date or time, as its text.
    Time(String),
    /// An array.
    List(Vec<Node>),
    /// A table, in the order of the file.
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub node: Node,
}

impl Value {
    /// The type, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Number(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Time(_) => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// The value of a scalar as text: `7`, `7.0`, `true`, or the string itself.
    pub fn scalar_text(&self) -> Option<String> {
        match self {
            Value::Text(text) | Value::Time(text) => Some(text.clone()),
            Value::Integer(value) => Some(value.to_string()),
            Value::Number(value) => Some(format!("{value:?}")),
            Value::Boolean(value) => Some(value.to_string()),
            Value::List(_) | Value::Table(_) => None,
        }
    }
}

/// Reads TOML; what is no TOML goes to `problems`.
pub fn parse(text: &str, problems: &mut Problems) -> Vec<Entry> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = TreeReader { lines: Lines::new(text), problems };
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let found = text.get(span.clone()).filter(|found| !found.is_empty() && !found.contains('\n'));
        let found = found.map_or_else(String::new, |found| format!(": {found}"));
        let message = format!("not TOML: {}{found}", error.message().replace('\n', ", "));
        let noted = reader.problems.add(reader.lines.place(span.start), "", message);
        // What the parser says of a text without quotes.
        if error.message().contains("must be quoted") || error.message().contains("invalid float") {
            noted.hint("texts are written in quotes");
        }
    }
    reader.table(table.get_ref(), "")
}

struct TreeReader<'a> {
    lines: Lines<'a>,
    problems: &'a mut Problems,
}

impl TreeReader<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Vec<Entry> {
        // The map is sorted by name; the file's order has a meaning for inputs.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let entry = |(name, value): (&toml::Spanned<_>, &toml::Spanned<_>)| {
            let name_text = AsRef::<str>::as_ref(name.get_ref()).to_owned();
            let path = join(path, &name_text);
            let place = self.lines.place(name.span().start);
            Entry { node: self.node(value, &path), name: name_text, place }
        };
        entries.into_iter().map(entry).collect()
    }

    fn node(&mut self, value: &toml::Spanned<DeValue<'_>>, path: &str) -> Node {
        let place = self.lines.place(value.span().start);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Integer(digits) => {
                Value::Integer(i64::from_str_radix(digits.as_str(), digits.radix()).unwrap_or_else(|_| {
                    self.problems.add(place, path, "the number does not fit into 64 bits");
                    0
                }))
            }
            DeValue::Float(digits) => Value::Number(digits.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(time) => Value::Time(time.to_string()),
            DeValue::Array(items) => Value::List(
                items.iter().enumerate().map(|(i, item)| self.node(item, &format!("{path}[{i}]"))).collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(table, path)),
        };
        Node { place, value }
    }
}

/// `a` and `b` as the path of a key.
pub fn join(a: &str, b: &str) -> String {
    if a.is_empty() { b.to_owned() } else { format!("{a}.{b}") }
}

/// Turns offsets into places.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Lines { text, starts }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        Place { line, column: before.chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_the_order_of_the_file_with_their_places() {
        let mut problems = Problems::default();
        let tree = parse("z = 1\n[\"é\".b]\n  x = [\"ü\", true]\n[a]\n", &mut problems);
        assert!(problems.is_empty());
        let names: Vec<_> = tree.iter().map(|e| (e.name.as_str(), e.place.line, e.place.column)).collect();
        assert_eq!(names, [("z", 1, 1), ("é", 2, 2), ("a", 4, 2)]);
        let Value::Table(section) = &tree[1].node.value else { panic!() };
        let Value::Table(keys) = &section[0].node.value else { panic!() };
        let Value::List(items) = &keys[0].node.value else { panic!() };
        assert_eq!((items[1].place, &items[1].value), (Place { line: 3, column: 13 }, &Value::Boolean(true)));
    }

    #[test]
    fn every_fault_of_the_notation_is_told() {
        let mut problems = Problems::default();
        parse("a = \nb = 1\nb = 2\nc = 99999999999999999999\n", &mut problems);
        let lines: Vec<_> = problems.into_sorted().iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "1:5: not TOML: string values must be quoted, expected literal string; texts are written in quotes",
                "3:1: not TOML: duplicate key: b",
                "4:5: c: the number does not fit into 64 bits"
            ]
        );
    }
}

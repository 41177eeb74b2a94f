//! What a key of the pipeline file is: its values, what holds without it, what a change of it does.

/// A key of the file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The values that it takes.
    pub kind: Kind,
    /// What holds where it is not given.
    pub presence: Presence,
    /// What a change of it does.
    pub effect: Effect,
    /// What it is for (Markdown).
    pub doc: &'static str,
}

/// What holds where a key is not given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Presence {
    /// It has to be given.
    Required,
    /// This value, in TOML.
    Default(&'static str),
    /// This, in words.
    Otherwise(&'static str),
}

/// What a change of a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changes results, so that a new generation is needed.
    Meaning,
    /// It changes names, speed, memory or what is checked, never a result.
    Operation,
    /// It makes it another pipeline.
    Identity,
}

/// The values that a key takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Name of a pipeline.
    Name,
    /// Start of a topic's name; may be empty.
    Prefix,
    /// Name of a topic.
    Topic,
    /// Name of a field.
    Field,
    /// Names of fields, each once.
    Fields,
    /// Names of headers, each once.
    Headers,
    /// A class.
    Class,
    /// Classes, each once.
    Classes,
    /// Name of a model.
    Model,
    /// Transformers: names, or tables with `kind` and parameters.
    Stages,
    /// Name of a format, or a table with `kind` and options.
    Format,
    /// Types by field.
    Types,
    /// Where to begin to read.
    Start,
    /// `"drop"`, or a label.
    OnTimeout,
    /// True or false.
    Boolean,
    /// A whole number in this range.
    Integer(i64, i64),
    /// A number in this range.
    Number(f64, f64),
    /// A duration in this range, in milliseconds.
    Duration(i64, i64),
    /// A number of bytes in this range.
    Size(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A section of the file.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its path, as `input.<name>`; empty for the keys above all sections.
    pub path: &'static str,
    /// What it is for (Markdown).
    pub doc: &'static str,
    /// Its keys, in groups that sections may share.
    pub keys: &'static [&'static [Key]],
    /// What other names are in it, if others are taken.
    pub open: Option<&'static str>,
}

impl Section {
    /// All its keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().flat_map(|group| group.iter())
    }
}

//! What is wrong with a pipeline file: where, why, and what to do about it.

use std::fmt;

/// A place in the file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl Place {
    /// Where the file begins: the place of what is missing altogether.
    pub const START: Place = Place { line: 1, column: 1 };
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key, as `features.numeric`; empty where the file is no TOML.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do, or what was probably meant.
    pub hint: Option<String>,
}

impl Problem {
    /// The problem as a compiler would show it: `pipeline.toml:12:3: features.numerik: unknown key; did you mean
    /// "numeric"?`
    pub fn in_file(&self, file: &str) -> String {
        format!("{file}:{self}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Collects problems, so that all of them are told at once.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a problem; the hint may be added to what is returned.
    pub fn add(&mut self, place: Place, path: impl Into<String>, message: impl Into<String>) -> Hint<'_> {
        let Place { line, column } = place;
        let problem = Problem { line, column, path: path.into(), message: message.into(), hint: None };
        self.0.push(problem);
        Hint(self.0.last_mut())
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order of their places.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|problem| (problem.line, problem.column));
        self.0
    }
}

/// The problem noted last, waiting for a hint.
pub struct Hint<'a>(Option<&'a mut Problem>);

impl Hint<'_> {
    /// What to do about it.
    pub fn hint(self, hint: impl Into<String>) {
        if let Some(problem) = self.0 {
            problem.hint = Some(hint.into());
        }
    }

    /// What was probably meant, if anything was.
    pub fn likely(self, likely: Option<&str>) {
        if let Some(likely) = likely {
            self.hint(did_you_mean(likely));
        }
    }
}

/// The question for a misspelt word.
pub fn did_you_mean(likely: &str) -> String {
    format!("did you mean {likely:?}?")
}

//! What a sample says about each field.

use super::format::Row;
use std::collections::{BTreeMap, BTreeSet};
use streamfold_flow::schema::FieldType;
use streamfold_formats::infer::Inferred;

/// A field: the texts of its values, one for each record of the sample.
#[derive(Debug)]
pub struct Field {
    pub name: String,
    /// `None`: it cannot be read.
    pub kind: Option<FieldType>,
    pub values: Vec<Option<String>>,
    /// How often each value is there.
    pub counts: BTreeMap<String, usize>,
    /// Records in which it is there.
    pub present: usize,
    /// Of the name, in lower case.
    pub words: Vec<String>,
}

impl Field {
    /// All fields of the sample, in the order of their first appearance.
    pub fn all(inferred: &Inferred, rows: Vec<Row>) -> Vec<Field> {
        let field = |name: &str, kind| {
            let values: Vec<Option<String>> = rows.iter().map(|row| row.get(name).cloned()).collect();
            Field::new(name, kind, values)
        };
        inferred.fields.iter().map(|found| field(&found.name, found.kind)).collect()
    }

    pub fn new(name: &str, kind: Option<FieldType>, values: Vec<Option<String>>) -> Field {
        let mut counts = BTreeMap::new();
        values.iter().flatten().for_each(|value| *counts.entry(value.clone()).or_default() += 1);
        let present = values.iter().flatten().count();
        Field { name: name.to_owned(), kind, values, counts, present, words: words(name) }
    }

    pub fn distinct(&self) -> usize {
        self.counts.len()
    }

    pub fn missing_percent(&self) -> f64 {
        100.0 * (1.0 - self.present as f64 / self.values.len().max(1) as f64)
    }

    pub fn is_number(&self) -> bool {
        matches!(self.kind, Some(FieldType::Number | FieldType::Integer))
    }

    pub fn is_text(&self) -> bool {
        matches!(self.kind, Some(FieldType::Text | FieldType::Scalar))
    }

    pub fn is_time(&self) -> bool {
        matches!(self.kind, Some(FieldType::Time(_)))
    }

    pub fn has_word(&self, among: &[&str]) -> bool {
        self.words.iter().any(|word| among.contains(&word.as_str()))
    }

    /// Whether it only tells records or entities apart: nothing can be learnt from it about new ones.
    pub fn is_id(&self) -> bool {
        if self.present < 20 || self.kind == Some(FieldType::Number) || self.is_time() {
            return false;
        }
        let share = self.distinct() as f64 / self.present as f64;
        let named = self
            .has_word(&["id", "uuid", "guid", "key", "hash", "token", "number", "nr", "no", "url", "email"]);
        if self.is_text() {
            share > 0.9 || named && share > 0.5
        } else {
            named && share > 0.5 || self.is_counter()
        }
    }

    /// Whole numbers that differ in all records and rise within each run of the sample.
    fn is_counter(&self) -> bool {
        let numbers: Vec<i64> = self.values.iter().flatten().filter_map(|text| text.parse().ok()).collect();
        let rises = numbers.windows(2).filter(|pair| pair[0] < pair[1]).count();
        self.distinct() == self.present && rises as f64 > 0.9 * (numbers.len() as f64 - 1.0)
    }

    /// Text of many words, as people write it.
    pub fn is_prose(&self) -> bool {
        let spaces: usize = self.values.iter().flatten().map(|text| text.matches(' ').count()).sum();
        self.is_text() && spaces > 4 * self.present
    }

    pub fn numbers(&self) -> impl Iterator<Item = Option<f64>> {
        self.values.iter().map(|value| value.as_ref().and_then(|text| text.parse().ok()))
    }

    /// The values, most frequent first.
    pub fn frequent(&self) -> Vec<&str> {
        let mut values: Vec<(&String, &usize)> = self.counts.iter().collect();
        values.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        values.into_iter().map(|(value, _)| value.as_str()).collect()
    }

    /// What it is, in a few words for a comment.
    pub fn words_for_it(&self) -> String {
        let missing = match self.missing_percent() {
            0.0 => String::new(),
            percent if percent < 1.0 => ", rarely missing".to_owned(),
            percent => format!(", missing in {percent:.0} %"),
        };
        let values = if self.is_number() {
            let (least, most) =
                self.numbers().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), number| {
                    (f64::min(least, number), f64::max(most, number))
                });
            format!("{least} to {most}")
        } else {
            let frequent = self.frequent();
            let shown: Vec<String> = frequent.iter().take(3).map(|value| excerpt(value)).collect();
            let more = if frequent.len() > 3 { ", .." } else { "" };
            format!("{} values: {}{more}", frequent.len(), shown.join(", "))
        };
        format!("{values}{missing}")
    }
}

/// A value as it may stand in a comment.
pub fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(24).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > 24 {
        shown.push_str("..");
    }
    shown
}

/// The words of a name, whether `snake_case`, `kebab-case`, `dotted.path` or `camelCase`.
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (lower && c.is_uppercase()) {
            words.push(String::new());
        }
        lower = c.is_lowercase() || c.is_numeric();
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Pearson's correlation of two fields over the records that have both; `None` where there are too few.
pub fn correlation(a: &Field, b: &Field) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = a.numbers().zip(b.numbers()).filter_map(|(a, b)| Some((a?, b?))).collect();
    let count = pairs.len() as f64;
    if count < 20.0 {
        return None;
    }
    let (sum_a, sum_b) = pairs.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
    let (mean_a, mean_b) = (sum_a / count, sum_b / count);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        let (a, b) = (a - mean_a, b - mean_b);
        (aa, bb, ab) = (aa + a * a, bb + b * b, ab + a * b);
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

/// The names of both, for comparison: which words of one are in the other.
pub fn word_set(words: &[String]) -> BTreeSet<&str> {
    words.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: FieldType, values: impl IntoIterator<Item = String>) -> Field {
        Field::new(name, Some(kind), values.into_iter().map(Some).collect())
    }

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("isFraud"), ["is", "fraud"]);
        assert_eq!(words("order.customer_id"), ["order", "customer", "id"]);
        assert_eq!(words("tx-ID2"), ["tx", "id2"]);
    }

    #[test]
    fn ids_are_told_from_measurements() {
        let numbers = |step: usize| (0..100).map(move |n| (n * step % 1009).to_string());
        assert!(field("row", FieldType::Integer, numbers(1)).is_id());
        assert!(
            !field("minutes", FieldType::Integer, numbers(37).map(|n| n.chars().take(2).collect())).is_id()
        );
        assert!(field("code", FieldType::Text, numbers(7).map(|n| format!("c{n}"))).is_id());
        assert!(!field("carrier", FieldType::Text, numbers(7).map(|n| n.chars().take(1).collect())).is_id());
        assert!(!field("price", FieldType::Number, numbers(1)).is_id());
    }

    #[test]
    fn a_copy_correlates_fully() {
        let a = field("a", FieldType::Integer, (0..50).map(|n| (n * n % 37).to_string()));
        let b = field("b", FieldType::Integer, (0..50).map(|n| (1000 - 2 * (n * n % 37)).to_string()));
        assert!((correlation(&a, &b).unwrap() + 1.0).abs() < 1e-12);
    }
}

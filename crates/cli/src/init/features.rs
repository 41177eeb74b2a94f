//! Which fields the model sees, and why not the others.

use super::field::{Field, correlation, word_set};
use super::label::Label;
use super::sample::Sample;
use streamfold_flow::schema::FieldType;

/// Categories of more values than this are hashed: `one_hot` would give the rest one common place.
pub const VALUES_MAX: usize = 100;
/// Words in names that say nothing about what is measured.
const EMPTY_WORDS: &[&str] = &["is", "has", "was", "did", "will", "label", "target", "value", "y"];

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Use {
    Numeric,
    Categorical,
    /// Left out, for this reason.
    Out(String),
}

/// What becomes of each field of the events.
pub fn choose(
    events: &Sample,
    label: Option<&Label<'_>>,
    key: Option<usize>,
    time: Option<usize>,
) -> Vec<Use> {
    let of = |(place, field): (usize, &Field)| match () {
        () if label.is_some_and(|label| label.joined.is_none() && label.field.name == field.name) => {
            Use::Out("it is what is predicted".to_owned())
        }
        () if time == Some(place) => Use::Out("it is the event time".to_owned()),
        () if key == Some(place) => {
            Use::Out("it tells events apart, and says nothing about new ones".to_owned())
        }
        () => one(field, label),
    };
    events.fields.iter().enumerate().map(of).collect()
}

fn one(field: &Field, label: Option<&Label<'_>>) -> Use {
    let out = |reason: &str| Use::Out(reason.to_owned());
    let Some(kind) = field.kind else {
        return out("it cannot be read: always null, a list, or sometimes an object");
    };
    if field.name.chars().any(char::is_control) || field.name.is_empty() {
        return out("its name cannot be written");
    }
    if field.distinct() < 2 && field.present == field.values.len() {
        return out("it has the same value in all records");
    }
    if let Some(reason) = label.and_then(|label| leaks(field, label)) {
        return Use::Out(reason);
    }
    match kind {
        FieldType::Time(_) => out("a time of its own; features over time are not computed yet"),
        _ if field.is_id() => out("an id: nearly every record has another one"),
        _ if field.is_prose() => out("free text"),
        FieldType::Number => Use::Numeric,
        // Numbers that are names: their size means nothing.
        FieldType::Integer if field.has_word(&["id", "code", "zip", "no", "nr"]) => Use::Categorical,
        FieldType::Integer => Use::Numeric,
        FieldType::Boolean | FieldType::Text | FieldType::Scalar => Use::Categorical,
    }
}

/// Why a field probably knows the target already.
fn leaks(field: &Field, label: &Label<'_>) -> Option<String> {
    let target = label.field;
    let telling = |words| {
        let mut words = word_set(words);
        words.retain(|word| !EMPTY_WORDS.contains(word));
        words
    };
    let (mine, its) = (telling(&field.words), telling(&target.words));
    let name = super::field::excerpt(&target.name);
    if !its.is_empty() && its.is_subset(&mine) {
        return Some(format!("by its name it may tell the target {name}; put it in if it is known before"));
    }
    if label.joined.is_none() && correlation(field, target).is_some_and(|r| r.abs() > 0.9999) {
        return Some(format!("it moves exactly as the target {name} does"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::roles::Target;
    use super::*;

    fn field(name: &str, kind: FieldType, value: impl Fn(usize) -> String) -> Field {
        Field::new(name, Some(kind), (0..200).map(|n| Some(value(n))).collect())
    }

    #[test]
    fn ids_constants_and_leaks_are_left_out() {
        let target = field("is_fraud", FieldType::Boolean, |n| (n % 7 == 0).to_string());
        let label = Label { field: &target, task: Target::Classes, joined: None };
        let of = |field: &Field| one(field, Some(&label));
        let reason = |field: &Field| match of(field) {
            Use::Out(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert!(
            reason(&field("fraud_reason", FieldType::Text, |n| (n % 3).to_string())).contains("is_fraud")
        );
        assert!(reason(&field("version", FieldType::Integer, |_| "1".to_owned())).contains("same value"));
        assert!(reason(&field("tx_id", FieldType::Text, |n| format!("t{n}"))).contains("id"));
        assert_eq!(of(&field("amount", FieldType::Number, |n| (n % 50).to_string())), Use::Numeric);
        assert_eq!(of(&field("shop_id", FieldType::Integer, |n| (n % 9).to_string())), Use::Categorical);
        assert_eq!(of(&field("online", FieldType::Boolean, |n| (n % 2 == 0).to_string())), Use::Categorical);
    }

    #[test]
    fn a_copy_of_the_target_is_left_out() {
        let value = |n: usize| n * n % 101;
        let target = field("minutes", FieldType::Integer, |n| value(n).to_string());
        let label = Label { field: &target, task: Target::Number, joined: None };
        let copy = field("seconds", FieldType::Integer, |n| (60 * value(n)).to_string());
        assert!(matches!(one(&copy, Some(&label)), Use::Out(reason) if reason.contains("moves exactly")));
    }
}

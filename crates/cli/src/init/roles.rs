//! Which field is the time, which the key, and which are likely to be predicted.

use super::field::Field;
use super::sample::Sample;
use crate::exit::{Exit, Failure};
use anyhow::Result;
use streamfold_flow::schema::FieldType;

/// Names that say that a field is the target.
const TARGET_NAMES: &[&str] = &["label", "target", "y", "class", "outcome", "ground_truth"];
/// Words in names of what is often predicted.
const TARGET_WORDS: &[&str] = &[
    "approved",
    "anomaly",
    "cancelled",
    "canceled",
    "churn",
    "churned",
    "click",
    "clicked",
    "conversion",
    "converted",
    "default",
    "defaulted",
    "delay",
    "demand",
    "diagnosis",
    "duration",
    "eta",
    "failed",
    "failure",
    "fraud",
    "fraudulent",
    "late",
    "outcome",
    "price",
    "rating",
    "returned",
    "revenue",
    "sentiment",
    "spam",
    "survived",
    "won",
];
/// Words that begin the name of a truth value.
const QUESTIONS: &[&str] = &["is", "has", "was", "did", "will"];
/// So many classes are told apart without asking whether that is meant.
pub const CLASSES_MAX: usize = 50;
/// What a name alone is worth: nothing needs to be asked.
const OBVIOUS: u32 = 100;
/// A time is ahead of its record by more than this: the default of `time_ahead_max`.
const TIME_AHEAD_MAX_MS: i64 = 3_600_000;

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Field(usize),
    /// Nothing is to be predicted: find clusters.
    Nothing,
}

/// A field that may be the target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    pub place: usize,
    pub score: u32,
}

/// What predicting a field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Number,
    Classes,
}

/// How a field would be predicted; the error says why it cannot be.
pub fn task(field: &Field) -> Result<Target, String> {
    let classes = field.distinct();
    match field.kind {
        _ if classes < 2 => Err("it has the same value in all records".to_owned()),
        None => Err("it cannot be read: it is always null, a list, or sometimes an object".to_owned()),
        Some(FieldType::Time(_)) => Err("it is a time".to_owned()),
        Some(FieldType::Boolean) => Ok(Target::Classes),
        Some(FieldType::Integer) if classes == 2 => Ok(Target::Classes),
        Some(FieldType::Integer | FieldType::Number) => Ok(Target::Number),
        Some(FieldType::Text | FieldType::Scalar) if classes <= CLASSES_MAX => Ok(Target::Classes),
        Some(FieldType::Text | FieldType::Scalar) => {
            Err(format!("it has {classes} different texts, too many for classes"))
        }
    }
}

/// Fields that may be predicted, the likeliest first.
pub fn targets(sample: &Sample) -> Vec<Candidate> {
    let scored = sample.fields.iter().enumerate().filter_map(|(place, field)| {
        let task = task(field).ok().filter(|_| !field.is_id())?;
        Some(Candidate { place, score: score(field, task) })
    });
    let mut candidates: Vec<Candidate> = scored.collect();
    // Of equals the last field: tables end with what is to be predicted.
    candidates.sort_by_key(|candidate| std::cmp::Reverse((candidate.score, candidate.place)));
    candidates
}

fn score(field: &Field, task: Target) -> u32 {
    let name = field.name.to_lowercase();
    let asks = field.words.first().is_some_and(|word| QUESTIONS.contains(&word.as_str()));
    match task {
        _ if TARGET_NAMES.contains(&name.as_str()) => OBVIOUS,
        Target::Classes if asks => 60,
        _ if field.has_word(TARGET_WORDS) => 50,
        Target::Classes if field.distinct() == 2 => 30,
        Target::Classes => 20,
        Target::Number => 10,
    }
}

/// The one candidate whose name leaves no doubt.
pub fn obvious(candidates: &[Candidate]) -> Option<usize> {
    match candidates {
        [first, second, ..] if first.score == OBVIOUS && second.score < OBVIOUS => Some(first.place),
        [only] if only.score == OBVIOUS => Some(only.place),
        _ => None,
    }
}

/// The field that the user names.
pub fn named_target(sample: &Sample, name: &str) -> Result<usize> {
    let place = sample.find(name).ok_or_else(|| {
        let names: Vec<&str> = sample.fields.iter().map(|field| field.name.as_str()).collect();
        Failure::new(Exit::Usage, format!("the records of topic {} have no field {name:?}", sample.topic))
            .hint(format!("there are: {}", names.join(", ")))
    })?;
    let refused = |reason| Failure::new(Exit::Usage, format!("field {name:?} cannot be predicted: {reason}"));
    task(sample.field(place)).map_err(refused)?;
    Ok(place)
}

/// The field with the event time: of those that do not lie ahead of their records, the one that rises with the offsets
/// most often, counting a telling name for something. `None`: the record's timestamp is the better one.
pub fn time(sample: &Sample) -> Option<usize> {
    let named = |field: &Field| {
        let name = field.name.to_lowercase();
        ["time", "timestamp", "ts", "event_time", "eventtime", "event_ts", "@timestamp"]
            .contains(&name.as_str())
    };
    let fields = sample.fields.iter().enumerate().filter(|(_, field)| {
        field.is_time() && field.present == field.values.len() && !lies_ahead(sample, field)
    });
    let rated =
        fields.map(|(place, field)| (rises(sample, field) + if named(field) { 0.5 } else { 0.0 }, place));
    // The first of equals.
    rated
        .fold(None, |best: Option<(f64, usize)>, rated| match best {
            Some(best) if best.0 >= rated.0 => Some(best),
            _ => Some(rated),
        })
        .map(|(_, place)| place)
}

fn lies_ahead(sample: &Sample, field: &Field) -> bool {
    let mut pairs = sample.records.iter().zip(times(field));
    pairs.any(|(record, time)| {
        time.is_some_and(|time| time > record.timestamp_ms.saturating_add(TIME_AHEAD_MAX_MS))
    })
}

/// Share of neighbours in a partition whose times do not fall.
pub fn rises(sample: &Sample, field: &Field) -> f64 {
    let placed: Vec<_> = sample.records.iter().zip(times(field)).collect();
    let neighbours = placed.windows(2).filter(|pair| pair[0].0.partition == pair[1].0.partition);
    let (mut rising, mut all) = (0usize, 0usize);
    for pair in neighbours {
        all += 1;
        rising += usize::from(pair[0].1 <= pair[1].1);
    }
    rising as f64 / all.max(1) as f64
}

/// The field's times in milliseconds since 1970.
pub fn times(field: &Field) -> impl Iterator<Item = Option<i64>> {
    let notation = match field.kind {
        Some(FieldType::Time(notation)) => notation,
        _ => Default::default(),
    };
    field.values.iter().map(move |value| streamfold_formats::time::parse(notation, value.as_ref()?).ok())
}

/// The field that tells events apart: the one that is the record's key, or an id that is never there twice.
pub fn key(sample: &Sample) -> Option<usize> {
    let is_record_key = |field: &Field| {
        let pairs = || sample.records.iter().zip(&field.values);
        field.distinct() > 1
            && pairs().all(|(record, value)| record.key.as_deref() == value.as_ref().map(String::as_bytes))
    };
    let unique = |field: &Field| {
        field.distinct() == field.values.len() && !field.is_time() && field.kind != Some(FieldType::Number)
    };
    let find = |holds: &dyn Fn(&Field) -> bool| sample.fields.iter().position(holds);
    find(&|field| is_record_key(field) && unique(field))
        .or_else(|| {
            find(&|field| unique(field) && field.is_id() && field.has_word(&["id", "uuid", "guid", "key"]))
        })
        .or_else(|| find(&|field| unique(field) && field.is_id()))
}

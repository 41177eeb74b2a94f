//! Where the truth comes from, and how long it takes.

use super::field::Field;
use super::roles::{self, Target};
use super::sample::Sample;
use crate::exit::{Exit, Failure};
use anyhow::Result;
use std::collections::BTreeMap;

/// The target, and how its event is found.
pub struct Label<'a> {
    pub field: &'a Field,
    pub task: Target,
    pub joined: Option<Joined>,
}

/// Labels on a topic of their own.
pub struct Joined {
    /// Field of the events, and of the labels.
    pub keys: (String, String),
    pub wait: String,
    pub why_wait: String,
}

impl<'a> Label<'a> {
    /// In the event itself.
    pub fn inside(sample: &'a Sample, target: usize) -> Label<'a> {
        Label::of(sample, target, None)
    }

    fn of(sample: &'a Sample, target: usize, joined: Option<Joined>) -> Label<'a> {
        let field = sample.field(target);
        Label { field, task: roles::task(field).unwrap_or(Target::Number), joined }
    }

    /// On a topic of its own.
    pub fn joined(events: &Sample, labels: &'a Sample, target: usize) -> Result<Label<'a>> {
        let (event, label) = keys(events, labels, target).ok_or_else(|| {
            let message = format!(
                "no field of topic {} has the values of a field of topic {} by which a label could find its event",
                labels.topic, events.topic
            );
            Failure::new(Exit::Failed, message).hint("the first and last records of both were looked at; they may not overlap")
        })?;
        let (wait, why_wait) = wait(events, labels, event, label);
        let keys = (events.field(event).name.clone(), labels.field(label).name.clone());
        Ok(Label::of(labels, target, Some(Joined { keys, wait, why_wait })))
    }
}

/// The two fields with the most values in common, of those that are there once.
fn keys(events: &Sample, labels: &Sample, target: usize) -> Option<(usize, usize)> {
    let mut best = None;
    for (e, event) in events.fields.iter().enumerate() {
        for (l, label) in labels.fields.iter().enumerate().filter(|(l, _)| *l != target) {
            let tells_apart =
                |field: &Field| field.distinct() as f64 > 0.9 * field.present as f64 && !field.is_time();
            if !tells_apart(event) || !tells_apart(label) {
                continue;
            }
            let common = label.counts.keys().filter(|value| event.counts.contains_key(*value)).count();
            if common > 0 && best.is_none_or(|(most, _)| common > most) {
                best = Some((common, (e, l)));
            }
        }
    }
    best.map(|(_, places)| places)
}

/// Four times the longest delay in the sample, rounded up, at least an hour; a day where nothing is known.
fn wait(events: &Sample, labels: &Sample, event: usize, label: usize) -> (String, String) {
    let begun: BTreeMap<&String, i64> = keyed_times(events, event).collect();
    let delays = keyed_times(labels, label).filter_map(|(key, time)| Some(time - begun.get(key)?));
    match delays.max().filter(|delay| *delay > 0) {
        Some(longest_ms) => {
            let hours = (4 * longest_ms / 3_600_000 + 1).max(1);
            let text = if hours > 72 { format!("{}d", hours / 24 + 1) } else { format!("{hours}h") };
            let minutes = longest_ms as f64 / 60_000.0;
            (text, format!("four times the longest delay in the sample, {minutes:.0} minutes"))
        }
        None => ("24h".to_owned(), "a guess: the sample has no event with its label".to_owned()),
    }
}

fn keyed_times(sample: &Sample, key: usize) -> impl Iterator<Item = (&String, i64)> {
    let field = roles::time(sample).map(|place| sample.field(place));
    let times: Vec<Option<i64>> = match field {
        Some(field) => roles::times(field).collect(),
        None => sample.records.iter().map(|record| Some(record.timestamp_ms)).collect(),
    };
    sample.field(key).values.iter().zip(times).filter_map(|(key, time)| Some((key.as_ref()?, time?)))
}

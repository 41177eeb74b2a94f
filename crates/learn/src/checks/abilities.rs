//! Checks of what only some models can do (explain, merge), and of copies, memory and many classes.

use super::Candidate;
use super::laws::{Checked, same};
use super::stream::{Event, Kind, schema, schema_reversed};
use super::subject::Subject;
use crate::features::Schema;
use crate::model::{Contributions, Task};
use crate::random::Random;
use crate::snapshot::{Reader, SnapshotError, Writer};

pub(super) fn features_come_and_go(candidate: &Candidate<'_>) -> Checked {
    let mut subject = candidate.fresh(&schema())?;
    let absent = |mut event: Event, all: bool| {
        let kept = if all { 0 } else { 2 };
        event.numeric[kept..].fill(f64::NAN);
        event.categories[kept / 2..].fill(0);
        event.sparse.clear();
        event
    };
    // For long stretches there, half of them there, and none of them there.
    for (number, event) in candidate.events(Kind::Plain, 1500).enumerate() {
        let event = match number / 300 {
            0 | 3 => absent(event, false),
            2 => absent(event, true),
            _ => event,
        };
        subject.answer(&event, candidate.classes).map_err(|wrong| format!("event {number}: {wrong}"))?;
        subject.learn(&event, 1.0);
    }
    let bytes = subject.bytes();
    candidate.fresh(&schema())?.load(&bytes).map_err(|error| format!("its own state is refused: {error}"))
}

pub(super) fn many_classes(candidate: &Candidate<'_>) -> Checked {
    const CLASSES: usize = 10_000;
    const BYTES_MAX: usize = 64 << 20;
    let mut subject = candidate.fresh(&schema())?;
    if subject.as_model().is_none_or(|model| model.task() != Task::Classification) {
        return Ok(());
    }
    for (class, event) in candidate.events(Kind::Plain, CLASSES).enumerate() {
        let event = Event { class, ..event };
        if class.is_multiple_of(1000) || class == CLASSES - 1 {
            subject.answer(&event, class + 1).map_err(|wrong| {
                let wrong: String = wrong.chars().take(200).collect();
                format!("{class} classes: {wrong}")
            })?;
        }
        subject.learn(&event, 1.0);
    }
    let memory = subject.as_model().map_or(0, |model| model.model().memory_bytes());
    let bytes = subject.bytes();
    if memory.max(bytes.len()) > BYTES_MAX {
        return Err(format!("{memory} bytes in memory and {} in the state", bytes.len()));
    }
    candidate.fresh(&schema())?.load(&bytes).map_err(|error| format!("its own state is refused: {error}"))
}

pub(super) fn copies_independent(candidate: &Candidate<'_>) -> Checked {
    let one = candidate.taught(200)?;
    let before = one.bytes();
    let answers = |subject: &dyn Subject| -> Result<Vec<Vec<u64>>, String> {
        let answer = |event: Event| Ok(super::laws::bits(&subject.answer(&event, candidate.classes)?));
        candidate.events(Kind::Plain, 20).map(answer).collect()
    };
    let expected = answers(one.as_ref())?;
    let mut copy = candidate.fresh(&schema())?;
    copy.load(&before).map_err(|error| error.to_string())?;
    candidate.events(Kind::Unscaled, 100).for_each(|event| copy.learn(&event, 1.0));
    same("a copy learnt, and the first one", &before, &one.bytes())?;
    match answers(one.as_ref())? == expected {
        true => Ok(()),
        false => Err("a copy learnt, and the first one answers differently".to_owned()),
    }
}

pub(super) fn memory_told(candidate: &Candidate<'_>) -> Checked {
    for events in [0, 300, 3000] {
        let subject = candidate.taught(events)?;
        let Some(model) = subject.as_model() else { return Ok(()) };
        let (told, state) = (model.model().memory_bytes(), subject.bytes().len());
        // Numbers are written as compactly as they are kept, or more so.
        if told < state / 2 {
            return Err(format!("{told} bytes after {events} events, when the state alone has {state}"));
        }
    }
    Ok(())
}

pub(super) fn explained(candidate: &Candidate<'_>) -> Checked {
    for kind in [Kind::Plain, Kind::Missing, Kind::Unscaled, Kind::Constant] {
        let mut subject = candidate.fresh(&schema())?;
        let mut out = Contributions { numeric: vec![1.0], ..Contributions::default() };
        for event in candidate.events(kind, 300) {
            let Some(model) = subject.as_model() else { return Ok(()) };
            let Some(explain) = model.model().as_explain() else { return Ok(()) };
            for class in 0..candidate.classes {
                explain.explain(event.row(), class, &mut out);
                let lengths = (out.numeric.len(), out.categories.len(), out.sparse.len());
                let row = (event.numeric.len(), event.categories.len(), event.sparse.len());
                if lengths != row {
                    return Err(format!("{lengths:?} contributions for a row of {row:?} features"));
                }
                let sum = out.sum();
                if !sum.is_finite() {
                    return Err(format!("{kind:?}: the contributions sum to {sum}"));
                }
            }
            if model.task() == Task::Regression {
                let (sum, answer) = (out.sum(), subject.answer(&event, 0)?[0]);
                let parts = out.numeric.iter().chain(&out.categories).chain(&out.sparse);
                let size = parts.fold(out.base.abs().max(answer.abs()), |size, part| size.max(part.abs()));
                if (sum - answer).abs() > 1e-9 * size.max(1.0) {
                    return Err(format!(
                        "{kind:?}: the contributions sum to {sum}, the prediction is {answer}"
                    ));
                }
            }
            subject.learn(&event, 1.0);
        }
    }
    Ok(())
}

/// What a copy learnt since `base`; `None`: it cannot be merged.
fn change(subject: &mut dyn Subject, base: &[u8]) -> Option<Result<Vec<u8>, SnapshotError>> {
    let merge = subject.as_model_mut()?.model_mut().as_merge()?;
    let mut out = Writer::new();
    Some(merge.change(&mut Reader::new("base", base), &mut out).map(|()| out.into_bytes()))
}

fn merge(subject: &mut dyn Subject, change: &[u8]) -> Result<(), String> {
    let merge = subject.as_model_mut().and_then(|model| model.model_mut().as_merge());
    let merge = merge.ok_or("it merges now and then")?;
    let mut reader = Reader::new("change", change);
    merge.merge(&mut reader).and_then(|()| reader.finish()).map_err(|error| error.to_string())
}

/// A copy that goes on from the base.
fn copy(candidate: &Candidate<'_>, schema: &Schema, base: &[u8]) -> Result<Box<dyn Subject>, String> {
    let mut copy = candidate.fresh(schema)?;
    copy.load(base).map_err(|error| format!("the base is refused: {error}"))?;
    Ok(copy)
}

pub(super) fn merged(candidate: &Candidate<'_>) -> Checked {
    let base = candidate.taught(200)?.bytes();
    let mut changes = Vec::new();
    for kind in [Kind::Plain, Kind::Missing, Kind::Constant] {
        let mut learner = copy(candidate, &schema(), &base)?;
        candidate.events(kind, 260).skip(200).for_each(|event| learner.learn(&event, 1.0));
        let Some(change) = change(learner.as_mut(), &base) else { return Ok(()) };
        changes.push(change.map_err(|error| format!("no change since the base: {error}"))?);
    }
    // Wherever a copy comes from: the base, and the changes in their order.
    let mut one = copy(candidate, &schema(), &base)?;
    let mut other = candidate.fresh(&schema())?;
    candidate.events(Kind::Unscaled, 50).for_each(|event| other.learn(&event, 1.0));
    other.load(&base).map_err(|error| format!("the base is refused: {error}"))?;
    for change in &changes {
        merge(one.as_mut(), change)?;
        merge(other.as_mut(), change)?;
        same("two copies that adopted the same changes", &one.bytes(), &other.bytes())?;
    }
    for event in candidate.events(Kind::Plain, 20).chain(candidate.events(Kind::Huge, 20)) {
        one.answer(&event, candidate.classes).map_err(|wrong| format!("after merging: {wrong}"))?;
        one.learn(&event, 1.0);
    }
    let bytes = one.bytes();
    candidate.fresh(&schema())?.load(&bytes).map_err(|error| format!("the merged state is refused: {error}"))
}

pub(super) fn merged_by_name(candidate: &Candidate<'_>) -> Checked {
    // The index of a sparse feature is its name: these have no order.
    let plain =
        |count: usize| candidate.events(Kind::Plain, count).map(|e| Event { sparse: Vec::new(), ..e });
    let taught = |reversed: bool| -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
        let schema = if reversed { schema_reversed() } else { schema() };
        let turned = |event: Event| if reversed { event.reversed() } else { event };
        let mut subject = candidate.fresh(&schema)?;
        plain(200).map(turned).for_each(|event| subject.learn(&event, 1.0));
        let base = subject.bytes();
        plain(260).skip(200).map(turned).for_each(|event| subject.learn(&event, 1.0));
        let change = change(subject.as_mut(), &base).transpose().map_err(|error| error.to_string())?;
        Ok((base, change))
    };
    let ((base, Some(change)), (_, Some(turned))) = (taught(false)?, taught(true)?) else { return Ok(()) };
    let mut one = copy(candidate, &schema(), &base)?;
    let mut other = copy(candidate, &schema(), &base)?;
    merge(one.as_mut(), &change)?;
    merge(other.as_mut(), &turned)?;
    for event in plain(40) {
        let answers = (one.answer(&event, candidate.classes)?, other.answer(&event, candidate.classes)?);
        let near = |(a, b): (&f64, &f64)| {
            a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
        };
        if !answers.0.iter().zip(&answers.1).all(near) {
            return Err(format!("the same change from features in another order: {answers:?}"));
        }
    }
    Ok(())
}

pub(super) fn foreign_changes(candidate: &Candidate<'_>) -> Checked {
    let base = candidate.taught(200)?.bytes();
    let mut learner = copy(candidate, &schema(), &base)?;
    candidate.events(Kind::Plain, 260).skip(200).for_each(|event| learner.learn(&event, 1.0));
    let Some(real) = change(learner.as_mut(), &base) else { return Ok(()) };
    let real = real.map_err(|error| format!("no change since the base: {error}"))?;
    let mut random = Random::new(2);
    for round in 0..300 {
        let mut bytes = real.clone();
        match round % 3 {
            0 => bytes.truncate(random.below(real.len().max(1) as u64) as usize),
            _ => super::laws::damage(&mut bytes, &mut random),
        }
        let mut subject = copy(candidate, &schema(), &base)?;
        let merging = subject.as_model_mut().and_then(|model| model.model_mut().as_merge());
        let Some(merging) = merging else { return Err("it merges now and then".to_owned()) };
        if merging.merge(&mut Reader::new("change", &bytes)).is_err() {
            same(&format!("round {round}: after a change that was refused"), &base, &subject.bytes())?;
        }
        for event in candidate.events(Kind::Plain, 5) {
            subject.answer(&event, candidate.classes).map_err(|wrong| format!("round {round}: {wrong}"))?;
            subject.learn(&event, 1.0);
        }
    }
    Ok(())
}

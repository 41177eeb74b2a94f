//! Every event that was committed to the inputs is answered exactly once (or at least once, where the pipeline says
//! so): by a prediction that names it, or by a dead letter with its bytes. Nothing else is answered.

use crate::log::{Place, Stored, Topic, View};
use crate::script::Expected;
use crate::world::World;
use std::collections::BTreeMap;
use streamfold_engine::lane::SOURCE_HEADER;
use streamfold_engine::plan::{DEAD_LETTERS, Delivery, PREDICTIONS};

/// Predictions and dead letters of one record of the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Answers {
    predictions: u32,
    dead_letters: u32,
}

pub(super) fn check(world: &World) -> Result<(), String> {
    let mut answers: BTreeMap<(Place, i64), Answers> = BTreeMap::new();
    for place in world.log.places() {
        for stored in world.log.stored(place, 0, View::Committed) {
            match place.topic {
                Topic::Output(PREDICTIONS) => {
                    let source = source_of_prediction(world, stored)
                        .ok_or_else(|| format!("outputs: a prediction names no source: {stored:?}"))?;
                    answers.entry(source).or_default().predictions += 1;
                }
                Topic::Output(DEAD_LETTERS) => {
                    let source = source_of_dead_letter(world, stored)
                        .ok_or_else(|| format!("outputs: a dead letter names no source: {stored:?}"))?;
                    answers.entry(source).or_default().dead_letters += 1;
                    same_bytes(world, source, stored)?;
                }
                _ => {}
            }
        }
    }
    for (&(place, offset), &expected) in &world.expected {
        let found = answers.remove(&(place, offset)).unwrap_or_default();
        let fits = match world.scenario.plan.delivery {
            Delivery::ExactlyOnce => fits(expected, found),
            Delivery::AtLeastOnce => fits_repeated(expected, found),
        };
        if !fits {
            return Err(format!(
                "outputs: {place:?} offset {offset} should lead to {expected:?}, but there are {found:?}"
            ));
        }
    }
    match answers.pop_first() {
        None => Ok(()),
        Some((source, found)) => Err(format!("outputs: {found:?} for {source:?}, which does not exist")),
    }
}

fn fits(expected: Expected, found: Answers) -> bool {
    let found = (found.predictions, found.dead_letters);
    match expected {
        Expected::Prediction => found == (1, 0),
        Expected::DeadLetter => found == (0, 1),
        Expected::PredictionOrDeadLetter => found == (1, 0) || found == (0, 1),
        Expected::DeadLetterOrNothing => found == (0, 1) || found == (0, 0),
        Expected::Nothing => found == (0, 0),
    }
}

fn fits_repeated(expected: Expected, found: Answers) -> bool {
    let Answers { predictions, dead_letters } = found;
    match expected {
        Expected::Prediction => predictions > 0 && dead_letters == 0,
        Expected::DeadLetter => predictions == 0 && dead_letters > 0,
        Expected::PredictionOrDeadLetter => predictions + dead_letters > 0,
        Expected::DeadLetterOrNothing => predictions == 0,
        Expected::Nothing => predictions == 0 && dead_letters == 0,
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn source(world: &World, topic: &str, partition: &str, offset: &str) -> Option<(Place, i64)> {
    let input = world.scenario.plan.inputs.iter().position(|input| input.topic == topic)?;
    let place = Place { topic: Topic::Input(input as u16), partition: partition.parse().ok()? };
    Some((place, offset.parse().ok()?))
}

fn source_of_prediction(world: &World, stored: &Stored) -> Option<(Place, i64)> {
    let mut parts = text(stored.record().headers.get(SOURCE_HEADER)?)?.rsplitn(3, '/');
    let (offset, partition, topic) = (parts.next()?, parts.next()?, parts.next()?);
    source(world, topic, partition, offset)
}

fn source_of_dead_letter(world: &World, stored: &Stored) -> Option<(Place, i64)> {
    let headers = stored.record().headers;
    let header = |name: &str| text(headers.get(&format!("__connect.errors.{name}"))?);
    source(world, header("topic")?, header("partition")?, header("offset")?)
}

/// A dead letter has the bytes of its record, or says that it is a pointer because they are too many.
fn same_bytes(world: &World, source: (Place, i64), letter: &Stored) -> Result<(), String> {
    let record = world.log.stored(source.0, source.1, View::Uncommitted).next();
    let record =
        record.ok_or_else(|| format!("outputs: the source {source:?} of a dead letter is not there"))?;
    let bytes = record.value.as_ref().map_or(0, Vec::len)
        + record.key.as_ref().map_or(0, Vec::len)
        + record.headers.len();
    let is_pointer = letter.record().headers.get("streamfold.dead_letter") == Some(b"pointer");
    let is_whole = letter.key == record.key
        && letter.value == record.value
        && letter.headers.starts_with(&record.headers);
    match is_pointer == (bytes > world.scenario.plan.dead_letters.record_bytes_max) && is_pointer != is_whole
    {
        true => Ok(()),
        false => Err(format!("outputs: the dead letter of {source:?} is {letter:?} instead of {record:?}")),
    }
}

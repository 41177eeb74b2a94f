//! The checks themselves. Each returns what went wrong.

use super::stream::{Event, Kind, events, schema, schema_reversed};
use super::subject::Subject;
use super::{Build, Candidate};
use crate::features::Schema;
use crate::random::Random;

pub(super) type Checked = Result<(), String>;

impl Candidate<'_> {
    pub(super) fn fresh(&self, schema: &Schema) -> Result<Box<dyn Subject>, String> {
        (self.build)(schema).map_err(|error| format!("cannot be built: {error}"))
    }

    pub(super) fn events(&self, kind: Kind, count: usize) -> impl Iterator<Item = Event> {
        events(kind, count, self.classes)
    }

    /// One that has learnt this many plain events.
    pub(super) fn taught(&self, count: usize) -> Result<Box<dyn Subject>, String> {
        let mut subject = self.fresh(&schema())?;
        self.events(Kind::Plain, count).for_each(|event| subject.learn(&event, 1.0));
        Ok(subject)
    }
}

/// The bits of an answer; every NaN is the one NaN.
pub(super) fn bits(answer: &[f64]) -> Vec<u64> {
    answer.iter().map(|value| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }).collect()
}

pub(super) fn same(what: &str, one: &[u8], other: &[u8]) -> Checked {
    match one == other {
        true => Ok(()),
        false => Err(format!("{what}: the state's bytes differ ({} and {} of them)", one.len(), other.len())),
    }
}

pub(super) fn predict_before_learn(candidate: &Candidate<'_>) -> Checked {
    let subject = candidate.fresh(&schema())?;
    for kind in Kind::ALL {
        for event in candidate.events(kind, 20) {
            for classes in 0..=3 {
                subject
                    .answer(&event, classes)
                    .map_err(|wrong| format!("{kind:?}, {classes} classes: {wrong}"))?;
            }
        }
    }
    Ok(())
}

pub(super) fn awkward_rows(candidate: &Candidate<'_>) -> Checked {
    for kind in Kind::ALL {
        let mut subject = candidate.fresh(&schema())?;
        // Awkward from the start, and then between plain events.
        let awkward = candidate.events(kind, 400);
        let plain = candidate.events(Kind::Plain, 400);
        let mixed = candidate.events(Kind::Plain, 400).zip(candidate.events(kind, 400));
        let mixed = mixed.enumerate().map(|(at, (plain, awkward))| if at % 5 == 0 { awkward } else { plain });
        for (number, event) in awkward.chain(plain).chain(mixed).enumerate() {
            let wrong = |wrong: String| format!("{kind:?}, event {number}: {wrong}");
            subject.answer(&event, candidate.classes).map_err(wrong)?;
            subject.learn(&event, 1.0);
        }
        let bytes = subject.bytes();
        candidate
            .fresh(&schema())?
            .load(&bytes)
            .map_err(|error| format!("{kind:?}: its own state is refused: {error}"))?;
    }
    Ok(())
}

pub(super) fn no_features(candidate: &Candidate<'_>) -> Checked {
    let mut subject = candidate.fresh(&Schema::default())?;
    for mut event in candidate.events(Kind::Plain, 100) {
        event.numeric.clear();
        event.categories.clear();
        event.sparse.clear();
        subject.answer(&event, candidate.classes)?;
        subject.learn(&event, 1.0);
    }
    let bytes = subject.bytes();
    candidate
        .fresh(&Schema::default())?
        .load(&bytes)
        .map_err(|error| format!("its own state is refused: {error}"))
}

pub(super) fn odd_classes(candidate: &Candidate<'_>) -> Checked {
    let mut subject = candidate.fresh(&schema())?;
    for (number, mut event) in candidate.events(Kind::Plain, 500).enumerate() {
        event.class = if number % 100 == 50 { usize::MAX } else { 0 };
        subject.answer(&event, 1)?;
        subject.answer(&event, candidate.classes)?;
        subject.learn(&event, 1.0);
    }
    let bytes = subject.bytes();
    candidate.fresh(&schema())?.load(&bytes).map_err(|error| format!("its own state is refused: {error}"))
}

pub(super) fn predict_changes_nothing(candidate: &Candidate<'_>) -> Checked {
    let subject = candidate.taught(300)?;
    let before = subject.bytes();
    for kind in Kind::ALL {
        for event in candidate.events(kind, 20) {
            let first = subject.answer(&event, candidate.classes)?;
            let again = subject.answer(&event, candidate.classes)?;
            if bits(&first) != bits(&again) {
                return Err(format!("{kind:?}: asked twice, it answers {first:?} and {again:?}"));
            }
        }
    }
    same("after predictions", &before, &subject.bytes())
}

pub(super) fn nothing_to_learn(candidate: &Candidate<'_>) -> Checked {
    for taught in [0, 300] {
        let mut subject = candidate.taught(taught)?;
        let before = subject.bytes();
        for event in candidate.events(Kind::Plain, 20) {
            for weight in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
                subject.learn(&event, weight);
                same(&format!("weight {weight}"), &before, &subject.bytes())?;
            }
            for target in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                if subject.learns_target() {
                    subject.learn(&Event { target, ..event.clone() }, 1.0);
                    same(&format!("target {target}"), &before, &subject.bytes())?;
                }
            }
        }
    }
    Ok(())
}

pub(super) fn same_seed(candidate: &Candidate<'_>) -> Checked {
    same("two of one seed", &candidate.taught(500)?.bytes(), &candidate.taught(500)?.bytes())
}

pub(super) fn save_and_load(candidate: &Candidate<'_>) -> Checked {
    for (kind, middle) in [(Kind::Plain, 0), (Kind::Plain, 1), (Kind::Plain, 250), (Kind::Missing, 123)] {
        let mut one = candidate.fresh(&schema())?;
        candidate.events(kind, middle).for_each(|event| one.learn(&event, 1.0));
        let mut other = candidate.fresh(&schema())?;
        // Loading must replace whatever was there.
        candidate.events(Kind::Unscaled, 50).for_each(|event| other.learn(&event, 1.0));
        other.load(&one.bytes()).map_err(|error| format!("after {middle} events: {error}"))?;
        same("loaded and saved again", &one.bytes(), &other.bytes())?;
        for event in candidate.events(kind, middle + 300).skip(middle) {
            let answers = (one.answer(&event, candidate.classes)?, other.answer(&event, candidate.classes)?);
            if bits(&answers.0) != bits(&answers.1) {
                return Err(format!(
                    "loaded after {middle} events of {kind:?}, it answers differently: {answers:?}"
                ));
            }
            one.learn(&event, 1.5);
            other.learn(&event, 1.5);
        }
        same("300 events after loading", &one.bytes(), &other.bytes())?;
    }
    Ok(())
}

pub(super) fn feature_order(candidate: &Candidate<'_>) -> Checked {
    if !candidate.ordered {
        return Ok(());
    }
    let mut one = candidate.fresh(&schema())?;
    let mut other = candidate.fresh(&schema_reversed())?;
    for (number, event) in candidate.events(Kind::Unscaled, 500).enumerate() {
        let reversed = event.reversed();
        let answers = (one.answer(&event, candidate.classes)?, other.answer(&reversed, candidate.classes)?);
        let near = |(a, b): (&f64, &f64)| {
            a.is_nan() && b.is_nan() || a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        };
        if !answers.0.iter().zip(&answers.1).all(near) {
            return Err(format!("event {number}, answers {answers:?}"));
        }
        one.learn(&event, 1.0);
        other.learn(&reversed, 1.0);
    }
    Ok(())
}

pub(super) fn memory_bounded(candidate: &Candidate<'_>) -> Checked {
    /// Counters are written with as many bytes as they need.
    const COUNTERS_BYTES: usize = 64;
    let build = match candidate.bounded {
        Some((build, Some(bytes_max))) => return memory_below_its_bound(candidate, build, bytes_max),
        Some((build, None)) => build,
        None => candidate.build,
    };
    let mut subject = build(&schema()).map_err(|error| format!("cannot be built: {error}"))?;
    let mut early = 0;
    for (number, event) in candidate.events(Kind::Plain, 100_000).enumerate() {
        subject.learn(&event, 1.0);
        if number == 20_000 {
            early = subject.bytes().len();
        }
    }
    let late = subject.bytes().len();
    // The trees of a model that fits them anew are now a little larger, now a little smaller.
    match late <= early + early / 20 + COUNTERS_BYTES {
        true => Ok(()),
        false => Err(format!("{early} bytes after 20,000 events, {late} after 100,000")),
    }
}

/// The state of a model that grows up to a bound that it is told: here the smallest.
fn memory_below_its_bound(candidate: &Candidate<'_>, build: &Build<'_>, bytes_max: usize) -> Checked {
    let mut subject = build(&schema()).map_err(|error| format!("cannot be built: {error}"))?;
    let bytes_max = bytes_max + subject.memory_bytes();
    for (number, event) in candidate.events(Kind::Plain, 20_000).enumerate() {
        subject.learn(&event, 1.0);
        if number % 1000 == 0 && subject.memory_bytes().max(subject.bytes().len()) > bytes_max {
            return Err(format!(
                "{} bytes in memory and {} in the state after {number} events, where {bytes_max} are allowed",
                subject.memory_bytes(),
                subject.bytes().len()
            ));
        }
    }
    Ok(())
}

pub(super) fn foreign_bytes(candidate: &Candidate<'_>) -> Checked {
    let real = candidate.taught(300)?.bytes();
    let step = real.len().div_ceil(400).max(1);
    for length in (0..real.len()).step_by(step) {
        if candidate.fresh(&schema())?.load(&real[..length]).is_ok() {
            return Err(format!("a snapshot cut from {} to {length} bytes is taken for whole", real.len()));
        }
    }
    let mut random = Random::new(1);
    for round in 0..1000 {
        let mut bytes = real.clone();
        for _ in 0..=random.below(3) {
            damage(&mut bytes, &mut random);
        }
        works_after(candidate, &bytes).map_err(|wrong| format!("changed bytes, round {round}: {wrong}"))?;
    }
    for round in 0..1000 {
        let mut bytes: Vec<u8> = (0..random.below(200)).map(|_| random.word() as u8).collect();
        if let Some(version) = bytes.first_mut() {
            *version = 1;
        }
        works_after(candidate, &bytes).map_err(|wrong| format!("random bytes, round {round}: {wrong}"))?;
    }
    Ok(())
}

/// Changes one byte, or writes a float that no sound state holds.
pub(super) fn damage(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len().max(1) as u64) as usize;
    let float = [f64::NAN, f64::INFINITY, f64::MAX, -1.0, 0.0][random.below(5) as usize];
    match bytes.get_mut(at..at + 8) {
        Some(place) if random.below(2) == 0 => place.copy_from_slice(&float.to_le_bytes()),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte =
                    [random.word() as u8, 0, 0xff, *byte ^ (1 << random.below(8))][random.below(4) as usize];
            }
        }
    }
}

/// Whatever loads must answer validly and be able to learn.
fn works_after(candidate: &Candidate<'_>, bytes: &[u8]) -> Checked {
    let mut subject = candidate.fresh(&schema())?;
    if subject.load(bytes).is_ok() {
        for event in candidate.events(Kind::Plain, 5).chain(candidate.events(Kind::Huge, 5)) {
            subject.answer(&event, candidate.classes)?;
            subject.learn(&event, 1.0);
            subject.answer(&event, candidate.classes)?;
        }
    }
    Ok(())
}

//! A fresh lane that folds along the journal from the beginning, without a fault and with limits and intervals of its
//! own, gives the same predictions byte for byte, and the same state behind every checkpoint and at the end. Where
//! the order is a pure function of the log, a lane that has never seen the journal does so too.

use super::journal::Journal;
use crate::commit::new_record;
use crate::log::{NewRecord, Place, Stored, Topic, View};
use crate::parts;
use crate::random::Random;
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::Arc;
use streamfold_engine::journal::{Entry, identity};
use streamfold_engine::lane::{Action, Event, Lane, MODEL_HEADER, partitions_of};
use streamfold_engine::plan::PREDICTIONS;
use streamfold_flow::Partition;
use streamfold_flow::record::{Headers, RecordBlock};

pub(super) fn check(world: &World, journals: &[Journal]) -> Result<(), String> {
    for (lane, journal) in journals.iter().enumerate() {
        let lane = lane as u32;
        let found = outputs_of(world, lane);
        let mut refold = Fold::new(world, lane, false)?;
        for (bytes, record) in journal {
            refold.along(record, bytes)?;
        }
        refold.compare("along the journal", &found)?;
        let entries = || journal.iter().flat_map(|(_, record)| &record.order);
        let clock = |entry: &Entry| matches!(entry, Entry::Tick(_) | Entry::Run { ahead: true, .. });
        let partitions = partitions_of(lane, world.scenario.plan.lanes, &world.scenario.partitions);
        let pure = !journal.is_empty() && (world.until.is_some() || partitions.len() == 1);
        if pure && !entries().any(clock) {
            let mut fold = Fold::new(world, lane, world.until.is_some())?;
            fold.straight(&partitions)?;
            fold.compare("without interruption", &found)?;
        }
    }
    Ok(())
}

/// What a record of an output is compared by. The time of writing is not part of it.
#[derive(Debug, PartialEq)]
struct Output {
    timestamp_ms: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<u8>,
}

type Outputs = BTreeMap<Place, Vec<Output>>;

fn output(place: Place, record: NewRecord) -> Output {
    let NewRecord { timestamp_ms, key, value, headers } = record;
    Output {
        timestamp_ms: timestamp_ms.filter(|_| place.topic == Topic::Output(PREDICTIONS)),
        key,
        value,
        headers,
    }
}

/// What one lane has written under `read_committed`.
fn outputs_of(world: &World, lane: u32) -> Outputs {
    let mut outputs = Outputs::new();
    for place in world.log.places().filter(|place| matches!(place.topic, Topic::Output(_))) {
        for stored in
            world.log.stored(place, 0, View::Committed).filter(|stored| lane_of(stored) == Some(lane))
        {
            let Stored { timestamp_ms, key, value, headers, .. } = stored.clone();
            let record = NewRecord { timestamp_ms: Some(timestamp_ms), key, value, headers };
            outputs.entry(place).or_default().push(output(place, record));
        }
    }
    outputs
}

fn lane_of(stored: &Stored) -> Option<u32> {
    let headers = Headers::from_encoded(&stored.headers);
    let lane = headers.get(MODEL_HEADER).or_else(|| headers.get("__connect.errors.task.id"))?;
    std::str::from_utf8(lane).ok()?.split('/').next()?.parse().ok()
}

/// A lane that nothing ever happens to.
struct Fold<'a> {
    world: &'a World,
    number: u32,
    lane: Lane,
    positions: BTreeMap<Partition, i64>,
    outputs: Outputs,
    is_finished: bool,
    /// What the clock showed, and stream time, when the inputs became idle.
    idle_since: Option<(i64, i64)>,
}

impl<'a> Fold<'a> {
    fn new(world: &'a World, number: u32, bounded: bool) -> Result<Self, String> {
        let scenario = &world.scenario;
        let mut plan = scenario.plan.as_ref().clone();
        plan.limits.pending_bytes_max = usize::MAX;
        plan.limits.queue_bytes_max = usize::MAX;
        plan.timing.commit_interval_ms = i64::MAX;
        plan.timing.checkpoint_interval_ms = i64::MAX;
        plan.timing.recommit_interval_ms = i64::MAX;
        plan.timing.idle_wait_ms = 0;
        let until = world.until.clone().filter(|_| bounded);
        let parts = parts::parts(&plan)?;
        let mut lane = Lane::new(Arc::new(plan), parts, parts::identity(scenario, number, 0), until);
        let partitions = partitions_of(number, scenario.plan.lanes, &scenario.partitions);
        let positions: Vec<_> = partitions.into_iter().map(|partition| (partition, 0)).collect();
        lane.start(&positions);
        let positions = positions.into_iter().collect();
        let outputs = Outputs::new();
        Ok(Fold { world, number, lane, positions, outputs, is_finished: false, idle_since: None })
    }

    fn handle(&mut self, event: Event) -> Result<(), String> {
        let mut actions = Vec::new();
        self.lane.handle(event, &mut actions);
        while !actions.is_empty() {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Commit(transaction) => {
                        for block in &transaction.outputs {
                            for record in block.iter() {
                                let (place, new) = new_record(record, self.world.scenario.partitions[0]);
                                self.outputs.entry(place).or_default().push(output(place, new));
                            }
                        }
                        self.lane.handle(Event::Committed, &mut actions);
                    }
                    Action::Finished => self.is_finished = true,
                    Action::Pause(..) => {}
                    other => return Err(format!("refold: lane {} says {other:?}", self.number)),
                }
            }
        }
        Ok(())
    }

    /// Brings the next records of a partition, at most so many.
    fn bring(&mut self, partition: Partition, count: usize) -> Result<usize, String> {
        let place = Place { topic: Topic::Input(partition.input), partition: partition.partition };
        let position = self.positions.entry(partition).or_default();
        let read = self.world.log.read(place, *position, count, View::Committed);
        let records: RecordBlock = read.records;
        let brought = records.len();
        match brought.checked_sub(1) {
            Some(last) => *position = records.get(last).offset + 1,
            None => *position = read.next,
        }
        match brought {
            0 => self.handle(Event::End(partition, read.next))?,
            _ => self.handle(Event::Records(partition, records))?,
        }
        Ok(brought)
    }

    /// Folds what a journal record says, in its order.
    fn along(
        &mut self,
        record: &streamfold_engine::journal::JournalRecord,
        bytes: &[u8],
    ) -> Result<(), String> {
        let lanes = self.positions.keys().copied().collect::<Vec<_>>();
        for entry in &record.order {
            for &partition in &lanes {
                let position = self.positions[&partition];
                self.handle(Event::End(partition, position))?;
            }
            match *entry {
                Entry::Run { place, count, ahead } => {
                    // A clock at the beginning of time finds everything to lie ahead; one that shows nothing, nothing.
                    self.handle(Event::Tick(i64::from(ahead)))?;
                    let partition = record.partitions[place as usize].partition;
                    self.bring(partition, count as usize)?;
                    self.handle(Event::Tick(0))?;
                    self.idle_since = None;
                }
                Entry::Tick(time_ms) => self.tick(time_ms)?,
            }
        }
        let hash = self.lane.state_hash();
        match self.world.watch.cuts.get(&(self.number, identity(bytes))) {
            Some(cut) if *cut != hash => Err(format!(
                "refold: the checkpoint of lane {} behind commit {} is not the state there",
                self.number, record.sequence
            )),
            _ => Ok(()),
        }
    }

    /// Moves stream time, as a clock does that goes on while all inputs are idle.
    fn tick(&mut self, time_ms: i64) -> Result<(), String> {
        const START_MS: i64 = 1_000_000;
        let (since_ms, stream_time_ms) = match self.idle_since {
            Some(idle) => idle,
            None => {
                self.handle(Event::Tick(START_MS))?;
                (START_MS, self.lane.gauges().stream_time_ms.unwrap_or(time_ms))
            }
        };
        self.idle_since = Some((since_ms, stream_time_ms));
        self.handle(Event::Tick(since_ms + time_ms - stream_time_ms))
    }

    /// Folds everything that is there, in batches of any size.
    fn straight(&mut self, partitions: &[Partition]) -> Result<(), String> {
        let mut random = Random::new(u64::from(self.number));
        let mut left = partitions.to_vec();
        while !left.is_empty() {
            let place = random.index(left.len());
            let count = random.scaled(1, 300) as usize;
            if self.bring(left[place], count)? == 0 {
                left.swap_remove(place);
            }
        }
        Ok(())
    }

    /// Compares what this lane has written, and its state, with what the world has.
    fn compare(&mut self, how: &str, found: &Outputs) -> Result<(), String> {
        self.handle(Event::Drain)?;
        if !self.is_finished {
            return Err(format!("refold: lane {} does not end", self.number));
        }
        let lane = self.number;
        for (place, expected) in &self.outputs {
            let found = found.get(place).map_or(&[][..], Vec::as_slice);
            if let Some(at) =
                (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))
            {
                return Err(format!(
                    "refold: lane {lane} folded {how} writes {:?} as number {at} of {place:?}, but {:?} is there",
                    expected.get(at).map(Shown),
                    found.get(at).map(Shown)
                ));
            }
        }
        if let Some(place) = found.keys().find(|place| !self.outputs.contains_key(place)) {
            return Err(format!("refold: lane {lane} folded {how} writes nothing to {place:?}"));
        }
        let hash = self.lane.state_hash();
        match self.world.hashes.get(&lane) {
            Some(found) if *found != hash => {
                Err(format!("refold: lane {lane} folded {how} has another state at the end"))
            }
            _ => Ok(()),
        }
    }
}

/// An output as people read it.
struct Shown<'a>(&'a Output);

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text =
            |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|b| String::from_utf8_lossy(b).into_owned());
        let Output { timestamp_ms, key, value, headers } = self.0;
        let headers = Headers::from_encoded(headers);
        write!(f, "[{timestamp_ms:?} {:?} {:?} {headers:?}]", text(key), text(value))
    }
}

//! A lane that nothing ever happens to: every commit succeeds, nothing is late, nothing is full.

use super::journal::Journal;
use super::written::Written;
use crate::commit::new_record;
use crate::log::{Place, Topic, View};
use crate::parts;
use crate::random::Random;
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::Arc;
use streamfold_engine::journal::{Entry, JournalRecord};
use streamfold_engine::lane::{Action, Event, Lane, LaneError, partitions_of};
use streamfold_engine::plan::Plan;
use streamfold_flow::Partition;
use streamfold_flow::record::{OutputBlock, RecordBlock};

pub(super) struct CalmLane<'a> {
    world: &'a World,
    number: u32,
    lane: Lane,
    positions: BTreeMap<Partition, i64>,
    written: Written,
    is_finished: bool,
    has_stopped: bool,
    /// What the clock showed, and stream time, when the inputs became idle.
    idle_since: Option<(i64, i64)>,
    /// Ticks of the journal that were followed.
    ticks: u64,
}

/// The plan with limits and intervals of its own, which must change nothing.
fn calm(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.limits.pending_bytes_max = usize::MAX;
    plan.limits.queue_bytes_max = usize::MAX;
    plan.timing.commit_interval_ms = i64::MAX;
    plan.timing.checkpoint_interval_ms = i64::MAX;
    plan.timing.recommit_interval_ms = i64::MAX;
    plan.timing.idle_wait_ms = 0;
    plan
}

impl<'a> CalmLane<'a> {
    fn new(world: &'a World, number: u32, until: Option<BTreeMap<Partition, i64>>) -> Result<Self, String> {
        let plan = calm(&world.scenario.plan);
        let parts = parts::parts(&plan)?;
        let lane = Lane::new(Arc::new(plan), parts, parts::identity(&world.scenario, number, 0), until);
        Ok(CalmLane {
            world,
            number,
            lane,
            positions: BTreeMap::new(),
            written: Written::default(),
            is_finished: false,
            has_stopped: false,
            idle_since: None,
            ticks: 0,
        })
    }

    /// One that starts anew.
    pub(super) fn started(
        world: &'a World,
        number: u32,
        until: Option<BTreeMap<Partition, i64>>,
    ) -> Result<Self, String> {
        let mut calm = Self::new(world, number, until)?;
        let partitions = partitions_of(number, world.scenario.plan.lanes, &world.scenario.partitions);
        let positions: Vec<_> = partitions.into_iter().map(|partition| (partition, 0)).collect();
        calm.lane.start(&positions);
        calm.positions = positions.into_iter().collect();
        Ok(calm)
    }

    /// One that goes on from the journal alone.
    pub(super) fn restored(world: &'a World, number: u32, journal: &Journal) -> Result<Self, String> {
        let mut calm = Self::new(world, number, None)?;
        let records = journal.iter().map(|(bytes, _)| bytes.clone()).collect();
        calm.lane.restore(None, records).map_err(|error| format!("refold: lane {number}: {error}"))?;
        calm.positions = calm.lane.positions().into_iter().collect();
        Ok(calm)
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Whether too many records were bad for it to go on.
    pub(super) fn has_stopped(&self) -> bool {
        self.has_stopped
    }

    pub(super) fn state_hash(&self) -> u64 {
        self.lane.state_hash()
    }

    fn handle(&mut self, event: Event) -> Result<(), String> {
        let mut actions = Vec::new();
        self.lane.handle(event, &mut actions);
        while !actions.is_empty() {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Send(number, block) => {
                        self.write(&block);
                        self.lane.handle(Event::Sent(number), &mut actions);
                    }
                    Action::Commit(transaction) => {
                        transaction.outputs.iter().for_each(|block| self.write(block));
                        self.lane.handle(Event::Committed, &mut actions);
                    }
                    Action::Finished => self.is_finished = true,
                    Action::Failed(LaneError::TooManyBadRecords { .. }) => self.has_stopped = true,
                    Action::Pause(..) => {}
                    other => return Err(format!("refold: lane {} says {other:?}", self.number)),
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, block: &OutputBlock) {
        for record in block.iter() {
            let (place, new) = new_record(record, self.world.scenario.output_partitions);
            self.written.push(place, new);
        }
    }

    /// Brings the next records of a partition, at most so many; returns how many there were.
    fn bring(&mut self, partition: Partition, count: usize) -> Result<usize, String> {
        let place = Place { topic: Topic::Input(partition.input), partition: partition.partition };
        let position = self.positions.entry(partition).or_default();
        let read = self.world.log.read(place, *position, count, View::Committed);
        let brought = read.records.len();
        match brought.checked_sub(1) {
            Some(last) => {
                *position = read.records.get(last).offset + 1;
                self.handle(Event::Records(partition, read.records))?;
            }
            None => {
                *position = read.next;
                self.handle(Event::End(partition, read.next))?;
            }
        }
        Ok(brought)
    }

    /// Folds what a journal record says, in its order. `false`: it cannot.
    pub(super) fn follow(&mut self, record: &JournalRecord) -> Result<bool, String> {
        for (partition, position) in self.positions.clone() {
            self.handle(Event::End(partition, position))?;
        }
        for entry in &record.order {
            match *entry {
                Entry::Run { place, count, ahead } => {
                    let run = record.partitions.get(place as usize);
                    let partition = run.ok_or("refold: an entry without its partition")?.partition;
                    self.follow_run(partition, count as usize, ahead)?;
                }
                Entry::Tick(time_ms) => {
                    self.follow_tick(time_ms)?;
                    if self.lane.gauges().stream_time_ms != Some(time_ms) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(self.lane.counters().ticks == self.ticks && !self.has_stopped)
    }

    fn follow_run(&mut self, partition: Partition, count: usize, ahead: bool) -> Result<(), String> {
        self.idle_since = None;
        // No records: the partition is not at its end any more, so that the clock moves nothing.
        self.handle(Event::Records(partition, RecordBlock::default()))?;
        // A clock at the beginning of time finds everything to lie ahead; one that shows nothing finds nothing so.
        self.handle(Event::Tick(i64::from(ahead)))?;
        self.bring(partition, count)?;
        self.handle(Event::Tick(0))?;
        self.handle(Event::End(partition, self.positions.get(&partition).copied().unwrap_or(0)))
    }

    /// Moves stream time, as a clock does that goes on while all inputs are idle.
    fn follow_tick(&mut self, time_ms: i64) -> Result<(), String> {
        const START_MS: i64 = 1_000_000;
        self.ticks += 1;
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

    /// Folds everything that is there, brought in portions of any size.
    pub(super) fn fold_all(&mut self) -> Result<(), String> {
        let mut random = Random::new(u64::from(self.number));
        let mut left: Vec<Partition> = self.positions.keys().copied().collect();
        while !left.is_empty() {
            let place = random.index(left.len());
            let count = random.scaled(1, 300) as usize;
            if self.bring(left[place], count)? == 0 {
                left.swap_remove(place);
            }
        }
        Ok(())
    }

    /// Ends the lane; what it has written, and the hash of its state.
    pub(super) fn end(mut self) -> Result<(Written, u64), String> {
        self.handle(Event::Drain)?;
        match self.is_finished {
            true => Ok((self.written, self.lane.state_hash())),
            false => Err(format!("refold: lane {} does not end", self.number)),
        }
    }
}

//! The driver's duty for one lane, as the engine's runtime does it, but call by call: take the transactional id over,
//! read checkpoint and journal, restore, then bring records, ticks and outcomes, and do what the lane asks for.

use crate::commit::{Commit, Delayed, Outcome, Surroundings, new_record};
use crate::fault::Fault;
use crate::log::transaction::TransactionError;
use crate::log::{Log, Place, Topic, View};
use crate::parts;
use crate::random::Random;
use crate::scenario::{Scenario, Weather};
use crate::trace::Trace;
use crate::watch::Watch;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use streamfold_engine::checkpoint::Checkpoint;
use streamfold_engine::journal::JournalRecord;
use streamfold_engine::lane::{Action, Event, Lane, LaneError, partitions_of};
use streamfold_flow::Partition;
use streamfold_flow::record::OutputBlock;

/// A record of the state topic, as [`Checkpoint::find`] takes it.
type StateRecord = (Vec<u8>, Option<Vec<u8>>);

/// What a step works with: the world as this process sees it.
pub struct Around<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The cluster.
    pub log: &'a mut Log,
    /// Chance.
    pub random: &'a mut Random,
    /// Faults of the world; `None`: they have stopped.
    pub weather: Option<&'a Weather>,
    /// The broker cannot be reached.
    pub is_unreachable: bool,
    /// The planted fault.
    pub fault: Option<Fault>,
    /// The member and its generation, as the process knows them.
    pub group: (u64, i32),
    /// Requests whose answer nobody waits for.
    pub delayed: &'a mut Vec<Delayed>,
    /// What the process's clock shows.
    pub now_ms: i64,
    /// Where a bounded run ends.
    pub until: Option<&'a BTreeMap<Partition, i64>>,
    /// The checks that run along.
    pub watch: &'a mut Watch,
    /// What happened.
    pub trace: &'a mut Trace,
}

/// How far the driver is.
#[derive(Debug)]
enum Phase {
    /// The transactional id is to be taken over.
    Init,
    /// The state topic is read up to where it ended when reading began.
    ReadState { from: i64, end: i64, records: Vec<StateRecord> },
    /// The journal is read from `start` up to where it ended when reading began.
    ReadJournal { start: i64, from: i64, end: i64, records: Vec<Vec<u8>> },
    /// The lane is there.
    Run,
    /// The transactional id is to be taken over again, and the journal's end read; the lane folds on.
    Recover { fenced: bool },
}

/// What became of a worker's step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    On,
    /// Everything is committed; nothing more will come.
    Finished,
    /// The lane is somebody else's.
    Lost,
}

/// The driver of one lane in one process.
pub struct Worker {
    number: u32,
    id: String,
    epoch: u32,
    run_id: u64,
    /// The generation in which the lane was taken over; only a planted fault looks at it.
    first_generation: i32,
    phase: Phase,
    checkpoint: Option<Checkpoint>,
    lane: Option<Box<Lane>>,
    positions: BTreeMap<Partition, i64>,
    paused: BTreeSet<Partition>,
    commit: Option<Commit>,
    outcome: Option<Outcome>,
    /// Answers that are to be written outside of commits, each with its number and how many of its records are there.
    sends: VecDeque<(u64, Arc<OutputBlock>, usize)>,
    finished: bool,
    draining: bool,
}

impl Worker {
    /// Begins to take a lane over.
    pub fn new(number: u32, run_id: u64, generation: i32) -> Self {
        Worker {
            number,
            id: format!("lane-{number}"),
            epoch: 0,
            run_id,
            first_generation: generation,
            phase: Phase::Init,
            checkpoint: None,
            lane: None,
            positions: BTreeMap::new(),
            paused: BTreeSet::new(),
            commit: None,
            outcome: None,
            sends: VecDeque::new(),
            finished: false,
            draining: false,
        }
    }

    /// Asks the lane to end. `false`: there is none yet, so nothing has to end.
    pub fn drain(&mut self, around: &mut Around<'_>) -> Result<bool, String> {
        if !self.draining {
            self.draining = true;
            self.handle(Event::Drain, around)?;
        }
        Ok(self.lane.is_some())
    }

    /// Whether the lane was asked to end.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// The lane.
    pub fn lane(&self) -> Option<&Lane> {
        self.lane.as_deref()
    }

    /// Takes one step of those that are possible. `owns`: the group gives the lane to this process, as it knows.
    pub fn step(&mut self, owns: bool, around: &mut Around<'_>) -> Result<Progress, String> {
        if self.finished {
            return Ok(Progress::Finished);
        }
        match self.phase {
            Phase::Init => self.init(around),
            Phase::ReadState { .. } => self.read_state(around),
            Phase::ReadJournal { .. } => self.read_journal(around)?,
            Phase::Recover { .. } if around.random.per_mille(500) => return self.recover(owns, around),
            Phase::Run | Phase::Recover { .. } => self.run(around)?,
        }
        Ok(if self.finished { Progress::Finished } else { Progress::On })
    }

    fn place(&self, topic: Topic) -> Place {
        Place { topic, partition: self.number as i32 }
    }

    /// Where reading a topic of the lane's own ends: what is open before has to be settled.
    fn end_of(&self, topic: Topic, around: &Around<'_>) -> i64 {
        match around.fault {
            Some(Fault::RestoreBeforeFence) => around.log.last_stable(self.place(topic)),
            _ => around.log.end(self.place(topic)),
        }
    }

    fn begin_reading(&mut self, around: &Around<'_>) {
        let end = self.end_of(Topic::State, around);
        self.phase = Phase::ReadState { from: 0, end, records: Vec::new() };
    }

    fn init(&mut self, around: &mut Around<'_>) {
        if around.fault == Some(Fault::RestoreBeforeFence) {
            return self.begin_reading(around);
        }
        if around.is_unreachable {
            return;
        }
        if let Ok(epoch) = around.log.init_transactions(&self.id) {
            self.epoch = epoch;
            around.trace.add(|| format!("{} run {}: fenced, epoch {epoch}", self.id, self.run_id));
            self.begin_reading(around);
        }
    }

    fn read_state(&mut self, around: &mut Around<'_>) {
        let place = self.place(Topic::State);
        let Phase::ReadState { from, end, records } = &mut self.phase else { return };
        if around.is_unreachable {
            return;
        }
        let some = around.random.scaled(1, 100) as usize;
        let read = around.log.read(place, *from, some, View::Committed);
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        records.extend(read.records.iter().map(|r| (owned(r.key).unwrap_or_default(), owned(r.value))));
        *from = read.next;
        if *from < *end {
            return;
        }
        match Checkpoint::find(std::mem::take(records)) {
            Ok(checkpoint) => self.checkpoint = checkpoint,
            Err(error) => around.watch.fail(format!("{}: no checkpoint can be read: {error}", self.id)),
        }
        // Where the cut's own commit lies is a guess, by two clocks; the journal's beginning is always right.
        let slack_ms = around.random.pick(&[60_000, 0]);
        let journal = self.place(Topic::Journal);
        let start = match &self.checkpoint {
            Some(found) => around.log.offset_of_time(journal, found.manifest.cut_at_ms - slack_ms),
            None => 0,
        };
        self.read_journal_from(start, around);
    }

    fn read_journal_from(&mut self, start: i64, around: &Around<'_>) {
        let end = self.end_of(Topic::Journal, around);
        self.phase = Phase::ReadJournal { start, from: start, end, records: Vec::new() };
    }

    fn read_journal(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        let place = self.place(Topic::Journal);
        let Phase::ReadJournal { start, from, end, records } = &mut self.phase else { return Ok(()) };
        if around.is_unreachable {
            return Ok(());
        }
        let some = around.random.scaled(1, 100) as usize;
        let read = around.log.read(place, *from, some, View::Committed);
        records.extend(read.records.iter().map(|record| record.value.unwrap_or_default().to_vec()));
        *from = read.next;
        if *from < *end {
            return Ok(());
        }
        let (start, records) = (*start, std::mem::take(records));
        if start > 0 && around.fault != Some(Fault::TrustTimeOfCut) && !self.is_behind_cut(&records)? {
            self.read_journal_from(0, around);
            return Ok(());
        }
        if around.fault == Some(Fault::RestoreBeforeFence) && self.epoch == 0 {
            match around.log.init_transactions(&self.id) {
                Ok(epoch) => self.epoch = epoch,
                Err(_) => {
                    // Asked again in the next step, with what was read before.
                    self.phase = Phase::ReadJournal { start, from: i64::MAX, end: 0, records };
                    return Ok(());
                }
            }
        }
        self.build(records, around)
    }

    /// Whether what was read of the journal begins no later than with the checkpoint's own commit.
    fn is_behind_cut(&self, journal: &[Vec<u8>]) -> Result<bool, String> {
        let first = journal.first().map(|bytes| JournalRecord::decode(bytes)).transpose();
        let first = first.map_err(|error| format!("{}: {error}", self.id))?;
        let cut = self.checkpoint.as_ref().map(|checkpoint| checkpoint.manifest.sequence);
        Ok(first.map(|first| first.sequence) <= cut && !journal.is_empty())
    }

    /// Builds the lane from what was read.
    fn build(&mut self, journal: Vec<Vec<u8>>, around: &mut Around<'_>) -> Result<(), String> {
        let scenario = around.scenario;
        let identity = parts::identity(scenario, self.number, self.run_id);
        let mut lane =
            Lane::new(scenario.plan.clone(), parts::parts(&scenario.plan)?, identity, around.until.cloned());
        if journal.is_empty() && self.checkpoint.is_none() {
            let partitions = partitions_of(self.number, scenario.plan.lanes, &scenario.partitions);
            let positions: Vec<_> = partitions.into_iter().map(|partition| (partition, 0)).collect();
            lane.start(&positions);
            around.trace.add(|| format!("{} run {}: starts a generation", self.id, self.run_id));
        } else {
            let (commits, sequence) = (journal.len(), self.checkpoint.as_ref().map(|c| c.manifest.sequence));
            match lane.restore(self.checkpoint.clone(), journal) {
                Ok(()) => {}
                Err(error) => return Err(format!("{}: the lane cannot be restored: {error}", self.id)),
            }
            around.trace.add(|| {
                format!(
                    "{} run {}: restores from commit {sequence:?} and {commits} journal records",
                    self.id, self.run_id
                )
            });
            self.compare_offsets(&lane, around)?;
        }
        let late = i64::from(around.fault == Some(Fault::ResumeOneLate));
        self.positions = lane.positions().into_iter().map(|(p, offset)| (p, offset + late)).collect();
        self.lane = Some(Box::new(lane));
        self.phase = Phase::Run;
        if self.draining {
            return self.handle(Event::Drain, around);
        }
        Ok(())
    }

    /// The group's offsets are those of the journal's end, unless they have expired. Somebody who was fenced meanwhile
    /// may have read an older journal.
    fn compare_offsets(&self, lane: &Lane, around: &Around<'_>) -> Result<(), String> {
        if !around.log.is_settled(&self.id, self.epoch) {
            return Ok(());
        }
        for (partition, offset) in lane.committed_offsets() {
            let found = around.log.group.offsets.get(&partition).copied();
            if found.is_some_and(|found| found != offset) {
                return Err(format!(
                    "offsets: {}: {partition:?} is committed at {found:?}, the journal says {offset}",
                    self.id
                ));
            }
        }
        Ok(())
    }

    fn recover(&mut self, owns: bool, around: &mut Around<'_>) -> Result<Progress, String> {
        if !owns {
            self.handle(Event::Lost, around)?;
            return Ok(Progress::Lost);
        }
        let Phase::Recover { fenced } = &mut self.phase else { return Ok(Progress::On) };
        if around.is_unreachable {
            return Ok(Progress::On);
        }
        if !*fenced && around.fault != Some(Fault::RecoverWithoutFence) {
            match around.log.init_transactions(&self.id) {
                Ok(epoch) => (self.epoch, *fenced) = (epoch, true),
                Err(TransactionError::Busy) => {}
                Err(error) => return Err(format!("{}: init_transactions says {error:?}", self.id)),
            }
            return Ok(Progress::On);
        }
        let journal = self.place(Topic::Journal);
        let last =
            around.log.stored(journal, 0, View::Committed).last().and_then(|stored| stored.value.clone());
        around.trace.add(|| format!("{} run {}: read the journal's end", self.id, self.run_id));
        self.phase = Phase::Run;
        self.handle(Event::JournalEnd(last), around)?;
        Ok(if self.finished { Progress::Finished } else { Progress::On })
    }

    /// One of the things that happen while the lane runs.
    fn run(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        if let Some(outcome) = self.outcome
            && around.random.per_mille(500)
        {
            self.outcome = None;
            return self.settle(outcome, around);
        }
        match around.random.below(10) {
            0..=3 if self.commit.is_some() => self.commit(around),
            5..=6 if !self.sends.is_empty() => self.send(around),
            4 => {
                let back = around.weather.is_some_and(|weather| around.random.per_mille(weather.clock_back));
                let now_ms = around.now_ms - if back { around.random.scaled(1, 2000) } else { 0 };
                self.handle(Event::Tick(now_ms), around)
            }
            _ => self.fetch(around),
        }
    }

    fn fetch(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        let readable: Vec<Partition> =
            self.positions.keys().filter(|partition| !self.paused.contains(partition)).copied().collect();
        if readable.is_empty() || around.is_unreachable {
            return Ok(());
        }
        let partition = around.random.pick(&readable);
        let place = Place { topic: Topic::Input(partition.input), partition: partition.partition };
        let view = match around.fault {
            Some(Fault::ReadUncommitted) => View::Uncommitted,
            _ => View::Committed,
        };
        let some = around.random.scaled(1, around.scenario.weather.fetch_records_max) as usize;
        let Some(position) = self.positions.get_mut(&partition) else { return Ok(()) };
        let read = around.log.read(place, *position, some, view);
        if let Some(last) = read.records.len().checked_sub(1) {
            // The markers behind the last record are passed over by the next fetch.
            *position = read.records.get(last).offset + 1;
            return self.handle(Event::Records(partition, read.records), around);
        }
        *position = read.next;
        self.handle(Event::End(partition, read.next), around)
    }

    /// Writes some of the answers that go out at once; nobody fences that.
    fn send(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        let Some((number, block, written)) = self.sends.front_mut() else { return Ok(()) };
        if around.is_unreachable {
            return Ok(());
        }
        if around.weather.is_some_and(|weather| around.random.per_mille(weather.lost_answer)) {
            // The answer got lost: all of it is sent again.
            *written = 0;
            return Ok(());
        }
        let some = around.random.scaled(1, 20) as usize;
        for record in block.iter().skip(*written).take(some) {
            let (place, new) = new_record(record, around.scenario.output_partitions);
            around.log.append(place, new);
        }
        *written += some;
        if *written < block.len() {
            return Ok(());
        }
        let number = *number;
        self.sends.pop_front();
        self.handle(Event::Sent(number), around)
    }

    fn commit(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        let Some(commit) = &mut self.commit else { return Ok(()) };
        let (member, generation) = around.group;
        let generation = match around.fault {
            Some(Fault::StaleGeneration) => self.first_generation,
            _ => generation,
        };
        let outcome = commit.step(&mut Surroundings {
            log: around.log,
            output_partitions: around.scenario.output_partitions,
            random: around.random,
            weather: around.weather,
            is_unreachable: around.is_unreachable,
            fault: around.fault,
            group: (member, generation),
            delayed: around.delayed,
        });
        if let Some(outcome) = outcome {
            around.trace.add(|| {
                format!("{} run {}: commit {} {outcome:?}", self.id, self.run_id, commit.transaction.sequence)
            });
            self.commit = None;
            self.outcome = Some(outcome);
        }
        Ok(())
    }

    /// Tells the lane how its commit ended.
    fn settle(&mut self, outcome: Outcome, around: &mut Around<'_>) -> Result<(), String> {
        let event = match (outcome, around.fault) {
            (Outcome::Unknown, Some(Fault::UnknownIsCommitted)) => Event::Committed,
            (Outcome::Unknown, Some(Fault::UnknownIsAborted)) => Event::Aborted,
            (Outcome::Aborted, Some(Fault::ForgetPendingOnAbort)) => Event::Committed,
            (Outcome::Committed, _) => Event::Committed,
            (Outcome::Aborted, _) => Event::Aborted,
            (Outcome::Unknown | Outcome::Fenced, _) => Event::Unknown,
        };
        self.handle(event, around)
    }

    fn handle(&mut self, event: Event, around: &mut Around<'_>) -> Result<(), String> {
        let Some(lane) = &mut self.lane else { return Ok(()) };
        let mut actions = Vec::new();
        around.trace.event(&self.id, self.run_id, &event);
        lane.handle(event, &mut actions);
        around.watch.bounds(around.scenario, lane);
        for action in actions {
            self.act(action, around)?;
        }
        Ok(())
    }

    fn begin_anew(&mut self, reason: &str, around: &mut Around<'_>) {
        around.trace.add(|| format!("{} run {}: begins anew: {reason}", self.id, self.run_id));
        *self = Worker::new(self.number, around.random.next(), around.group.1);
    }

    fn act(&mut self, action: Action, around: &mut Around<'_>) -> Result<(), String> {
        match action {
            Action::Commit(transaction) => {
                if self.commit.is_some() || self.outcome.is_some() {
                    return Err(format!("{}: two commits are under way", self.id));
                }
                around.watch.cut(self.number, &transaction);
                self.commit = Some(Commit::new(transaction, self.number, &self.id, self.epoch));
            }
            Action::Send(number, block) => self.sends.push_back((number, block, 0)),
            Action::Recover => self.phase = Phase::Recover { fenced: false },
            Action::Pause(..) if around.fault == Some(Fault::IgnorePause) => {}
            Action::Pause(partition, true) => drop(self.paused.insert(partition)),
            Action::Pause(partition, false) => drop(self.paused.remove(&partition)),
            Action::Finished => {
                self.finished = true;
                around.trace.add(|| format!("{} run {}: finished", self.id, self.run_id));
            }
            Action::Restart(reason) => {
                around.watch.restarts += 1;
                self.begin_anew(&reason, around);
            }
            // Whoever looks after the pipeline has looked, and starts it again.
            Action::Failed(error @ LaneError::TooManyBadRecords { .. }) => {
                around.watch.stops += 1;
                self.begin_anew(&error.to_string(), around);
            }
            Action::Failed(error) => return Err(format!("{}: the lane cannot go on: {error}", self.id)),
        }
        Ok(())
    }
}

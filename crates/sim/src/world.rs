//! The world of a seed: a scheduler that lets producers, broker, group and processes take turns, one action at a
//! time, and faults between them. First with faults; then they stop, and everything must come to its end.

use crate::commit::Delayed;
use crate::fault::Fault;
use crate::log::{Log, Place, Topic, View};
use crate::process::Process;
use crate::random::Random;
use crate::scenario::{EPOCH_MS, Scenario, Weather};
use crate::script::{Batch, Expected, Mode, script};
use crate::trace::Trace;
use crate::watch::Watch;
use crate::worker::Around;
use std::collections::{BTreeMap, VecDeque};
use streamfold_flow::Partition;

/// Once the faults have stopped, the broker is as patient as by default.
const CALM_TIMEOUT_MS: i64 = 60_000;

/// A batch that is written, but whose transaction has not ended.
struct Open {
    id: String,
    epoch: u32,
    commit: bool,
    records: Vec<(Place, i64)>,
}

/// Everything there is.
pub struct World {
    /// What the seed stands for.
    pub scenario: Scenario,
    /// The cluster.
    pub log: Log,
    /// The checks that run along.
    pub watch: Watch,
    /// What must become of each record of the inputs.
    pub expected: BTreeMap<(Place, i64), Expected>,
    /// Hash of each lane's state when it ended.
    pub hashes: BTreeMap<u32, u64>,
    /// Where a bounded run ends.
    pub until: Option<BTreeMap<Partition, i64>>,
    /// What happened.
    pub trace: Trace,
    /// Steps taken.
    pub steps: u64,
    random: Random,
    fault: Option<Fault>,
    script: VecDeque<Batch>,
    open: Vec<Open>,
    transactions: u64,
    processes: Vec<Option<Process>>,
    delayed: Vec<Delayed>,
    /// Steps between two batches of the producers.
    batch_steps: u64,
    unreachable_until_ms: i64,
    is_calm: bool,
    is_stopping: bool,
}

impl World {
    /// The world of a seed, before anything has happened in it.
    pub fn new(seed: u64, fault: Option<Fault>, trace: Trace) -> World {
        let mut random = Random::new(seed);
        let scenario = Scenario::new(&mut random.fork());
        let script = script(&scenario, &mut random.fork());
        let mut world = World {
            log: Log::new(scenario.plan.lanes, EPOCH_MS),
            watch: Watch::default(),
            expected: BTreeMap::new(),
            hashes: BTreeMap::new(),
            until: None,
            trace,
            steps: 0,
            random,
            fault,
            script: script.into(),
            open: Vec::new(),
            transactions: 0,
            processes: Vec::new(),
            delayed: Vec::new(),
            batch_steps: 1,
            unreachable_until_ms: 0,
            is_calm: false,
            is_stopping: false,
            scenario,
        };
        world.write_up_front();
        world
    }

    fn write_up_front(&mut self) {
        let share = self.scenario.traffic.up_front_percent as usize;
        for _ in 0..self.script.len() * share / 100 {
            self.produce();
        }
        if self.scenario.bounded {
            self.end_all_batches();
            let ends = self.inputs().into_iter().map(|(partition, place)| (partition, self.log.end(place)));
            self.until = Some(ends.collect());
        }
    }

    fn end_all_batches(&mut self) {
        while !self.open.is_empty() {
            self.end_batch();
        }
        while let Some(id) = self.log.ending().first().cloned() {
            self.log.write_marker(&id);
        }
    }

    /// All partitions of the inputs.
    pub fn inputs(&self) -> Vec<(Partition, Place)> {
        let counts = self.scenario.partitions.iter().enumerate();
        let partitions = counts.flat_map(|(input, count)| (0..*count).map(move |p| (input as u16, p)));
        let pair = |(input, partition)| {
            (Partition { input, partition }, Place { topic: Topic::Input(input), partition })
        };
        partitions.map(pair).collect()
    }

    /// A producer writes its next batch.
    fn produce(&mut self) {
        let Some(batch) = self.script.pop_front() else { return };
        let id = format!("producer-{}", self.transactions);
        self.transactions += 1;
        let epoch = match batch.mode {
            Mode::Plain => None,
            Mode::Committed | Mode::Aborted => self.log.init_transactions(&id).ok(),
        };
        let mut records = Vec::new();
        for (record, expected) in batch.records {
            let offset = match epoch {
                None => self.log.append(batch.place, record),
                // It is the only one of its id, so nothing can be wrong.
                Some(epoch) => self.log.append_transactional(&id, epoch, batch.place, record).unwrap_or(-1),
            };
            let expected = if batch.mode == Mode::Aborted { Expected::Nothing } else { expected };
            self.expected.insert((batch.place, offset), expected);
            records.push((batch.place, offset));
        }
        self.log.skip(batch.place, batch.gap);
        if let Some(epoch) = epoch {
            self.open.push(Open { id, epoch, commit: batch.mode == Mode::Committed, records });
        }
    }

    fn end_batch(&mut self) {
        if !self.open.is_empty() {
            let open = self.open.swap_remove(self.random.index(self.open.len()));
            if self.log.end_transaction(&open.id, open.epoch, open.commit).is_err() {
                // It was open for too long, so the broker has aborted it.
                self.expected.extend(open.records.into_iter().map(|record| (record, Expected::Nothing)));
            }
        }
    }

    /// Runs to the end, or to the first thing that is wrong.
    pub fn run(&mut self) -> Result<(), String> {
        self.processes = (0..self.scenario.weather.processes).map(|_| None).collect();
        let stormy = self.random.range(500, 10_000) as u64;
        self.batch_steps = (stormy / (self.script.len() as u64 + 1)).max(1);
        while self.steps < stormy {
            self.step()?;
        }
        self.calm();
        let records = self.expected.len() as u64;
        self.settle("to fold all inputs", 30_000 + 300 * records, World::is_caught_up)?;
        self.is_stopping = true;
        self.settle("to end", 20_000, World::is_over)?;
        while let Some(id) = self.log.ending().first().cloned() {
            self.log.write_marker(&id);
        }
        Ok(())
    }

    /// No more faults, from here on.
    fn calm(&mut self) {
        self.trace.add(|| "the faults stop".to_owned());
        self.is_calm = true;
        self.unreachable_until_ms = 0;
        self.delayed.clear();
        while !self.script.is_empty() {
            self.produce();
        }
        self.end_all_batches();
        for process in self.processes.iter_mut().flatten() {
            (process.deaf_until_ms, process.paused_until_ms) = (0, 0);
        }
    }

    fn settle(&mut self, what: &str, steps_max: u64, done: fn(&World) -> bool) -> Result<(), String> {
        let end = self.steps + steps_max;
        while !done(self) {
            if self.steps >= end {
                let behind: Vec<_> = self.behind().collect();
                return Err(format!(
                    "progress: {steps_max} steps without faults were not enough {what}; behind are {behind:?}"
                ));
            }
            for _ in 0..20 {
                self.step()?;
            }
        }
        Ok(())
    }

    /// Partitions with visible records that are not committed as folded, and where they are committed.
    fn behind(&self) -> impl Iterator<Item = (Partition, Option<i64>)> {
        let committed = |partition| self.log.group.offsets.get(&partition).copied();
        let pairs =
            self.inputs().into_iter().map(move |(partition, place)| (partition, place, committed(partition)));
        pairs.filter_map(|(partition, place, committed)| {
            let mut rest = self.log.stored(place, committed.unwrap_or(0), View::Committed);
            rest.next().map(|_| (partition, committed))
        })
    }

    /// Everything that is visible in the inputs is committed as folded.
    fn is_caught_up(&self) -> bool {
        self.behind().next().is_none()
    }

    /// Every lane has ended.
    fn is_over(&self) -> bool {
        let ended =
            |lane| self.processes.iter().flatten().any(|process| process.finished.contains_key(&lane));
        (0..self.scenario.plan.lanes).all(ended)
    }

    /// One action of somebody.
    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        self.trace.step(self.steps);
        let step_ms_max = if self.is_calm { 20 } else { self.scenario.weather.step_ms_max };
        self.log.now_ms += self.random.range(0, step_ms_max);
        match self.random.below(100) {
            0..=19 => self.broker(),
            20..=22 => self.coordinator(),
            _ => self.process()?,
        }
        if !self.is_calm {
            self.producers();
            self.misfortune();
        }
        match self.watch.failure.take() {
            None => Ok(()),
            Some(failure) => Err(failure),
        }
    }

    /// Batches are spread over the time of the faults.
    fn producers(&mut self) {
        if self.random.below(self.batch_steps) == 0 {
            self.produce();
        }
        if self.random.per_mille(100) {
            self.end_batch();
        }
    }

    fn broker(&mut self) {
        if !self.is_calm && !self.random.per_mille(self.scenario.weather.markers) {
            return;
        }
        let ending = self.log.ending();
        if !ending.is_empty() {
            self.log.write_marker(&ending[self.random.index(ending.len())]);
        } else if !self.delayed.is_empty() {
            let delayed = self.delayed.swap_remove(self.random.index(self.delayed.len()));
            delayed.arrive(&mut self.log);
        }
    }

    fn coordinator(&mut self) {
        let weather = &self.scenario.weather;
        let (transaction_ms, session_ms) = match self.is_calm {
            true => (CALM_TIMEOUT_MS, CALM_TIMEOUT_MS),
            false => (weather.transaction_timeout_ms, weather.session_timeout_ms),
        };
        self.log.time_out_transactions(transaction_ms);
        self.log.group.expire(self.log.now_ms, session_ms);
    }

    fn process(&mut self) -> Result<(), String> {
        let number = self.random.index(self.processes.len());
        let now_ms = self.log.now_ms;
        let Some(process) = &mut self.processes[number] else {
            if self.is_calm || self.random.per_mille(100) {
                let skew = self.scenario.weather.clock_skew_ms;
                let skew_ms = self.random.range(-skew, skew);
                self.processes[number] = Some(Process::new(skew_ms));
                self.trace.add(|| format!("process {number} starts"));
            }
            return Ok(());
        };
        if now_ms < process.paused_until_ms {
            return Ok(());
        }
        let polls = self.random.per_mille(100);
        let mut around = Around {
            scenario: &self.scenario,
            log: &mut self.log,
            random: &mut self.random,
            weather: (!self.is_calm).then_some(&self.scenario.weather),
            is_unreachable: now_ms < self.unreachable_until_ms,
            fault: self.fault,
            group: process.group(),
            delayed: &mut self.delayed,
            now_ms: now_ms + process.skew_ms,
            until: self.until.as_ref(),
            watch: &mut self.watch,
            trace: &mut self.trace,
        };
        match polls {
            true => process.poll(self.is_stopping, &mut around)?,
            false => process.step(&mut around)?,
        }
        self.hashes.extend(process.finished.iter().filter_map(|(lane, hash)| Some((*lane, (*hash)?))));
        Ok(())
    }

    /// What goes wrong in the world, besides the calls of commits.
    fn misfortune(&mut self) {
        let weather: Weather = self.scenario.weather.clone();
        let now_ms = self.log.now_ms;
        let random = &mut self.random;
        if random.per_mille(weather.crash) {
            let number = random.index(self.processes.len());
            if self.processes[number].take().is_some() {
                self.trace.add(|| format!("process {number} dies"));
            }
        }
        let (deaf, paused) = (random.per_mille(weather.deaf), random.per_mille(weather.pause));
        if deaf || paused {
            let until_ms = now_ms + random.scaled(1, weather.session_timeout_ms * 3);
            let number = random.index(self.processes.len());
            if let Some(process) = &mut self.processes[number] {
                process.deaf_until_ms = until_ms;
                self.trace.add(|| format!("process {number} does not talk to the group until {until_ms}"));
                if paused {
                    process.paused_until_ms = until_ms - random.range(0, weather.session_timeout_ms);
                    let until_ms = process.paused_until_ms;
                    self.trace.add(|| format!("process {number} stands still until {until_ms}"));
                }
            }
        }
        if random.per_mille(weather.outage) {
            self.unreachable_until_ms = now_ms + weather.step_ms_max * random.scaled(1, 500);
            self.trace.add(|| "the broker cannot be reached".to_owned());
        }
        if random.per_mille(weather.rebalance) {
            self.log.group.rebalance_with(random.index(3));
        }
        if random.per_mille(weather.compaction) {
            let partition = random.index(self.scenario.plan.lanes as usize) as i32;
            self.log.compact(Place { topic: Topic::State, partition });
        }
        // Where a bounded run has ended, nobody is there to commit them again.
        if random.per_mille(weather.expiry) && self.until.is_none() {
            self.log.group.offsets.clear();
        }
    }
}

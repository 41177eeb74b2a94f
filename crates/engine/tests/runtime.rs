//! The runtime's threads over a log and a group in memory: whatever becomes of commits and lanes, the same bytes come out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "shared with the lane's tests, which need more of it")]
mod support;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use streamfold_engine::checkpoint::StateRecord;
use streamfold_engine::plan::Delivery;
use streamfold_engine::runtime::port::{Archive, Connect, LaneHandler, Legacy, Membership, Offsets};
use streamfold_engine::runtime::{self, Context, Monitor, Phase, RunError, Site};
use streamfold_flow::Partition;
use streamfold_flow::log::{Committer, Fetched, LogError, Outcome, Sender, Source, Transaction};
use streamfold_flow::record::{Headers, OutputBlock, RecordBlock, RecordRef};
use support::{Driver, EVENTS, Fate, Log, Setup, Written};

/// What happens once so many answers are committed.
#[derive(Clone, Copy)]
enum Change {
    Assign,
    Revoke,
    Lose,
    /// Another process takes the lane over, folds some of it, and dies; the group does not notice.
    Steal,
}

/// The log, and what is to happen to it.
#[derive(Default)]
struct Memory {
    setup: Setup,
    log: Mutex<Log>,
    fates: Mutex<VecDeque<Fate>>,
    changes: Mutex<VecDeque<(usize, Change)>>,
    /// So many calls are still told that the log is away.
    away: AtomicU32,
    /// Who took the transactional id last.
    owner: AtomicU64,
}

impl Memory {
    fn reach(&self) -> Result<(), LogError> {
        let less = |left: u32| left.checked_sub(1);
        match self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => Err(LogError::Unavailable("away".into())),
            Err(_) => Ok(()),
        }
    }

    fn steal(&self) {
        self.owner.fetch_add(1, Ordering::SeqCst);
        let mut log = self.log.lock().unwrap();
        let until = log.until_end(&self.setup);
        let mut other = Driver::new(&self.setup, &log, 77, Some(until));
        // First it folds again along the journal.
        while other.lane.counters().commits < 2 {
            assert!(other.over.is_none(), "nothing is left for others");
            other.round(&mut log, 3);
        }
    }
}

/// The ports, over shared memory.
struct Ports(Arc<Memory>);

struct MemorySource {
    memory: Arc<Memory>,
    positions: BTreeMap<Partition, i64>,
}

impl Source for MemorySource {
    fn assign(&mut self, positions: &[(Partition, i64)]) -> Result<(), LogError> {
        self.positions = positions.iter().copied().collect();
        self.memory.reach()
    }

    fn fetch(&mut self, timeout: Duration, out: &mut Vec<Fetched>) -> Result<(), LogError> {
        self.memory.reach()?;
        let log = self.memory.log.lock().unwrap();
        for (partition, position) in &mut self.positions {
            let mut block = RecordBlock::default();
            let records = log.inputs.get(partition).map(Vec::as_slice).unwrap_or_default();
            for record in records.iter().filter(|record| record.offset >= *position).take(3) {
                block.push(RecordRef {
                    offset: record.offset,
                    timestamp_ms: record.timestamp_ms,
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    headers: Headers::EMPTY,
                });
            }
            match block.iter().last().map(|record| record.offset) {
                Some(last) => {
                    *position = last + 1;
                    out.push(Fetched::Records(*partition, block));
                }
                None => out.push(Fetched::End(*partition, log.end(*partition))),
            }
        }
        drop(log);
        std::thread::sleep(timeout);
        Ok(())
    }

    fn pause(&mut self, _: Partition, _: bool) -> Result<(), LogError> {
        Ok(())
    }
}

struct MemoryCommitter {
    memory: Arc<Memory>,
    epoch: u64,
}

impl Committer for MemoryCommitter {
    fn init(&mut self) -> Result<(), LogError> {
        self.memory.reach()?;
        self.epoch = self.memory.owner.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(())
    }

    fn commit(&mut self, transaction: &Transaction) -> Outcome {
        let mut log = self.memory.log.lock().unwrap();
        if self.memory.owner.load(Ordering::SeqCst) != self.epoch {
            return Outcome::Fenced("somebody else".into());
        }
        let fate = self.memory.fates.lock().unwrap().pop_front().unwrap_or(Fate::Committed);
        if matches!(fate, Fate::Committed | Fate::LostCommitted) {
            log.apply(transaction);
        }
        match fate {
            Fate::Committed => Outcome::Committed,
            Fate::Aborted => Outcome::Aborted("aborted".into()),
            Fate::LostCommitted | Fate::LostAborted => Outcome::Unknown("lost".into()),
        }
    }
}

struct MemorySender {
    memory: Arc<Memory>,
}

impl Sender for MemorySender {
    fn send(&mut self, blocks: &[Arc<OutputBlock>]) -> Result<(), LogError> {
        self.memory.reach()?;
        let mut log = self.memory.log.lock().unwrap();
        blocks.iter().for_each(|block| log.write(block));
        Ok(())
    }
}

struct MemoryGroup {
    memory: Arc<Memory>,
    lanes: Arc<dyn LaneHandler>,
}

impl Membership for MemoryGroup {
    fn poll(&mut self, _: Duration) -> Result<(), LogError> {
        std::thread::sleep(Duration::from_millis(1));
        let written = self.memory.log.lock().unwrap().written.len();
        let change = {
            let mut changes = self.memory.changes.lock().unwrap();
            changes.pop_front_if(|(at, _)| *at <= written)
        };
        match change.map(|(_, change)| change) {
            None => {}
            Some(Change::Assign) => self.lanes.assigned(&[0]),
            Some(Change::Revoke) => self.lanes.revoked(&[0]),
            Some(Change::Lose) => self.lanes.lost(&[0]),
            Some(Change::Steal) => self.memory.steal(),
        }
        self.memory.reach()
    }
}

impl Connect for Ports {
    fn source(&self, _: u32) -> Result<Box<dyn Source>, LogError> {
        self.0.reach()?;
        Ok(Box::new(MemorySource { memory: self.0.clone(), positions: BTreeMap::new() }))
    }

    fn committer(&self, _: u32) -> Result<Box<dyn Committer>, LogError> {
        self.0.reach()?;
        Ok(Box::new(MemoryCommitter { memory: self.0.clone(), epoch: 0 }))
    }

    fn sender(&self, _: u32) -> Result<Box<dyn Sender>, LogError> {
        self.0.reach()?;
        Ok(Box::new(MemorySender { memory: self.0.clone() }))
    }

    fn join(&self, lanes: Arc<dyn LaneHandler>) -> Result<Box<dyn Membership>, LogError> {
        self.0.reach()?;
        Ok(Box::new(MemoryGroup { memory: self.0.clone(), lanes }))
    }
}

impl Archive for Ports {
    fn state(&self, _: u32) -> Result<Vec<StateRecord>, LogError> {
        self.0.reach()?;
        Ok(self.0.log.lock().unwrap().state.clone())
    }

    fn journal(&self, _: u32, since_ms: Option<i64>) -> Result<Vec<Vec<u8>>, LogError> {
        self.0.reach()?;
        // Clocks can be so wrong that nothing is found by time.
        Ok(if since_ms.is_some() { Vec::new() } else { self.0.log.lock().unwrap().journal.clone() })
    }

    fn journal_end(&self, _: u32) -> Result<Option<Vec<u8>>, LogError> {
        self.0.reach()?;
        Ok(self.0.log.lock().unwrap().journal.last().cloned())
    }

    fn legacy(&self, _: u32) -> Result<Option<Legacy>, LogError> {
        Ok(None)
    }
}

impl Offsets for Ports {
    fn start(&self, partitions: &[Partition]) -> Result<Vec<i64>, LogError> {
        self.0.reach()?;
        Ok(vec![0; partitions.len()])
    }

    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>, LogError> {
        self.0.reach()?;
        let log = self.0.log.lock().unwrap();
        Ok(partitions.iter().map(|partition| log.offsets.get(partition).copied()).collect())
    }

    fn ends(&self, partitions: &[Partition]) -> Result<Vec<i64>, LogError> {
        self.0.reach()?;
        let log = self.0.log.lock().unwrap();
        Ok(partitions.iter().map(|partition| log.end(*partition)).collect())
    }
}

/// A log of so many events.
fn events(count: i64) -> Log {
    let mut log = Log::default();
    for i in 0..count {
        let x = (i * 37 % 101) as f64 / 50.0;
        log.event(EVENTS, &format!("{},k{i},{x},{}", 1000 + i, 3.0 * x + 1.0));
    }
    log
}

/// What an undisturbed lane writes.
fn undisturbed(log: &Log) -> Vec<Written> {
    let (setup, mut log) = (Setup::default(), log.clone());
    let until = log.until_end(&setup);
    Driver::new(&setup, &log, 1, Some(until)).run(&mut log, 4).unwrap();
    log.written
}

/// Runs to the end of the log, or as long as `stop` says.
fn run(memory: &Arc<Memory>, until_end: bool, stop: &AtomicBool) -> (Result<(), RunError>, Arc<Monitor>) {
    let setup = memory.setup.clone();
    let until = until_end.then(|| memory.log.lock().unwrap().until_end(&setup));
    let monitor = Arc::new(Monitor::default());
    let context = Context {
        plan: Arc::new(setup.plan()),
        site: Site {
            cluster_id: "cluster".into(),
            topics: setup.topics(),
            prediction_partitions: Some(setup.partitions),
            generation: 1,
        },
        parts: Box::new(move || Ok(setup.parts())),
        log: Arc::new(Ports(memory.clone())),
        until,
        monitor: monitor.clone(),
    };
    (runtime::run(&Arc::new(context), stop), monitor)
}

fn check(memory: Memory, expected: &[Written]) {
    let memory = Arc::new(memory);
    let (result, monitor) = run(&memory, true, &AtomicBool::new(false));
    result.unwrap();
    assert_eq!(monitor.lanes()[&0].phase, Phase::Finished);
    assert_eq!(memory.log.lock().unwrap().written, expected);
}

fn memory(log: &Log, changes: &[(usize, Change)]) -> Memory {
    Memory {
        log: Mutex::new(log.clone()),
        changes: Mutex::new(changes.iter().copied().collect()),
        ..Memory::default()
    }
}

#[test]
fn answers_at_once() {
    let log = events(100);
    let expected = undisturbed(&log);
    let setup = Setup { delivery: Delivery::AtLeastOnce, ..Setup::default() };
    let memory = Memory { setup, ..memory(&log, &[(0, Change::Assign)]) };
    check(memory, &expected);
}

#[test]
fn whatever_becomes_of_commits() {
    let log = events(100);
    let expected = undisturbed(&log);
    let fates = [Fate::Committed, Fate::LostAborted, Fate::Aborted, Fate::Committed, Fate::LostCommitted];
    let memory = Memory { fates: Mutex::new(fates.repeat(3).into()), ..memory(&log, &[(0, Change::Assign)]) };
    check(memory, &expected);
}

#[test]
fn lanes_come_and_go() {
    let log = events(200);
    let expected = undisturbed(&log);
    let changes = [
        (0, Change::Assign),
        (20, Change::Revoke),
        (20, Change::Assign),
        (60, Change::Lose),
        (60, Change::Assign),
        (100, Change::Lose),
        (100, Change::Assign),
    ];
    check(memory(&log, &changes), &expected);
}

#[test]
fn a_lane_that_was_stolen_is_built_anew() {
    let log = events(200);
    let expected = undisturbed(&log);
    check(memory(&log, &[(0, Change::Assign), (30, Change::Steal), (90, Change::Steal)]), &expected);
}

#[test]
fn a_log_that_is_away_is_waited_for() {
    let log = events(50);
    let expected = undisturbed(&log);
    check(Memory { away: AtomicU32::new(6), ..memory(&log, &[(0, Change::Assign)]) }, &expected);
}

#[test]
fn told_to_stop_it_commits_and_goes_on_the_next_time() {
    let log = events(200);
    let expected = undisturbed(&log);
    let memory = Arc::new(memory(&log, &[(0, Change::Assign)]));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run(&memory, false, &stop).0);
        while memory.log.lock().unwrap().written.len() < 50 {
            std::thread::sleep(Duration::from_millis(1));
        }
        stop.store(true, Ordering::Relaxed);
        first.join().unwrap().unwrap();
    });
    let written = memory.log.lock().unwrap().written.len();
    assert!(written < expected.len(), "it was stopped in the middle");
    memory.changes.lock().unwrap().push_back((0, Change::Assign));
    run(&memory, true, &AtomicBool::new(false)).0.unwrap();
    assert_eq!(memory.log.lock().unwrap().written, expected);
}

//! A simulated process: its place in the group, and a worker for each lane that it was given.

use crate::worker::{Around, Progress, Worker};
use std::collections::{BTreeMap, BTreeSet};

/// A process that is up.
#[derive(Default)]
pub struct Process {
    member: Option<u64>,
    generation: i32,
    owned: BTreeSet<u32>,
    revoked: BTreeSet<u32>,
    workers: BTreeMap<u32, Worker>,
    /// It does not talk to the group until then.
    pub deaf_until_ms: i64,
    /// It stands still until then.
    pub paused_until_ms: i64,
    /// Its clock is off by this much.
    pub skew_ms: i64,
    /// It was told to end.
    is_stopping: bool,
    /// Lanes that ended with everything committed, and their state's hash then, if they had one already.
    pub finished: BTreeMap<u32, Option<u64>>,
}

impl Process {
    /// The member and the generation that it knows of.
    pub fn group(&self) -> (u64, i32) {
        (self.member.unwrap_or(u64::MAX), self.generation)
    }

    /// A process that has just started.
    pub fn new(skew_ms: i64) -> Self {
        Process { skew_ms, ..Process::default() }
    }

    /// Asks the group for news, and does what it says. `stop`: it was asked to end, as SIGTERM does.
    pub fn poll(&mut self, stop: bool, around: &mut Around<'_>) -> Result<(), String> {
        self.is_stopping = stop;
        if around.now_ms - self.skew_ms < self.deaf_until_ms || around.is_unreachable {
            return Ok(());
        }
        let now_ms = around.log.now_ms;
        let Some(member) = self.member else {
            let member = around.random.next();
            around.log.group.join(member, now_ms);
            self.member = Some(member);
            return Ok(());
        };
        let Some(assignment) = around.log.group.poll(member, now_ms) else {
            around.trace.add(|| format!("member {member:x} learns that it was expelled"));
            self.member = None;
            self.owned.clear();
            self.revoked.clear();
            self.workers.clear();
            return Ok(());
        };
        if assignment.generation != self.generation {
            around.trace.add(|| format!("member {member:x} learns of {assignment:?}"));
        }
        self.generation = assignment.generation;
        self.owned = assignment.owned;
        self.revoked = assignment.revoked;
        self.begin_lanes(around);
        for lane in self.revoked.clone() {
            self.drain(lane, around)?;
        }
        if self.is_stopping {
            for lane in self.owned.clone() {
                self.drain(lane, around)?;
            }
        }
        Ok(())
    }

    fn begin_lanes(&mut self, around: &mut Around<'_>) {
        for &lane in self.owned.difference(&self.revoked) {
            if !self.workers.contains_key(&lane) && !self.finished.contains_key(&lane) {
                let run_id = around.random.next();
                self.workers.insert(lane, Worker::new(lane, run_id, self.generation));
            }
        }
    }

    fn drain(&mut self, lane: u32, around: &mut Around<'_>) -> Result<(), String> {
        let running = match self.workers.get_mut(&lane) {
            Some(worker) => worker.drain(around)?,
            None => false,
        };
        // A lane that ends a stopping process has to have folded; it is restored first.
        if !running && self.revoked.contains(&lane) {
            self.let_go(lane, around);
        }
        Ok(())
    }

    fn let_go(&mut self, lane: u32, around: &mut Around<'_>) {
        self.workers.remove(&lane);
        self.finished.remove(&lane);
        if self.revoked.remove(&lane)
            && let Some(member) = self.member
        {
            self.owned.remove(&lane);
            around.log.group.give_up(member, lane);
        }
    }

    /// Lets one of its lanes take a step.
    pub fn step(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        if self.workers.is_empty() {
            return Ok(());
        }
        let place = around.random.index(self.workers.len());
        let Some((&lane, worker)) = self.workers.iter_mut().nth(place) else { return Ok(()) };
        let owns = self.owned.contains(&lane);
        match worker.step(owns, around)? {
            Progress::On => {}
            Progress::Lost => drop(self.workers.remove(&lane)),
            Progress::Finished if self.revoked.contains(&lane) => self.let_go(lane, around),
            Progress::Finished => {
                // A lane that was to be handed over, but is not any more, is begun again.
                if self.is_stopping || !worker.is_draining() {
                    let hash =
                        worker.lane().filter(|lane| !lane.is_restoring()).map(|lane| lane.state_hash());
                    self.finished.insert(lane, hash);
                }
                self.workers.remove(&lane);
            }
        }
        Ok(())
    }
}

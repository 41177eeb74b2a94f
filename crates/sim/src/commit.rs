//! One commit as the broker sees it: call after call, each of which can fail, be refused, or lose its answer.

use crate::fault::Fault;
use crate::log::transaction::TransactionError;
use crate::log::{Log, NewRecord, Place, Topic};
use crate::random::Random;
use crate::scenario::Weather;
use std::sync::Arc;
use streamfold_engine::checkpoint::Manifest;
use streamfold_flow::log::Transaction;
use streamfold_flow::record::OutputRef;

/// How a commit ended, as the driver tells the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Committed,
    /// It is undone.
    Aborted,
    /// Nobody knows.
    Unknown,
    /// The transactional id is somebody else's.
    Fenced,
}

/// A request that the network has kept: it may still arrive.
#[derive(Clone, Debug)]
pub struct Delayed {
    id: String,
    epoch: u32,
}

impl Delayed {
    /// It arrives.
    pub fn arrive(&self, log: &mut Log) {
        // Too late is as good as never.
        let _ = log.end_transaction(&self.id, self.epoch, true);
    }
}

/// What a commit's next call works with.
pub struct Surroundings<'a> {
    /// The cluster.
    pub log: &'a mut Log,
    /// Partitions of each output topic.
    pub output_partitions: i32,
    /// Chance.
    pub random: &'a mut Random,
    /// Faults of the world; `None`: they have stopped.
    pub weather: Option<&'a Weather>,
    /// The broker cannot be reached.
    pub is_unreachable: bool,
    /// The planted fault.
    pub fault: Option<Fault>,
    /// The member and its generation.
    pub group: (u64, i32),
    /// Requests whose answer nobody waits for.
    pub delayed: &'a mut Vec<Delayed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Output { block: usize, record: usize },
    Journal,
    State(usize),
    Offsets,
    End,
    Abort,
}

/// A commit under way.
#[derive(Debug)]
pub struct Commit {
    /// What it writes.
    pub transaction: Arc<Transaction>,
    lane: i32,
    id: String,
    epoch: u32,
    step: Step,
}

impl Commit {
    /// Begins to write.
    pub fn new(transaction: Arc<Transaction>, lane: u32, id: &str, epoch: u32) -> Self {
        Commit {
            transaction,
            lane: lane as i32,
            id: id.to_owned(),
            epoch,
            step: Step::Output { block: 0, record: 0 },
        }
    }

    /// Makes the next call; `Some` when the outcome is known, or known to be unknowable.
    pub fn step(&mut self, around: &mut Surroundings<'_>) -> Option<Outcome> {
        if around.is_unreachable {
            // The client tries again, until it gives up.
            return around.random.per_mille(20).then_some(Outcome::Unknown);
        }
        let done = match self.step {
            Step::Output { block, record } => self.outputs(around, block, record),
            Step::Journal => self.journal(around),
            Step::State(at) => self.state(around, at),
            Step::Offsets => self.offsets(around),
            Step::End => return self.end(around),
            Step::Abort => return self.abort(around),
        };
        match done {
            Ok(next) => {
                self.step = next;
                None
            }
            Err(TransactionError::Busy) => None,
            Err(TransactionError::Group(_)) => {
                self.step = Step::Abort;
                None
            }
            Err(TransactionError::Fenced) => Some(Outcome::Fenced),
            Err(TransactionError::NotOpen) => Some(Outcome::Unknown),
        }
    }

    fn fails(&self, around: &mut Surroundings<'_>) -> bool {
        around.weather.is_some_and(|weather| around.random.per_mille(weather.abort))
    }

    fn append(
        &self,
        around: &mut Surroundings<'_>,
        place: Place,
        record: NewRecord,
    ) -> Result<(), TransactionError> {
        around.log.append_transactional(&self.id, self.epoch, place, record).map(|_| ())
    }

    /// Writes some of the outputs.
    fn outputs(
        &self,
        around: &mut Surroundings<'_>,
        block: usize,
        record: usize,
    ) -> Result<Step, TransactionError> {
        let Some(outputs) = self.transaction.outputs.get(block) else { return Ok(Step::Journal) };
        let some = record + around.random.scaled(1, 50) as usize;
        for at in record..some.min(outputs.len()) {
            let output = outputs.get(at);
            let (place, new) = new_record(output, around.output_partitions);
            if around.fault == Some(Fault::OutputsOutsideTransaction) {
                around.log.append(place, new);
            } else {
                self.append(around, place, new)?;
            }
        }
        match some < outputs.len() {
            true => Ok(Step::Output { block, record: some }),
            false => Ok(Step::Output { block: block + 1, record: 0 }),
        }
    }

    fn journal(&self, around: &mut Surroundings<'_>) -> Result<Step, TransactionError> {
        if self.fails(around) {
            return Ok(Step::Abort);
        }
        let place = Place { topic: Topic::Journal, partition: self.lane };
        let value = Some(self.transaction.journal.clone());
        let record = NewRecord { value, ..NewRecord::default() };
        match around.fault {
            Some(Fault::JournalOutsideTransaction) => {
                around.log.append(place, record);
            }
            _ => self.append(around, place, record)?,
        }
        Ok(Step::State(0))
    }

    /// Writes some of the state records.
    fn state(&self, around: &mut Surroundings<'_>, at: usize) -> Result<Step, TransactionError> {
        let rest = self.transaction.state.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(Step::Offsets);
        }
        let some = around.random.scaled(1, 200) as usize;
        let place = Place { topic: Topic::State, partition: self.lane };
        for (key, value) in rest.iter().take(some) {
            let mut value = value.clone();
            if around.fault == Some(Fault::CheckpointOfLaterState)
                && let Some(Ok(mut manifest)) = value.as_deref().map(Manifest::decode)
            {
                manifest.sequence += 1;
                value = Some(manifest.encode());
            }
            self.append(around, place, NewRecord { key: Some(key.clone()), value, ..NewRecord::default() })?;
        }
        Ok(Step::State(at + some))
    }

    fn offsets(&self, around: &mut Surroundings<'_>) -> Result<Step, TransactionError> {
        if self.fails(around) {
            return Ok(Step::Abort);
        }
        let (member, generation) = around.group;
        around.log.send_offsets(&self.id, self.epoch, member, generation, &self.transaction.offsets)?;
        Ok(Step::End)
    }

    fn end(&mut self, around: &mut Surroundings<'_>) -> Option<Outcome> {
        if self.fails(around) {
            self.step = Step::Abort;
            return None;
        }
        let lost = around.weather.is_some_and(|weather| around.random.per_mille(weather.lost_answer));
        if lost {
            match around.random.below(3) {
                0 => drop(around.log.end_transaction(&self.id, self.epoch, true)),
                1 => around.delayed.push(Delayed { id: self.id.clone(), epoch: self.epoch }),
                _ => {}
            }
            return Some(Outcome::Unknown);
        }
        match around.log.end_transaction(&self.id, self.epoch, true) {
            Ok(()) => Some(Outcome::Committed),
            Err(TransactionError::Fenced) => Some(Outcome::Fenced),
            Err(_) => Some(Outcome::Unknown),
        }
    }

    fn abort(&mut self, around: &mut Surroundings<'_>) -> Option<Outcome> {
        match around.log.end_transaction(&self.id, self.epoch, false) {
            // Nothing was written yet, so nothing had begun.
            Ok(()) | Err(TransactionError::NotOpen) => Some(Outcome::Aborted),
            Err(TransactionError::Busy) => None,
            Err(TransactionError::Fenced | TransactionError::Group(_)) => Some(Outcome::Fenced),
        }
    }
}

/// The record of an output, and where it goes.
pub fn new_record(output: OutputRef<'_>, partitions: i32) -> (Place, NewRecord) {
    let hashed = || {
        let hash = streamfold_learn::features::category(output.key.unwrap_or_default());
        (hash % partitions.max(1) as u64) as i32
    };
    let place =
        Place { topic: Topic::Output(output.topic), partition: output.partition.unwrap_or_else(hashed) };
    let record = NewRecord {
        timestamp_ms: output.timestamp_ms,
        key: output.key.map(<[u8]>::to_vec),
        value: output.value.map(<[u8]>::to_vec),
        headers: output.headers.encoded().to_vec(),
    };
    (place, record)
}

//! The transaction coordinator: transactional ids, their epochs, and which partitions and groups a transaction touches.
//!
//! ```text
//!          partitions or offsets added            end asked for, kept          markers written, offsets committed
//! Idle  ------------------------------>  Open  ---------------------> Ending  ------------------------------------> Idle
//! ```
//!
//! Whether a transaction commits is decided when `Ending` is kept; what follows is repeated until it succeeds, also after
//! a restart. A transaction has a lock of its own, which is held while its records are appended: nothing can slip in
//! behind its end.

use crate::state::{Change, Key, State};
use crate::sync::lock;
use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

pub mod end;

/// Producer ids are kept in portions of so many.
const ID_PORTION: i64 = 1_000;
/// Transactional ids that are kept.
const TRANSACTIONS_MAX: usize = 10_000;

/// All transactional ids.
#[derive(Debug)]
pub struct Transactions {
    by_id: Mutex<BTreeMap<String, Arc<Mutex<Transaction>>>>,
    ids: Mutex<Ids>,
}

/// Producer ids not given away yet.
#[derive(Debug, Default)]
struct Ids {
    next: i64,
    end: i64,
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// None is open; how the last one ended.
    Idle(Option<bool>),
    /// Records or offsets may be part of it.
    Open,
    /// Committed (`true`) or aborted; not everyone has been told.
    Ending(bool),
}

/// What is known of a transactional id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transaction {
    /// The producer's id.
    pub producer_id: i64,
    /// Its epoch; an older one is fenced.
    pub epoch: i16,
    /// The epoch before, whose producer may ask for a new one itself.
    last_epoch: i16,
    /// An open transaction is aborted after so long.
    pub timeout_ms: i64,
    /// Where it is.
    pub phase: Phase,
    /// When it was opened, by the time of day.
    pub opened_ms: i64,
    /// When it was last used.
    pub used_ms: i64,
    /// Partitions it touches.
    pub partitions: BTreeSet<(String, i32)>,
    /// Groups whose offsets it commits.
    pub groups: BTreeSet<String>,
}

impl Transaction {
    /// What Kafka calls its state.
    pub fn state_name(&self) -> &'static str {
        match self.phase {
            Phase::Idle(None) => "Empty",
            Phase::Idle(Some(true)) => "CompleteCommit",
            Phase::Idle(Some(false)) => "CompleteAbort",
            Phase::Open => "Ongoing",
            Phase::Ending(true) => "PrepareCommit",
            Phase::Ending(false) => "PrepareAbort",
        }
    }

    /// That it is this producer who asks, and no older one.
    pub fn check(&self, producer_id: i64, epoch: i16) -> Result<(), ResponseError> {
        if producer_id != self.producer_id {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        match epoch == self.epoch {
            true => Ok(()),
            false => Err(ResponseError::ProducerFenced),
        }
    }

    /// That its records may be appended to a partition.
    pub fn check_append(
        &self,
        producer: (i64, i16),
        topic: &str,
        partition: i32,
    ) -> Result<(), ResponseError> {
        // For a producer it is one error, whether its id or its epoch is not the current one.
        if self.check(producer.0, producer.1).is_err() {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        match self.phase == Phase::Open && self.partitions.contains(&(topic.to_string(), partition)) {
            true => Ok(()),
            false => Err(ResponseError::InvalidTxnState),
        }
    }

    fn keep(&self, id: &str, state: &Mutex<State>) -> io::Result<()> {
        let mut change = Change::default();
        change.set(&Key::Transaction(id.to_string()), self)?;
        lock(state).put(change)
    }

    /// Changes it, and keeps that; what cannot be kept is not changed.
    fn update(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        update: impl FnOnce(&mut Transaction),
    ) -> Result<(), ResponseError> {
        let mut changed = self.clone();
        update(&mut changed);
        changed.keep(id, state).map_err(|_| ResponseError::CoordinatorNotAvailable)?;
        *self = changed;
        Ok(())
    }

    fn open(&mut self, now_ms: i64) {
        if self.phase != Phase::Open {
            self.phase = Phase::Open;
            self.opened_ms = now_ms;
        }
        self.used_ms = now_ms;
    }

    /// Adds partitions.
    pub fn add_partitions(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        partitions: Vec<(String, i32)>,
        now_ms: i64,
    ) -> Result<(), ResponseError> {
        if self.phase == Phase::Open && partitions.iter().all(|partition| self.partitions.contains(partition))
        {
            return Ok(());
        }
        self.check_open()?;
        self.update(id, state, |transaction| {
            transaction.open(now_ms);
            transaction.partitions.extend(partitions);
        })
    }

    /// Adds a group.
    pub fn add_group(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        group: &str,
        now_ms: i64,
    ) -> Result<(), ResponseError> {
        self.check_open()?;
        if self.phase == Phase::Open && self.groups.contains(group) {
            return Ok(());
        }
        self.update(id, state, |transaction| {
            transaction.open(now_ms);
            transaction.groups.insert(group.to_string());
        })
    }

    fn check_open(&self) -> Result<(), ResponseError> {
        match self.phase {
            Phase::Ending(_) => Err(ResponseError::ConcurrentTransactions),
            _ => Ok(()),
        }
    }

    /// A new epoch, or a new id where the epochs are used up.
    fn renew(&mut self, fresh_id: impl FnOnce() -> io::Result<i64>) -> io::Result<()> {
        if self.epoch < i16::MAX - 1 {
            self.last_epoch = self.epoch;
            self.epoch += 1;
        } else {
            self.producer_id = fresh_id()?;
            self.last_epoch = -1;
            self.epoch = 0;
        }
        Ok(())
    }
}

impl Transactions {
    /// The transactional ids that the state knows.
    pub fn open(state: &State) -> io::Result<Transactions> {
        let mut by_id = BTreeMap::new();
        for (key, value) in state.all() {
            if let Key::Transaction(id) = key {
                let transaction: Transaction = serde_json::from_str(value)?;
                by_id.insert(id, Arc::new(Mutex::new(transaction)));
            }
        }
        let next = state.get(&Key::ProducerIds).unwrap_or(0);
        Ok(Transactions { by_id: Mutex::new(by_id), ids: Mutex::new(Ids { next, end: next }) })
    }

    /// A producer id that nobody has.
    pub fn fresh_id(&self, state: &Mutex<State>) -> io::Result<i64> {
        let mut ids = lock(&self.ids);
        if ids.next == ids.end {
            let mut change = Change::default();
            change.set(&Key::ProducerIds, &(ids.end + ID_PORTION))?;
            lock(state).put(change)?;
            ids.end += ID_PORTION;
        }
        ids.next += 1;
        Ok(ids.next - 1)
    }

    /// What is known of an id.
    pub fn get(&self, id: &str) -> Result<Arc<Mutex<Transaction>>, ResponseError> {
        lock(&self.by_id).get(id).cloned().ok_or(ResponseError::InvalidProducerIdMapping)
    }

    /// All ids in order.
    pub fn all(&self) -> Vec<(String, Arc<Mutex<Transaction>>)> {
        lock(&self.by_id).iter().map(|(id, transaction)| (id.clone(), Arc::clone(transaction))).collect()
    }

    /// The same, made where there is none.
    fn get_or_create(
        &self,
        id: &str,
        state: &Mutex<State>,
        now_ms: i64,
    ) -> Result<Arc<Mutex<Transaction>>, ResponseError> {
        let mut by_id = lock(&self.by_id);
        if let Some(known) = by_id.get(id) {
            return Ok(Arc::clone(known));
        }
        if by_id.len() >= TRANSACTIONS_MAX {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        let producer_id = self.fresh_id(state).map_err(|_| ResponseError::CoordinatorNotAvailable)?;
        let transaction = Arc::new(Mutex::new(Transaction {
            producer_id,
            epoch: -1,
            last_epoch: -1,
            timeout_ms: 0,
            phase: Phase::Idle(None),
            opened_ms: now_ms,
            used_ms: now_ms,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
        }));
        by_id.insert(id.to_string(), Arc::clone(&transaction));
        Ok(transaction)
    }

    /// Forgets ids that have not been used since.
    fn forget_idle(&self, state: &Mutex<State>, before_ms: i64) -> io::Result<()> {
        let mut by_id = lock(&self.by_id);
        let idle: Vec<String> = by_id
            .iter()
            .filter(|(_, transaction)| {
                let transaction = lock(transaction);
                matches!(transaction.phase, Phase::Idle(_)) && transaction.used_ms < before_ms
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in idle {
            let mut change = Change::default();
            change.remove(&Key::Transaction(id.clone()))?;
            lock(state).put(change)?;
            by_id.remove(&id);
        }
        Ok(())
    }
}

//! Beginning anew, and ending: asked for, timed out, or taken over.

use crate::group::Groups;
use crate::state::{Change, Key, State};
use crate::sync::lock;
use crate::topics::Topics;
use crate::transaction::{Phase, Transaction, Transactions};
use kafka_protocol::ResponseError;
use std::io;
use std::sync::Mutex;

/// An id that is not used for so long is forgotten.
const IDLE_MS: i64 = 7 * 24 * 3_600_000;

/// What an end touches.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// What is kept.
    pub state: &'a Mutex<State>,
    /// Where markers go.
    pub topics: &'a Topics,
    /// Where offsets go.
    pub groups: &'a Groups,
    /// The time of day.
    pub now_ms: i64,
}

impl Transactions {
    /// A producer begins under its transactional id: who had it before is fenced, and what it left open aborted.
    /// `known`: the id and epoch that the producer has and wants to go on from.
    pub fn init(
        &self,
        world: World<'_>,
        id: &str,
        timeout_ms: i64,
        known: Option<(i64, i16)>,
    ) -> Result<(i64, i16), ResponseError> {
        let transaction = self.get_or_create(id, world.state, world.now_ms)?;
        let mut transaction = lock(&transaction);
        if let Some((producer_id, epoch)) = known {
            let current = transaction.producer_id == producer_id;
            if !current || (epoch != transaction.epoch && epoch != transaction.last_epoch) {
                return Err(ResponseError::ProducerFenced);
            }
        }
        if let Phase::Ending(_) = transaction.phase {
            transaction.finish(id, world).map_err(|_| ResponseError::ConcurrentTransactions)?;
        }
        let was_open = transaction.phase == Phase::Open;
        let mut next = transaction.clone();
        // Whoever is left of an open transaction is fenced by the epoch that aborts it.
        next.renew(|| self.fresh_id(world.state)).map_err(|_| ResponseError::CoordinatorNotAvailable)?;
        if was_open && next.producer_id != transaction.producer_id {
            transaction.end(id, world, false)?;
        } else if was_open {
            transaction.update(id, world.state, |t| {
                (t.epoch, t.last_epoch) = (next.epoch, next.last_epoch);
                t.phase = Phase::Ending(false);
            })?;
            transaction.finish(id, world).map_err(|_| ResponseError::ConcurrentTransactions)?;
        }
        transaction.update(id, world.state, |t| {
            (t.producer_id, t.epoch, t.last_epoch) = (next.producer_id, next.epoch, next.last_epoch);
            t.timeout_ms = timeout_ms;
            t.phase = Phase::Idle(None);
            t.used_ms = world.now_ms;
        })?;
        Ok((transaction.producer_id, transaction.epoch))
    }

    /// Aborts what took too long, finishes what was left half ended, forgets ids that are not used.
    pub fn tick(&self, world: World<'_>) {
        for (id, transaction) in self.all() {
            // One that is being used is looked at the next time.
            let Ok(mut transaction) = transaction.try_lock() else { continue };
            let late = world.now_ms - transaction.opened_ms > transaction.timeout_ms;
            let outcome = match transaction.phase {
                Phase::Ending(_) => transaction.finish(&id, world),
                Phase::Open if late => {
                    log::info!(
                        "transaction {id} is aborted: open for more than {} ms",
                        transaction.timeout_ms
                    );
                    transaction.time_out(&id, world)
                }
                _ => Ok(()),
            };
            outcome.unwrap_or_else(|error| log::warn!("transaction {id} cannot be ended yet: {error}"));
        }
        self.forget_idle(world.state, world.now_ms - IDLE_MS)
            .unwrap_or_else(|error| log::warn!("transactional ids: {error}"));
    }

    /// After a restart: ends what was left half ended, and what no transaction here knows of.
    pub fn recover(&self, world: World<'_>) {
        self.tick(world);
        let open: Vec<(i64, String, i32)> = self
            .all()
            .iter()
            .flat_map(|(_, transaction)| {
                let transaction = lock(transaction);
                let places =
                    transaction.partitions.iter().map(|(t, p)| (transaction.producer_id, t.clone(), *p));
                places.collect::<Vec<_>>()
            })
            .collect();
        for topic in world.topics.all() {
            for partition in topic.partitions() {
                let orphans: Vec<(i64, i16)> = lock(&partition.log)
                    .producers()
                    .open()
                    .filter(|(id, _)| !open.contains(&(*id, topic.name.clone(), partition.index)))
                    .collect();
                for producer in orphans {
                    log::warn!(
                        "{} {}: a transaction of producer {} that nobody knows is aborted",
                        topic.name,
                        partition.index,
                        producer.0
                    );
                    partition
                        .end_transaction(producer, false, &topic.settings(), world.now_ms)
                        .unwrap_or_else(|error| log::error!("{} {}: {error}", topic.name, partition.index));
                }
            }
        }
    }
}

impl Transaction {
    /// Commits or aborts.
    pub fn end(&mut self, id: &str, world: World<'_>, commit: bool) -> Result<(), ResponseError> {
        match self.phase {
            Phase::Idle(Some(ended)) if ended == commit => return Ok(()),
            Phase::Idle(_) => return Err(ResponseError::InvalidTxnState),
            Phase::Ending(ending) if ending != commit => return Err(ResponseError::InvalidTxnState),
            Phase::Ending(_) => {}
            Phase::Open => {
                self.update(id, world.state, |transaction| transaction.phase = Phase::Ending(commit))?
            }
        }
        // Decided: asked again, the client learns that it is done.
        self.finish(id, world).map_err(|_| ResponseError::CoordinatorNotAvailable)
    }

    fn time_out(&mut self, id: &str, world: World<'_>) -> io::Result<()> {
        let failed = |error: ResponseError| io::Error::other(error);
        self.update(id, world.state, |transaction| {
            transaction.phase = Phase::Ending(false);
            if transaction.epoch < i16::MAX - 1 {
                (transaction.last_epoch, transaction.epoch) = (transaction.epoch, transaction.epoch + 1);
            }
        })
        .map_err(failed)?;
        self.finish(id, world)
    }

    /// Tells all partitions and groups how it ended.
    fn finish(&mut self, id: &str, world: World<'_>) -> io::Result<()> {
        let Phase::Ending(commit) = self.phase else { return Ok(()) };
        for (topic, partition) in &self.partitions {
            // A topic that has been deleted needs no marker.
            if let Some((topic, partition)) = world.topics.partition(topic, *partition) {
                let producer = (self.producer_id, self.epoch);
                partition.end_transaction(producer, commit, &topic.settings(), world.now_ms)?;
            }
        }
        let mut change = Change::default();
        let groups: Vec<_> = self.groups.iter().filter_map(|group| world.groups.get(group)).collect();
        for group in &groups {
            group.lock().offsets.plan_end(&group.id, self.producer_id, commit, &mut change)?;
        }
        let mut ended = self.clone();
        ended.phase = Phase::Idle(Some(commit));
        ended.partitions.clear();
        ended.groups.clear();
        ended.used_ms = world.now_ms;
        change.set(&Key::Transaction(id.to_string()), &ended)?;
        lock(world.state).put(change)?;
        for group in &groups {
            group.lock().offsets.end(self.producer_id, commit);
        }
        *self = ended;
        Ok(())
    }
}

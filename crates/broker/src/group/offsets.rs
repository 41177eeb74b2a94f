//! The offsets that a group committed, and those that an undecided transaction will commit.

use crate::state::{Change, Key, State};
use crate::sync::lock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

/// A topic and a partition.
pub type Place = (String, i32);

/// An offset that was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The next record to read.
    pub offset: i64,
    /// The leader's epoch, as the client said.
    pub leader_epoch: i32,
    /// A word of the client's.
    pub metadata: String,
    /// When, by the broker's clock.
    pub at_ms: i64,
}

/// All offsets of a group.
#[derive(Debug, Default)]
pub struct Offsets {
    committed: BTreeMap<Place, Committed>,
    /// By producer.
    pending: BTreeMap<i64, Vec<(Place, Committed)>>,
}

impl Offsets {
    /// Neither committed nor pending ones.
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.pending.is_empty()
    }

    /// As the state has it.
    pub fn restore(&mut self, place: Place, committed: Committed) {
        self.committed.insert(place, committed);
    }

    /// As the state has it.
    pub fn restore_pending(&mut self, producer_id: i64, offsets: Vec<(Place, Committed)>) {
        self.pending.insert(producer_id, offsets);
    }

    /// What was committed for a partition.
    pub fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.committed.get(&(topic.to_string(), partition))
    }

    /// Everything committed, in order.
    pub fn all(&self) -> impl Iterator<Item = (&Place, &Committed)> {
        self.committed.iter()
    }

    /// Whether an undecided transaction will commit for this partition.
    pub fn is_pending(&self, topic: &str, partition: i32) -> bool {
        self.pending.values().flatten().any(|((t, p), _)| t == topic && *p == partition)
    }

    /// Commits.
    pub fn commit(
        &mut self,
        group: &str,
        state: &Mutex<State>,
        offsets: Vec<(Place, Committed)>,
    ) -> io::Result<()> {
        let mut change = Change::default();
        for ((topic, partition), committed) in &offsets {
            change.set(&Key::Offset(group.to_string(), topic.clone(), *partition), committed)?;
        }
        lock(state).put(change)?;
        self.committed.extend(offsets);
        Ok(())
    }

    /// Notes what a transaction will commit.
    pub fn add_pending(
        &mut self,
        group: &str,
        state: &Mutex<State>,
        producer_id: i64,
        offsets: Vec<(Place, Committed)>,
    ) -> io::Result<()> {
        let mut all = self.pending.get(&producer_id).cloned().unwrap_or_default();
        all.retain(|(place, _)| !offsets.iter().any(|(newer, _)| newer == place));
        all.extend(offsets);
        let mut change = Change::default();
        change.set(&Key::Pending(group.to_string(), producer_id), &all)?;
        lock(state).put(change)?;
        self.pending.insert(producer_id, all);
        Ok(())
    }

    /// Adds to a change what the end of a transaction means here.
    pub fn plan_end(
        &self,
        group: &str,
        producer_id: i64,
        commit: bool,
        change: &mut Change,
    ) -> io::Result<()> {
        let Some(offsets) = self.pending.get(&producer_id) else { return Ok(()) };
        if commit {
            for ((topic, partition), committed) in offsets {
                change.set(&Key::Offset(group.to_string(), topic.clone(), *partition), committed)?;
            }
        }
        change.remove(&Key::Pending(group.to_string(), producer_id))
    }

    /// The transaction has ended.
    pub fn end(&mut self, producer_id: i64, commit: bool) {
        let offsets = self.pending.remove(&producer_id).unwrap_or_default();
        if commit {
            self.committed.extend(offsets);
        }
    }

    /// Takes offsets away.
    pub fn remove(&mut self, group: &str, state: &Mutex<State>, places: &[Place]) -> io::Result<()> {
        let places: Vec<&Place> = places.iter().filter(|place| self.committed.contains_key(place)).collect();
        if places.is_empty() {
            return Ok(());
        }
        let mut change = Change::default();
        for (topic, partition) in &places {
            change.remove(&Key::Offset(group.to_string(), topic.clone(), *partition))?;
        }
        lock(state).put(change)?;
        for place in places {
            self.committed.remove(place);
        }
        Ok(())
    }

    /// Adds to a change that everything goes.
    pub fn remove_all(&mut self, group: &str, change: &mut Change) -> io::Result<()> {
        for (topic, partition) in self.committed.keys() {
            change.remove(&Key::Offset(group.to_string(), topic.clone(), *partition))?;
        }
        for producer_id in self.pending.keys() {
            change.remove(&Key::Pending(group.to_string(), *producer_id))?;
        }
        Ok(())
    }

    /// Takes away what was committed for a topic that is no more.
    pub fn forget_topic(&mut self, group: &str, state: &Mutex<State>, topic: &str) -> io::Result<()> {
        let places: Vec<Place> = self.committed.keys().filter(|(name, _)| name == topic).cloned().collect();
        self.remove(group, state, &places)
    }

    /// Takes away what was committed too long ago.
    pub fn expire(&mut self, group: &str, state: &Mutex<State>, before_ms: i64) -> io::Result<()> {
        let old = self.committed.iter().filter(|(_, committed)| committed.at_ms < before_ms);
        let places: Vec<Place> = old.map(|(place, _)| place.clone()).collect();
        self.remove(group, state, &places)
    }
}

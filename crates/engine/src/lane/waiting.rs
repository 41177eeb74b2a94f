//! The table of events that wait for their labels, and of labels that wait for their events.
//!
//! Every entry has a key and a deadline on stream time. Entries of one key form a chain in the order of arrival.
//! Memory is bounded by the caller, who asks [`Waiting::is_full`] before it inserts. Nothing here depends on the order of
//! a hash table: entries are walked by chain or by deadline.

use hashbrown::HashTable;
use std::collections::BTreeMap;
use streamfold_learn::snapshot::{Reader, SnapshotError, Writer};
use xxhash_rust::xxh3::xxh3_64;

/// A label that can be learnt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    Number(f64),
    Class(usize),
}

/// What an entry waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    /// An event; its label, if it is there already, is learnt when the wait is over.
    Event(Option<Target>),
    /// An event whose label was learnt: kept so that a second label is recognised.
    Learnt(Target),
    /// A label whose event has not come.
    Early(Target),
}

/// One entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Box<[u8]>,
    pub(super) deadline_ms: i64,
    /// Order of arrival.
    sequence: u64,
    /// Event time (of an early label: its own).
    pub(super) time_ms: i64,
    pub(super) state: State,
    /// Features, prediction and baselines as they were at prediction; the caller knows the layout.
    pub(super) words: Vec<u64>,
    /// Number of classes known at prediction.
    pub(super) classes: u32,
    /// The next entry of the same key.
    next: Option<u32>,
}

/// What an entry takes besides key and words: itself, its place in the table and in the order of deadlines.
const ENTRY_BYTES: usize = size_of::<Entry>() + 64;
/// Entries whose order of arrival shares these upper bits are saved together: old groups change only by shrinking.
const GROUP_BITS: u32 = 12;
/// Word vectors that are kept for the next entry.
const POOL_MAX: usize = 1024;

impl Entry {
    fn size_bytes(&self) -> usize {
        ENTRY_BYTES + self.key.len() + self.words.len() * 8
    }
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    /// First and last entry of each key's chain.
    by_key: HashTable<(u32, u32)>,
    by_deadline: BTreeMap<(i64, u64), u32>,
    sequence: u64,
    bytes: usize,
    pool: Vec<Vec<u64>>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.by_deadline.len()
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether one more entry of this size would be too much.
    pub(super) fn is_full(&self, key: &[u8], words: usize, rows_max: usize, bytes_max: usize) -> bool {
        self.len() >= rows_max || self.bytes + ENTRY_BYTES + key.len() + words * 8 > bytes_max
    }

    /// An empty vector to put words into, from the pool where there is one.
    pub(super) fn words(&mut self) -> Vec<u64> {
        self.pool.pop().unwrap_or_default()
    }

    /// Gives a vector of words back.
    pub(super) fn recycle(&mut self, mut words: Vec<u64>) {
        if self.pool.len() < POOL_MAX {
            words.clear();
            self.pool.push(words);
        }
    }

    fn entry(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(slot as usize)?.as_ref()
    }

    /// First and last entry of the key's chain.
    fn ends(&self, key: &[u8]) -> Option<(u32, u32)> {
        let is_key = |(first, _): &(u32, u32)| self.entry(*first).is_some_and(|entry| *entry.key == *key);
        self.by_key.find(xxh3_64(key), is_key).copied()
    }

    /// Appends the slots of this key's entries, in the order of arrival.
    pub(super) fn chain(&self, key: &[u8], slots: &mut Vec<u32>) {
        slots.clear();
        let mut slot = self.ends(key).map(|(first, _)| first);
        while let Some(at) = slot {
            slots.push(at);
            slot = self.entry(at).and_then(|entry| entry.next);
        }
    }

    /// The entry at a slot that [`Waiting::chain`] gave.
    pub(super) fn get(&self, slot: u32) -> Option<&Entry> {
        self.entry(slot)
    }

    /// Changes the state of an entry; where it needs its words no more they are taken away.
    pub(super) fn set_state(&mut self, slot: u32, state: State, keep_words: bool) {
        let Some(Some(entry)) = self.slots.get_mut(slot as usize) else { return };
        entry.state = state;
        if !keep_words {
            self.bytes -= entry.words.len() * 8;
            let words = std::mem::take(&mut entry.words);
            self.recycle(words);
        }
    }

    /// Inserts an entry at the end of its key's chain.
    pub(super) fn insert(
        &mut self,
        key: &[u8],
        time_ms: i64,
        deadline_ms: i64,
        state: State,
        words: Vec<u64>,
        classes: u32,
    ) {
        let sequence = self.sequence;
        self.sequence += 1;
        self.place(Entry {
            key: key.into(),
            deadline_ms,
            sequence,
            time_ms,
            state,
            words,
            classes,
            next: None,
        });
    }

    fn place(&mut self, entry: Entry) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.bytes += entry.size_bytes();
        self.by_deadline.insert((entry.deadline_ms, entry.sequence), slot);
        let hash = xxh3_64(&entry.key);
        let ends = self.ends(&entry.key);
        self.slots[slot as usize] = Some(entry);
        let Some((first, last)) = ends else {
            let slots = &self.slots;
            self.by_key.insert_unique(hash, (slot, slot), |(first, _)| {
                slots[*first as usize].as_ref().map_or(0, |entry| xxh3_64(&entry.key))
            });
            return;
        };
        if let Some(Some(before)) = self.slots.get_mut(last as usize) {
            before.next = Some(slot);
        }
        if let Some(ends) = self.by_key.find_mut(hash, |ends| *ends == (first, last)) {
            ends.1 = slot;
        }
    }

    /// The earliest deadline.
    pub(super) fn deadline_ms(&self) -> Option<i64> {
        self.by_deadline.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Takes the entry of the earliest deadline out.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let slot = *self.by_deadline.first_entry()?.get();
        self.remove(slot)
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Entry> {
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        self.bytes -= entry.size_bytes();
        self.by_deadline.remove(&(entry.deadline_ms, entry.sequence));
        self.unlink(slot, &entry);
        Some(entry)
    }

    /// Takes an entry, which is out of its slot already, out of its key's chain.
    fn unlink(&mut self, slot: u32, entry: &Entry) {
        let hash = xxh3_64(&entry.key);
        // The slot itself is empty now, so a chain that begins with it is known by its number.
        let is_first = |(first, _): &(u32, u32)| *first == slot;
        if let Ok(mut found) = self.by_key.find_entry(hash, is_first) {
            match entry.next {
                Some(next) => found.get_mut().0 = next,
                None => {
                    found.remove();
                }
            }
            return;
        }
        let Some((first, last)) = self.ends(&entry.key) else { return };
        let mut at = first;
        while let Some(Some(before)) = self.slots.get_mut(at as usize) {
            match before.next {
                Some(next) if next == slot => {
                    before.next = entry.next;
                    break;
                }
                Some(next) => at = next,
                None => return,
            }
        }
        if last == slot
            && let Some(ends) = self.by_key.find_mut(hash, |ends| *ends == (first, last))
        {
            ends.1 = at;
        }
    }

    /// The state in groups by order of arrival: `(group, bytes)`, rising. An old group's bytes change only when one
    /// of its entries does.
    pub(super) fn save(&self) -> Vec<(u64, Vec<u8>)> {
        let mut entries: Vec<&Entry> = self.slots.iter().flatten().collect();
        entries.sort_unstable_by_key(|entry| entry.sequence);
        let groups = entries.chunk_by(|a, b| a.sequence >> GROUP_BITS == b.sequence >> GROUP_BITS);
        groups
            .map(|group| {
                let mut out = Writer::new();
                out.version(1);
                out.unsigned(group.len() as u64);
                for entry in group {
                    save_entry(entry, &mut out);
                }
                (group[0].sequence >> GROUP_BITS, out.into_bytes())
            })
            .collect()
    }

    /// The order of arrival that the next entry gets; part of the state.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Starts anew at this order of arrival; groups follow by [`Waiting::load_group`], rising.
    pub(super) fn reset(&mut self, sequence: u64) {
        *self = Waiting { sequence, ..Waiting::default() };
    }

    /// Adds one group that [`Waiting::save`] gave.
    pub(super) fn load_group(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let mut from = Reader::new("waiting events", bytes);
        from.version(1)?;
        for _ in 0..from.length(8)? {
            let entry = load_entry(&mut from)?;
            self.place(entry);
        }
        from.finish()
    }
}

fn save_target(target: Target, out: &mut Writer) {
    match target {
        Target::Number(number) => out.float(number),
        Target::Class(class) => out.word(class as u64),
    }
}

fn save_entry(entry: &Entry, out: &mut Writer) {
    out.raw(&entry.key);
    out.unsigned(entry.sequence);
    out.signed(entry.time_ms);
    out.signed(entry.deadline_ms.wrapping_sub(entry.time_ms));
    out.unsigned(u64::from(entry.classes));
    let (kind, target) = match entry.state {
        State::Event(None) => (0, None),
        State::Event(Some(target)) => (1, Some(target)),
        State::Learnt(target) => (2, Some(target)),
        State::Early(target) => (3, Some(target)),
    };
    let number = matches!(target, Some(Target::Number(_)));
    out.unsigned(kind << 1 | u64::from(number));
    if let Some(target) = target {
        save_target(target, out);
    }
    out.unsigned(entry.words.len() as u64);
    for word in &entry.words {
        out.word(*word);
    }
}

fn load_entry(from: &mut Reader<'_>) -> Result<Entry, SnapshotError> {
    let key: Box<[u8]> = from.raw()?.into();
    let sequence = from.unsigned()?;
    let time_ms = from.signed()?;
    let deadline_ms = time_ms.wrapping_add(from.signed()?);
    let classes = from.unsigned()? as u32;
    let kind = from.unsigned()?;
    let mut target = |kind: u64| -> Result<Target, SnapshotError> {
        match kind & 1 {
            1 => Ok(Target::Number(from.float()?)),
            _ => Ok(Target::Class(from.word()? as usize)),
        }
    };
    let state = match kind >> 1 {
        0 => State::Event(None),
        1 => State::Event(Some(target(kind)?)),
        2 => State::Learnt(target(kind)?),
        3 => State::Early(target(kind)?),
        other => return Err(from.invalid(format!("{other} is no state of an entry"))),
    };
    let length = from.length(8)?;
    let words = (0..length).map(|_| from.word()).collect::<Result<_, _>>()?;
    Ok(Entry { key, deadline_ms, sequence, time_ms, state, words, classes, next: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(waiting: &Waiting, key: &[u8]) -> Vec<i64> {
        let mut slots = Vec::new();
        waiting.chain(key, &mut slots);
        slots.iter().map(|slot| waiting.get(*slot).unwrap().time_ms).collect()
    }

    #[test]
    fn a_chain_keeps_the_order_of_arrival_whatever_is_removed() {
        let mut waiting = Waiting::default();
        for time in [5, 3, 9, 1] {
            waiting.insert(b"k", time, time + 10, State::Event(None), vec![1, 2], 0);
        }
        assert_eq!(keys(&waiting, b"k"), [5, 3, 9, 1]);
        assert_eq!(waiting.pop().unwrap().time_ms, 1);
        assert_eq!(waiting.pop().unwrap().time_ms, 3);
        assert_eq!(keys(&waiting, b"k"), [5, 9]);
        waiting.pop();
        waiting.pop();
        assert_eq!((waiting.len(), waiting.size_bytes()), (0, 0));
        assert!(keys(&waiting, b"k").is_empty());
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_list_and_comes_back_as_it_was_saved(
            steps in prop::collection::vec((0u8..4, 0u8..5, -20i64..20), 1..200)
        ) {
            let mut waiting = Waiting::default();
            let mut list: Vec<(i64, usize, u8)> = Vec::new();
            for (number, (action, key, time)) in steps.into_iter().enumerate() {
                if action > 0 {
                    waiting.insert(&[key], time, time, State::Early(Target::Class(number)), vec![number as u64], 3);
                    list.push((time, number, key));
                } else {
                    let smallest = list.iter().min().copied();
                    list.retain(|entry| Some(*entry) != smallest);
                    let popped = waiting.pop().map(|e| (e.deadline_ms, e.words[0] as usize, e.key[0]));
                    prop_assert_eq!(popped, smallest);
                }
                let mut slots = Vec::new();
                waiting.chain(&[key], &mut slots);
                let chain: Vec<usize> = slots.iter().map(|s| waiting.get(*s).unwrap().words[0] as usize).collect();
                let expected: Vec<usize> = list.iter().filter(|e| e.2 == key).map(|e| e.1).collect();
                prop_assert_eq!(chain, expected);
            }
            let saved = waiting.save();
            let mut loaded = Waiting::default();
            loaded.reset(waiting.sequence());
            for (_, bytes) in &saved {
                loaded.load_group(bytes).unwrap();
            }
            prop_assert_eq!(loaded.save(), saved);
            prop_assert_eq!(loaded.len(), list.len());
        }
    }
}

//! A bounded table by key: whoever was seen longest ago makes room.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Stands for no slot.
const NONE: u32 = u32::MAX;

/// Keys are hashes already.
#[derive(Clone, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys are words; whatever else is hashed is folded in.
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// What is kept for a key.
pub(super) struct Entry<T> {
    pub(super) key: u64,
    /// Number of the event that it was last seen in.
    pub(super) last: u64,
    pub(super) value: T,
    older: u32,
    newer: u32,
}

/// See the module. Nothing depends on the order in which the map would be walked: walks follow the list from the one
/// seen longest ago to the one seen last.
pub(super) struct Keys<T> {
    index: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    slots: Vec<Entry<T>>,
    /// Ends of the list.
    oldest: u32,
    newest: u32,
    keys_max: usize,
}

impl<T> Keys<T> {
    /// An empty table for this many keys.
    pub(super) fn new(keys_max: usize) -> Self {
        Keys { index: HashMap::default(), slots: Vec::new(), oldest: NONE, newest: NONE, keys_max }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn clear(&mut self) {
        *self = Keys::new(self.keys_max);
    }

    /// What is kept for the key.
    pub(super) fn get(&self, key: u64) -> Option<&T> {
        let slot = *self.index.get(&key)?;
        Some(&self.slots[slot as usize].value)
    }

    /// What is kept for the key, which is seen now; made where there is nothing.
    pub(super) fn seen(&mut self, key: u64, now: u64, make: impl FnOnce() -> T) -> &mut T {
        let slot = match self.index.get(&key) {
            Some(slot) => {
                let slot = *slot;
                self.unlink(slot);
                slot
            }
            None => {
                if self.slots.len() >= self.keys_max {
                    self.forget_oldest();
                }
                let slot = self.slots.len() as u32;
                self.slots.push(Entry { key, last: now, value: make(), older: NONE, newer: NONE });
                self.index.insert(key, slot);
                slot
            }
        };
        self.link_newest(slot);
        let entry = &mut self.slots[slot as usize];
        entry.last = now;
        &mut entry.value
    }

    /// Forgets all that were last seen before this event.
    pub(super) fn forget_before(&mut self, event: u64) {
        while self.oldest != NONE && self.slots[self.oldest as usize].last < event {
            self.forget_oldest();
        }
    }

    /// From the one seen longest ago to the one seen last.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        let at = |slot: u32| self.slots.get(slot as usize);
        std::iter::successors(at(self.oldest), move |entry| at(entry.newer))
    }

    /// From the one seen last to the one seen longest ago.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Entry<T>> {
        let at = |slot: u32| self.slots.get(slot as usize);
        std::iter::successors(at(self.newest), move |entry| at(entry.older))
    }

    /// Bytes of the table itself, what is kept on the heap for a key not counted.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.slots.capacity() * size_of::<Entry<T>>() + self.index.capacity() * 18
    }

    fn forget_oldest(&mut self) {
        let slot = self.oldest;
        if slot == NONE {
            return;
        }
        self.unlink(slot);
        let gone = self.slots.swap_remove(slot as usize);
        self.index.remove(&gone.key);
        // The last one has moved into the free slot.
        if let Some(moved) = self.slots.get(slot as usize) {
            let (key, older, newer) = (moved.key, moved.older, moved.newer);
            self.index.insert(key, slot);
            self.point(older, newer, slot);
        }
    }

    /// Lets the neighbours of a slot point to it.
    fn point(&mut self, older: u32, newer: u32, slot: u32) {
        match self.slots.get_mut(older as usize) {
            Some(entry) => entry.newer = slot,
            None => self.oldest = slot,
        }
        match self.slots.get_mut(newer as usize) {
            Some(entry) => entry.older = slot,
            None => self.newest = slot,
        }
    }

    fn unlink(&mut self, slot: u32) {
        let (older, newer) = (self.slots[slot as usize].older, self.slots[slot as usize].newer);
        match self.slots.get_mut(older as usize) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let older = self.newest;
        (self.slots[slot as usize].older, self.slots[slot as usize].newer) = (older, NONE);
        self.point(older, NONE, slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_list_of_which_the_oldest_falls_off(keys_max in 1usize..5, seen in prop::collection::vec(0u64..9, 0..60)) {
            let mut table = Keys::new(keys_max);
            let mut list: Vec<u64> = Vec::new();
            for (now, key) in seen.into_iter().enumerate() {
                table.seen(key, now as u64, || key * 10);
                list.retain(|other| *other != key);
                list.push(key);
                if list.len() > keys_max {
                    list.remove(0);
                }
                prop_assert_eq!(table.iter().map(|entry| entry.key).collect::<Vec<_>>(), list.clone());
                prop_assert_eq!(
                    table.newest_first().map(|entry| entry.key).collect::<Vec<_>>(),
                    list.iter().rev().copied().collect::<Vec<_>>()
                );
                prop_assert_eq!(table.index.len(), list.len());
                for other in 0..9 {
                    prop_assert_eq!(table.get(other).copied(), list.contains(&other).then_some(other * 10));
                }
            }
        }
    }

    #[test]
    fn what_was_not_seen_for_long_is_forgotten() {
        let mut table = Keys::new(9);
        [7, 8, 9].iter().enumerate().for_each(|(now, key)| *table.seen(*key, now as u64, || 0) = 1);
        table.forget_before(2);
        assert_eq!((table.get(7), table.get(8), table.get(9), table.len()), (None, None, Some(&1), 1));
    }
}

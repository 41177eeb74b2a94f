//! Which ids have a place: a table of users, items or features that is bounded, whatever the stream brings.
//!
//! An id gets a place when it has come often enough, and loses it when it has not come for long or, in a full table, to
//! an id that comes now: of a few places that a hand passes, the one that was unused for longest is taken, which is nearly
//! what a full order by last use would take and costs none of its upkeep. What is kept at a place is its owner's.

use crate::params::{Param, ParamKind, Values};
use crate::snapshot::{Reader, SnapshotError, Writer};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub(super) const IDS_MAX: Param = Param {
    name: "ids_max",
    kind: ParamKind::Integer { min: 2, max: 100_000_000, default: 1_000_000 },
    doc: "Most ids (values of categories) that are remembered. In a full table a new one takes the place of one that has not \
          come for long.",
    default_from: "A bound that most streams do not reach; memory is taken as ids come.",
};

pub(super) const ADMISSION: Param = Param {
    name: "admission_events",
    kind: ParamKind::Integer { min: 1, max: 255, default: 1 },
    doc: "Nothing is remembered of an id before it has come this often (counted in a small table of hashes, whose counts are \
          halved now and then). Above 1 where most ids come once and never again.",
    default_from: "Every id is remembered at once.",
};

pub(super) const EXPIRY: Param = Param {
    name: "expiry_events",
    kind: ParamKind::Integer { min: 0, max: 1_000_000_000_000, default: 0 },
    doc: "An id that has not come in this many events of the stream is forgotten; 0: only where the table is full.",
    default_from: "What has room is kept.",
};

/// Places that the hand looks at to find one to give away.
const LOOKS: usize = 8;
/// Counters of [`Newcomers`].
const COUNTERS: usize = 1 << 16;

/// Ids are hashes already.
#[derive(Clone, Copy, Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = self.0.rotate_left(8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

/// Where an id stands after it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where it stood before.
    Known(usize),
    /// At the end of the table, which has grown by it.
    Added(usize),
    /// Where another id stood, which is forgotten.
    Replaced(usize),
    /// Nowhere.
    Refused,
}

/// How often ids have come that have no place; a table of hashes, so an id may be taken for another.
#[derive(Clone, Debug, Default)]
struct Newcomers {
    counts: Vec<u8>,
    counted: u64,
}

impl Newcomers {
    /// How often the id has come, this time counted.
    fn come(&mut self, id: u64) -> i64 {
        self.counts.resize(COUNTERS, 0);
        self.counted += 1;
        if self.counted >= 8 * COUNTERS as u64 {
            self.counted = 0;
            self.counts.iter_mut().for_each(|count| *count /= 2);
        }
        let count = &mut self.counts[(id >> 48) as usize % COUNTERS];
        *count = count.saturating_add(1);
        i64::from(*count)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Table {
    ids_max: usize,
    admission: i64,
    expiry: u64,
    /// Places by id. Never walked through: its order is nobody's business.
    places: HashMap<u64, u32, BuildHasherDefault<Identity>>,
    /// The id at each place, and the event that it came with last.
    ids: Vec<(u64, u64)>,
    /// Events so far.
    now: u64,
    hand: usize,
    newcomers: Newcomers,
}

impl Table {
    pub(super) fn new(values: &Values) -> Self {
        Table {
            ids_max: values.integer(&IDS_MAX) as usize,
            admission: values.integer(&ADMISSION),
            expiry: values.integer(&EXPIRY) as u64,
            places: HashMap::default(),
            ids: Vec::new(),
            now: 0,
            hand: 0,
            newcomers: Newcomers::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The ids at their places.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.ids.iter().map(|(id, _)| *id)
    }

    /// The place of an id.
    #[inline]
    pub(super) fn find(&self, id: u64) -> Option<usize> {
        self.places.get(&id).map(|&place| place as usize)
    }

    /// Begins an event. The owner must `swap_remove` what is at the place that is returned: its id has expired.
    pub(super) fn begin(&mut self) -> Option<usize> {
        self.now = self.now.saturating_add(1);
        if self.expiry == 0 || self.ids.is_empty() {
            return None;
        }
        self.hand = (self.hand + 1) % self.ids.len();
        let (id, last) = self.ids[self.hand];
        if self.now - last <= self.expiry {
            return None;
        }
        self.places.remove(&id);
        self.ids.swap_remove(self.hand);
        if let Some(&(moved, _)) = self.ids.get(self.hand) {
            self.places.insert(moved, self.hand as u32);
        }
        Some(self.hand)
    }

    /// The id has come with the event that was begun.
    #[inline]
    pub(super) fn come(&mut self, id: u64) -> Place {
        match self.find(id) {
            Some(place) => {
                self.ids[place].1 = self.now;
                Place::Known(place)
            }
            None => self.admit(id),
        }
    }

    fn admit(&mut self, id: u64) -> Place {
        if self.admission > 1 && self.newcomers.come(id) < self.admission {
            return Place::Refused;
        }
        if self.ids.len() < self.ids_max {
            self.places.insert(id, self.ids.len() as u32);
            self.ids.push((id, self.now));
            return Place::Added(self.ids.len() - 1);
        }
        let length = self.ids.len();
        let seen = (1..=LOOKS.min(length)).map(|step| (self.hand + step) % length);
        let oldest = seen.min_by_key(|&place| self.ids[place].1).unwrap_or_default();
        self.hand = (self.hand + LOOKS) % length;
        // What came with this very event stays.
        if self.ids[oldest].1 == self.now {
            return Place::Refused;
        }
        self.places.remove(&self.ids[oldest].0);
        self.places.insert(id, oldest as u32);
        self.ids[oldest] = (id, self.now);
        Place::Replaced(oldest)
    }

    /// Heap bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.places.capacity() * 8 / 7 * 17 + self.ids.capacity() * 16 + self.newcomers.counts.capacity()
    }

    /// Saves the ids; what is kept at their places follows in this order.
    pub(super) fn save(&self, out: &mut Writer) {
        out.unsigned(self.now);
        out.unsigned(self.hand as u64);
        out.unsigned(self.ids.len() as u64);
        for &(id, last) in &self.ids {
            out.word(id);
            out.unsigned(self.now - last);
        }
        if self.admission > 1 {
            out.unsigned(self.newcomers.counted);
            let touched = || self.newcomers.counts.iter().enumerate().filter(|(_, count)| **count > 0);
            out.unsigned(touched().count() as u64);
            for (place, &count) in touched() {
                out.unsigned(place as u64);
                out.unsigned(u64::from(count));
            }
        }
    }

    /// Loads what [`Table::save`] wrote.
    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.now = from.unsigned()?;
        self.hand = usize::try_from(from.unsigned()?).unwrap_or(usize::MAX);
        let length = from.length(9)?;
        // After the last id has expired the hand still points to where it was.
        if length > self.ids_max || self.hand > length {
            return Err(from.invalid(format!("{length} ids where {} may be", self.ids_max)));
        }
        self.places.clear();
        self.ids.clear();
        for place in 0..length {
            let (id, age) = (from.word()?, from.unsigned()?);
            if age > self.now || self.places.insert(id, place as u32).is_some() {
                return Err(from.invalid("an id is there twice, or from a time to come"));
            }
            self.ids.push((id, self.now - age));
        }
        self.newcomers = Newcomers::default();
        if self.admission > 1 {
            self.newcomers.counted = from.unsigned()?;
            let touched = from.length(2)?;
            if touched > 0 {
                self.newcomers.counts.resize(COUNTERS, 0);
            }
            for _ in 0..touched {
                let (place, count) = (from.unsigned()? as usize, from.unsigned()?);
                match (self.newcomers.counts.get_mut(place), u8::try_from(count)) {
                    (Some(slot), Ok(count)) => *slot = count,
                    _ => return Err(from.invalid("a count of newcomers that cannot be")),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    fn table(ids_max: i64, admission: i64, expiry: i64) -> Table {
        let given = [("ids_max", ids_max), ("admission_events", admission), ("expiry_events", expiry)];
        let given: Vec<_> =
            given.iter().map(|(name, value)| ((*name).to_owned(), ParamValue::Integer(*value))).collect();
        Table::new(&Values::new("table", &[IDS_MAX, ADMISSION, EXPIRY], &given).unwrap())
    }

    fn event(table: &mut Table, id: u64) -> Place {
        table.begin();
        table.come(id)
    }

    #[test]
    fn a_full_table_gives_away_the_place_unused_for_longest() {
        let mut table = table(3, 1, 0);
        for id in 1..=3 {
            assert_eq!(event(&mut table, id), Place::Added(id as usize - 1));
        }
        event(&mut table, 1);
        assert_eq!(event(&mut table, 4), Place::Replaced(1));
        assert_eq!((table.find(1), table.find(2), table.find(4)), (Some(0), None, Some(1)));
    }

    #[test]
    fn what_came_with_this_event_is_not_given_away() {
        let mut table = table(2, 1, 0);
        table.begin();
        assert_eq!((table.come(1), table.come(2)), (Place::Added(0), Place::Added(1)));
        assert_eq!(table.come(3), Place::Refused);
        assert_eq!(event(&mut table, 3), Place::Replaced(1));
    }

    #[test]
    fn an_id_is_admitted_when_it_has_come_often_enough() {
        let mut table = table(9, 3, 0);
        let id = 77 << 48;
        assert_eq!((event(&mut table, id), event(&mut table, id)), (Place::Refused, Place::Refused));
        assert_eq!((event(&mut table, id), event(&mut table, id)), (Place::Added(0), Place::Known(0)));
    }

    #[test]
    fn what_does_not_come_any_more_expires_and_the_last_place_moves_into_the_gap() {
        let mut table = table(9, 1, 10);
        for id in 1..=3 {
            event(&mut table, id);
        }
        let mut removed = Vec::new();
        for _ in 0..40 {
            removed.extend(table.begin());
            table.come(3);
        }
        assert_eq!((removed.len(), table.len(), table.find(3)), (2, 1, Some(0)));
    }
}

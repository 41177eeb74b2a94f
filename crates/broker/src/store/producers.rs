//! What a partition knows of the producers that write to it: which batches were the last, and which transactions are open.

use crate::store::batch::Header;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Batches of a producer that are recognised when they are sent again: as many as clients may have in flight.
const REMEMBERED_BATCHES: usize = 5;
/// Producers that a partition remembers; for more, those not heard of for the longest time are forgotten.
const PRODUCERS_MAX: usize = 10_000;

/// A transaction whose records nobody shall see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted {
    /// Who wrote it.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of the marker that aborted it.
    pub last_offset: i64,
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    New,
    /// It is there already, at this offset.
    Known(i64),
    /// It was there once, no one knows where.
    Duplicate,
    /// A batch before it is missing.
    OutOfOrder,
    /// The producer has been replaced.
    Fenced,
}

/// A producer, as one partition knows it.
#[derive(Clone, Debug, Default)]
pub struct Producer {
    /// Its latest epoch.
    pub epoch: i16,
    /// The last batches: first and last sequence, base offset.
    last: VecDeque<(i32, i32, i64)>,
    /// Offset of the first record of its open transaction.
    pub open_from: Option<i64>,
    /// When it last wrote, by the broker's clock.
    pub seen_ms: i64,
}

impl Producer {
    /// The sequence of its last record; -1: none known.
    pub fn last_sequence(&self) -> i32 {
        self.last.back().map_or(-1, |(_, last, _)| *last)
    }
}

/// All producers of a partition.
#[derive(Debug, Default)]
pub struct Producers {
    known: HashMap<i64, Producer>,
    /// First offsets of open transactions, and whose they are.
    open: BTreeMap<i64, i64>,
    /// By the offset of the marker.
    aborted: Vec<Aborted>,
}

impl Producers {
    /// What to do with a batch that a producer sent.
    pub fn judge(&self, header: &Header) -> Verdict {
        if !header.is_numbered() {
            return Verdict::New;
        }
        let Some(producer) = self.known.get(&header.producer_id) else { return Verdict::New };
        if header.producer_epoch < producer.epoch {
            return Verdict::Fenced;
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        if header.producer_epoch > producer.epoch {
            return if first == 0 { Verdict::New } else { Verdict::OutOfOrder };
        }
        if let Some((_, _, offset)) = producer.last.iter().find(|(f, l, _)| (*f, *l) == (first, last)) {
            return Verdict::Known(*offset);
        }
        match producer.last.back() {
            None => Verdict::New,
            Some((_, before, _)) if first == before.checked_add(1).unwrap_or(0) => Verdict::New,
            Some((_, before, _)) if last <= *before && first <= last => Verdict::Duplicate,
            Some(_) => Verdict::OutOfOrder,
        }
    }

    /// Notes a batch that has been appended.
    pub fn note(&mut self, header: &Header, now_ms: i64) {
        if !header.is_numbered() {
            return;
        }
        if !self.known.contains_key(&header.producer_id) {
            self.make_room();
        }
        let producer = self.known.entry(header.producer_id).or_default();
        if header.producer_epoch != producer.epoch {
            producer.epoch = header.producer_epoch;
            producer.last.clear();
        }
        if producer.last.len() == REMEMBERED_BATCHES {
            producer.last.pop_front();
        }
        producer.last.push_back((header.base_sequence, header.last_sequence(), header.base_offset));
        producer.seen_ms = now_ms;
        if header.is_transactional() && producer.open_from.is_none() {
            producer.open_from = Some(header.base_offset);
            self.open.insert(header.base_offset, header.producer_id);
        }
    }

    /// Notes the marker of a transaction's end that has been appended.
    pub fn note_marker(&mut self, header: &Header, commit: bool, now_ms: i64) {
        let producer = self.known.entry(header.producer_id).or_default();
        if header.producer_epoch != producer.epoch {
            producer.last.clear();
        }
        producer.epoch = producer.epoch.max(header.producer_epoch);
        producer.seen_ms = now_ms;
        if let Some(first_offset) = producer.open_from.take() {
            self.open.remove(&first_offset);
            if !commit {
                self.aborted.push(Aborted {
                    producer_id: header.producer_id,
                    first_offset,
                    last_offset: header.base_offset,
                });
            }
        }
    }

    /// Offset of the first record whose transaction is open.
    pub fn first_open(&self) -> Option<i64> {
        self.open.first_key_value().map(|(offset, _)| *offset)
    }

    /// Producers with an open transaction.
    pub fn open(&self) -> impl Iterator<Item = (i64, i16)> {
        self.open.values().filter_map(|id| Some((*id, self.known.get(id)?.epoch)))
    }

    /// Whether a producer's transaction is open here.
    pub fn is_open(&self, producer_id: i64) -> bool {
        self.known.get(&producer_id).is_some_and(|producer| producer.open_from.is_some())
    }

    /// All producers, for those who ask.
    pub fn known(&self) -> impl Iterator<Item = (&i64, &Producer)> {
        self.known.iter()
    }

    /// Aborted transactions with records from `offset` on and before `end`.
    pub fn aborted(&self, offset: i64, end: i64) -> Vec<Aborted> {
        let from = self.aborted.partition_point(|aborted| aborted.last_offset < offset);
        self.aborted[from..].iter().filter(|aborted| aborted.first_offset < end).copied().collect()
    }

    /// Forgets aborted transactions that ended before `offset`.
    pub fn forget_aborted_before(&mut self, offset: i64) {
        self.aborted.retain(|aborted| aborted.last_offset >= offset);
    }

    /// Forgets producers that have not written since `since_ms`.
    pub fn forget_idle(&mut self, since_ms: i64) {
        self.known.retain(|_, producer| producer.seen_ms >= since_ms || producer.open_from.is_some());
    }

    fn make_room(&mut self) {
        if self.known.len() < PRODUCERS_MAX {
            return;
        }
        let idle = self.known.iter().filter(|(_, producer)| producer.open_from.is_none());
        if let Some(id) = idle.min_by_key(|(_, producer)| producer.seen_ms).map(|(id, _)| *id) {
            self.known.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::batch::tests::sent;

    fn header(epoch: i16, sequence: i32, count: usize, offset: i64, transactional: bool) -> Header {
        let pairs = vec![("k", Some("v")); count];
        let batch = sent(&pairs, 0, Some((1, epoch, sequence, transactional)));
        Header { base_offset: offset, ..Header::parse(&batch).unwrap() }
    }

    #[test]
    fn a_batch_sent_again_is_known_and_a_gap_is_not_accepted() {
        let mut producers = Producers::default();
        assert_eq!(producers.judge(&header(0, 0, 5, 0, false)), Verdict::New);
        producers.note(&header(0, 0, 5, 0, false), 0);
        assert_eq!(producers.judge(&header(0, 0, 5, 0, false)), Verdict::Known(0));
        assert_eq!(producers.judge(&header(0, 6, 1, 0, false)), Verdict::OutOfOrder);
        assert_eq!(producers.judge(&header(0, 1, 2, 0, false)), Verdict::Duplicate);
        for i in 1..7 {
            producers.note(&header(0, i * 5, 5, i64::from(i) * 5, false), 0);
        }
        assert_eq!(producers.judge(&header(0, 0, 5, 0, false)), Verdict::Duplicate);
        assert_eq!(producers.judge(&header(0, 10, 5, 0, false)), Verdict::Known(10));
        assert_eq!(producers.judge(&header(1, 35, 5, 0, false)), Verdict::OutOfOrder);
        producers.note(&header(1, 0, 1, 40, false), 0);
        assert_eq!(producers.judge(&header(0, 35, 1, 0, false)), Verdict::Fenced);
    }

    #[test]
    fn numbers_begin_again_after_the_greatest() {
        let mut producers = Producers::default();
        producers.note(&header(0, i32::MAX - 1, 2, 0, false), 0);
        assert_eq!(producers.judge(&header(0, 0, 3, 2, false)), Verdict::New);
        let over = header(0, i32::MAX, 2, 2, false);
        assert_eq!(over.last_sequence(), 0);
    }

    #[test]
    fn transactions_open_and_end() {
        let mut producers = Producers::default();
        producers.note(&header(0, 0, 2, 10, true), 0);
        producers.note(&header(0, 2, 2, 12, true), 0);
        assert_eq!(producers.first_open(), Some(10));
        producers.note_marker(&header(1, 0, 1, 20, true), false, 0);
        assert_eq!(producers.first_open(), None);
        assert_eq!(producers.judge(&header(0, 4, 1, 0, true)), Verdict::Fenced);
        assert_eq!(producers.judge(&header(1, 0, 1, 0, true)), Verdict::New);
        let aborted = Aborted { producer_id: 1, first_offset: 10, last_offset: 20 };
        assert_eq!(producers.aborted(20, 30), [aborted]);
        assert_eq!(producers.aborted(0, 11), [aborted]);
        assert!(producers.aborted(0, 10).is_empty() && producers.aborted(21, 30).is_empty());
    }
}

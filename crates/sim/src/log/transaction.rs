//! The transaction coordinator: ids with epochs, transactions that end in two steps, and offsets that go with them.

use super::group::Refused;
use super::{Fate, Log, NewRecord, Place};
use std::collections::BTreeSet;
use streamfold_flow::Partition;

/// What the coordinator knows of a transactional id.
#[derive(Debug, Default)]
pub struct Producer {
    epoch: u32,
    transaction: Option<Transaction>,
}

#[derive(Debug)]
struct Transaction {
    number: usize,
    places: BTreeSet<Place>,
    offsets: Vec<(Partition, i64)>,
    /// Decided (`true`: commit), but not every partition has its marker yet.
    ending: Option<bool>,
    began_ms: i64,
}

/// Why the coordinator says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionError {
    /// The id belongs to a later incarnation.
    Fenced,
    /// The one before is not finished; ask again.
    Busy,
    /// There is no such transaction: it was never begun, or has ended.
    NotOpen,
    /// The group does not know this member or this generation.
    Group(Refused),
}

impl Log {
    /// Takes a transactional id over and returns the new epoch. An open transaction of the predecessor is aborted
    /// first: that takes time, and so several calls.
    pub fn init_transactions(&mut self, id: &str) -> Result<u32, TransactionError> {
        let producer = self.producers.entry(id.to_owned()).or_default();
        match &mut producer.transaction {
            None => {
                producer.epoch += 1;
                Ok(producer.epoch)
            }
            Some(open) => {
                if open.ending.is_none() {
                    open.ending = Some(false);
                    producer.epoch += 1;
                }
                Err(TransactionError::Busy)
            }
        }
    }

    /// Appends within the transaction of this id, which begins with its first record.
    pub fn append_transactional(
        &mut self,
        id: &str,
        epoch: u32,
        place: Place,
        record: NewRecord,
    ) -> Result<i64, TransactionError> {
        let number = self.open_transaction(id, epoch)?;
        if let Some(open) = self.producers.get_mut(id).and_then(|producer| producer.transaction.as_mut()) {
            open.places.insert(place);
        }
        Ok(self.store(place, record, Some(number)))
    }

    /// Adds the group's offsets to the transaction. `member` and `generation` are checked; the owner of the
    /// partitions is not, as in Kafka.
    pub fn send_offsets(
        &mut self,
        id: &str,
        epoch: u32,
        member: u64,
        generation: i32,
        offsets: &[(Partition, i64)],
    ) -> Result<(), TransactionError> {
        self.open_transaction(id, epoch)?;
        self.group.check(member, generation).map_err(TransactionError::Group)?;
        if let Some(open) = self.producers.get_mut(id).and_then(|producer| producer.transaction.as_mut()) {
            open.offsets.extend_from_slice(offsets);
        }
        Ok(())
    }

    /// Decides the transaction's end. Its records become visible partition by partition, as markers are written.
    pub fn end_transaction(&mut self, id: &str, epoch: u32, commit: bool) -> Result<(), TransactionError> {
        let producer = self.producers.get_mut(id).ok_or(TransactionError::NotOpen)?;
        if producer.epoch != epoch {
            return Err(TransactionError::Fenced);
        }
        match &mut producer.transaction {
            None => Err(TransactionError::NotOpen),
            Some(open) if open.ending.is_some() => Err(TransactionError::Busy),
            Some(open) => {
                open.ending = Some(commit);
                Ok(())
            }
        }
    }

    fn open_transaction(&mut self, id: &str, epoch: u32) -> Result<usize, TransactionError> {
        let producer = self.producers.get_mut(id).ok_or(TransactionError::Fenced)?;
        if producer.epoch != epoch {
            return Err(TransactionError::Fenced);
        }
        match &producer.transaction {
            Some(open) if open.ending.is_some() => Err(TransactionError::Busy),
            Some(open) => Ok(open.number),
            None => {
                let number = self.fates.len();
                self.fates.push(Fate::Open);
                producer.transaction = Some(Transaction {
                    number,
                    places: BTreeSet::new(),
                    offsets: Vec::new(),
                    ending: None,
                    began_ms: self.now_ms,
                });
                Ok(number)
            }
        }
    }

    /// Whether the id is still this incarnation's, and all its transactions are finished: then what it has committed
    /// to journal and group is the same.
    pub fn is_settled(&self, id: &str, epoch: u32) -> bool {
        self.producers
            .get(id)
            .is_some_and(|producer| producer.epoch == epoch && producer.transaction.is_none())
    }

    /// Ids of the transactions that are decided, but not finished.
    pub fn ending(&self) -> Vec<String> {
        let ending =
            |producer: &Producer| producer.transaction.as_ref().is_some_and(|open| open.ending.is_some());
        self.producers.iter().filter(|(_, producer)| ending(producer)).map(|(id, _)| id.clone()).collect()
    }

    /// Writes the next marker of a transaction that is decided; with the last one, its offsets count.
    pub fn write_marker(&mut self, id: &str) {
        let Some(producer) = self.producers.get_mut(id) else { return };
        let Some(open) = &mut producer.transaction else { return };
        let Some(commit) = open.ending else { return };
        self.fates[open.number] = if commit { Fate::Committed } else { Fate::Aborted };
        if let Some(place) = open.places.pop_first()
            && let Some(partition) = self.partitions.get_mut(&place)
        {
            partition.open.retain(|(number, _)| *number != open.number);
            partition.end += 1;
        }
        if open.places.is_empty() {
            if commit {
                self.group.offsets.extend(open.offsets.drain(..));
            }
            producer.transaction = None;
        }
    }

    /// Aborts what has been open for longer than this; its producer is fenced.
    pub fn time_out_transactions(&mut self, timeout_ms: i64) {
        for producer in self.producers.values_mut() {
            if let Some(open) = &mut producer.transaction
                && open.ending.is_none()
                && open.began_ms + timeout_ms < self.now_ms
            {
                open.ending = Some(false);
                producer.epoch += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Topic, View};

    const A: Place = Place { topic: Topic::Output(0), partition: 0 };
    const B: Place = Place { topic: Topic::Journal, partition: 0 };

    fn shown(log: &Log, place: Place) -> usize {
        log.read(place, 0, 100, View::Committed).records.len()
    }

    fn open(log: &mut Log) -> u32 {
        let epoch = log.init_transactions("t").expect("nothing is open");
        for place in [A, B] {
            log.append_transactional("t", epoch, place, NewRecord::default()).expect("open");
        }
        epoch
    }

    #[test]
    fn a_commit_shows_its_records_partition_by_partition() {
        let mut log = Log::default();
        let epoch = open(&mut log);
        log.append(A, NewRecord::default());
        assert_eq!((shown(&log, A), log.last_stable(A), log.end(A)), (0, 0, 2));
        log.end_transaction("t", epoch, true).expect("open");
        assert_eq!(log.init_transactions("t"), Err(TransactionError::Busy));
        log.write_marker("t");
        assert_eq!((shown(&log, A), shown(&log, B), log.end(A)), (2, 0, 3));
        log.write_marker("t");
        assert_eq!(shown(&log, B), 1);
        assert!(log.ending().is_empty());
    }

    #[test]
    fn a_successor_aborts_what_is_open_and_fences() {
        let mut log = Log::default();
        let old = open(&mut log);
        assert_eq!(log.init_transactions("t"), Err(TransactionError::Busy));
        assert_eq!(log.end_transaction("t", old, true), Err(TransactionError::Fenced));
        while log.ending() == ["t"] {
            log.write_marker("t");
        }
        assert!(log.init_transactions("t").is_ok());
        assert_eq!((shown(&log, A), log.last_stable(A)), (0, log.end(A)));
        assert_eq!(
            log.append_transactional("t", old, A, NewRecord::default()),
            Err(TransactionError::Fenced)
        );
    }

    #[test]
    fn a_transaction_that_is_open_for_too_long_is_aborted() {
        let mut log = Log::default();
        let epoch = open(&mut log);
        log.now_ms = 100;
        log.time_out_transactions(100);
        assert!(log.ending().is_empty());
        log.time_out_transactions(99);
        assert_eq!(log.end_transaction("t", epoch, true), Err(TransactionError::Fenced));
    }
}

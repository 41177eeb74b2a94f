//! A log in memory that is honest about what matters in Kafka: offsets with gaps, transactions whose markers take
//! offsets and come late, the last stable offset, and the two views of readers.
//!
//! It does nothing by itself: who appends, when markers are written and which request is lost is the scheduler's choice.

pub mod group;
pub mod transaction;

use group::Group;
use std::collections::BTreeMap;
use streamfold_flow::record::{Headers, RecordBlock, RecordRef};
use transaction::Producer;

/// A topic of the simulated cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Input of this place in the plan.
    Input(u16),
    /// Output of this place in the plan.
    Output(u16),
    /// The journal, a partition for each lane.
    Journal,
    /// The checkpoints, a partition for each lane.
    State,
}

/// A partition of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The topic.
    pub topic: Topic,
    /// The partition's number.
    pub partition: i32,
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, encoded.
    pub headers: Vec<u8>,
    /// Number of the transaction it belongs to.
    transaction: Option<usize>,
}

/// A record to be appended.
#[derive(Clone, Debug, Default)]
pub struct NewRecord {
    /// Its timestamp; `None`: the log's clock.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, encoded.
    pub headers: Vec<u8>,
}

impl Stored {
    /// The record, borrowed.
    pub fn record(&self) -> RecordRef<'_> {
        RecordRef {
            offset: self.offset,
            timestamp_ms: self.timestamp_ms,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: Headers::from_encoded(&self.headers),
        }
    }
}

/// What became of a transaction's records in the eyes of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Committed,
    Aborted,
}

/// Which records a reader is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Committed ones, up to the last stable offset.
    Committed,
    /// All, up to the end.
    Uncommitted,
}

/// What a read brought.
#[derive(Debug)]
pub struct Read {
    /// The records.
    pub records: RecordBlock,
    /// Where to read on: past markers and gaps once nothing more is there for this reader.
    pub next: i64,
}

#[derive(Debug, Default)]
struct Partition {
    records: Vec<Stored>,
    end: i64,
    /// Transactions without a marker here yet, and the offset of their first record.
    open: Vec<(usize, i64)>,
}

impl Partition {
    fn last_stable(&self) -> i64 {
        self.open.iter().map(|(_, first)| *first).min().unwrap_or(self.end)
    }
}

/// The simulated cluster.
#[derive(Debug, Default)]
pub struct Log {
    partitions: BTreeMap<Place, Partition>,
    fates: Vec<Fate>,
    producers: BTreeMap<String, Producer>,
    /// The consumer group of the pipeline, and its committed offsets.
    pub group: Group,
    /// What the broker's clock shows.
    pub now_ms: i64,
}

impl Log {
    /// An empty cluster whose group hands out this many lanes.
    pub fn new(lanes: u32, now_ms: i64) -> Self {
        Log { group: Group::new(lanes), now_ms, ..Log::default() }
    }

    /// Appends outside of any transaction.
    pub fn append(&mut self, place: Place, record: NewRecord) -> i64 {
        self.store(place, record, None)
    }

    fn store(&mut self, place: Place, record: NewRecord, transaction: Option<usize>) -> i64 {
        let now_ms = self.now_ms;
        let partition = self.partitions.entry(place).or_default();
        let offset = partition.end;
        partition.end += 1;
        if let Some(number) = transaction
            && !partition.open.iter().any(|(open, _)| *open == number)
        {
            partition.open.push((number, offset));
        }
        let NewRecord { timestamp_ms, key, value, headers } = record;
        let timestamp_ms = timestamp_ms.unwrap_or(now_ms);
        partition.records.push(Stored { offset, timestamp_ms, key, value, headers, transaction });
        offset
    }

    /// Leaves a gap, as compaction does.
    pub fn skip(&mut self, place: Place, offsets: i64) {
        self.partitions.entry(place).or_default().end += offsets;
    }

    /// The high watermark: the offset that the next record will get.
    pub fn end(&self, place: Place) -> i64 {
        self.partitions.get(&place).map_or(0, |partition| partition.end)
    }

    /// The end for readers of committed records.
    pub fn last_stable(&self, place: Place) -> i64 {
        self.partitions.get(&place).map_or(0, Partition::last_stable)
    }

    /// The first offset whose record's timestamp is at least this; the end where there is none.
    pub fn offset_of_time(&self, place: Place, timestamp_ms: i64) -> i64 {
        let found = self.partitions.get(&place).and_then(|partition| {
            partition
                .records
                .iter()
                .find(|record| record.timestamp_ms >= timestamp_ms)
                .map(|record| record.offset)
        });
        found.unwrap_or_else(|| self.end(place))
    }

    /// Reads at most `records_max` records from this offset on.
    pub fn read(&self, place: Place, from: i64, records_max: usize, view: View) -> Read {
        let mut read = Read { records: RecordBlock::default(), next: from };
        for stored in self.stored(place, from, view) {
            if read.records.len() == records_max {
                return read;
            }
            read.records.push(stored.record());
            read.next = stored.offset + 1;
        }
        let end = match view {
            View::Committed => self.last_stable(place),
            View::Uncommitted => self.end(place),
        };
        Read { next: end.max(from), ..read }
    }

    /// The records that a reader is shown from this offset on.
    pub fn stored(&self, place: Place, from: i64, view: View) -> impl Iterator<Item = &Stored> {
        let partition = self.partitions.get(&place);
        let records = partition.map_or(&[][..], |partition| &partition.records);
        let start = records.partition_point(|stored| stored.offset < from);
        let end = match view {
            View::Committed => partition.map_or(0, Partition::last_stable),
            View::Uncommitted => i64::MAX,
        };
        let shown = move |stored: &&Stored| view == View::Uncommitted || self.is_committed(stored);
        records[start..].iter().take_while(move |stored| stored.offset < end).filter(shown)
    }

    fn is_committed(&self, stored: &Stored) -> bool {
        stored.transaction.is_none_or(|number| self.fates[number] == Fate::Committed)
    }

    /// Compacts below the last stable offset: aborted records go, and of each key only the last one stays.
    pub fn compact(&mut self, place: Place) {
        let Some(partition) = self.partitions.get_mut(&place) else { return };
        let stable = partition.last_stable();
        let fates = &self.fates;
        let committed =
            |stored: &Stored| stored.transaction.is_none_or(|number| fates[number] == Fate::Committed);
        let mut last = BTreeMap::new();
        for stored in partition.records.iter().filter(|s| s.offset < stable && committed(s)) {
            last.insert(stored.key.clone(), stored.offset);
        }
        partition.records.retain(|s| {
            s.offset >= stable || (committed(s) && last.get(&s.key) == Some(&s.offset) && s.value.is_some())
        });
    }

    /// Topics and partitions that hold records, in their order.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.partitions.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { topic: Topic::State, partition: 0 };

    fn record(key: &str, value: Option<&str>) -> NewRecord {
        NewRecord {
            key: Some(key.as_bytes().to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            ..NewRecord::default()
        }
    }

    fn offsets(read: &Read) -> Vec<i64> {
        read.records.iter().map(|record| record.offset).collect()
    }

    #[test]
    fn a_read_passes_over_gaps_and_says_where_the_end_is() {
        let mut log = Log::default();
        log.append(PLACE, record("a", Some("1")));
        log.skip(PLACE, 3);
        log.append(PLACE, record("b", Some("2")));
        log.skip(PLACE, 2);
        let read = log.read(PLACE, 0, 1, View::Committed);
        assert_eq!((offsets(&read), read.next), (vec![0], 1));
        let read = log.read(PLACE, 1, 1, View::Committed);
        assert_eq!((offsets(&read), read.next), (vec![4], 7));
    }

    #[test]
    fn compaction_keeps_the_last_record_of_each_key() {
        let mut log = Log::default();
        for (key, value) in
            [("a", Some("1")), ("b", Some("2")), ("a", Some("3")), ("c", Some("4")), ("c", None)]
        {
            log.append(PLACE, record(key, value));
        }
        log.compact(PLACE);
        assert_eq!(offsets(&log.read(PLACE, 0, 9, View::Committed)), [1, 2]);
        assert_eq!(log.end(PLACE), 5);
    }
}

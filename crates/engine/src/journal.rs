//! The journal: what a lane folded, in which order. One record a commit, in the commit's own transaction.
//!
//! ```text
//! record  = version(2) sequence run_id folded head? inherited? partition* entry*
//! head    = cluster id, fingerprint, versions that decide bits, topics (name, id, partitions), lanes, lane, generation
//! partition = input partition next count [first last checksum]     (those that moved, in their order)
//! entry   = count<<2|0 place     a run: so many records of that partition
//!         | count<<2|1 place     a run of records that the clock judged to lie too far ahead
//!         | 2 time               a tick: stream time was moved to this while all inputs were idle
//! ```
//!
//! Integers are variable-length; checksums and the run's id are eight bytes. With one partition and no ticks a
//! record is some 60 bytes whatever it folded; with several, each change of partition costs two bytes.

use streamfold_flow::Partition;
use streamfold_flow::record::RecordRef;
use streamfold_learn::snapshot::{Reader, SnapshotError, Writer};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const VERSION: u64 = 2;

/// Whether the fold of the engine means the same: raised when the same journal would be folded to other bits.
pub const MEANING_VERSION: u32 = 1;

/// What identifies an input topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicIdentity {
    /// Its name.
    pub name: String,
    /// Kafka's topic id (changes when a topic is made anew); empty where the broker has none.
    pub topic_id: String,
    /// Number of partitions.
    pub partitions: i32,
}

/// The first record of a journal: what everything behind it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// The input topics, in the plan's order.
    pub topics: Vec<TopicIdentity>,
    /// [`crate::plan::Plan::fingerprint`].
    pub fingerprint: u64,
    /// [`MEANING_VERSION`].
    pub meaning_version: u32,
    /// Number of lanes.
    pub lanes: u32,
    /// This lane.
    pub lane: u32,
    /// Generation.
    pub generation: u32,
}

impl Head {
    /// What differs between the journal's head and what is there now, in words; empty: nothing.
    pub fn differences(&self, now: &Head) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, then: String, now: String| {
            if then != now {
                found.push(format!("{what} was {then} and is {now}"));
            }
        };
        compare("the cluster id", self.cluster_id.clone(), now.cluster_id.clone());
        compare("the fingerprint", format!("{:016x}", self.fingerprint), format!("{:016x}", now.fingerprint));
        compare(
            "the version of the fold's meaning",
            self.meaning_version.to_string(),
            now.meaning_version.to_string(),
        );
        compare("the number of lanes", self.lanes.to_string(), now.lanes.to_string());
        compare("the lane", self.lane.to_string(), now.lane.to_string());
        compare("the generation", self.generation.to_string(), now.generation.to_string());
        compare("the number of inputs", self.topics.len().to_string(), now.topics.len().to_string());
        for (then, now) in self.topics.iter().zip(&now.topics) {
            compare("an input topic", then.name.clone(), now.name.clone());
            compare(&format!("the id of topic {}", now.name), then.topic_id.clone(), now.topic_id.clone());
            let what = format!("the number of partitions of topic {}", now.name);
            compare(&what, then.partitions.to_string(), now.partitions.to_string());
        }
        found
    }
}

/// What a commit did with one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRun {
    /// The partition.
    pub partition: Partition,
    /// The next offset to read, as committed for the group.
    pub next: i64,
    /// Number of records folded; 0: only `next` moved (past transaction markers).
    pub count: u64,
    /// Offset of the first of them.
    pub first: i64,
    /// Offset of the last of them.
    pub last: i64,
    /// Checksum over all of them ([`checksum`]).
    pub checksum: u64,
}

/// A step of the order in which records were folded; `place` is that of the partition in
/// [`JournalRecord::partitions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The next `count` records of a partition; `ahead`: the clock judged them to lie too far ahead.
    Run {
        /// Place of the partition.
        place: u32,
        /// Number of records.
        count: u64,
        /// Whether they were taken as bad because of the clock.
        ahead: bool,
    },
    /// Stream time was moved to this.
    Tick(i64),
}

/// One commit of one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalRecord {
    /// Number of the commit, from 0 in each generation.
    pub sequence: u64,
    /// The incarnation of the lane that wrote it.
    pub run_id: u64,
    /// Records folded by the lane since the generation began, this commit included.
    pub folded: u64,
    /// In the first record of a generation.
    pub head: Option<Head>,
    /// In the first record of a generation that has taken over the state of an older one: the hash of that state. The
    /// journal alone is not enough to make such a generation's state again.
    pub inherited: Option<u64>,
    /// The partitions that moved. In the first record: all of the lane's, with their start in `next`.
    pub partitions: Vec<PartitionRun>,
    /// The order.
    pub order: Vec<Entry>,
}

/// Carries a checksum on over one more record of its run.
pub fn checksum(so_far: u64, record: RecordRef<'_>) -> u64 {
    let mut hash = xxh3_64_with_seed(record.value.unwrap_or_default(), record.offset as u64);
    hash ^= (record.timestamp_ms as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if let Some(key) = record.key {
        hash = hash.rotate_left(17) ^ xxh3_64(key);
    }
    if record.value.is_none() {
        hash = !hash;
    }
    (so_far.rotate_left(5) ^ hash).wrapping_mul(0xff51_afd7_ed55_8ccd)
}

impl JournalRecord {
    /// Appends one record of `place` to the order.
    pub fn push(&mut self, place: u32, ahead: bool) {
        match self.order.last_mut() {
            Some(Entry::Run { place: p, count, ahead: a }) if *p == place && *a == ahead => *count += 1,
            _ => self.order.push(Entry::Run { place, count: 1, ahead }),
        }
    }

    /// The value of the Kafka record.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.version(VERSION);
        out.unsigned(self.sequence);
        out.word(self.run_id);
        out.unsigned(self.folded);
        out.boolean(self.head.is_some());
        if let Some(head) = &self.head {
            encode_head(head, &mut out);
            out.boolean(self.inherited.is_some());
            if let Some(hash) = self.inherited {
                out.word(hash);
            }
        }
        out.unsigned(self.partitions.len() as u64);
        for run in &self.partitions {
            encode_run(run, &mut out);
        }
        out.unsigned(self.order.len() as u64);
        for entry in &self.order {
            match *entry {
                Entry::Run { place, count, ahead } => {
                    out.unsigned(count << 2 | u64::from(ahead));
                    out.unsigned(u64::from(place));
                }
                Entry::Tick(time_ms) => {
                    out.unsigned(2);
                    out.signed(time_ms);
                }
            }
        }
        out.into_bytes()
    }

    /// Reads what [`JournalRecord::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut from = Reader::new("journal record", bytes);
        let version = from.version(VERSION)?;
        let sequence = from.unsigned()?;
        let run_id = from.word()?;
        let folded = from.unsigned()?;
        let head = if from.boolean()? { Some(decode_head(&mut from)?) } else { None };
        let inherits = head.is_some() && version >= 2 && from.boolean()?;
        let inherited = if inherits { Some(from.word()?) } else { None };
        let length = from.length(4)?;
        let partitions = (0..length).map(|_| decode_run(&mut from)).collect::<Result<Vec<_>, _>>()?;
        let length = from.length(2)?;
        let order =
            (0..length).map(|_| decode_entry(&mut from, partitions.len())).collect::<Result<_, _>>()?;
        from.finish()?;
        Ok(JournalRecord { sequence, run_id, folded, head, inherited, partitions, order })
    }
}

/// Identifies the bytes of a journal record: how a lane knows its own commit again.
pub fn identity(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

pub(crate) fn encode_head(head: &Head, out: &mut Writer) {
    out.text(&head.cluster_id);
    out.word(head.fingerprint);
    out.unsigned(u64::from(head.meaning_version));
    out.unsigned(u64::from(head.lanes));
    out.unsigned(u64::from(head.lane));
    out.unsigned(u64::from(head.generation));
    out.unsigned(head.topics.len() as u64);
    for topic in &head.topics {
        out.text(&topic.name);
        out.text(&topic.topic_id);
        out.signed(i64::from(topic.partitions));
    }
}

fn decode_u32(from: &mut Reader<'_>) -> Result<u32, SnapshotError> {
    let value = from.unsigned()?;
    u32::try_from(value).map_err(|_| from.invalid(format!("{value} is too large")))
}

pub(crate) fn decode_head(from: &mut Reader<'_>) -> Result<Head, SnapshotError> {
    let cluster_id = from.text()?.to_owned();
    let fingerprint = from.word()?;
    let meaning_version = decode_u32(from)?;
    let lanes = decode_u32(from)?;
    let lane = decode_u32(from)?;
    let generation = decode_u32(from)?;
    let length = from.length(3)?;
    let topics = (0..length)
        .map(|_| {
            let name = from.text()?.to_owned();
            let topic_id = from.text()?.to_owned();
            let partitions = from.signed()? as i32;
            Ok(TopicIdentity { name, topic_id, partitions })
        })
        .collect::<Result<_, SnapshotError>>()?;
    Ok(Head { cluster_id, topics, fingerprint, meaning_version, lanes, lane, generation })
}

pub(crate) fn encode_partition(partition: Partition, out: &mut Writer) {
    out.unsigned(u64::from(partition.input));
    out.signed(i64::from(partition.partition));
}

pub(crate) fn decode_partition(from: &mut Reader<'_>) -> Result<Partition, SnapshotError> {
    let input = from.unsigned()?;
    let partition = from.signed()?;
    match (u16::try_from(input), i32::try_from(partition)) {
        (Ok(input), Ok(partition)) => Ok(Partition { input, partition }),
        _ => Err(from.invalid(format!("{input}/{partition} is no partition"))),
    }
}

fn encode_run(run: &PartitionRun, out: &mut Writer) {
    encode_partition(run.partition, out);
    out.signed(run.next);
    out.unsigned(run.count);
    if run.count > 0 {
        out.signed(run.first);
        out.signed(run.last);
        out.word(run.checksum);
    }
}

fn decode_run(from: &mut Reader<'_>) -> Result<PartitionRun, SnapshotError> {
    let partition = decode_partition(from)?;
    let next = from.signed()?;
    let count = from.unsigned()?;
    let (first, last, checksum) =
        if count > 0 { (from.signed()?, from.signed()?, from.word()?) } else { (next, next, 0) };
    Ok(PartitionRun { partition, next, count, first, last, checksum })
}

fn decode_entry(from: &mut Reader<'_>, partitions: usize) -> Result<Entry, SnapshotError> {
    let word = from.unsigned()?;
    match word & 3 {
        2 => Ok(Entry::Tick(from.signed()?)),
        3 => Err(from.invalid("an entry of an unknown kind")),
        ahead => {
            let place = decode_u32(from)?;
            if place as usize >= partitions {
                return Err(from.invalid("an entry names a partition that is not there"));
            }
            Ok(Entry::Run { place, count: word >> 2, ahead: ahead == 1 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> JournalRecord {
        let partition = Partition { input: 1, partition: 3 };
        let topic = TopicIdentity { name: "t".into(), topic_id: "x".into(), partitions: 4 };
        let head = Head {
            cluster_id: "c".into(),
            topics: vec![topic],
            fingerprint: 7,
            meaning_version: MEANING_VERSION,
            lanes: 2,
            lane: 1,
            generation: 1,
        };
        let run = PartitionRun { partition, next: 12, count: 3, first: 8, last: 10, checksum: 99 };
        let moved = PartitionRun { partition, next: 5, count: 0, first: 5, last: 5, checksum: 0 };
        let mut record = JournalRecord {
            sequence: 4,
            run_id: 1 << 60,
            folded: 70,
            head: Some(head),
            inherited: Some(11),
            partitions: vec![run, moved],
            order: vec![Entry::Tick(-5)],
        };
        for (place, ahead) in [(0, false), (0, false), (0, true)] {
            record.push(place, ahead);
        }
        record
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = example();
        assert_eq!(record.order.len(), 3);
        assert_eq!(JournalRecord::decode(&record.encode()), Ok(record));
    }

    #[test]
    fn a_head_says_what_differs() {
        let head = example().head.unwrap();
        assert!(head.differences(&head).is_empty());
        let mut other = head.clone();
        other.topics[0].topic_id = "y".into();
        assert_eq!(head.differences(&other), ["the id of topic t was x and is y"]);
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_no_panic(place in 0usize..80, byte in any::<u8>(), length in 0usize..100) {
            let mut bytes = example().encode();
            let end = bytes.len();
            bytes[place % end] = byte;
            bytes.truncate(length);
            let _ = JournalRecord::decode(&bytes);
        }
    }
}

//! Reads journal and state to their ends.

use crate::admin::Cluster;
use crate::source::KafkaSource;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use streamfold_flow::Partition;
use streamfold_flow::log::{Fetched, LogError, Source};
use streamfold_flow::record::RecordBlock;

/// What is read ahead.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// How long to wait for something before the deadline is looked at again.
const WAIT: Duration = Duration::from_millis(200);
const PARTITION: Partition = Partition { input: 0, partition: 0 };

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record there is.
    Beginning,
    /// At this offset (or the first that is still there behind it).
    Offset(i64),
    /// At the first record whose timestamp in milliseconds since 1970 is at least this.
    Timestamp(i64),
    /// At most this many offsets before the end (markers of transactions take offsets too).
    Last(i64),
}

/// The committed records of one partition up to the end that it had when the reader was opened, block by block.
///
/// The end is the high watermark, not the last stable offset: what a predecessor committed behind somebody's open
/// transaction is waited for. If nothing moves for `stall_max`, the error names topic, partition and offset of the
/// transaction that hangs. After an error nothing more comes.
pub struct PartitionReader {
    topic: String,
    partition: i32,
    source: KafkaSource,
    /// Everything below was handed out or passed over.
    position: i64,
    end: i64,
    stall_max: Duration,
    moved_at: Instant,
    ready: VecDeque<RecordBlock>,
    is_failed: bool,
}

impl PartitionReader {
    /// Looks up the ends and starts to read.
    pub fn open(
        cluster: &Cluster,
        topic: &str,
        partition: i32,
        start: Start,
        stall_max: Duration,
    ) -> Result<PartitionReader, LogError> {
        let watermarks = cluster.watermarks(topic, partition)?;
        let position = match start {
            Start::Beginning => watermarks.earliest,
            Start::Offset(offset) => offset,
            Start::Last(count) => watermarks.end - count,
            Start::Timestamp(timestamp_ms) => {
                let found = cluster.offsets_at(&[(topic.to_string(), partition)], timestamp_ms)?;
                found.first().copied().flatten().unwrap_or(watermarks.end)
            }
        };
        let position = position.clamp(watermarks.earliest, watermarks.end);
        let mut source =
            KafkaSource::new(cluster.config(), cluster.group(), vec![topic.to_string()], QUEUE_BYTES_MAX)?;
        if position < watermarks.end {
            source.assign(&[(Partition { partition, ..PARTITION }, position)])?;
        }
        Ok(PartitionReader {
            topic: topic.to_string(),
            partition,
            source,
            position,
            end: watermarks.end,
            stall_max,
            moved_at: Instant::now(),
            ready: VecDeque::new(),
            is_failed: false,
        })
    }

    /// The offset up to which is read.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// The last record that is there, if any: what a journal ends with.
    pub fn last(
        cluster: &Cluster,
        topic: &str,
        partition: i32,
        stall_max: Duration,
    ) -> Result<Option<RecordBlock>, LogError> {
        // Most often it is one of the last few offsets; behind many aborted transactions it lies further back.
        for count in [16, 1024, 1 << 20, i64::MAX] {
            let mut reader = Self::open(cluster, topic, partition, Start::Last(count), stall_max)?;
            let is_whole = reader.position == cluster.watermarks(topic, partition)?.earliest;
            let last = reader.try_fold(None, |_, block| block.map(Some))?;
            if let Some(block) = last {
                let mut single = RecordBlock::default();
                if let Some(record) = block.iter().last() {
                    single.push(record);
                }
                return Ok(Some(single));
            }
            if is_whole {
                break;
            }
        }
        Ok(None)
    }

    fn advance(&mut self) -> Result<Option<RecordBlock>, LogError> {
        loop {
            if let Some(block) = self.ready.pop_front() {
                return Ok(Some(block));
            }
            if self.position >= self.end {
                return Ok(None);
            }
            let mut fetched = Vec::new();
            match self.source.fetch(WAIT, &mut fetched) {
                // It reconnects by itself; the deadline below says when to give up.
                Ok(()) | Err(LogError::Unavailable(_)) => {}
                Err(error) => return Err(error),
            }
            let before = self.position;
            fetched.into_iter().try_for_each(|fetched| self.take(fetched))?;
            if self.position > before {
                self.moved_at = Instant::now();
            } else if self.moved_at.elapsed() >= self.stall_max {
                return Err(self.stalled());
            }
        }
    }

    fn take(&mut self, fetched: Fetched) -> Result<(), LogError> {
        match fetched {
            Fetched::Records(_, block) => {
                if let Some(last) = block.len().checked_sub(1).map(|index| block.get(index).offset) {
                    self.position = self.position.max(last + 1);
                }
                self.ready.extend(up_to(block, self.end));
                Ok(())
            }
            Fetched::End(_, position) => {
                self.position = self.position.max(position);
                Ok(())
            }
            Fetched::OutOfRange(_, earliest) => Err(LogError::Unavailable(format!(
                "topic {} partition {}: offset {} was deleted while it was read (it now begins at {earliest})",
                self.topic, self.partition, self.position
            ))),
        }
    }

    fn stalled(&self) -> LogError {
        LogError::Unavailable(format!(
            "topic {} partition {}: nothing came for {} s at offset {} although the end is {}: a transaction that \
             begins there is still open; it ends when its writer does or its transaction.timeout.ms is over (or with \
             kafka-transactions.sh abort)",
            self.topic,
            self.partition,
            self.stall_max.as_secs(),
            self.position,
            self.end,
        ))
    }
}

impl Iterator for PartitionReader {
    type Item = Result<RecordBlock, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_failed {
            return None;
        }
        let next = self.advance();
        self.is_failed = next.is_err();
        next.transpose()
    }
}

/// The block without the records that were written after the end was looked up.
fn up_to(block: RecordBlock, end: i64) -> Option<RecordBlock> {
    let count = block.iter().take_while(|record| record.offset < end).count();
    match count {
        0 => None,
        count if count == block.len() => Some(block),
        count => {
            let mut cut = RecordBlock::default();
            block.iter().take(count).for_each(|record| cut.push(record));
            Some(cut)
        }
    }
}

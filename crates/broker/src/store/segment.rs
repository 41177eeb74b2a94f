//! A segment: batches one after the other, from one offset on, with a sparse index.

use crate::store::batch::{HEADER_BYTES, Header};
use crate::store::data::Data;
use std::io;

/// Bytes between two entries of the index: 24 bytes of memory for each 32 KiB stored.
const INDEX_INTERVAL_BYTES: u64 = 32 * 1024;
/// Bytes that are read at a time when batches are gone through by their headers.
const WALK_BYTES: usize = 16 * 1024;

/// Part of a partition's log.
#[derive(Debug)]
pub struct Segment {
    /// Offset from which on it has records.
    pub base_offset: i64,
    /// The bytes.
    pub data: Data,
    /// When the first batch was appended (after a restart: opened), by the broker's clock.
    pub created_ms: i64,
    /// When the last batch was appended, by the broker's clock.
    pub appended_ms: i64,
    /// The greatest timestamp of its records; -1: none.
    pub max_timestamp: i64,
    index: Vec<Entry>,
}

/// A batch that the index knows.
#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: i64,
    position: u64,
    /// The greatest timestamp in the segment before this batch.
    max_timestamp_before: i64,
}

/// A batch that was found, and where.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Position of its first byte in the segment.
    pub position: u64,
    /// Its header.
    pub header: Header,
}

/// What a search in a segment came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lookup {
    /// The batch, if there is one.
    pub found: Option<Found>,
    /// Bytes on the way to it that are no batch.
    pub damaged: Option<(u64, u64)>,
}

/// What comes next in a walk through a segment.
#[derive(Debug)]
pub enum Step {
    /// A batch whose header is in order.
    Batch(Found),
    /// Bytes that are no batch, between two positions; after them there is one again, or the end.
    Damaged(u64, u64),
}

/// The name of the file of a segment.
pub fn file_name(base_offset: i64) -> String {
    format!("{base_offset:020}.log")
}

impl Segment {
    /// A segment without batches.
    pub fn new(base_offset: i64, data: Data, now_ms: i64) -> Segment {
        Segment {
            base_offset,
            data,
            created_ms: now_ms,
            appended_ms: now_ms,
            max_timestamp: -1,
            index: Vec::new(),
        }
    }

    /// Notes a batch at `position`; batches are noted in their order.
    pub fn note(&mut self, header: &Header, position: u64) {
        let known = self.index.last().map(|entry| entry.position);
        if known.is_none_or(|known| position >= known + INDEX_INTERVAL_BYTES) {
            self.note_always(header.base_offset, position);
        }
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
    }

    /// Notes where batches go on behind bytes that are none.
    pub fn note_always(&mut self, offset: i64, position: u64) {
        self.index.push(Entry { offset, position, max_timestamp_before: self.max_timestamp });
    }

    /// Appends a stamped batch.
    pub fn append(&mut self, header: &Header, bytes: Vec<u8>, now_ms: i64) -> io::Result<()> {
        let position = self.data.length();
        self.data.append(bytes)?;
        if position == 0 {
            self.created_ms = now_ms;
        }
        self.appended_ms = now_ms;
        self.note(header, position);
        Ok(())
    }

    /// Steps through the batches from `position` on.
    pub fn walk(&self, position: u64) -> Walk<'_> {
        Walk { segment: self, position, window: Vec::new(), window_at: 0 }
    }

    /// The first batch with a record at `offset` or behind it, and the damaged bytes that lie before it.
    pub fn find(&self, offset: i64) -> io::Result<Lookup> {
        let known = self.index.partition_point(|entry| entry.offset <= offset).checked_sub(1);
        let from = known.map_or(0, |known| self.index[known].position);
        self.first(from, |header| header.last_offset() >= offset)
    }

    /// The first batch with a record as late as `timestamp`.
    pub fn find_time(&self, timestamp: i64) -> io::Result<Lookup> {
        if self.max_timestamp < timestamp {
            return Ok(Lookup::default());
        }
        // Before the last entry that has nothing late enough before it there is no need to look.
        let known = self.index.partition_point(|entry| entry.max_timestamp_before < timestamp).checked_sub(1);
        let from = known.map_or(0, |known| self.index[known].position);
        self.first(from, |header| header.max_timestamp >= timestamp && !header.is_control())
    }

    fn first(&self, position: u64, wanted: impl Fn(&Header) -> bool) -> io::Result<Lookup> {
        let mut lookup = Lookup::default();
        for step in self.walk(position) {
            match step? {
                Step::Batch(found) if wanted(&found.header) => {
                    lookup.found = Some(found);
                    break;
                }
                Step::Batch(_) => {}
                Step::Damaged(from, to) => lookup.damaged = Some((from, to)),
            }
        }
        Ok(lookup)
    }

    /// Bytes from the batch at `offset` (or close before it) on.
    pub fn bytes_from(&self, offset: i64) -> u64 {
        let known = self.index.partition_point(|entry| entry.offset <= offset).checked_sub(1);
        self.data.length() - known.map_or(0, |known| self.index[known].position)
    }
}

/// Goes through a segment by its batches' headers.
pub struct Walk<'a> {
    segment: &'a Segment,
    position: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Walk<'_> {
    /// Bytes at a position, at least a header's where there are as many.
    fn look(&mut self, position: u64) -> io::Result<&[u8]> {
        let inside = position >= self.window_at
            && position + HEADER_BYTES as u64 <= self.window_at + self.window.len() as u64;
        if !inside {
            self.window = self.segment.data.read(position, WALK_BYTES)?;
            self.window_at = position;
        }
        Ok(&self.window[(position - self.window_at) as usize..])
    }

    fn step(&mut self) -> io::Result<Option<Step>> {
        let (begin, end) = (self.position, self.segment.data.length());
        let mut position = begin;
        while position < end {
            let header = Header::parse_stored(self.look(position)?);
            let whole = header.filter(|header| position + header.size as u64 <= end);
            match whole {
                Some(_) if position > begin => {
                    self.position = position;
                    return Ok(Some(Step::Damaged(begin, position)));
                }
                Some(header) => {
                    self.position = position + header.size as u64;
                    return Ok(Some(Step::Batch(Found { position, header })));
                }
                None => position += 1,
            }
        }
        self.position = end;
        Ok((end > begin).then_some(Step::Damaged(begin, end)))
    }
}

impl Iterator for Walk<'_> {
    type Item = io::Result<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

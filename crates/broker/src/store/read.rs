//! Reading a log: whole batches, checked before anyone sees them.

use crate::store::batch::{self, HEADER_BYTES, Header};
use crate::store::log::PartitionLog;
use crate::store::producers::Aborted;
use crate::store::segment::{Found, Segment};
use std::io;

/// A batch that unpacks to more than this is not looked into.
pub const UNPACKED_BYTES_MAX: usize = 256 << 20;

/// What a reader wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// From this offset on.
    pub offset: i64,
    /// Not more bytes than this.
    pub bytes_max: usize,
    /// The first batch even if it is larger.
    pub at_least_one: bool,
    /// Only what all transactions before it are decided for.
    pub committed: bool,
}

/// What a reader gets.
#[derive(Debug, Default)]
pub struct Batches {
    /// Whole batches, the first one with the wanted offset in it.
    pub bytes: Vec<u8>,
    /// Transactions whose records in them are to be skipped.
    pub aborted: Vec<Aborted>,
}

/// A record's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub timestamp: i64,
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No such offset.
    #[error("the offset is before the first or behind the last record")]
    OutOfRange,
    /// Bytes have changed since they were written.
    #[error("the stored bytes are damaged")]
    Damaged,
    /// The disk cannot be read.
    #[error("cannot be read: {0}")]
    Storage(#[from] io::Error),
}

impl PartitionLog {
    /// The offset before which a reader may read.
    pub fn limit(&self, committed: bool) -> i64 {
        if committed { self.stable_offset() } else { self.next_offset() }
    }

    /// About how many bytes a reader would get: exactly 0 where it would get none.
    pub fn readable_bytes(&self, offset: i64, committed: bool) -> u64 {
        if offset >= self.limit(committed) {
            return 0;
        }
        let from = self.sealed.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1);
        let sealed =
            self.sealed[from.min(self.sealed.len())..].iter().map(|segment| segment.bytes_from(offset));
        (sealed.sum::<u64>() + self.active.as_ref().map_or(0, |active| active.bytes_from(offset))).max(1)
    }

    /// Reads whole batches.
    pub fn read(&mut self, wanted: &Wanted) -> Result<Batches, ReadError> {
        if wanted.offset < self.start_offset() || wanted.offset > self.next_offset() {
            return Err(ReadError::OutOfRange);
        }
        let limit = self.limit(wanted.committed);
        let mut batches = Batches::default();
        let mut damage = None;
        let from = self.sealed.partition_point(|s| s.base_offset <= wanted.offset).saturating_sub(1);
        for segment in self.segments().skip(from) {
            let left = wanted.bytes_max.saturating_sub(batches.bytes.len());
            let first = batches.bytes.is_empty();
            if segment.base_offset >= limit || (left == 0 && !(first && wanted.at_least_one)) {
                break;
            }
            let lookup = segment.find(wanted.offset)?;
            match (lookup.found, lookup.damaged) {
                (Some(found), damaged) if damaged.is_none() || found.header.base_offset <= wanted.offset => {
                    let at_least = if first && wanted.at_least_one { found.header.size } else { 0 };
                    let bad = take(segment, &found, left.max(at_least), limit, &mut batches.bytes)?;
                    if let Some(position) = bad {
                        damage = Some((segment.base_offset, position));
                        break;
                    }
                }
                (_, Some((position, _))) => {
                    damage = Some((segment.base_offset, position));
                    break;
                }
                (_, None) => {}
            }
        }
        if let Some(place) = damage {
            self.tell(place, wanted.offset);
            if batches.bytes.is_empty() {
                return Err(ReadError::Damaged);
            }
        }
        if wanted.committed {
            batches.aborted = self.producers().aborted(wanted.offset, end_of(&batches.bytes).unwrap_or(0));
        }
        Ok(batches)
    }

    /// Says once of each place that it is damaged.
    fn tell(&mut self, place: (i64, u64), offset: i64) {
        const TOLD_MAX: usize = 1000;
        if self.told.len() < TOLD_MAX && self.told.insert(place) {
            log::error!(
                "{}, segment {}: the bytes at {} are not those that were written; records at or behind offset {offset} \
                 cannot be read",
                self.name(),
                place.0,
                place.1
            );
        }
    }

    /// What messages call this log.
    pub(super) fn name(&self) -> String {
        self.place.folder.as_ref().map_or("in memory".to_string(), |folder| folder.display().to_string())
    }

    /// The first record that is not before `timestamp`.
    pub fn at_time(&self, timestamp: i64, limit: i64) -> io::Result<Option<Moment>> {
        for segment in self.segments() {
            if segment.max_timestamp < timestamp {
                continue;
            }
            if let Some(found) = segment.find_time(timestamp)?.found
                && found.header.last_offset() >= self.start_offset()
            {
                let moment = moment_in(segment, &found, timestamp, self.start_offset())?;
                return Ok(moment.filter(|moment| moment.offset < limit));
            }
        }
        Ok(None)
    }

    /// The record with the greatest timestamp.
    pub fn at_greatest_time(&self, limit: i64) -> io::Result<Option<Moment>> {
        match self.segments().map(|segment| segment.max_timestamp).max() {
            Some(greatest) if greatest >= 0 => self.at_time(greatest, limit),
            _ => Ok(None),
        }
    }
}

/// Adds batches from the found one on; the position of the first one that is not as it was written, if one is not.
fn take(
    segment: &Segment,
    found: &Found,
    bytes_max: usize,
    limit: i64,
    to: &mut Vec<u8>,
) -> io::Result<Option<u64>> {
    if found.header.size > bytes_max || found.header.base_offset >= limit {
        return Ok(None);
    }
    let begin = to.len();
    let mut bytes = segment.data.read(found.position, bytes_max)?;
    let mut at = 0;
    let mut bad = None;
    while bytes.len() - at >= HEADER_BYTES {
        let Some(header) = Header::parse_stored(&bytes[at..]) else {
            bad = Some(found.position + at as u64);
            break;
        };
        if header.base_offset >= limit {
            break;
        }
        let Some(batch) = bytes.get_mut(at..at + header.size) else { break };
        if !batch::is_intact(batch) {
            bad = Some(found.position + at as u64);
            break;
        }
        batch::unstamp(batch);
        at += header.size;
    }
    bytes.truncate(at);
    if begin == 0 {
        *to = bytes;
    } else {
        to.extend(bytes);
    }
    Ok(bad)
}

/// The offset behind the last of these batches.
fn end_of(bytes: &[u8]) -> Option<i64> {
    let (mut at, mut end) = (0, None);
    while let Some(header) = bytes.get(at..).and_then(Header::parse) {
        end = Some(header.last_offset() + 1);
        at += header.size;
    }
    end
}

/// The record of a batch that is looked for; where it cannot be looked into, its first.
fn moment_in(segment: &Segment, found: &Found, timestamp: i64, start: i64) -> io::Result<Option<Moment>> {
    let header = &found.header;
    let whole = Moment { offset: header.base_offset.max(start), timestamp: header.max_timestamp };
    let bytes = segment.data.read(found.position, header.size)?;
    if batch::has_append_time(header.attributes) || !batch::is_intact(&bytes) {
        return Ok(Some(whole));
    }
    let Ok(raw) = batch::unpack(header, &bytes, UNPACKED_BYTES_MAX) else { return Ok(Some(whole)) };
    let moments = batch::records(header, &raw).map_while(Result::ok).map(|record| Moment {
        offset: header.base_offset + i64::from(record.offset_delta),
        timestamp: header.base_timestamp + record.timestamp_delta,
    });
    let mut late = moments.filter(|moment| moment.timestamp >= timestamp && moment.offset >= start);
    Ok(late.next().or(Some(whole)))
}

//! Compaction: of every key, the last record stays.
//!
//! Only sealed segments whose transactions are decided are touched, and no lock is held while they are read and written
//! anew. Records of aborted transactions go; those of committed ones are freed from their transaction, so that its marker
//! can go as well. A null value goes once its segment has been sealed for `delete.retention.ms`. Offsets never change.
//!
//! ```text
//! 00000000000000000000.log  00000000000000004711.log           what is compacted
//! 00000000000000000000.cleaned                                 being written; removed after a crash
//! 00000000000000000000-00000000000000009000.swap               whole: replaces the segments with these offsets, even after a crash
//! ```

use crate::settings::Settings;
use crate::store::batch::{self, HEADER_BYTES, Header};
use crate::store::codec::Codec;
use crate::store::data::{Data, Place};
use crate::store::log::PartitionLog;
use crate::store::producers::Aborted;
use crate::store::read::UNPACKED_BYTES_MAX;
use crate::store::segment::{Segment, Step, file_name};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use xxhash_rust::xxh3::xxh3_128;

/// Keys that one compaction looks at, some 64 bytes of memory each; what is left is for the next one.
const KEYS_MAX: usize = 1_000_000;

/// A compaction that is due: everything it needs, without the log.
#[derive(Debug)]
pub struct Compaction {
    place: Place,
    segments: Vec<Arc<Segment>>,
    /// From here on keys may be there more than once.
    dirty_from: i64,
    /// Offset behind the last of the segments.
    end_offset: i64,
    aborted: Vec<Aborted>,
    segment_bytes: u64,
    tombstones_before_ms: i64,
}

/// Segments that take the place of others.
#[derive(Debug)]
pub struct Compacted {
    replaced: Vec<Arc<Segment>>,
    by: Vec<(Segment, i64)>,
    end_offset: i64,
}

impl PartitionLog {
    /// The compaction that is due, if one is.
    pub fn due_compaction(&mut self, settings: &Settings, now_ms: i64) -> Option<Compaction> {
        if !settings.compact {
            return None;
        }
        let stable = self.stable_offset();
        let bases: Vec<i64> = self.segments().map(|segment| segment.base_offset).collect();
        let count = self
            .sealed
            .iter()
            .zip(bases.iter().skip(1))
            .take_while(|(segment, end)| {
                let settled = now_ms - segment.appended_ms.max(segment.max_timestamp.min(now_ms));
                **end <= stable && settled >= settings.min_compaction_lag_ms
            })
            .count();
        let segments = self.sealed.get(..count)?.to_vec();
        let end_offset = *bases.get(count)?;
        let size = |segments: &mut dyn Iterator<Item = &Arc<Segment>>| {
            segments.map(|s| s.data.length()).sum::<u64>()
        };
        let total = size(&mut segments.iter());
        let dirty_from = self.compacted_to;
        let mut dirty = segments.iter().filter(|segment| segment.base_offset >= dirty_from);
        let oldest = dirty.clone().next()?.created_ms;
        let ratio = size(&mut dirty) as f64 / total.max(1) as f64;
        let overdue = now_ms - oldest > settings.max_compaction_lag_ms;
        if total == 0 || (ratio < settings.min_cleanable_dirty_ratio && !overdue) {
            return None;
        }
        Some(Compaction {
            place: self.place.clone(),
            segments,
            dirty_from,
            end_offset,
            aborted: self.producers.aborted(0, i64::MAX),
            segment_bytes: settings.segment_bytes,
            tombstones_before_ms: now_ms.saturating_sub(settings.delete_retention_ms),
        })
    }

    /// Puts the new segments in the place of the old ones, unless those have gone meanwhile.
    pub fn finish_compaction(&mut self, compacted: Compacted) -> io::Result<()> {
        let Compacted { replaced, by, end_offset } = compacted;
        let same = replaced.len() <= self.sealed.len()
            && replaced.iter().zip(&self.sealed).all(|(old, now)| Arc::ptr_eq(old, now));
        if !same {
            return by.iter().try_for_each(|(segment, _)| segment.data.remove());
        }
        let mut fresh = Vec::new();
        for (mut segment, end) in by {
            segment.data.rename(&format!("{:020}-{end:020}.swap", segment.base_offset))?;
            fresh.push(segment);
        }
        for old in &replaced {
            old.data.remove()?;
        }
        for segment in &mut fresh {
            segment.data.rename(&file_name(segment.base_offset))?;
        }
        self.sealed.splice(..replaced.len(), fresh.into_iter().map(Arc::new));
        self.compacted_to = end_offset;
        self.producers.forget_aborted_before(end_offset);
        Ok(())
    }
}

impl Compaction {
    /// Writes the segments anew.
    pub fn run(self) -> io::Result<Compacted> {
        let (latest, covered) = self.latest()?;
        let count = self.segments.partition_point(|segment| segment.base_offset < covered);
        let mut by: Vec<(Segment, i64)> = Vec::new();
        for (at, old) in self.segments[..count].iter().enumerate() {
            let end = self.segments.get(at + 1).map_or(self.end_offset, |next| next.base_offset);
            let fits =
                by.last().is_some_and(|(new, _)| new.data.length() + old.data.length() <= self.segment_bytes);
            if !fits {
                by.push((self.fresh(old)?, end));
            }
            if let Some((new, new_end)) = by.last_mut() {
                self.copy(old, new, &latest)?;
                *new_end = end;
            }
        }
        for (segment, _) in &by {
            if let Some(file) = segment.data.file()? {
                file.sync_data()?;
            }
            segment
                .data
                .set_modified(UNIX_EPOCH + Duration::from_millis(segment.appended_ms.max(0) as u64))?;
        }
        let end_offset = self.segments.get(count).map_or(self.end_offset, |next| next.base_offset);
        Ok(Compacted { replaced: self.segments[..count].to_vec(), by, end_offset })
    }

    fn fresh(&self, old: &Segment) -> io::Result<Segment> {
        let data = Data::create(&self.place, &format!("{:020}.cleaned", old.base_offset))?;
        let mut segment = Segment::new(old.base_offset, data, old.created_ms);
        segment.appended_ms = old.appended_ms;
        Ok(segment)
    }

    /// The last offset of each key in what is dirty, and up to which offset that is known.
    fn latest(&self) -> io::Result<(HashMap<u128, i64>, i64)> {
        let mut latest = HashMap::new();
        for (at, segment) in self.segments.iter().enumerate() {
            if segment.base_offset < self.dirty_from {
                continue;
            }
            // The first one is always looked at as a whole, so that there is progress.
            if latest.len() >= KEYS_MAX {
                return Ok((latest, self.segments[at].base_offset));
            }
            self.each_batch(segment, |header, batch| {
                if self.is_aborted(header) || header.is_control() {
                    return Ok(());
                }
                let raw = batch::unpack(header, batch, UNPACKED_BYTES_MAX)?;
                for record in batch::records(header, &raw) {
                    let record = record?;
                    if let Some(key) = record.key {
                        latest.insert(xxh3_128(key), header.base_offset + i64::from(record.offset_delta));
                    }
                }
                Ok(())
            })?;
        }
        Ok((latest, self.end_offset))
    }

    /// Copies the records that stay.
    fn copy(&self, old: &Segment, new: &mut Segment, latest: &HashMap<u128, i64>) -> io::Result<()> {
        let drop_tombstones = old.appended_ms < self.tombstones_before_ms;
        self.each_batch(old, |header, batch| {
            if self.is_aborted(header) || header.is_control() {
                return Ok(());
            }
            let raw = batch::unpack(header, batch, UNPACKED_BYTES_MAX)?;
            let (mut kept, mut count) = (Vec::with_capacity(raw.len()), 0);
            for record in batch::records(header, &raw) {
                let record = record?;
                let offset = header.base_offset + i64::from(record.offset_delta);
                let superseded = record
                    .key
                    .is_some_and(|key| latest.get(&xxh3_128(key)).is_some_and(|last| *last > offset));
                if !(superseded || record.is_tombstone && drop_tombstones) {
                    kept.extend_from_slice(record.bytes);
                    count += 1;
                }
            }
            if count == 0 {
                return Ok(());
            }
            let attributes = batch::without_transaction(header.attributes);
            let packed = match Codec::of(attributes) {
                Some(codec) => codec.compress(&kept)?,
                None => return Err(io::ErrorKind::InvalidData.into()),
            };
            let size = HEADER_BYTES + packed.len();
            let header = Header { attributes, count, size, ..*header };
            let mut bytes = batch::build(&header, &packed);
            batch::stamp(&mut bytes, header.base_offset);
            let position = new.data.length();
            new.data.append(bytes)?;
            new.note(&header, position);
            Ok(())
        })?;
        new.appended_ms = new.appended_ms.max(old.appended_ms);
        Ok(())
    }

    fn is_aborted(&self, header: &Header) -> bool {
        let from = self.aborted.partition_point(|aborted| aborted.last_offset < header.base_offset);
        header.is_transactional()
            && self.aborted[from..]
                .iter()
                .any(|a| a.producer_id == header.producer_id && a.first_offset <= header.base_offset)
    }

    /// Every batch of a segment; damaged ones end the compaction, so that nothing is lost that might be mended.
    fn each_batch(
        &self,
        segment: &Segment,
        mut each: impl FnMut(&Header, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        for step in segment.walk(0) {
            let damaged = |position| {
                let text = format!("the bytes at {position} of segment {} are damaged", segment.base_offset);
                io::Error::new(io::ErrorKind::InvalidData, text)
            };
            match step? {
                Step::Damaged(position, _) => return Err(damaged(position)),
                Step::Batch(found) => {
                    let bytes = segment.data.read(found.position, found.header.size)?;
                    if !batch::is_intact(&bytes) {
                        return Err(damaged(found.position));
                    }
                    each(&found.header, &bytes)?;
                }
            }
        }
        Ok(())
    }
}

//! Opening a log that is there: what can be read again, what was torn, what was damaged.
//!
//! Sealed segments are gone through by their batches' headers. The last one, which a crash may have torn, is read
//! whole. Bytes at its end that are no batch were never acknowledged and are cut. Damaged bytes with batches behind
//! them, or a batch whose checksum is wrong, stay: they are reported here, and to everyone who tries to read them.

use crate::store::batch::{self, HEADER_BYTES, Header};
use crate::store::data::{Data, Place};
use crate::store::log::PartitionLog;
use crate::store::segment::{Segment, Step, file_name};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

impl PartitionLog {
    /// Opens the log in the place's folder; where there is none, one without records.
    pub fn open(place: Place, start_offset: i64, now_ms: i64) -> io::Result<PartitionLog> {
        let mut log = PartitionLog::new(place);
        let folder = log.place.folder.clone();
        let mut paths = folder.as_deref().map(segments).transpose()?.unwrap_or_default();
        let last = paths.pop();
        for (base_offset, path) in paths {
            let segment = log.replay(base_offset, path, false, now_ms)?;
            log.sealed.push(Arc::new(segment));
        }
        if let Some((base_offset, path)) = last {
            let segment = log.replay(base_offset, path, true, now_ms)?;
            log.active = Some(segment);
        }
        let first = log.segments().next().map_or(0, |segment| segment.base_offset);
        log.start_offset = start_offset.max(first).min(log.next_offset);
        Ok(log)
    }

    fn replay(&mut self, base_offset: i64, path: PathBuf, is_last: bool, now_ms: i64) -> io::Result<Segment> {
        let data = Data::open(&self.place, path)?;
        let mut segment = Segment::new(base_offset, data, now_ms);
        segment.appended_ms = segment
            .data
            .modified()
            .and_then(|time| i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok())
            .unwrap_or(now_ms);
        self.next_offset = self.next_offset.max(base_offset);
        let mut steps = Vec::new();
        for step in segment.walk(0) {
            steps.push(step?);
        }
        let mut behind_damage = false;
        for step in steps {
            match step {
                Step::Batch(found) => {
                    if behind_damage {
                        segment.note_always(found.header.base_offset, found.position);
                    }
                    behind_damage = false;
                    self.replay_batch(&mut segment, found.position, &found.header, is_last, now_ms)?;
                }
                Step::Damaged(from, to)
                    if is_last && to == segment.data.length() && !self.ends_whole(&segment, from)? =>
                {
                    log::warn!(
                        "{}: the last {} bytes are a write that a crash cut short, and are removed; the log ends at \
                         offset {}",
                        self.name(),
                        to - from,
                        self.next_offset
                    );
                    segment.data.truncate(from)?;
                }
                Step::Damaged(from, to) => {
                    behind_damage = true;
                    log::error!(
                        "{}, segment {base_offset}: bytes {from} to {to} are damaged; records from offset {} on, up to the \
                         next whole batch, cannot be read",
                        self.name(),
                        self.next_offset
                    );
                }
            }
        }
        Ok(segment)
    }

    /// Whether the last bytes are a whole batch whose header has changed, rather than one that was cut short. Its offsets are
    /// not given away again.
    fn ends_whole(&mut self, segment: &Segment, from: u64) -> io::Result<bool> {
        let bytes = segment.data.read(from, HEADER_BYTES)?;
        let Some(header) = Header::parse(&bytes) else { return Ok(false) };
        let whole = from + header.size as u64 == segment.data.length();
        let plausible =
            header.base_offset == self.next_offset && (header.last_offset_delta as usize) < header.size;
        if whole && plausible {
            self.next_offset = header.last_offset() + 1;
        }
        Ok(whole && plausible)
    }

    fn replay_batch(
        &mut self,
        segment: &mut Segment,
        position: u64,
        header: &Header,
        is_last: bool,
        now_ms: i64,
    ) -> io::Result<()> {
        segment.note(header, position);
        self.next_offset = self.next_offset.max(header.last_offset() + 1);
        if header.is_control() || is_last {
            let bytes = segment.data.read(position, header.size)?;
            if !batch::is_intact(&bytes) {
                log::error!(
                    "{}, segment {}: the batch at byte {position} is damaged; records {} to {} cannot be read",
                    self.name(),
                    segment.base_offset,
                    header.base_offset,
                    header.last_offset()
                );
            } else if let Some(commit) = batch::marker_commits(&bytes) {
                self.producers.note_marker(header, commit, now_ms);
            }
        }
        self.producers.note(header, now_ms);
        Ok(())
    }
}

/// The segments in a folder by base offset, after what a compaction left half done has been ended.
fn segments(folder: &Path) -> io::Result<Vec<(i64, PathBuf)>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut swaps = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(base) = name.strip_suffix(".log").and_then(|base| base.parse::<i64>().ok()) {
            found.push((base, path));
        } else if let Some((base, end)) = name.strip_suffix(".swap").and_then(|name| name.split_once('-')) {
            if let (Ok(base), Ok(end)) = (base.parse::<i64>(), end.parse::<i64>()) {
                swaps.push((base, end, path));
            }
        } else if name.ends_with(".cleaned") {
            fs::remove_file(path)?;
        }
    }
    for (base, end, path) in swaps {
        for (_, replaced) in found.extract_if(.., |(other, _)| (base..end).contains(other)) {
            fs::remove_file(replaced)?;
        }
        let to = folder.join(file_name(base));
        fs::rename(path, &to)?;
        found.push((base, to));
    }
    found.sort();
    Ok(found)
}

//! Letting old records go: by age, by size, by order.

use crate::settings::Settings;
use crate::store::log::PartitionLog;
use crate::store::segment::Segment;
use std::io;

impl PartitionLog {
    /// Makes `offset` the first one; segments wholly before it are removed. Gives the first offset.
    pub fn delete_before(&mut self, offset: i64, now_ms: i64) -> io::Result<i64> {
        self.start_offset = self.start_offset.max(offset.min(self.next_offset));
        if self.start_offset == self.next_offset {
            self.roll(now_ms)?;
        }
        while self.end_of_first().is_some_and(|end| end <= self.start_offset) {
            self.sealed.remove(0).data.remove()?;
        }
        self.producers.forget_aborted_before(self.start_offset);
        Ok(self.start_offset)
    }

    /// Offset behind the first sealed segment.
    fn end_of_first(&self) -> Option<i64> {
        self.sealed.first()?;
        self.segments().nth(1).map(|second| second.base_offset)
    }

    /// Removes what the topic's settings do not keep, and begins a new segment where the active one is old.
    pub fn retain(&mut self, settings: &Settings, now_ms: i64) -> io::Result<()> {
        let is_old = |segment: &Segment| {
            let latest = if segment.max_timestamp >= 0 { segment.max_timestamp } else { segment.appended_ms };
            settings.delete
                && settings.retention_ms >= 0
                && now_ms - latest > settings.retention_ms
                && now_ms - segment.appended_ms >= settings.file_delete_delay_ms
        };
        let due = self.active.as_ref().is_some_and(|active| {
            now_ms - active.created_ms >= settings.segment_ms
                || (is_old(active) && self.sealed.iter().all(|s| is_old(s)))
        });
        if due {
            self.roll(now_ms)?;
        }
        let mut bytes = self.bytes();
        let mut start = self.start_offset;
        for (at, segment) in self.sealed.iter().enumerate() {
            let size = segment.data.length();
            let surplus = settings.delete
                && settings.retention_bytes >= 0
                && bytes - size >= settings.retention_bytes as u64;
            if !is_old(segment) && !surplus {
                break;
            }
            bytes -= size;
            start = self.segments().nth(at + 1).map_or(self.next_offset, |next| next.base_offset);
        }
        // What is open is not let go: its end could not be told any more.
        let start = start.min(self.stable_offset());
        if start > self.start_offset {
            self.delete_before(start, now_ms)?;
        }
        Ok(())
    }

    /// Removes everything.
    pub fn remove_all(&mut self) -> io::Result<()> {
        for segment in std::mem::take(&mut self.sealed) {
            segment.data.remove()?;
        }
        match self.active.take() {
            Some(active) => active.data.remove(),
            None => Ok(()),
        }
    }
}

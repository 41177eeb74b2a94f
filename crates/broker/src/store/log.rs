//! The log of one partition: what is appended gets the next offsets.

use crate::settings::Settings;
use crate::store::batch::{self, Header, Refusal};
use crate::store::data::{Data, Place};
use crate::store::producers::{Producers, Verdict};
use crate::store::segment::{Segment, file_name};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::sync::Arc;

/// A partition's log.
#[derive(Debug)]
pub struct PartitionLog {
    pub(super) place: Place,
    /// Segments that nothing is appended to any more, by their base offset.
    pub(super) sealed: Vec<Arc<Segment>>,
    /// The segment that is appended to; `None` before the first append.
    pub(super) active: Option<Segment>,
    pub(super) start_offset: i64,
    pub(super) next_offset: i64,
    pub(super) producers: Producers,
    /// Up to here keys are unique already.
    pub(super) compacted_to: i64,
    /// Damaged places that have been told of: segment and position.
    pub(super) told: BTreeSet<(i64, u64)>,
    /// Sealed since the last sync.
    unsynced: Vec<Arc<Segment>>,
    dirty: bool,
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: i64,
    /// The time all its records were given, where the topic says so; else -1.
    pub append_time_ms: i64,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The batch is not one, or not a right one.
    #[error("the batch is refused: {0:?}")]
    Refused(Refusal),
    /// Larger than the topic's `max.message.bytes`.
    #[error("the batch is larger than max.message.bytes")]
    TooLarge,
    /// A timestamp too far from the broker's clock.
    #[error("a timestamp is further from the broker's clock than the topic allows")]
    Timestamp,
    /// A record without a key in a topic that is compacted by key.
    #[error("a record without a key in a compacted topic")]
    NoKey,
    /// A batch of this producer before it is missing.
    #[error("a batch before it is missing")]
    OutOfOrder,
    /// Sent again, and too old to know its offset.
    #[error("sent again")]
    Duplicate,
    /// A newer producer has taken over.
    #[error("a newer producer has taken over")]
    Fenced,
    /// The disk is full, or broken.
    #[error("cannot be stored: {0}")]
    Storage(#[from] io::Error),
}

impl PartitionLog {
    /// A log without records.
    pub fn new(place: Place) -> PartitionLog {
        PartitionLog {
            place,
            sealed: Vec::new(),
            active: None,
            start_offset: 0,
            next_offset: 0,
            producers: Producers::default(),
            compacted_to: 0,
            told: BTreeSet::new(),
            unsynced: Vec::new(),
            dirty: false,
        }
    }

    /// Offset of the first record that can be read.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// Offset that the next record will have.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Offset up to which all transactions are decided.
    pub fn stable_offset(&self) -> i64 {
        self.producers.first_open().unwrap_or(self.next_offset)
    }

    /// The producers it knows.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// Bytes stored.
    pub fn bytes(&self) -> u64 {
        self.segments().map(|segment| segment.data.length()).sum()
    }

    /// All segments in order.
    pub(super) fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.sealed.iter().map(|segment| &**segment).chain(self.active.as_ref())
    }

    /// Appends the batch that a producer sent.
    pub fn append(&mut self, sent: &[u8], settings: &Settings, now_ms: i64) -> Result<Appended, AppendError> {
        let header = batch::accept(sent).map_err(AppendError::Refused)?;
        if header.size > settings.max_message_bytes {
            return Err(AppendError::TooLarge);
        }
        let append_time_ms = if settings.append_time { now_ms } else { -1 };
        match self.producers.judge(&header) {
            Verdict::New => {}
            Verdict::Known(base_offset) => return Ok(Appended { base_offset, append_time_ms }),
            Verdict::Duplicate => return Err(AppendError::Duplicate),
            Verdict::OutOfOrder => return Err(AppendError::OutOfOrder),
            Verdict::Fenced => return Err(AppendError::Fenced),
        }
        if !settings.append_time && !settings.accepts_time(header.max_timestamp, now_ms) {
            return Err(AppendError::Timestamp);
        }
        if settings.compact && !has_keys(&header, sent) {
            return Err(AppendError::NoKey);
        }
        let mut bytes = sent.to_vec();
        if settings.append_time {
            batch::set_append_time(&mut bytes, now_ms);
        }
        let header = self.put(bytes, settings, now_ms)?;
        self.producers.note(&header, now_ms);
        Ok(Appended { base_offset: header.base_offset, append_time_ms })
    }

    /// Appends the marker that ends a producer's transaction here.
    pub fn append_marker(
        &mut self,
        producer_id: i64,
        epoch: i16,
        commit: bool,
        settings: &Settings,
        now_ms: i64,
    ) -> io::Result<()> {
        let header = self.put(batch::marker(producer_id, epoch, commit, now_ms), settings, now_ms)?;
        self.producers.note_marker(&header, commit, now_ms);
        Ok(())
    }

    fn put(&mut self, mut bytes: Vec<u8>, settings: &Settings, now_ms: i64) -> io::Result<Header> {
        batch::stamp(&mut bytes, self.next_offset);
        let header = Header::parse(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        let full = self.active.as_ref().is_some_and(|active| {
            active.data.length() + bytes.len() as u64 > settings.segment_bytes
                || now_ms - active.created_ms >= settings.segment_ms
        });
        if full {
            self.roll(now_ms)?;
        }
        self.active_segment(now_ms)?.append(&header, bytes, now_ms)?;
        self.next_offset = header.last_offset() + 1;
        self.dirty = true;
        Ok(header)
    }

    fn active_segment(&mut self, now_ms: i64) -> io::Result<&mut Segment> {
        match &mut self.active {
            Some(active) => Ok(active),
            none => {
                if let Some(folder) = &self.place.folder {
                    fs::create_dir_all(folder)?;
                }
                let data = Data::create(&self.place, &file_name(self.next_offset))?;
                Ok(none.insert(Segment::new(self.next_offset, data, now_ms)))
            }
        }
    }

    /// Begins a new segment, unless the active one has no records.
    pub(super) fn roll(&mut self, now_ms: i64) -> io::Result<()> {
        if self.active.as_ref().is_none_or(|active| active.data.length() == 0) {
            return Ok(());
        }
        let data = Data::create(&self.place, &file_name(self.next_offset))?;
        let full = self.active.replace(Segment::new(self.next_offset, data, now_ms));
        let full = full.map(Arc::new);
        self.unsynced.extend(full.clone().filter(|_| self.dirty));
        self.sealed.extend(full);
        Ok(())
    }

    /// Forgets producers that have not written since.
    pub fn forget_idle_producers(&mut self, since_ms: i64) {
        self.producers.forget_idle(since_ms);
    }

    /// The files with something that is not on the disk yet.
    pub fn take_unsynced(&mut self) -> io::Result<Vec<Arc<File>>> {
        let mut files = Vec::new();
        for segment in std::mem::take(&mut self.unsynced) {
            files.extend(segment.data.file()?);
        }
        if std::mem::take(&mut self.dirty)
            && let Some(active) = &self.active
        {
            files.extend(active.data.file()?);
        }
        Ok(files)
    }
}

/// Whether every record of a batch has a key.
fn has_keys(header: &Header, sent: &[u8]) -> bool {
    let Ok(raw) = batch::unpack(header, sent, super::read::UNPACKED_BYTES_MAX) else { return false };
    batch::records(header, &raw).all(|record| record.is_ok_and(|record| record.key.is_some()))
}

//! Checkpoints: a consistent cut of a lane's state as records of the state topic.
//!
//! The state is a list of named blobs. Each is cut into *parts*; a part is one record under a key that is never
//! written twice (`<checkpoint>/<number>`). A part whose bytes are those of the last checkpoint is not written again.
//! When all parts are there, a *manifest* follows in the transaction that completes the checkpoint: which parts make
//! up which blob, with lengths and checksums, and the position in the journal. The last two manifests are kept, in
//! turns under two keys; the parts that neither names are deleted.

mod write;

pub use write::{CheckpointWriter, StateRecord};

use crate::journal::{Head, decode_head, decode_partition, encode_head, encode_partition};
use std::collections::BTreeMap;
use streamfold_flow::Partition;
use streamfold_learn::snapshot::{Reader, SnapshotError, Writer};
use xxhash_rust::xxh3::xxh3_64;

const VERSION: u64 = 1;

/// Why a lane's state could not be restored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RestoreError {
    /// The journal records given do not begin where the checkpoint ends: read the journal from its beginning.
    #[error("the journal given begins at commit {found}, but commit {wanted} is needed next")]
    JournalGap {
        /// The commit that is needed.
        wanted: u64,
        /// The commit found.
        found: u64,
    },
    /// The generation began with the state of an older one, and its own checkpoint of it is gone.
    #[error(
        "the generation took over the state of an older one, which only its checkpoints have, and there is none: its state topic was emptied; \
         start a new generation"
    )]
    InheritedStateGone,
    /// The journal is that of something else.
    #[error("the journal belongs to another pipeline or cluster: {}", .0.join("; "))]
    Foreign(Vec<String>),
    /// Bytes that cannot be read.
    #[error(transparent)]
    Damaged(#[from] SnapshotError),
}

/// A blob of state by name, as a checkpoint keeps it.
pub type Blob = (String, Vec<u8>);

/// One part of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRef {
    /// Blob that it belongs to; the parts of a blob follow each other.
    pub blob: String,
    /// Key of its record.
    pub key: String,
    /// Length of its value.
    pub length: u64,
    /// Checksum of its value.
    pub checksum: u64,
}

/// What completes a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Number of the checkpoint, rising.
    pub number: u64,
    /// The commit after which the cut was taken: the journal is folded on from the one behind it.
    pub sequence: u64,
    /// Identity of that commit's journal record.
    pub journal_identity: u64,
    /// Records folded before the cut.
    pub folded: u64,
    /// What the clock showed at the cut, in milliseconds since 1970: where to look for the journal's next record.
    pub cut_at_ms: i64,
    /// Hash of the model's state.
    pub model_hash: u64,
    /// Hash of the whole state.
    pub state_hash: u64,
    /// The journal's head.
    pub head: Head,
    /// For each partition the next offset to fold.
    pub positions: Vec<(Partition, i64)>,
    /// The parts.
    pub parts: Vec<PartRef>,
}

/// Key of the manifest of this checkpoint; two take turns.
fn manifest_key(number: u64) -> String {
    format!("manifest/{}", number % 2)
}

impl Manifest {
    /// The value of the state record.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.version(VERSION);
        for number in [self.number, self.sequence, self.journal_identity, self.folded] {
            out.unsigned(number);
        }
        out.signed(self.cut_at_ms);
        out.word(self.model_hash);
        out.word(self.state_hash);
        encode_head(&self.head, &mut out);
        out.unsigned(self.positions.len() as u64);
        for (partition, offset) in &self.positions {
            encode_partition(*partition, &mut out);
            out.signed(*offset);
        }
        out.unsigned(self.parts.len() as u64);
        for part in &self.parts {
            out.text(&part.blob);
            out.text(&part.key);
            out.unsigned(part.length);
            out.word(part.checksum);
        }
        let checksum = xxh3_64(out.bytes());
        out.word(checksum);
        out.into_bytes()
    }

    /// Reads what [`Manifest::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut from = Reader::new("checkpoint manifest", bytes);
        from.version(VERSION)?;
        let number = from.unsigned()?;
        let sequence = from.unsigned()?;
        let journal_identity = from.unsigned()?;
        let folded = from.unsigned()?;
        let cut_at_ms = from.signed()?;
        let model_hash = from.word()?;
        let state_hash = from.word()?;
        let head = decode_head(&mut from)?;
        let length = from.length(3)?;
        let positions = (0..length)
            .map(|_| Ok((decode_partition(&mut from)?, from.signed()?)))
            .collect::<Result<_, SnapshotError>>()?;
        let length = from.length(11)?;
        let parts = (0..length)
            .map(|_| {
                let blob = from.text()?.to_owned();
                let key = from.text()?.to_owned();
                Ok(PartRef { blob, key, length: from.unsigned()?, checksum: from.word()? })
            })
            .collect::<Result<_, SnapshotError>>()?;
        let checksum = xxh3_64(&bytes[..bytes.len() - from.remaining()]);
        if from.word()? != checksum {
            return Err(from.invalid("the checksum does not fit"));
        }
        from.finish()?;
        Ok(Manifest {
            number,
            sequence,
            journal_identity,
            folded,
            cut_at_ms,
            model_hash,
            state_hash,
            head,
            positions,
            parts,
        })
    }

    /// Bytes of all parts.
    pub fn size_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.length).sum()
    }
}

/// A whole checkpoint, found in the state topic.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Its manifest.
    pub manifest: Manifest,
    /// The blobs, in the manifest's order.
    pub blobs: Vec<Blob>,
    /// The manifest before it, if it is still there.
    pub previous: Option<Manifest>,
    /// Keys of parts that no manifest names: left by a checkpoint that was not completed.
    pub orphans: Vec<String>,
    /// The greatest checkpoint number seen in any key: the next one must be greater.
    pub number_max: u64,
}

impl Checkpoint {
    /// Finds the newest whole checkpoint among the records of a lane's state partition, given in their order (key,
    /// value; `None`: deleted). `Ok(None)`: there is none. A manifest whose parts are damaged is passed over for the
    /// one before it; if neither is whole, that is an error: nothing may be restored silently from nothing.
    pub fn find(
        records: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
    ) -> Result<Option<Checkpoint>, RestoreError> {
        let mut live: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut number_max = 0;
        for (key, value) in records {
            let Ok(key) = String::from_utf8(key) else { continue };
            if let Some(number) = key.split_once('/').and_then(|(number, _)| number.parse().ok()) {
                number_max = number_max.max(number);
            }
            match value {
                Some(value) => live.insert(key, value),
                None => live.remove(&key),
            };
        }
        let mut manifests = Vec::new();
        let mut failure = None;
        for key in [manifest_key(0), manifest_key(1)] {
            match live.get(&key).map(|bytes| Manifest::decode(bytes)) {
                Some(Ok(manifest)) => manifests.push(manifest),
                Some(Err(error)) => failure = Some(error),
                None => {}
            }
        }
        manifests.sort_by_key(|manifest| std::cmp::Reverse(manifest.number));
        let named = |key: &String| manifests.iter().any(|m| m.parts.iter().any(|part| part.key == *key));
        let orphans: Vec<String> =
            live.keys().filter(|key| !key.starts_with("manifest/") && !named(key)).cloned().collect();
        for (place, manifest) in manifests.iter().enumerate() {
            match collect(manifest, &live) {
                Ok(blobs) => {
                    return Ok(Some(Checkpoint {
                        manifest: manifest.clone(),
                        blobs,
                        previous: manifests.get(place + 1).cloned(),
                        orphans,
                        number_max: number_max.max(manifests[0].number),
                    }));
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) => Err(RestoreError::Damaged(error)),
            None => Ok(None),
        }
    }
}

fn collect(manifest: &Manifest, live: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Blob>, SnapshotError> {
    let mut blobs: Vec<Blob> = Vec::new();
    for part in &manifest.parts {
        let invalid = |reason: String| SnapshotError::Invalid {
            part: "checkpoint",
            reason: format!("part {}: {reason}", part.key),
        };
        let value = live.get(&part.key).ok_or_else(|| invalid("is not there".into()))?;
        if value.len() as u64 != part.length || xxh3_64(value) != part.checksum {
            return Err(invalid("length or checksum does not fit".into()));
        }
        match blobs.last_mut() {
            Some((name, bytes)) if *name == part.blob => bytes.extend_from_slice(value),
            _ => blobs.push((part.blob.clone(), value.clone())),
        }
    }
    Ok(blobs)
}

//! Writing checkpoints: in bounded portions over the following commits, only what changed.

use super::{Blob, Checkpoint, Manifest, PartRef, manifest_key};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xxhash_rust::xxh3::xxh3_64;

/// A state record: key, and value or deletion.
pub type StateRecord = (Vec<u8>, Option<Vec<u8>>);

/// Writes one lane's checkpoints.
#[derive(Debug, Default)]
pub struct CheckpointWriter {
    /// The newest manifests that are committed or on their way: the last, and the one before it.
    kept: VecDeque<Manifest>,
    /// Keys to be deleted with the next manifest.
    garbage: BTreeSet<String>,
    /// Number of the next checkpoint.
    next_number: u64,
    /// Records of the checkpoint under way that were not handed out yet, the manifest not among them.
    queue: VecDeque<StateRecord>,
    /// Manifest of the checkpoint under way.
    manifest: Option<Manifest>,
}

impl CheckpointWriter {
    /// Goes on behind a restored checkpoint.
    pub fn resume(checkpoint: &Checkpoint) -> Self {
        let kept = std::iter::once(checkpoint.manifest.clone()).chain(checkpoint.previous.clone()).collect();
        let next = checkpoint.number_max + 1;
        CheckpointWriter {
            kept,
            garbage: checkpoint.orphans.iter().cloned().collect(),
            // The next manifest must not take the key of the one restored from: odd and even take turns.
            next_number: if next % 2 == checkpoint.manifest.number % 2 { next + 1 } else { next },
            ..Self::default()
        }
    }

    /// Whether a checkpoint is under way.
    pub fn is_busy(&self) -> bool {
        self.manifest.is_some()
    }

    /// The last checkpoint whose manifest was handed out.
    pub fn last(&self) -> Option<&Manifest> {
        self.kept.front()
    }

    /// Begins a checkpoint of these blobs. `manifest` comes filled in but for number and parts.
    pub fn begin(&mut self, mut manifest: Manifest, blobs: &[Blob], part_bytes_max: usize) {
        manifest.number = self.next_number;
        self.next_number += 1;
        let known: BTreeMap<(&str, u64, u64), &str> = self
            .kept
            .front()
            .map(|last| {
                last.parts.iter().map(|p| ((p.blob.as_str(), p.length, p.checksum), p.key.as_str())).collect()
            })
            .unwrap_or_default();
        self.queue.clear();
        manifest.parts.clear();
        for (name, bytes) in blobs {
            // An empty blob still has one (empty) part, so that it is there when the checkpoint is read.
            let mut parts: Vec<&[u8]> = bytes.chunks(part_bytes_max.max(1)).collect();
            if parts.is_empty() {
                parts.push(&[]);
            }
            for part in parts {
                let (length, checksum) = (part.len() as u64, xxh3_64(part));
                let key = match known.get(&(name.as_str(), length, checksum)) {
                    Some(key) => (*key).to_owned(),
                    None => {
                        let key = format!("{}/{}", manifest.number, manifest.parts.len());
                        self.queue.push_back((key.clone().into_bytes(), Some(part.to_vec())));
                        key
                    }
                };
                manifest.parts.push(PartRef { blob: name.clone(), key, length, checksum });
            }
        }
        self.manifest = Some(manifest);
    }

    /// The next portion: at most `bytes_max` (but at least one record), the manifest with the last one.
    pub fn portion(&mut self, bytes_max: usize) -> Vec<StateRecord> {
        let mut portion = Vec::new();
        let mut bytes = 0;
        while let Some((_, value)) = self.queue.front() {
            let length = value.as_ref().map_or(0, Vec::len);
            if bytes > 0 && bytes + length > bytes_max {
                return portion;
            }
            bytes += length;
            portion.extend(self.queue.pop_front());
        }
        if let Some(manifest) = self.manifest.take() {
            self.complete(manifest, &mut portion);
        }
        portion
    }

    fn complete(&mut self, manifest: Manifest, portion: &mut Vec<StateRecord>) {
        portion.push((manifest_key(manifest.number).into_bytes(), Some(manifest.encode())));
        self.kept.push_front(manifest);
        while self.kept.len() > 2 {
            let dropped = self.kept.pop_back();
            self.garbage.extend(dropped.into_iter().flat_map(|m| m.parts).map(|part| part.key));
        }
        let named: BTreeSet<&str> =
            self.kept.iter().flat_map(|m| m.parts.iter().map(|part| part.key.as_str())).collect();
        let garbage = std::mem::take(&mut self.garbage);
        portion.extend(
            garbage
                .into_iter()
                .filter(|key| !named.contains(key.as_str()))
                .map(|key| (key.into_bytes(), None)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::RestoreError;
    use crate::journal::Head;

    fn manifest(sequence: u64) -> Manifest {
        let head = Head {
            cluster_id: String::new(),
            topics: Vec::new(),
            fingerprint: 0,
            meaning_version: 1,
            lanes: 1,
            lane: 0,
            generation: 1,
        };
        Manifest {
            number: 0,
            sequence,
            journal_identity: 5,
            folded: 1,
            cut_at_ms: 2,
            model_hash: 3,
            state_hash: 4,
            head,
            positions: Vec::new(),
            parts: Vec::new(),
        }
    }

    fn write(
        writer: &mut CheckpointWriter,
        log: &mut Vec<StateRecord>,
        sequence: u64,
        blobs: &[Blob],
    ) -> usize {
        writer.begin(manifest(sequence), blobs, 4);
        let mut portions = 0;
        while writer.is_busy() {
            log.extend(writer.portion(5));
            portions += 1;
        }
        portions
    }

    #[test]
    fn the_newest_whole_checkpoint_is_found_and_old_parts_are_deleted() {
        let (mut writer, mut log) = (CheckpointWriter::default(), Vec::new());
        let mut blobs = vec![("a".to_owned(), b"0123456789".to_vec()), ("b".to_owned(), Vec::new())];
        assert!(write(&mut writer, &mut log, 1, &blobs) > 1);
        for sequence in 2..9u8 {
            blobs[0].1[9] = sequence;
            write(&mut writer, &mut log, sequence.into(), &blobs);
        }
        let found = Checkpoint::find(log.clone()).unwrap().unwrap();
        assert_eq!(found.manifest.sequence, 8);
        assert_eq!(found.blobs, blobs);
        assert_eq!(found.previous.as_ref().unwrap().sequence, 7);
        assert!(found.orphans.is_empty());
        let mut live: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for (key, value) in &log {
            match value {
                Some(value) => assert!(
                    live.insert(key.clone(), value.clone()).is_none() || key.starts_with(b"manifest"),
                    "a key was written twice"
                ),
                None => assert!(live.remove(key).is_some(), "deleted what was not there"),
            }
        }
        assert_eq!(live.len(), 2 + 3 + 1 + 1, "two manifests, the shared parts, the last part of each");
    }

    #[test]
    fn a_checkpoint_that_was_not_completed_is_passed_over_and_cleaned_up() {
        let (mut writer, mut log) = (CheckpointWriter::default(), Vec::new());
        write(&mut writer, &mut log, 1, &[("a".into(), b"first".to_vec())]);
        writer.begin(manifest(2), &[("a".into(), b"other bytes".to_vec())], 4);
        log.extend(writer.portion(4));
        let found = Checkpoint::find(log.clone()).unwrap().unwrap();
        assert_eq!((found.manifest.sequence, found.orphans.len()), (1, 1));
        let mut writer = CheckpointWriter::resume(&found);
        write(&mut writer, &mut log, 3, &[("a".into(), b"third".to_vec())]);
        let found = Checkpoint::find(log).unwrap().unwrap();
        assert_eq!((found.manifest.sequence, found.manifest.number, found.orphans.len()), (3, 3, 0));
    }

    #[test]
    fn a_damaged_part_is_an_error_where_no_older_checkpoint_is_whole() {
        let (mut writer, mut log) = (CheckpointWriter::default(), Vec::new());
        write(&mut writer, &mut log, 1, &[("a".into(), b"first".to_vec())]);
        log[0].1.as_mut().unwrap()[0] ^= 1;
        assert!(matches!(Checkpoint::find(log), Err(RestoreError::Damaged(_))));
        assert!(Checkpoint::find(Vec::new()).unwrap().is_none());
    }
}

//! What the broker knows besides records: topics, groups, offsets, transactions. A table in memory, and a file that it is
//! read from after a restart.
//!
//! One line is one change, whole or not at all:
//!
//! ```text
//! 1c291ca3 [[{"Topic":"flights"},{..}],[{"Offset":["g","flights",0]},null]]
//! ^ CRC-32C of the rest of the line  ^ key      ^ value          ^ a key that goes
//! ```
//!
//! The file is written anew when most of it is outdated.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The file is not written anew before it has this many bytes.
const REWRITE_BYTES: u64 = 16 << 20;
/// Bytes of keys and values that the table may hold.
const TABLE_BYTES_MAX: u64 = 1 << 30;

/// What is known by a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// The cluster's id.
    Cluster,
    /// The producer id from which on none has been given away.
    ProducerIds,
    /// A topic by its name.
    Topic(String),
    /// The first offset of a partition, where records before it were removed.
    LogStart(Uuid, i32),
    /// The members of a group.
    Group(String),
    /// An offset that a group committed: group, topic, partition.
    Offset(String, String, i32),
    /// Offsets of a transaction that is not decided: group, producer id.
    Pending(String, i64),
    /// A transactional id.
    Transaction(String),
}

/// A change: keys and their new values; `None`: the key goes.
#[derive(Debug, Default)]
pub struct Change(Vec<(String, Option<String>)>);

/// The state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not as it was written.
    #[error(
        "{path}: line {line} is damaged; put a copy of the file in its place, or begin with an empty folder"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// The table.
#[derive(Debug)]
pub struct State {
    live: BTreeMap<String, String>,
    live_bytes: u64,
    file: Option<(PathBuf, File)>,
    file_bytes: u64,
    sync: bool,
}

impl Change {
    /// Sets a value.
    pub fn set(&mut self, key: &Key, value: &impl Serialize) -> io::Result<()> {
        self.0.push((serde_json::to_string(key)?, Some(serde_json::to_string(value)?)));
        Ok(())
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &Key) -> io::Result<()> {
        self.0.push((serde_json::to_string(key)?, None));
        Ok(())
    }

    fn line(&self) -> String {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(key, value)| format!("[{key},{}]", value.as_deref().unwrap_or("null")))
            .collect();
        let text = format!("[{}]", pairs.join(","));
        format!("{:08x} {text}\n", crc32c::crc32c(text.as_bytes()))
    }

    fn parse(line: &[u8]) -> Option<Change> {
        let (sum, text) = line.split_at_checked(9)?;
        let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?.trim_end(), 16).ok()?;
        let text = text.strip_suffix(b"\n")?;
        if sum != crc32c::crc32c(text) {
            return None;
        }
        let pairs: Vec<(Key, serde_json::Value)> = serde_json::from_slice(text).ok()?;
        let mut change = Change::default();
        for (key, value) in pairs {
            if value.is_null() { change.remove(&key).ok()? } else { change.set(&key, &value).ok()? }
        }
        Some(change)
    }
}

impl State {
    /// A table in memory only.
    pub fn in_memory() -> State {
        State { live: BTreeMap::new(), live_bytes: 0, file: None, file_bytes: 0, sync: false }
    }

    /// The table that a file describes; `sync`: every change waits until it is on the disk.
    pub fn open(path: &Path, sync: bool) -> Result<State, StateError> {
        let failed = |source| StateError::Io { path: path.to_path_buf(), source };
        let mut state = State::in_memory();
        state.sync = sync;
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let file = File::options().write(true).create(true).truncate(false).open(path).map_err(failed)?;
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match Change::parse(line) {
                Some(change) => state.apply(change),
                None if !line.ends_with(b"\n") => {
                    log::warn!(
                        "{}: the last {} bytes are a write that a crash cut short, and are removed",
                        path.display(),
                        line.len()
                    );
                    file.set_len(state.file_bytes).map_err(failed)?;
                    break;
                }
                None => return Err(StateError::Damaged { path: path.to_path_buf(), line: at + 1 }),
            }
            state.file_bytes += line.len() as u64;
        }
        state.file = Some((path.to_path_buf(), file));
        Ok(state)
    }

    /// Makes a change: when this returns it outlives a crash of the process.
    pub fn put(&mut self, change: Change) -> io::Result<()> {
        let grows = change.0.iter().any(|(_, value)| value.is_some());
        if grows && self.live_bytes > TABLE_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "too many groups, offsets and transactions",
            ));
        }
        if let Some((_, file)) = &self.file {
            let line = change.line();
            file.write_all_at(line.as_bytes(), self.file_bytes)
                .and_then(|()| if self.sync { file.sync_data() } else { Ok(()) })
                .inspect_err(|_| drop(file.set_len(self.file_bytes)))?;
            self.file_bytes += line.len() as u64;
        }
        self.apply(change);
        if self.file_bytes > REWRITE_BYTES && self.file_bytes / 4 > self.live_bytes {
            // The change is made; what failed here is tried again with the next one.
            self.rewrite()
                .unwrap_or_else(|error| log::warn!("the state file cannot be written anew: {error}"));
        }
        Ok(())
    }

    fn apply(&mut self, change: Change) {
        for (key, value) in change.0 {
            let size = key.len() as u64;
            let old = match value {
                Some(value) => {
                    self.live_bytes += size + value.len() as u64;
                    self.live.insert(key, value)
                }
                None => self.live.remove(&key),
            };
            self.live_bytes -= old.map_or(0, |old| size + old.len() as u64);
        }
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let Some((path, _)) = &self.file else { return Ok(()) };
        let fresh = path.with_extension("new");
        let mut text = String::new();
        for (key, value) in &self.live {
            text += &Change(vec![(key.clone(), Some(value.clone()))]).line();
        }
        fs::write(&fresh, &text)?;
        let file = File::options().write(true).open(&fresh)?;
        file.sync_data()?;
        fs::rename(&fresh, path)?;
        self.file_bytes = text.len() as u64;
        self.file = Some((path.clone(), file));
        Ok(())
    }

    /// A value.
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        serde_json::from_str(self.live.get(&serde_json::to_string(key).ok()?)?).ok()
    }

    /// Every key and its value.
    pub fn all(&self) -> impl Iterator<Item = (Key, &str)> {
        self.live.iter().filter_map(|(key, value)| Some((serde_json::from_str(key).ok()?, value.as_str())))
    }

    /// Bytes are handed to the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |(_, file)| file.sync_data())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(state: &mut State, name: &str, value: i32) {
        let mut change = Change::default();
        change.set(&Key::Topic(name.to_string()), &value).unwrap();
        state.put(change).unwrap();
    }

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("streamfold-state-{name}-{}", std::process::id()));
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).unwrap();
        folder.join("state")
    }

    #[test]
    fn what_was_put_is_there_again_and_a_torn_line_is_cut() {
        let path = scratch("torn");
        let mut state = State::open(&path, false).unwrap();
        set(&mut state, "a", 1);
        set(&mut state, "b\n\"", 2);
        let mut change = Change::default();
        change.remove(&Key::Topic("a".to_string())).unwrap();
        change.set(&Key::Cluster, &"x").unwrap();
        state.put(change).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], &whole[..7]].concat()).unwrap();
        let state = State::open(&path, false).unwrap();
        assert_eq!(state.get::<i32>(&Key::Topic("a".to_string())), None);
        assert_eq!(state.get::<i32>(&Key::Topic("b\n\"".to_string())), Some(2));
        assert_eq!(state.get::<String>(&Key::Cluster).as_deref(), Some("x"));
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_damaged_line_is_named() {
        let path = scratch("damaged");
        let mut state = State::open(&path, false).unwrap();
        set(&mut state, "a", 1);
        set(&mut state, "b", 2);
        let mut bytes = fs::read(&path).unwrap();
        bytes[12] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(State::open(&path, false), Err(StateError::Damaged { line: 1, .. })));
    }

    #[test]
    fn a_file_written_anew_says_the_same() {
        let path = scratch("anew");
        let mut state = State::open(&path, false).unwrap();
        (0..100).for_each(|i| set(&mut state, "a", i));
        set(&mut state, "b", 7);
        let before = fs::metadata(&path).unwrap().len();
        state.rewrite().unwrap();
        set(&mut state, "c", 8);
        assert!(fs::metadata(&path).unwrap().len() < before / 10);
        let state = State::open(&path, false).unwrap();
        let all: Vec<_> = ["a", "b", "c"].map(|name| state.get::<i32>(&Key::Topic(name.to_string()))).into();
        assert_eq!(all, [Some(99), Some(7), Some(8)]);
    }
}

//! Topics and their partitions.

use crate::settings::{SettingError, Settings};
use crate::state::{Change, Key, State};
use crate::store::data::Place;
use crate::store::files::Files;
use crate::store::log::{AppendError, Appended, PartitionLog};
use crate::store::room::Room;
use crate::sync::{lock, read, write};
use crate::watch::{Watcher, Watchers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use uuid::Uuid;

/// All topics.
#[derive(Debug)]
pub struct Topics {
    by_name: RwLock<BTreeMap<String, Arc<Topic>>>,
    /// The folder with a folder for each topic; `None`: in memory.
    folder: Option<PathBuf>,
    files: Arc<Files>,
    room: Arc<Room>,
    partitions: AtomicUsize,
    partitions_max: usize,
}

/// A topic.
#[derive(Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id, another one when it is made anew.
    pub id: Uuid,
    settings: RwLock<Arc<Settings>>,
    partitions: RwLock<Vec<Arc<Partition>>>,
}

/// A partition of a topic.
#[derive(Debug)]
pub struct Partition {
    /// Its number.
    pub index: i32,
    /// Its records.
    pub log: Mutex<PartitionLog>,
    watchers: Watchers,
}

/// A topic as the state knows it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    id: Uuid,
    partitions: i32,
    settings: BTreeMap<String, String>,
}

/// Why a topic was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// It is there.
    #[error("Topic '{0}' already exists.")]
    Exists(String),
    /// It is not there.
    #[error("This server does not host this topic.")]
    Unknown,
    /// No name for a topic.
    #[error("the name of a topic has 1 to 249 letters, digits, '.', '_' or '-', and is neither '.' nor '..'")]
    Name,
    /// No number of partitions.
    #[error("{0}")]
    Partitions(String),
    /// A setting is not accepted.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// It cannot be stored.
    #[error("cannot be stored: {0}")]
    Storage(#[from] io::Error),
}

impl Topics {
    /// No topics; in this folder or in memory.
    pub fn new(folder: Option<PathBuf>, files: Arc<Files>, room: Arc<Room>, partitions_max: usize) -> Topics {
        Topics {
            by_name: RwLock::default(),
            folder,
            files,
            room,
            partitions: AtomicUsize::new(0),
            partitions_max,
        }
    }

    /// Opens the topics that the state knows; what belongs to none is removed.
    pub fn open(&self, state: &State, now_ms: i64) -> io::Result<()> {
        let mut by_name = write(&self.by_name);
        for (key, value) in state.all() {
            let Key::Topic(name) = key else { continue };
            let kept: Kept = serde_json::from_str(value)?;
            let settings = Settings::new(kept.settings).map_err(io::Error::other)?;
            let mut partitions = Vec::new();
            for index in 0..kept.partitions {
                let start = state.get(&Key::LogStart(kept.id, index)).unwrap_or(0);
                let log = PartitionLog::open(self.place(kept.id, index), start, now_ms)?;
                partitions.push(Arc::new(Partition::new(index, log)));
            }
            let topic = Topic {
                name: name.clone(),
                id: kept.id,
                settings: RwLock::new(Arc::new(settings)),
                partitions: RwLock::new(partitions),
            };
            self.partitions.fetch_add(topic.partition_count(), Ordering::Relaxed);
            by_name.insert(name, Arc::new(topic));
        }
        let Some(folder) = &self.folder else { return Ok(()) };
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !by_name.values().any(|topic| topic.id.to_string() == name) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    fn place(&self, id: Uuid, index: i32) -> Place {
        Place {
            folder: self.folder.as_ref().map(|folder| folder.join(id.to_string()).join(index.to_string())),
            files: Arc::clone(&self.files),
            room: Arc::clone(&self.room),
        }
    }

    /// A topic by its name.
    pub fn get(&self, name: &str) -> Option<Arc<Topic>> {
        read(&self.by_name).get(name).cloned()
    }

    /// A topic by its id.
    pub fn by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        read(&self.by_name).values().find(|topic| topic.id == id).cloned()
    }

    /// All topics in the order of their names.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        read(&self.by_name).values().cloned().collect()
    }

    /// A partition.
    pub fn partition(&self, topic: &str, index: i32) -> Option<(Arc<Topic>, Arc<Partition>)> {
        let topic = self.get(topic)?;
        let partition = topic.partition(index)?;
        Some((topic, partition))
    }

    /// Makes a topic; `dry_run`: only says whether it could be made.
    pub fn create(
        &self,
        state: &Mutex<State>,
        name: &str,
        partitions: i32,
        given: BTreeMap<String, String>,
        dry_run: bool,
    ) -> Result<Arc<Topic>, TopicError> {
        check_name(name)?;
        let settings = Settings::new(given)?;
        let mut by_name = write(&self.by_name);
        if by_name.contains_key(name) {
            return Err(TopicError::Exists(name.to_string()));
        }
        self.check_count(partitions, 0)?;
        let id = Uuid::new_v4();
        let kept = Kept { id, partitions, settings: settings.given.clone() };
        let topic = Arc::new(Topic {
            name: name.to_string(),
            id,
            settings: RwLock::new(Arc::new(settings)),
            partitions: RwLock::new((0..partitions).map(|index| self.fresh(id, index)).collect()),
        });
        if !dry_run {
            keep(state, name, &kept)?;
            self.partitions.fetch_add(topic.partition_count(), Ordering::Relaxed);
            by_name.insert(name.to_string(), Arc::clone(&topic));
        }
        Ok(topic)
    }

    fn fresh(&self, id: Uuid, index: i32) -> Arc<Partition> {
        Arc::new(Partition::new(index, PartitionLog::new(self.place(id, index))))
    }

    fn check_count(&self, wanted: i32, has: usize) -> Result<(), TopicError> {
        if wanted < 1 {
            return Err(TopicError::Partitions("Number of partitions must be larger than 0.".to_string()));
        }
        let all = self.partitions.load(Ordering::Relaxed);
        if all + wanted as usize - has > self.partitions_max {
            let text = format!("this broker has at most {} partitions, {all} are there", self.partitions_max);
            return Err(TopicError::Partitions(text));
        }
        Ok(())
    }

    /// Gives a topic more partitions.
    pub fn grow(
        &self,
        state: &Mutex<State>,
        name: &str,
        count: i32,
        dry_run: bool,
    ) -> Result<(), TopicError> {
        let by_name = write(&self.by_name);
        let topic = by_name.get(name).ok_or(TopicError::Unknown)?;
        let has = topic.partition_count();
        if count as i64 <= has as i64 {
            let text = format!(
                "The topic {name} currently has {has} partition(s); {count} would not be an increase."
            );
            return Err(TopicError::Partitions(text));
        }
        self.check_count(count, has)?;
        if !dry_run {
            let settings = topic.settings().given.clone();
            keep(state, name, &Kept { id: topic.id, partitions: count, settings })?;
            self.partitions.fetch_add(count as usize - has, Ordering::Relaxed);
            write(&topic.partitions).extend((has as i32..count).map(|index| self.fresh(topic.id, index)));
        }
        Ok(())
    }

    /// Gives a topic other settings.
    pub fn configure(
        &self,
        state: &Mutex<State>,
        name: &str,
        given: BTreeMap<String, String>,
        dry_run: bool,
    ) -> Result<(), TopicError> {
        let by_name = write(&self.by_name);
        let topic = by_name.get(name).ok_or(TopicError::Unknown)?;
        let settings = Settings::new(given)?;
        if !dry_run {
            let partitions = topic.partition_count() as i32;
            keep(state, name, &Kept { id: topic.id, partitions, settings: settings.given.clone() })?;
            *write(&topic.settings) = Arc::new(settings);
        }
        Ok(())
    }

    /// Removes a topic and its records.
    pub fn delete(&self, state: &Mutex<State>, name: &str) -> Result<Arc<Topic>, TopicError> {
        let mut by_name = write(&self.by_name);
        let topic = by_name.get(name).cloned().ok_or(TopicError::Unknown)?;
        let mut change = Change::default();
        change.remove(&Key::Topic(name.to_string()))?;
        for index in 0..topic.partition_count() {
            change.remove(&Key::LogStart(topic.id, index as i32))?;
        }
        lock(state).put(change)?;
        by_name.remove(name);
        drop(by_name);
        // From here on it is gone; files that stay are removed at the next start.
        let partitions = std::mem::take(&mut *write(&topic.partitions));
        self.partitions.fetch_sub(partitions.len(), Ordering::Relaxed);
        let removed: io::Result<()> = partitions.iter().try_for_each(|partition| {
            partition.wake();
            lock(&partition.log).remove_all()
        });
        let folder = self.folder.as_ref().map(|folder| folder.join(topic.id.to_string()));
        let removed = removed.and_then(|()| match folder.filter(|folder| folder.exists()) {
            Some(folder) => fs::remove_dir_all(folder),
            None => Ok(()),
        });
        removed.unwrap_or_else(|error| log::warn!("files of the deleted topic {name} stay: {error}"));
        Ok(topic)
    }
}

fn keep(state: &Mutex<State>, name: &str, kept: &Kept) -> io::Result<()> {
    let mut change = Change::default();
    change.set(&Key::Topic(name.to_string()), kept)?;
    lock(state).put(change)
}

fn check_name(name: &str) -> Result<(), TopicError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match (1..=249).contains(&name.len()) && name.bytes().all(legal) && name != "." && name != ".." {
        true => Ok(()),
        false => Err(TopicError::Name),
    }
}

impl Topic {
    /// Its settings.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&read(&self.settings))
    }

    /// How many partitions it has.
    pub fn partition_count(&self) -> usize {
        read(&self.partitions).len()
    }

    /// Its partitions in order.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        read(&self.partitions).clone()
    }

    /// One of its partitions.
    pub fn partition(&self, index: i32) -> Option<Arc<Partition>> {
        read(&self.partitions).get(usize::try_from(index).ok()?).cloned()
    }
}

impl Partition {
    fn new(index: i32, log: PartitionLog) -> Partition {
        Partition { index, log: Mutex::new(log), watchers: Watchers::default() }
    }

    /// Appends a batch and wakes those who wait for one.
    pub fn append(&self, batch: &[u8], settings: &Settings, now_ms: i64) -> Result<Appended, AppendError> {
        let outcome = lock(&self.log).append(batch, settings, now_ms);
        self.wake();
        outcome
    }

    /// Ends the transaction of a producer here, if one is open.
    pub fn end_transaction(
        &self,
        producer: (i64, i16),
        commit: bool,
        settings: &Settings,
        now_ms: i64,
    ) -> io::Result<()> {
        let mut log = lock(&self.log);
        if log.producers().is_open(producer.0) {
            log.append_marker(producer.0, producer.1, commit, settings, now_ms)?;
            drop(log);
            self.wake();
        }
        Ok(())
    }

    /// Has the watcher woken by the next append.
    pub fn watch(&self, watcher: &Arc<Watcher>) {
        self.watchers.add(watcher);
    }

    fn wake(&self) {
        self.watchers.wake();
    }
}

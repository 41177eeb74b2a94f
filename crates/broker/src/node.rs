//! The one node: everything that requests are answered from.

use crate::clock::{now_ms, uptime_ms};
use crate::config::{Config, Fsync, Store};
use crate::group::Groups;
use crate::state::{Change, Key, State};
use crate::store::files::Files;
use crate::store::room::Room;
use crate::sync::lock;
use crate::topics::Topics;
use crate::transaction::Transactions;
use crate::transaction::end::World;
use crate::{StartError, wire};
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use uuid::Uuid;
use wire::budget::Budget;

/// Segment files that are open at a time.
const OPEN_FILES_MAX: usize = 256;
/// The only node's id.
pub const NODE_ID: i32 = 1;

/// What all threads share.
#[derive(Debug)]
pub struct Node {
    /// How it was started.
    pub config: Config,
    /// The cluster's id, the same after a restart.
    pub cluster_id: String,
    /// What is kept besides records.
    pub state: Mutex<State>,
    /// Topics.
    pub topics: Topics,
    /// Groups.
    pub groups: Groups,
    /// Transactions.
    pub transactions: Transactions,
    /// Memory for requests.
    pub requests: Budget,
    /// Memory for answers.
    pub answers: Budget,
    stopping: AtomicBool,
    /// Locked as long as the broker runs, so that no second one uses the folder.
    lock: Option<File>,
}

impl Node {
    /// Opens what is stored.
    pub fn open(config: Config) -> Result<Node, StartError> {
        let now_ms = now_ms();
        let (folder, bytes_max) = match &config.store {
            Store::Directory(folder) => (Some(folder.clone()), config.limits.stored_bytes_max),
            Store::Memory => (None, config.limits.stored_bytes_max.min(config.limits.memory_bytes_max)),
        };
        let lock_file = folder.as_deref().map(lock_folder).transpose()?;
        let state = match &folder {
            Some(folder) => State::open(&folder.join("state"), config.fsync == Fsync::EveryAppend)?,
            None => State::in_memory(),
        };
        let at = |source| StartError::Store { path: folder.clone().unwrap_or_default(), source };
        let files = Arc::new(Files::new(OPEN_FILES_MAX));
        let room = Arc::new(Room::new(bytes_max));
        let logs = folder.as_ref().map(|folder| folder.join("topics"));
        let topics = Topics::new(logs, files, room, config.limits.partitions_max);
        topics.open(&state, now_ms).map_err(at)?;
        let groups = Groups::open(&state, uptime_ms()).map_err(at)?;
        let transactions = Transactions::open(&state).map_err(at)?;
        let state = Mutex::new(state);
        let cluster_id = cluster_id(&state).map_err(at)?;
        let requests = Budget::new(config.limits.request_memory_bytes_max);
        let answers = Budget::new(config.limits.answer_memory_bytes_max);
        let stopping = AtomicBool::new(false);
        let node = Node {
            config,
            cluster_id,
            state,
            topics,
            groups,
            transactions,
            requests,
            answers,
            stopping,
            lock: lock_file,
        };
        node.transactions.recover(node.world());
        Ok(node)
    }

    /// What the end of a transaction touches.
    pub fn world(&self) -> World<'_> {
        World { state: &self.state, topics: &self.topics, groups: &self.groups, now_ms: now_ms() }
    }

    /// Whether the broker is to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Has everyone who waits give up.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A process that is just being started may hold a copy of the open file for a moment.
        if let Some(Err(error)) = self.lock.as_ref().map(File::unlock) {
            log::warn!("the folder's lock: {error}");
        }
    }
}

fn cluster_id(state: &Mutex<State>) -> std::io::Result<String> {
    let mut state = lock(state);
    if let Some(id) = state.get(&Key::Cluster) {
        return Ok(id);
    }
    let id = Uuid::new_v4().simple().to_string()[..22].to_string();
    let mut change = Change::default();
    change.set(&Key::Cluster, &id)?;
    state.put(change)?;
    Ok(id)
}

fn lock_folder(folder: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Store { path: folder.to_path_buf(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let file = File::create(folder.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StartError::InUse(folder.to_path_buf())),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

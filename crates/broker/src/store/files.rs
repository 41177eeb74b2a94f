//! Open files, no more of them at a time than the process can have.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// A bounded table of open files; the one not used for the longest time is closed for a new one.
#[derive(Debug)]
pub struct Files {
    open: Mutex<Open>,
    next_id: AtomicU64,
    open_max: usize,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<u64, (Arc<File>, u64)>,
    clock: u64,
}

impl Files {
    /// A table of at most so many files.
    pub fn new(open_max: usize) -> Files {
        Files { open: Mutex::default(), next_id: AtomicU64::new(0), open_max }
    }

    /// A number for a file, under which it is found again.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The file, for reading and writing; made where there is none.
    pub fn open(&self, id: u64, path: &Path) -> io::Result<Arc<File>> {
        let mut open = lock(&self.open);
        open.clock += 1;
        let now = open.clock;
        if let Some((file, used)) = open.files.get_mut(&id) {
            *used = now;
            return Ok(Arc::clone(file));
        }
        if open.files.len() >= self.open_max
            && let Some(oldest) = open.files.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id)
        {
            open.files.remove(&oldest);
        }
        let file = Arc::new(File::options().read(true).write(true).create(true).truncate(false).open(path)?);
        open.files.insert(id, (Arc::clone(&file), now));
        Ok(file)
    }

    /// Closes a file that is not needed any more.
    pub fn close(&self, id: u64) {
        lock(&self.open).files.remove(&id);
    }
}

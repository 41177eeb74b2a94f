//! Waiting until something happens to any of several partitions.

use crate::sync::lock;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Someone who waits.
#[derive(Debug, Default)]
pub struct Watcher {
    woken: Mutex<bool>,
    signal: Condvar,
}

/// Those who wait for one thing.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<Vec<Weak<Watcher>>>);

impl Watcher {
    /// Waits until woken, or for so long. What happened since the last wait counts.
    pub fn wait(&self, timeout: Duration) {
        let woken = lock(&self.woken);
        let (mut woken, _) = self
            .signal
            .wait_timeout_while(woken, timeout, |woken| !*woken)
            .unwrap_or_else(PoisonError::into_inner);
        *woken = false;
    }

    /// Wakes it.
    pub fn wake(&self) {
        *lock(&self.woken) = true;
        self.signal.notify_all();
    }
}

impl Watchers {
    /// One more; those who have gone are forgotten.
    pub fn add(&self, watcher: &Arc<Watcher>) {
        let mut watchers = lock(&self.0);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(Arc::downgrade(watcher));
    }

    /// Wakes all; they stay until they are gone.
    pub fn wake(&self) {
        for watcher in lock(&self.0).iter().filter_map(Weak::upgrade) {
            watcher.wake();
        }
    }
}

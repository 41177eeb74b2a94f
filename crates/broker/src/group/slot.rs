//! An answer that somebody waits for.

use crate::sync::lock;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often one who waits looks whether the broker stops.
const LOOK: Duration = Duration::from_millis(200);

/// A place for one answer.
#[derive(Debug)]
pub struct Slot<T>(Mutex<Option<T>>, Condvar);

impl<T> Slot<T> {
    /// An empty one.
    pub fn new() -> Arc<Slot<T>> {
        Arc::new(Slot(Mutex::new(None), Condvar::new()))
    }

    /// Gives the answer.
    pub fn fill(&self, answer: T) {
        *lock(&self.0) = Some(answer);
        self.1.notify_all();
    }

    /// Waits for the answer; `None` when `stopping` says that none will come.
    pub fn wait(&self, stopping: impl Fn() -> bool) -> Option<T> {
        let mut answer = lock(&self.0);
        while answer.is_none() && !stopping() {
            answer = self.1.wait_timeout(answer, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        answer.take()
    }
}

//! Memory that all connections share: who wants more than is left waits.

use crate::sync::lock;
use std::sync::{Condvar, Mutex, PoisonError};

/// Less than this is not counted: as much as every connection has anyway.
pub const UNCOUNTED_BYTES: usize = 16 << 10;

/// A number of bytes.
#[derive(Debug)]
pub struct Budget {
    left: Mutex<usize>,
    given_back: Condvar,
    all: usize,
}

/// Bytes taken from a budget until this is dropped.
#[derive(Debug)]
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Budget {
        Budget { left: Mutex::new(bytes), given_back: Condvar::new(), all: bytes }
    }

    /// Waits until so much is left, and takes it. More than there ever is counts as all of it.
    pub fn take(&self, bytes: usize) -> Share<'_> {
        let bytes = if bytes <= UNCOUNTED_BYTES { 0 } else { bytes.min(self.all) };
        let left = lock(&self.left);
        let mut left =
            self.given_back.wait_while(left, |left| *left < bytes).unwrap_or_else(PoisonError::into_inner);
        *left -= bytes;
        Share { budget: self, bytes }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *lock(&self.budget.left) += self.bytes;
        self.budget.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_is_out_than_there_is() {
        let budget = Arc::new(Budget::new(100_000));
        let (out, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (budget, out, most) = (Arc::clone(&budget), Arc::clone(&out), Arc::clone(&most));
                std::thread::spawn(move || {
                    for _ in 0..200 {
                        let share = budget.take(40_000);
                        most.fetch_max(out.fetch_add(40_000, Ordering::SeqCst) + 40_000, Ordering::SeqCst);
                        std::thread::yield_now();
                        out.fetch_sub(40_000, Ordering::SeqCst);
                        drop(share);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(most.load(Ordering::SeqCst) <= 100_000);
        drop(budget.take(usize::MAX));
    }
}

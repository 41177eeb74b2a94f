//! What the group and the process want of a lane.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// What is wanted; only ever rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// Go on.
    Run,
    /// Commit what is folded, then end.
    Drain,
    /// End at once, commit nothing more.
    Drop,
}

/// A wish, shared between the membership thread and a lane's threads.
#[derive(Debug, Default)]
pub(super) struct Control(AtomicU8);

impl Control {
    pub(super) fn wish(&self) -> Wish {
        match self.0.load(Ordering::Acquire) {
            0 => Wish::Run,
            1 => Wish::Drain,
            _ => Wish::Drop,
        }
    }

    pub(super) fn want(&self, wish: Wish) {
        self.0.fetch_max(wish as u8, Ordering::AcqRel);
    }

    /// Sleeps, but not past the moment when the wish becomes `limit` or more; says whether it did.
    pub(super) fn sleep(&self, duration: Duration, limit: Wish) -> bool {
        let end = Instant::now() + duration;
        while self.wish() < limit {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_only_rises() {
        let control = Control::default();
        assert_eq!(control.wish(), Wish::Run);
        control.want(Wish::Drop);
        control.want(Wish::Drain);
        assert_eq!(control.wish(), Wish::Drop);
        assert!(control.sleep(Duration::from_secs(60), Wish::Drain));
    }
}

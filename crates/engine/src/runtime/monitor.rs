//! What a run tells about itself: how each lane stands, for `/metrics` and `/ready`.

use super::control::Wish;
use crate::lane::{Counters, Gauges, Report};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use streamfold_flow::Partition;

/// Upper bounds, in seconds, of the buckets of commit durations.
pub const COMMIT_BOUNDS_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Durations counted in buckets of [`COMMIT_BOUNDS_SECONDS`].
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// How many fell into each bucket; the last one: longer than all bounds.
    pub buckets: [u64; COMMIT_BOUNDS_SECONDS.len() + 1],
    /// Sum of all, in seconds.
    pub sum_seconds: f64,
}

impl Histogram {
    pub(super) fn observe(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.buckets[COMMIT_BOUNDS_SECONDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum_seconds += seconds;
    }
}

/// What a lane is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Taking over: transactional id, state, journal.
    #[default]
    Starting,
    /// Folding again along the journal.
    Restoring,
    /// Folding on.
    Live,
    /// Committing the rest.
    Draining,
    /// Everything is folded and committed.
    Finished,
}

impl Phase {
    /// Of a lane that is wanted to do this, and still folds along its journal or not.
    pub(super) fn of(wish: Wish, is_restoring: bool) -> Phase {
        match wish {
            Wish::Run if is_restoring => Phase::Restoring,
            Wish::Run => Phase::Live,
            Wish::Drain | Wish::Drop => Phase::Draining,
        }
    }
}

/// How a lane stands.
#[derive(Clone, Debug, Default)]
pub struct LaneView {
    /// What it is doing.
    pub phase: Phase,
    /// What happened in it.
    pub counters: Counters,
    /// How it stands.
    pub gauges: Gauges,
    /// How well its model and the baselines do.
    pub report: Option<Report>,
    /// The features by how much they move predictions, the greatest first (see [`Monitor::watch_influence`]).
    pub influence: Vec<(Arc<str>, f64)>,
    /// Offsets committed: the next ones to fold after a crash.
    pub committed: Vec<(Partition, i64)>,
    /// How long commits took.
    pub commits: Histogram,
    /// How often the lane's transactional id was taken from it.
    pub fences: u64,
}

/// What the run tells about itself.
#[derive(Debug, Default)]
pub struct Monitor {
    lanes: Mutex<BTreeMap<u32, LaneView>>,
    ends: Mutex<BTreeMap<Partition, i64>>,
    assigned: AtomicU64,
    revoked: AtomicU64,
    lost: AtomicU64,
    influence: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Monitor {
    /// The lanes of this process.
    pub fn lanes(&self) -> BTreeMap<u32, LaneView> {
        lock(&self.lanes).clone()
    }

    /// Whether this process has lanes and all of them fold the live log.
    pub fn is_ready(&self) -> bool {
        let lanes = lock(&self.lanes);
        !lanes.is_empty() && lanes.values().all(|lane| matches!(lane.phase, Phase::Live | Phase::Finished))
    }

    /// How often lanes were assigned, revoked and lost.
    pub fn rebalances(&self) -> [(&'static str, u64); 3] {
        [("assigned", &self.assigned), ("revoked", &self.revoked), ("lost", &self.lost)]
            .map(|(kind, count)| (kind, count.load(Ordering::Relaxed)))
    }

    /// Ends of the inputs as last asked for.
    pub fn ends(&self) -> BTreeMap<Partition, i64> {
        lock(&self.ends).clone()
    }

    /// Notes ends of inputs.
    pub fn set_ends(&self, ends: impl IntoIterator<Item = (Partition, i64)>) {
        lock(&self.ends).extend(ends);
    }

    /// Has lanes find out how much each feature moves predictions, which takes a little time and changes no result.
    pub fn watch_influence(&self) {
        self.influence.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_influence_watched(&self) -> bool {
        self.influence.load(Ordering::Relaxed)
    }

    pub(super) fn count_assigned(&self) {
        self.assigned.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_revoked(&self) {
        self.revoked.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn update(&self, lane: u32, change: impl FnOnce(&mut LaneView)) {
        change(lock(&self.lanes).entry(lane).or_default());
    }

    pub(super) fn remove(&self, lane: u32) {
        lock(&self.lanes).remove(&lane);
    }
}

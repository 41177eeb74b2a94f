//! How a tree keeps to its bound of memory: only those leaves observe that promise most.

use super::arena::Arena;

/// A tree over its bound is brought to this share of it, so that it is not over it again at once.
const MEMORY_SHARE: f64 = 0.9;

/// A leaf that can stop to observe its events, and begin again.
pub(crate) trait Observes {
    /// What a split of it could gain.
    fn promise(&self) -> f64;
    /// Bytes that rest would free.
    fn observer_bytes(&self) -> usize;
    /// Begins to observe, where it is at rest.
    fn wake(&mut self);
    /// Stops to observe.
    fn rest(&mut self);
}

/// Lets as many leaves observe as fit, those that promise most; `memory_bytes` is what all nodes take now.
pub(crate) fn keep_most_promising<L: Observes>(
    arena: &mut Arena<L>,
    roots: impl Iterator<Item = u32>,
    memory_bytes: usize,
    bytes_max: usize,
) {
    let leaves: Vec<u32> = roots.flat_map(|root| arena.leaves(root)).collect();
    let mut by_promise: Vec<(u32, f64, usize)> = Vec::with_capacity(leaves.len());
    let (mut observed, mut observing) = (0, 0);
    for place in leaves {
        if let Some(leaf) = arena.leaf(place) {
            let bytes = leaf.observer_bytes();
            observed += bytes;
            observing += usize::from(bytes > 0);
            by_promise.push((place, leaf.promise(), bytes));
        }
    }
    // Stable: the first of equals stays awake.
    by_promise.sort_by(|a, b| b.1.total_cmp(&a.1));
    let fixed = memory_bytes.saturating_sub(observed);
    let mut left = ((bytes_max as f64 * MEMORY_SHARE) as usize).saturating_sub(fixed);
    let usual = observed / observing.max(1);
    for (place, _, bytes) in by_promise {
        let Some(leaf) = arena.leaf_mut(place) else { continue };
        match left.checked_sub(if bytes > 0 { bytes } else { usual }) {
            Some(rest) => {
                left = rest;
                leaf.wake();
            }
            None => {
                left = 0;
                leaf.rest();
            }
        }
    }
}

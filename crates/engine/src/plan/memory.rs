//! How much memory a plan may take.

use super::Plan;

/// Most numbers that a scored event keeps in the window of metrics.
const METRIC_NUMBERS_MAX: u64 = 16;

impl Plan {
    /// What one lane may hold in memory besides its model: each bound with its key in the file.
    pub fn memory_of_lane(&self) -> Vec<(&'static str, u64)> {
        let limits = &self.limits;
        let mut bounds = vec![
            ("limits.queue_bytes_max", limits.queue_bytes_max as u64),
            ("limits.pending_bytes_max", limits.pending_bytes_max as u64),
            ("limits.checkpoint_bytes_per_commit_max", limits.checkpoint_bytes_per_commit_max as u64),
            ("metrics.window_events", self.metrics.window_events as u64 * METRIC_NUMBERS_MAX * 8),
            ("dead_letters.window_records", self.dead_letters.window_records as u64),
        ];
        if let Some(label) = self.label.as_ref().filter(|label| label.joined) {
            bounds.push(("label.waiting_bytes_max", label.waiting_bytes_max as u64));
        }
        bounds
    }
}

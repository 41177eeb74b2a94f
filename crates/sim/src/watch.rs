//! Checks that run along: bounds of memory, and what was cut as a checkpoint.

use crate::scenario::Scenario;
use std::collections::BTreeMap;
use streamfold_engine::checkpoint::Manifest;
use streamfold_engine::lane::Lane;
use streamfold_flow::log::Transaction;

/// A checkpoint that a lane has cut: which lane, behind which journal record.
pub type Cut = (u32, u64);

/// What is noted while the world runs.
#[derive(Debug, Default)]
pub struct Watch {
    /// The first thing that was wrong.
    pub failure: Option<String>,
    /// Hash of the whole state by lane and identity of the journal record behind which it was cut.
    pub cuts: BTreeMap<Cut, u64>,
    /// Lanes that had to be built anew because somebody else had gone on.
    pub restarts: u64,
    /// Lanes that stopped because too many records were bad.
    pub stops: u64,
    /// Commits that were handed to drivers, repetitions not counted.
    pub commits: u64,
}

/// On top of a bound comes the block that fills a queue, at most so much for each of its records.
const RECORD_BYTES_MAX: usize = 2000;
/// On top of a bound come the answers to one record: metrics among them, at most so large, for every event whose wait
/// it ends.
const METRICS_BYTES_MAX: usize = 3000;

impl Watch {
    /// Notes that something is wrong.
    pub fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    /// Checks the bounds of a lane.
    pub fn bounds(&mut self, scenario: &Scenario, lane: &Lane) {
        let (gauges, plan) = (lane.gauges(), &scenario.plan);
        let fetch_bytes_max = scenario.weather.fetch_records_max as usize * RECORD_BYTES_MAX;
        let queues = lane.positions().len();
        let metrics_max = 2 + scenario.traffic.events / plan.metrics.every_events.max(1) as usize;
        let label = plan.label.as_ref();
        let bounds = [
            ("queue bytes", gauges.queue_bytes, plan.limits.queue_bytes_max + queues * fetch_bytes_max),
            (
                "pending bytes",
                gauges.pending_bytes,
                plan.limits.pending_bytes_max + metrics_max * METRICS_BYTES_MAX,
            ),
            ("waiting rows", gauges.waiting_rows, label.map_or(0, |label| label.waiting_rows_max)),
            ("waiting bytes", gauges.waiting_bytes, label.map_or(0, |label| label.waiting_bytes_max)),
        ];
        for (what, found, max) in bounds {
            if found > max {
                self.fail(format!("bounds: {found} {what}, at most {max} are allowed"));
            }
        }
    }

    /// Notes the checkpoint that a commit completes.
    pub fn cut(&mut self, lane: u32, transaction: &Transaction) {
        self.commits += 1;
        for (key, value) in &transaction.state {
            if let (true, Some(Ok(manifest))) =
                (key.starts_with(b"manifest/"), value.as_deref().map(Manifest::decode))
            {
                self.cuts.insert((lane, manifest.journal_identity), manifest.state_hash);
            }
        }
    }
}

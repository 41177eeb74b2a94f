//! Counters and gauges of one lane, for `/metrics`, for people and for the simulator. Nothing reads them to decide.

/// Upper bounds, in seconds, of the buckets of label delays.
pub const LABEL_DELAY_BOUNDS_SECONDS: [f64; 10] =
    [1.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0, 7_776_000.0];

/// What happened in a lane since it was built, folding again along the journal not counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    /// Event records that were predicted.
    pub predictions: u64,
    /// Labels learnt, those of time-outs among them.
    pub learnt: u64,
    /// Events that came with no label where the label belongs into the same record.
    pub unlabelled: u64,
    /// Bad records.
    pub bad: u64,
    /// Records with a null value that were skipped.
    pub null: u64,
    /// Records whose event time lay behind stream time.
    pub late: u64,
    /// Label records.
    pub labels: LabelCounters,
    /// Metrics records written.
    pub metrics: u64,
    /// Commits.
    pub commits: u64,
    /// Commits that were undone and sent again.
    pub aborts: u64,
    /// Commits whose outcome had to be looked up in the journal, fencing among them.
    pub recoveries: u64,
    /// Checkpoints completed.
    pub checkpoints: u64,
    /// Ticks that moved stream time.
    pub ticks: u64,
}

/// What became of labels that come on a topic of their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelCounters {
    /// They found their event.
    pub matched: u64,
    /// They came before their event.
    pub early: u64,
    /// Early ones whose event never came (or had been given up already).
    pub unmatched: u64,
    /// The same label again.
    pub duplicate: u64,
    /// Another label than before.
    pub changed: u64,
    /// Taken back before it was learnt.
    pub taken_back: u64,
    /// Taken back after it was learnt, or unknown.
    pub taken_back_late: u64,
    /// Events whose wait was over without a label.
    pub timed_out: u64,
    /// Events that the full table turned away or gave up early.
    pub overflowed: u64,
    /// Label delays by [`LABEL_DELAY_BOUNDS_SECONDS`]; the last one: longer.
    pub delay_buckets: [u64; LABEL_DELAY_BOUNDS_SECONDS.len() + 1],
    /// Sum of the delays.
    pub delay_seconds_sum: f64,
}

impl LabelCounters {
    /// Counts a label that came so long after its event.
    pub(super) fn delay(&mut self, delay_ms: i64) {
        let seconds = delay_ms.max(0) as f64 / 1e3;
        let bucket = LABEL_DELAY_BOUNDS_SECONDS.partition_point(|bound| *bound < seconds);
        self.delay_buckets[bucket] += 1;
        self.delay_seconds_sum += seconds;
    }
}

/// How a lane stands now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauges {
    /// Greatest event time folded, in milliseconds since 1970.
    pub stream_time_ms: Option<i64>,
    /// Records folded since the generation began.
    pub folded: u64,
    /// Memory of the records that are read ahead.
    pub queue_bytes: usize,
    /// Memory of the answers that wait for the next commit.
    pub pending_bytes: usize,
    /// Entries in the table of waiting events.
    pub waiting_rows: usize,
    /// Their memory.
    pub waiting_bytes: usize,
    /// Journal records that are still to be folded again; 0: the lane is live.
    pub restore_remaining: u64,
    /// Journal records that were to be folded again.
    pub restore_total: u64,
    /// Number of the last commit that is known to be durable.
    pub sequence: Option<u64>,
    /// When the last checkpoint was cut, in milliseconds since 1970.
    pub checkpoint_cut_at_ms: Option<i64>,
    /// Its size.
    pub checkpoint_bytes: u64,
    /// Its model's hash.
    pub model_hash: Option<u64>,
}

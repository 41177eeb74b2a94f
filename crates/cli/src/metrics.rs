//! The metrics that `/metrics` serves: every name is in this file. Names and units follow Prometheus' conventions.

use std::fmt::{Display, Write};
use streamfold_engine::lane::{LABEL_DELAY_BOUNDS_SECONDS, LabelCounters};
use streamfold_engine::runtime::{COMMIT_BOUNDS_SECONDS, Context, LaneView, Phase};
use streamfold_flow::Partition;

use crate::site::now_ms;

/// Of Prometheus' text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A metric.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: "counter", help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: "gauge", help }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: "histogram", help }
}

/// A counter of a lane, and where it comes from.
type LaneCounter = (Metric, fn(&LaneView) -> u64);

/// A gauge of a lane, and where it comes from; `None`: there is nothing to tell.
type LaneGauge = (Metric, fn(&LaneView) -> Option<f64>);

const BUILD: Metric = gauge("streamfold_build_info", "The version that runs; always 1.");
const GENERATION: Metric = gauge("streamfold_generation", "The generation that runs.");
const REBALANCES: Metric = counter(
    "streamfold_rebalances_total",
    "Lanes that the group assigned to, revoked from or took from this process.",
);
const LAG_RECORDS: Metric =
    gauge("streamfold_lag_records", "Offsets between the last commit and the end of a partition.");
const COMMITTED: Metric = gauge("streamfold_committed_offset", "The next offset to read after a crash.");
const COMMIT_SECONDS: Metric = histogram("streamfold_commit_duration_seconds", "How long commits took.");
const LABELS: Metric =
    counter("streamfold_labels_total", "What became of labels that come on a topic of their own.");
const LABEL_DELAY: Metric =
    histogram("streamfold_label_delay_seconds", "Event time between an event and its label.");
const SCORED: Metric = counter("streamfold_scored_total", "Events scored since the generation began.");
const PREQUENTIAL: Metric = gauge(
    "streamfold_prequential",
    "Metrics of the model and of naive baselines; every event is scored by a state that has not seen it.",
);

const COUNTERS: &[LaneCounter] = &[
    (counter("streamfold_predictions_total", "Events that were predicted."), |v| v.counters.predictions),
    (counter("streamfold_learnt_total", "Labels that were learnt."), |v| v.counters.learnt),
    (counter("streamfold_unlabelled_total", "Events whose own label was missing."), |v| {
        v.counters.unlabelled
    }),
    (counter("streamfold_bad_records_total", "Records that went to the dead-letter topic."), |v| {
        v.counters.bad
    }),
    (counter("streamfold_null_records_total", "Records without a value, which were skipped."), |v| {
        v.counters.null
    }),
    (counter("streamfold_late_records_total", "Records whose event time lay behind stream time."), |v| {
        v.counters.late
    }),
    (counter("streamfold_commits_total", "Commits."), |v| v.counters.commits),
    (counter("streamfold_commit_aborts_total", "Commits that were undone and sent again."), |v| {
        v.counters.aborts
    }),
    (
        counter("streamfold_commit_recoveries_total", "Commits whose outcome was looked up in the journal."),
        |v| v.counters.recoveries,
    ),
    (counter("streamfold_fences_total", "How often another process took the transactional id."), |v| {
        v.fences
    }),
    (counter("streamfold_checkpoints_total", "Checkpoints that were completed."), |v| v.counters.checkpoints),
    (counter("streamfold_ticks_total", "How often idle time moved stream time."), |v| v.counters.ticks),
    (counter("streamfold_folded_total", "Records folded since the generation began."), |v| v.gauges.folded),
];

const GAUGES: &[LaneGauge] = &[
    (
        gauge("streamfold_lane_live", "1 while the lane folds the live log, 0 while it starts or restores."),
        |v| Some(f64::from(u8::from(v.phase == Phase::Live))),
    ),
    (gauge("streamfold_stream_time_seconds", "Greatest event time folded, since 1970."), |v| {
        v.gauges.stream_time_ms.map(seconds)
    }),
    (gauge("streamfold_queue_bytes", "Memory of records that are read ahead."), |v| {
        Some(v.gauges.queue_bytes as f64)
    }),
    (gauge("streamfold_pending_bytes", "Memory of answers that wait for the next commit."), |v| {
        Some(v.gauges.pending_bytes as f64)
    }),
    (gauge("streamfold_waiting_labels", "Events that wait for their label."), |v| {
        Some(v.gauges.waiting_rows as f64)
    }),
    (gauge("streamfold_waiting_labels_bytes", "Their memory."), |v| Some(v.gauges.waiting_bytes as f64)),
    (
        gauge(
            "streamfold_restore_remaining_commits",
            "Commits of the journal that are still to be folded again.",
        ),
        |v| Some(v.gauges.restore_remaining as f64),
    ),
    (gauge("streamfold_restore_commits", "Commits of the journal that were to be folded again."), |v| {
        Some(v.gauges.restore_total as f64)
    }),
    (gauge("streamfold_checkpoint_age_seconds", "Since the last checkpoint was cut."), |v| {
        v.gauges.checkpoint_cut_at_ms.map(|cut| seconds(now_ms() - cut).max(0.0))
    }),
    (gauge("streamfold_checkpoint_bytes", "Size of the last checkpoint."), |v| {
        v.gauges.checkpoint_cut_at_ms.map(|_| v.gauges.checkpoint_bytes as f64)
    }),
];

const LAG_SECONDS: Metric = gauge(
    "streamfold_lag_seconds",
    "Between the clock and the greatest event time folded, while there is something left to fold; else 0.",
);

/// The value of the label `outcome`, and where it comes from.
type LabelOutcome = (&'static str, fn(&LabelCounters) -> u64);

/// What became of labels.
const LABEL_OUTCOMES: &[LabelOutcome] = &[
    ("matched", |l| l.matched),
    ("early", |l| l.early),
    ("unmatched", |l| l.unmatched),
    ("duplicate", |l| l.duplicate),
    ("changed", |l| l.changed),
    ("taken_back", |l| l.taken_back),
    ("taken_back_late", |l| l.taken_back_late),
    ("timed_out", |l| l.timed_out),
    ("overflowed", |l| l.overflowed),
];

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

/// Everything, in Prometheus' text format.
pub fn render(context: &Context) -> String {
    let pipeline = context.plan.group();
    let lanes: Vec<(u32, LaneView)> = context.monitor.lanes().into_iter().collect();
    let mut page = Page { text: String::new(), pipeline: &pipeline };
    page.process(context);
    for (metric, value) in COUNTERS {
        page.head(metric);
        lanes.iter().for_each(|(lane, view)| page.lane(metric, *lane, &[], value(view)));
    }
    for (metric, value) in GAUGES {
        page.head(metric);
        for (lane, view) in &lanes {
            if let Some(value) = value(view) {
                page.lane(metric, *lane, &[], value);
            }
        }
    }
    page.lag(context, &lanes);
    page.commits(&lanes);
    page.labels(context, &lanes);
    page.prequential(context, &lanes);
    page.text
}

struct Page<'a> {
    text: String,
    pipeline: &'a str,
}

impl Page<'_> {
    fn head(&mut self, metric: &Metric) {
        let Metric { name, kind, help } = metric;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A sample; `suffix` is that of a histogram's parts.
    fn sample(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{name}{suffix}{{pipeline=\"{}\"", escaped(self.pipeline));
        for (label, text) in labels {
            let _ = write!(self.text, ",{label}=\"{}\"", escaped(text));
        }
        let _ = writeln!(self.text, "}} {value}");
    }

    fn lane(&mut self, metric: &Metric, lane: u32, labels: &[(&str, &str)], value: impl Display) {
        let lane = lane.to_string();
        let labels: Vec<_> = std::iter::once(("lane", lane.as_str())).chain(labels.iter().copied()).collect();
        self.sample(metric.name, "", &labels, value);
    }

    fn process(&mut self, context: &Context) {
        self.head(&BUILD);
        self.sample(BUILD.name, "", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.head(&GENERATION);
        self.sample(GENERATION.name, "", &[], context.site.generation);
        self.head(&REBALANCES);
        for (kind, count) in context.monitor.rebalances() {
            self.sample(REBALANCES.name, "", &[("kind", kind)], count);
        }
    }

    fn lag(&mut self, context: &Context, lanes: &[(u32, LaneView)]) {
        let ends = context.monitor.ends();
        let lag = |(partition, committed): &(Partition, i64)| {
            ends.get(partition).map(|end| (*partition, (end - committed).max(0)))
        };
        self.head(&COMMITTED);
        for (lane, view) in lanes {
            for (partition, offset) in &view.committed {
                self.partition(&COMMITTED, context, *lane, *partition, *offset);
            }
        }
        self.head(&LAG_RECORDS);
        for (lane, view) in lanes {
            for (partition, lag) in view.committed.iter().filter_map(lag) {
                self.partition(&LAG_RECORDS, context, *lane, partition, lag);
            }
        }
        self.head(&LAG_SECONDS);
        for (lane, view) in lanes {
            let behind = view.committed.iter().filter_map(lag).any(|(_, lag)| lag > 0);
            if let Some(time_ms) = view.gauges.stream_time_ms {
                let lag = if behind { seconds(now_ms() - time_ms).max(0.0) } else { 0.0 };
                self.lane(&LAG_SECONDS, *lane, &[], lag);
            }
        }
    }

    fn partition(&mut self, metric: &Metric, context: &Context, lane: u32, partition: Partition, value: i64) {
        let (topic, number) = (context.topic(partition), partition.partition.to_string());
        self.lane(metric, lane, &[("topic", &topic), ("partition", &number)], value);
    }

    fn commits(&mut self, lanes: &[(u32, LaneView)]) {
        self.head(&COMMIT_SECONDS);
        for (lane, view) in lanes {
            let commits = &view.commits;
            self.buckets(
                &COMMIT_SECONDS,
                *lane,
                &COMMIT_BOUNDS_SECONDS,
                &commits.buckets,
                commits.sum_seconds,
            );
        }
    }

    fn labels(&mut self, context: &Context, lanes: &[(u32, LaneView)]) {
        if !context.plan.joins_labels() {
            return;
        }
        self.head(&LABELS);
        for (lane, view) in lanes {
            for (outcome, count) in LABEL_OUTCOMES {
                self.lane(&LABELS, *lane, &[("outcome", outcome)], count(&view.counters.labels));
            }
        }
        self.head(&LABEL_DELAY);
        for (lane, view) in lanes {
            let labels = &view.counters.labels;
            let sum = labels.delay_seconds_sum;
            self.buckets(&LABEL_DELAY, *lane, &LABEL_DELAY_BOUNDS_SECONDS, &labels.delay_buckets, sum);
        }
    }

    /// Prometheus' buckets are cumulative.
    fn buckets(&mut self, metric: &Metric, lane: u32, bounds: &[f64], counts: &[u64], sum: f64) {
        let lane = lane.to_string();
        let mut total = 0;
        let bounds = bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts) {
            total += count;
            self.sample(metric.name, "_bucket", &[("lane", &lane), ("le", &bound)], total);
        }
        self.sample(metric.name, "_sum", &[("lane", &lane)], sum);
        self.sample(metric.name, "_count", &[("lane", &lane)], total);
    }

    fn prequential(&mut self, context: &Context, lanes: &[(u32, LaneView)]) {
        let reports = || lanes.iter().filter_map(|(lane, view)| Some((*lane, view.report.as_ref()?)));
        self.head(&SCORED);
        reports().for_each(|(lane, report)| self.lane(&SCORED, lane, &[], report.scored));
        self.head(&PREQUENTIAL);
        for (lane, report) in reports() {
            for value in &report.values {
                // The model under its own name, the baselines under theirs.
                let who =
                    if value.who == "model" { context.plan.model.model.name.as_str() } else { value.who };
                let role = if value.who == "model" { "model" } else { "baseline" };
                if let Some(number) = value.value {
                    let labels = [
                        ("metric", value.metric),
                        ("scope", value.scope.name()),
                        ("role", role),
                        ("model", who),
                    ];
                    self.lane(&PREQUENTIAL, lane, &labels, number);
                }
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<&'static Metric> {
        let single = [
            &BUILD,
            &GENERATION,
            &REBALANCES,
            &LAG_RECORDS,
            &LAG_SECONDS,
            &COMMITTED,
            &COMMIT_SECONDS,
            &LABELS,
            &LABEL_DELAY,
            &SCORED,
            &PREQUENTIAL,
        ];
        let counters = COUNTERS.iter().map(|(metric, _)| metric);
        single.into_iter().chain(counters).chain(GAUGES.iter().map(|(metric, _)| metric)).collect()
    }

    #[test]
    fn names_follow_the_conventions_and_are_there_once() {
        let mut names = std::collections::BTreeSet::new();
        for metric in all() {
            assert!(names.insert(metric.name), "{} is there twice", metric.name);
            assert!(metric.name.starts_with("streamfold_") && metric.help.ends_with('.'), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == "counter", "{}", metric.name);
        }
    }

    #[test]
    fn buckets_are_cumulative() {
        let mut page = Page { text: String::new(), pipeline: "a\"b" };
        page.buckets(&COMMIT_SECONDS, 1, &[0.5, 1.0], &[2, 0, 3], 9.5);
        let expected = "\
streamfold_commit_duration_seconds_bucket{pipeline=\"a\\\"b\",lane=\"1\",le=\"0.5\"} 2
streamfold_commit_duration_seconds_bucket{pipeline=\"a\\\"b\",lane=\"1\",le=\"1\"} 2
streamfold_commit_duration_seconds_bucket{pipeline=\"a\\\"b\",lane=\"1\",le=\"+Inf\"} 5
streamfold_commit_duration_seconds_sum{pipeline=\"a\\\"b\",lane=\"1\"} 9.5
streamfold_commit_duration_seconds_count{pipeline=\"a\\\"b\",lane=\"1\"} 5
";
        assert_eq!(page.text, expected);
    }
}

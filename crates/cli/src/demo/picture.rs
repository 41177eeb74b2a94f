//! What the demo shows: a page for a terminal, or a line.

use super::answers::{Answer, Answers};
use crate::chart::{self, Curve};
use crate::screen::{bold, colour, time};
use std::sync::Arc;
use streamfold_engine::runtime::LaneView;
use streamfold_learn::metrics::{Report, Scope};

/// Who is measured, with the name and colour in the picture.
pub const CURVES: [(&str, &str, u8); 3] =
    [("model", "streamfold", 2), ("mean", "mean so far", 3), ("last_value", "last known", 5)];
/// Before so many landings an error says little.
const SCORED_MIN: u64 = 200;

/// How it stands.
#[derive(Debug, Default)]
pub struct Picture {
    pub broker: String,
    pub total: usize,
    pub sent: usize,
    pub folded: u64,
    pub rate: f64,
    pub lag: i64,
    pub waiting: usize,
    pub predicted: u64,
    pub learnt: u64,
    pub time_ms: Option<i64>,
    /// Errors over the window, one list for each of [`CURVES`].
    pub curves: [Vec<Option<f64>>; 3],
    pub influence: Vec<(Arc<str>, f64)>,
}

/// A metric of the report.
pub fn mae(report: &Report, who: &str, scope: Scope) -> Option<f64> {
    let value =
        report.values.iter().find(|value| value.who == who && value.scope == scope && value.metric == "mae");
    value.and_then(|value| value.value)
}

impl Picture {
    /// Takes over what the lane says.
    pub fn take(&mut self, view: &LaneView, seconds: f64) {
        let folded = view.gauges.folded;
        if seconds > 0.0 {
            let now = (folded.saturating_sub(self.folded)) as f64 / seconds;
            self.rate = if self.folded == 0 { now } else { 0.7 * self.rate + 0.3 * now };
        }
        self.folded = folded;
        self.waiting = view.gauges.waiting_rows;
        self.predicted = view.counters.predictions;
        self.learnt = view.counters.learnt;
        self.time_ms = view.gauges.stream_time_ms;
        self.influence = view.influence.clone();
        let report = view.report.as_ref().filter(|report| report.scored >= SCORED_MIN);
        for (curve, (who, ..)) in self.curves.iter_mut().zip(CURVES) {
            if let Some(report) = report {
                curve.push(mae(report, who, Scope::Window));
            }
        }
    }

    fn errors(&self) -> String {
        let error = |(curve, (_, name, number)): (&Vec<Option<f64>>, (&str, &str, u8))| {
            let value = curve.last().copied().flatten().map_or("-".to_owned(), |value| format!("{value:.1}"));
            colour(&format!("{name} {value}"), number)
        };
        self.curves.iter().zip(CURVES).map(error).collect::<Vec<_>>().join("   ")
    }

    /// A line for a log.
    pub fn line(&self) -> String {
        let errors = CURVES.iter().zip(&self.curves).filter_map(|((_, name, _), curve)| {
            Some(format!("{name} {:.1}", curve.last().copied().flatten()?))
        });
        let errors: Vec<String> = errors.collect();
        format!(
            "{}: {} flights predicted, {} learnt, {:.0} events/s, lag {}, {} wait for their landing; mean absolute error of the last \
             1,000, minutes: {}",
            time(self.time_ms),
            self.predicted,
            self.learnt,
            self.rate,
            self.lag,
            self.waiting,
            if errors.is_empty() { "-".to_owned() } else { errors.join(", ") }
        )
    }

    /// A page of this size.
    pub fn page(&self, answers: &Answers, width: usize, height: usize) -> Vec<String> {
        let percent = 100 * self.sent / self.total.max(1);
        let bar = 20 * self.sent / self.total.max(1);
        let mut lines = vec![
            format!(
                "{}  real flights of 2013, predicted at departure, learnt when they have landed",
                bold("streamfold demo")
            ),
            format!(
                "Kafka at {}   {} UTC   {}{} {percent} %",
                self.broker,
                time(self.time_ms),
                "█".repeat(bar),
                "░".repeat(20 - bar)
            ),
            format!(
                "events/s {}   lag {}   waiting labels {}   predicted {}   learnt {}",
                bold(&format!("{:.0}", self.rate)),
                bold(&self.lag.to_string()),
                bold(&self.waiting.to_string()),
                bold(&self.predicted.to_string()),
                bold(&self.learnt.to_string())
            ),
            String::new(),
            format!("mean absolute error of the last 1,000 landings, minutes:   {}", self.errors()),
        ];
        let below = self.influence.len().max(answers.last.len()) + 4;
        let curves: Vec<Curve<'_>> =
            self.curves.iter().zip(CURVES).map(|(values, (.., colour))| Curve { values, colour }).collect();
        let chart_height = height.saturating_sub(lines.len() + below).clamp(3, 16);
        lines.extend(chart::draw(&curves, width.min(120), chart_height));
        lines.push(String::new());
        lines.push(format!(
            "{:<38} {}",
            "minutes a feature moves predictions", "the last predictions, minutes late"
        ));
        let rows = self.influence.len().max(answers.last.len());
        for row in 0..rows {
            let left =
                self.influence.get(row).map_or_else(String::new, |(name, moved)| self.weight(name, *moved));
            let right = answers.last.get(row).map_or_else(String::new, answer);
            // Colours take characters that are not seen, so the padding is counted before.
            lines.push(format!("{left:<38} {right}"));
        }
        lines.push("Ctrl-C ends it early.".to_owned());
        lines
    }

    fn weight(&self, name: &str, moved: f64) -> String {
        let most = self.influence.first().map_or(1.0, |(_, most)| most.max(f64::MIN_POSITIVE));
        let bar = "█".repeat((10.0 * moved / most).round() as usize);
        format!("{name:<18} {moved:>6.1} {bar}")
    }
}

fn answer(answer: &Answer) -> String {
    let left = answer.left.map_or("never left".to_owned(), |left| format!("left {left:+.0}"));
    let landed = answer.landed.map_or("never landed".to_owned(), |landed| format!("landed {landed:+.0}"));
    format!(
        "{:<7}→ {:<4} {left:<10} predicted {:>+6.1}   {landed}",
        answer.flight, answer.dest, answer.predicted
    )
}

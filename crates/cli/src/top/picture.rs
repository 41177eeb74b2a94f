//! What `top` shows: a page for a terminal, plain text, a line, or JSON.

use crate::chart::{self, Curve};
use crate::screen::{bold, colour, time};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt::Display;

/// Colours of the model and its baselines.
const COLOURS: [u8; 4] = [2, 3, 5, 6];
/// So many points of the curve are kept.
const POINTS_MAX: usize = 4_000;
/// So many answers are shown.
const ANSWERS: usize = 8;
/// Lanes beyond this are only part of the sums.
const LANES_SHOWN: usize = 12;
const TABLE_HEAD: [&str; 6] = ["LANE", "FOLDED", "EVENTS/S", "LAG", "WAITING", "EVENT TIME"];

/// A record of metrics.
pub struct Scores {
    pub lane: u32,
    pub time_ms: Option<i64>,
    pub folded: u64,
    pub scored: u64,
    pub waiting: Option<u64>,
    /// Of the window: the model's, then each baseline's.
    pub values: Vec<Option<f64>>,
}

/// How a lane stands.
#[derive(Debug, Default)]
pub struct LaneLine {
    pub lane: u32,
    /// Sum of the committed offsets.
    pub committed: i64,
    /// `None`: nothing is committed yet.
    pub lag: Option<i64>,
    /// Offsets a second; `None`: seen only once.
    pub rate: Option<f64>,
    time_ms: Option<i64>,
    folded: Option<u64>,
    scored: u64,
    waiting: Option<u64>,
    values: Vec<Option<f64>>,
}

impl LaneLine {
    pub fn new(lane: u32) -> LaneLine {
        LaneLine { lane, ..LaneLine::default() }
    }
}

/// How the pipeline stands.
#[derive(Debug, Default)]
pub struct Picture {
    pub pipeline: String,
    pub generation: String,
    pub broker: String,
    pub metric: &'static str,
    /// Whether events wait for labels.
    pub waits: bool,
    /// The model, and its baselines.
    pub who: Vec<&'static str>,
    pub lanes: Vec<LaneLine>,
    /// Members of the consumer group: 0, nothing runs.
    pub members: usize,
    /// Why nothing is heard of Kafka.
    pub trouble: Option<String>,
    /// Dead letters since the beginning, and why the last one is one, whenever it was written.
    pub bad: u64,
    pub bad_reason: Option<String>,
    /// The metric of each in [`Picture::who`], mean over the lanes, with each record of metrics.
    pub curves: VecDeque<Vec<Option<f64>>>,
    /// Key and value of the last answers, the newest in front.
    pub answers: VecDeque<(String, String)>,
}

impl Picture {
    pub fn add_answer(&mut self, key: &str, value: &str) {
        self.answers.push_front((printable(key), printable(value)));
        self.answers.truncate(ANSWERS);
    }

    /// `is_new`: it was written after the beginning.
    pub fn add_bad(&mut self, is_new: bool, reason: String) {
        self.bad += u64::from(is_new);
        self.bad_reason = Some(printable(&reason));
    }

    pub fn add_scores(&mut self, scores: Scores) {
        let Some(line) = self.lanes.iter_mut().find(|line| line.lane == scores.lane) else { return };
        line.time_ms = scores.time_ms;
        line.folded = Some(scores.folded);
        line.scored = scores.scored;
        line.waiting = scores.waiting;
        line.values = scores.values;
        let mean = self.means();
        self.curves.push_back(mean);
        if self.curves.len() > POINTS_MAX {
            self.curves.pop_front();
        }
    }

    /// The metric of each, mean over the lanes that have one.
    fn means(&self) -> Vec<Option<f64>> {
        let mean = |who: usize| {
            let known = || self.lanes.iter().filter_map(move |line| line.values.get(who).copied().flatten());
            let count = known().count();
            (count > 0).then(|| known().sum::<f64>() / count as f64)
        };
        (0..self.who.len()).map(mean).collect()
    }

    fn rate(&self) -> Option<f64> {
        self.lanes.iter().filter_map(|line| line.rate).reduce(|a, b| a + b)
    }

    fn lag(&self) -> Option<i64> {
        self.lanes.iter().filter_map(|line| line.lag).reduce(|a, b| a + b)
    }

    fn folded(&self) -> Option<u64> {
        self.lanes.iter().filter_map(|line| line.folded).reduce(|a, b| a + b)
    }

    fn waiting(&self) -> Option<u64> {
        self.lanes.iter().filter_map(|line| line.waiting).reduce(|a, b| a + b)
    }

    /// What there is to say first.
    fn state(&self) -> (String, u8) {
        match (&self.trouble, self.members) {
            (Some(reason), _) => (format!("Kafka does not answer: {reason}"), 1),
            (None, 0) => ("no process runs it".to_owned(), 1),
            (None, 1) => ("1 process".to_owned(), 2),
            (None, members) => (format!("{members} processes"), 2),
        }
    }

    /// The metrics by name, each as `paint` has it.
    fn errors(&self, paint: impl Fn(&str, usize) -> String) -> String {
        let means = self.means();
        let each = |(number, who): (usize, &&str)| {
            paint(&format!("{who} {}", shown(means.get(number).copied().flatten())), number)
        };
        self.who.iter().enumerate().map(each).collect::<Vec<_>>().join("   ")
    }

    /// A line for a log.
    pub fn line(&self) -> String {
        let mut line = format!(
            "{}: {} folded, {} events/s, lag {}",
            self.state().0,
            whole(self.folded()),
            whole(self.rate()),
            whole(self.lag())
        );
        if self.waits {
            line += &format!(", {} wait for labels", whole(self.waiting()));
        }
        line + &format!(
            ", {} bad records; {}: {}",
            self.bad,
            self.metric,
            self.errors(|text, _| text.to_owned())
        )
    }

    /// The page without colours and curve.
    pub fn plain(&self) -> String {
        let mut lines = vec![
            format!("pipeline {}, generation {}: {}", self.pipeline, self.generation, self.state().0),
            format!("{} of the window   {}", self.metric, self.errors(|text, _| text.to_owned())),
        ];
        lines.extend(self.table());
        lines.extend(self.bad_line());
        lines.extend(self.answers.iter().map(|(key, value)| format!("{key}  {value}")));
        lines.join("\n")
    }

    /// A page of this size.
    pub fn page(&self, width: usize, height: usize) -> Vec<String> {
        let (state, state_colour) = self.state();
        let mut lines = vec![
            format!(
                "{}  {}   generation {}   Kafka at {}   {}",
                bold("streamfold top"),
                bold(&self.pipeline),
                self.generation,
                self.broker,
                colour(&cut(&state, width), state_colour)
            ),
            format!(
                "events/s {}   lag {}   folded {}   {}bad records {}",
                bold(&whole(self.rate())),
                bold(&whole(self.lag())),
                bold(&whole(self.folded())),
                if self.waits {
                    format!("waiting labels {}   ", bold(&whole(self.waiting())))
                } else {
                    String::new()
                },
                bold(&self.bad.to_string()),
            ),
            String::new(),
            format!(
                "{} of the window:   {}",
                self.metric,
                self.errors(|text, who| colour(text, COLOURS[who % COLOURS.len()]))
            ),
        ];
        let mut below = vec![String::new()];
        below.extend(self.table().into_iter().map(|line| cut(&line, width)));
        below.extend(self.bad_line().map(|line| colour(&cut(&line, width), 1)));
        below.push(String::new());
        below.push("the last predictions".to_owned());
        below.extend(self.answers.iter().map(|(key, value)| cut(&format!("{key}  {value}"), width)));
        below.push("Ctrl-C ends this, not the pipeline.".to_owned());
        let curves: Vec<Vec<Option<f64>>> = (0..self.who.len())
            .map(|who| self.curves.iter().map(|point| point.get(who).copied().flatten()).collect())
            .collect();
        let curves: Vec<Curve<'_>> = curves
            .iter()
            .zip(COLOURS.iter().cycle())
            .map(|(values, colour)| Curve { values, colour: *colour })
            .collect();
        let chart_height = height.saturating_sub(lines.len() + below.len()).clamp(3, 16);
        lines.extend(chart::draw(&curves, width.min(120), chart_height));
        lines.extend(below);
        lines
    }

    fn bad_line(&self) -> Option<String> {
        self.bad_reason.as_ref().map(|reason| format!("the last bad record: {reason}"))
    }

    /// A line for each lane.
    fn table(&self) -> Vec<String> {
        let mut lines = vec![row(TABLE_HEAD.map(str::to_owned), &self.who.join("  "))];
        for line in self.lanes.iter().take(LANES_SHOWN) {
            let cells = [
                line.lane.to_string(),
                whole(line.folded),
                whole(line.rate),
                whole(line.lag),
                whole(line.waiting.filter(|_| self.waits)),
                time(line.time_ms),
            ];
            let widths = self.who.iter().map(|who| who.len());
            let values = widths
                .enumerate()
                .map(|(who, width)| format!("{:>width$}", shown(line.values.get(who).copied().flatten())));
            lines.push(row(cells, &values.collect::<Vec<_>>().join("  ")));
        }
        if self.lanes.len() > LANES_SHOWN {
            lines.push(format!("and {} lanes more", self.lanes.len() - LANES_SHOWN));
        }
        lines
    }

    pub fn json(&self) -> Value {
        let named = |values: &[Option<f64>]| {
            let pairs = self.who.iter().enumerate();
            let pair = |(number, who): (usize, &&str)| {
                ((*who).to_owned(), json!(values.get(number).copied().flatten()))
            };
            pairs.map(pair).collect::<serde_json::Map<_, _>>()
        };
        let lane = |line: &LaneLine| {
            json!({
                "lane": line.lane,
                "folded": line.folded,
                "scored": line.scored,
                "events_per_second": line.rate,
                "lag": line.lag,
                "waiting_labels": line.waiting,
                "event_time_ms": line.time_ms,
                "window": named(&line.values),
            })
        };
        json!({
            "pipeline": self.pipeline,
            "generation": self.generation,
            "members": self.members,
            "trouble": self.trouble,
            "folded": self.folded(),
            "events_per_second": self.rate(),
            "lag": self.lag(),
            "waiting_labels": self.waiting(),
            "bad_records": self.bad,
            "metric": self.metric,
            "window": named(&self.means()),
            "lanes": self.lanes.iter().map(lane).collect::<Vec<_>>(),
        })
    }
}

fn row(cells: [String; 6], values: &str) -> String {
    let [lane, folded, rate, lag, waiting, time] = cells;
    format!("{lane:>4} {folded:>14} {rate:>10} {lag:>12} {waiting:>10}  {time:<16}  {values}")
}

/// A number without fraction.
fn whole(value: Option<impl Display>) -> String {
    // Whole numbers do not heed the precision.
    value.map_or("-".to_owned(), |value| format!("{value:.0}"))
}

/// A metric.
fn shown(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| match value.abs() {
        0.0..10.0 => format!("{value:.4}"),
        _ => format!("{value:.1}"),
    })
}

/// So many characters at most.
fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((at, _)) => text[..at].to_owned(),
        None => text.to_owned(),
    }
}

/// Without what would move a terminal's cursor, and not longer than any line.
fn printable(text: &str) -> String {
    text.chars().take(400).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture {
            metric: "mae",
            who: vec!["model", "mean"],
            lanes: vec![LaneLine::new(0), LaneLine::new(1)],
            ..Picture::default()
        }
    }

    fn scores(lane: u32, model: f64) -> Scores {
        let values = vec![Some(model), None];
        Scores { lane, time_ms: None, folded: 10, scored: 9, waiting: Some(2), values }
    }

    #[test]
    fn lanes_are_added_up_and_their_metrics_averaged() {
        let mut picture = picture();
        [scores(0, 1.0), scores(1, 3.0), scores(7, 50.0)]
            .into_iter()
            .for_each(|scores| picture.add_scores(scores));
        let json = picture.json();
        assert_eq!((&json["folded"], &json["waiting_labels"]), (&json!(20), &json!(4)));
        assert_eq!(json["window"], json!({ "model": 2.0, "mean": null }));
        assert_eq!(json["lag"], Value::Null);
        assert_eq!(picture.curves, [vec![Some(1.0), None], vec![Some(2.0), None]]);
    }

    #[test]
    fn what_others_wrote_moves_no_cursor_and_makes_no_line_longer() {
        let mut picture = picture();
        picture.add_answer("k", &format!("\x1b[2J{}", "é".repeat(1_000)));
        let page = picture.page(40, 30);
        let answer = page.iter().find(|line| line.starts_with("k  ")).unwrap();
        assert!(answer.chars().count() == 40 && !answer.contains('\x1b'), "{answer:?}");
        assert!(page.len() <= 30, "{}", page.len());
    }
}

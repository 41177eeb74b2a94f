//! The Numenta Anomaly Benchmark, by its own scoring.
//!
//! Each series has windows around its anomalies. The first alert within a window counts by how early it is, from 1 at the
//! window's left edge to 0 at its right; a window without one costs `fn_weight`; an alert outside costs `fp_weight`, less
//! shortly behind a window. The first 15 % of a series (of at most 5000 rows) are for learning, and are not scored. One
//! threshold for the whole corpus, the one that scores best; the total is put on a scale where 0 is what no alert at all
//! brings, and 100 what one alert at the left edge of every window does.
//!
//! A. Lavin, S. Ahmad: Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark. ICMLA 2015.
//!
//! The scorer is held against the benchmark's published scores of a detector that is easily computed
//! ([`windowed_gaussian`]) in every run, since the series are not a part of this project.

use anyhow::{Context, ensure};
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt::Write;
use std::path::Path;
use streamfold_dataset::{self as dataset, Cells};
use streamfold_flow::schema::TimeNotation;
use streamfold_formats::time;
use streamfold_learn::compose::build::build;
use streamfold_learn::features::{Row as StreamRow, Schema};
use streamfold_learn::model::{AnyModel, Task};
use streamfold_learn::registry::{MODELS, ModelEntry};

use crate::check::root;

/// The name of the stream.
pub const NAME: &str = "nab";

/// What alerts cost and bring.
#[derive(Clone, Copy)]
struct Profile {
    fp_weight: f64,
    fn_weight: f64,
}

/// The benchmark's three: standard, few false alerts, few misses.
const PROFILES: [Profile; 3] = [
    Profile { fp_weight: 0.11, fn_weight: 1.0 },
    Profile { fp_weight: 0.22, fn_weight: 1.0 },
    Profile { fp_weight: 0.11, fn_weight: 2.0 },
];

/// A series with its anomalies.
struct Series {
    name: String,
    values: Vec<f64>,
    /// First and last row of each window.
    windows: Vec<(usize, usize)>,
}

/// A row that is scored.
#[derive(Clone, Copy)]
struct Point {
    anomaly: f64,
    /// Of an alert here: what it brings in its window, or costs as a share of `fp_weight`.
    value: f64,
    /// The window that it lies in, counted over the whole corpus.
    window: Option<usize>,
}

/// A detector's scores.
pub struct Row {
    detector: String,
    /// In the order of [`PROFILES`].
    scores: [f64; 3],
}

/// A fresh detector, for each series: how strange a value is by those before it.
type Detector = Box<dyn FnMut(f64) -> f64>;

/// Scores all detectors on all series that are there.
pub fn run(data: &Path, models: &[String]) -> anyhow::Result<Vec<Row>> {
    let corpus = corpus(&data.join(NAME))?;
    let mut rows = Vec::new();
    for (name, fresh) in
        detectors().into_iter().filter(|(name, _)| models.is_empty() || models.contains(name))
    {
        let anomalies: Vec<Vec<f64>> = corpus
            .iter()
            .map(|series| {
                let mut detector = fresh();
                series.values.iter().map(|value| detector(*value)).collect()
            })
            .collect();
        if name == GAUSSIAN {
            agrees(&corpus, &anomalies)?;
        }
        rows.push(Row { detector: name, scores: PROFILES.map(|profile| best(&corpus, &anomalies, profile)) });
    }
    Ok(rows)
}

/// Everything that is scored.
fn detectors() -> Vec<(String, Box<dyn Fn() -> Detector>)> {
    let mut all: Vec<(String, Box<dyn Fn() -> Detector>)> =
        vec![(GAUSSIAN.to_owned(), Box::new(|| Box::new(windowed_gaussian())))];
    for entry in MODELS.iter().filter(|entry| entry.task == Task::AnomalyDetection) {
        all.push((entry.name.to_owned(), Box::new(|| Box::new(model(entry)))));
    }
    all
}

/// A model with its defaults, which sees the values alone. One that cannot be built finds nothing.
fn model(entry: &ModelEntry) -> impl FnMut(f64) -> f64 + use<> {
    let schema = Schema { numeric: vec!["value".into()], ..Schema::default() };
    let mut model = build(&[], (entry.name, &[]), &schema, 0).ok();
    move |value| {
        let row = StreamRow { numeric: &[value], ..StreamRow::default() };
        let Some((AnyModel::AnomalyDetector(model), _)) = &mut model else { return 0.0 };
        let score = model.score(row);
        model.learn(row, 1.0);
        score
    }
}

/// The name of the benchmark's simple detector.
const GAUSSIAN: &str = "windowed_gaussian";

/// The share of a normal distribution below the value; its mean and deviation are those of the last values. The
/// benchmark's own `windowedGaussian`.
fn windowed_gaussian() -> impl FnMut(f64) -> f64 {
    const WINDOW: usize = 6400;
    const STEP: usize = 100;
    let (mut window, mut waiting) = (VecDeque::new(), Vec::new());
    let (mut mean, mut deviation) = (0.0, 1.0);
    move |value| {
        let distance = (value - mean) / deviation;
        let tail = 0.5 * libm::erfc(distance / std::f64::consts::SQRT_2);
        let score = if window.is_empty() { 0.0 } else { 1.0 - tail };
        if window.len() < WINDOW {
            window.push_back(value);
        } else {
            waiting.push(value);
            if waiting.len() < STEP {
                return score;
            }
            window.drain(..STEP);
            window.extend(waiting.drain(..));
        }
        let count = window.len() as f64;
        mean = window.iter().sum::<f64>() / count;
        let squares: f64 = window.iter().map(|value| (value - mean) * (value - mean)).sum();
        deviation = (squares / count).sqrt();
        if deviation == 0.0 {
            deviation = 1e-6;
        }
        score
    }
}

/// Reads the series that the folder has, in the order of their names.
fn corpus(folder: &Path) -> anyhow::Result<Vec<Series>> {
    let file = folder.join("labels/combined_windows.json");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let labels: serde_json::Map<String, Value> = serde_json::from_str(&text)?;
    let mut corpus = Vec::new();
    for (name, windows) in labels {
        let file = folder.join("data").join(&name);
        if file.exists() {
            corpus.push(series(&file, name, &windows)?);
        }
    }
    ensure!(!corpus.is_empty(), "{} has no series", folder.display());
    Ok(corpus)
}

fn series(file: &Path, name: String, windows: &Value) -> anyhow::Result<Series> {
    let table = dataset::read(file, &dataset::Options::default())?;
    let numbers = |name: &str| match &table.columns[table.place(name)?].cells {
        Cells::Numbers(numbers) => Ok(numbers.clone()),
        Cells::Texts { .. } => anyhow::bail!("{}: {name} has texts", file.display()),
    };
    let times = numbers("timestamp")?;
    let row = |text: &Value| -> anyhow::Result<usize> {
        let text = text.as_str().context("a window is a pair of times")?;
        let ms = time::parse(TimeNotation::Auto, text)? as f64;
        let row = times.iter().position(|time| *time == ms);
        row.with_context(|| format!("{}: no row at {text}", file.display()))
    };
    let window = |pair: &Value| Ok((row(&pair[0])?, row(&pair[1])?));
    let windows = windows.as_array().context("windows are a list")?.iter().map(window);
    Ok(Series { name, values: numbers("value")?, windows: windows.collect::<anyhow::Result<_>>()? })
}

/// From nearly 1 at the left edge of a window (-1) over 0 at its right edge (0) to -1 far behind it.
fn sigmoid(position: f64) -> f64 {
    if position >= 3.0 { -1.0 } else { 2.0 / (1.0 + libm::exp(5.0 * position)) - 1.0 }
}

/// The rows that are scored; `first_window` is the number of the series' first window.
fn points(series: &Series, anomalies: &[f64], first_window: usize) -> Vec<Point> {
    let rows = anomalies.len();
    let probation = (rows as f64 * 0.15).floor().min(750.0) as usize;
    let mut points = Vec::with_capacity(rows);
    for (row, &anomaly) in anomalies.iter().enumerate().skip(probation) {
        let inside = series.windows.iter().position(|(first, last)| (*first..=*last).contains(&row));
        let value = match inside {
            Some(window) => {
                let (first, last) = series.windows[window];
                let position = -((last - row + 1) as f64) / (last - first + 1) as f64;
                sigmoid(position) / sigmoid(-1.0)
            }
            None => match series.windows.iter().rev().find(|(_, last)| *last < row) {
                Some((first, last)) => sigmoid((row - last) as f64 / (last - first) as f64),
                None => -1.0,
            },
        };
        points.push(Point { anomaly, value, window: inside.map(|window| first_window + window) });
    }
    points
}

/// The score at each threshold, from the highest down; ends with all rows being alerts.
fn by_threshold(mut points: Vec<Point>, profile: Profile) -> Vec<(f64, f64)> {
    points.sort_by(|a, b| b.anomaly.total_cmp(&a.anomaly));
    // Windows that begin and end before anything is scored cost nothing.
    let windows = points.iter().filter_map(|point| point.window).max().map_or(0, |last| last + 1);
    let mut found: Vec<Option<f64>> = vec![None; windows];
    for point in points.iter().filter_map(|point| point.window) {
        found[point] = Some(-profile.fn_weight);
    }
    let mut total: f64 = found.iter().flatten().sum();
    let mut scores = vec![(f64::INFINITY, total)];
    for (at, point) in points.iter().enumerate() {
        match point.window {
            None => total += point.value * profile.fp_weight,
            Some(window) => {
                let best = found[window].map_or(point.value, |best| best.max(point.value));
                total += best - found[window].unwrap_or(best);
                found[window] = Some(best);
            }
        }
        if points.get(at + 1).is_none_or(|next| next.anomaly != point.anomaly) {
            scores.push((point.anomaly, total));
        }
    }
    scores
}

/// The score of the best threshold, on the scale from 0 to 100.
fn best(corpus: &[Series], anomalies: &[Vec<f64>], profile: Profile) -> f64 {
    let mut all = Vec::new();
    let mut windows = 0;
    for (series, anomalies) in corpus.iter().zip(anomalies) {
        all.extend(points(series, anomalies, windows));
        windows += series.windows.len();
    }
    let scores = by_threshold(all, profile);
    let best = scores.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    let (null, perfect) = (-profile.fn_weight * windows as f64, windows as f64);
    100.0 * (best - null) / (perfect - null)
}

/// Compares the scores of the simple detector, series by series, with those that the benchmark publishes
/// (`results/windowedGaussian/windowedGaussian_standard_scores.csv`, at the threshold 1).
fn agrees(corpus: &[Series], anomalies: &[Vec<f64>]) -> anyhow::Result<()> {
    /// They were taken from files whose numbers have 12 digits.
    const THRESHOLD: f64 = 1.0 - 5e-13;
    let file = root().join("testdata/accuracy/nab_windowed_gaussian.json");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let published: serde_json::Map<String, Value> = serde_json::from_str(&text)?;
    for (series, anomalies) in corpus.iter().zip(anomalies) {
        let Some(theirs) = published.get(&series.name).and_then(Value::as_f64) else { continue };
        let scores = by_threshold(points(series, anomalies, 0), PROFILES[0]);
        let ours = scores
            .iter()
            .take_while(|(threshold, _)| *threshold >= THRESHOLD)
            .last()
            .map_or(0.0, |(_, score)| *score);
        ensure!(
            (ours - theirs).abs() < 1e-9,
            "{}: scored {ours} where the benchmark says {theirs}",
            series.name
        );
    }
    Ok(())
}

/// The section of the report.
pub fn write(out: &mut String, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "## nab\n\nThe series of the Numenta Anomaly Benchmark that are in the folder of the data, by the benchmark's own scoring: one threshold \
         for all series, the best one for each profile. The published scores are over all 58 series: Numenta HTM 70.1, random cut forest \
         51.7, windowed Gaussian 39.6 (standard).\n\n\
         | detector | standard | few false alerts | few misses |\n|---|---|---|---|"
    );
    for row in rows {
        let [standard, false_alerts, misses] = row.scores;
        let _ = writeln!(out, "| {} | {standard:.1} | {false_alerts:.1} | {misses:.1} |", row.detector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(windows: &[(usize, usize)]) -> Series {
        Series { name: String::new(), values: vec![0.0; 100], windows: windows.to_vec() }
    }

    #[test]
    fn an_alert_counts_by_where_it_is() {
        let series = series(&[(5, 10), (40, 59)]);
        let mut anomalies = vec![0.0; 100];
        (anomalies[40], anomalies[60], anomalies[99]) = (0.9, 0.8, 0.7);
        let scores = by_threshold(points(&series, &anomalies, 0), PROFILES[0]);
        let at = |threshold: f64| scores.iter().find(|(t, _)| *t == threshold).unwrap().1;
        // The first window lies in the probation of 15 rows.
        assert_eq!(at(f64::INFINITY), -1.0);
        // At the left edge of the window nothing is lost.
        assert!((at(0.9) - 1.0).abs() < 1e-12);
        // One row behind a window of 20 a false alert is nearly free: 1/19 of its length.
        let near = 2.0 / (1.0 + libm::exp(5.0 / 19.0)) - 1.0;
        assert!((at(0.8) - (1.0 + 0.11 * near)).abs() < 1e-12);
        assert!(
            (at(0.7) - (1.0 + 0.11 * (near + 2.0 / (1.0 + libm::exp(200.0 / 19.0)) - 1.0))).abs() < 1e-12
        );
    }

    #[test]
    fn no_alert_is_0_and_a_perfect_one_100() {
        let series = [series(&[(40, 59)]), series(&[(30, 49)])];
        let mut anomalies = vec![vec![0.0; 100]; 2];
        // The best threshold lets all or nothing through.
        assert_eq!(best(&series, &anomalies, PROFILES[0]), 0.0);
        (anomalies[0][40], anomalies[1][30]) = (1.0, 1.0);
        assert!((best(&series, &anomalies, PROFILES[2]) - 100.0).abs() < 1e-9);
    }
}

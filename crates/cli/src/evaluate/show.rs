//! What came of an evaluation: a table and a curve for people, JSON for programs.

use super::Evaluated;
use super::candidate::Part;
use crate::arguments::EvaluateArguments;
use crate::models::to_value;
use serde_json::{Map, Value, json};
use streamfold_dataset::Stream;
use streamfold_learn::baseline;
use streamfold_learn::evaluate::{Point, Report};
use streamfold_learn::metrics::{self, Scope};
use streamfold_learn::model::Task;

/// The name of the model's own metrics in a report.
const MODEL: &str = "model";

/// Prints the table, then the curve.
pub(super) fn text(arguments: &EvaluateArguments, task: Task, stream: &Stream, all: &[Evaluated]) {
    println!("{}", heading(arguments, task, stream));
    let metrics = metrics::names(task);
    let names: Vec<&str> = all.iter().map(|one| one.candidate.model.name).collect();
    let width = names.iter().chain(baseline::names(task)).map(|name| name.len() + 2).max().unwrap_or(0);
    print!("\n{:<width$}", "");
    metrics.iter().for_each(|metric| print!(" {metric:>21}"));
    println!(" {:>12} {:>10}", "events/s", "memory");
    for one in all {
        line(one.candidate.model.name, width, metrics, &one.report, MODEL);
        println!(" {:>12.0} {:>10}", rate(one), bytes(one.report.memory_bytes));
    }
    if let Some(one) = all.first() {
        for who in baseline::names(task) {
            line(&format!("  {who}"), width, metrics, &one.report, who);
            println!();
        }
        let report = &one.report.metrics;
        println!(
            "\nIn parentheses: over the last {} of {} scored rows. Events per second include the scoring.",
            report.window_rows, report.scored
        );
        if report.skipped > 0 {
            println!("Not scored: {} (the first row of a classification among them).", report.skipped);
        }
    }
    curves(task, all, width);
}

fn heading(arguments: &EvaluateArguments, task: Task, stream: &Stream) -> String {
    let (numbers, categories) = (stream.schema.numeric.len(), stream.schema.categories.len());
    let mut text = format!(
        "{}: {} rows, {numbers} numbers and {categories} categories as features; {}",
        arguments.file.display(),
        stream.len(),
        task.name(),
    );
    if let Some(target) = &arguments.target {
        text.push_str(&format!(" of {target}"));
    }
    if !stream.classes.is_empty() {
        text.push_str(&format!(", {} classes", stream.classes.len()));
    }
    if !stream.unused.is_empty() {
        text.push_str(&format!("; no features: {}", stream.unused.join(", ")));
    }
    text
}

fn line(name: &str, width: usize, metrics: &[&str], report: &Report, who: &str) {
    print!("{name:<width$}");
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    for metric in metrics {
        let value = |scope| {
            let found =
                report.metrics.values.iter().find(|v| (v.who, v.scope, v.metric) == (who, scope, *metric));
            number(found.and_then(|value| value.value))
        };
        print!(" {:>21}", format!("{} ({})", value(Scope::Overall), value(Scope::Window)));
    }
}

/// A number with some five digits.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e7 || (size > 0.0 && size < 1e-3) => format!("{value:.2e}"),
        size if size >= 1000.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

fn rate(one: &Evaluated) -> f64 {
    one.report.events as f64 / one.seconds.max(1e-9)
}

fn bytes(bytes: usize) -> String {
    match bytes as f64 {
        bytes if bytes < 1e3 => format!("{bytes} B"),
        bytes if bytes < 1e6 => format!("{:.1} kB", bytes / 1e3),
        bytes if bytes < 1e9 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.1} GB", bytes / 1e9),
    }
}

/// The first metric of the task over time, of the models and the baselines, all on one scale.
fn curves(task: Task, all: &[Evaluated], width: usize) {
    let Some(metric) = metrics::names(task).first() else { return };
    let mut curves: Vec<(String, Vec<Option<f64>>)> = Vec::new();
    for one in all {
        curves.push((one.candidate.model.name.to_owned(), series(&one.report.curve, MODEL, metric)));
    }
    if let Some(one) = all.first() {
        for who in baseline::names(task) {
            curves.push((format!("  {who}"), series(&one.report.curve, who, metric)));
        }
    }
    let values = || curves.iter().flat_map(|(_, curve)| curve).filter_map(|value| *value);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if curves.iter().all(|(_, curve)| curve.len() < 2) || low > high {
        return;
    }
    println!("\n{metric} over the window, from {} (low) to {} (high):", short(low), short(high));
    for (name, curve) in &curves {
        let bars: String = curve.iter().map(|value| bar(*value, low, high)).collect();
        println!("{name:<width$} {bars}");
    }
}

fn series(curve: &[Point], who: &str, metric: &str) -> Vec<Option<f64>> {
    let of = |point: &Point| {
        point.values.iter().find(|v| (v.who, v.metric) == (who, metric)).and_then(|value| value.value)
    };
    curve.iter().map(of).collect()
}

/// One of eight heights.
fn bar(value: Option<f64>, low: f64, high: f64) -> char {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let Some(value) = value else { return ' ' };
    let share = if high > low { (value - low) / (high - low) } else { 0.0 };
    BARS[((share * 8.0) as usize).min(7)]
}

/// Prints everything as JSON.
pub(super) fn json(arguments: &EvaluateArguments, task: Task, stream: &Stream, all: &[Evaluated]) {
    let models: Vec<Value> = all.iter().map(evaluated).collect();
    let whole = json!({
        "file": arguments.file.display().to_string(),
        "rows": stream.len(),
        "task": task.name(),
        "target": arguments.target,
        "numeric": stream.schema.numeric.iter().map(|name| name.to_string()).collect::<Vec<_>>(),
        "categorical": stream.schema.categories.iter().map(|name| name.to_string()).collect::<Vec<_>>(),
        "unused": stream.unused,
        "classes": stream.classes,
        "seed": arguments.seed,
        "models": models,
    });
    println!("{whole:#}");
}

fn evaluated(one: &Evaluated) -> Value {
    let report = &one.report;
    let metrics =
        report.metrics.values.iter().map(|value| {
            (format!("{}.{}.{}", value.who, value.scope.name(), value.metric), json!(value.value))
        });
    let point = |point: &Point| {
        let mut values = Map::new();
        values.insert("events".to_owned(), json!(point.events));
        for value in &point.values {
            values.insert(format!("{}.{}", value.who, value.metric), json!(value.value));
        }
        Value::from(values)
    };
    json!({
        "model": part(&one.candidate.model),
        "prepare": one.candidate.prepare.iter().map(part).collect::<Vec<_>>(),
        "events": report.events,
        "scored": report.metrics.scored,
        "skipped": report.metrics.skipped,
        "seconds": one.seconds,
        "events_per_second": rate(one),
        "memory_bytes": report.memory_bytes,
        "metrics": metrics.collect::<Map<_, _>>(),
        "curve": report.curve.iter().map(point).collect::<Vec<_>>(),
    })
}

fn part(part: &Part) -> Value {
    let parameters = part.parameters.iter().map(|(name, value)| (name.clone(), to_value(value)));
    json!({ "name": part.name, "parameters": parameters.collect::<Map<_, _>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown: Vec<String> = [0.0, 0.851234, 12.3456, 4321.98, -0.00012, 1e9].map(short).into();
        assert_eq!(shown, ["0.0000", "0.8512", "12.346", "4322.0", "-1.20e-4", "1.00e9"]);
        assert_eq!([999, 12_345, 3_400_000].map(bytes), ["999 B", "12.3 kB", "3.4 MB"]);
        assert_eq!([None, Some(1.0), Some(2.0)].map(|value| bar(value, 1.0, 2.0)), [' ', '▁', '█']);
        assert_eq!(bar(Some(1.0), 1.0, 1.0), '▁');
    }
}

//! The report, in Markdown.

use super::Result;
use super::measure::Measured;
use super::nab;
use super::references::{Reference, References};
use std::fmt::Write;
use streamfold_learn::baseline;
use streamfold_learn::model::Task;

/// How much worse than the same algorithm elsewhere a model may be: points of accuracy, and share of an error.
const POINTS_MAX: f64 = 0.005;
const SHARE_MAX: f64 = 0.02;

/// The metrics that are shown of a task, the first being the one that others' numbers are of.
fn shown(task: Task) -> &'static [&'static str] {
    match task {
        Task::Classification => &["accuracy", "kappa"],
        Task::Regression => &["rmse", "mae"],
        _ => &[],
    }
}

/// Writes all of it.
pub fn write(results: &[Result], nab: &[nab::Row], references: &References, seeds: u64) -> String {
    let mut out = String::from("# Accuracy\n\n");
    let _ = writeln!(
        out,
        "Every model with its defaults, the same for all streams, by the prequential protocol: each event is predicted, then scored, then \
         learnt from. Categories go through `one_hot` where a model does not read them. Where the seed makes a difference, the figures are \
         the mean of {seeds} seeds, with the standard deviation. Events per second include the scoring; they were taken with two \
         models running at a time, and only their ratios say something.\n\n\
         Made by `cargo xtask accuracy --data DIR`. Beside a model stands the best figure that another implementation reaches with the same \
         algorithm. **Behind** means: by more than {:.1} points of accuracy, or {:.0} % of RMSE or MAE.\n",
        POINTS_MAX * 100.0,
        SHARE_MAX * 100.0
    );
    missed(&mut out, results, references);
    for result in results {
        stream(&mut out, result, references);
    }
    nab::write(&mut out, nab);
    let _ = writeln!(out, "\n## Where the other figures come from\n");
    for source in references.sources() {
        let _ = writeln!(out, "- {source}.");
    }
    out
}

/// The rows that miss the bar, in one place.
fn missed(out: &mut String, results: &[Result], references: &References) {
    let mut lines = Vec::new();
    let mut compared = 0;
    for result in results {
        for one in &result.measured {
            for metric in shown(result.task) {
                let Some((value, best)) =
                    one.mean("model", metric).zip(best(references, result, metric, one.model))
                else {
                    continue;
                };
                compared += 1;
                if is_behind(metric, value, best.value) {
                    lines.push(format!(
                        "| {} | {} | {metric} | {} | {} ({}) |",
                        result.spec.name,
                        one.model,
                        number(metric, value),
                        number(metric, best.value),
                        best.by
                    ));
                }
            }
        }
    }
    let _ = writeln!(
        out,
        "## Behind\n\nOf {compared} figures that can be compared, {} are behind.\n",
        lines.len()
    );
    if !lines.is_empty() {
        let _ = writeln!(out, "| stream | model | metric | ours | theirs |\n|---|---|---|---|---|");
        lines.iter().for_each(|line| {
            let _ = writeln!(out, "{line}");
        });
        out.push('\n');
    }
}

fn stream(out: &mut String, result: &Result, references: &References) {
    let schema = &result.stream.schema;
    let _ = write!(
        out,
        "## {}\n\n{} rows, {} numbers, {} categories",
        result.spec.name,
        result.stream.len(),
        schema.numeric.len(),
        schema.categories.len()
    );
    if !result.stream.classes.is_empty() {
        let _ = write!(out, ", {} classes", result.stream.classes.len());
    }
    let _ = writeln!(out, ".{}{}\n", if result.spec.note.is_empty() { "" } else { " " }, result.spec.note);
    let metrics = shown(result.task);
    let _ =
        writeln!(out, "| model | {} | same algorithm elsewhere | events/s | memory |", metrics.join(" | "));
    let _ = writeln!(out, "|---|{}---|---|---|", "---|".repeat(metrics.len()));
    if let Some(one) = result.measured.first() {
        for who in baseline::names(result.task) {
            let values = metrics.iter().map(|metric| cell(metric, one.mean(who, metric), None));
            let theirs = theirs(references, result, metrics, who, |metric| one.mean(who, metric));
            let _ = writeln!(out, "| *{who}* | {} | {theirs} | | |", values.collect::<Vec<_>>().join(" | "));
        }
    }
    for one in &result.measured {
        row(out, result, references, one);
    }
    others(out, result, references);
}

fn row(out: &mut String, result: &Result, references: &References, one: &Measured) {
    let metrics = shown(result.task);
    let values = metrics.iter().map(|metric| cell(metric, one.mean("model", metric), one.deviation(metric)));
    let _ = writeln!(
        out,
        "| {} | {} | {} | {} | {} |",
        one.model,
        values.collect::<Vec<_>>().join(" | "),
        theirs(references, result, metrics, one.model, |metric| one.mean("model", metric)),
        thousands(one.events_per_second),
        bytes(one.memory_bytes)
    );
}

/// The figures of the same algorithm, with a mark where ours is behind the best of them.
fn theirs(
    references: &References,
    result: &Result,
    metrics: &[&str],
    model: &str,
    ours: impl Fn(&str) -> Option<f64>,
) -> String {
    let mut parts = Vec::new();
    for metric in metrics {
        let all = references.of(result.spec.name, metric);
        let same = all.iter().filter(|one| references.is_same(one.algorithm, model));
        let same: Vec<String> = same.map(|one| format!("{} {}", one.by, number(metric, one.value))).collect();
        if same.is_empty() {
            continue;
        }
        let best = best(references, result, metric, model);
        let behind = ours(metric).zip(best).is_some_and(|(ours, best)| is_behind(metric, ours, best.value));
        let mark = if behind { " **behind**" } else { "" };
        parts.push(format!("{metric}: {}{mark}", same.join(", ")));
    }
    parts.join("; ")
}

/// Figures of algorithms that none of the measured models is.
fn others(out: &mut String, result: &Result, references: &References) {
    let models = || {
        let measured = result.measured.iter().map(|one| one.model);
        measured.chain(baseline::names(result.task).iter().copied())
    };
    let Some(metric) = shown(result.task).first() else { return };
    let others: Vec<String> = references
        .of(result.spec.name, metric)
        .iter()
        .filter(|one| !models().any(|model| references.is_same(one.algorithm, model)))
        .map(|one| format!("{} {} {}", one.by, one.algorithm, number(metric, one.value)))
        .collect();
    if !others.is_empty() {
        let _ = writeln!(out, "\nOther algorithms elsewhere ({metric}): {}.", others.join(", "));
    }
    out.push('\n');
}

/// The best figure of the same algorithm.
fn best<'a>(references: &'a References, result: &Result, metric: &str, model: &str) -> Option<Reference<'a>> {
    let all = references.of(result.spec.name, metric).into_iter();
    let same = all.filter(|one| references.is_same(one.algorithm, model));
    same.min_by(|a, b| match grows(metric) {
        true => b.value.total_cmp(&a.value),
        false => a.value.total_cmp(&b.value),
    })
}

/// Whether more is better.
fn grows(metric: &str) -> bool {
    matches!(metric, "accuracy" | "kappa")
}

fn is_behind(metric: &str, ours: f64, theirs: f64) -> bool {
    match grows(metric) {
        true => ours < theirs - POINTS_MAX,
        false => ours > theirs * (1.0 + SHARE_MAX),
    }
}

fn cell(metric: &str, value: Option<f64>, deviation: Option<f64>) -> String {
    match (value, deviation) {
        (Some(value), Some(deviation)) => {
            format!("{} ± {}", number(metric, value), number(metric, deviation))
        }
        (Some(value), None) => number(metric, value),
        (None, _) => "-".to_owned(),
    }
}

/// Accuracy and kappa in percent, errors in the unit of the label.
fn number(metric: &str, value: f64) -> String {
    match grows(metric) {
        true => format!("{:.2}", value * 100.0),
        false if value.abs() >= 1e6 => format!("{value:.2e}"),
        false => format!("{value:.3}"),
    }
}

/// Two digits that count: more would be noise.
pub fn thousands(value: f64) -> String {
    match value {
        value if value >= 9.5e6 => format!("{:.0} M", value / 1e6),
        value if value >= 9.5e5 => format!("{:.1} M", value / 1e6),
        value if value >= 9500.0 => format!("{:.0} k", value / 1e3),
        value if value >= 950.0 => format!("{:.1} k", value / 1e3),
        value => format!("{value:.0}"),
    }
}

fn bytes(bytes: usize) -> String {
    match bytes as f64 {
        bytes if bytes < 1e3 => format!("{bytes} B"),
        bytes if bytes < 1e6 => format!("{:.1} kB", bytes / 1e3),
        bytes => format!("{:.1} MB", bytes / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar() {
        assert!(is_behind("accuracy", 0.80, 0.806) && !is_behind("accuracy", 0.80, 0.804));
        assert!(is_behind("rmse", 1.03, 1.0) && !is_behind("rmse", 1.01, 1.0));
        assert_eq!(cell("accuracy", Some(0.5), Some(0.001)), "50.00 ± 0.10");
        assert_eq!([1_234.0, 12_345.0, 1.23e6, 4.4e7].map(thousands), ["1.2 k", "12 k", "1.2 M", "44 M"]);
    }
}

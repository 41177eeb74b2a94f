//! One model over one stream: once, or with several seeds where the seed makes a difference.

use anyhow::Context;
use std::time::Instant;
use streamfold_dataset::Stream;
use streamfold_learn::compose::build::{ENCODER, Named, build};
use streamfold_learn::evaluate::{Options, Prequential, Report};
use streamfold_learn::metrics::{self, Scope};
use streamfold_learn::registry::ModelEntry;

/// How a model did.
pub struct Measured {
    /// Its name.
    pub model: &'static str,
    /// One for each seed; one alone where the seed makes no difference.
    reports: Vec<Report>,
    /// Of the fastest run, with the scoring.
    pub events_per_second: f64,
    /// At the end of the first run.
    pub memory_bytes: usize,
}

impl Measured {
    /// How many seeds it was run with.
    pub fn seeds(&self) -> usize {
        self.reports.len()
    }

    /// A metric over all events of the model or of a baseline, the mean of all seeds.
    pub fn mean(&self, who: &str, metric: &str) -> Option<f64> {
        let values: Option<Vec<f64>> = self.reports.iter().map(|report| value(report, who, metric)).collect();
        values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// The standard deviation of a metric of the model between the seeds; none where there is one alone.
    pub fn deviation(&self, metric: &str) -> Option<f64> {
        let mean = self.mean("model", metric).filter(|_| self.seeds() > 1)?;
        let squares = self.reports.iter().filter_map(|report| value(report, "model", metric));
        let sum: f64 = squares.map(|value| (value - mean) * (value - mean)).sum();
        Some((sum / (self.seeds() - 1) as f64).sqrt())
    }
}

fn value(report: &Report, who: &str, metric: &str) -> Option<f64> {
    let found =
        report.metrics.values.iter().find(|v| (v.who, v.scope, v.metric) == (who, Scope::Overall, metric));
    found.and_then(|value| value.value)
}

/// Runs the model with its defaults, an encoder in front of it where it cannot read categories.
pub fn measure(entry: &'static ModelEntry, stream: &Stream, seeds: u64) -> anyhow::Result<Measured> {
    let needed = !entry.reads_categories && !stream.schema.categories.is_empty();
    let prepare: &[Named<'_>] = if needed { &[(ENCODER, &[])] } else { &[] };
    let metrics =
        metrics::Options { classes_max: stream.classes.len().max(2), ..metrics::Options::default() };
    let run = |seed: u64| -> anyhow::Result<(Report, f64)> {
        let (model, _) =
            build(prepare, (entry.name, &[]), &stream.schema, seed).with_context(|| entry.name.to_owned())?;
        let mut evaluated =
            Prequential::new(model, Options { metrics, curve_every: 0, ..Options::default() });
        let begin = Instant::now();
        stream.events().for_each(|(row, label)| evaluated.event(row, label));
        Ok((evaluated.finish(), begin.elapsed().as_secs_f64()))
    };
    let mut runs = Vec::new();
    for seed in 0..seeds {
        runs.push(run(seed)?);
        // The same with another seed: there is no chance in it.
        if seed == 1 && runs[0].0 == runs[1].0 {
            runs.truncate(1);
            break;
        }
    }
    let fastest = runs.iter().map(|(_, seconds)| *seconds).fold(f64::INFINITY, f64::min);
    let memory_bytes = runs.first().map_or(0, |(report, _)| report.memory_bytes);
    eprintln!("{}: {} runs, the fastest in {fastest:.1} s", entry.name, runs.len());
    Ok(Measured {
        model: entry.name,
        reports: runs.into_iter().map(|(report, _)| report).collect(),
        events_per_second: stream.len() as f64 / fastest.max(1e-9),
        memory_bytes,
    })
}

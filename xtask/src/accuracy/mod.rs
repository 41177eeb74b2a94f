//! Every model with its defaults over real and published streams, by the prequential protocol, beside what other
//! implementations score on them and beside the naive baselines.

mod measure;
mod nab;
mod references;
mod report;
mod streams;

use crate::check::root;
use anyhow::{Context, ensure};
use measure::{Measured, measure};
use references::References;
pub use report::thousands;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use streamfold_dataset::Stream;
use streamfold_learn::model::Task;
use streamfold_learn::registry::{MODELS, ModelEntry};
use streams::Spec;

/// Settings.
#[derive(clap::Args)]
pub struct Options {
    /// The folder with the data sets: moa_streams, bike_sharing, air_quality, kdd99, ml_100k, nab
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only these models
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Only these streams
    #[arg(long, value_delimiter = ',')]
    streams: Vec<String>,
    /// Only the first so many rows of each stream
    #[arg(long)]
    rows: Option<usize>,
    /// Seeds for models that draw random numbers
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Models that are measured at the same time
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Where the report goes; without it a run over everything writes docs/accuracy.md, and a part of it is printed
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Options {
    fn wants(&self, chosen: &[String], name: &str) -> bool {
        chosen.is_empty() || chosen.iter().any(|other| other == name)
    }

    fn is_whole(&self) -> bool {
        self.models.is_empty() && self.streams.is_empty() && self.rows.is_none()
    }
}

/// A stream and how the models did on it.
pub struct Result {
    spec: &'static Spec,
    stream: Stream,
    task: Task,
    measured: Vec<Measured>,
}

/// Measures and writes the report.
pub fn run(options: &Options) -> anyhow::Result<()> {
    for name in &options.models {
        ensure!(MODELS.iter().any(|model| model.name == name), "there is no model {name}");
    }
    let known = || streams::STREAMS.iter().map(|spec| spec.name).chain([nab::NAME]);
    for name in &options.streams {
        let names = known().collect::<Vec<_>>().join(", ");
        ensure!(known().any(|known| known == name), "there is no stream {name}; there are {names}");
    }
    let references = References::read()?;
    let mut results = Vec::new();
    for spec in streams::STREAMS.iter().filter(|spec| options.wants(&options.streams, spec.name)) {
        let (stream, task) =
            streams::read(spec, &options.data, options.rows).with_context(|| spec.name.to_owned())?;
        let measured = measure_all(&stream, task, options)?;
        results.push(Result { spec, stream, task, measured });
    }
    let nab = match options.wants(&options.streams, nab::NAME) {
        true => nab::run(&options.data, &options.models)?,
        false => Vec::new(),
    };
    let text = report::write(&results, &nab, &references, options.seeds);
    let output =
        options.output.clone().or_else(|| options.is_whole().then(|| root().join("docs/accuracy.md")));
    match output {
        Some(file) => {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
        }
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

/// All models of the task that can tell the classes apart, several at a time.
fn measure_all(stream: &Stream, task: Task, options: &Options) -> anyhow::Result<Vec<Measured>> {
    let fits = |entry: &&ModelEntry| {
        let classes_max = entry.values(&[]).ok().and_then(|values| entry.classes_max(&values));
        entry.task == task
            && options.wants(&options.models, entry.name)
            && classes_max.is_none_or(|max| max >= stream.classes.len())
    };
    let entries: Vec<&ModelEntry> = MODELS.iter().filter(fits).collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let measured = measure(entry, stream, options.seeds);
                    if let Ok(mut done) = done.lock() {
                        done.push(measured);
                    }
                }
            });
        }
    });
    let done = done.into_inner().map_err(|_| anyhow::anyhow!("a measurement panicked"))?;
    let mut measured = done.into_iter().collect::<anyhow::Result<Vec<Measured>>>()?;
    measured.sort_by_key(|one| entries.iter().position(|entry| entry.name == one.model));
    Ok(measured)
}

//! The whole way, measured: events in a real Kafka become predictions in Kafka, exactly once.
//!
//! One broker, one partition, JSON events of 161 bytes (a number, ten features, a label), a linear model that predicts
//! each event and then learns it, a JSON answer to another topic, a transaction every 100 ms. Every program is measured
//! the same way, from outside: between the first and the last committed offset of its group. The programs take turns,
//! for several rounds, so that what disturbs the machine disturbs all of them.

pub mod client;
mod learn;
mod programs;
mod report;
mod stages;

use crate::check::root;
use anyhow::{Context, ensure};
use programs::{Measure, Program};
use std::path::{Path, PathBuf};
use std::process::Command;
use streamfold_testkit::KafkaBroker;

/// Enough for a second or so in each stage.
const STAGE_EVENTS: u64 = 500_000;

/// Settings of the benchmark.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    /// A Kafka that runs already, and makes topics on first use; otherwise one is started
    #[arg(long)]
    bootstrap_servers: Option<String>,
    /// Events for each of the fast programs
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Events for Python
    #[arg(long, default_value_t = 300_000)]
    python_events: u64,
    /// How often the programs take turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seed of the events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave Python out
    #[arg(long)]
    no_python: bool,
    /// Only where the time goes inside: no Kafka, no other programs
    #[arg(long)]
    only_stages: bool,
}

/// Other things that are measured.
#[derive(clap::Subcommand)]
enum Other {
    /// Models alone: events per second and memory, beside River, scikit-learn, Vowpal Wabbit and MOA
    Learn(learn::Options),
}

/// What the programs run with.
pub struct Stage {
    bootstrap: String,
    topic: String,
    /// Set apart the names of this run from those of earlier ones.
    run: String,
    /// Where the release builds lie.
    builds: PathBuf,
    /// Where pipeline files go.
    folder: PathBuf,
    python: Option<PathBuf>,
}

/// Measures and prints.
pub fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(Other::Learn(options)) = &options.other {
        return learn::run(options);
    }
    let whole_us = if options.only_stages { None } else { whole_way(options)? };
    let events = programs::print(STAGE_EVENTS, options.seed)?;
    let events: Vec<&[u8]> = events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let pipeline = programs::pipeline("localhost:9092", "events", "bench", "answers");
    report::print_stages(&stages::measure(&pipeline, &events, options.rounds)?, whole_us);
    Ok(())
}

/// Compares the programs; what streamfold took for each event, in microseconds of processor time.
fn whole_way(options: &Options) -> anyhow::Result<Option<f64>> {
    let builds = build()?;
    // Kept alive to the end.
    let (bootstrap, _broker) = match &options.bootstrap_servers {
        Some(address) => (address.clone(), None),
        None => {
            let broker = KafkaBroker::start_with("auto.create.topics.enable=true");
            (broker.bootstrap().to_owned(), Some(broker))
        }
    };
    let run = format!("bench-{}", std::process::id());
    let folder = std::env::temp_dir().join(&run);
    std::fs::create_dir_all(&folder)?;
    let python = if options.no_python {
        None
    } else {
        Some(python("python-bench", &["confluent-kafka", "river", "orjson"])?)
    };
    let topic = format!("{run}-events");
    let stage = Stage { bootstrap, topic, run, builds, folder, python };

    eprintln!("writing {} events", options.events);
    programs::fill(&stage, options.events, options.seed)?;
    let measures = take_turns(&stage, options)?;
    std::fs::remove_dir_all(&stage.folder)?;
    report::print(&stage, options, &measures);
    Ok(report::cpu_us(&measures, Program::Streamfold))
}

fn take_turns(stage: &Stage, options: &Options) -> anyhow::Result<Vec<(Program, Vec<Measure>)>> {
    let mut measures: Vec<(Program, Vec<Measure>)> = Program::ALL
        .iter()
        .filter(|program| stage.python.is_some() || !program.is_python())
        .map(|program| (*program, Vec::new()))
        .collect();
    for round in 0..options.rounds {
        for (program, measures) in &mut measures {
            let events = if program.is_python() { options.python_events } else { options.events };
            let measure = programs::measure(stage, *program, round, events.min(options.events))
                .with_context(|| format!("round {round} of {}", program.title()))?;
            eprintln!("round {round}: {}: {measure}", program.title());
            measures.push(measure);
        }
    }
    Ok(measures)
}

/// Builds the programs in release; the folder where they lie.
fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--release", "--package", "streamfold"];
    let status = Command::new(&cargo).current_dir(root()).args(arguments).status()?;
    ensure!(status.success(), "the release build failed");
    // This program is a release build itself, and lies beside it.
    let here = std::env::current_exe()?;
    Ok(here.parent().unwrap_or(Path::new(".")).to_owned())
}

/// A Python with these packages, in an environment of this name that is kept between runs.
fn python(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = cache(name)?;
    let python = folder.join("bin/python");
    if !python.exists() {
        let status = Command::new("python3").args(["-m", "venv"]).arg(&folder).status().context("python3")?;
        ensure!(status.success(), "python3 -m venv failed");
    }
    let status = Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages).status()?;
    ensure!(status.success(), "pip install failed");
    Ok(python)
}

/// A folder of this name that is kept between runs.
fn cache(name: &str) -> anyhow::Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = cache.or(home).context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(cache.join("streamfold").join(name))
}

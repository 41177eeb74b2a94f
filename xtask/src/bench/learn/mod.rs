//! Models alone, measured beside those of others: one thread, 20 features, data in memory, predict and then learn.
//!
//! Everybody gets the same events and takes turns, for several rounds; of each the best round counts, so that a busy
//! machine distorts less. Peers measure themselves between their first and last event; what they take to start and to read
//! the data does not count.

mod cases;
mod data;
mod ours;

use super::python;
use crate::accuracy::thousands;
use crate::check::root;
use anyhow::{Context, ensure};
use cases::{CASES, Case, Peer};
use data::Data;
use ours::Speed;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use streamfold_learn::registry;

/// Settings.
#[derive(clap::Args)]
pub struct Options {
    /// Only these models
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Events; slow models get fewer
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    events: u64,
    /// How often all take turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seed of the events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only our models
    #[arg(long)]
    no_peers: bool,
}

/// A program and how fast it was in its best round.
struct Measured {
    name: String,
    best: Speed,
}

/// Where the peers find what they need.
struct Peers {
    data: PathBuf,
    python: PathBuf,
    /// The folder with MOA and what it needs.
    jars: PathBuf,
}

/// Measures, and prints a table.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let data = Data::new(options.events as usize, options.seed);
    let folder = std::env::temp_dir().join(format!("streamfold-bench-learn-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let peers = match options.no_peers {
        true => None,
        false => {
            let file = folder.join("events");
            data.write(&file)?;
            let packages = ["river", "scikit-learn", "vowpalwabbit"];
            Some(Peers { data: file, python: python("python-bench-learn", &packages)?, jars: jars()? })
        }
    };
    println!(
        "| model | events/s | memory | goal | peers (events/s) | of the fastest |\n|---|---|---|---|---|---|"
    );
    let wanted = |case: &&Case| {
        let named = options.models.is_empty() || options.models.iter().any(|name| name == case.model);
        named && registry::model(case.model).is_some()
    };
    for case in CASES.iter().filter(wanted) {
        println!("{}", row(case, &take_turns(case, &data, peers.as_ref(), options.rounds)?));
    }
    for case in CASES.iter().filter(|case| registry::model(case.model).is_none()) {
        println!("| {} | not in the registry | | {} | | |", case.model, thousands(case.goal));
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Ours first, then the peers.
fn take_turns(
    case: &Case,
    data: &Data,
    peers: Option<&Peers>,
    rounds: usize,
) -> anyhow::Result<Vec<Measured>> {
    let entry = registry::model(case.model).context("the registry has changed")?;
    let mut measured: Vec<Measured> = Vec::new();
    for _ in 0..rounds.max(1) {
        note(&mut measured, case.model, ours::measure(entry, case, data)?);
        for (peer, algorithm) in peers.iter().flat_map(|_| case.peers) {
            let Some(peers) = peers else { continue };
            let events = data.targets.len().min(case.events_max);
            match peers.measure(*peer, algorithm, events) {
                Ok(speed) => note(&mut measured, &title(*peer, algorithm), speed),
                Err(error) => eprintln!("{}: {error:#}", title(*peer, algorithm)),
            }
        }
    }
    Ok(measured)
}

fn note(measured: &mut Vec<Measured>, name: &str, speed: Speed) {
    match measured.iter_mut().find(|one| one.name == name) {
        Some(one) if one.best.events_per_second >= speed.events_per_second => {}
        Some(one) => one.best = speed,
        None => measured.push(Measured { name: name.to_owned(), best: speed }),
    }
}

fn title(peer: Peer, algorithm: &str) -> String {
    match peer {
        Peer::Python => algorithm.replace('_', " "),
        Peer::Moa => format!("moa {}", algorithm.replace('_', " ")),
    }
}

fn row(case: &Case, measured: &[Measured]) -> String {
    let Some((ours, peers)) = measured.split_first() else { return String::new() };
    let speed = ours.best.events_per_second;
    let all: Vec<String> =
        peers.iter().map(|one| format!("{} {}", one.name, thousands(one.best.events_per_second))).collect();
    let fastest = peers.iter().map(|one| one.best.events_per_second).fold(f64::NAN, f64::max);
    let ratio = if fastest.is_nan() { String::new() } else { format!("{:.1} x", speed / fastest) };
    let missed = if speed < case.goal { " (missed)" } else { "" };
    format!(
        "| {} | {} | {:.1} kB | {}{missed} | {} | {ratio} |",
        case.model,
        thousands(speed),
        ours.best.memory_bytes / 1e3,
        thousands(case.goal),
        all.join(", ")
    )
}

impl Peers {
    fn measure(&self, peer: Peer, algorithm: &str, events: usize) -> anyhow::Result<Speed> {
        let here = root().join("xtask/src/bench/learn");
        let mut command = match peer {
            Peer::Python => {
                let mut command = Command::new(&self.python);
                // One thread, as for everybody.
                command.env("OMP_NUM_THREADS", "1").env("OPENBLAS_NUM_THREADS", "1");
                command.arg(here.join("peers.py"));
                command
            }
            Peer::Moa => {
                let mut command = Command::new("java");
                command.arg("-cp").arg(self.jars.join("*")).arg(here.join("Peers.java"));
                command
            }
        };
        let output = command.arg(&self.data).arg(events.to_string()).arg(algorithm).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "it ended with {}: {}", output.status, said.trim());
        let line = String::from_utf8(output.stdout)?;
        let seen: Value = serde_json::from_str(line.lines().last().unwrap_or_default())?;
        let events_per_second = seen["events_per_second"].as_f64().context("no speed")?;
        Ok(Speed { events_per_second, memory_bytes: f64::NAN })
    }
}

/// MOA and what it needs, taken once into the cache folder.
fn jars() -> anyhow::Result<PathBuf> {
    const MOA: &str = "nz.ac.waikato.cms.moa:moa:2024.07.0";
    let folder = super::cache("moa-2024.07.0")?;
    if folder.join("jars").exists() {
        return Ok(folder.join("jars"));
    }
    std::fs::create_dir_all(&folder)?;
    let [group, artifact, version] = MOA.split(':').collect::<Vec<_>>()[..] else {
        anyhow::bail!("no coordinates: {MOA}");
    };
    let pom = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>bench</groupId><artifactId>peers</artifactId><version>1</version>\
         <dependencies><dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>\
         </dependency></dependencies></project>"
    );
    let file = folder.join("pom.xml");
    std::fs::write(&file, pom)?;
    maven(&file, &folder.join("partial"))?;
    // Only whole, so that a download that broke off is begun again.
    std::fs::rename(folder.join("partial"), folder.join("jars"))?;
    Ok(folder.join("jars"))
}

fn maven(pom: &Path, output: &Path) -> anyhow::Result<()> {
    let status = Command::new("mvn")
        .args(["--quiet", "--file"])
        .arg(pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", output.display()))
        .status()
        .context("mvn")?;
    ensure!(status.success(), "Maven could not get MOA");
    Ok(())
}

//! The programs that are compared, and how one of them is measured.

use super::Stage;
use crate::check::root;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::fmt;
use std::process::{Command, Stdio};

/// A program that is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The client alone: no decoding, no model.
    Bare,
    /// streamfold.
    Streamfold,
    /// confluent-kafka and River, features scaled as River's linear model needs them.
    River,
    /// The same without the scaler, which is less than what streamfold does.
    RiverUnscaled,
}

impl Program {
    /// All of them, in the order in which they take turns.
    pub const ALL: [Program; 4] =
        [Program::Bare, Program::Streamfold, Program::River, Program::RiverUnscaled];

    /// What it is called in the report.
    pub fn title(self) -> &'static str {
        match self {
            Program::Bare => "bare client: no decoding, no model, 40 bytes out",
            Program::Streamfold => "streamfold",
            Program::River => "confluent-kafka + River (StandardScaler, LinearRegression)",
            Program::RiverUnscaled => "confluent-kafka + River (LinearRegression alone)",
        }
    }

    /// Whether it is slow and gets fewer events.
    pub fn is_python(self) -> bool {
        matches!(self, Program::River | Program::RiverUnscaled)
    }

    fn name(self) -> &'static str {
        match self {
            Program::Bare => "bare",
            Program::Streamfold => "streamfold",
            Program::River => "river",
            Program::RiverUnscaled => "river-unscaled",
        }
    }

    fn command(self, stage: &Stage, group: &str, events: u64) -> anyhow::Result<Command> {
        let output = format!("{group}-answers");
        let events = events.to_string();
        Ok(match self {
            Program::Bare => {
                let mut command = client()?;
                command.args(["bare", &stage.bootstrap, &stage.topic, &output, group, &events]);
                command
            }
            Program::Streamfold => {
                let file = stage.folder.join(format!("{group}.toml"));
                std::fs::write(&file, pipeline(&stage.bootstrap, &stage.topic, group, &output))?;
                let mut command = Command::new(stage.builds.join("streamfold"));
                command.arg("run").arg(file).arg("--until-end");
                command
            }
            Program::River | Program::RiverUnscaled => {
                let mut command = Command::new(stage.python.as_ref().context("no Python")?);
                command.arg(root().join("xtask/src/bench/river_way.py"));
                let scaled = if self == Program::River { "scaled" } else { "unscaled" };
                command.args([&stage.bootstrap, &stage.topic, &output, group, &events, scaled]);
                command
            }
        })
    }
}

/// What one run of a program showed.
#[derive(Clone, Copy)]
pub struct Measure {
    /// Events between the first and the last committed offset, by the time between them.
    pub events_per_second: f64,
    /// Processor time (user and system) of the process meanwhile, for each event.
    pub cpu_us_per_event: f64,
    /// Resident memory at most.
    pub memory_mb: f64,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measure { events_per_second, cpu_us_per_event, memory_mb } = self;
        write!(f, "{events_per_second:.0} events/s, {cpu_us_per_event:.2} µs of CPU each, {memory_mb:.0} MB")
    }
}

/// This program again, as one of those in [`super::client`].
fn client() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bench-client");
    Ok(command)
}

/// The events as text, one a line.
pub fn print(events: u64, seed: u64) -> anyhow::Result<Vec<u8>> {
    let output = client()?.args(["print", &events.to_string(), &seed.to_string()]).output()?;
    ensure!(output.status.success(), "no events were printed");
    Ok(output.stdout)
}

/// Writes the events.
pub fn fill(stage: &Stage, events: u64, seed: u64) -> anyhow::Result<()> {
    let (events, seed) = (events.to_string(), seed.to_string());
    let status = client()?.args(["fill", &stage.bootstrap, &stage.topic, &events, &seed]).status()?;
    ensure!(status.success(), "the events could not be written");
    Ok(())
}

/// The pipeline file: everything that is not said is the default.
pub fn pipeline(bootstrap: &str, topic: &str, name: &str, output: &str) -> String {
    let features: Vec<String> = (0..10).map(|place| format!("\"x{place}\"")).collect();
    format!(
        "name = \"{name}\"

[kafka]
\"bootstrap.servers\" = \"{bootstrap}\"

[input.events]
topic = \"{topic}\"

[features]
numeric = [{}]

[label]
field = \"label\"

[model]
kind = \"linear_regression\"

[output]
topic = \"{output}\"
include = [\"id\"]
",
        features.join(", ")
    )
}

/// Runs a program and watches its group from outside.
pub fn measure(stage: &Stage, program: Program, round: usize, events: u64) -> anyhow::Result<Measure> {
    let group = format!("{}-{}-{round}", stage.run, program.name());
    let mut running = program.command(stage, &group, events)?.stdout(Stdio::null()).spawn()?;
    let pid = running.id().to_string();
    let seen = client()?
        .args(["watch", &stage.bootstrap, &stage.topic, &group, &events.to_string(), &pid])
        .stderr(Stdio::inherit())
        .output();
    if !matches!(&seen, Ok(seen) if seen.status.success()) {
        // Whatever it is still doing, nobody looks any more.
        running.kill()?;
    }
    let status = running.wait()?;
    let seen = seen?;
    ensure!(seen.status.success(), "its commits could not be followed");
    ensure!(status.success(), "it ended with {status}");
    let seen: Value = serde_json::from_slice(&seen.stdout)?;
    let number = |name: &str| seen[name].as_f64().with_context(|| format!("no {name} in {seen}"));
    Ok(Measure {
        events_per_second: number("events")? / number("seconds")?,
        cpu_us_per_event: number("cpu_seconds")? / number("events")? * 1e6,
        memory_mb: number("memory_kb_max")? / 1024.0,
    })
}

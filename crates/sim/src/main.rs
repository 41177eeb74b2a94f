//! Runs the simulation: `--seeds N` of them, `--from` the first, or one `--seed`; `--fault NAME` plants a fault.

use std::process::ExitCode;

const USAGE: &str = "usage: streamfold-sim [--seeds 500] [--from 0] [--seed N] [--fault NAME] [--verbose]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            println!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<bool, String> {
    let (mut from, mut seeds, mut fault, mut verbose) = (0, 500, None, false);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
        match name.as_str() {
            "--seeds" => seeds = number(value()?)?,
            "--from" => from = number(value()?)?,
            "--seed" => (from, seeds) = (number(value()?)?, 1),
            "--fault" => fault = Some(value()?),
            "--verbose" => verbose = true,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(streamfold_sim::command(from..from.saturating_add(seeds), fault.as_deref(), verbose))
}

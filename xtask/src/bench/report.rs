//! The table, with everything that is needed to judge it and to measure it again.

use super::programs::{Measure, Program};
use super::stages::Stages;
use super::{Options, Stage};
use std::fs;
use std::process::Command;

/// Prints the table in Markdown.
pub fn print(stage: &Stage, options: &Options, measures: &[(Program, Vec<Measure>)]) {
    let median_of = |wanted: Program| {
        let measures = measures.iter().find(|(program, _)| *program == wanted);
        measures.map_or(f64::NAN, |(_, measures)| median(measures, |measure| measure.events_per_second))
    };
    let (bare, python) = (median_of(Program::Bare), median_of(Program::River));
    println!(
        "| program | events/s: median (least to most) | of the bare client | times River | CPU per event | memory |"
    );
    println!("|---|---|---|---|---|---|");
    for (program, measures) in measures {
        let rate = median(measures, |measure| measure.events_per_second);
        let (least, most) = range(measures, |measure| measure.events_per_second);
        println!(
            "| {} | {} ({} to {}) | {:.1} % | {} | {:.2} µs | {:.0} MB |",
            program.title(),
            thousands(rate),
            thousands(least),
            thousands(most),
            100.0 * rate / bare,
            if python.is_nan() { "not measured".to_owned() } else { format!("{:.1}", rate / python) },
            median(measures, |measure| measure.cpu_us_per_event),
            median(measures, |measure| measure.memory_mb),
        );
    }
    println!();
    println!(
        "{} events of 161 bytes (Python {}), one partition, exactly once, a commit every 100 ms, {} rounds.",
        options.events, options.python_events, options.rounds
    );
    println!("Machine: {}; broker and programs share it.", machine());
    println!("Versions: {}", versions(stage).join(", "));
    println!("Command: {}", std::env::args().collect::<Vec<_>>().join(" "));
    println!();
}

/// Prints where the time goes. `whole_us` is what streamfold took for each event on the whole way, where that was measured.
pub fn print_stages(stages: &Stages, whole_us: Option<f64>) {
    let Stages { decode_ns, model_ns, score_ns, encode_ns, lane_ns } = stages;
    println!("| stage | CPU per event |");
    println!("|---|---|");
    println!("| decode: JSON to columns | {decode_ns:.0} ns |");
    println!("| model: predict and learn | {model_ns:.0} ns |");
    println!("| metrics, beside the naive baselines | {score_ns:.0} ns |");
    println!("| encode: answer to JSON | {encode_ns:.0} ns |");
    let rest_ns = lane_ns - decode_ns - model_ns - score_ns - encode_ns;
    println!("| order, headers, journal, copies | {rest_ns:.0} ns |");
    println!("| **the whole lane**, without Kafka, on one thread | {lane_ns:.0} ns |");
    if let Some(whole_us) = whole_us {
        println!(
            "| Kafka's client: fetch, produce, commit (what is left of the whole way) | {:.0} ns |",
            whole_us * 1000.0 - lane_ns
        );
    }
}

/// Processor time of a program for each event, in microseconds.
pub fn cpu_us(measures: &[(Program, Vec<Measure>)], wanted: Program) -> Option<f64> {
    let (_, measures) = measures.iter().find(|(program, _)| *program == wanted)?;
    Some(median(measures, |measure| measure.cpu_us_per_event))
}

fn median(measures: &[Measure], of: fn(&Measure) -> f64) -> f64 {
    let mut values: Vec<f64> = measures.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

fn range(measures: &[Measure], of: fn(&Measure) -> f64) -> (f64, f64) {
    measures
        .iter()
        .map(of)
        .fold((f64::INFINITY, 0.0), |(least, most), value| (least.min(value), most.max(value)))
}

/// `1234567` as `1,235,000`: more digits would not come back.
fn thousands(value: f64) -> String {
    let rounded = (value / 1000.0).round() as u64;
    match rounded {
        0..1000 => format!("{rounded},000"),
        _ => format!("{},{:03},000", rounded / 1000, rounded % 1000),
    }
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kb: f64 =
        memory.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(f64::NAN);
    format!("{cores} cores of {}, {:.0} GB", model.unwrap_or("an unknown processor"), memory_kb / 1e6)
}

fn versions(stage: &Stage) -> Vec<String> {
    let mut versions = vec![said(Command::new(stage.builds.join("streamfold")).arg("--version"))];
    versions.push(said(Command::new("rustc").arg("--version")));
    if let Some(python) = &stage.python {
        versions.push(said(Command::new(python).arg("--version")));
        let listed = said(Command::new(python).args(["-m", "pip", "list", "--format=freeze"]));
        let wanted = |line: &&str| {
            ["confluent-kafka", "river", "orjson"].contains(&line.split("==").next().unwrap_or(""))
        };
        versions.extend(listed.lines().filter(wanted).map(str::to_owned));
    }
    versions
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_what_comes_back() {
        assert_eq!(thousands(1_234_567.0), "1,235,000");
        assert_eq!(thousands(46_400.0), "46,000");
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        let measure = |rate| Measure { events_per_second: rate, cpu_us_per_event: 0.0, memory_mb: 0.0 };
        let of = |rates: &[f64]| {
            median(&rates.iter().copied().map(measure).collect::<Vec<_>>(), |measure| {
                measure.events_per_second
            })
        };
        assert_eq!(of(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(of(&[4.0, 1.0, 2.0, 9.0]), 3.0);
    }
}

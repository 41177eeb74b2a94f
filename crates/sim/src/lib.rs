//! The engine under a simulated log, clock, group and faults, from one seed.
//!
//! A seed is a whole world: a pipeline with limits and intervals of its own, producers, some processes, and a Kafka
//! that answers late, loses answers, aborts, fences and rebalances. Everything in it happens in an order that the seed
//! alone decides, one action at a time, with crashes between any two of them. Lanes are the real ones; only what
//! surrounds them is simulated. When the faults have stopped, everything must come to its end, and `check` looks at
//! what is there.
//!
//! It is not: a test of the Kafka client or of the runtime's threads. Those run against a real broker.

mod check;
mod commit;
mod fault;
mod log;
mod parts;
mod process;
mod random;
mod scenario;
mod script;
mod trace;
mod watch;
mod worker;
mod world;

pub use fault::Fault;

use std::ops::Range;
use trace::Trace;
use world::World;

/// How a seed is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Breaks this rule on purpose.
    pub fault: Option<Fault>,
}

/// What happened in a world that came to a good end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records in the inputs.
    pub records: usize,
    /// Actions of the scheduler.
    pub steps: u64,
    /// Commits.
    pub commits: u64,
    /// Checkpoints that were cut.
    pub checkpoints: usize,
    /// Lanes that had to be built anew because another process had gone on.
    pub restarts: u64,
    /// Lanes that stopped because too many records were bad.
    pub stops: u64,
}

/// A world in which something was wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
    /// What the world was.
    pub scenario: Vec<String>,
    /// The last actions.
    pub trace: Vec<String>,
}

/// Runs the world of a seed; one that fails is run again to keep a trace.
pub fn run_seed(seed: u64, options: &Options) -> Result<Summary, Failure> {
    match run(seed, options, false) {
        (world, Ok(())) => Ok(Summary {
            records: world.expected.len(),
            steps: world.steps,
            commits: world.watch.commits,
            checkpoints: world.watch.cuts.len(),
            restarts: world.watch.restarts,
            stops: world.watch.stops,
        }),
        (_, Err(_)) => {
            let (world, result) = run(seed, options, true);
            Err(Failure {
                seed,
                what: result
                    .err()
                    .unwrap_or_else(|| "it did not fail again: the simulation is not deterministic".into()),
                scenario: world.scenario.describe(),
                trace: world.trace.into_lines(),
            })
        }
    }
}

fn run(seed: u64, options: &Options, is_traced: bool) -> (World, Result<(), String>) {
    let mut world = World::new(seed, options.fault, Trace::new(is_traced));
    let result = world.run().and_then(|()| check::all(&world));
    (world, result)
}

/// Runs these seeds and prints what comes of it. `false`: one failed, or the fault's name is unknown.
pub fn command(seeds: Range<u64>, fault: Option<&str>, verbose: bool) -> bool {
    let planted = match fault.map(|name| Fault::named(name).ok_or(name)) {
        None => None,
        Some(Ok(fault)) => Some(fault),
        Some(Err(name)) => {
            let names: Vec<&str> = Fault::NAMES.iter().map(|(name, _)| *name).collect();
            println!("there is no fault {name:?}; there are {}", names.join(", "));
            return false;
        }
    };
    let options = Options { fault: planted };
    let mut total = Summary::default();
    for seed in seeds.clone() {
        match run_seed(seed, &options) {
            Ok(summary) => {
                if verbose {
                    println!("seed {seed}: {summary:?}");
                }
                total.records += summary.records;
                total.steps += summary.steps;
                total.commits += summary.commits;
                total.checkpoints += summary.checkpoints;
                total.restarts += summary.restarts;
                total.stops += summary.stops;
            }
            Err(failure) => {
                report(&failure, fault);
                return false;
            }
        }
    }
    println!("{} seeds passed: {total:?}", seeds.end.saturating_sub(seeds.start));
    true
}

fn report(failure: &Failure, fault: Option<&str>) {
    for line in &failure.scenario {
        println!("{line}");
    }
    println!("\nthe last actions (step, action):");
    for line in &failure.trace {
        println!("{line}");
    }
    let planted = fault.map(|name| format!(" --fault {name}")).unwrap_or_default();
    println!("\nseed {} failed: {}", failure.seed, failure.what);
    println!("again: cargo xtask sim --seed {}{planted}", failure.seed);
}

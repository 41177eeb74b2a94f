//! The simulator: many seeds, or the one that failed.

use anyhow::ensure;

/// What is simulated.
#[derive(clap::Args)]
pub struct Options {
    /// How many seeds
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this seed
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Break this rule on purpose: the checkers must find it
    #[arg(long)]
    fault: Option<String>,
    /// Say what happened in each seed
    #[arg(long)]
    verbose: bool,
}

/// Runs the seeds; one that fails is shown with its last actions and the command that runs it again.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let seeds = match options.seed {
        Some(seed) => seed..seed.saturating_add(1),
        None => options.from..options.from.saturating_add(options.seeds),
    };
    ensure!(
        streamfold_sim::command(seeds, options.fault.as_deref(), options.verbose),
        "the simulation failed"
    );
    Ok(())
}

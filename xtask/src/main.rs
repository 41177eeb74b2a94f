//! The project's own chores: `cargo xtask check`, `cargo xtask bench`, `cargo xtask sim`, `cargo xtask accuracy`.

mod accuracy;
mod bench;
mod check;
mod sim;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run all that CI runs
    Check,
    /// Measure the whole way on a real Kafka beside the bare client and beside Python
    Bench(bench::Options),
    /// Run lanes under a simulated log, clock, group and faults, from seeds
    Sim(sim::Options),
    /// Measure every model over published streams, beside what other implementations score on them
    Accuracy(accuracy::Options),
    /// One of the programs that the benchmark starts
    #[command(subcommand, hide = true)]
    BenchClient(bench::client::Client),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Check => check::run(),
        Chore::Bench(options) => bench::run(&options),
        Chore::Sim(options) => sim::run(&options),
        Chore::Accuracy(options) => accuracy::run(&options),
        Chore::BenchClient(client) => bench::client::run(&client),
    }
}

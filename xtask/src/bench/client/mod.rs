//! The programs that the benchmark needs beside the ones it compares, each run as a process of its own: one fills a
//! topic, one is the bare client that shows what broker and machine can do at most, one watches a group's committed
//! offsets from outside.
//!
//! They use the Kafka client directly and none of the project's own code, so that the yardstick does not change with
//! what it measures.

mod bare;
mod fill;
mod watch;

use clap::Subcommand;

/// One of the programs.
#[derive(Subcommand)]
pub enum Client {
    /// Write events into a topic
    Fill { bootstrap: String, topic: String, events: u64, seed: u64 },
    /// Print events, one a line
    Print { events: u64, seed: u64 },
    /// Read, write 40 bytes for each event, commit every 100 ms
    Bare { bootstrap: String, topic: String, output: String, group: String, events: i64 },
    /// Measure a process by its group's committed offsets
    Watch { bootstrap: String, topic: String, group: String, events: i64, pid: u32 },
}

/// Runs the program.
pub fn run(client: &Client) -> anyhow::Result<()> {
    match client {
        Client::Fill { bootstrap, topic, events, seed } => fill::run(bootstrap, topic, *events, *seed),
        Client::Print { events, seed } => fill::print(*events, *seed),
        Client::Bare { bootstrap, topic, output, group, events } => {
            bare::run(bootstrap, topic, output, group, *events)
        }
        Client::Watch { bootstrap, topic, group, events, pid } => {
            watch::run(bootstrap, topic, group, *events, *pid)
        }
    }
}

//! The programs that the benchmark needs beside the ones it compares: it fills a topic, is the bare client that
//! shows what broker and machine can do at most, and watches a group's committed offsets from outside.
//!
//! `cargo xtask bench` builds and calls it. It uses the Kafka client directly and none of the project's own code,
//! so that the yardstick does not change with what it measures.

#![expect(unsafe_code, reason = "batches are only in librdkafka's C interface")]

mod bare;
mod fill;
mod watch;

use std::error::Error;

type Failure = Box<dyn Error>;

const USAGE: &str = "bench_client fill  BOOTSTRAP TOPIC EVENTS SEED      write events into a new topic
bench_client bare  BOOTSTRAP TOPIC OUTPUT GROUP EVENTS    read, write 40 bytes for each, commit every 100 ms
bench_client watch BOOTSTRAP TOPIC GROUP EVENTS PID       measure a process by its group's committed offsets";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["fill", bootstrap, topic, events, seed] => {
            fill::run(bootstrap, topic, events.parse()?, seed.parse()?)
        }
        ["bare", bootstrap, topic, output, group, events] => {
            bare::run(bootstrap, topic, output, group, events.parse()?)
        }
        ["watch", bootstrap, topic, group, events, pid] => {
            watch::run(bootstrap, topic, group, events.parse()?, pid.parse()?)
        }
        _ => Err(USAGE.into()),
    }
}

//! Measures a program from outside, the same way for all: events between the first and the last committed offset,
//! the time between them, the processor time that the program took meanwhile, and its memory at most.

use anyhow::{Context, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Far below the interval of commits, far above what would disturb the program that is watched.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Linux counts processor time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

struct Seen {
    at: Instant,
    offset: i64,
    cpu_s: f64,
}

/// Watches until the offset of the event with this number is committed; prints the measures as JSON.
pub fn run(bootstrap: &str, topic: &str, group: &str, events: i64, pid: u32) -> anyhow::Result<()> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("group.id", group).create()?;
    let mut first: Option<Seen> = None;
    let mut memory_kb_max = 0;
    loop {
        std::thread::sleep(LOOK_EVERY);
        let mut asked = TopicPartitionList::new();
        asked.add_partition(topic, 0);
        let offset = match consumer.committed_offsets(asked, Duration::from_secs(10)) {
            Ok(offsets) => offsets.find_partition(topic, 0).map(|partition| partition.offset()),
            // The coordinator of the first group needs a moment to appear.
            Err(_) => None,
        };
        let Some((cpu_s, memory_kb)) = usage(pid) else {
            bail!("the program ended before its last event was committed");
        };
        memory_kb_max = memory_kb_max.max(memory_kb);
        let Some(Offset::Offset(offset)) = offset else { continue };
        let seen = Seen { at: Instant::now(), offset, cpu_s };
        if offset >= events {
            let first = first.context("the first commit was the last")?;
            print(&first, &seen, memory_kb_max);
            return Ok(());
        }
        if first.is_none() && offset > 0 {
            first = Some(seen);
        }
    }
}

fn print(first: &Seen, last: &Seen, memory_kb_max: u64) {
    println!(
        "{{\"events\":{},\"seconds\":{},\"cpu_seconds\":{},\"memory_kb_max\":{memory_kb_max}}}",
        last.offset - first.offset,
        last.at.duration_since(first.at).as_secs_f64(),
        last.cpu_s - first.cpu_s,
    );
}

/// Processor time of a process so far, in seconds, and its resident memory at most, in KiB.
fn usage(pid: u32) -> Option<(f64, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold anything; user and system time are fields 14, 15.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    // A process that has ended but was not waited for has no memory any more.
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let memory_kb = memory.and_then(|m| m.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    Some((ticks / TICKS_PER_SECOND, memory_kb))
}

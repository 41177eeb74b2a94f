//! What has to be done without being asked for: time-outs, retention, compaction, syncing.

use crate::clock::{now_ms, uptime_ms};
use crate::config::Fsync;
use crate::node::Node;
use crate::state::{Change, Key};
use crate::sync::lock;
use crate::topics::{Partition, Topic};
use std::io;
use std::thread::sleep;
use std::time::Duration;

/// How often groups and transactions are looked at.
const TICK: Duration = Duration::from_millis(50);
/// A producer that has not written for so long is forgotten.
const PRODUCER_IDLE_MS: i64 = 24 * 3_600_000;

/// Sees to time-outs until the broker stops.
pub fn time_outs(node: &Node) {
    let mut synced_ms = uptime_ms();
    while !node.is_stopping() {
        sleep(TICK);
        node.groups.tick(&node.state, uptime_ms(), now_ms() - node.config.offsets_retention_ms);
        node.transactions.tick(node.world());
        if let Fsync::EveryMs(interval_ms) = node.config.fsync
            && uptime_ms() - synced_ms >= interval_ms as i64
        {
            synced_ms = uptime_ms();
            sync(node);
        }
    }
}

/// Sees to retention and compaction until the broker stops.
pub fn logs(node: &Node) {
    while !node.is_stopping() {
        let until_ms = uptime_ms() + node.config.housekeeping_interval_ms as i64;
        while uptime_ms() < until_ms && !node.is_stopping() {
            sleep(TICK);
        }
        for topic in node.topics.all() {
            for partition in topic.partitions() {
                if node.is_stopping() {
                    return;
                }
                tend(node, &topic, &partition).unwrap_or_else(|error| {
                    log::warn!("{} {}: {error}", topic.name, partition.index);
                });
            }
        }
    }
}

fn tend(node: &Node, topic: &Topic, partition: &Partition) -> io::Result<()> {
    let (settings, now_ms) = (topic.settings(), now_ms());
    let mut log = lock(&partition.log);
    let start = log.start_offset();
    log.retain(&settings, now_ms)?;
    log.forget_idle_producers(now_ms - PRODUCER_IDLE_MS);
    let moved = log.start_offset() > start;
    let start = log.start_offset();
    let compaction = log.due_compaction(&settings, now_ms);
    drop(log);
    if moved {
        keep_start(node, topic, partition.index, start)?;
    }
    if let Some(compaction) = compaction {
        let compacted = compaction.run()?;
        lock(&partition.log).finish_compaction(compacted)?;
    }
    Ok(())
}

/// Keeps a partition's first offset.
pub fn keep_start(node: &Node, topic: &Topic, partition: i32, offset: i64) -> io::Result<()> {
    let mut change = Change::default();
    change.set(&Key::LogStart(topic.id, partition), &offset)?;
    lock(&node.state).put(change)
}

/// Forces everything written so far to the disk.
pub fn sync(node: &Node) {
    let failed = |error: io::Error| log::error!("records cannot be forced to the disk: {error}");
    for topic in node.topics.all() {
        for partition in topic.partitions() {
            let files = lock(&partition.log).take_unsynced();
            let outcome = files.and_then(|files| files.iter().try_for_each(|file| file.sync_data()));
            outcome.unwrap_or_else(failed);
        }
    }
    lock(&node.state).sync().unwrap_or_else(failed);
}

//! Sends what happened at an even pace: weeks within seconds.

use super::flights::Happening;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use streamfold_flow::log::{LogError, Sender};
use streamfold_flow::record::{Headers, OutputBlock, OutputRef};

/// How often something is sent.
const EVERY: Duration = Duration::from_millis(50);
/// Records of one block at most.
const BLOCK_RECORDS_MAX: usize = 2_000;

/// Sends all of it within about so long; counts in `sent`. Ends early when told to stop.
pub fn send(
    mut sender: impl Sender,
    happenings: &[Happening],
    within: Duration,
    sent: &AtomicUsize,
    stop: &AtomicBool,
) -> Result<()> {
    let begin = Instant::now();
    let mut next = 0;
    while next < happenings.len() && !stop.load(Ordering::Relaxed) {
        let share = begin.elapsed().as_secs_f64() / within.as_secs_f64().max(1e-9);
        let due =
            ((happenings.len() as f64 * share) as usize).min(happenings.len()).min(next + BLOCK_RECORDS_MAX);
        if due > next {
            let block = [Arc::new(block(&happenings[next..due]))];
            match sender.send(&block) {
                Ok(()) => next = due,
                Err(LogError::Unavailable(reason)) => log::warn!("sending again: {reason}"),
                Err(error) => return Err(error).context("cannot send the flights"),
            }
            sent.store(next, Ordering::Relaxed);
        }
        if due < next + BLOCK_RECORDS_MAX {
            std::thread::sleep(EVERY);
        }
    }
    Ok(())
}

fn block(happenings: &[Happening]) -> OutputBlock {
    let mut block = OutputBlock::default();
    for happening in happenings {
        block.push(OutputRef {
            topic: happening.topic,
            partition: Some(0),
            // The time of the event is in a field: by the timestamps of 2013 the records would be deleted at once.
            timestamp_ms: None,
            key: Some(happening.key.as_bytes()),
            value: Some(happening.value.as_bytes()),
            headers: Headers::EMPTY,
        });
    }
    block
}

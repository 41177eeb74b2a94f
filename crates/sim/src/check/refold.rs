//! A fresh lane that folds along the journal from the beginning, without a fault and with limits and intervals of its
//! own, gives the same predictions byte for byte, and the same state behind every checkpoint and at the end. So does,
//! where the order is a pure function of the log, a lane that has never seen the journal.

use super::calm::CalmLane;
use super::journal::Journal;
use super::written::Written;
use crate::world::World;
use streamfold_engine::journal::{Entry, identity};
use streamfold_engine::plan::Delivery;

pub(super) fn check(world: &World, journals: &[Journal]) -> Result<(), String> {
    for (lane, journal) in journals.iter().enumerate() {
        let lane = lane as u32;
        let found = Written::by(world, lane);
        let mut restored = CalmLane::restored(world, lane, journal)?;
        restored.fold_all()?;
        same_end(world, restored, "restored from its journal", None)?;
        if let Some(refolded) = along(world, lane, journal)? {
            same_end(world, refolded, "folded along the journal", Some(&found))?;
        }
        let clock = |entry: &Entry| matches!(entry, Entry::Tick(_) | Entry::Run { ahead: true, .. });
        let is_pure = world.until.is_some() || restored_partitions(world, lane) == 1;
        if is_pure && !journal.iter().flat_map(|(_, record)| &record.order).any(clock) {
            let mut straight = CalmLane::started(world, lane, world.until.clone())?;
            straight.fold_all()?;
            if !straight.has_stopped() {
                same_end(world, straight, "folded without interruption", Some(&found))?;
            }
        }
    }
    Ok(())
}

fn restored_partitions(world: &World, lane: u32) -> usize {
    streamfold_engine::lane::partitions_of(lane, world.scenario.plan.lanes, &world.scenario.partitions).len()
}

/// Folds along the journal, answering, and compares the state with that of every checkpoint. `None`: the lane that
/// wrote the journal stopped because of bad records, or was too full to follow the clock at some time; both cannot be
/// done again on purpose.
fn along<'a>(world: &'a World, lane: u32, journal: &Journal) -> Result<Option<CalmLane<'a>>, String> {
    let mut refolded = CalmLane::started(world, lane, None)?;
    for (bytes, record) in journal {
        if !refolded.follow(record)? {
            return Ok(None);
        }
        let hash = refolded.state_hash();
        if world.watch.cuts.get(&(lane, identity(bytes))).is_some_and(|cut| *cut != hash) {
            let number = record.sequence;
            return Err(format!(
                "refold: the checkpoint of lane {lane} behind commit {number} is not the state there"
            ));
        }
    }
    Ok(Some(refolded))
}

/// Ends the lane, and compares what it has written (where it has) and its state with what the world has.
fn same_end(world: &World, lane: CalmLane<'_>, how: &str, found: Option<&Written>) -> Result<(), String> {
    let number = lane.number();
    let (written, hash) = lane.end()?;
    let difference = |found| match world.scenario.plan.delivery {
        Delivery::ExactlyOnce => written.difference(found),
        Delivery::AtLeastOnce => written.missing_in(found),
    };
    if let Some(difference) = found.and_then(difference) {
        return Err(format!("refold: lane {number} {how} writes {difference}"));
    }
    match world.hashes.get(&number) {
        Some(found) if *found != hash => {
            Err(format!("refold: lane {number} {how} has another state at the end"))
        }
        _ => Ok(()),
    }
}

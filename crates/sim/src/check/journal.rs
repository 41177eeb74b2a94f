//! The journal of each lane is whole: commits follow each other without a gap, each folds the records that follow
//! those of the one before it, and in the end every visible record was folded. The group's offsets are the journal's.

use crate::log::{Place, Stored, Topic, View};
use crate::world::World;
use std::collections::BTreeMap;
use streamfold_engine::journal::{Entry, JournalRecord, checksum};
use streamfold_flow::Partition;

/// A lane's journal: each record as bytes and decoded.
pub(super) type Journal = Vec<(Vec<u8>, JournalRecord)>;

/// Checks the journals of all lanes and returns them.
pub(super) fn check(world: &World) -> Result<Vec<Journal>, String> {
    let mut journals = Vec::new();
    let mut rest: BTreeMap<Partition, Vec<&Stored>> = world
        .inputs()
        .into_iter()
        .map(|(partition, place)| (partition, world.log.stored(place, 0, View::Committed).collect()))
        .collect();
    for visible in rest.values_mut() {
        visible.reverse();
    }
    for lane in 0..world.scenario.plan.lanes {
        let journal = read(world, lane)?;
        for (number, (_, record)) in journal.iter().enumerate() {
            if record.sequence != number as u64 || record.head.is_some() != (number == 0) {
                return Err(format!(
                    "journal: lane {lane} has commit {} where {number} belongs",
                    record.sequence
                ));
            }
            folded(lane, record, &mut rest)?;
        }
        offsets(world, lane, &journal)?;
        journals.push(journal);
    }
    match rest.into_iter().find(|(_, visible)| !visible.is_empty()) {
        None => Ok(journals),
        Some((partition, visible)) => {
            Err(format!("journal: {} records of {partition:?} were not folded", visible.len()))
        }
    }
}

fn read(world: &World, lane: u32) -> Result<Journal, String> {
    let place = Place { topic: Topic::Journal, partition: lane as i32 };
    let records = world.log.stored(place, 0, View::Committed);
    records
        .map(|stored| {
            let bytes = stored.value.clone().unwrap_or_default();
            let record = JournalRecord::decode(&bytes).map_err(|error| format!("journal: {error}"))?;
            Ok((bytes, record))
        })
        .collect()
}

/// Takes the records that a commit has folded away from those that are left.
fn folded(
    lane: u32,
    record: &JournalRecord,
    rest: &mut BTreeMap<Partition, Vec<&Stored>>,
) -> Result<(), String> {
    for (place, run) in record.partitions.iter().enumerate() {
        let wrong = |what: &str| format!("journal: lane {lane} commit {}: {what}: {run:?}", record.sequence);
        let ordered: u64 = record
            .order
            .iter()
            .map(|entry| match entry {
                Entry::Run { place: p, count, .. } if *p as usize == place => *count,
                _ => 0,
            })
            .sum();
        let visible = rest.get_mut(&run.partition).ok_or_else(|| wrong("no such partition"))?;
        let taken = visible.split_off(visible.len().saturating_sub(run.count as usize));
        let sum = taken.iter().rev().fold(0, |sum, stored| checksum(sum, stored.record()));
        let ends = taken.last().zip(taken.first()).map(|(first, last)| (first.offset, last.offset));
        if ordered != run.count || taken.len() as u64 != run.count {
            return Err(wrong("the count does not fit"));
        }
        if run.count > 0 && (sum != run.checksum || ends != Some((run.first, run.last))) {
            return Err(wrong("it does not fold the records that come next"));
        }
        if visible.last().is_some_and(|next| next.offset < run.next) {
            return Err(wrong("it passes over records"));
        }
    }
    Ok(())
}

/// The group's offsets are what the journal said last; they may have expired.
fn offsets(world: &World, lane: u32, journal: &Journal) -> Result<(), String> {
    let runs = journal.iter().flat_map(|(_, record)| &record.partitions);
    let journaled: BTreeMap<Partition, i64> = runs.map(|run| (run.partition, run.next)).collect();
    for (partition, next) in journaled {
        let found = world.log.group.offsets.get(&partition).copied();
        if found.is_some_and(|found| found != next) {
            return Err(format!(
                "offsets: lane {lane} has committed {found:?} for {partition:?}, its journal says {next}"
            ));
        }
    }
    Ok(())
}

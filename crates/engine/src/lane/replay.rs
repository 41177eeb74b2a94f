//! Folding again along the journal: the same records in the same order as then, checked, without answering.

use super::event::LaneError;
use super::fold::Fold;
use super::queue::Queue;
use super::{Counters, Lane};
use crate::journal::{self, Entry, JournalRecord};
use std::collections::BTreeMap;
use std::collections::VecDeque;
use streamfold_flow::Partition;

/// The journal records that are still to be folded.
#[derive(Debug)]
pub(super) struct Replay {
    records: VecDeque<JournalRecord>,
    total: u64,
    /// How far the first of them is: its entry, and how much of that entry was folded.
    entry: usize,
    done: u64,
    /// For each partition of the first record: count and checksum so far.
    seen: Vec<(u64, u64)>,
}

impl Replay {
    pub(super) fn new(records: Vec<JournalRecord>) -> Replay {
        let total = records.len() as u64;
        Replay { records: records.into(), total, entry: 0, done: 0, seen: Vec::new() }
    }

    /// Records that remain, and records in all.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.records.len() as u64, self.total)
    }

    /// The positions when everything is folded.
    pub(super) fn final_offsets(&self, queues: &[Queue]) -> Vec<(Partition, i64)> {
        let mut offsets: BTreeMap<Partition, i64> =
            queues.iter().map(|queue| (queue.partition, queue.journaled)).collect();
        for run in self.records.iter().flat_map(|record| &record.partitions) {
            offsets.insert(run.partition, run.next);
        }
        offsets.into_iter().collect()
    }

    /// The error that says that the input is not what the record at hand says.
    pub(super) fn changed(&self, input: String, partition: Partition, found: String) -> LaneError {
        let record = self.records.front();
        let run = record.and_then(|record| record.partitions.iter().find(|run| run.partition == partition));
        LaneError::InputChanged {
            input,
            partition: partition.partition,
            sequence: record.map_or(0, |record| record.sequence),
            first: run.map_or(-1, |run| run.first),
            last: run.map_or(-1, |run| run.last),
            found,
        }
    }
}

impl Lane {
    /// Folds along the journal as far as the records are there. At its end the lane is live.
    pub(super) fn replay_step(&mut self) -> Result<(), LaneError> {
        let Some(mut replay) = self.replay.take() else { return Ok(()) };
        while let Some(record) = replay.records.front() {
            if replay.seen.len() != record.partitions.len() {
                replay.seen = vec![(0, 0); record.partitions.len()];
            }
            let Some(&entry) = record.order.get(replay.entry) else {
                self.end_of_record(&replay)?;
                replay.records.pop_front();
                replay.seen.clear();
                (replay.entry, replay.done) = (0, 0);
                continue;
            };
            match entry {
                Entry::Tick(time_ms) => {
                    self.fold.advance(time_ms);
                    replay.entry += 1;
                }
                Entry::Run { place, count, ahead } => {
                    if !self.replay_run(&mut replay, place as usize, count, ahead)? {
                        self.replay = Some(replay);
                        return Ok(());
                    }
                    replay.entry += 1;
                    replay.done = 0;
                }
            }
        }
        self.end_of_replay();
        Ok(())
    }

    /// Folds the rest of a run; false: more records are awaited.
    fn replay_run(
        &mut self,
        replay: &mut Replay,
        place: usize,
        count: u64,
        ahead: bool,
    ) -> Result<bool, LaneError> {
        let Some(run) = replay.records.front().and_then(|record| record.partitions.get(place)) else {
            return Ok(true);
        };
        let (partition, last) = (run.partition, run.last);
        let Some(queue_place) = self.queue_place(partition) else {
            let found = "the lane does not own that partition".to_owned();
            return Err(replay.changed(self.topic(partition), partition, found));
        };
        while replay.done < count {
            let queue = &mut self.queues[queue_place];
            let Some(chunk) = queue.head() else {
                if queue.position > last {
                    let found = format!("{} of its records are there", replay.seen[place].0);
                    return Err(replay.changed(self.topic(partition), partition, found));
                }
                return Ok(false);
            };
            let record = chunk.record(chunk.next());
            let seen = &mut replay.seen[place];
            *seen = (seen.0 + 1, journal::checksum(seen.1, record));
            let offset = record.offset;
            if offset > last {
                let found = format!("the next record there is at offset {offset}");
                return Err(replay.changed(self.topic(partition), partition, found));
            }
            // Its error, if it is one, ended the run that was here before; the state is the same.
            let _ = self.fold.record(partition, chunk, ahead);
            queue.advance();
            replay.done += 1;
        }
        Ok(true)
    }

    /// Checks that what was folded is what the record says.
    fn end_of_record(&mut self, replay: &Replay) -> Result<(), LaneError> {
        let Some(record) = replay.records.front() else { return Ok(()) };
        for (run, &(count, checksum)) in record.partitions.iter().zip(&replay.seen) {
            if (count, checksum) != (run.count, run.checksum) {
                let found = format!("{count} records with another checksum are there");
                return Err(replay.changed(self.topic(run.partition), run.partition, found));
            }
            if let Some(place) = self.queue_place(run.partition) {
                let queue = &mut self.queues[place];
                queue.journaled = run.next;
                queue.next = queue.next.max(run.next);
                queue.position = queue.position.max(run.next);
            }
        }
        if record.folded != self.fold.folded {
            let found = format!("{} records were folded instead of {}", self.fold.folded, record.folded);
            let partition =
                record.partitions.first().map_or(Partition { input: 0, partition: 0 }, |run| run.partition);
            return Err(replay.changed(self.topic(partition), partition, found));
        }
        Ok(())
    }

    fn end_of_replay(&mut self) {
        let fold: &mut Fold = &mut self.fold;
        fold.emit = true;
        fold.counters = Counters::default();
    }
}

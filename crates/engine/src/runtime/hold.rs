//! Running to the end (`--until-end`): notices that an open transaction holds an input back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use streamfold_flow::Partition;
use streamfold_flow::log::Fetched;

/// How long the end of a partition may stay below its target.
pub(super) const HOLD_MAX: Duration = Duration::from_secs(30);

/// Where a partition is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) partition: Partition,
    /// First offset that cannot be read.
    pub(super) offset: i64,
    /// Offset to be reached.
    pub(super) target: i64,
}

/// Watches the partitions of a lane on their way to their targets.
#[derive(Debug, Default)]
pub(super) struct HoldWatch {
    targets: BTreeMap<Partition, i64>,
    /// Partitions whose last news was an end below the target, and since when it was that end.
    ends: BTreeMap<Partition, (i64, Instant)>,
}

impl HoldWatch {
    pub(super) fn new(targets: BTreeMap<Partition, i64>) -> Self {
        HoldWatch { targets, ends: BTreeMap::new() }
    }

    /// Notes what came.
    pub(super) fn note(&mut self, fetched: &Fetched, now: Instant) {
        match *fetched {
            Fetched::End(partition, position)
                if self.targets.get(&partition).is_some_and(|target| position < *target) =>
            {
                match self.ends.get_mut(&partition) {
                    Some(end) if end.0 == position => {}
                    _ => {
                        self.ends.insert(partition, (position, now));
                    }
                }
            }
            Fetched::End(partition, _)
            | Fetched::Records(partition, _)
            | Fetched::OutOfRange(partition, _) => {
                self.ends.remove(&partition);
            }
        }
    }

    /// The log could not be reached: what it said last does not count.
    pub(super) fn reset(&mut self, now: Instant) {
        for (_, since) in self.ends.values_mut() {
            *since = now;
        }
    }

    /// A partition that was held for too long.
    pub(super) fn held(&self, now: Instant) -> Option<Hold> {
        let (partition, (offset, _)) = self.ends.iter().find(|(_, (_, since))| now - *since >= HOLD_MAX)?;
        let target = *self.targets.get(partition)?;
        Some(Hold { partition: *partition, offset: *offset, target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamfold_flow::record::RecordBlock;

    #[test]
    fn an_end_that_stays_below_its_target_is_a_hold() {
        let partition = Partition { input: 0, partition: 1 };
        let mut watch = HoldWatch::new([(partition, 10)].into());
        let start = Instant::now();
        watch.note(&Fetched::End(partition, 8), start);
        watch.note(&Fetched::End(partition, 8), start + HOLD_MAX / 2);
        assert_eq!(watch.held(start + HOLD_MAX / 2), None);
        assert_eq!(watch.held(start + HOLD_MAX), Some(Hold { partition, offset: 8, target: 10 }));
        watch.note(&Fetched::Records(partition, RecordBlock::default()), start + HOLD_MAX);
        assert_eq!(watch.held(start + HOLD_MAX * 3), None);
        watch.note(&Fetched::End(partition, 10), start + HOLD_MAX);
        assert_eq!(watch.held(start + HOLD_MAX * 3), None, "the target is reached");
    }

    #[test]
    fn a_log_that_was_away_does_not_count() {
        let partition = Partition { input: 0, partition: 1 };
        let mut watch = HoldWatch::new([(partition, 10)].into());
        let start = Instant::now();
        watch.note(&Fetched::End(partition, 8), start);
        watch.reset(start + HOLD_MAX);
        assert_eq!(watch.held(start + HOLD_MAX), None);
    }
}

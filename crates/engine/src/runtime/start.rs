//! Taking a lane over: transactional id, state, journal, lane, offsets, source, in this order.

use super::commit::CommitThread;
use super::control::{Control, Wish};
use super::error::{MovedOffset, RunError};
use super::patience::patiently;
use super::port::Legacy;
use super::send::SendThread;
use super::{Context, now_ms};
use crate::checkpoint::{Checkpoint, RestoreError};
use crate::journal::JournalRecord;
use crate::lane::{Identity, Lane, partitions_of};
use crate::plan::Delivery;
use std::sync::Arc;
use std::time::Duration;
use streamfold_flow::Partition;
use streamfold_flow::log::{LogError, Source};
use xxhash_rust::xxh3::xxh3_64;

/// The journal is read from this long before the clock's time of the checkpoint: clocks of machines differ.
const JOURNAL_MARGIN_MS: i64 = 60_000;
/// Committed offsets can lag a moment behind the journal's end, as Kafka completes transactions part by part.
const OFFSETS_ATTEMPTS: u32 = 20;
const OFFSETS_PAUSE: Duration = Duration::from_millis(500);

/// A lane that is ready to fold.
pub(super) struct Started {
    pub(super) lane: Lane,
    pub(super) source: Box<dyn Source>,
    pub(super) commits: CommitThread,
    /// With `delivery = "at_least_once"`.
    pub(super) sends: Option<SendThread>,
}

/// Takes one lane over.
pub(super) struct Starter<'a> {
    pub(super) context: &'a Context,
    pub(super) control: &'a Arc<Control>,
    pub(super) lane: u32,
}

impl Starter<'_> {
    /// `Ok(None)`: the lane is not wanted any more.
    pub(super) fn start(&self) -> Result<Option<Started>, RunError> {
        let log = &self.context.log;
        let Some(mut committer) = self.wait("opening its producer", || log.committer(self.lane))? else {
            return Ok(None);
        };
        if self.wait("taking over its transactional id", || committer.init())?.is_none() {
            return Ok(None);
        }
        let Some(lane) = self.restore()? else { return Ok(None) };
        let Some(mut source) = self.wait("opening its consumer", || log.source(self.lane))? else {
            return Ok(None);
        };
        let positions = lane.positions();
        if self.wait("assigning its partitions", || source.assign(&positions))?.is_none() {
            return Ok(None);
        }
        let sends = match self.context.plan.delivery {
            Delivery::ExactlyOnce => None,
            Delivery::AtLeastOnce => {
                let sender = self.wait("opening the producer of its answers", || log.sender(self.lane))?;
                let Some(sender) = sender else { return Ok(None) };
                Some(self.thread(SendThread::start(sender, self.control.clone(), self.lane))?)
            }
        };
        let monitor = self.context.monitor.clone();
        let commits = CommitThread::start(committer, log.clone(), self.control.clone(), monitor, self.lane);
        let commits = self.thread(commits)?;
        Ok(Some(Started { lane, source, commits, sends }))
    }

    fn restore(&self) -> Result<Option<Lane>, RunError> {
        let log = &self.context.log;
        let Some(records) = self.wait("reading its state", || log.state(self.lane))? else { return Ok(None) };
        let checkpoint = Checkpoint::find(records).map_err(|error| self.unrestorable(error))?;
        let Some(journal) = self.journal(checkpoint.as_ref())? else { return Ok(None) };
        if checkpoint.is_none() && journal.is_empty() {
            return self.begin();
        }
        let mut lane = self.build()?;
        lane.restore(checkpoint, journal).map_err(|error| self.unrestorable(error))?;
        Ok(self.compare_offsets(&lane)?.then_some(lane))
    }

    /// Begins a generation: nothing is stored yet.
    fn begin(&self) -> Result<Option<Lane>, RunError> {
        let (log, partitions) = (&self.context.log, self.partitions());
        let Some(offsets) = self.wait("finding where to start", || log.start(&partitions))? else {
            return Ok(None);
        };
        let mut lane = self.build()?;
        let mut positions: Vec<_> = partitions.into_iter().zip(offsets).collect();
        let Some(legacy) = self.wait("reading what is to be taken over", || log.legacy(self.lane))? else {
            return Ok(None);
        };
        match legacy {
            None => {
                log::info!("lane {}: starts generation {} afresh", self.lane, self.context.site.generation)
            }
            Some(legacy) => self.inherit(&mut lane, legacy, &mut positions)?,
        }
        lane.start(&positions);
        Ok(Some(lane))
    }

    /// Takes over what fits of an older generation, and goes on from where its checkpoint was cut.
    fn inherit(
        &self,
        lane: &mut Lane,
        legacy: Legacy,
        positions: &mut [(Partition, i64)],
    ) -> Result<(), RunError> {
        let number = legacy.generation;
        let refused = |reason: String| RunError::Inherit { lane: self.lane, generation: number, reason };
        let (checkpoint, fit) = legacy.take(&self.context.plan.meaning).map_err(refused)?;
        let manifest = &checkpoint.manifest;
        lane.inherit(&checkpoint, &fit).map_err(|error| refused(error.to_string()))?;
        for (partition, position) in positions {
            // By name: the order of the inputs may have changed.
            let topic = self.context.site.topics.get(usize::from(partition.input));
            let then = manifest.positions.iter().find(|(then, _)| {
                then.partition == partition.partition
                    && manifest.head.topics.get(usize::from(then.input)).map(|topic| &topic.topic_id)
                        == topic.map(|topic| &topic.topic_id)
            });
            *position = then.map_or(*position, |(_, offset)| *offset);
        }
        let parts =
            fit.parts().map(|(part, fits)| format!("{part}: {}", if fits { "taken over" } else { "anew" }));
        log::info!(
            "lane {}: starts generation {} from the state of generation {} behind {} records ({})",
            self.lane,
            self.context.site.generation,
            number,
            manifest.folded,
            parts.join(", ")
        );
        Ok(())
    }

    /// The journal from the checkpoint's own commit on. Where to find that is told by clocks, which can be wrong: if it
    /// is not in what is found there, the whole journal is read.
    fn journal(&self, checkpoint: Option<&Checkpoint>) -> Result<Option<Vec<Vec<u8>>>, RunError> {
        let read =
            |since_ms| self.wait("reading its journal", || self.context.log.journal(self.lane, since_ms));
        let Some(Checkpoint { manifest, .. }) = checkpoint else { return read(None) };
        let Some(journal) = read(Some(manifest.cut_at_ms - JOURNAL_MARGIN_MS))? else { return Ok(None) };
        let first = journal.first().map(|bytes| JournalRecord::decode(bytes)).transpose();
        let first = first.map_err(|error| self.unrestorable(error.into()))?;
        if first.is_some_and(|first| first.sequence <= manifest.sequence) {
            return Ok(Some(journal));
        }
        read(None)
    }

    /// Compares the group's offsets with the journal's end; `false`: the lane is not wanted any more.
    fn compare_offsets(&self, lane: &Lane) -> Result<bool, RunError> {
        let journal = lane.committed_offsets();
        let partitions: Vec<Partition> = journal.iter().map(|(partition, _)| *partition).collect();
        let mut moved = Vec::new();
        for attempt in 0..OFFSETS_ATTEMPTS {
            if attempt > 0 && self.control.sleep(OFFSETS_PAUSE, Wish::Drain) {
                return Ok(false);
            }
            let asked = || self.context.log.committed(&partitions);
            let Some(group) = self.wait("comparing committed offsets", asked)? else { return Ok(false) };
            moved = self.differences(&journal, &group);
            if moved.is_empty() {
                return Ok(true);
            }
        }
        Err(RunError::OffsetsMoved { lane: self.lane, group: self.context.plan.group(), moved })
    }

    fn differences(&self, journal: &[(Partition, i64)], group: &[Option<i64>]) -> Vec<MovedOffset> {
        let expired = group.iter().filter(|offset| offset.is_none()).count();
        if expired > 0 {
            log::info!(
                "lane {}: {expired} committed offsets have expired; the journal knows them",
                self.lane
            );
        }
        let differ = journal.iter().zip(group).filter_map(|((partition, journal), group)| {
            group.filter(|group| group != journal).map(|group| MovedOffset {
                topic: self.context.topic(*partition),
                partition: partition.partition,
                journal: *journal,
                group,
            })
        });
        differ.collect()
    }

    fn build(&self) -> Result<Lane, RunError> {
        self.context.build_lane(self.lane)
    }

    fn partitions(&self) -> Vec<Partition> {
        self.context.partitions(self.lane)
    }

    fn wait<T>(
        &self,
        what: &str,
        attempt: impl FnMut() -> Result<T, LogError>,
    ) -> Result<Option<T>, RunError> {
        let what = format!("lane {}: {what}", self.lane);
        patiently(self.control, Wish::Drain, &what, attempt).map_err(|error| RunError::Log { what, error })
    }

    fn thread<T>(&self, started: std::io::Result<T>) -> Result<T, RunError> {
        started.map_err(|error| self.failure("starting a thread", LogError::Fatal(error.to_string())))
    }

    fn failure(&self, what: &str, error: LogError) -> RunError {
        RunError::Log { what: format!("lane {}: {what}", self.lane), error }
    }

    fn unrestorable(&self, error: RestoreError) -> RunError {
        RunError::Restore { lane: self.lane, error }
    }
}

impl Context {
    /// Partitions of a lane, of every input.
    pub fn partitions(&self, lane: u32) -> Vec<Partition> {
        let counts: Vec<i32> = self.site.topics.iter().map(|topic| topic.partitions).collect();
        partitions_of(lane, self.plan.lanes, &counts)
    }

    /// Name of the topic of a partition.
    pub fn topic(&self, partition: Partition) -> String {
        self.plan
            .inputs
            .get(usize::from(partition.input))
            .map_or_else(String::new, |input| input.topic.clone())
    }

    /// A fresh lane.
    pub(super) fn build_lane(&self, lane: u32) -> Result<Lane, RunError> {
        let parts = (self.parts)().map_err(|reason| RunError::Build { lane, reason })?;
        let mine = self.partitions(lane);
        let until = self.until.as_ref().map(|all| {
            all.iter()
                .filter(|(partition, _)| mine.contains(partition))
                .map(|(p, offset)| (*p, *offset))
                .collect()
        });
        let identity = Identity {
            cluster_id: self.site.cluster_id.clone(),
            topics: self.site.topics.clone(),
            prediction_partitions: self.site.prediction_partitions,
            lane,
            generation: self.site.generation,
            run_id: run_id(lane),
        };
        Ok(Lane::new(self.plan.clone(), parts, identity, until))
    }
}

/// Distinguishes this incarnation of the lane from all others; decides no bits.
fn run_id(lane: u32) -> u64 {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or_else(|_| now_ms() as u128, |since| since.as_nanos());
    xxh3_64(format!("{nanos}/{}/{lane}", std::process::id()).as_bytes())
}

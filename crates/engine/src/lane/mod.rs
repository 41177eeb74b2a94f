//! The lane: one fold over its partitions, as a state machine without IO.
//!
//! [`Lane::handle`] takes an [`Event`] and appends [`Action`]s. The runtime and the simulator are two drivers of this
//! same code: time, the log and the group enter only as events.
//!
//! ```text
//! Records -> queue (decoded, per partition) -> order by event time, or along the journal -> fold -> answers
//!                                                                                            |
//!                       Commit(outputs, journal record, state records, offsets)  <- cut <----+
//! ```
//!
//! A commit is cut when its interval is over, when the answers fill their bound, or when the lane drains. While it is
//! under way the lane folds on. Its bytes are kept until the outcome is known: an abort sends them again, an unknown
//! outcome is looked up at the journal's end. The fold is never rolled back.

mod answer;
mod chunk;
mod classes;
mod commit;
mod event;
mod fold;
mod influence;
mod queue;
mod replay;
mod send;
mod stats;
mod waiting;

pub use answer::{GENERATION_HEADER, MODEL_HEADER, SOURCE_HEADER};
pub use event::{Action, Event, LaneError};
pub use stats::{Counters, Gauges, LABEL_DELAY_BOUNDS_SECONDS, LabelCounters};
pub use streamfold_learn::metrics::Report;

use crate::checkpoint::{Blob, Checkpoint, CheckpointWriter, Manifest, RestoreError};
use crate::journal::{self, Entry, Head, JournalRecord, PartitionRun, TopicIdentity};
use crate::plan::{Delivery, Fit, Parts, SharedPlan};
use answer::Answers;
use chunk::Chunk;
use fold::{Fold, MODEL_BLOB};
use queue::{Next, Queue};
use replay::Replay;
use send::Sends;
use std::collections::BTreeMap;
use std::sync::Arc;
use streamfold_flow::Partition;
use streamfold_flow::log::Transaction;
use streamfold_flow::record::RecordBlock;
use streamfold_flow::rows::Decode;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// What the lane checks its journal against, and who it is; the driver finds it out.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// For each input of the plan its topic.
    pub topics: Vec<TopicIdentity>,
    /// Partitions of the topic of predictions, where they are known.
    pub prediction_partitions: Option<i32>,
    /// The lane.
    pub lane: u32,
    /// The generation.
    pub generation: u32,
    /// Distinguishes this incarnation of the lane from every other; never decides bits.
    pub run_id: u64,
}

/// The partitions that a lane owns: those with `p mod lanes = lane`, of every input.
pub fn partitions_of(lane: u32, lanes: u32, partition_counts: &[i32]) -> Vec<Partition> {
    let owned = |partition: &i32| *partition as u32 % lanes.max(1) == lane;
    partition_counts
        .iter()
        .enumerate()
        .flat_map(|(input, count)| {
            (0..*count).filter(owned).map(move |partition| Partition { input: input as u16, partition })
        })
        .collect()
}

/// What has become of the lane.
#[derive(Debug, PartialEq)]
enum Phase {
    /// Neither started nor restored.
    New,
    /// Folds.
    Live,
    /// Commits what was folded, then ends; with an error where it has to stop.
    Draining(Option<LaneError>),
    /// Nothing more comes of it.
    Over,
}

/// The commit that was cut last.
#[derive(Debug)]
enum Commit {
    /// Its outcome is known.
    None,
    /// It waits until everything up to this [`Action::Send`] is durable: no commit may say that something was answered
    /// whose answer can still be lost.
    Waiting(Arc<Transaction>, u64),
    /// It is on its way.
    UnderWay(Arc<Transaction>),
    /// The journal's end is being asked for.
    Unknown(Arc<Transaction>),
}

/// One lane.
pub struct Lane {
    plan: SharedPlan,
    head: Head,
    run_id: u64,
    decoders: Vec<Box<dyn Decode>>,
    queues: Vec<Queue>,
    fold: Fold,
    phase: Phase,
    until: Option<BTreeMap<Partition, i64>>,
    replay: Option<Replay>,
    /// What was folded since the last cut.
    record: JournalRecord,
    commit: Commit,
    /// Answers that are sent outside of commits; `None`: they are a part of the commits.
    sends: Option<Sends>,
    /// Number of the next commit.
    sequence: u64,
    /// Identity of the last journal record that is known to be durable.
    committed_identity: Option<u64>,
    checkpoints: CheckpointWriter,
    /// Records folded at the last cut of a checkpoint.
    checkpoint_folded: Option<u64>,
    now_ms: i64,
    last_cut_ms: i64,
    last_checkpoint_ms: i64,
    last_offsets_ms: i64,
    /// Since when all inputs are idle, and stream time then.
    idle_since: Option<(i64, i64)>,
}

impl Lane {
    /// A lane that has folded nothing. With `until`, records from these offsets on are left alone, every partition is
    /// waited for until it has got there (so the order is a pure function of the log), and the lane drains by itself
    /// at the end.
    pub fn new(
        plan: SharedPlan,
        parts: Parts,
        identity: Identity,
        until: Option<BTreeMap<Partition, i64>>,
    ) -> Lane {
        let answers = Answers::new(
            &plan,
            identity.lane,
            identity.generation,
            identity.prediction_partitions,
            parts.encoder,
            parts.metrics_encoder,
        );
        let partitions = identity.topics.iter().map(|topic| topic.partitions).collect();
        let head = Head {
            cluster_id: identity.cluster_id,
            topics: identity.topics,
            fingerprint: plan.fingerprint(),
            meaning_version: journal::MEANING_VERSION,
            lanes: plan.lanes,
            lane: identity.lane,
            generation: identity.generation,
        };
        Lane {
            fold: Fold::new(plan.clone(), parts.model, partitions, answers),
            decoders: parts.decoders,
            plan: plan.clone(),
            head,
            run_id: identity.run_id,
            queues: Vec::new(),
            phase: Phase::New,
            until,
            replay: None,
            record: JournalRecord::default(),
            commit: Commit::None,
            sends: match plan.delivery {
                Delivery::ExactlyOnce => None,
                Delivery::AtLeastOnce => Some(Sends::default()),
            },
            sequence: 0,
            committed_identity: None,
            checkpoints: CheckpointWriter::default(),
            checkpoint_folded: None,
            now_ms: 0,
            last_cut_ms: 0,
            last_checkpoint_ms: 0,
            last_offsets_ms: 0,
            idle_since: None,
        }
    }

    fn set_positions(&mut self, positions: &[(Partition, i64)]) {
        let until = |partition| self.until.as_ref().and_then(|until| until.get(&partition).copied());
        self.queues = positions
            .iter()
            .map(|&(partition, offset)| Queue::new(partition, offset, until(partition)))
            .collect();
        // The order of the queues is the order of ties.
        self.queues.sort_by_key(|queue| queue.partition);
    }

    /// Takes over what fits of another generation's state; before [`Lane::start`]. The first commit then carries a whole
    /// checkpoint, so that nothing depends on the other generation any more.
    pub fn inherit(&mut self, checkpoint: &Checkpoint, fit: &Fit) -> Result<(), RestoreError> {
        self.fold.inherit(&checkpoint.blobs, fit)?;
        self.record.inherited = Some(checkpoint.manifest.state_hash);
        Ok(())
    }

    /// Starts a new generation at these positions, one for each partition of the lane. Its first commit is the
    /// journal's head.
    pub fn start(&mut self, positions: &[(Partition, i64)]) {
        self.set_positions(positions);
        self.record.head = Some(self.head.clone());
        for place in 0..self.queues.len() {
            self.place_of(place);
        }
        self.phase = Phase::Live;
    }

    /// Goes on from a checkpoint (`None`: from nothing) and the journal behind it: the values of its records, in
    /// order; older ones are skipped. The journal's end must be settled ([`Action::Recover`] explains how).
    pub fn restore(
        &mut self,
        checkpoint: Option<Checkpoint>,
        journal: Vec<Vec<u8>>,
    ) -> Result<(), RestoreError> {
        let mut wanted = 0;
        if let Some(checkpoint) = checkpoint {
            let manifest = &checkpoint.manifest;
            self.check_head(&manifest.head)?;
            self.set_positions(&manifest.positions);
            self.fold.load(&checkpoint.blobs)?;
            self.checkpoint_folded = Some(manifest.folded);
            self.committed_identity = Some(manifest.journal_identity);
            self.checkpoints = CheckpointWriter::resume(&checkpoint);
            wanted = manifest.sequence + 1;
        }
        let mut records = Vec::new();
        for bytes in journal {
            let record = JournalRecord::decode(&bytes)?;
            if record.sequence < wanted {
                continue;
            }
            if record.sequence != wanted {
                return Err(RestoreError::JournalGap { wanted, found: record.sequence });
            }
            if wanted == 0 {
                if record.inherited.is_some() {
                    return Err(RestoreError::InheritedStateGone);
                }
                self.begin_from_head(&record)?;
            }
            self.committed_identity = Some(journal::identity(&bytes));
            wanted += 1;
            records.push(record);
        }
        if wanted == 0 {
            // Neither checkpoint nor journal: there is nothing to go on from.
            return Err(RestoreError::JournalGap { wanted: 0, found: 0 });
        }
        self.sequence = wanted;
        self.phase = Phase::Live;
        self.fold.emit = false;
        self.replay = Some(Replay::new(records));
        self.replay_step().map_err(|error| RestoreError::Foreign(vec![error.to_string()]))
    }

    fn check_head(&self, head: &Head) -> Result<(), RestoreError> {
        match head.differences(&self.head) {
            differences if differences.is_empty() => Ok(()),
            differences => Err(RestoreError::Foreign(differences)),
        }
    }

    fn begin_from_head(&mut self, first: &JournalRecord) -> Result<(), RestoreError> {
        match &first.head {
            Some(head) => self.check_head(head)?,
            None => return Err(RestoreError::Foreign(vec!["its first record has no head".to_owned()])),
        }
        // A generation's first record names the positions it started from; what it folded already came behind them.
        let starts: Vec<_> = first
            .partitions
            .iter()
            .map(|run| (run.partition, if run.count > 0 { run.first } else { run.next }))
            .collect();
        self.set_positions(&starts);
        Ok(())
    }

    /// Where each of the lane's partitions is to be read from.
    pub fn positions(&self) -> Vec<(Partition, i64)> {
        self.queues.iter().map(|queue| (queue.partition, queue.position)).collect()
    }

    /// The next offsets to read as the journal's end has them: what the group's committed offsets should be.
    pub fn committed_offsets(&self) -> Vec<(Partition, i64)> {
        match &self.replay {
            Some(replay) => replay.final_offsets(&self.queues),
            None => self.queues.iter().map(|queue| (queue.partition, queue.journaled)).collect(),
        }
    }

    /// Whether the lane still folds along its journal and answers nothing.
    pub fn is_restoring(&self) -> bool {
        self.replay.is_some()
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.fold.counters
    }

    /// How the lane stands now.
    pub fn gauges(&self) -> Gauges {
        let last = self.checkpoints.last();
        let (remaining, total) = self.replay.as_ref().map_or((0, 0), Replay::progress);
        Gauges {
            stream_time_ms: Some(self.fold.stream_time_ms).filter(|time| *time > i64::MIN),
            folded: self.fold.folded,
            queue_bytes: self.queues.iter().map(|queue| queue.bytes).sum(),
            pending_bytes: self.pending_bytes(),
            waiting_rows: self.fold.waiting.len(),
            waiting_bytes: self.fold.waiting.size_bytes(),
            restore_remaining: remaining,
            restore_total: total,
            sequence: self.sequence.checked_sub(match self.commit {
                Commit::None => 1,
                _ => 2,
            }),
            checkpoint_cut_at_ms: last.map(|manifest| manifest.cut_at_ms),
            checkpoint_bytes: last.map_or(0, Manifest::size_bytes),
            model_hash: last.map(|manifest| manifest.model_hash),
        }
    }

    /// The prequential metrics now.
    pub fn report(&self) -> Report {
        self.fold.report()
    }

    /// Begins or ends to look at how much each feature moves the predictions.
    pub fn watch_influence(&mut self, is_watched: bool) {
        self.fold.influence.watch(is_watched);
    }

    /// The features with their influence, the greatest first: the mean change of the prediction where one of them is
    /// taken away, in units of the target, for classes in probability.
    pub fn influence(&self) -> Vec<(Arc<str>, f64)> {
        self.fold.influence.report(&self.plan.features)
    }

    /// Hash of the model's state.
    pub fn model_hash(&self) -> u64 {
        model_hash(&self.fold.save())
    }

    /// Hash of the whole state: two lanes with the same hash answer the same from here on.
    pub fn state_hash(&self) -> u64 {
        state_hash(&self.fold.save())
    }

    /// Takes what happened, appends what is to be done.
    pub fn handle(&mut self, event: Event, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Over | Phase::New) {
            return;
        }
        match event {
            Event::Records(partition, block) => self.records(partition, block),
            Event::End(partition, position) => self.end(partition, position),
            Event::OutOfRange(partition, earliest) => {
                let error = self.out_of_range(partition, earliest);
                return self.fail(error, actions);
            }
            Event::Tick(now_ms) => self.now_ms = now_ms,
            Event::Sent(number) => self.sent(number, actions),
            Event::Committed => self.committed(),
            Event::Aborted => self.aborted(actions),
            Event::Unknown => self.unknown(actions),
            Event::JournalEnd(last) => self.journal_end(last, actions),
            Event::Drain => self.drain(None),
            Event::Lost => {
                self.phase = Phase::Over;
                actions.push(Action::Finished);
                return;
            }
        }
        self.progress(actions);
    }

    fn queue_place(&self, partition: Partition) -> Option<usize> {
        self.queues.binary_search_by_key(&partition, |queue| queue.partition).ok()
    }

    fn records(&mut self, partition: Partition, block: RecordBlock) {
        let Some(place) = self.queue_place(partition) else { return };
        let plan = self.plan.clone();
        let input_place = usize::from(partition.input);
        let (Some(input), Some(decoder)) = (plan.inputs.get(input_place), self.decoders.get_mut(input_place))
        else {
            return;
        };
        let queue = &mut self.queues[place];
        let block = wanted(block, queue.position, queue.until);
        if let Some(last) = block.len().checked_sub(1).map(|last| block.get(last).offset) {
            let decoded = decoder.decode(&block);
            queue.push(Chunk::new(input, block, decoded, self.now_ms, plan.joins_labels()));
            queue.position = last + 1;
        }
        queue.at_end_since_ms = None;
        self.idle_since = None;
    }

    fn end(&mut self, partition: Partition, position: i64) {
        let Some(place) = self.queue_place(partition) else { return };
        let queue = &mut self.queues[place];
        let position = queue.until.map_or(position, |until| position.min(until));
        queue.position = queue.position.max(position);
        // Said again, it is still the same end: the wait goes on and does not begin anew.
        queue.at_end_since_ms.get_or_insert(self.now_ms);
    }

    fn out_of_range(&self, partition: Partition, earliest: i64) -> LaneError {
        let wanted = self.queue_place(partition).map_or(-1, |place| self.queues[place].position);
        let input = self.topic(partition);
        match &self.replay {
            Some(replay) => {
                replay.changed(input, partition, format!("the topic now begins at offset {earliest}"))
            }
            None => LaneError::OutOfRange { input, partition: partition.partition, wanted, earliest },
        }
    }

    fn topic(&self, partition: Partition) -> String {
        self.plan
            .inputs
            .get(usize::from(partition.input))
            .map_or_else(String::new, |input| input.topic.clone())
    }

    /// Folds no more; `error` is what to say at the end.
    fn drain(&mut self, error: Option<LaneError>) {
        if self.phase == Phase::Live || error.is_some() {
            self.phase = Phase::Draining(error);
        }
    }

    fn fail(&mut self, error: LaneError, actions: &mut Vec<Action>) {
        self.phase = Phase::Over;
        actions.push(Action::Failed(error));
    }

    /// Everything that follows from an event: fold, cut, pause, end.
    fn progress(&mut self, actions: &mut Vec<Action>) {
        if self.replay.is_some() {
            if let Err(error) = self.replay_step() {
                return self.fail(error, actions);
            }
            if self.replay.is_some() {
                self.pause(actions);
                if let Phase::Draining(_) = self.phase {
                    // Nothing was folded that is not committed.
                    self.phase = Phase::Over;
                    actions.push(Action::Finished);
                }
                return;
            }
        }
        // Cutting makes room, so the two take turns until neither can go on.
        loop {
            self.fold_on();
            self.tick();
            self.send(actions);
            if !self.cut(actions) {
                break;
            }
        }
        self.pause(actions);
        self.finish(actions);
    }

    /// Memory of answers that are not durable, those of the commit under way left out.
    fn pending_bytes(&self) -> usize {
        self.fold.answers.size_bytes() + self.sends.as_ref().map_or(0, Sends::bytes)
    }

    fn has_room(&self) -> bool {
        self.pending_bytes() < self.plan.limits.pending_bytes_max
            && self.record.order.len() < ORDER_ENTRIES_MAX
    }

    /// Folds whatever may be folded now.
    fn fold_on(&mut self) {
        while self.phase == Phase::Live && self.has_room() {
            match Next::of(&self.queues, self.now_ms, self.plan.timing.idle_wait_ms) {
                Next::Fold(place, bound) => {
                    while self.phase == Phase::Live
                        && self.has_room()
                        && Next::holds(&self.queues[place], bound)
                    {
                        let ahead =
                            self.queues[place].head().is_some_and(|chunk| chunk.is_ahead(chunk.next()));
                        if let Err(error) = self.fold_one(place, ahead) {
                            self.drain(Some(error));
                        }
                    }
                }
                Next::Wait => return,
                Next::Nothing => {
                    if self.until.is_some() && self.queues.iter().all(Queue::is_exhausted) {
                        self.drain(None);
                    }
                    return;
                }
            }
        }
    }

    /// Place of the queue's partition in the journal record at hand.
    fn place_of(&mut self, queue: usize) -> u32 {
        let queue = &mut self.queues[queue];
        *queue.place.get_or_insert_with(|| {
            let (partition, next) = (queue.partition, queue.next);
            let run = PartitionRun { partition, next, count: 0, first: next, last: next, checksum: 0 };
            self.record.partitions.push(run);
            (self.record.partitions.len() - 1) as u32
        })
    }

    /// Folds the head's first record.
    fn fold_one(&mut self, place: usize, ahead: bool) -> Result<(), LaneError> {
        let run_place = self.place_of(place);
        let queue = &mut self.queues[place];
        let Some(chunk) = queue.head() else { return Ok(()) };
        let record = chunk.record(chunk.next());
        let run = &mut self.record.partitions[run_place as usize];
        if run.count == 0 {
            run.first = record.offset;
        }
        run.count += 1;
        run.last = record.offset;
        run.checksum = journal::checksum(run.checksum, record);
        self.record.push(run_place, ahead);
        let result = self.fold.record(queue.partition, chunk, ahead);
        queue.advance();
        result
    }

    /// While all inputs are idle, stream time follows the clock, where that settles something.
    fn tick(&mut self) {
        let idle = |queue: &Queue| queue.is_empty() && queue.at_end_since_ms.is_some();
        if self.phase != Phase::Live || self.until.is_some() || !self.queues.iter().all(idle) {
            self.idle_since = None;
            return;
        }
        let stream_time_ms = self.fold.stream_time_ms;
        if stream_time_ms == i64::MIN || self.now_ms == 0 {
            return;
        }
        let (since, base) = *self.idle_since.get_or_insert((self.now_ms, stream_time_ms));
        let time_ms = base.saturating_add(self.now_ms.saturating_sub(since).max(0));
        let due = self.fold.waiting.deadline_ms().is_some_and(|deadline| deadline < time_ms);
        if due && self.has_room() {
            self.fold.counters.ticks += 1;
            self.record.order.push(Entry::Tick(time_ms));
            self.fold.advance(time_ms);
        }
    }

    /// Tells the source where to pause and where to go on.
    fn pause(&mut self, actions: &mut Vec<Action>) {
        let share = self.plan.limits.queue_bytes_max / self.queues.len().max(1);
        for queue in &mut self.queues {
            let pause = match queue.paused {
                true => queue.bytes > share / 2,
                false => queue.bytes >= share,
            };
            if pause != queue.paused {
                queue.paused = pause;
                actions.push(Action::Pause(queue.partition, pause));
            }
        }
    }

    /// Ends the lane once everything is committed.
    fn finish(&mut self, actions: &mut Vec<Action>) {
        if let (Phase::Draining(error), Commit::None) = (&self.phase, &self.commit) {
            actions.push(match error.clone() {
                None => Action::Finished,
                Some(error) => Action::Failed(error),
            });
            self.phase = Phase::Over;
        }
    }
}

/// A journal record has at most so many steps of order.
const ORDER_ENTRIES_MAX: usize = 1 << 20;

fn model_hash(blobs: &[Blob]) -> u64 {
    blobs.iter().find(|(name, _)| name == MODEL_BLOB).map_or(0, |(_, bytes)| xxh3_64(bytes))
}

fn state_hash(blobs: &[Blob]) -> u64 {
    let mut hash = Xxh3::new();
    for (name, bytes) in blobs {
        hash.update(&(name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.digest()
}

/// The records of a block from `position` on and below `until`.
fn wanted(block: RecordBlock, position: i64, until: Option<i64>) -> RecordBlock {
    let inside = |offset: i64| offset >= position && until.is_none_or(|until| offset < until);
    let ends = [block.len().checked_sub(1), (!block.is_empty()).then_some(0)];
    if ends.into_iter().flatten().all(|place| inside(block.get(place).offset)) {
        return block;
    }
    let mut rest = RecordBlock::default();
    block.iter().filter(|record| inside(record.offset)).for_each(|record| rest.push(record));
    rest
}

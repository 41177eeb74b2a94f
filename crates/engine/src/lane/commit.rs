//! Commits and checkpoints of a lane: when they are cut, what they hold, and what follows from their outcome.

use super::event::Action;
use super::{Commit, Lane, Phase, model_hash, state_hash};
use crate::checkpoint::Manifest;
use crate::journal;
use std::sync::Arc;
use streamfold_flow::log::Transaction;

impl Lane {
    /// Whether something was folded that no commit has.
    fn has_content(&self) -> bool {
        !self.record.order.is_empty() || self.record.head.is_some()
    }

    fn checkpoint_is_due(&self) -> bool {
        let changed = self.checkpoint_folded != Some(self.fold.folded) || !self.record.order.is_empty();
        let due =
            self.now_ms.saturating_sub(self.last_checkpoint_ms) >= self.plan.timing.checkpoint_interval_ms;
        // The head comes alone: a generation that has folded nothing needs no checkpoint.
        changed
            && !self.checkpoints.is_busy()
            && self.record.head.is_none()
            && (due || matches!(self.phase, Phase::Draining(_)))
    }

    /// Cuts a commit if one is due and none is under way; true: it did.
    pub(super) fn cut(&mut self, actions: &mut Vec<Action>) -> bool {
        if !matches!(self.commit, Commit::None) || self.phase == Phase::Over {
            return false;
        }
        let draining = matches!(self.phase, Phase::Draining(_));
        let checkpoint = self.checkpoint_is_due();
        let interval_over =
            self.now_ms.saturating_sub(self.last_cut_ms) >= self.plan.timing.commit_interval_ms;
        let offsets_due =
            self.now_ms.saturating_sub(self.last_offsets_ms) >= self.plan.timing.recommit_interval_ms;
        let content = self.has_content() || self.checkpoints.is_busy();
        let moved = self.queues.iter().any(|queue| queue.next_to_commit() != queue.journaled);
        let go = match draining {
            true => content || checkpoint || moved,
            false => {
                (content || checkpoint) && (interval_over || !self.has_room() || self.record.head.is_some())
                    || offsets_due && self.now_ms > 0
            }
        };
        if !go || self.queues.is_empty() {
            return false;
        }
        let transaction = Arc::new(self.transaction(checkpoint, draining || offsets_due));
        self.last_cut_ms = self.now_ms;
        self.commit = match self.unsent() {
            Some(number) => Commit::Waiting(transaction, number),
            None => {
                actions.push(Action::Commit(transaction.clone()));
                Commit::UnderWay(transaction)
            }
        };
        true
    }

    /// Everything folded since the last cut, as one transaction. `all_offsets`: of every partition, moved or not.
    fn transaction(&mut self, checkpoint: bool, all_offsets: bool) -> Transaction {
        if all_offsets {
            self.last_offsets_ms = self.now_ms;
        }
        let nothing_moved = self.record.partitions.is_empty();
        for place in 0..self.queues.len() {
            let queue = &self.queues[place];
            if all_offsets || nothing_moved || queue.place.is_some() {
                self.place_of(place);
            }
        }
        let mut record = std::mem::take(&mut self.record);
        record.sequence = self.sequence;
        record.run_id = self.run_id;
        record.folded = self.fold.folded;
        for queue in &mut self.queues {
            if let Some(place) = queue.place.take() {
                queue.journaled = queue.next_to_commit();
                record.partitions[place as usize].next = queue.journaled;
            }
        }
        let offsets = record.partitions.iter().map(|run| (run.partition, run.next)).collect();
        let journal = record.encode();
        // What was taken over comes whole with the head: there is no journal from which it could be folded again.
        let inherits = record.inherited.is_some();
        if checkpoint || inherits {
            self.begin_checkpoint(journal::identity(&journal));
        }
        let was_busy = self.checkpoints.is_busy();
        let portion_bytes_max = self.plan.limits.checkpoint_bytes_per_commit_max;
        let state = self.checkpoints.portion(if inherits { usize::MAX } else { portion_bytes_max });
        if was_busy && !self.checkpoints.is_busy() {
            self.fold.counters.checkpoints += 1;
        }
        let outputs = self.fold.answers.take();
        let transaction = Transaction {
            sequence: self.sequence,
            outputs: if outputs.is_empty() { Vec::new() } else { vec![outputs] },
            journal,
            state,
            offsets,
        };
        self.sequence += 1;
        transaction
    }

    /// The cut: the state is exactly what this commit and those before it have folded.
    fn begin_checkpoint(&mut self, journal_identity: u64) {
        let blobs = self.fold.save();
        let manifest = Manifest {
            number: 0,
            sequence: self.sequence,
            journal_identity,
            folded: self.fold.folded,
            cut_at_ms: self.now_ms,
            model_hash: model_hash(&blobs),
            state_hash: state_hash(&blobs),
            head: self.head.clone(),
            positions: self.queues.iter().map(|queue| (queue.partition, queue.journaled)).collect(),
            parts: Vec::new(),
        };
        self.checkpoints.begin(manifest, &blobs, self.plan.limits.checkpoint_part_bytes_max);
        self.checkpoint_folded = Some(self.fold.folded);
        self.last_checkpoint_ms = self.now_ms;
    }

    pub(super) fn committed(&mut self) {
        if let Commit::UnderWay(transaction) | Commit::Unknown(transaction) =
            std::mem::replace(&mut self.commit, Commit::None)
        {
            self.committed_identity = Some(journal::identity(&transaction.journal));
            self.fold.counters.commits += 1;
            // The driver has let go of it by now, or else its memory is only not used again.
            let outputs = Arc::try_unwrap(transaction).map(|transaction| transaction.outputs);
            if let Some(block) = outputs.ok().and_then(|mut blocks| blocks.pop()) {
                self.fold.answers.reuse(block);
            }
        }
    }

    /// The same bytes again.
    pub(super) fn aborted(&mut self, actions: &mut Vec<Action>) {
        if let Commit::UnderWay(transaction) = &self.commit {
            self.fold.counters.aborts += 1;
            actions.push(Action::Commit(transaction.clone()));
        }
    }

    pub(super) fn unknown(&mut self, actions: &mut Vec<Action>) {
        if let Commit::UnderWay(transaction) = &self.commit {
            self.fold.counters.recoveries += 1;
            self.commit = Commit::Unknown(transaction.clone());
            actions.push(Action::Recover);
        }
    }

    pub(super) fn journal_end(&mut self, last: Option<Vec<u8>>, actions: &mut Vec<Action>) {
        let Commit::Unknown(transaction) = &self.commit else { return };
        let ours = journal::identity(&transaction.journal);
        let found = last.as_deref().map(journal::identity);
        if found == Some(ours) {
            self.committed();
        } else if found == self.committed_identity {
            // Our predecessor's: ours was undone.
            let transaction = transaction.clone();
            actions.push(Action::Commit(transaction.clone()));
            self.commit = Commit::UnderWay(transaction);
        } else {
            self.phase = Phase::Over;
            actions.push(Action::Restart(
                "the journal ends with a commit of somebody else, who has gone on from another state"
                    .to_owned(),
            ));
        }
    }
}

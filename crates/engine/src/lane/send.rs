//! Answers that go out at once, with `delivery = "at_least_once"`: what is under way, and who waits for it.

use super::event::Action;
use super::{Commit, Lane};
use std::collections::VecDeque;
use std::sync::Arc;

/// Answers that were handed out and are not durable yet.
#[derive(Debug, Default)]
pub(super) struct Sends {
    /// Number of the last one.
    last: u64,
    /// The bytes of each that is under way, oldest first.
    under_way: VecDeque<usize>,
}

impl Sends {
    /// Memory of all that is under way.
    pub(super) fn bytes(&self) -> usize {
        self.under_way.iter().sum()
    }

    /// Number of the last one that is durable.
    fn durable(&self) -> u64 {
        self.last - self.under_way.len() as u64
    }
}

impl Lane {
    /// Hands out the answers to what was folded since the last time.
    pub(super) fn send(&mut self, actions: &mut Vec<Action>) {
        let Some(sends) = &mut self.sends else { return };
        let block = self.fold.answers.take();
        if !block.is_empty() {
            sends.last += 1;
            sends.under_way.push_back(block.size_bytes());
            actions.push(Action::Send(sends.last, Arc::new(block)));
        }
    }

    /// Number of the [`Action::Send`] that a commit cut now has to wait for, if any.
    pub(super) fn unsent(&self) -> Option<u64> {
        self.sends.as_ref().filter(|sends| !sends.under_way.is_empty()).map(|sends| sends.last)
    }

    pub(super) fn sent(&mut self, number: u64, actions: &mut Vec<Action>) {
        let Some(sends) = &mut self.sends else { return };
        while sends.durable() < number && sends.under_way.pop_front().is_some() {}
        if let Commit::Waiting(transaction, needed) = &self.commit
            && sends.durable() >= *needed
        {
            let transaction = transaction.clone();
            actions.push(Action::Commit(transaction.clone()));
            self.commit = Commit::UnderWay(transaction);
        }
    }
}

//! The last actions of a run, for people; kept only when a failed seed is run again.

use std::collections::VecDeque;
use streamfold_engine::lane::Event;

/// Actions that are kept.
const ACTIONS_MAX: usize = 200;

/// What happened last.
#[derive(Debug, Default)]
pub struct Trace {
    is_on: bool,
    step: u64,
    actions: VecDeque<String>,
}

impl Trace {
    /// A trace that keeps something only if it is on.
    pub fn new(is_on: bool) -> Self {
        Trace { is_on, ..Trace::default() }
    }

    /// The number of the scheduler's step that follows.
    pub fn step(&mut self, step: u64) {
        self.step = step;
    }

    /// Adds an action.
    pub fn add(&mut self, action: impl FnOnce() -> String) {
        if self.is_on {
            if self.actions.len() == ACTIONS_MAX {
                self.actions.pop_front();
            }
            self.actions.push_back(format!("{:>7} {}", self.step, action()));
        }
    }

    /// Adds what a lane is told, but for what it is told all the time.
    pub fn event(&mut self, lane: &str, run_id: u64, event: &Event) {
        let what = match event {
            Event::Tick(_) | Event::End(..) => return,
            Event::Records(partition, block) => {
                let ends = [0, block.len().saturating_sub(1)].map(|place| block.get(place).offset);
                format!("{} records of {}/{}: {ends:?}", block.len(), partition.input, partition.partition)
            }
            Event::JournalEnd(last) => {
                format!("the journal ends with {:?} bytes", last.as_ref().map(Vec::len))
            }
            other => format!("{other:?}"),
        };
        self.add(|| format!("{lane} run {run_id}: {what}"));
    }

    /// The actions, oldest first.
    pub fn into_lines(self) -> Vec<String> {
        self.actions.into()
    }
}

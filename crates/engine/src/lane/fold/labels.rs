//! Labels that come on a topic of their own: what waits, what is learnt when, and what the table does when it is full.

use super::{Fold, Prediction};
use crate::lane::answer::Source;
use crate::lane::chunk::{Chunk, Label};
use crate::lane::event::LaneError;
use crate::lane::waiting::{Entry, State, Target};
use crate::plan::{LabelPlan, LearnAt, OnTimeout, Plan, WhenFull};
use streamfold_learn::baseline;
use streamfold_learn::features::Row;

impl Fold {
    pub(super) fn take_back(&mut self, key: &[u8]) {
        let mut chain = std::mem::take(&mut self.scratch.chain);
        self.waiting.chain(key, &mut chain);
        let mut taken = false;
        for &slot in &chain {
            match self.waiting.get(slot).map(|entry| entry.state) {
                Some(State::Early(_)) => {
                    self.waiting.remove(slot);
                    taken = true;
                }
                Some(State::Event(Some(_))) => {
                    self.waiting.set_state(slot, State::Event(None), true);
                    taken = true;
                }
                _ => {}
            }
        }
        self.scratch.chain = chain;
        match taken {
            true => self.counters.labels.taken_back += 1,
            false => self.counters.labels.taken_back_late += 1,
        }
    }

    /// Keeps the event until its label comes; or learns at once from a label that came before it.
    pub(super) fn wait(
        &mut self,
        rule: &LabelPlan,
        chunk: &Chunk,
        row: usize,
        time_ms: i64,
        prediction: &Prediction,
    ) -> Result<(), LaneError> {
        let Some(key) = chunk.key(row, chunk.next()) else { return Ok(()) };
        let features = chunk.features(row);
        let deadline_ms = time_ms.saturating_add(rule.wait_ms);
        let early = self.take_early(key);
        let mut state = State::Event(None);
        if let Some((target, label_time_ms)) = early {
            self.counters.labels.matched += 1;
            self.counters.labels.delay(label_time_ms.saturating_sub(time_ms));
            state = State::Event(Some(target));
            if rule.learn_at == LearnAt::Arrival {
                self.learn_at_once(features, target, prediction);
                state = State::Learnt(target);
            }
        }
        let keep_words = !matches!(state, State::Learnt(_)) || rule.learn_changes;
        // Before room is made: what is given up for it is learnt, with the same scratch memory.
        let mut words = self.waiting.words();
        if keep_words {
            words.extend(features.numeric.iter().map(|number| number.to_bits()));
            words.extend_from_slice(features.categories);
            words.push(prediction.number().to_bits());
            words.extend(self.scratch.scores.iter().map(|score| score.to_bits()));
            words.extend(self.scratch.baselines.iter().map(|number| number.to_bits()));
            // Behind all that is always there, because only this has no fixed length.
            let pairs = features.sparse.iter();
            words.extend(pairs.flat_map(|(index, value)| [u64::from(*index), value.to_bits()]));
        }
        let classes = self.scratch.scores.len() as u32;
        if self.make_room(rule, key, words.len())? {
            self.waiting.insert(key, time_ms, deadline_ms, state, words, classes);
        } else {
            self.waiting.recycle(words);
        }
        Ok(())
    }

    fn take_early(&mut self, key: &[u8]) -> Option<(Target, i64)> {
        let mut chain = std::mem::take(&mut self.scratch.chain);
        self.waiting.chain(key, &mut chain);
        let early = chain.iter().find_map(|&slot| match self.waiting.get(slot)?.state {
            State::Early(target) => Some((slot, target)),
            _ => None,
        });
        self.scratch.chain = chain;
        let (slot, target) = early?;
        self.waiting.remove(slot).map(|entry| (target, entry.time_ms))
    }

    /// Makes room for one more entry as the plan says; false: there is none and the entry is not kept.
    fn make_room(&mut self, rule: &LabelPlan, key: &[u8], words: usize) -> Result<bool, LaneError> {
        while self.waiting.is_full(key, words, rule.waiting_rows_max, rule.waiting_bytes_max) {
            match rule.when_full {
                WhenFull::ExpireOldest => match self.waiting.pop() {
                    Some(entry) => {
                        self.counters.labels.overflowed += 1;
                        self.settle(entry);
                    }
                    None => return Ok(false),
                },
                WhenFull::DropNewest => {
                    self.counters.labels.overflowed += 1;
                    return Ok(false);
                }
                WhenFull::Stop => {
                    return Err(LaneError::WaitingFull {
                        rows: self.waiting.len(),
                        bytes: self.waiting.size_bytes(),
                    });
                }
            }
        }
        Ok(true)
    }

    /// An entry's wait is over.
    pub(super) fn settle(&mut self, entry: Entry) {
        let target = match entry.state {
            State::Event(Some(target)) => Some(target),
            State::Event(None) => {
                self.counters.labels.timed_out += 1;
                self.timeout_target()
            }
            State::Early(_) => {
                self.counters.labels.unmatched += 1;
                None
            }
            State::Learnt(_) => None,
        };
        if let Some(target) = target {
            self.learn_entry(&entry.words, entry.classes as usize, target, true);
        }
        self.waiting.recycle(entry.words);
    }

    fn timeout_target(&mut self) -> Option<Target> {
        let plan = self.plan.clone();
        match plan.label.as_ref().map(|label| &label.on_timeout)? {
            OnTimeout::Drop => None,
            OnTimeout::Number(number) => Some(Target::Number(*number)),
            OnTimeout::Class(name) => self.class(name).map(Target::Class),
        }
    }

    /// Learns from what was kept at prediction.
    fn learn_entry(&mut self, words: &[u64], classes: usize, target: Target, score: bool) {
        let (n, m) = (self.plan.features.numeric.len(), self.plan.features.categories.len());
        let fixed = n + m + 1 + classes + baseline::words(self.plan.task, classes);
        let Some((words, pairs)) = words.split_at_checked(fixed) else { return };
        let mut sparse = std::mem::take(&mut self.scratch.sparse);
        sparse.clear();
        sparse.extend(pairs.chunks_exact(2).map(|pair| (pair[0] as u32, f64::from_bits(pair[1]))));
        let mut numeric = std::mem::take(&mut self.scratch.numeric);
        numeric.clear();
        numeric.extend(words[..n].iter().map(|word| f64::from_bits(*word)));
        let number = f64::from_bits(words[n + m]);
        let (mut scores, mut baselines) = self.scratch.lend();
        scores.clear();
        baselines.clear();
        let rest = words[n + m + 1..].iter().map(|word| f64::from_bits(*word));
        for (place, value) in rest.enumerate() {
            if place < classes { &mut scores } else { &mut baselines }.push(value);
        }
        let features = Row { numeric: &numeric, categories: &words[n..n + m], sparse: &sparse };
        self.learn(features, target, number, &scores, &baselines, score);
        self.scratch.give_back(scores, baselines);
        self.scratch.numeric = numeric;
        self.scratch.sparse = sparse;
    }

    /// A label that came on its own topic.
    pub(super) fn label(
        &mut self,
        plan: &Plan,
        source: Source<'_>,
        chunk: &Chunk,
        row: usize,
        time_ms: i64,
    ) -> Result<(), LaneError> {
        let Some(rule) = &plan.label else { return Ok(()) };
        let label = chunk.label(row);
        if let Label::Class(name) = label
            && !self.has_room_for(name)
        {
            return self.too_many_classes(source, name);
        }
        self.good();
        let (Some(key), Some(target)) = (chunk.key(row, chunk.next()), self.target(label)) else {
            return Ok(());
        };
        let mut chain = std::mem::take(&mut self.scratch.chain);
        self.waiting.chain(key, &mut chain);
        let mut found = false;
        for &slot in &chain {
            found |= self.label_event(rule, slot, target, time_ms);
        }
        if !found {
            let last = chain.last().copied();
            self.label_again(rule, last, key, target, time_ms)?;
        }
        self.scratch.chain = chain;
        Ok(())
    }

    /// Gives the label to an event that waits; false: the entry is none.
    fn label_event(&mut self, rule: &LabelPlan, slot: u32, target: Target, time_ms: i64) -> bool {
        let Some(entry) = self.waiting.get(slot) else { return false };
        let State::Event(before) = entry.state else { return false };
        let delay_ms = time_ms.saturating_sub(entry.time_ms);
        match before {
            None => {
                self.counters.labels.matched += 1;
                self.counters.labels.delay(delay_ms);
            }
            Some(before) if before == target => self.counters.labels.duplicate += 1,
            Some(_) => self.counters.labels.changed += 1,
        }
        match rule.learn_at {
            LearnAt::WaitOver => self.waiting.set_state(slot, State::Event(Some(target)), true),
            LearnAt::Arrival => {
                let (words, classes) = (entry.words.clone(), entry.classes as usize);
                self.waiting.set_state(slot, State::Learnt(target), rule.learn_changes);
                self.learn_entry(&words, classes, target, true);
                self.waiting.recycle(words);
            }
        }
        true
    }

    /// A label for which no event waits: a second one, or an early one.
    fn label_again(
        &mut self,
        rule: &LabelPlan,
        last: Option<u32>,
        key: &[u8],
        target: Target,
        time_ms: i64,
    ) -> Result<(), LaneError> {
        let entry = last.and_then(|slot| self.waiting.get(slot).map(|entry| (slot, entry)));
        match entry.map(|(slot, entry)| (slot, entry.state)) {
            Some((_, State::Learnt(before) | State::Early(before))) if before == target => {
                self.counters.labels.duplicate += 1;
            }
            Some((slot, State::Early(_))) => {
                self.counters.labels.changed += 1;
                self.waiting.set_state(slot, State::Early(target), true);
            }
            Some((slot, State::Learnt(_))) => {
                self.counters.labels.changed += 1;
                if rule.learn_changes {
                    let words = entry.map(|(_, entry)| (entry.words.clone(), entry.classes as usize));
                    self.waiting.set_state(slot, State::Learnt(target), true);
                    if let Some((words, classes)) = words {
                        self.learn_entry(&words, classes, target, false);
                    }
                }
            }
            _ => {
                if self.make_room(rule, key, 0)? {
                    self.counters.labels.early += 1;
                    let deadline_ms = time_ms.saturating_add(rule.wait_ms);
                    self.waiting.insert(key, time_ms, deadline_ms, State::Early(target), Vec::new(), 0);
                }
            }
        }
        Ok(())
    }
}

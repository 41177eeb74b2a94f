//! Trees that are replaced when they get worse: what adaptive random forests and streaming random patches have in
//! common.
//!
//! Each tree's errors go through two ADWIN windows. When the more sensitive one sees them rise, a new tree begins to
//! learn in the background; when the other one does, the tree is replaced by the one in the background, or by an empty
//! one. Errors that fall are no reason: the tree has learnt.

use super::features_of;
use crate::drift::adwin::{Adwin, Change};
use crate::features::{Row, Schema};
use crate::model::Contributions;
use crate::random::Random;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use crate::tree::columns::{Columns, Event};
use crate::tree::grow::{Growth, Tree};
use crate::tree::{Subset, heap_of, weight_of};
use std::cell::RefCell;

/// How the members are made and replaced.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) growth: Growth,
    pub(super) trees: usize,
    /// Mean number of times that a tree learns an event.
    pub(super) lambda: f64,
    /// Confidence of the window that replaces a tree, and of the one that starts another in the background.
    pub(super) drift_delta: f64,
    pub(super) warning_delta: f64,
    /// Share of the features that a tree looks at. (Those that each of its leaves draws are in `growth`.)
    pub(super) tree_share: f64,
}

/// A tree, and what is known of how well it does.
#[derive(Clone, Debug)]
struct Member {
    tree: Tree,
    background: Option<Box<Tree>>,
    drift: Adwin,
    warning: Adwin,
    /// Weight of the events that it was right about, and of all, since it was new.
    right: f64,
    seen: f64,
    random: Random,
}

impl Member {
    fn new(settings: &Settings, columns: &Columns, mut random: Random) -> Self {
        Member {
            tree: new_tree(settings, columns, &mut random),
            background: None,
            drift: Adwin::new(settings.drift_delta),
            warning: Adwin::new(settings.warning_delta),
            right: 0.0,
            seen: 0.0,
            random,
        }
    }

    /// What its vote counts: its accuracy.
    fn vote(&self) -> f64 {
        if self.seen > 0.0 && self.right > 0.0 { (self.right / self.seen).max(1e-9) } else { 1.0 }
    }

    fn learn(&mut self, settings: &Settings, columns: &Columns, event: &Event, class: usize, weight: f64) {
        let times = self.random.poisson(settings.lambda);
        if times == 0 {
            return;
        }
        let predicted = self.tree.learn(columns, event, class, weight * f64::from(times));
        let right = predicted == class;
        self.seen += weight;
        self.right += if right { weight } else { 0.0 };
        if let Some(background) = &mut self.background {
            background.learn(columns, event, class, weight);
        }
        let error = if right { 0.0 } else { 1.0 };
        if self.warning.add(error) == Change::Rise {
            self.background = Some(Box::new(new_tree(settings, columns, &mut self.random)));
            self.warning = Adwin::new(settings.warning_delta);
        }
        if self.drift.add(error) == Change::Rise {
            self.tree = match self.background.take() {
                Some(background) => *background,
                None => new_tree(settings, columns, &mut self.random),
            };
            self.drift = Adwin::new(settings.drift_delta);
            self.warning = Adwin::new(settings.warning_delta);
            (self.right, self.seen) = (0.0, 0.0);
        }
    }

    fn save(&self, columns: &Columns, out: &mut Writer) {
        self.random.save(out);
        out.float(self.right);
        out.float(self.seen);
        self.drift.save(out);
        self.warning.save(out);
        self.tree.save_with_features(columns, out);
        out.boolean(self.background.is_some());
        if let Some(background) = &self.background {
            background.save_with_features(columns, out);
        }
    }

    fn load(
        &mut self,
        settings: &Settings,
        columns: &Columns,
        from: &mut Reader<'_>,
    ) -> Result<(), SnapshotError> {
        self.random.load(from)?;
        self.right = from.finite_not_negative()?;
        self.seen = from.finite_not_negative()?;
        if self.right > self.seen || self.seen > 1e18 {
            return Err(from.invalid("a tree was right more often than asked"));
        }
        self.drift.load(from)?;
        self.warning.load(from)?;
        self.tree.load_with_features(columns, from)?;
        self.background = match from.boolean()? {
            true => {
                let mut tree = new_tree(settings, columns, &mut self.random.clone());
                tree.load_with_features(columns, from)?;
                Some(Box::new(tree))
            }
            false => None,
        };
        Ok(())
    }
}

fn new_tree(settings: &Settings, columns: &Columns, random: &mut Random) -> Tree {
    let mut own = Random::new(random.word());
    let mut all = Subset::all(columns);
    if settings.tree_share < 1.0 {
        all = all.draw(columns, features_of(settings.tree_share, columns, 2), &mut own);
    }
    Tree::new(columns, settings.growth, all, own)
}

/// The members and the row that is at hand.
#[derive(Clone, Debug)]
pub(super) struct Members {
    settings: Settings,
    columns: Columns,
    members: Vec<Member>,
    /// Not state; borrowed for the length of one call only.
    room: RefCell<Room>,
}

#[derive(Clone, Debug, Default)]
struct Room {
    event: Event,
    scores: Vec<f64>,
}

impl Members {
    pub(super) fn new(settings: Settings, columns: Columns, seed: u64) -> Self {
        let member = |number| Member::new(&settings, &columns, Random::of_part(seed, number));
        let members = (0..settings.trees as u64).map(member).collect();
        Members { settings, columns, members, room: RefCell::default() }
    }

    pub(super) fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let mut room = self.room.borrow_mut();
        let Room { event, scores: votes } = &mut *room;
        self.columns.read(row, event);
        votes.resize(scores.len(), 0.0);
        scores.fill(0.0);
        let mut sum = 0.0;
        for member in &self.members {
            member.tree.scores(event, votes);
            let vote = member.vote();
            sum += vote;
            scores.iter_mut().zip(&*votes).for_each(|(score, share)| *score += vote * share);
        }
        scores.iter_mut().for_each(|score| *score /= sum);
    }

    pub(super) fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        let Some(weight) = weight_of(weight).filter(|_| class < self.settings.growth.classes_max) else {
            return;
        };
        let event = &mut self.room.get_mut().event;
        self.columns.learn(row, event);
        for member in &mut self.members {
            member.learn(&self.settings, &self.columns, event, class, weight);
        }
    }

    pub(super) fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        let event = &mut self.room.borrow_mut().event;
        self.columns.read(row, event);
        out.clear(row);
        let sum: f64 = self.members.iter().map(Member::vote).sum();
        let classes = self.settings.growth.classes_max;
        for member in &self.members {
            let share = member.vote() / sum;
            member.tree.explain(&self.columns, event, row.sparse, (class, classes), share, out);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let room = self.room.borrow();
        let member = |member: &Member| {
            let background =
                member.background.as_ref().map_or(0, |tree| size_of::<Tree>() + tree.memory_bytes());
            let detectors = heap_of(&member.drift) + heap_of(&member.warning);
            size_of::<Member>() + member.tree.memory_bytes() + background + detectors
        };
        let members: usize = self.members.iter().map(member).sum();
        members + self.columns.memory_bytes() + 8 * (room.event.numbers.len() + room.scores.len())
    }

    pub(super) fn dump(&self, schema: &Schema, out: &mut String) {
        for (number, member) in self.members.iter().take(crate::dump::lines(self.members.len())).enumerate() {
            let growing = if member.background.is_some() { ", another grows in the background" } else { "" };
            let (right, seen) = (100.0 * member.right / member.seen.max(1.0), member.seen);
            out.push_str(&format!("tree {number}, right about {right:.1} % of {seen:.0} events{growing}:\n"));
            member.tree.dump(&self.columns, schema, crate::dump::lines(usize::MAX), out);
        }
        crate::dump::rest(self.members.len(), out);
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.version(1);
        self.columns.save(out);
        self.members.iter().for_each(|member| member.save(&self.columns, out));
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.version(1)?;
        self.columns.load(from)?;
        self.members.iter_mut().try_for_each(|member| member.load(&self.settings, &self.columns, from))
    }
}

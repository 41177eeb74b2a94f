//! Trees for classes that are replaced when they get worse: the members of adaptive random forests and of streaming
//! random patches.

use super::features_of;
use super::replaced::{Deltas, Replaced};
use crate::features::{Row, Schema};
use crate::model::Contributions;
use crate::random::Random;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use crate::tree::columns::{Columns, Event};
use crate::tree::grow::{Growth, Tree};
use crate::tree::{Subset, weight_of};
use std::cell::RefCell;

/// How the members are made and replaced.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) growth: Growth,
    pub(super) trees: usize,
    /// Mean number of times that a tree learns an event.
    pub(super) lambda: f64,
    pub(super) deltas: Deltas,
    /// Share of the features that a tree looks at. (Those that each of its leaves draws are in `growth`.)
    pub(super) tree_share: f64,
}

/// A tree, and what is known of how well it does.
#[derive(Clone, Debug)]
struct Member {
    at_work: Replaced<Tree>,
    /// Weight of the events that it was right about, and of all, since it was new.
    right: f64,
    seen: f64,
    random: Random,
}

impl Member {
    fn new(settings: &Settings, columns: &Columns, mut random: Random) -> Self {
        Member {
            at_work: Replaced::new(new_tree(settings, columns, &mut random), settings.deltas),
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
        let predicted = self.at_work.tree.learn(columns, event, class, weight * f64::from(times));
        let right = predicted == class;
        self.seen += weight;
        self.right += if right { weight } else { 0.0 };
        if let Some(background) = &mut self.at_work.background {
            background.learn(columns, event, class, weight);
        }
        let error = if right { 0.0 } else { 1.0 };
        let fresh = || new_tree(settings, columns, &mut self.random);
        if self.at_work.judge(error, settings.deltas, fresh) {
            (self.right, self.seen) = (0.0, 0.0);
        }
    }

    fn save(&self, columns: &Columns, out: &mut Writer) {
        self.random.save(out);
        out.float(self.right);
        out.float(self.seen);
        self.at_work.save(out, |tree, out| tree.save_with_features(columns, out));
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
        let fresh = || new_tree(settings, columns, &mut self.random.clone());
        self.at_work.load(from, fresh, |tree, from| tree.load_with_features(columns, from))
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
            member.at_work.tree.scores(event, votes);
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
            member.at_work.tree.explain(&self.columns, event, row.sparse, (class, classes), share, out);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let room = self.room.borrow();
        let member = |member: &Member| size_of::<Member>() + member.at_work.heap_bytes(Tree::memory_bytes);
        let members: usize = self.members.iter().map(member).sum();
        members + self.columns.memory_bytes() + 8 * (room.event.numbers.len() + room.scores.len())
    }

    pub(super) fn dump(&self, schema: &Schema, out: &mut String) {
        for (number, member) in self.members.iter().take(crate::dump::lines(self.members.len())).enumerate() {
            let growing =
                if member.at_work.background.is_some() { ", another grows in the background" } else { "" };
            let (right, seen) = (100.0 * member.right / member.seen.max(1.0), member.seen);
            out.push_str(&format!("tree {number}, right about {right:.1} % of {seen:.0} events{growing}:\n"));
            member.at_work.tree.dump(&self.columns, schema, crate::dump::lines(usize::MAX), out);
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

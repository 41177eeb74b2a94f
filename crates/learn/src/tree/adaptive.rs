//! What makes a tree adaptive: every node watches its errors, and where an inner node's rise, an alternative grows
//! beside it that takes its place once it is surely better.

use super::arena::{Arena, Found, Node};
use super::columns::{Columns, Event};
use super::heap_of;
use crate::drift::adwin::{Adwin, Change};
use crate::params::{Param, ParamKind, Values};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

pub(crate) const DRIFT_DELTA: Param = Param {
    name: "drift_delta",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 0.002 },
    doc: "Chance that a check of a node's errors starts an alternative below it without need. Smaller: fewer, later ones.",
    default_from: "MOA and River; Bifet and Gavaldà.",
};

pub(crate) const SWITCH_DELTA: Param = Param {
    name: "switch_delta",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 0.05 },
    doc: "Chance that an alternative that replaces a node, or is given up, was not the better or the worse one.",
    default_from: "MOA and River.",
};

/// A node and its alternative are compared once both windows have more errors than this.
const WIDTH_MIN: u64 = 300;
/// What a node's window takes, counted towards the bound of memory: a window of a million errors takes about this.
const WINDOW_BYTES: usize = 2000;

/// An event with what is to be learnt from it.
pub(crate) trait Lesson: Copy {
    fn event(&self) -> &Event;
}

/// A tree beside whose nodes alternatives can grow.
pub(crate) trait Grows {
    /// What its leaves are.
    type Leaf;
    /// An event with what is to be learnt from it.
    type Lesson<'a>: Lesson;

    fn arena(&self) -> &Arena<Self::Leaf>;
    fn arena_mut(&mut self) -> &mut Arena<Self::Leaf>;
    /// Roots of the alternatives, in the order in which they were made.
    fn others(&self) -> &[u32];
    fn others_mut(&mut self) -> &mut Vec<u32>;
    /// Bytes beside the tree that count towards its bound.
    fn set_beside_bytes(&mut self, bytes: usize);
    /// The leaf below a node that an event comes to, which may get a new branch.
    fn reach(&mut self, columns: &Columns, from: u32, event: &Event) -> Found;
    /// Lets a leaf learn; its error before, from 0 to 1.
    fn learn_at(&mut self, columns: &Columns, found: Found, lesson: Self::Lesson<'_>) -> f64;
    /// Whether there is memory for further nodes.
    fn may_grow(&self) -> bool;
    /// Puts an empty leaf beside the tree.
    fn add_root(&mut self, columns: &Columns) -> u32;
    /// Counts the bytes of the leaves anew, after subtrees were cut.
    fn count_bytes(&mut self);
    /// Writes the nodes below a place; `node` writes what goes with each.
    fn save_below(
        &self,
        columns: &Columns,
        root: u32,
        out: &mut Writer,
        node: &mut dyn FnMut(u32, &mut Writer),
    );
    /// Reads them.
    fn load_below(
        &mut self,
        columns: &Columns,
        root: u32,
        from: &mut Reader<'_>,
        node: &mut dyn FnMut(u32, &mut Reader<'_>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError>;
}

/// What is known of how well the tree does below a node.
#[derive(Clone, Debug)]
struct Watch {
    errors: Adwin,
    /// The root of a tree that learns beside the one below this node. Alternatives have none themselves.
    alternative: Option<u32>,
}

/// The windows of a tree's nodes.
#[derive(Clone, Debug)]
pub(crate) struct Watches {
    drift_delta: f64,
    switch_delta: f64,
    /// By place of the node.
    watches: Vec<Option<Box<Watch>>>,
    /// Nodes on the way of the event being learnt, and those of them whose errors have risen. Not state.
    way: Vec<u32>,
    rose: Vec<u32>,
}

impl Watches {
    pub(crate) fn new(values: &Values) -> Self {
        Watches {
            drift_delta: values.number(&DRIFT_DELTA),
            switch_delta: values.number(&SWITCH_DELTA),
            watches: Vec::new(),
            way: Vec::new(),
            rose: Vec::new(),
        }
    }

    /// Lets the tree and the alternatives on the way learn.
    pub(crate) fn learn<T: Grows>(&mut self, tree: &mut T, columns: &Columns, lesson: T::Lesson<'_>) {
        self.learn_below(tree, columns, 0, lesson);
        self.tend_alternatives(tree, columns, lesson);
        tree.set_beside_bytes(WINDOW_BYTES * tree.arena().len());
    }

    /// The window of a node, made where there is none.
    fn watch(&mut self, place: u32) -> &mut Watch {
        let place = place as usize;
        if place >= self.watches.len() {
            self.watches.resize(place + 1, None);
        }
        let delta = self.drift_delta;
        self.watches[place]
            .get_or_insert_with(|| Box::new(Watch { errors: Adwin::new(delta), alternative: None }))
    }

    /// Errors of a node and how many they are the mean of.
    fn errors(&self, place: u32) -> (f64, u64) {
        let watch = self.watches.get(place as usize).and_then(Option::as_deref);
        watch.map_or((0.0, 0), |watch| (watch.errors.mean(), watch.errors.width()))
    }

    fn alternative(&self, place: u32) -> Option<u32> {
        self.watches.get(place as usize).and_then(Option::as_deref)?.alternative
    }

    /// Lets the tree below a node learn, and its nodes' windows too. The way is left in `self.way`; those of its nodes
    /// whose errors have risen are added to `self.rose`.
    fn learn_below<T: Grows>(&mut self, tree: &mut T, columns: &Columns, from: u32, lesson: T::Lesson<'_>) {
        let event = lesson.event();
        let leaf = tree.reach(columns, from, event);
        self.way.clear();
        self.way.push(from);
        while let Some(Node::Split(split)) = self.way.last().map(|place| tree.arena().node(*place)) {
            self.way.push(split.next(event));
        }
        let error = tree.learn_at(columns, leaf, lesson);
        for at in 0..self.way.len() {
            let place = self.way[at];
            if self.watch(place).errors.add(error) == Change::Rise {
                self.rose.push(place);
            }
        }
        // A leaf that was split has another error from now on.
        if tree.arena().leaf(leaf.place).is_none() {
            self.watches[leaf.place as usize] = None;
        }
    }

    /// Starts alternatives for the nodes on the way whose errors have risen, lets the others' learn, and replaces a node
    /// by a better one.
    fn tend_alternatives<T: Grows>(&mut self, tree: &mut T, columns: &Columns, lesson: T::Lesson<'_>) {
        let (way, rose) = (std::mem::take(&mut self.way), std::mem::take(&mut self.rose));
        for &place in &way {
            if rose.contains(&place) {
                self.start_alternative(tree, columns, place);
                continue;
            }
            let Some(root) = self.alternative(place) else { continue };
            self.learn_below(tree, columns, root, lesson);
            let ((old, old_width), (new, new_width)) = (self.errors(place), self.errors(root));
            if old_width <= WIDTH_MIN || new_width <= WIDTH_MIN {
                continue;
            }
            let chance =
                libm::log(2.0 / self.switch_delta) * (1.0 / old_width as f64 + 1.0 / new_width as f64);
            let bound = (2.0 * old * (1.0 - old) * chance).sqrt();
            if old - new > bound {
                self.replace(tree, place, root);
                break;
            } else if new - old > bound {
                self.drop_alternative(tree, place);
            }
        }
        (self.way, self.rose) = (way, rose);
        self.rose.clear();
    }

    /// Starts an alternative for an inner node, where there is memory for it.
    fn start_alternative<T: Grows>(&mut self, tree: &mut T, columns: &Columns, place: u32) {
        self.drop_alternative(tree, place);
        if tree.arena().leaf(place).is_some() || !tree.may_grow() {
            return;
        }
        let root = tree.add_root(columns);
        tree.others_mut().push(root);
        self.watch(place).alternative = Some(root);
    }

    /// Gives up the alternative of a node.
    fn drop_alternative<T: Grows>(&mut self, tree: &mut T, place: u32) {
        if let Some(root) = self.watch(place).alternative.take() {
            self.forget_below(tree, root);
            if let Some(watch) = self.watches.get_mut(root as usize) {
                *watch = None;
            }
            tree.arena_mut().release(root);
            tree.others_mut().retain(|other| *other != root);
            tree.count_bytes();
        }
    }

    /// Puts the alternative of a node into its place.
    fn replace<T: Grows>(&mut self, tree: &mut T, place: u32, root: u32) {
        self.watch(place).alternative = None;
        self.forget_below(tree, place);
        tree.others_mut().retain(|other| *other != root);
        self.watches[place as usize] = self.watches.get_mut(root as usize).and_then(Option::take);
        tree.arena_mut().replace(place, root);
        tree.count_bytes();
    }

    /// Forgets the windows below a node, and the alternatives there.
    fn forget_below<T: Grows>(&mut self, tree: &mut T, place: u32) {
        let mut below = Vec::new();
        tree.arena().visit(place, |each, _| below.push(each));
        for each in below.into_iter().skip(1) {
            if self.alternative(each).is_some() {
                self.drop_alternative(tree, each);
            }
            if let Some(watch) = self.watches.get_mut(each as usize) {
                *watch = None;
            }
        }
    }

    /// Calls back with the roots whose leaves answer an event, and how much each counts: the tree, and the alternatives
    /// on the way. A leaf counts by the inverse square of its error.
    pub(crate) fn answering<T: Grows>(&self, tree: &T, event: &Event, mut each: impl FnMut(u32, u32, f64)) {
        let mut place = 0;
        loop {
            if let Some(root) = self.alternative(place) {
                let leaf = tree.arena().find(root, event).place;
                each(root, leaf, self.vote(leaf));
            }
            match tree.arena().node(place) {
                Node::Split(split) => place = split.next(event),
                _ => return each(0, place, self.vote(place)),
            }
        }
    }

    fn vote(&self, leaf: u32) -> f64 {
        let (error, width) = self.errors(leaf);
        let error = if error > 0.0 { error.min(1.0) } else { 0.0 };
        // As if one more event had been wrong: a new leaf counts little, and one without errors not infinitely much.
        let error = (error * width as f64 + 1.0) / (width as f64 + 1.0);
        1.0 / (error * error)
    }

    /// Bytes, windows included.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.watches.iter().flatten().map(|watch| size_of::<Watch>() + heap_of(&watch.errors)).sum()
    }

    /// Writes the tree, and each alternative with the number, in the tree's order, of the node that it is for.
    pub(crate) fn save<T: Grows>(&self, tree: &T, columns: &Columns, out: &mut Writer) {
        self.save_below(tree, columns, 0, out);
        let mut owners = Vec::new();
        let mut number = 0u64;
        tree.arena().visit(0, |place, _| {
            owners.extend(self.alternative(place).map(|root| (root, number)));
            number += 1;
        });
        out.unsigned(owners.len() as u64);
        for &root in tree.others() {
            if let Some((_, owner)) = owners.iter().find(|(known, _)| *known == root) {
                out.unsigned(*owner);
                self.save_below(tree, columns, root, out);
            }
        }
    }

    fn save_below<T: Grows>(&self, tree: &T, columns: &Columns, root: u32, out: &mut Writer) {
        tree.save_below(columns, root, out, &mut |place, out| {
            let watch = self.watches.get(place as usize).and_then(Option::as_deref);
            out.boolean(watch.is_some());
            if let Some(watch) = watch {
                watch.errors.save(out);
            }
        });
    }

    /// Reads what [`Watches::save`] wrote into a tree that was cleared.
    pub(crate) fn load<T: Grows>(
        &mut self,
        tree: &mut T,
        columns: &Columns,
        from: &mut Reader<'_>,
    ) -> Result<(), SnapshotError> {
        self.watches.clear();
        self.load_below(tree, columns, 0, from)?;
        let mut nodes = Vec::new();
        tree.arena().visit(0, |place, _| nodes.push(place));
        for _ in 0..from.length(4)? {
            let owner = usize::try_from(from.unsigned()?).ok().and_then(|number| nodes.get(number)).copied();
            let Some(owner) = owner.filter(|owner| self.alternative(*owner).is_none()) else {
                return Err(from.invalid("an alternative for a node that is not there or has one"));
            };
            let root = tree.add_root(columns);
            self.load_below(tree, columns, root, from)?;
            tree.others_mut().push(root);
            self.watch(owner).alternative = Some(root);
        }
        tree.set_beside_bytes(WINDOW_BYTES * tree.arena().len());
        Ok(())
    }

    fn load_below<T: Grows>(
        &mut self,
        tree: &mut T,
        columns: &Columns,
        root: u32,
        from: &mut Reader<'_>,
    ) -> Result<(), SnapshotError> {
        let mut read = Vec::new();
        let delta = self.drift_delta;
        tree.load_below(columns, root, from, &mut |place, from| {
            if from.boolean()? {
                let mut errors = Adwin::new(delta);
                errors.load(from)?;
                read.push((place, errors));
            }
            Ok(())
        })?;
        for (place, errors) in read {
            self.watch(place).errors = errors;
        }
        Ok(())
    }
}

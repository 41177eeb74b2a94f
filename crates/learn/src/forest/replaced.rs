//! A tree that is replaced when it gets worse: what adaptive random forests and streaming random patches have in common.
//!
//! Its errors go through two ADWIN windows. When the more sensitive one sees them rise, a new tree begins to learn in the
//! background; when the other one does, the tree is replaced by the one in the background, or by an empty one. Errors
//! that fall are no reason: the tree has learnt.

use crate::drift::adwin::{Adwin, Change};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use crate::tree::heap_of;

/// Confidence of the window that replaces a tree, and of the one that starts another in the background.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deltas {
    pub(super) drift: f64,
    pub(super) warning: f64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Replaced<T> {
    pub(super) tree: T,
    pub(super) background: Option<Box<T>>,
    drift: Adwin,
    warning: Adwin,
}

impl<T> Replaced<T> {
    pub(super) fn new(tree: T, deltas: Deltas) -> Self {
        Replaced {
            tree,
            background: None,
            drift: Adwin::new(deltas.drift),
            warning: Adwin::new(deltas.warning),
        }
    }

    /// Notes an error from 0 to 1. True: another tree has taken the place.
    pub(super) fn judge(&mut self, error: f64, deltas: Deltas, mut fresh: impl FnMut() -> T) -> bool {
        if self.warning.add(error) == Change::Rise {
            self.background = Some(Box::new(fresh()));
            self.warning = Adwin::new(deltas.warning);
        }
        if self.drift.add(error) != Change::Rise {
            return false;
        }
        let next = match self.background.take() {
            Some(background) => *background,
            None => fresh(),
        };
        *self = Replaced::new(next, deltas);
        true
    }

    /// Bytes on the heap, where a tree has so many there.
    pub(super) fn heap_bytes(&self, of: impl Fn(&T) -> usize) -> usize {
        let background = self.background.as_ref().map_or(0, |tree| size_of::<T>() + of(tree));
        of(&self.tree) + background + heap_of(&self.drift) + heap_of(&self.warning)
    }

    pub(super) fn save(&self, out: &mut Writer, save: impl Fn(&T, &mut Writer)) {
        self.drift.save(out);
        self.warning.save(out);
        save(&self.tree, out);
        out.boolean(self.background.is_some());
        if let Some(background) = &self.background {
            save(background, out);
        }
    }

    pub(super) fn load(
        &mut self,
        from: &mut Reader<'_>,
        fresh: impl FnOnce() -> T,
        load: impl Fn(&mut T, &mut Reader<'_>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        self.drift.load(from)?;
        self.warning.load(from)?;
        load(&mut self.tree, from)?;
        self.background = match from.boolean()? {
            true => {
                let mut tree = fresh();
                load(&mut tree, from)?;
                Some(Box::new(tree))
            }
            false => None,
        };
        Ok(())
    }
}

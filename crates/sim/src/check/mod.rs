//! Checkers that look at a world when it has come to its end: each in a file of its own, none knows how the world
//! came about.

mod calm;
mod journal;
mod outputs;
mod refold;
mod written;

use crate::world::World;

/// Everything that must hold at the end.
pub fn all(world: &World) -> Result<(), String> {
    outputs::check(world)?;
    let journals = journal::check(world)?;
    refold::check(world, &journals)
}

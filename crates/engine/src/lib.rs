//! Runs a pipeline: the file as written ([`spec`]), what it means ([`plan`]), the fold ([`lane`]), what is kept of it
//! ([`journal`], [`checkpoint`]), and the loop that connects lanes to a log ([`runtime`]).
//!
//! Knows flow and learn; never a connector, never a format: these come in through a [`plan::Catalog`].

pub mod checkpoint;
pub mod journal;
pub mod lane;
pub mod plan;
pub mod runtime;
pub mod spec;

//! The pipeline file as written: TOML against one table of keys. What it means together is for [`crate::plan`].
//!
//! Every fault is told with its place, all of them at once; a key that is wrong keeps its default so that one fault
//! does not bring forth others.

pub(crate) mod key;
pub(crate) mod keys;
pub mod problem;
pub(crate) mod read;
pub(crate) mod reference;
pub(crate) mod setting;
pub(crate) mod tree;
pub mod units;

pub use problem::Problem;
pub use reference::{json_schema, reference_markdown};

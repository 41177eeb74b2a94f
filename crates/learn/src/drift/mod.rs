//! Detectors of change: has the stream become another one?
//!
//! A detector is fed one number for each event: a model's error, or a feature. Those whose [`Input`] is an error expect
//! it from 0 (right) to 1 (wrong); the others take any number.

pub mod adwin;
pub mod ddm;
pub mod eddm;
pub mod hddm_a;
pub mod hddm_w;
pub mod input_drift;
pub mod kolmogorov_smirnov;
pub mod kswin;
pub mod page_hinkley;
pub mod psi;
mod two_windows;

pub use two_windows::TwoWindows;

use crate::params::{Param, ParamKind, Values};
use crate::snapshot::Snapshot;

/// What a detector makes of the stream after a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing has changed.
    Stable,
    /// Something may be changing. Not all detectors warn.
    Warning,
    /// The stream has changed.
    Drift,
}

/// Says when a stream of numbers has changed.
pub trait DriftDetector: Snapshot + Send {
    /// Learns the next number and says what that makes of the stream. A number that is not finite, or beyond 1e100,
    /// teaches nothing and is answered by [`State::Stable`]. After [`State::Drift`] the detector starts anew by
    /// itself, from what it takes for the new stream.
    fn learn(&mut self, value: f64) -> State;
    /// Forgets all it has seen.
    fn reset(&mut self);
    /// Bytes of memory that the state takes now, heap included, to some ten per cent.
    fn memory_bytes(&self) -> usize;
}

/// What a detector is to be fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Any number.
    Number,
    /// An error, from 0 (right) to 1 (wrong); what lies outside counts as the nearer end.
    Error,
}

/// Larger numbers count as missing, so that squares and their sums stay finite.
const LIMIT: f64 = 1e100;

/// A number that a detector can learn.
fn usable(value: f64) -> Option<f64> {
    (value.abs() <= LIMIT).then_some(value)
}

/// An error that a detector can learn, from 0 to 1.
fn usable_error(value: f64) -> Option<f64> {
    usable(value).map(|value| value.clamp(0.0, 1.0))
}

/// The parameter of detectors that can tell a rise from a fall.
const ALARM_ON: Param = Param {
    name: "alarm_on",
    kind: ParamKind::Choice { of: &["change", "rise"], default: "rise" },
    doc: "Whether any change of the mean is drift, or only one to a higher mean.",
    default_from: "MOA and River test one side: more errors.",
};

fn rise_only(values: &Values) -> bool {
    values.choice(&ALARM_ON) == "rise"
}

//! The prequential protocol: every event is predicted, then scored, then learnt from.
//!
//! What MOA's `EvaluatePrequential` and River's `progressive_val_score` do: the labels come at once, and each prediction
//! is made by a state that has not seen its event. The naive baselines ([`crate::baseline`]) go the same way. A
//! [`Prequential`] holds one model and its scores; its caller hands it rows one by one, in their order. There is no clock
//! here: whoever wants events per second measures the time around it.
//!
//! Classes are the caller's to number, from 0 in the order in which they appear ([`Classes`]); a class is known from its
//! first label on, and the event that brings it is scored by a prediction that could not name it.
//!
//! Reference: A. P. Dawid: Statistical theory: the prequential approach. J. Royal Statistical Society A 147(2), 1984.

mod classes;
mod prequential;

pub use classes::Classes;
pub use prequential::{Label, Options, Point, Prequential, Report};

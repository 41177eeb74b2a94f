//! The broker by bare requests: what is stored, what outlives a crash, what is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod hostile;
mod limits;
mod refused;
mod storage;
mod transactions;

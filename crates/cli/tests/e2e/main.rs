//! The binary as a user runs it, against a real Apache Kafka.
//!
//! Where no broker can be had the tests say so and pass, except in CI, where they fail.

#![expect(clippy::unwrap_used, reason = "a test whose preparation fails has failed")]

mod crash;
mod end_to_end;
mod generations;
mod init;
mod input;
mod outage;
mod refused;
mod support;
mod top;

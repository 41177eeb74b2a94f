//! The binary as a user runs it, against a real Apache Kafka or the embedded broker.

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

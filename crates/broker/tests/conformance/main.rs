//! What a librdkafka client relies on in a broker, a file for each family of behaviours. Each test runs on the embedded
//! broker and, where it can be had, on Apache Kafka: what only one of the two does is a mistake in the broker or in the test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
#[path = "../bare/client.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod bare;
mod cleanup;
mod groups;
mod offsets;
mod producers;
mod records;
mod support;
mod transactions;

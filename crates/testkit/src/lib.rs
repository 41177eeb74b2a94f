//! For tests only: a real Apache Kafka on loopback, started by the test that needs it.
//!
//! Where the broker comes from, in this order:
//!
//! 1. `STREAMFOLD_TEST_BOOTSTRAP`: the address of one that runs already (only for tests that neither kill nor restart it);
//! 2. `KAFKA_HOME`: the folder of a Kafka distribution, whose `libs/` are run with `java`;
//! 3. Maven: Kafka's jars are taken once into the user's cache folder (`KAFKA_VERSION` picks another version).
//!
//! Where none can be had, tests print why and are skipped, unless `CI` or `STREAMFOLD_REQUIRE_KAFKA` is set: then
//! they fail. A broker never outlives the process that started it, however that ends.

mod broker;
mod client;
mod jars;
mod process;
mod tls;

pub use broker::{KafkaBroker, Secure, broker, unique};
pub use client::{Client, Message};

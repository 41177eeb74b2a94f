//! For tests only: a broker on loopback, started by the test that needs it, a real Apache Kafka or the embedded broker.
//!
//! Which one, in this order:
//!
//! 1. `STREAMFOLD_TEST_BOOTSTRAP`: the address of one that runs already (only for tests that neither kill nor restart it);
//! 2. `STREAMFOLD_TEST_BROKER=embedded`: the embedded broker, in the process of the tests;
//! 3. `KAFKA_HOME`: the folder of a Kafka distribution, whose `libs/` are run with `java`;
//! 4. Maven: Kafka's jars are taken once into the user's cache folder (`KAFKA_VERSION` picks another version);
//! 5. where there is no Java or no Maven: the embedded broker, which is said. With `CI` set, or with
//!    `STREAMFOLD_TEST_BROKER=kafka`, that is a failure.
//!
//! A broker never outlives the process that started it, however that ends.

mod broker;
mod client;
mod embedded;
mod jars;
mod kafka;
mod process;
mod tls;

pub use broker::{KafkaBroker, Secure, both, broker, unique};
pub use client::{Client, Message, block_on};

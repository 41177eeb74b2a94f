//! For tests only: a real Apache Kafka on loopback, started by the test that needs it.

mod broker;

pub use broker::{KafkaBroker, Secure, broker, start_secure, unique};

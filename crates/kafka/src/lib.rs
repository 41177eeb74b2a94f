//! The log: Apache Kafka behind the words of `flow`. The only crate that knows the Kafka client.
//!
//! | what | where |
//! |---|---|
//! | properties under Kafka's names, checked before anything connects | [`config`] |
//! | topics, offsets, the cluster | [`admin`] |
//! | reading inputs: [`Source`](streamfold_flow::log::Source) | [`source`] |
//! | writing transactions: [`Committer`](streamfold_flow::log::Committer) | [`committer`] |
//! | writing answers at once: [`Sender`](streamfold_flow::log::Sender) | [`sender`] |
//! | which lanes are ours | [`group`] |
//! | reading journal and state to their end | [`state`] |
//! | writing entries of small compacted topics | [`table`] |
//!
//! librdkafka does the work. Where its Rust wrapper costs too much (a message at a time, 100 ms for each commit) or
//! lacks a call, the module `ffi` calls it directly; nothing else here is `unsafe`.

pub mod admin;
mod client;
pub mod committer;
pub mod config;
mod ffi;
pub mod group;
mod output;
mod properties;
pub mod sender;
pub mod source;
pub mod state;
pub mod table;

pub use admin::Cluster;
pub use committer::{CommitterTopics, KafkaCommitter};
pub use config::{ClientConfig, ConfigError, check_property};
pub use group::{GroupEvent, GroupHandle, Membership};
pub use sender::KafkaSender;
pub use source::KafkaSource;
pub use state::{PartitionReader, Start};

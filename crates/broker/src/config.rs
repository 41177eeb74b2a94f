//! How a broker is started.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Everything that can be chosen.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one. Default: 127.0.0.1:9092. There is no TLS and no authorisation: whoever can
    /// connect can do everything.
    pub listen: SocketAddr,
    /// The host that clients are told to connect to. Default: the address by which they reached the broker.
    pub advertised_host: Option<String>,
    /// Where records are kept. Default: in memory.
    pub store: Store,
    /// When records are forced to the disk. Default: the operating system decides.
    pub fsync: Fsync,
    /// Makes a topic when somebody first asks for it. Default: true, as Kafka's.
    pub auto_create_topics: bool,
    /// Partitions of a topic that is made without saying how many. Default: 1.
    pub default_partitions: i32,
    /// How often retention and compaction look for work, in milliseconds. Default: 1,000.
    pub housekeeping_interval_ms: u64,
    /// A group's committed offsets are forgotten when it has been without members and commits for so long, in milliseconds.
    /// Default: 7 days.
    pub offsets_retention_ms: i64,
    /// What it holds at most.
    pub limits: Limits,
}

/// Where records are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In files under this folder, which one broker has for itself.
    Directory(PathBuf),
    /// In memory, gone when the broker ends.
    Memory,
}

/// When records are forced to the disk. In each case they are written to the operating system before the producer is
/// answered, and so outlive the process; this is about losing power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// When the operating system wants to, mostly within half a minute.
    Never,
    /// Every so many milliseconds.
    EveryMs(u64),
    /// Before each answer.
    EveryAppend,
}

/// What a broker holds at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; more are closed at once. Default: 1,000.
    pub connections_max: usize,
    /// Partitions of all topics. Default: 50,000.
    pub partitions_max: usize,
    /// Bytes of one request; a connection that announces more is closed. Default: 128 MiB.
    pub request_bytes_max: usize,
    /// Bytes of all requests that are being read or answered; who comes when they are used up waits. Default: 256 MiB.
    pub request_memory_bytes_max: usize,
    /// Bytes of records in one answer, unless a single batch is larger. Default: 55 MiB, as Kafka's.
    pub fetch_bytes_max: usize,
    /// Bytes of all answers with records that are being made or sent. Default: 256 MiB.
    pub answer_memory_bytes_max: usize,
    /// Bytes of all records; when they are used up producers are refused. Default: no limit but the disk's.
    pub stored_bytes_max: u64,
    /// The same for records in memory. Default: 1 GiB.
    pub memory_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9092)),
            advertised_host: None,
            store: Store::Memory,
            fsync: Fsync::Never,
            auto_create_topics: true,
            default_partitions: 1,
            housekeeping_interval_ms: 1_000,
            offsets_retention_ms: 7 * 24 * 3_600_000,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 1_000,
            partitions_max: 50_000,
            request_bytes_max: 128 << 20,
            request_memory_bytes_max: 256 << 20,
            fetch_bytes_max: 55 << 20,
            answer_memory_bytes_max: 256 << 20,
            stored_bytes_max: u64::MAX,
            memory_bytes_max: 1 << 30,
        }
    }
}

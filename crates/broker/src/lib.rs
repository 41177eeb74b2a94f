//! A single-node broker that speaks Kafka's protocol, to be embedded in a process.
//!
//! It is for development, demos, tests and single edge machines. It is not for what needs a second machine to survive the
//! loss of the first: there is no replication, and neither TLS nor authorisation yet. It listens on loopback unless told
//! otherwise; whoever can connect can do everything.
//!
//! ```
//! use streamfold_broker::{Broker, Config, Store};
//!
//! let listen = ([127, 0, 0, 1], 0).into();
//! let broker = Broker::start(Config { listen, store: Store::Memory, ..Config::default() })?;
//! // Any Kafka client may connect to this address.
//! assert_ne!(broker.address().port(), 0);
//! broker.stop();
//! # Ok::<(), streamfold_broker::StartError>(())
//! ```
//!
//! # What it does
//!
//! Producing with all codecs and idempotence; fetching with long polls and both isolation levels; offsets by time;
//! transactions with fencing, time-outs and the last stable offset; consumer groups of the classic protocol (eager,
//! cooperative, static members); committed offsets; topics with retention, compaction and settings; the usual calls of
//! administrators. Not spoken: the group protocol of KIP-848, share groups, fetch sessions, topic ids in Fetch and Produce,
//! the second version of the transaction protocol, quotas, ACLs. Clients find that out by themselves and use what there is.
//! What is not spoken is refused with the protocol's UNSUPPORTED_VERSION.
//!
//! # What an acknowledgement means
//!
//! A producer, a commit or the end of a transaction is answered when its bytes have been handed to the operating system,
//! whatever `acks` asks for beyond 0. So everything acknowledged outlives `kill -9` of the process. Whether it outlives a
//! loss of power is decided by [`Fsync`].
//!
//! After a restart, a write that was cut short is removed and reported. Each stored byte is under a checksum that is looked
//! at whenever it is read: changed bytes are reported in the log, readers get CORRUPT_MESSAGE, and nobody is given them as
//! data. Open transactions go on where they were, until their producer ends them or their time is up. Members of groups are still
//! members. When the disk is full, producers get KAFKA_STORAGE_ERROR, readers go on, and so do producers once there is room.
//!
//! # What it holds in memory
//!
//! | what | at most |
//! |---|---|
//! | requests being read or answered | [`Limits::request_memory_bytes_max`], 256 MiB |
//! | answers with records | [`Limits::answer_memory_bytes_max`], 256 MiB, or twice the largest batch |
//! | a connection besides | 16 KiB of buffer, two small frames, and a thread's stack as far as it is used; 1,000 connections |
//! | stored records, in memory | [`Limits::memory_bytes_max`], 1 GiB |
//! | stored records, on disk | 24 bytes of index for each 32 KiB |
//! | a partition | a few hundred bytes, and up to 10,000 producers of some 200 bytes; 50,000 partitions |
//! | aborted transactions | 24 bytes each, as long as their records are stored and not compacted |
//! | a compaction, one at a time | 64 bytes for each of up to a million keys, and those of one more segment; one batch unpacked, up to 256 MiB |
//! | topics, groups, offsets, transactional ids | 1 GiB of state, twice; 10,000 groups of 1,000 members, 10,000 transactional ids |
//!
//! A request is decoded only if it brings what it announces; decoded it takes up to some 40 times its bytes, if it is made of
//! names without letters.
//!
//! # Files
//!
//! ```text
//! lock                                         held as long as a broker uses the folder
//! state                                        topics, groups, offsets, transactions: see the module `state`
//! topics/<topic id>/<partition>/<offset>.log   record batches as Kafka stores them, but for the leader epoch: see `store::batch`
//! ```

mod api;
mod clock;
mod config;
mod group;
mod housekeeping;
mod node;
mod settings;
mod state;
mod store;
mod sync;
mod topics;
mod transaction;
mod watch;
mod wire;

pub use config::{Config, Fsync, Limits, Store};
pub use state::StateError;

use node::Node;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use wire::server::Connections;

/// Files that a broker wants to be able to open: connections, segments, and some.
const OPEN_FILES_WANTED: u64 = 4_096;

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; another program may use the port, then choose another one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The folder cannot be used.
    #[error("{path}: {source}")]
    Store {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another broker uses the folder.
    #[error("{0} is in use by another broker that runs")]
    InUse(PathBuf),
    /// What the broker knows besides records cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The system gives no thread.
    #[error("no thread can be started: {0}")]
    Thread(io::Error),
}

/// A broker that runs. It stops when this is dropped.
#[derive(Debug)]
pub struct Broker {
    node: Arc<Node>,
    address: SocketAddr,
    connections: Arc<Connections>,
    threads: Vec<JoinHandle<()>>,
}

impl Broker {
    /// Opens what is stored, and serves from now on.
    pub fn start(config: Config) -> Result<Broker, StartError> {
        let failed = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        // With fewer, connections are refused before their limit is reached.
        rlimit::increase_nofile_limit(OPEN_FILES_WANTED)
            .map_or_else(|error| log::debug!("the limit of open files stays: {error}"), |_| ());
        let node = Arc::new(Node::open(config)?);
        let mut broker =
            Broker { node, address, connections: Arc::new(Connections::default()), threads: Vec::new() };
        broker.spawn("kafka time-outs", housekeeping::time_outs)?;
        broker.spawn("kafka logs", housekeeping::logs)?;
        let connections = Arc::clone(&broker.connections);
        let serving = Arc::clone(&broker.node);
        broker.spawn("kafka listener", move |_| connections.serve(&listener, &serving))?;
        log::info!(
            "broker on {address}, records {}: for development, demos, tests and single edge machines; no replication, no TLS, \
             no authorisation",
            match &broker.node.config.store {
                Store::Directory(folder) => format!("in {}", folder.display()),
                Store::Memory => "in memory".to_string(),
            }
        );
        Ok(broker)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce(&Node) + Send + 'static) -> Result<(), StartError> {
        let node = Arc::clone(&self.node);
        let thread = thread::Builder::new().name(name.to_string()).spawn(move || run(&node));
        self.threads.push(thread.map_err(StartError::Thread)?);
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections, waits for what is being answered, and forces everything to the disk.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        self.node.stop();
        // The listener sees it with the next connection.
        TcpStream::connect(self.address)
            .map_or_else(|error| log::debug!("waking the listener: {error}"), |_| ());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a thread of the broker has panicked");
            }
        }
        self.connections.close();
        housekeeping::sync(&self.node);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end();
    }
}

//! Listening, and a thread for each connection.

use crate::node::Node;
use crate::sync::lock;
use crate::wire::connection;
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Stack of a connection's thread; memory only as far as it is used.
const STACK_BYTES: usize = 1 << 20;
/// How long to wait when no connection can be accepted because too many files are open.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections that are open.
#[derive(Debug, Default)]
pub struct Connections(Mutex<HashMap<u64, Open>>);

#[derive(Debug)]
struct Open {
    stream: Arc<TcpStream>,
    thread: Option<JoinHandle<()>>,
}

impl Connections {
    /// Accepts connections until the broker stops.
    pub fn serve(self: &Arc<Connections>, listener: &TcpListener, node: &Arc<Node>) {
        for id in 0.. {
            let accepted = listener.accept();
            if node.is_stopping() {
                return;
            }
            match accepted {
                Ok((stream, _)) if lock(&self.0).len() < node.config.limits.connections_max => {
                    self.open(id, stream, node)
                        .unwrap_or_else(|error| log::warn!("a connection cannot be served: {error}"));
                }
                Ok((stream, peer)) => {
                    log::warn!(
                        "connection from {peer} closed: {} are open",
                        node.config.limits.connections_max
                    );
                    drop(stream);
                }
                Err(error) => {
                    log::warn!("no connection can be accepted: {error}");
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    fn open(self: &Arc<Connections>, id: u64, stream: TcpStream, node: &Arc<Node>) -> io::Result<()> {
        let stream = Arc::new(stream);
        let (all, node, served) = (Arc::clone(self), Arc::clone(node), Arc::clone(&stream));
        lock(&self.0).insert(id, Open { stream, thread: None });
        let thread = thread::Builder::new()
            .name("kafka connection".to_string())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                connection::serve(&served, &node);
                // Who finds no connection left may rely on the node being free.
                drop(node);
                lock(&all.0).remove(&id);
            });
        match thread {
            // It may have ended already.
            Ok(thread) => lock(&self.0).entry(id).and_modify(|open| open.thread = Some(thread)),
            Err(error) => {
                lock(&self.0).remove(&id);
                return Err(error);
            }
        };
        Ok(())
    }

    /// Closes all connections and waits for their threads.
    pub fn close(&self) {
        let open: Vec<Open> = lock(&self.0).drain().map(|(_, open)| open).collect();
        for connection in &open {
            // It may be closed already.
            connection.stream.shutdown(Shutdown::Both).ok();
        }
        for connection in open {
            if connection.thread.is_some_and(|thread| thread.join().is_err()) {
                log::error!("a connection's thread has panicked");
            }
        }
    }
}

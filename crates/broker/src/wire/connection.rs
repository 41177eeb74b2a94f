//! One connection: a frame in, an answer out, in order.

use crate::node::Node;
use crate::wire::budget::UNCOUNTED_BYTES;
use crate::wire::dispatch::{self, Caller};
use bytes::Bytes;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Within a frame, bytes have to come, and those of an answer to go, within this time.
const STALLED: Duration = Duration::from_secs(30);
/// A connection on which nothing is asked for so long is closed: Kafka's `connections.max.idle.ms`.
const IDLE_MAX: u32 = 20;

/// Serves a connection until it ends.
pub fn serve(stream: &TcpStream, node: &Node) {
    let peer = stream.peer_addr().map_or("unknown".to_string(), |peer| peer.to_string());
    match exchange(stream, node) {
        Ok(()) => {}
        Err(error) if node.is_stopping() => log::debug!("connection from {peer} ended: {error}"),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            log::warn!("connection from {peer} closed: {error}");
        }
        Err(error) => log::debug!("connection from {peer} ended: {error}"),
    }
}

fn exchange(stream: &TcpStream, node: &Node) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(STALLED))?;
    stream.set_write_timeout(Some(STALLED))?;
    let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
    let mut reader = BufReader::with_capacity(UNCOUNTED_BYTES, stream);
    while let Some(size) = read_size(&mut reader, node)? {
        let share = node.requests.take(size);
        let mut frame = Vec::with_capacity(size);
        (&mut reader).take(size as u64).read_to_end(&mut frame)?;
        if frame.len() < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let caller = Caller { local, peer: peer.ip() };
        let answer = catch_unwind(AssertUnwindSafe(|| dispatch::answer(node, &caller, Bytes::from(frame))));
        drop(share);
        let answer = answer.map_err(|_| io::Error::other("answering a request panicked"))??;
        if let Some(answer) = answer {
            (&mut &*stream).write_all(&answer.bytes)?;
        }
    }
    Ok(())
}

/// The size of the next frame; `None` at the end of the connection.
fn read_size(reader: &mut BufReader<&TcpStream>, node: &Node) -> io::Result<Option<usize>> {
    let mut bytes = [0; 4];
    let mut got = 0;
    let mut idle = 0;
    while got < 4 {
        match reader.read(&mut bytes[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if got == 0 && is_timeout(&error) && !node.is_stopping() => {
                idle += 1;
                if idle == IDLE_MAX {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
    }
    let size = i32::from_be_bytes(bytes);
    let size_max = node.config.limits.request_bytes_max;
    match usize::try_from(size) {
        Ok(size) if size <= size_max => Ok(Some(size)),
        _ => {
            let text = format!("it announced a request of {size} bytes, at most {size_max} are read");
            Err(io::Error::new(io::ErrorKind::InvalidData, text))
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

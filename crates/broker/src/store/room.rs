//! How many bytes may be stored: a limit of our own, so that memory is bounded and a full disk can be tried out.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are stored, and how many may be.
#[derive(Debug)]
pub struct Room {
    used: AtomicU64,
    bytes_max: u64,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes_max: u64) -> Room {
        Room { used: AtomicU64::new(0), bytes_max }
    }

    /// Takes room, or says as the operating system would that there is none.
    pub fn take(&self, bytes: u64) -> io::Result<()> {
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= self.bytes_max)
        });
        match taken {
            Ok(_) => Ok(()),
            Err(used) => Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("{used} of at most {} bytes are stored, {bytes} more do not fit", self.bytes_max),
            )),
        }
    }

    /// Takes room for what is there already, whatever the limit.
    pub fn occupy(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives room back.
    pub fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_is_taken() {
        let room = Room::new(10);
        room.take(7).unwrap();
        assert_eq!(room.take(4).unwrap_err().kind(), io::ErrorKind::StorageFull);
        room.give_back(7);
        room.take(10).unwrap();
        assert!(room.take(u64::MAX).is_err());
    }
}

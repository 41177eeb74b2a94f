//! Requests are read by a decoder that reserves memory for as many elements as an array announces. So before it does, this
//! makes sure that no request announces more than it brings: a few bytes would otherwise have gigabytes reserved.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Request;
use kafka_protocol::protocol::buf::ByteBuf;
use std::io;
use std::ops::Range;

/// Bytes of a request that carries no records. Fetching 50,000 partitions takes 1.4 MB.
const REQUEST_BYTES_MAX: usize = 2 << 20;
/// Topics and partitions of a request to produce.
const PARTITIONS_MAX: usize = 100_000;

/// Refuses what must not be decoded.
pub fn check<R: Request>(body: &Bytes, version: i16) -> io::Result<()> {
    if R::KEY == ApiKey::Produce as i16 {
        return produce(&mut body.clone()).ok_or_else(|| invalid("a request to produce that is cut short"));
    }
    if body.len() > REQUEST_BYTES_MAX {
        return Err(invalid("a request without records of more than 2 MiB"));
    }
    R::decode(&mut Wary { bytes: body.clone(), number: 0, bits: 0 }, version).map(|_| ()).map_err(invalid)
}

/// Walks through a request to produce, of a version before 9; the only one that is larger than memory that may be reserved.
fn produce(body: &mut Bytes) -> Option<()> {
    let mut left = PARTITIONS_MAX;
    skip_text(body)?;
    // `acks` and the time-out.
    skip(body, 2 + 4)?;
    for _ in 0..count(body, &mut left)? {
        skip_text(body)?;
        for _ in 0..count(body, &mut left)? {
            skip(body, 4)?;
            let bytes = body.try_get_i32().ok()?;
            skip(body, usize::try_from(bytes).unwrap_or(0))?;
        }
    }
    Some(())
}

fn count(body: &mut Bytes, left: &mut usize) -> Option<usize> {
    let count = usize::try_from(body.try_get_i32().ok()?).unwrap_or(0);
    *left = left.checked_sub(count)?;
    Some(count)
}

fn skip_text(body: &mut Bytes) -> Option<()> {
    let bytes = body.try_get_i16().ok()?;
    skip(body, usize::try_from(bytes).unwrap_or(0))
}

fn skip(body: &mut Bytes, bytes: usize) -> Option<()> {
    (bytes <= body.len()).then(|| body.advance(bytes))
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// Gives the decoder no number that, as the length of an array, it could not find the elements for: each takes a byte at
/// least. What is decoded from it is thrown away, so a number that is no length may be another one.
struct Wary {
    bytes: Bytes,
    /// What the bytes read one by one amount to, as a number of variable length, and its bits so far.
    number: u64,
    bits: u32,
}

impl Buf for Wary {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, bytes: usize) {
        self.bytes.advance(bytes);
    }

    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        let number = self.bytes.try_get_i32()?;
        Ok(number.min(i32::try_from(self.bytes.len() + 1).unwrap_or(i32::MAX)))
    }

    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let byte = self.bytes.try_get_u8()?;
        self.number |= u64::from(byte & 0x7f).checked_shl(self.bits).unwrap_or(u64::MAX);
        self.bits += 7;
        // A length is written plus one.
        if self.number > self.bytes.len() as u64 + 1 && byte < 0x80 && self.bits > 7 {
            return Err(TryGetError { requested: self.number as usize, available: self.bytes.len() });
        }
        if byte < 0x80 {
            (self.number, self.bits) = (0, 0);
        }
        Ok(byte)
    }
}

impl ByteBuf for Wary {
    fn peek_bytes(&mut self, range: Range<usize>) -> Bytes {
        self.bytes.peek_bytes(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.bytes.get_bytes(size)
    }
}

//! Record batches (format version 2), read and written as bytes.
//!
//! ```text
//!  0 base offset      8   i64    not under the checksum
//!  8 length           4   i32    of what follows; not under the checksum
//! 12 leader epoch     4   i32    not under the checksum; here, in a stored batch: checksum of all other fields but the checksum
//! 16 format           1   i8     2; not under the checksum
//! 17 checksum         4   u32    CRC-32C of everything after it
//! 21 attributes       2   i16    codec (3 bits), log append time, transactional, control
//! 23 last delta       4   i32    last offset minus base offset
//! 27 base timestamp   8   i64
//! 35 max timestamp    8   i64
//! 43 producer id      8   i64
//! 51 producer epoch   2   i16
//! 53 base sequence    4   i32
//! 57 count            4   i32
//! 61 records
//! ```
//!
//! A single node has no use for the leader epoch, so a stored batch carries there a checksum of the header, also of the fields
//! that Kafka's own checksum leaves out: every flipped byte is found, and batches can be gone through by their headers alone.
//! Readers are given a zero.

use crate::store::codec::Codec;
use std::io;

/// Bytes of a batch before its records.
pub const HEADER_BYTES: usize = 61;
/// Base offset and length.
const PREFIX_BYTES: usize = 12;
const CHECKSUM_FROM: usize = 21;
const APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// The fields of a batch before its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Offset of the first record (before a compaction took any away).
    pub base_offset: i64,
    /// Bytes of the whole batch.
    pub size: usize,
    /// Codec and flags.
    pub attributes: i16,
    /// Last offset minus base offset.
    pub last_offset_delta: i32,
    /// Timestamp that the records' deltas add to.
    pub base_timestamp: i64,
    /// The greatest timestamp in it.
    pub max_timestamp: i64,
    /// Who wrote it; -1: a producer without idempotence.
    pub producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The producer's number of the first record; -1 without idempotence.
    pub base_sequence: i32,
    /// Records in it.
    pub count: i32,
}

/// Why a batch that a producer sent is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A format of before Kafka 0.11.
    OldFormat,
    /// Not one whole batch, or its checksum is wrong.
    Corrupt,
    /// Fields that contradict each other.
    Invalid,
}

/// One record in a batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Offset minus the batch's base offset.
    pub offset_delta: i32,
    /// Timestamp minus the batch's base timestamp.
    pub timestamp_delta: i64,
    /// The key; `None` where there is none.
    pub key: Option<&'a [u8]>,
    /// Whether the value is null.
    pub is_tombstone: bool,
    /// The record as it lies in the batch, its length included.
    pub bytes: &'a [u8],
}

fn at<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    let mut field = [0; N];
    if let Some(source) = bytes.get(from..from + N) {
        field.copy_from_slice(source);
    }
    field
}

impl Header {
    /// The header at the start of `bytes`; `None` where that is none of format 2.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        if bytes.len() < HEADER_BYTES || bytes[16] != 2 {
            return None;
        }
        let length = usize::try_from(i32::from_be_bytes(at(bytes, 8))).ok()?;
        let header = Header {
            base_offset: i64::from_be_bytes(at(bytes, 0)),
            size: PREFIX_BYTES + length,
            attributes: i16::from_be_bytes(at(bytes, 21)),
            last_offset_delta: i32::from_be_bytes(at(bytes, 23)),
            base_timestamp: i64::from_be_bytes(at(bytes, 27)),
            max_timestamp: i64::from_be_bytes(at(bytes, 35)),
            producer_id: i64::from_be_bytes(at(bytes, 43)),
            producer_epoch: i16::from_be_bytes(at(bytes, 51)),
            base_sequence: i32::from_be_bytes(at(bytes, 53)),
            count: i32::from_be_bytes(at(bytes, 57)),
        };
        (header.size >= HEADER_BYTES && header.last_offset_delta >= 0 && header.count >= 0).then_some(header)
    }

    /// The header of a stored batch, if it is as it was written.
    pub fn parse_stored(bytes: &[u8]) -> Option<Header> {
        Header::parse(bytes)
            .filter(|header| header.base_offset >= 0 && at(bytes, 12) == header_checksum(bytes).to_be_bytes())
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The producer's number of the last record; the numbers begin at 0 again after the greatest.
    pub fn last_sequence(&self) -> i32 {
        let last = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        (last % (i64::from(i32::MAX) + 1)) as i32
    }

    /// Part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// The marker of a transaction's end.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Its producer numbers what it writes.
    pub fn is_numbered(&self) -> bool {
        self.producer_id >= 0 && !self.is_control()
    }
}

fn header_checksum(bytes: &[u8]) -> u32 {
    let ends = [&bytes[16..17], &bytes[CHECKSUM_FROM..HEADER_BYTES]];
    ends.iter().fold(crc32c::crc32c(&bytes[..PREFIX_BYTES]), |sum, part| crc32c::crc32c_append(sum, part))
}

fn checksum(batch: &[u8]) -> [u8; 4] {
    crc32c::crc32c(&batch[CHECKSUM_FROM..]).to_be_bytes()
}

/// Checks what a producer sent as one batch.
pub fn accept(bytes: &[u8]) -> Result<Header, Refusal> {
    if bytes.len() > 16 && bytes[16] < 2 {
        return Err(Refusal::OldFormat);
    }
    let header = Header::parse(bytes).ok_or(Refusal::Corrupt)?;
    if header.size < bytes.len() {
        // More than one batch: Kafka refuses that from Produce 3 on.
        return Err(Refusal::Invalid);
    }
    if header.size > bytes.len() || at(bytes, 17) != checksum(bytes) {
        return Err(Refusal::Corrupt);
    }
    let whole = header.count > 0 && header.last_offset_delta == header.count - 1;
    let numbered = header.producer_id < 0 || (header.producer_epoch >= 0 && header.base_sequence >= 0);
    if !whole || !numbered || header.is_control() || Codec::of(header.attributes).is_none() {
        return Err(Refusal::Invalid);
    }
    Ok(header)
}

/// Makes a batch a stored one at this offset.
pub fn stamp(batch: &mut [u8], base_offset: i64) {
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    let check = header_checksum(batch);
    batch[12..16].copy_from_slice(&check.to_be_bytes());
}

/// Gives all records of a batch the time of appending.
pub fn set_append_time(batch: &mut [u8], now_ms: i64) {
    let attributes = i16::from_be_bytes(at(batch, 21)) | APPEND_TIME;
    batch[21..23].copy_from_slice(&attributes.to_be_bytes());
    batch[35..43].copy_from_slice(&now_ms.to_be_bytes());
    let sum = checksum(batch);
    batch[17..21].copy_from_slice(&sum);
}

/// Whether a stored batch's bytes are those that were written, to be asked after [`Header::parse_stored`].
pub fn is_intact(batch: &[u8]) -> bool {
    at(batch, 17) == checksum(batch)
}

/// Makes a stored batch one for a reader.
pub fn unstamp(batch: &mut [u8]) {
    batch[12..16].copy_from_slice(&[0; 4]);
}

/// The marker that ends a transaction in one partition.
pub fn marker(producer_id: i64, producer_epoch: i16, commit: bool, now_ms: i64) -> Vec<u8> {
    // Length, attributes, deltas of timestamp and offset; key: version and type; value: version, coordinator epoch; no headers.
    let record = [32, 0, 0, 0, 8, 0, 0, 0, u8::from(commit), 12, 0, 0, 0, 0, 0, 0, 0];
    let header = Header {
        base_offset: 0,
        size: HEADER_BYTES + record.len(),
        attributes: TRANSACTIONAL | CONTROL,
        last_offset_delta: 0,
        base_timestamp: now_ms,
        max_timestamp: now_ms,
        producer_id,
        producer_epoch,
        base_sequence: -1,
        count: 1,
    };
    build(&header, &record)
}

/// Whether a marker commits; `None` for what is no marker.
pub fn marker_commits(batch: &[u8]) -> Option<bool> {
    let header = Header::parse(batch).filter(Header::is_control)?;
    let first = records(&header, batch.get(HEADER_BYTES..)?).next()?.ok()?;
    Some(*first.key?.get(3)? == 1)
}

/// A batch of these fields and records (compressed already, where the attributes say so), not stamped yet.
pub fn build(header: &Header, records: &[u8]) -> Vec<u8> {
    let mut batch = Vec::with_capacity(HEADER_BYTES + records.len());
    batch.extend(header.base_offset.to_be_bytes());
    batch.extend(((HEADER_BYTES + records.len() - PREFIX_BYTES) as i32).to_be_bytes());
    batch.extend([0, 0, 0, 0, 2, 0, 0, 0, 0]);
    batch.extend(header.attributes.to_be_bytes());
    batch.extend(header.last_offset_delta.to_be_bytes());
    batch.extend(header.base_timestamp.to_be_bytes());
    batch.extend(header.max_timestamp.to_be_bytes());
    batch.extend(header.producer_id.to_be_bytes());
    batch.extend(header.producer_epoch.to_be_bytes());
    batch.extend(header.base_sequence.to_be_bytes());
    batch.extend(header.count.to_be_bytes());
    batch.extend(records);
    let sum = checksum(&batch);
    batch[17..21].copy_from_slice(&sum);
    batch
}

/// Whether all records of a batch have the time of appending.
pub fn has_append_time(attributes: i16) -> bool {
    attributes & APPEND_TIME != 0
}

/// Attributes of the same batch outside any transaction.
pub fn without_transaction(attributes: i16) -> i16 {
    attributes & !TRANSACTIONAL
}

/// The records of a batch as they were before they were compressed.
pub fn unpack(header: &Header, batch: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let codec = Codec::of(header.attributes).ok_or(io::ErrorKind::InvalidData)?;
    codec.decompress(&batch[HEADER_BYTES..], bytes_max)
}

/// Goes through unpacked records.
pub fn records<'a>(header: &Header, bytes: &'a [u8]) -> impl Iterator<Item = io::Result<Record<'a>>> {
    let (mut rest, mut left, mut broken) = (bytes, header.count, false);
    std::iter::from_fn(move || {
        if left == 0 || broken {
            return None;
        }
        left -= 1;
        let found = record(&mut rest).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData));
        broken = found.is_err();
        Some(found)
    })
}

fn record<'a>(rest: &mut &'a [u8]) -> Option<Record<'a>> {
    let whole = *rest;
    let length = usize::try_from(varint(rest)?).ok()?;
    let mut body = rest.get(..length)?;
    *rest = &rest[length..];
    body = body.get(1..)?;
    let timestamp_delta = varint(&mut body)?;
    let offset_delta = i32::try_from(varint(&mut body)?).ok()?;
    let key = match usize::try_from(varint(&mut body)?) {
        Err(_) => None,
        Ok(length) => {
            let key = body.get(..length)?;
            body = &body[length..];
            Some(key)
        }
    };
    let is_tombstone = varint(&mut body)? < 0;
    Some(Record {
        offset_delta,
        timestamp_delta,
        key,
        is_tombstone,
        bytes: &whole[..whole.len() - rest.len()],
    })
}

fn varint(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

/// Batches for tests.
#[cfg(test)]
pub mod tests {
    use super::*;

    fn put_varint(bytes: &mut Vec<u8>, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest > 127 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }

    /// A record as it lies in a batch.
    pub fn raw_record(delta: i64, key: Option<&str>, value: Option<&str>) -> Vec<u8> {
        let mut body = vec![0];
        put_varint(&mut body, delta * 10);
        put_varint(&mut body, delta);
        for part in [key, value] {
            match part {
                None => put_varint(&mut body, -1),
                Some(text) => {
                    put_varint(&mut body, text.len() as i64);
                    body.extend(text.bytes());
                }
            }
        }
        body.push(0);
        let mut record = Vec::new();
        put_varint(&mut record, body.len() as i64);
        record.extend(body);
        record
    }

    /// A batch as a producer sends it; `producer`: id, epoch, sequence, whether transactional.
    pub fn sent(
        pairs: &[(&str, Option<&str>)],
        codec: i16,
        producer: Option<(i64, i16, i32, bool)>,
    ) -> Vec<u8> {
        let raw: Vec<u8> = pairs
            .iter()
            .enumerate()
            .flat_map(|(i, (key, value))| raw_record(i as i64, Some(key), *value))
            .collect();
        let (producer_id, producer_epoch, base_sequence, transactional) =
            producer.unwrap_or((-1, -1, -1, false));
        let header = Header {
            base_offset: 0,
            size: 0,
            attributes: codec | if transactional { TRANSACTIONAL } else { 0 },
            last_offset_delta: pairs.len() as i32 - 1,
            base_timestamp: 1000,
            max_timestamp: 1000 + (pairs.len() as i64 - 1) * 10,
            producer_id,
            producer_epoch,
            base_sequence,
            count: pairs.len() as i32,
        };
        build(&header, &Codec::of(codec).unwrap().compress(&raw).unwrap())
    }

    #[test]
    fn what_is_sent_is_accepted_stamped_and_found_whole() {
        for codec in 0..5 {
            let mut batch = sent(&[("a", Some("1")), ("b", None)], codec, Some((7, 1, 5, true)));
            let header = accept(&batch).unwrap();
            assert_eq!((header.count, header.last_sequence(), header.is_transactional()), (2, 6, true));
            stamp(&mut batch, 1_000_000);
            let stored = Header::parse_stored(&batch).unwrap();
            assert_eq!((stored.base_offset, stored.last_offset()), (1_000_000, 1_000_001));
            assert!(is_intact(&batch));
            let raw = unpack(&stored, &batch, 1 << 20).unwrap();
            let found: Vec<_> = records(&stored, &raw).map(|r| r.unwrap()).collect();
            assert_eq!(found[0].key, Some(&b"a"[..]));
            assert_eq!(
                (found[1].offset_delta, found[1].timestamp_delta, found[1].is_tombstone),
                (1, 10, true)
            );
            assert_eq!([found[0].bytes, found[1].bytes].concat(), raw);
        }
    }

    #[test]
    fn every_flipped_bit_of_a_stored_batch_is_found() {
        let mut batch = sent(&[("key", Some("value"))], 0, None);
        stamp(&mut batch, 42);
        for bit in 0..batch.len() * 8 {
            batch[bit / 8] ^= 1 << (bit % 8);
            let whole =
                Header::parse_stored(&batch).is_some_and(|h| h.size == batch.len() && is_intact(&batch));
            assert!(!whole, "bit {bit}");
            batch[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let good = sent(&[("a", Some("1"))], 0, None);
        let mut flipped = good.clone();
        flipped[68] ^= 1;
        assert_eq!(accept(&flipped), Err(Refusal::Corrupt));
        assert_eq!(accept(&good[..good.len() - 1]), Err(Refusal::Corrupt));
        assert_eq!(accept(&[good.clone(), good.clone()].concat()), Err(Refusal::Invalid));
        assert_eq!(accept(&marker(1, 0, true, 5)), Err(Refusal::Invalid));
        let mut old = good;
        old[16] = 1;
        assert_eq!(accept(&old), Err(Refusal::OldFormat));
    }

    #[test]
    fn a_marker_says_how_its_transaction_ended() {
        for commit in [true, false] {
            let batch = marker(9, 3, commit, 1234);
            assert_eq!(marker_commits(&batch), Some(commit));
            assert!(is_intact(&batch));
        }
        assert_eq!(marker_commits(&sent(&[("a", None)], 0, None)), None);
    }
}

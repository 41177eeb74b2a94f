//! Records as bytes: blocks that hold many of them in one piece of memory, without an allocation for each.

use std::fmt;

/// A stretch of a block's bytes; `NULL` stands for a key or value that is null, which is not the same as empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    length: u32,
}

const NULL: Span = Span { start: 0, length: u32::MAX };

impl Span {
    fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let start = self.start as usize;
        (self != NULL).then(|| &bytes[start..start + self.length as usize])
    }
}

/// Appends `content` to `bytes` and says where it lies.
///
/// Blocks are cut by [`BLOCK_BYTES_MAX`], far below what the span can address.
fn append(bytes: &mut Vec<u8>, content: Option<&[u8]>) -> Span {
    match content {
        None => NULL,
        Some(content) => {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(content);
            Span { start, length: content.len() as u32 }
        }
    }
}

/// A block is closed when it has grown to this many bytes; a single larger record gets a block of its own.
pub const BLOCK_BYTES_MAX: usize = 1 << 30;

/// Headers of a record, encoded one after the other: name length, name, value length (`u32::MAX`: null), value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// No headers.
    pub const EMPTY: Headers<'static> = Headers(&[]);

    /// The headers that a [`HeadersWriter`] has written.
    pub fn from_encoded(bytes: &'a [u8]) -> Self {
        Headers(bytes)
    }

    /// The bytes that [`Headers::from_encoded`] takes.
    pub fn encoded(self) -> &'a [u8] {
        self.0
    }

    /// The first header of this name, if it is there and not null.
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.into_iter().find(|(n, _)| *n == name.as_bytes()).and_then(|(_, value)| value)
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.into_iter().map(|(n, v)| (String::from_utf8_lossy(n), v.map(String::from_utf8_lossy))),
            )
            .finish()
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);
    type IntoIter = HeadersIter<'a>;
    fn into_iter(self) -> HeadersIter<'a> {
        HeadersIter(self.0)
    }
}

/// Iterates over name and value of each header, in their order; ends early where the bytes are not whole.
pub struct HeadersIter<'a>(&'a [u8]);

impl<'a> HeadersIter<'a> {
    fn length(&mut self) -> Option<u32> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*head))
    }

    fn take(&mut self, length: u32) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length as usize)?;
        self.0 = rest;
        Some(head)
    }
}

impl<'a> Iterator for HeadersIter<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);
    fn next(&mut self) -> Option<Self::Item> {
        let length = self.length()?;
        let name = self.take(length)?;
        let value = match self.length()? {
            u32::MAX => None,
            length => Some(self.take(length)?),
        };
        Some((name, value))
    }
}

/// Writes headers in the encoding that [`Headers`] reads.
#[derive(Default)]
pub struct HeadersWriter(Vec<u8>);

impl HeadersWriter {
    /// Starts anew, keeping the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends one header.
    pub fn push(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.0.extend_from_slice(&(name.len() as u32).to_le_bytes());
        self.0.extend_from_slice(name);
        match value {
            None => self.0.extend_from_slice(&u32::MAX.to_le_bytes()),
            Some(value) => {
                self.0.extend_from_slice(&(value.len() as u32).to_le_bytes());
                self.0.extend_from_slice(value);
            }
        }
    }

    /// Appends headers that are encoded already.
    pub fn extend(&mut self, headers: Headers<'_>) {
        self.0.extend_from_slice(headers.0);
    }

    /// What was written so far.
    pub fn headers(&self) -> Headers<'_> {
        Headers(&self.0)
    }
}

/// One record as it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordRef<'a> {
    /// Offset in its partition.
    pub offset: i64,
    /// Kafka's timestamp in milliseconds since 1970, -1 where there is none.
    pub timestamp_ms: i64,
    /// The key; null and empty are different things.
    pub key: Option<&'a [u8]>,
    /// The value; null and empty are different things.
    pub value: Option<&'a [u8]>,
    /// The headers, in their order.
    pub headers: Headers<'a>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: i64,
    timestamp_ms: i64,
    key: Span,
    value: Span,
    headers: Span,
}

/// Consecutive records of one partition (offsets rise, gaps are possible), in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct RecordBlock {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl RecordBlock {
    /// An empty block with room for this much.
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        RecordBlock { bytes: Vec::with_capacity(bytes), entries: Vec::with_capacity(records) }
    }

    /// Appends a copy of the record.
    pub fn push(&mut self, record: RecordRef<'_>) {
        let entry = Entry {
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: append(&mut self.bytes, record.key),
            value: append(&mut self.bytes, record.value),
            headers: append(&mut self.bytes, Some(record.headers.0)),
        };
        self.entries.push(entry);
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Memory that the block's contents take.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }

    /// The record at this place; panics, as a slice does, where there is none.
    pub fn get(&self, index: usize) -> RecordRef<'_> {
        let entry = &self.entries[index];
        RecordRef {
            offset: entry.offset,
            timestamp_ms: entry.timestamp_ms,
            key: entry.key.of(&self.bytes),
            value: entry.value.of(&self.bytes),
            headers: Headers(entry.headers.of(&self.bytes).unwrap_or_default()),
        }
    }

    /// All records in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordRef<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Whether the block has reached the size at which it is to be closed.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES_MAX
    }
}

/// One record to be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputRef<'a> {
    /// Place of the topic in the plan's list of output topics.
    pub topic: u16,
    /// The partition, or `None` for the one that the key's hash gives.
    pub partition: Option<i32>,
    /// Timestamp in milliseconds since 1970, or `None` for the time of writing.
    pub timestamp_ms: Option<i64>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

#[derive(Clone, Copy, Debug)]
struct OutputEntry {
    topic: u16,
    partition: i32,
    timestamp_ms: i64,
    key: Span,
    value: Span,
    headers: Span,
}

/// Records to be written, in their order, in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct OutputBlock {
    bytes: Vec<u8>,
    entries: Vec<OutputEntry>,
}

impl OutputBlock {
    /// An empty block with room for this much.
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        OutputBlock { bytes: Vec::with_capacity(bytes), entries: Vec::with_capacity(records) }
    }

    /// Appends a copy of the record.
    pub fn push(&mut self, record: OutputRef<'_>) {
        let entry = OutputEntry {
            topic: record.topic,
            partition: record.partition.unwrap_or(-1),
            timestamp_ms: record.timestamp_ms.unwrap_or(-1),
            key: append(&mut self.bytes, record.key),
            value: append(&mut self.bytes, record.value),
            headers: append(&mut self.bytes, Some(record.headers.0)),
        };
        self.entries.push(entry);
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Memory that the block's contents take.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<OutputEntry>()
    }

    /// The record at this place; panics, as a slice does, where there is none.
    pub fn get(&self, index: usize) -> OutputRef<'_> {
        let entry = &self.entries[index];
        OutputRef {
            topic: entry.topic,
            partition: (entry.partition >= 0).then_some(entry.partition),
            timestamp_ms: (entry.timestamp_ms >= 0).then_some(entry.timestamp_ms),
            key: entry.key.of(&self.bytes),
            value: entry.value.of(&self.bytes),
            headers: Headers(entry.headers.of(&self.bytes).unwrap_or_default()),
        }
    }

    /// All records in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = OutputRef<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Empties the block, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_put_in() {
        let mut headers = HeadersWriter::default();
        headers.push(b"a", Some(b"1"));
        headers.push(b"", None);
        let record = RecordRef {
            offset: 7,
            timestamp_ms: -1,
            key: Some(b""),
            value: None,
            headers: headers.headers(),
        };
        let mut block = RecordBlock::default();
        block.push(record);
        block.push(RecordRef {
            offset: 9,
            key: None,
            value: Some(b"xyz"),
            headers: Headers::EMPTY,
            ..record
        });
        assert_eq!(block.get(0), record);
        assert_eq!(block.get(1).value, Some(&b"xyz"[..]));
        assert_eq!(block.get(0).headers.get("a"), Some(&b"1"[..]));
        assert_eq!(block.get(0).headers.into_iter().count(), 2);
    }

    #[test]
    fn headers_that_are_cut_off_end_early() {
        let mut headers = HeadersWriter::default();
        headers.push(b"name", Some(b"value"));
        let bytes = headers.headers().encoded().to_vec();
        for length in 0..bytes.len() {
            assert_eq!(Headers::from_encoded(&bytes[..length]).into_iter().count(), 0);
        }
    }
}

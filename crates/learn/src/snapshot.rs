//! State as bytes and back: compact, versioned, the same bytes on every machine, and no panic on foreign bytes.
//!
//! A snapshot is written field by field, little-endian, lengths and counters as variable-length integers (LEB128),
//! floats as their bits. Every part that is stored on its own starts with [`Writer::version`]: the version of its
//! *layout*. What is configuration (parameters, schema) is not in the snapshot: a model is built from its
//! configuration first and then loads its state.

/// Something whose state can be saved and loaded bit for bit.
pub trait Snapshot {
    /// Appends the state.
    fn save(&self, out: &mut Writer);
    /// Replaces the state by one that [`Snapshot::save`] wrote for the same configuration. After an error the
    /// state is unspecified (but valid): build anew.
    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError>;
}

/// Bytes that are not the state they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// They end in the middle.
    #[error("the snapshot of {0} ends too early")]
    TooShort(&'static str),
    /// They were written in a layout that this build does not know.
    #[error("the snapshot of {part} has layout version {found}, this build reads up to {known}")]
    Version {
        /// What was to be read.
        part: &'static str,
        /// The version found.
        found: u64,
        /// The newest version known.
        known: u64,
    },
    /// A value is outside of what can be.
    #[error("the snapshot of {part} is damaged or belongs to another configuration: {reason}")]
    Invalid {
        /// What was to be read.
        part: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Writes a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Gives the bytes away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The version of the layout that follows.
    pub fn version(&mut self, version: u64) {
        self.unsigned(version);
    }

    /// A variable-length unsigned integer.
    pub fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A variable-length signed integer (zigzag).
    pub fn signed(&mut self, value: i64) {
        self.unsigned(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Eight bytes, for hashes and random states.
    pub fn word(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A float's bits; every NaN becomes the one NaN.
    pub fn float(&mut self, value: f64) {
        let value = if value.is_nan() { f64::NAN } else { value };
        self.word(value.to_bits());
    }

    /// A truth value.
    pub fn boolean(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    /// A length, then that many floats.
    pub fn floats(&mut self, values: &[f64]) {
        self.unsigned(values.len() as u64);
        for &value in values {
            self.float(value);
        }
    }

    /// A length, then that many bytes.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.unsigned(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A length, then UTF-8.
    pub fn text(&mut self, text: &str) {
        self.raw(text.as_bytes());
    }
}

/// Reads a snapshot.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    part: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads these bytes; `part` names what is read in errors.
    pub fn new(part: &'static str, bytes: &'a [u8]) -> Self {
        Reader { bytes, part }
    }

    /// Names what is read from here on in errors.
    pub fn part(&mut self, part: &'static str) {
        self.part = part;
    }

    /// Bytes that are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// An error that says what is wrong with the part at hand.
    pub fn invalid(&self, reason: impl Into<String>) -> SnapshotError {
        SnapshotError::Invalid { part: self.part, reason: reason.into() }
    }

    /// Everything has been read, or an error.
    pub fn finish(&self) -> Result<(), SnapshotError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(self.invalid(format!("{left} bytes are left over"))),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], SnapshotError> {
        let (head, rest) = self.bytes.split_at_checked(length).ok_or(SnapshotError::TooShort(self.part))?;
        self.bytes = rest;
        Ok(head)
    }

    /// The version of the layout that follows, at most `known`.
    pub fn version(&mut self, known: u64) -> Result<u64, SnapshotError> {
        let found = self.unsigned()?;
        match found <= known {
            true => Ok(found),
            false => Err(SnapshotError::Version { part: self.part, found, known }),
        }
    }

    /// See [`Writer::unsigned`].
    pub fn unsigned(&mut self) -> Result<u64, SnapshotError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.invalid("an integer is longer than 64 bits"))
    }

    /// See [`Writer::signed`].
    pub fn signed(&mut self) -> Result<i64, SnapshotError> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// See [`Writer::word`].
    pub fn word(&mut self) -> Result<u64, SnapshotError> {
        let bytes = self.take(8)?;
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        Ok(u64::from_le_bytes(word))
    }

    /// See [`Writer::float`].
    pub fn float(&mut self) -> Result<f64, SnapshotError> {
        Ok(f64::from_bits(self.word()?))
    }

    /// A float that must be finite.
    pub fn finite(&mut self) -> Result<f64, SnapshotError> {
        let value = self.float()?;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(self.invalid(format!("{value} where a finite number belongs")))
        }
    }

    /// A float that must be finite and not negative, such as a count or a sum of squares.
    pub fn finite_not_negative(&mut self) -> Result<f64, SnapshotError> {
        let value = self.finite()?;
        if value >= 0.0 {
            Ok(value)
        } else {
            Err(self.invalid(format!("{value} where no negative number belongs")))
        }
    }

    /// A length that the configuration has fixed: anything else belongs to another configuration.
    pub fn expect_length(&mut self, length: usize, of: &str) -> Result<(), SnapshotError> {
        let found = self.unsigned()?;
        if found == length as u64 { Ok(()) } else { Err(self.invalid(format!("{found} {of}, not {length}"))) }
    }

    /// See [`Writer::boolean`].
    pub fn boolean(&mut self) -> Result<bool, SnapshotError> {
        match self.take(1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.invalid(format!("{other} is no truth value"))),
        }
    }

    /// A length of elements that take at least `bytes_each` each: checked against what is left, so that foreign
    /// bytes cannot ask for more memory than they are long.
    pub fn length(&mut self, bytes_each: usize) -> Result<usize, SnapshotError> {
        let length = self.unsigned()?;
        match usize::try_from(length).ok().and_then(|l| l.checked_mul(bytes_each.max(1))) {
            Some(bytes) if bytes <= self.bytes.len() => Ok(length as usize),
            _ => Err(SnapshotError::TooShort(self.part)),
        }
    }

    /// See [`Writer::floats`].
    pub fn floats(&mut self) -> Result<Vec<f64>, SnapshotError> {
        let length = self.length(8)?;
        (0..length).map(|_| self.float()).collect()
    }

    /// Exactly as many floats as `into` holds, as [`Writer::floats`] wrote them.
    pub fn floats_into(&mut self, into: &mut [f64]) -> Result<(), SnapshotError> {
        let length = self.length(8)?;
        if length != into.len() {
            return Err(self.invalid(format!("{length} numbers where {} belong", into.len())));
        }
        for value in into {
            *value = self.float()?;
        }
        Ok(())
    }

    /// See [`Writer::raw`].
    pub fn raw(&mut self) -> Result<&'a [u8], SnapshotError> {
        let length = self.length(1)?;
        self.take(length)
    }

    /// See [`Writer::text`].
    pub fn text(&mut self) -> Result<&'a str, SnapshotError> {
        let bytes = self.raw()?;
        std::str::from_utf8(bytes).map_err(|_| self.invalid("a text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(u in any::<u64>(), s in any::<i64>(), f in any::<f64>(), b in any::<bool>(),
                                   t in ".*", v in prop::collection::vec(any::<f64>(), 0..9)) {
            let mut writer = Writer::new();
            writer.unsigned(u);
            writer.signed(s);
            writer.float(f);
            writer.boolean(b);
            writer.text(&t);
            writer.floats(&v);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new("test", &bytes);
            prop_assert_eq!(reader.unsigned(), Ok(u));
            prop_assert_eq!(reader.signed(), Ok(s));
            prop_assert!(reader.float().is_ok_and(|g| g.to_bits() == f.to_bits() || g.is_nan() && f.is_nan()));
            prop_assert_eq!(reader.boolean(), Ok(b));
            prop_assert_eq!(reader.text(), Ok(t.as_str()));
            prop_assert_eq!(reader.floats().map(|w| w.len()), Ok(v.len()));
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn foreign_bytes_are_an_error_or_a_value_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Reader::new("test", &bytes).unsigned();
            let _ = Reader::new("test", &bytes).floats();
            let _ = Reader::new("test", &bytes).text();
            let _ = Reader::new("test", &bytes).floats_into(&mut [0.0; 3]);
        }
    }
}

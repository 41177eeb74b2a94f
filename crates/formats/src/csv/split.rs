//! Takes a line of CSV apart.

use crate::fault::{self, Fault, excerpt};

/// One field of a line.
#[derive(Clone, Copy)]
pub(crate) struct RawField<'a> {
    /// What stands there; without the quotes around it.
    pub(crate) raw: &'a str,
    /// Whether there were quotes around it.
    pub(crate) quoted: bool,
    doubled: bool,
}

/// Walks over the fields of one line.
pub(crate) struct Fields<'a> {
    text: &'a str,
    delimiter: u8,
    at: usize,
    /// The last field has been given.
    done: bool,
}

impl<'a> Fields<'a> {
    /// The fields of a line; one line break at its end is cut off.
    pub(crate) fn new(line: &'a str, delimiter: u8) -> Self {
        let text = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        Fields { text, delimiter, at: 0, done: false }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text of the line and the place in it where the next field begins, for those who can read it at a glance.
    #[inline(always)]
    pub(crate) fn place(&self) -> Option<(&'a str, usize)> {
        (!self.done).then_some((self.text, self.at))
    }

    /// Whether a field may end here.
    #[inline(always)]
    pub(crate) fn ends_at(&self, at: usize) -> bool {
        self.text.as_bytes().get(at).is_none_or(|byte| *byte == self.delimiter)
    }

    /// Goes on behind a field that ends here.
    #[inline(always)]
    pub(crate) fn pass(&mut self, end: usize) {
        self.done = end >= self.text.len();
        self.at = end + 1;
    }

    /// The next field.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<RawField<'a>>, Fault> {
        if self.done {
            return Ok(None);
        }
        if self.peek() == Some(b'"') {
            return self.quoted().map(Some);
        }
        let start = self.at;
        while let Some(byte) = self.peek().filter(|byte| *byte != self.delimiter) {
            if matches!(byte, b'"' | b'\n' | b'\r') {
                return Err(self.fault("a quote or line break in a field without quotes"));
            }
            self.at += 1;
        }
        let raw = &self.text[start..self.at];
        self.pass(self.at);
        Ok(Some(RawField { raw, quoted: false, doubled: false }))
    }

    fn quoted(&mut self) -> Result<RawField<'a>, Fault> {
        let start = self.at + 1;
        let mut doubled = false;
        self.at = start;
        loop {
            let Some(length) = self.text[self.at..].find('"') else {
                self.at = self.text.len();
                return Err(self.fault("no closing quote"));
            };
            self.at += length + 1;
            if self.peek() != Some(b'"') {
                break;
            }
            doubled = true;
            self.at += 1;
        }
        if !self.ends_at(self.at) {
            return Err(self.fault("text behind the closing quote"));
        }
        let raw = &self.text[start..self.at - 1];
        self.pass(self.at);
        Ok(RawField { raw, quoted: true, doubled })
    }

    #[cold]
    fn fault(&self, what: &str) -> Fault {
        let rest = self.text.get(self.at..).unwrap_or_default();
        Fault::new(fault::NOT_CSV, format!("byte {}: {what}, before: {}", self.at, excerpt(rest)))
    }
}

impl<'a> RawField<'a> {
    /// The text of the field; `buffer` is used if there are doubled quotes.
    #[inline(always)]
    pub(crate) fn resolve<'b>(self, buffer: &'b mut String) -> &'b str
    where
        'a: 'b,
    {
        if !self.doubled {
            return self.raw;
        }
        buffer.clear();
        for (place, part) in self.raw.split("\"\"").enumerate() {
            if place > 0 {
                buffer.push('"');
            }
            buffer.push_str(part);
        }
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<Vec<String>> {
        let mut fields = Fields::new(line, b',');
        let mut found = Vec::new();
        while let Some(field) = fields.next().ok()? {
            found.push(field.resolve(&mut String::new()).to_owned());
        }
        Some(found)
    }

    #[test]
    fn lines_are_taken_apart() {
        assert_eq!(split("a,b").unwrap(), ["a", "b"]);
        assert_eq!(split("a,\r\n").unwrap(), ["a", ""]);
        assert_eq!(split("").unwrap(), [""]);
        assert_eq!(split(",").unwrap(), ["", ""]);
        assert_eq!(split("\"a,\"\"\n\"\"\",\"\",é\n").unwrap(), ["a,\"\n\"", "", "é"]);
        assert_eq!(split("\"\"\"\"").unwrap(), ["\""]);
        for bad in ["a\"b", "\"a", "\"a\"b", "\"a\" ,b", "a\nb", "a\n\n", "a\rb", "\"\"\""] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}

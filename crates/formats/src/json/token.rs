//! JSON's tokens: a cursor over one record that checks everything it passes.
//!
//! It is used by the decoder, which knows what it looks for, and by inference, which does not.

use super::DEPTH_MAX;
use crate::fault::{self, Fault};
use crate::number::{Decimal, Grammar, eight, scan};

/// A place in a record's text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pub(crate) at: usize,
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy)]
pub(crate) struct RawString<'a> {
    pub(crate) raw: &'a str,
    escaped: bool,
}

/// A value: what kind it is, with as much of it as is needed to read it.
#[derive(Clone, Copy)]
pub(crate) enum Token<'a> {
    Null,
    Boolean(bool),
    Number(Decimal<'a>),
    String(RawString<'a>),
    /// The cursor stands on the opening bracket of an object or array.
    Object,
    Array,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Cursor { text, bytes: text.as_bytes(), at: 0 }
    }

    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// All of the record.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The text between this place and the cursor.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    #[inline(always)]
    pub(crate) fn skip_space(&mut self) {
        // Most records have none, so one comparison is all that is paid.
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Skips white space, then takes this byte if it comes next.
    #[inline(always)]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// A fault of grammar at the cursor.
    #[cold]
    pub(crate) fn not_json(&self, expected: &str) -> Fault {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            None => "the end".to_owned(),
            Some(c) => format!("'{}'", fault::excerpt(c.encode_utf8(&mut [0; 4]))),
        };
        Fault::new(fault::NOT_JSON, format!("byte {}: expected {expected}, found {found}", self.at))
    }

    /// After a member or element: true if another one follows, false after the closing bracket.
    #[inline(always)]
    pub(crate) fn more(&mut self, close: u8) -> Result<bool, Fault> {
        if self.take(b',') {
            return Ok(true);
        }
        match self.peek() == Some(close) {
            true => {
                self.at += 1;
                Ok(false)
            }
            false => Err(self.not_json(if close == b'}' { "',' or '}'" } else { "',' or ']'" })),
        }
    }

    /// Opens an object or array: true if it has a first member or element.
    #[inline(always)]
    pub(crate) fn open(&mut self, close: u8) -> bool {
        self.at += 1;
        !self.take(close)
    }

    /// The key of a member, up to and with the colon and white space behind it.
    pub(crate) fn key(&mut self) -> Result<RawString<'a>, Fault> {
        self.skip_space();
        if self.peek() != Some(b'"') {
            return Err(self.not_json("a key in quotes"));
        }
        let key = self.string()?;
        if !self.take(b':') {
            return Err(self.not_json("':'"));
        }
        self.skip_space();
        Ok(key)
    }

    /// A number, with the cursor on its first byte.
    #[inline(always)]
    pub(crate) fn number(&mut self) -> Result<Decimal<'a>, Fault> {
        match scan(self.text, self.at, Grammar::Json) {
            Some((number, end)) => {
                self.at = end;
                Ok(number)
            }
            None => Err(self.not_json("a number")),
        }
    }

    /// A string, with the cursor on its opening quote. Escapes are checked, too.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<RawString<'a>, Fault> {
        let start = self.at + 1;
        self.at = start;
        self.find_special();
        let escaped = match self.peek() {
            Some(b'"') => false,
            _ => {
                self.escaped_string()?;
                true
            }
        };
        let raw = self.since(start);
        self.at += 1;
        Ok(RawString { raw, escaped })
    }

    /// Moves on to the next quote, backslash or control character, or to the end.
    #[inline(always)]
    fn find_special(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        while let Some(chunk) = eight(self.bytes, self.at) {
            // Sets the highest bit of the first byte that is zero (that is, equal), or below 0x20; bytes behind it
            // may have theirs set without reason, which does no harm.
            let (quote, escape) = (chunk ^ (ONES * 0x22), chunk ^ (ONES * 0x5c));
            let special = (quote.wrapping_sub(ONES) & !quote)
                | (escape.wrapping_sub(ONES) & !escape)
                | (chunk.wrapping_sub(ONES * 0x20) & !chunk);
            let special = special & (ONES * 0x80);
            if special != 0 {
                self.at += special.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
            self.at += 1;
        }
    }

    /// Goes on to the closing quote of a string with escapes.
    fn escaped_string(&mut self) -> Result<(), Fault> {
        loop {
            match self.peek() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => {
                    let rest = &self.text[self.at + 1..];
                    let (_, length) = escape(rest).ok_or_else(|| self.not_json("a valid escape"))?;
                    self.at += 1 + length;
                }
                None => return Err(self.not_json("a closing quote")),
                Some(_) => return Err(self.not_json("no control character in a string")),
            }
            self.find_special();
        }
    }

    fn literal(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, Fault> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.not_json("a value"));
        }
        self.at += word.len();
        Ok(token)
    }

    /// The value at the cursor, or behind white space there; objects and arrays are not entered.
    #[inline]
    pub(crate) fn token(&mut self) -> Result<Token<'a>, Fault> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string().map(Token::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Number),
            Some(b'{') => Ok(Token::Object),
            Some(b'[') => Ok(Token::Array),
            Some(b't') => self.literal("true", Token::Boolean(true)),
            Some(b'f') => self.literal("false", Token::Boolean(false)),
            Some(b'n') => self.literal("null", Token::Null),
            _ => Err(self.not_json("a value")),
        }
    }

    /// Passes over the value at the cursor, which lies inside of `depth` objects and arrays.
    pub(crate) fn skip_value(&mut self, depth: usize) -> Result<(), Fault> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => {
                check_depth(depth + 1)?;
                let mut more = self.open(b'}');
                while more {
                    self.key()?;
                    self.skip_value(depth + 1)?;
                    more = self.more(b'}')?;
                }
                Ok(())
            }
            Some(b'[') => {
                check_depth(depth + 1)?;
                let mut more = self.open(b']');
                while more {
                    self.skip_value(depth + 1)?;
                    more = self.more(b']')?;
                }
                Ok(())
            }
            _ => self.token().map(drop),
        }
    }

    /// Nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.not_json("the end")) }
    }
}

/// A value at this depth (the outermost: 1) may be entered.
#[inline]
pub(crate) fn check_depth(depth: usize) -> Result<(), Fault> {
    if depth < DEPTH_MAX {
        return Ok(());
    }
    Err(Fault::new(fault::TOO_DEEP, format!("objects and arrays are nested {DEPTH_MAX} deep or deeper")))
}

impl<'a> RawString<'a> {
    /// The text that the string stands for; `buffer` is used if there are escapes.
    #[inline(always)]
    pub(crate) fn resolve<'b>(self, buffer: &'b mut String) -> &'b str
    where
        'a: 'b,
    {
        if !self.escaped {
            return self.raw;
        }
        buffer.clear();
        let mut rest = self.raw;
        while let Some((plain, after)) = rest.split_once('\\') {
            buffer.push_str(plain);
            rest = after;
            // Escapes were checked when the string was passed.
            let Some((c, length)) = escape(after) else { break };
            buffer.push(c);
            rest = &after[length..];
        }
        buffer.push_str(rest);
        buffer
    }
}

/// The character that an escape stands for, and the length of the escape behind its backslash.
fn escape(text: &str) -> Option<(char, usize)> {
    let c = match text.as_bytes().first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(text),
        _ => return None,
    };
    Some((c, 1))
}

/// `uXXXX`, or a surrogate pair `uXXXX\uXXXX`.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.as_bytes().get(at..at + 4)?;
        digits.iter().try_fold(0, |value, digit| Some(value << 4 | (*digit as char).to_digit(16)?))
    };
    let first = unit(1)?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 5));
    }
    let second = unit(7).filter(|second| (0xdc00..0xe000).contains(second))?;
    let pair = first < 0xdc00 && text.as_bytes()[5..7] == *b"\\u";
    let code = 0x10000 + ((first & 0x3ff) << 10 | (second & 0x3ff));
    if pair { Some((char::from_u32(code)?, 11)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved() {
        let text = r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z""#;
        let mut cursor = Cursor::new(text);
        let string = cursor.string().unwrap();
        assert_eq!(string.resolve(&mut String::new()), serde_json::from_str::<String>(text).unwrap());
        assert_eq!(cursor.at, text.len());
        for bad in [
            r#""\x""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            r#""\udc00\ud800""#,
            "\"a\u{1}\"",
            r#"""#,
            r#""\"#,
        ] {
            assert!(Cursor::new(bad).string().is_err(), "{bad}");
        }
    }
}

//! The keys that are looked for, as a tree of objects, with a guess which key comes next.
//!
//! Producers write the keys of an object in the same order nearly every time. So each object of the tree remembers
//! for each key which one followed it last time, and the guess is one comparison of a few bytes. A wrong guess costs a
//! look-up by name and changes nothing else.

use std::collections::BTreeMap;
use streamfold_flow::schema::{FieldType, RowSchema};

use super::encode::write_string;
use super::token::Cursor;
use crate::number::eight;

/// What a key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Nothing that is asked for.
    Unknown,
    /// The value of a field that is declared as a number.
    Number(usize),
    /// The value of another field.
    Field(usize),
    /// The value of a field whose name has dots: a key with just these dots.
    Literal(usize),
    /// The value of a field whose name has dots: the end of its path.
    Path(usize),
    /// An object that has fields.
    Object(usize),
}

#[derive(Debug)]
struct Key {
    /// The first eight bytes of `token` (or all, if they are fewer), and which of them count.
    head: u64,
    mask: u64,
    /// How the key was written last time: with quotes, colon and the white space around them, from behind the comma
    /// up to the value.
    token: Vec<u8>,
    target: Target,
    /// The key that followed this one last time.
    next: usize,
}

impl Key {
    /// Takes down how the key is written. What was read as this key once is this key wherever it stands again.
    fn write(&mut self, token: &[u8]) {
        let mut head = [0; 8];
        let length = token.len().min(8);
        head[..length].copy_from_slice(&token[..length]);
        self.head = u64::from_le_bytes(head);
        self.mask = u64::MAX.checked_shr(64 - 8 * length as u32).unwrap_or(0);
        self.token.clear();
        self.token.extend_from_slice(token);
    }

    /// Whether the key stands at this place.
    #[inline(always)]
    fn found(&self, bytes: &[u8], at: usize) -> bool {
        match eight(bytes, at) {
            Some(chunk) if chunk & self.mask != self.head => false,
            Some(_) if self.token.len() <= 8 => true,
            _ => bytes[at..].starts_with(&self.token),
        }
    }
}

/// An object with keys that are looked for.
#[derive(Debug, Default)]
pub(crate) struct Node {
    keys: Vec<Key>,
    /// Place of each key's name in `keys`.
    by_name: BTreeMap<Box<str>, usize>,
    /// The key that came first last time.
    first: usize,
    /// Fields in it, at whatever depth.
    pub(crate) fields: Vec<usize>,
    /// The record in which it was entered last.
    pub(crate) entered_in: u64,
}

/// Keys that are not asked for are remembered up to so many in each object, so that they can be guessed, too.
const UNKNOWN_KEYS_MAX: usize = 256;

/// Keys that are written longer are not remembered.
const TOKEN_BYTES_MAX: usize = 256;

/// No key: the guess before the first.
pub(crate) const START: usize = usize::MAX;

impl Node {
    fn add(&mut self, name: &str, target: Target) {
        let mut token = Vec::new();
        write_string(name, &mut token);
        token.push(b':');
        self.by_name.insert(name.into(), self.keys.len());
        let mut key = Key { head: 0, mask: 0, token: Vec::new(), target, next: self.keys.len() + 1 };
        key.write(&token);
        self.keys.push(key);
    }

    /// The key that is expected after `last`.
    #[inline(always)]
    pub(crate) fn after(&self, last: usize) -> usize {
        self.keys.get(last).map_or(self.first, |key| key.next)
    }

    /// If this key stands at this place and leads to a number: its field, and the length of the key with its colon.
    #[inline(always)]
    pub(crate) fn number(&self, bytes: &[u8], at: usize, key: usize) -> Option<(usize, usize)> {
        match self.keys.get(key)? {
            Key { target: Target::Number(field), token, .. } if self.keys[key].found(bytes, at) => {
                Some((*field, token.len()))
            }
            _ => None,
        }
    }

    /// If the key that is expected after `last`, or the one after that, stands at the cursor: what it leads to. The
    /// cursor is then on the value.
    pub(crate) fn guess(&self, cursor: &mut Cursor<'_>, last: &mut usize) -> Option<Target> {
        let mut next = self.after(*last);
        for _ in 0..2 {
            let key = self.keys.get(next)?;
            if key.found(cursor.bytes(), cursor.at) {
                cursor.at += key.token.len();
                cursor.skip_space();
                *last = next;
                return Some(key.target);
            }
            next = key.next;
        }
        None
    }

    /// What the key of this name, written like this, leads to. It is remembered as the one that follows `last`.
    pub(crate) fn look_up(&mut self, name: &str, token: &str, last: &mut usize) -> Target {
        if token.len() > TOKEN_BYTES_MAX {
            return self.by_name.get(name).map_or(Target::Unknown, |place| self.keys[*place].target);
        }
        let found = match self.by_name.get(name) {
            Some(place) => *place,
            None if self.keys.len() < UNKNOWN_KEYS_MAX + self.fields.len() => {
                self.add(name, Target::Unknown);
                self.keys.len() - 1
            }
            None => return Target::Unknown,
        };
        match self.keys.get_mut(*last) {
            Some(key) => key.next = found,
            None => self.first = found,
        }
        *last = found;
        self.keys[found].write(token.as_bytes());
        self.keys[found].target
    }
}

/// The tree of objects that the fields of a schema lie in; the first is the record itself.
pub(crate) fn tree(schema: &RowSchema) -> Vec<Node> {
    let declared = |name: &str| schema.fields.iter().any(|field| field.name == name);
    let mut nodes = vec![Node::default()];
    for (field, spec) in schema.fields.iter().enumerate() {
        let target = match spec.kind {
            _ if spec.name.contains('.') => Target::Literal(field),
            FieldType::Number => Target::Number(field),
            _ => Target::Field(field),
        };
        nodes[0].add(&spec.name, target);
        nodes[0].fields.push(field);
    }
    for (field, spec) in schema.fields.iter().enumerate() {
        let prefixes = || spec.name.match_indices('.').map(|(dot, _)| &spec.name[..dot]);
        if prefixes().any(declared) {
            continue;
        }
        let mut node = 0;
        let mut start = 0;
        for prefix in prefixes() {
            node = object(&mut nodes, node, &prefix[start..]);
            nodes[node].fields.push(field);
            start = prefix.len() + 1;
        }
        if start > 0 {
            nodes[node].add(&spec.name[start..], Target::Path(field));
        }
    }
    nodes
}

/// The object under this key of a node; made if it is not there yet.
fn object(nodes: &mut Vec<Node>, node: usize, key: &str) -> usize {
    if let Some(place) = nodes[node].by_name.get(key)
        && let Target::Object(child) = nodes[node].keys[*place].target
    {
        return child;
    }
    let child = nodes.len();
    nodes.push(Node::default());
    nodes[node].add(key, Target::Object(child));
    child
}

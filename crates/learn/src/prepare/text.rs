//! Text as sparse features: hashed n-grams of words or characters.
//!
//! A row holds no text: whoever makes rows from records turns a text into pairs of [`Row::sparse`](crate::features::Row)
//! with a [`TextHasher`], whose [`TextHasher::sparse_size`] is the schema's. How often each n-gram occurs in the text is its
//! value, with a sign from its hash, so that different n-grams in one place tend to cancel. `tf_idf` behind it weighs rare
//! ones up.
//!
//! Reference: K. Weinberger et al.: Feature Hashing for Large Scale Multitask Learning (ICML 2009).

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What n-grams are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Runs of letters, digits and underscores, in lower case.
    Word,
    /// Characters, in lower case, with each run of white space as one blank.
    Character,
}

/// See the module.
///
/// ```
/// use streamfold_learn::prepare::text::{TextHasher, Unit};
///
/// let hasher = TextHasher { unit: Unit::Word, shortest: 1, longest: 2, bits: 18 };
/// let mut pairs = Vec::new();
/// hasher.hash("Win cash! WIN CASH now", 0, &mut pairs);
/// // win, cash, now; win cash (twice), cash win, cash now
/// assert_eq!(pairs.len(), 6);
/// assert_eq!(pairs.iter().map(|(_, count)| count.abs()).sum::<f64>(), 9.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextHasher {
    /// What the n-grams are made of.
    pub unit: Unit,
    /// Units in the shortest n-gram, at least 1.
    pub shortest: usize,
    /// Units in the longest.
    pub longest: usize,
    /// N-grams are hashed to 2^bits places; at most 30.
    pub bits: u32,
}

impl TextHasher {
    /// Sparse features that a text becomes.
    pub fn sparse_size(&self) -> u32 {
        1 << self.bits.min(30)
    }

    /// Adds the text's features to `pairs`, from the index `first` on: rising indices, each once. What `pairs` holds
    /// before must lie below `first`. `first` is also what tells the n-grams of two texts of a row apart.
    pub fn hash(&self, text: &str, first: u32, pairs: &mut Vec<(u32, f64)>) {
        let start = pairs.len();
        let lower = text.to_lowercase();
        let units: Vec<&str> = match self.unit {
            Unit::Word => lower
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|word| !word.is_empty())
                .collect(),
            Unit::Character => characters(&lower),
        };
        let mut gram = String::new();
        for length in self.shortest.max(1)..=self.longest {
            for units in units.windows(length) {
                gram.clear();
                for (at, unit) in units.iter().enumerate() {
                    if at > 0 && self.unit == Unit::Word {
                        gram.push(' ');
                    }
                    gram.push_str(unit);
                }
                pairs.push(self.pair(&gram, length, first));
            }
        }
        pairs[start..].sort_unstable_by_key(|(index, _)| *index);
        merge(pairs, start);
    }

    fn pair(&self, gram: &str, length: usize, first: u32) -> (u32, f64) {
        let hash = xxh3_64_with_seed(gram.as_bytes(), (u64::from(first) << 8) + length as u64);
        let place = (hash >> 32) as u32 & (self.sparse_size() - 1);
        (first.saturating_add(place), if hash & 1 == 0 { 1.0 } else { -1.0 })
    }
}

/// One-word n-grams in 2^18 places, as Vowpal Wabbit has it.
impl Default for TextHasher {
    fn default() -> Self {
        TextHasher { unit: Unit::Word, shortest: 1, longest: 1, bits: 18 }
    }
}

/// The sparse features of many rows of texts.
#[derive(Clone, Debug, Default)]
pub struct TextRows {
    pairs: Vec<(u32, f64)>,
    /// Where the pairs of each row end.
    ends: Vec<usize>,
}

impl TextRows {
    /// Appends a row of texts; each has places of its own, and a missing one leaves them empty.
    pub fn push<'a>(&mut self, hasher: &TextHasher, texts: impl Iterator<Item = Option<&'a str>>) {
        for (number, text) in texts.enumerate() {
            if let Some(text) = text {
                hasher.hash(text, number as u32 * hasher.sparse_size(), &mut self.pairs);
            }
        }
        self.ends.push(self.pairs.len());
    }

    /// The features of a row; none where there is no such row.
    pub fn row(&self, row: usize) -> &[(u32, f64)] {
        let Some(&end) = self.ends.get(row) else { return &[] };
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.pairs[start..end]
    }

    /// Heap bytes.
    pub fn memory_bytes(&self) -> usize {
        self.pairs.len() * size_of::<(u32, f64)>() + self.ends.len() * size_of::<usize>()
    }
}

/// Each character, with a run of white space as one.
fn characters(text: &str) -> Vec<&str> {
    let mut blank = false;
    let each = text.char_indices().map(|(at, c)| (&text[at..at + c.len_utf8()], c.is_whitespace()));
    each.filter_map(|(unit, white)| {
        let skip = white && std::mem::replace(&mut blank, white);
        blank = white;
        (!skip).then_some(if white { " " } else { unit })
    })
    .collect()
}

/// Makes one of neighbours with the same index, from `start` on.
fn merge(pairs: &mut Vec<(u32, f64)>, start: usize) {
    let mut kept = start;
    for at in start..pairs.len() {
        if at > start && pairs[kept - 1].0 == pairs[at].0 {
            pairs[kept - 1].1 += pairs[at].1;
        } else {
            pairs[kept] = pairs[at];
            kept += 1;
        }
    }
    pairs.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_and_white_space() {
        assert_eq!(characters("a \t\nbé"), ["a", " ", "b", "é"]);
        let hasher = TextHasher { unit: Unit::Character, shortest: 3, longest: 3, bits: 20 };
        let (mut one, mut other) = (Vec::new(), Vec::new());
        hasher.hash("ab  cd", 0, &mut one);
        hasher.hash("AB\ncd", 0, &mut other);
        assert_eq!((one.len(), &one), (3, &other));
    }

    proptest! {
        #[test]
        fn indices_rise_from_the_first_on(text in ".*", first in 0u32..1000, bits in 1u32..12) {
            let hasher = TextHasher { unit: Unit::Word, shortest: 1, longest: 3, bits };
            let mut pairs = vec![(first.saturating_sub(1), 1.0)];
            if first == 0 { pairs.clear(); }
            hasher.hash(&text, first, &mut pairs);
            prop_assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(pairs.iter().all(|(index, _)| *index < first + hasher.sparse_size()));
        }
    }
}

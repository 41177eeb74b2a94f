//! Pieces of [`Model::dump`](crate::model::Model::dump): a model in words, bounded in length.

use crate::features::Schema;
use std::fmt::Write;

/// Lines of one list; the rest is counted.
const LINES_MAX: usize = 50;

/// The name of a feature, numeric ones first, then sparse ones.
pub(crate) fn feature_name(schema: &Schema, feature: usize) -> String {
    match schema.numeric.get(feature) {
        Some(name) => name.to_string(),
        None => format!("sparse[{}]", feature - schema.numeric.len()),
    }
}

/// A line for each named number, the largest first; zeros are left out.
pub(crate) fn weights(mut named: Vec<(String, f64)>, out: &mut String) {
    named.retain(|(_, weight)| *weight != 0.0);
    named.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
    for (name, weight) in named.iter().take(LINES_MAX) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {weight:+.6e}  {name}");
    }
    rest(named.len(), out);
}

/// Says how many of `count` lines were left out after [`LINES_MAX`].
pub(crate) fn rest(count: usize, out: &mut String) {
    if count > LINES_MAX {
        let _ = writeln!(out, "  and {} more", count - LINES_MAX);
    }
}

/// How many of `count` lines are to be written.
pub(crate) fn lines(count: usize) -> usize {
    count.min(LINES_MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_largest_come_first_and_the_rest_is_counted() {
        let mut out = String::new();
        super::weights((0..60).map(|n| (format!("f{n:02}"), f64::from(n))).collect(), &mut out);
        assert!(out.starts_with("  +5.900000e1  f59\n"), "{out}");
        assert_eq!((out.lines().count(), out.lines().last()), (51, Some("  and 9 more")));
    }
}

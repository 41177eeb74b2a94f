//! A number for each feature, dense in memory and sparse in bytes.

use super::count;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Writes the counts that are not zero, with their places.
pub(super) fn save(counts: &[f64], out: &mut Writer) {
    let seen = || counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
    out.unsigned(seen().count() as u64);
    let mut next = 0;
    for (place, &count) in seen() {
        out.unsigned((place - next) as u64);
        out.float(count);
        next = place + 1;
    }
}

/// Reads what [`save`] wrote.
pub(super) fn load(counts: &mut [f64], from: &mut Reader<'_>) -> Result<(), SnapshotError> {
    counts.fill(0.0);
    let mut next = 0u64;
    for _ in 0..from.length(9)? {
        let place = next.saturating_add(from.unsigned()?);
        next = place.saturating_add(1);
        match usize::try_from(place).ok().and_then(|place| counts.get_mut(place)) {
            Some(at) => *at = count(from)?,
            None => return Err(from.invalid("a count is out of place")),
        }
    }
    Ok(())
}

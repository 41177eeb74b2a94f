//! A quantised observer: the target's moments by the value of a numeric feature, in bins whose width adapts.
//!
//! The width is a power of two and bins lie on its multiples. Where a value does not fit, the width doubles and pairs of
//! bins become one, which is exact. So between a half and all of the bins span the values seen.

use crate::snapshot::{Reader, SnapshotError, Writer};

/// Bins of a feature.
const BINS: i64 = 32;
/// The largest number of a bin, so that it is exact as a float.
const NUMBER_MAX: f64 = (1u64 << 50) as f64;

/// Weight, sum and sum of squares of targets, as distances from some reference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) weight: f64,
    pub(crate) sum: f64,
    pub(crate) squares: f64,
}

impl Moments {
    #[inline(always)]
    pub(crate) fn add(&mut self, target: f64, weight: f64) {
        self.weight += weight;
        self.sum += weight * target;
        self.squares += weight * target * target;
    }

    /// Both together.
    pub(crate) fn and(self, other: Moments) -> Moments {
        Moments {
            weight: self.weight + other.weight,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// These without others that are part of them.
    pub(crate) fn without(self, other: Moments) -> Moments {
        Moments {
            weight: (self.weight - other.weight).max(0.0),
            sum: self.sum - other.sum,
            squares: (self.squares - other.squares).max(0.0),
        }
    }

    /// The mean; 0 where there is nothing.
    pub(crate) fn mean(&self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { 0.0 }
    }

    /// The sum of squared differences from the mean.
    pub(crate) fn spread(&self) -> f64 {
        if self.weight > 0.0 { (self.squares - self.sum * (self.sum / self.weight)).max(0.0) } else { 0.0 }
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        [self.weight, self.sum, self.squares].iter().for_each(|value| out.float(*value));
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let (weight, sum, squares) =
            (from.finite_not_negative()?, from.finite()?, from.finite_not_negative()?);
        if weight > 1e18 || sum.abs() > 1e160 || squares > 1e300 {
            return Err(from.invalid("moments of the target that cannot be"));
        }
        Ok(Moments { weight, sum, squares })
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Histogram {
    /// Width of a bin as a power of two.
    exponent: i32,
    /// Numbers of the first and the last bin that were used: value / width, rounded down.
    low: i64,
    high: i64,
    /// Bin `number` is at `number mod BINS`. Empty before the first value.
    bins: Vec<Moments>,
}

/// Two to a power from -1000 to 1000.
fn power(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// The exponent of a number; that of 1e-300 for what is smaller.
fn exponent_of(value: f64) -> i32 {
    ((value.abs().max(1e-300).to_bits() >> 52) as i32) - 1023
}

fn slot(number: i64) -> usize {
    number.rem_euclid(BINS) as usize
}

impl Histogram {
    /// Learns a value (at most 1e100 in size) and its target. True where that took more memory.
    #[inline]
    pub(crate) fn add(&mut self, value: f64, target: f64, weight: f64) -> bool {
        let scaled = value * power(-self.exponent);
        let inside = scaled >= self.low as f64 && scaled < (self.high + 1) as f64 && !self.bins.is_empty();
        let mut grew = false;
        let number = if inside {
            scaled.floor() as i64
        } else {
            grew = self.bins.is_empty();
            self.make_room(value)
        };
        self.bins[slot(number)].add(target, weight);
        grew
    }

    /// Makes the bins wide enough for a value, and gives the number of its bin.
    #[cold]
    fn make_room(&mut self, value: f64) -> i64 {
        let needed = exponent_of(value) - 48;
        if self.bins.is_empty() {
            self.bins = vec![Moments::default(); BINS as usize];
            self.exponent = (exponent_of(value) - 24).max(-990);
            self.low = (value * power(-self.exponent)).floor() as i64;
            self.high = self.low;
            return self.low;
        }
        if needed > self.exponent {
            self.widen((needed - self.exponent) as u32);
        }
        let number = (value * power(-self.exponent)).floor().clamp(-NUMBER_MAX, NUMBER_MAX) as i64;
        let (low, high) = (self.low.min(number), self.high.max(number));
        let mut doublings = 0;
        while (high >> doublings) - (low >> doublings) >= BINS {
            doublings += 1;
        }
        if doublings > 0 {
            self.widen(doublings);
        }
        let number = number >> doublings;
        self.low = self.low.min(number);
        self.high = self.high.max(number);
        number
    }

    fn widen(&mut self, doublings: u32) {
        let doublings = doublings.min(62);
        let mut wider = vec![Moments::default(); BINS as usize];
        for number in self.low..=self.high {
            let to = &mut wider[slot(number >> doublings)];
            *to = to.and(self.bins[slot(number)]);
        }
        self.bins = wider;
        self.low >>= doublings;
        self.high >>= doublings;
        self.exponent += doublings as i32;
    }

    /// The moments of all values.
    pub(crate) fn total(&self) -> Moments {
        self.bins.iter().fold(Moments::default(), |sum, bin| sum.and(*bin))
    }

    /// Calls back with each border between bins and the moments below it.
    pub(crate) fn borders(&self, mut each: impl FnMut(f64, Moments)) {
        let mut below = Moments::default();
        if self.bins.is_empty() {
            return;
        }
        for number in self.low..self.high {
            let bin = self.bins[slot(number)];
            if bin.weight > 0.0 {
                below = below.and(bin);
                // What lies on the border is in the bin above it.
                each(((number + 1) as f64 * power(self.exponent)).next_down(), below);
            }
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Moments>() * self.bins.len()
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.boolean(!self.bins.is_empty());
        if !self.bins.is_empty() {
            out.signed(i64::from(self.exponent));
            out.signed(self.low);
            out.unsigned((self.high - self.low) as u64);
            (self.low..=self.high).for_each(|number| self.bins[slot(number)].save(out));
        }
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        if !from.boolean()? {
            return Ok(Self::default());
        }
        let (exponent, low, span) = (from.signed()?, from.signed()?, from.unsigned()?);
        let bound = NUMBER_MAX as i64;
        if !(-990..=400).contains(&exponent) || !(-bound..=bound).contains(&low) || span >= BINS as u64 {
            return Err(from.invalid("bins that cannot be"));
        }
        let mut bins = vec![Moments::default(); BINS as usize];
        for number in low..=low + span as i64 {
            bins[slot(number)] = Moments::load(from)?;
        }
        Ok(Histogram { exponent: exponent as i32, low, high: low + span as i64, bins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_borders_part_what_they_say(
            values in prop::collection::vec((-1e3f64..1e3, -5f64..5.0), 1..200), scale in -60i32..60
        ) {
            let mut histogram = Histogram::default();
            let values: Vec<_> = values.into_iter().map(|(value, target)| (value * power(scale), target)).collect();
            values.iter().for_each(|(value, target)| { histogram.add(*value, *target, 1.0); });
            prop_assert_eq!(histogram.total().weight, values.len() as f64);
            let mut seen = 0;
            histogram.borders(|border, below| {
                let wanted = values.iter().filter(|(value, _)| *value <= border);
                let sum: f64 = wanted.clone().map(|(_, target)| target).sum();
                seen += usize::from(wanted.count() as f64 == below.weight && (sum - below.sum).abs() < 1e-9);
                seen += 1000;
            });
            prop_assert_eq!(seen % 1000, seen / 1000);
            prop_assert!(seen / 1000 < BINS as usize);
            let mut writer = Writer::new();
            histogram.save(&mut writer);
            let bytes = writer.into_bytes();
            prop_assert_eq!(Histogram::load(&mut Reader::new("test", &bytes)).unwrap(), histogram);
        }
    }

    #[test]
    fn few_whole_numbers_are_kept_apart() {
        let mut histogram = Histogram::default();
        for value in [1.0, 3.0, 2.0, 1.0, 3.0] {
            histogram.add(value, value, 1.0);
        }
        let mut borders = Vec::new();
        histogram.borders(|border, below| borders.push((border.ceil(), below.weight)));
        assert_eq!(borders, [(2.0, 2.0), (3.0, 3.0)]);
    }
}

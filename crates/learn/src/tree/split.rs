//! Ways to split a leaf of a classification tree, and how much they tell about the class.

use super::columns::{Event, LANES};
use super::gaussian::Block;
use super::observers::{Observers, Subset};

/// Borders that are tried between the smallest and the largest value of a numeric feature.
const BORDERS: usize = 10;
/// A split is none unless at least two branches have more than this share of the events.
const BRANCH_SHARE_MIN: f64 = 0.01;

/// The question that an inner node asks of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Test {
    /// Up to the border: branch 0. Above it: branch 1.
    Number { feature: u32, border: f64 },
    /// This value: branch 0. Another: branch 1.
    Is { category: u32, code: u32 },
    /// A branch for each of the first `values` values.
    Each { category: u32, values: u32 },
}

impl Test {
    /// The branch that an event takes; `None` where its value is missing or has no branch.
    #[inline(always)]
    pub(crate) fn branch(&self, event: &Event) -> Option<usize> {
        match *self {
            Test::Number { feature, border } => {
                let value = event.numbers[feature as usize];
                if value <= border {
                    Some(0)
                } else if value > border {
                    Some(1)
                } else {
                    None
                }
            }
            Test::Is { category, code } => match event.codes[category as usize] {
                0 => None,
                other => Some(usize::from(other != code)),
            },
            Test::Each { category, values } => match event.codes[category as usize] {
                0 => None,
                code if code > values => None,
                code => Some(code as usize - 1),
            },
        }
    }

    /// Branches.
    pub(crate) fn branches(&self) -> usize {
        match self {
            Test::Number { .. } | Test::Is { .. } => 2,
            Test::Each { values, .. } => *values as usize,
        }
    }

    /// The feature that it asks for, `numbers` being the number of numeric ones.
    pub(crate) fn feature(&self, numbers: usize) -> usize {
        match *self {
            Test::Number { feature, .. } => feature as usize,
            Test::Is { category, .. } | Test::Each { category, .. } => numbers + category as usize,
        }
    }
}

/// A way to split, and what is gained by it: bits of information about the class for each event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) merit: f64,
    pub(crate) test: Test,
}

/// The best candidate (of equals the first) and the merit of the second best; not to split gains nothing.
pub(crate) fn best_two(candidates: &[Candidate]) -> Option<(Candidate, f64)> {
    let mut best: Option<Candidate> = None;
    let mut second = 0.0f64;
    for &candidate in candidates {
        match best {
            Some(known) if candidate.merit <= known.merit => second = second.max(candidate.merit),
            Some(known) => {
                second = second.max(known.merit);
                best = Some(candidate);
            }
            None => best = Some(candidate),
        }
    }
    Some((best?, second))
}

/// `x log2 x`, to a relative 1e-8: half of the time of looking at splits goes into these. The mantissa, brought to
/// between the roots of 1/2 and 2, goes through the series of the inverse hyperbolic tangent.
#[inline(always)]
fn bits(x: f64) -> f64 {
    const FACTOR: f64 = 2.0 * std::f64::consts::LOG2_E;
    let word = x.to_bits();
    let mantissa = f64::from_bits(word & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    let above = mantissa > std::f64::consts::SQRT_2;
    let mantissa = if above { 0.5 * mantissa } else { mantissa };
    let exponent = (word >> 52) as f64 - if above { 1022.0 } else { 1023.0 };
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let t = s * s;
    let series = 1.0 + t * (1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t * (1.0 / 9.0))));
    if x > 1e-300 { x * (exponent + FACTOR * (s * series)) } else { 0.0 }
}

/// The entropy of a distribution of weights, times their sum.
pub(crate) fn entropy(weights: &[f64]) -> f64 {
    let (mut sum, mut parts) = (0.0, 0.0);
    for &weight in weights {
        sum += weight;
        parts += bits(weight);
    }
    (bits(sum) - parts).max(0.0)
}

/// Room for the class weights of the branches that are being compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Branches {
    first: Vec<f64>,
    second: Vec<f64>,
    all: Vec<f64>,
}

impl Observers {
    /// The best way to split by each feature, appended to `out`: in the order of the features.
    pub(crate) fn candidates(
        &self,
        subset: &Subset,
        binary: bool,
        room: &mut Branches,
        out: &mut Vec<Candidate>,
    ) {
        let seen: f64 = self.seen.iter().sum();
        for (at, features) in subset.blocks.iter().enumerate() {
            for (lane, &feature) in features.iter().enumerate() {
                if at * LANES + lane < subset.numbers {
                    out.extend(self.best_border(at, lane, feature, seen, room));
                }
            }
        }
        for (at, &category) in subset.categories.iter().enumerate() {
            out.extend(self.best_values(at, category, binary, seen, room));
        }
    }

    /// The class weights of each branch of a split.
    pub(crate) fn distributions(&self, subset: &Subset, test: &Test) -> Vec<Vec<f64>> {
        let classes = 0..self.seen.len();
        let each = |weight: &dyn Fn(usize) -> f64| classes.clone().map(weight).collect::<Vec<f64>>();
        match *test {
            Test::Number { feature, border } => {
                let Some((at, lane)) = subset.place_of_number(feature) else { return Vec::new() };
                let block = |class: usize| self.gaussians[class].get(at);
                let below =
                    |class| block(class).map_or(0.0, |block: &Block| block.weight_up_to(lane, border));
                let above =
                    |class| block(class).map_or(0.0, |block: &Block| block.weight(lane)) - below(class);
                vec![each(&below), each(&above)]
            }
            Test::Is { category, code } => {
                let Some(counts) = subset.place_of_category(category).and_then(|at| self.nominal.get(at))
                else {
                    return Vec::new();
                };
                let with = |class| counts.get(code as usize - 1, class);
                vec![each(&with), each(&|class| (counts.total(class) - with(class)).max(0.0))]
            }
            Test::Each { category, values } => {
                let Some(counts) = subset.place_of_category(category).and_then(|at| self.nominal.get(at))
                else {
                    return Vec::new();
                };
                (0..values as usize).map(|value| each(&|class| counts.get(value, class))).collect()
            }
        }
    }

    fn best_border(
        &self,
        at: usize,
        lane: usize,
        feature: u32,
        seen: f64,
        room: &mut Branches,
    ) -> Option<Candidate> {
        let blocks = || self.gaussians.iter().map(|blocks| blocks.get(at));
        let ranges = blocks().flatten().map(|block| block.range(lane));
        let (min, max) = ranges.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), range| {
            (min.min(range.0), max.max(range.1))
        });
        if min >= max {
            return None;
        }
        room.all.clear();
        room.all.extend(blocks().map(|block| block.map_or(0.0, |block| block.weight(lane))));
        let whole = entropy(&room.all);
        let mut best: Option<Candidate> = None;
        for step in 1..=BORDERS {
            let border = min + (max - min) / (BORDERS + 1) as f64 * step as f64;
            if border <= min || border >= max {
                continue;
            }
            room.first.clear();
            room.second.clear();
            for (block, all) in blocks().zip(&room.all) {
                let below = block.map_or(0.0, |block| block.weight_up_to(lane, border));
                room.first.push(below);
                room.second.push((all - below).max(0.0));
            }
            if let Some(merit) = merit_of_two(whole, &room.first, &room.second, seen)
                && best.is_none_or(|best| merit > best.merit)
            {
                best = Some(Candidate { merit, test: Test::Number { feature, border } });
            }
        }
        best
    }

    fn best_values(
        &self,
        at: usize,
        category: u32,
        binary: bool,
        seen: f64,
        room: &mut Branches,
    ) -> Option<Candidate> {
        let counts = self.nominal.get(at)?;
        let classes = self.seen.len();
        room.all.clear();
        room.all.extend((0..classes).map(|class| counts.total(class)));
        let whole = entropy(&room.all);
        let total: f64 = room.all.iter().sum();
        let mut best: Option<Candidate> = None;
        let (mut left, mut large) = (whole, 0);
        for value in 0..counts.values() {
            room.first.clear();
            room.second.clear();
            for class in 0..classes {
                let with = counts.get(value, class);
                room.first.push(with);
                room.second.push((room.all[class] - with).max(0.0));
            }
            left -= entropy(&room.first);
            large += usize::from(room.first.iter().sum::<f64>() > BRANCH_SHARE_MIN * total);
            if let Some(merit) = merit_of_two(whole, &room.first, &room.second, seen)
                && best.is_none_or(|best| merit > best.merit)
            {
                best = Some(Candidate { merit, test: Test::Is { category, code: value as u32 + 1 } });
            }
        }
        let merit = left / seen;
        if !binary && large >= 2 && counts.values() > 2 && best.is_none_or(|best| merit >= best.merit) {
            best = Some(Candidate { merit, test: Test::Each { category, values: counts.values() as u32 } });
        }
        best
    }
}

/// What is gained by two branches; `None` where one of them is too small.
fn merit_of_two(whole: f64, first: &[f64], second: &[f64], seen: f64) -> Option<f64> {
    let sums = (first.iter().sum::<f64>(), second.iter().sum::<f64>());
    let least = BRANCH_SHARE_MIN * (sums.0 + sums.1);
    (sums.0 > least && sums.1 > least).then(|| (whole - entropy(first) - entropy(second)) / seen)
}

/// How far the mean of `weight` events may lie from the truth, but for a chance of `delta` (Hoeffding).
pub(crate) fn hoeffding_bound(range: f64, delta: f64, weight: f64) -> f64 {
    (range * range * libm::log(1.0 / delta) / (2.0 * weight)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_logarithm_is_one() {
        for step in 0..100_000 {
            let x = 1e-9 * libm::exp2(f64::from(step) / 1000.0);
            assert!((bits(x) - x * libm::log2(x)).abs() <= 1e-8 * x, "{x}");
        }
        assert_eq!((bits(0.0), bits(1.0), bits(8.0)), (0.0, 0.0, 24.0));
    }

    #[test]
    fn entropy_and_bound_are_the_textbooks() {
        assert_eq!(entropy(&[4.0, 4.0, 0.0]), 8.0);
        assert_eq!(entropy(&[5.0]), 0.0);
        assert_eq!(merit_of_two(8.0, &[4.0, 0.0], &[0.0, 4.0], 8.0), Some(1.0));
        assert_eq!(merit_of_two(8.0, &[0.0, 0.0], &[4.0, 4.0], 8.0), None);
        assert!((hoeffding_bound(1.0, 1e-7, 3224.0) - 0.05).abs() < 1e-5);
    }

    #[test]
    fn missing_values_take_no_branch() {
        let event = Event { numbers: vec![f64::NAN, 1.0], codes: vec![0, 3] };
        assert_eq!(Test::Number { feature: 0, border: 1.0 }.branch(&event), None);
        assert_eq!(Test::Number { feature: 1, border: 1.0 }.branch(&event), Some(0));
        assert_eq!(Test::Is { category: 0, code: 3 }.branch(&event), None);
        assert_eq!(Test::Is { category: 1, code: 3 }.branch(&event), Some(0));
        assert_eq!(Test::Each { category: 1, values: 3 }.branch(&event), Some(2));
        assert_eq!(Test::Each { category: 1, values: 2 }.branch(&event), None);
    }
}

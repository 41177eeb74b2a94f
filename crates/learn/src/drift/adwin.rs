//! ADWIN: a window that is as long as the mean stays the same.
#![doc = include_str!("adwin.md")]

use super::{DriftDetector, Input, LIMIT, State, usable};
use crate::params::{Param, ParamKind, Values};
use crate::registry::DetectorEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const DELTA: Param = Param {
    name: "delta",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 0.002 },
    doc: "Chance of a false alarm at a check. Smaller: fewer alarms, later.",
    default_from: "As in MOA and River.",
};
const CLOCK: Param = Param {
    name: "clock",
    kind: ParamKind::Integer { min: 1, max: 1_000_000, default: 32 },
    doc: "Numbers from one check to the next.",
    default_from: "As in MOA and River.",
};
const ALARM_ON: Param = Param {
    name: "alarm_on",
    kind: ParamKind::Choice { of: &["change", "rise"], default: "change" },
    doc: "Whether any change of the mean is drift, or only one to a higher mean.",
    default_from: "The paper and River; MOA's forests use `rise`.",
};

/// The registry's entry.
pub const ENTRY: DetectorEntry = DetectorEntry {
    name: "adwin",
    summary: "A window that is as long as the mean stays the same.",
    doc: include_str!("adwin.md"),
    meaning_version: 1,
    params: &[DELTA, CLOCK, ALARM_ON],
    input: Input::Number,
    build: |values| Box::new(Adwin::with_values(values)),
};

/// Buckets of one size that may stand before the two oldest of them become one.
const BUCKETS: usize = 5;
/// Fewest numbers on either side of a border that is tried.
const SIDE_MIN: f64 = 5.0;
/// No more numbers than this are in a window that is checked.
const WIDTH_UNCHECKED: u64 = 10;
/// Rows of buckets; more than 2^50 numbers do not happen.
const ROWS_MAX: usize = 50;

/// What a number did to the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The mean is what it was.
    None,
    /// The mean has risen.
    Rise,
    /// The mean has fallen.
    Fall,
}

/// The buckets of one size, oldest first.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    length: usize,
    sums: [f64; BUCKETS + 1],
    /// Sums of squared differences from each bucket's mean.
    squares: [f64; BUCKETS + 1],
}

impl Row {
    fn push(&mut self, sum: f64, squares: f64) {
        self.sums[self.length] = sum;
        self.squares[self.length] = squares;
        self.length += 1;
    }

    fn drop_oldest(&mut self, count: usize) {
        self.sums.copy_within(count.., 0);
        self.squares.copy_within(count.., 0);
        self.length -= count;
    }
}

/// Numbers in a bucket of a row.
fn bucket_size(row: usize) -> f64 {
    (1u64 << row) as f64
}

/// What two groups' squared deviations grow by when they become one.
fn between(size_a: f64, sum_a: f64, size_b: f64, sum_b: f64) -> f64 {
    let difference = sum_a / size_a - sum_b / size_b;
    difference * difference * (size_a * size_b / (size_a + size_b))
}

/// See the module.
///
/// ```
/// use streamfold_learn::drift::adwin::{Adwin, Change};
///
/// let mut adwin = Adwin::new(0.002);
/// let errors = (0..2000).map(|event| if event < 1000 { event % 9 == 0 } else { event % 2 == 0 });
/// let changes: Vec<Change> = errors.map(|error| adwin.add(f64::from(error))).collect();
/// let at = changes.iter().position(|change| *change == Change::Rise);
/// assert_eq!(at, Some(1055));
/// assert_eq!((adwin.width(), (adwin.mean() * 100.0).round()), (1072, 47.0));
/// ```
#[derive(Clone, Debug)]
pub struct Adwin {
    delta: f64,
    clock: u32,
    rise_only: bool,
    /// Numbers since the last check.
    since_check: u32,
    width: u64,
    sum: f64,
    /// Sum of squared differences from the mean.
    squares: f64,
    /// Row `r` has the buckets of 2^r numbers.
    rows: Vec<Row>,
}

impl Adwin {
    /// An empty window that is checked at this confidence, with the other parameters at their defaults.
    pub fn new(delta: f64) -> Self {
        Adwin { delta, ..Self::with_values(&Values::default()) }
    }

    fn with_values(values: &Values) -> Self {
        Adwin {
            delta: values.number(&DELTA),
            clock: values.integer(&CLOCK) as u32,
            rise_only: values.choice(&ALARM_ON) == "rise",
            since_check: 0,
            width: 0,
            sum: 0.0,
            squares: 0.0,
            rows: Vec::new(),
        }
    }

    /// Numbers in the window.
    pub fn width(&self) -> u64 {
        self.width
    }

    /// Mean of the window; 0 where it is empty.
    pub fn mean(&self) -> f64 {
        if self.width == 0 { 0.0 } else { self.sum / self.width as f64 }
    }

    /// Variance (population) of the window; 0 where it is empty.
    pub fn variance(&self) -> f64 {
        if self.width == 0 { 0.0 } else { self.squares / self.width as f64 }
    }

    /// Adds a number and says what became of the mean, whatever `alarm_on` is.
    pub fn add(&mut self, value: f64) -> Change {
        let Some(value) = usable(value) else { return Change::None };
        let before = self.mean();
        self.insert(value);
        self.since_check += 1;
        if self.since_check < self.clock {
            return Change::None;
        }
        self.since_check = 0;
        let mut cut = false;
        while self.width > WIDTH_UNCHECKED && self.differs() {
            self.drop_oldest();
            cut = true;
        }
        match cut {
            false => Change::None,
            true if self.mean() > before => Change::Rise,
            true => Change::Fall,
        }
    }

    fn insert(&mut self, value: f64) {
        let before = self.width as f64;
        if self.width > 0 {
            self.squares += between(before, self.sum, 1.0, value);
        }
        self.width += 1;
        self.sum += value;
        match self.rows.first_mut() {
            Some(row) => row.push(value, 0.0),
            None => {
                let mut row = Row::default();
                row.push(value, 0.0);
                self.rows.push(row);
            }
        }
        self.compress();
    }

    /// Where a row has a bucket too many, its two oldest become one of the next row.
    fn compress(&mut self) {
        let mut at = 0;
        while self.rows[at].length > BUCKETS {
            if at + 1 == self.rows.len() {
                self.rows.push(Row::default());
            }
            let row = &mut self.rows[at];
            let size = bucket_size(at);
            let sum = row.sums[0] + row.sums[1];
            let squares = row.squares[0] + row.squares[1] + between(size, row.sums[0], size, row.sums[1]);
            row.drop_oldest(2);
            self.rows[at + 1].push(sum, squares);
            at += 1;
        }
    }

    /// Whether the means on both sides of some border between buckets differ by more than chance allows.
    fn differs(&self) -> bool {
        let width = self.width as f64;
        let confidence = libm::log(2.0 * libm::log(width) / self.delta);
        let variance = self.squares / width;
        let (mut older, mut older_sum) = (0.0, 0.0);
        for (at, row) in self.rows.iter().enumerate().rev() {
            let size = bucket_size(at);
            for &sum in &row.sums[..row.length] {
                older += size;
                older_sum += sum;
                let newer = width - older;
                if newer < SIDE_MIN {
                    return false;
                }
                if older >= SIDE_MIN {
                    let difference = (older_sum / older - (self.sum - older_sum) / newer).abs();
                    let sides = 1.0 / (older - SIDE_MIN + 1.0) + 1.0 / (newer - SIDE_MIN + 1.0);
                    // difference > sqrt(2 sides variance confidence) + 2/3 confidence sides, without the root.
                    let excess = difference - 2.0 / 3.0 * confidence * sides;
                    if excess > 0.0 && excess * excess > 2.0 * sides * variance * confidence {
                        return true;
                    }
                }
            }
        }
        false
    }

    fn drop_oldest(&mut self) {
        let last = self.rows.len().saturating_sub(1);
        if let Some(row) = self.rows.get_mut(last) {
            row.drop_oldest(1);
            self.width -= 1 << last;
        }
        while self.rows.last().is_some_and(|row| row.length == 0) {
            self.rows.pop();
        }
        self.sum_up();
    }

    /// Makes the sums anew from the buckets.
    fn sum_up(&mut self) {
        let (mut size_all, mut sum_all, mut squares_all) = (0.0, 0.0, 0.0);
        for (at, row) in self.rows.iter().enumerate().rev() {
            let size = bucket_size(at);
            for (&sum, &squares) in row.sums.iter().zip(&row.squares).take(row.length) {
                if size_all > 0.0 {
                    squares_all += between(size_all, sum_all, size, sum);
                }
                size_all += size;
                sum_all += sum;
                squares_all += squares;
            }
        }
        self.sum = sum_all;
        self.squares = squares_all;
    }
}

impl DriftDetector for Adwin {
    fn learn(&mut self, value: f64) -> State {
        match self.add(value) {
            Change::None => State::Stable,
            Change::Fall if self.rise_only => State::Stable,
            Change::Rise | Change::Fall => State::Drift,
        }
    }

    fn reset(&mut self) {
        self.since_check = 0;
        self.width = 0;
        self.sum = 0.0;
        self.squares = 0.0;
        self.rows.clear();
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.rows.capacity() * size_of::<Row>()
    }
}

impl Snapshot for Adwin {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(u64::from(self.since_check));
        out.float(self.sum);
        out.float(self.squares);
        out.unsigned(self.rows.len() as u64);
        for (at, row) in self.rows.iter().enumerate() {
            out.unsigned(row.length as u64);
            for (&sum, &squares) in row.sums.iter().zip(&row.squares).take(row.length) {
                out.float(sum);
                if at > 0 {
                    out.float(squares);
                }
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("adwin");
        from.version(1)?;
        self.reset();
        let since_check = from.unsigned()?;
        if since_check >= u64::from(self.clock) {
            return Err(from.invalid(format!("{since_check} numbers since the last check")));
        }
        self.since_check = since_check as u32;
        self.sum = from.finite()?;
        self.squares = from.finite_not_negative()?;
        let possible = |sum: f64, squares: f64, size: f64| {
            sum.abs() <= 2.0 * LIMIT * size && squares <= 8.0 * LIMIT * LIMIT * size
        };
        let rows = from.length(1)?;
        if rows > ROWS_MAX {
            return Err(from.invalid(format!("{rows} rows of buckets, at most {ROWS_MAX} belong")));
        }
        for at in 0..rows {
            let length = from.unsigned()?;
            if length > BUCKETS as u64 || length == 0 {
                return Err(from.invalid(format!("{length} buckets in a row where 1 to {BUCKETS} belong")));
            }
            let mut row = Row::default();
            for _ in 0..length {
                let sum = from.finite()?;
                let squares = if at > 0 { from.finite_not_negative()? } else { 0.0 };
                if !possible(sum, squares, bucket_size(at)) {
                    return Err(from.invalid(format!("a bucket of 2^{at} numbers with the sum {sum}")));
                }
                row.push(sum, squares);
                self.width += 1 << at;
            }
            self.rows.push(row);
        }
        if !possible(self.sum, self.squares, self.width as f64) {
            return Err(from.invalid(format!("the sum {} of {} numbers", self.sum, self.width)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use proptest::prelude::*;

    fn detector(given: &[(&str, crate::params::ParamValue)]) -> Adwin {
        let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Adwin::with_values(&Values::new("adwin", ENTRY.params, &given).unwrap())
    }

    #[test]
    fn a_model_that_becomes_better_is_no_drift_where_only_a_rise_is() {
        let mut random = Random::new(1);
        let mut any = detector(&[]);
        let mut rise = detector(&[("alarm_on", crate::params::ParamValue::Text("rise".into()))]);
        let mut alarms = (0, 0);
        for event in 0..6000 {
            // The share of errors falls from a half to a tenth, and rises again.
            let share = if (2000..4000).contains(&event) { 0.1 } else { 0.5 };
            let error = f64::from(random.unit() < share);
            alarms.0 += usize::from(any.learn(error) == State::Drift);
            alarms.1 += usize::from(rise.learn(error) == State::Drift);
            if event == 3999 {
                assert_eq!(alarms.1, 0);
                assert!(alarms.0 > 0 && rise.width() <= 2050 && rise.mean() < 0.15);
            }
        }
        assert!(alarms.1 > 0 && alarms.0 > alarms.1, "{alarms:?}");
    }

    #[test]
    fn false_alarms_are_rarer_than_delta_and_the_window_takes_little_memory() {
        let mut random = Random::new(2);
        let mut adwin = Adwin::new(0.05);
        let alarms = (0..100_000).filter(|_| adwin.learn(random.normal()) == State::Drift).count();
        // 3,125 checks.
        assert!(alarms < 30, "{alarms}");
        assert!(adwin.memory_bytes() < 3000, "{}", adwin.memory_bytes());
    }

    #[test]
    fn nothing_of_a_huge_value_stays_behind() {
        let mut adwin = Adwin::new(0.002);
        (0..100).for_each(|_| _ = adwin.add(1e99));
        (0..1000).for_each(|event| _ = adwin.add(f64::from(event % 2)));
        assert_eq!((adwin.mean() * 1000.0).round(), 500.0);
        assert_eq!((adwin.variance() * 1000.0).round(), 250.0);
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_latest_numbers(
            numbers in prop::collection::vec(-100.0..100.0f64, 1..400), jump in 100.0..1000.0f64,
        ) {
            let mut adwin = Adwin::new(0.01);
            let mut seen = Vec::new();
            for (at, number) in numbers.iter().enumerate() {
                let number = if at > 200 { number + jump } else { *number };
                seen.push(number);
                adwin.add(number);
                let window = &seen[seen.len() - adwin.width() as usize..];
                let mean = window.iter().sum::<f64>() / window.len() as f64;
                let variance = window.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / window.len() as f64;
                prop_assert!((adwin.mean() - mean).abs() < 1e-9);
                prop_assert!((adwin.variance() - variance).abs() < 1e-6);
            }
        }
    }
}

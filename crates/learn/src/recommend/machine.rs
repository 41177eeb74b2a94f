//! A factorisation machine: a weight for each id, and a vector for each id whose products with the others' are weights of
//! pairs. With fields, each id has a vector for each field of its partners.
//!
//! Everything learnt is a normal distribution of its own, a mean and a variance; an event moves each mean by how unsure it
//! is and shrinks its variance (a Kalman filter whose matrix is diagonal). So there is no learning rate, an id that is new
//! learns fast, and one that is known well is steady.

use super::inputs::{Active, Inputs};
use super::table::{Place, Table};
use crate::dump;
use crate::features::{Row, Schema};
use crate::lanes::{LANES, Lanes};
use crate::model::Contributions;
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::random::Random;
use crate::snapshot::{Reader, SnapshotError, Writer};
use std::cell::RefCell;
use std::fmt::Write;

pub(super) const FACTORS: Param = Param {
    name: "factors",
    kind: ParamKind::Integer { min: 1, max: 512, default: 8 },
    doc: "Numbers in each vector. More tell finer tastes apart, and need more events.",
    default_from: "Between libffm's 4 and River's 10; a multiple of 4 wastes nothing.",
};

pub(super) const DRIFT: Param = Param {
    name: "drift",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.003 },
    doc: "How much of its variance before all events an id wins back with each event that it comes with. More follows \
          change faster.",
    default_from: "Best of 0, 0.001, 0.003, 0.01 on MovieLens-100k.",
};

/// More fields than this are refused where each id has a vector for each.
const FIELDS_MAX: usize = 100;
/// Deviation of the first vectors, in deviations of what they may be.
const START: f64 = 0.15;
/// What the intercept wins back of its variance.
const INTERCEPT_DRIFT: f64 = 1e-5;
/// Means, slopes and curvatures are kept within these.
const MEAN_MAX: f64 = 1e3;
const SLOPE_MAX: f64 = 1e9;

/// How far weights and interactions may go before anything is learnt: variances of their sums over a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prior {
    pub(super) intercept: f64,
    pub(super) weights: f64,
    pub(super) interactions: f64,
}

/// How a loss falls: by how much with the function's value, and how that changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) slope: f64,
    pub(super) curvature: f64,
}

#[derive(Clone, Debug, Default)]
struct Scratch {
    active: Vec<Active>,
    /// Sums over the ids of a row, four factors at a time.
    sums: Vec<Lanes>,
    /// Derivatives of the function with respect to vectors, in the order of ids and factors.
    slopes: Vec<Lanes>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    inputs: Inputs,
    table: Table,
    /// Fields that have vectors of their own; 1 where an id has one vector for all.
    fields: usize,
    factors: usize,
    /// Factors in fours.
    chunks: usize,
    drift: f64,
    seed: u64,
    /// Variances before anything is learnt: of the intercept, of a weight, of a factor.
    variances: [f64; 3],
    /// Mean and variance of the intercept.
    intercept: [f64; 2],
    /// For each id: mean and variance of its weight and two numbers unused; then for each field and each four factors their
    /// means, and their variances.
    rows: Vec<Lanes>,
    scratch: RefCell<Scratch>,
}

impl Machine {
    /// `aware`: whether each id has a vector for each field of its partners.
    pub(super) fn new(
        owner: &str,
        schema: &Schema,
        values: &Values,
        prior: Prior,
        aware: bool,
        seed: u64,
    ) -> Result<Self, ParamError> {
        let inputs = Inputs::new(schema);
        let all = inputs.fields();
        if aware && all > FIELDS_MAX {
            return Err(ParamError::Features {
                owner: format!("model `{owner}`"),
                reason: format!(
                    "{all} fields are more than {FIELDS_MAX}; take fewer, or a factorization machine that is not field-aware"
                ),
            });
        }
        let factors = values.integer(&FACTORS) as usize;
        let pairs = (all * all.saturating_sub(1) / 2).max(1) as f64;
        let variances = [
            prior.intercept,
            prior.weights / all.max(1) as f64,
            (prior.interactions / (pairs * factors as f64)).sqrt(),
        ];
        Ok(Machine {
            inputs,
            table: Table::new(values),
            fields: if aware { all.max(1) } else { 1 },
            factors,
            chunks: factors.div_ceil(LANES),
            drift: values.number(&DRIFT),
            seed,
            variances,
            intercept: [0.0, prior.intercept],
            rows: Vec::new(),
            scratch: RefCell::default(),
        })
    }

    /// Fours of numbers for an id.
    fn width(&self) -> usize {
        1 + 2 * self.fields * self.chunks
    }

    /// The means and variances of an id's vector for partners of a field, each four factors' in turn.
    #[inline]
    fn vector(&self, of: Active, field: usize) -> &[Lanes] {
        let field = if self.fields == 1 { 0 } else { field };
        &self.rows[of.place * self.width() + 1 + 2 * self.chunks * field..][..2 * self.chunks]
    }

    /// The value of the function.
    pub(super) fn value(&self, row: Row<'_>) -> f64 {
        let mut scratch = self.scratch.borrow_mut();
        let Scratch { active, sums, .. } = &mut *scratch;
        self.inputs.find(row, &self.table, active);
        self.forward(active, sums)
    }

    fn forward(&self, active: &[Active], sums: &mut Vec<Lanes>) -> f64 {
        let width = self.width();
        let weights: f64 = active.iter().map(|of| self.rows[of.place * width].get(0) * of.value).sum();
        let pairs = if self.fields == 1 { self.pairs(active, sums) } else { self.pairs_of_fields(active) };
        self.intercept[0] + weights + pairs
    }

    /// Half of the square of the sum without the squares: each pair once, in time that grows with the ids alone.
    fn pairs(&self, active: &[Active], sums: &mut Vec<Lanes>) -> f64 {
        sums.clear();
        let mut pairs = Lanes::default();
        for chunk in 0..self.chunks {
            let (mut sum, mut squares) = (Lanes::default(), Lanes::default());
            for &of in active {
                let part = self.vector(of, 0)[2 * chunk] * of.value;
                sum += part;
                squares += part * part;
            }
            pairs += sum * sum - squares;
            sums.push(sum);
        }
        0.5 * pairs.sum()
    }

    fn pairs_of_fields(&self, active: &[Active]) -> f64 {
        let mut pairs = 0.0;
        for (at, &one) in active.iter().enumerate() {
            for &other in &active[at + 1..] {
                let (ones, others) = (self.vector(one, other.field), self.vector(other, one.field));
                let mut sum = Lanes::default();
                for (one, other) in ones.chunks_exact(2).zip(others.chunks_exact(2)) {
                    sum += one[0] * other[0];
                }
                pairs += sum.sum() * (one.value * other.value);
            }
        }
        pairs
    }

    /// Learns an event; `step` says what its loss asks for at the function's value.
    pub(super) fn learn(&mut self, row: Row<'_>, weight: f64, step: impl FnOnce(f64) -> Step) {
        let mut scratch = std::mem::take(self.scratch.get_mut());
        self.admit(row, weight, &mut scratch.active);
        let value = self.forward(&scratch.active, &mut scratch.sums);
        let Step { slope, curvature } = step(value);
        let slope = slope.clamp(-SLOPE_MAX, SLOPE_MAX);
        let unsure = self.derive(&mut scratch);
        let share = 1.0 / (1.0 + curvature * unsure);
        self.update(&scratch, slope * share, curvature * share);
        *self.scratch.get_mut() = scratch;
    }

    /// Gives the row's ids places, forgets one that has expired.
    fn admit(&mut self, row: Row<'_>, weight: f64, active: &mut Vec<Active>) {
        let width = self.width();
        if let Some(expired) = self.table.begin() {
            let last = self.rows.len() - width;
            self.rows.copy_within(last.., expired * width);
            self.rows.truncate(last);
        }
        let Machine { inputs, table, rows, chunks, factors, variances, seed, .. } = self;
        let begin = |id: u64, place: Place| match place {
            Place::Known(place) => Some(place),
            Place::Refused => None,
            Place::Added(place) | Place::Replaced(place) => {
                rows.resize(rows.len().max((place + 1) * width), Lanes::default());
                start(&mut rows[place * width..][..width], *chunks, *factors, variances, *seed ^ id);
                Some(place)
            }
        };
        inputs.learn(row, weight, table, begin, active);
    }

    /// Leaves the derivatives with respect to the vectors in the scratch memory; returns how unsure the value is.
    fn derive(&self, scratch: &mut Scratch) -> f64 {
        let Scratch { active, sums, slopes } = scratch;
        let width = self.width();
        let mut unsure = self.intercept[1];
        for of in active.iter() {
            unsure += self.rows[of.place * width].get(1) * (of.value * of.value);
        }
        slopes.clear();
        let vectors = match self.fields {
            1 => self.derive_plain(active, sums, slopes),
            _ => self.derive_fields(active, slopes),
        };
        unsure + vectors
    }

    fn derive_plain(&self, active: &[Active], sums: &[Lanes], slopes: &mut Vec<Lanes>) -> f64 {
        let mut unsure = Lanes::default();
        for &of in active {
            let value = Lanes::splat(of.value);
            for (vector, &sum) in self.vector(of, 0).chunks_exact(2).zip(sums) {
                let slope = value * (sum - value * vector[0]);
                unsure += vector[1] * (slope * slope);
                slopes.push(slope);
            }
        }
        // Both vectors of a pair are unsure.
        for chunk in 0..self.chunks {
            let (mut sum, mut squares) = (Lanes::default(), Lanes::default());
            for &of in active {
                let part = self.vector(of, 0)[2 * chunk + 1] * (of.value * of.value);
                sum += part;
                squares += part * part;
            }
            unsure += (sum * sum - squares) * 0.5;
        }
        unsure.sum().max(0.0)
    }

    /// Derivatives for each id and each field that a partner of it has.
    fn derive_fields(&self, active: &[Active], slopes: &mut Vec<Lanes>) -> f64 {
        let each = self.fields * self.chunks;
        slopes.resize(active.len() * each, Lanes::default());
        let mut unsure = Lanes::default();
        for (at, &one) in active.iter().enumerate() {
            for (behind, &other) in active[at + 1..].iter().enumerate() {
                let product = one.value * other.value;
                let (ones, others) = (self.vector(one, other.field), self.vector(other, one.field));
                let (of_one, of_other) = (
                    at * each + other.field * self.chunks,
                    (at + 1 + behind) * each + one.field * self.chunks,
                );
                for (chunk, (one, other)) in ones.chunks_exact(2).zip(others.chunks_exact(2)).enumerate() {
                    slopes[of_one + chunk] += other[0] * product;
                    slopes[of_other + chunk] += one[0] * product;
                    unsure += one[1] * other[1] * (product * product);
                }
            }
        }
        for (&of, slopes) in active.iter().zip(slopes.chunks_exact(each)) {
            for (field, slopes) in slopes.chunks_exact(self.chunks).enumerate() {
                for (vector, &slope) in self.vector(of, field).chunks_exact(2).zip(slopes) {
                    unsure += vector[1] * (slope * slope);
                }
            }
        }
        unsure.sum()
    }

    /// Moves every mean by how unsure it is, and makes it surer.
    fn update(&mut self, scratch: &Scratch, slope: f64, curvature: f64) {
        let width = self.width();
        let [mean, variance] = &mut self.intercept;
        *mean = (*mean + *variance * slope).clamp(-MEAN_MAX, MEAN_MAX);
        *variance -= *variance * *variance * curvature;
        *variance = (*variance + INTERCEPT_DRIFT * self.variances[0]).min(self.variances[0]);
        let [_, most, most_factor] = self.variances;
        let (back, back_factor) = (self.drift * most, Lanes::splat(self.drift * most_factor));
        let (reach, most_factor) = (Lanes::splat(MEAN_MAX), Lanes::splat(most_factor));
        let each = self.fields * self.chunks;
        for (number, &of) in scratch.active.iter().enumerate() {
            let row = &mut self.rows[of.place * width..][..width];
            let (head, vectors) = row.split_at_mut(1);
            let (mean, variance, value) = (head[0].get(0), head[0].get(1), of.value);
            head[0].set(0, (mean + variance * value * slope).clamp(-MEAN_MAX, MEAN_MAX));
            let left = variance - variance * variance * (value * value) * curvature;
            head[0].set(1, (left.max(0.0) + back).min(most));
            let slopes = &scratch.slopes[number * each..][..each];
            for (vector, &derived) in vectors.chunks_exact_mut(2).zip(slopes) {
                let (mean, variance) = (vector[0], vector[1]);
                let gain = variance * derived;
                vector[0] = (mean + gain * slope).within(reach);
                let left = (variance - gain * gain * curvature).max(Lanes::default());
                // A factor that only fills up a four has no variance, and wins none back.
                let back = left.with(back_factor, |left, back| if left > 0.0 { back } else { 0.0 });
                vector[1] = (left + back).min(most_factor);
            }
        }
    }
}

/// What is known of a new id: the vectors are drawn by the id itself, so that the order in which ids come does not matter.
fn start(row: &mut [Lanes], chunks: usize, factors: usize, variances: &[f64; 3], seed: u64) {
    row.fill(Lanes::default());
    row[0].set(1, variances[1]);
    let mut random = Random::of_part(seed, 0);
    let deviation = START * variances[2].sqrt();
    for vector in row[1..].chunks_exact_mut(2 * chunks) {
        for factor in 0..factors {
            let (four, lane) = (factor / LANES, factor % LANES);
            vector[2 * four].set(lane, deviation * random.normal());
            vector[2 * four + 1].set(lane, variances[2]);
        }
    }
}

impl Machine {
    /// What each feature adds; of an interaction each of both gets a half.
    pub(super) fn explain(&self, row: Row<'_>, out: &mut Contributions) {
        out.clear(row);
        out.base = self.intercept[0];
        let mut scratch = self.scratch.borrow_mut();
        let Scratch { active, sums, slopes } = &mut *scratch;
        self.inputs.find(row, &self.table, active);
        self.forward(active, sums);
        slopes.clear();
        match self.fields {
            1 => self.derive_plain(active, sums, slopes),
            _ => self.derive_fields(active, slopes),
        };
        let width = self.width();
        let each = self.fields * self.chunks;
        for (&of, slopes) in active.iter().zip(slopes.chunks_exact(each)) {
            let row = &self.rows[of.place * width..][..width];
            let mut product = Lanes::default();
            for (vector, &slope) in row[1..].chunks_exact(2).zip(slopes) {
                product += vector[0] * slope;
            }
            let part = row[0].get(0) * of.value + 0.5 * product.sum();
            let parts = [&mut out.numeric, &mut out.categories, &mut out.sparse];
            let mut place = of.origin;
            for values in parts {
                if let Some(value) = values.get_mut(place) {
                    *value = part;
                    break;
                }
                place -= values.len();
            }
        }
    }

    pub(super) fn dump(&self, schema: &Schema, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} ids, {} factors; weights:", self.table.len(), self.factors);
        let mut named = vec![("(intercept)".to_owned(), self.intercept[0])];
        let weight = |(place, id): (usize, u64)| {
            let at = self.table.find(id)?;
            Some((dump::feature_name(schema, place), self.rows[at * self.width()].get(0)))
        };
        named.extend(self.inputs.numeric_ids().filter_map(weight));
        let numbers: Vec<u64> = self.inputs.numeric_ids().map(|(_, id)| id).collect();
        for (place, id) in self.table.ids().enumerate().filter(|(_, id)| !numbers.contains(id)) {
            named.push((format!("id {id:016x}"), self.rows[place * self.width()].get(0)));
        }
        dump::weights(named, out);
    }

    /// Heap bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let scratch = self.scratch.borrow();
        self.rows.capacity() * size_of::<Lanes>()
            + self.table.memory_bytes()
            + self.inputs.memory_bytes()
            + scratch.active.capacity() * size_of::<Active>()
            + (scratch.sums.capacity() + scratch.slopes.capacity()) * size_of::<Lanes>()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.inputs.save(out);
        out.floats(&self.intercept);
        self.table.save(out);
        out.unsigned((self.fields * self.factors) as u64);
        for row in self.rows.chunks_exact(self.width()) {
            out.float(row[0].get(0));
            out.float(row[0].get(1));
            for vector in row[1..].chunks_exact(2 * self.chunks) {
                for of in 0..2 {
                    (0..self.factors).for_each(|at| out.float(vector[2 * (at / LANES) + of].get(at % LANES)));
                }
            }
        }
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.rows.clear();
        self.inputs.load(from)?;
        from.floats_into(&mut self.intercept)?;
        self.intercept =
            [mean(self.intercept[0], from)?, variance(self.intercept[1], self.variances[0], from)?];
        self.table.load(from)?;
        from.expect_length(self.fields * self.factors, "factors")?;
        let bytes_each = 16 + 16 * self.fields * self.factors;
        if self.table.len().saturating_mul(bytes_each) > from.remaining() {
            return Err(from.invalid("there are more ids than there is of them"));
        }
        self.rows.resize(self.table.len() * self.width(), Lanes::default());
        let width = self.width();
        for row in self.rows.chunks_exact_mut(width) {
            row[0].set(0, mean(from.float()?, from)?);
            row[0].set(1, variance(from.float()?, self.variances[1], from)?);
            for vector in row[1..].chunks_exact_mut(2 * self.chunks) {
                for at in 0..self.factors {
                    vector[2 * (at / LANES)].set(at % LANES, mean(from.float()?, from)?);
                }
                for at in 0..self.factors {
                    let value = variance(from.float()?, self.variances[2], from)?;
                    vector[2 * (at / LANES) + 1].set(at % LANES, value);
                }
            }
        }
        Ok(())
    }
}

fn mean(value: f64, from: &Reader<'_>) -> Result<f64, SnapshotError> {
    match value.abs() <= MEAN_MAX {
        true => Ok(value),
        false => Err(from.invalid("a mean that cannot be")),
    }
}

fn variance(value: f64, most: f64, from: &Reader<'_>) -> Result<f64, SnapshotError> {
    match (0.0..=most).contains(&value) {
        true => Ok(value),
        false => Err(from.invalid("a variance that cannot be")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::category;
    use crate::recommend::table::{ADMISSION, EXPIRY, IDS_MAX};

    const PRIOR: Prior = Prior { intercept: 0.1, weights: 0.4, interactions: 0.15 };

    fn machine(aware: bool) -> Machine {
        let names =
            |prefix: &str, count: usize| (0..count).map(|at| format!("{prefix}{at}").into()).collect();
        let schema = Schema { numeric: names("x", 2), categories: names("c", 2), sparse_size: 3 };
        let given = [("factors".to_owned(), crate::params::ParamValue::Integer(6))];
        let values = Values::new("machine", &[FACTORS, DRIFT, IDS_MAX, ADMISSION, EXPIRY], &given).unwrap();
        Machine::new("machine", &schema, &values, PRIOR, aware, 3).unwrap()
    }

    fn with_row<T>(event: u8, then: impl FnOnce(Row<'_>) -> T) -> T {
        let numeric = [f64::from(event % 5), 1.0 - f64::from(event % 3)];
        let categories = [category(&[event % 4]), category(&[event % 7])];
        then(Row { numeric: &numeric, categories: &categories, sparse: &[(u32::from(event % 3), 0.5)] })
    }

    fn taught(aware: bool) -> Machine {
        let mut machine = machine(aware);
        for event in 0..200 {
            with_row(event, |row| {
                machine.learn(row, 1.0, |value| Step { slope: f64::from(event % 4) - value, curvature: 1.0 });
            });
        }
        machine
    }

    /// The number of a factor of a feature in the rows.
    fn at(machine: &Machine, of: Active, field: usize, factor: usize) -> (usize, usize) {
        let vector = if machine.fields == 1 { 0 } else { 2 * machine.chunks * field };
        (of.place * machine.width() + 1 + vector + 2 * (factor / LANES), factor % LANES)
    }

    #[test]
    fn the_value_is_the_sum_over_all_pairs() {
        for aware in [false, true] {
            let machine = taught(aware);
            with_row(9, |row| {
                let value = machine.value(row);
                let active = machine.scratch.borrow().active.clone();
                assert_eq!(active.len(), 5);
                let factor = |of: Active, field, factor| {
                    let (row, lane) = at(&machine, of, field, factor);
                    machine.rows[row].get(lane)
                };
                let mut sum = machine.intercept[0];
                for (number, &one) in active.iter().enumerate() {
                    sum += machine.rows[one.place * machine.width()].get(0) * one.value;
                    for &other in &active[..number] {
                        let product: f64 =
                            (0..6).map(|k| factor(one, other.field, k) * factor(other, one.field, k)).sum();
                        sum += product * one.value * other.value;
                    }
                }
                assert!((value - sum).abs() < 1e-12, "{value} {sum}");
            });
        }
    }

    #[test]
    fn derivatives_are_those_of_the_value() {
        for aware in [false, true] {
            let mut machine = taught(aware);
            let mut scratch = Scratch::default();
            with_row(9, |row| {
                machine.inputs.find(row, &machine.table, &mut scratch.active);
                machine.forward(&scratch.active, &mut scratch.sums);
                machine.derive(&mut scratch);
                let each = machine.fields * machine.chunks;
                for (number, &of) in scratch.active.iter().enumerate() {
                    for (field, factor) in
                        (0..machine.fields).flat_map(|field| (0..6).map(move |k| (field, k)))
                    {
                        let (place, lane) = at(&machine, of, field, factor);
                        let before = machine.rows[place].get(lane);
                        let mut values = [0.0; 2];
                        for (value, step) in values.iter_mut().zip([-1e-6, 1e-6]) {
                            machine.rows[place].set(lane, before + step);
                            *value = machine.value(row);
                        }
                        machine.rows[place].set(lane, before);
                        let slope = scratch.slopes[number * each + field * machine.chunks + factor / LANES];
                        let found = (values[1] - values[0]) / 2e-6;
                        assert!((found - slope.get(lane)).abs() < 1e-6, "{found} {slope:?}");
                    }
                }
            });
        }
    }

    #[test]
    fn ids_that_expire_take_nothing_of_the_others_with_them() {
        let given = [("expiry_events".to_owned(), crate::params::ParamValue::Integer(3))];
        let values = Values::new("machine", &[FACTORS, DRIFT, IDS_MAX, ADMISSION, EXPIRY], &given).unwrap();
        let schema = Schema { categories: vec!["c".into()], ..Schema::default() };
        let mut machine = Machine::new("machine", &schema, &values, PRIOR, false, 3).unwrap();
        let value = |machine: &Machine, id| machine.value(Row { categories: &[id], ..Row::default() });
        for event in 0..40u64 {
            // First ids 1 to 4, then the last alone.
            let id = if event < 20 { 1 + event % 4 } else { 4 };
            machine.learn(Row { categories: &[id], ..Row::default() }, 1.0, |value| Step {
                slope: id as f64 - value,
                curvature: 1.0,
            });
        }
        assert_eq!((machine.table.len(), machine.rows.len()), (1, machine.width()));
        assert_eq!(value(&machine, 1), machine.intercept[0]);
        assert!(value(&machine, 4) > 3.0, "{}", value(&machine, 4));
    }
}

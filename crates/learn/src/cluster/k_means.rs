//! k-means over a stream that moves.
#![doc = include_str!("k_means.md")]

use crate::dump;
use crate::features::{Row, Schema};
use crate::lanes::{LANES, Lanes};
use crate::model::{AnyModel, Assignment, Clusterer, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const CLUSTERS: Param = Param {
    name: "clusters",
    kind: ParamKind::Integer { min: 1, max: 10_000, default: 5 },
    doc: "Number of clusters.",
    default_from: "River's default.",
};

const HALF_LIFE: Param = Param {
    name: "half_life_events",
    kind: ParamKind::Number { min: 1.0, max: 1e12, default: 10_000.0 },
    doc: "Events after which an old event counts half. Larger is steadier, smaller follows change faster.",
    default_from: "Some 3,000 events for each of 5 clusters: their means are then good to 2 % of a deviation.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "k_means",
    task: Task::Clustering,
    summary: "Groups events around centres that follow the stream.",
    doc: include_str!("k_means.md"),
    meaning_version: 1,
    params: &[CLUSTERS, HALF_LIFE],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Clusterer(Box::new(KMeans::new(schema, values)?))),
};

/// More features (numeric and sparse) than this are refused: each is a number in every centre.
pub const FEATURES_MAX: usize = 10_000;
/// Larger values count as missing, so that squares and their sums stay finite.
const LIMIT: f64 = 1e100;
/// An event further from its centre than this many typical distances pulls as one at this distance.
const REACH: f64 = 30.0;
/// Events for each cluster between two looks at what could be merged and split.
const REVIEW_EVENTS: u64 = 16;
/// A split must gain this many times what the merge costs.
const GAIN_MIN: f64 = 2.0;
/// A part of a cluster must have this mass to become a cluster.
const PART_MASS_MIN: f64 = 5.0;
/// A cluster whose mass has faded below this is free to be used elsewhere.
const MASS_MIN: f64 = 0.01;

/// A centre and the fading number of events behind it.
#[derive(Clone, Debug, Default)]
struct Part {
    mass: f64,
    /// Empty until the first event.
    centre: Vec<f64>,
}

/// A cluster and, inside it, two parts that are kept in case it is to be split.
#[derive(Clone, Debug, Default)]
struct Cluster {
    whole: Part,
    parts: [Part; 2],
    /// Fading mean of squared distances.
    distance_square: f64,
}

/// See the module.
///
/// ```
/// use streamfold_learn::cluster::k_means::{ENTRY, KMeans};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Clusterer;
/// use streamfold_learn::params::ParamValue;
///
/// let schema = Schema { numeric: vec!["celsius".into()], ..Schema::default() };
/// let mut model = KMeans::new(&schema, &ENTRY.values(&[("clusters".into(), ParamValue::Integer(2))])?)?;
/// for celsius in [20.0, 90.0, 21.0, 91.0, 19.0, 89.0] {
///     model.learn(Row { numeric: &[celsius], ..Row::default() }, 1.0);
/// }
/// let answer = model.predict(Row { numeric: &[87.0], ..Row::default() });
/// assert_eq!((answer.cluster, answer.distance.round()), (1, 3.0));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KMeans {
    numeric_length: usize,
    size: usize,
    clusters_max: usize,
    /// What a mass keeps with each event.
    keep: f64,
    clusters: Vec<Cluster>,
    /// Events until the next review.
    review_in: u64,
    /// The event being learnt, missing ones NaN. Not state.
    point: Vec<f64>,
}

impl KMeans {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let size = schema.numeric.len() + schema.sparse_size as usize;
        if size > FEATURES_MAX {
            return Err(ParamError::Features {
                owner: format!("model `{}`", ENTRY.name),
                reason: format!(
                    "{size} of them (numeric and sparse) are more than {FEATURES_MAX}; take fewer"
                ),
            });
        }
        let clusters_max = values.integer(&CLUSTERS) as usize;
        Ok(KMeans {
            numeric_length: schema.numeric.len(),
            size,
            clusters_max,
            keep: libm::exp2(-1.0 / values.number(&HALF_LIFE)),
            clusters: Vec::new(),
            review_in: REVIEW_EVENTS * clusters_max as u64,
            point: vec![0.0; size],
        })
    }

    /// The centres, by number of cluster; fewer than asked for until as many distinct events have been seen.
    pub fn centres(&self) -> impl Iterator<Item = &[f64]> {
        self.clusters.iter().map(|cluster| cluster.whole.centre.as_slice())
    }

    /// Squared distance of a row from a centre.
    fn distance_square(&self, centre: &[f64], row: Row<'_>) -> f64 {
        let (numeric, sparse) = centre.split_at(self.numeric_length);
        let (mut squares, mut there) = (Lanes::default(), Lanes::default());
        for (values, centres) in row.numeric.chunks(LANES).zip(numeric.chunks(LANES)) {
            let (values, centres) = (Lanes::of(values), Lanes::of(centres));
            let difference =
                values.with(centres, |value, is| if value.abs() <= LIMIT { value - is } else { 0.0 });
            squares += difference * difference;
            there += values.map(|value| if value.abs() <= LIMIT { 1.0 } else { 0.0 });
        }
        let mut sum = squares.sum();
        let there = there.sum() + sparse.len() as f64;
        let mut next = row.sparse.iter().peekable();
        for (index, &centre) in sparse.iter().enumerate() {
            let value =
                next.next_if(|(at, _)| *at as usize == index).map_or(0.0, |&(_, value)| present(value));
            sum += (value - centre) * (value - centre);
        }
        let size = self.size as f64;
        if there == size || there == 0.0 { sum } else { sum * (size / there) }
    }

    /// Nearest and second nearest cluster with their squared distances.
    fn nearest(&self, row: Row<'_>) -> Option<(usize, f64, f64)> {
        let mut nearest: Option<(usize, f64, f64)> = None;
        for (number, cluster) in self.clusters.iter().enumerate() {
            let distance = self.distance_square(&cluster.whole.centre, row);
            nearest = Some(match nearest {
                None => (number, distance, f64::NAN),
                Some((_, first, _)) if distance < first => (number, distance, first),
                Some((at, first, second)) if second.is_nan() || distance < second => (at, first, distance),
                Some(other) => other,
            });
        }
        nearest
    }

    /// Makes the row dense in `self.point`; false where nothing of it is there.
    fn fill_point(&mut self, row: Row<'_>) -> bool {
        let (numeric, sparse) = self.point.split_at_mut(self.numeric_length);
        let mut there = !sparse.is_empty();
        for (slot, &value) in numeric.iter_mut().zip(row.numeric) {
            *slot = if value.abs() <= LIMIT { value } else { f64::NAN };
            there |= !slot.is_nan();
        }
        sparse.fill(0.0);
        for &(index, value) in row.sparse {
            if let Some(slot) = sparse.get_mut(index as usize) {
                *slot = present(value);
            }
        }
        there
    }

    /// Looks whether two clusters are better made one and another two.
    fn review(&mut self) {
        for cluster in &mut self.clusters {
            cluster.drop_faint_part();
        }
        let Some((free, into, cost)) = self.cheapest_merge() else { return };
        let gains = self.clusters.iter().enumerate().filter(|(number, _)| *number != free && *number != into);
        let gains = gains.map(|(number, cluster)| (number, cluster.split_gain()));
        let Some((split, gain)) = gains.reduce(|best, next| if next.1 > best.1 { next } else { best }) else {
            return;
        };
        if gain <= 0.0 || gain < GAIN_MIN * cost {
            return;
        }
        let freed = std::mem::take(&mut self.clusters[free]);
        if freed.whole.mass >= MASS_MIN {
            self.clusters[into].absorb(freed);
        }
        let [one, other] = std::mem::take(&mut self.clusters[split].parts);
        let distance_square = self.clusters[split].distance_square;
        self.clusters[split] = Cluster { whole: one, distance_square, ..Cluster::default() };
        self.clusters[free] = Cluster { whole: other, distance_square, ..Cluster::default() };
    }

    /// The cluster that can be given up, the one that takes its events, and what that costs.
    fn cheapest_merge(&self) -> Option<(usize, usize, f64)> {
        if let Some(faded) = self.clusters.iter().position(|cluster| cluster.whole.mass < MASS_MIN) {
            return Some((faded, faded, 0.0));
        }
        let mut cheapest: Option<(usize, usize, f64)> = None;
        for (number, cluster) in self.clusters.iter().enumerate() {
            for (earlier, other) in self.clusters[..number].iter().enumerate() {
                let cost = between(&cluster.whole, &other.whole);
                if cheapest.is_none_or(|(_, _, least)| cost < least) {
                    cheapest = Some((number, earlier, cost));
                }
            }
        }
        cheapest
    }
}

/// The value, 0 where it is missing.
fn present(value: f64) -> f64 {
    if value.abs() <= LIMIT { value } else { 0.0 }
}

/// By how much the sum of squared distances grows where two parts have one centre.
fn between(one: &Part, other: &Part) -> f64 {
    let mass = one.mass + other.mass;
    if mass > 0.0 { one.mass / mass * other.mass * part_distance(&one.centre, &other.centre) } else { 0.0 }
}

/// Squared distance over the coordinates that are not NaN.
fn part_distance(centre: &[f64], point: &[f64]) -> f64 {
    let mut squares = Lanes::default();
    for (centre, point) in centre.chunks(LANES).zip(point.chunks(LANES)) {
        let difference = Lanes::of(centre) - Lanes::of(point);
        squares += (difference * difference).map(|square| if square.is_nan() { 0.0 } else { square });
    }
    squares.sum()
}

impl Part {
    /// Starts at a point; what is missing is taken from `other`, or 0.
    fn start(&mut self, point: &[f64], other: &[f64], weight: f64) {
        self.mass = weight;
        self.centre.clear();
        self.centre.extend_from_slice(point);
        for (number, value) in self.centre.iter_mut().enumerate() {
            if value.is_nan() {
                *value = other.get(number).copied().unwrap_or(0.0);
            }
        }
    }

    /// Moves towards a point, by at most `share` of the way that its weight gives it.
    fn pull(&mut self, point: &[f64], weight: f64, share: f64) {
        self.mass += weight;
        let rate = weight / self.mass * share;
        for (centre, &value) in self.centre.iter_mut().zip(point) {
            if !value.is_nan() {
                *centre += (value - *centre) * rate;
            }
        }
    }
}

impl Cluster {
    fn fade(&mut self, keep: f64) {
        self.whole.mass *= keep;
        self.parts[0].mass *= keep;
        self.parts[1].mass *= keep;
    }

    fn learn(&mut self, point: &[f64], distance_square: f64, weight: f64) {
        let reach = REACH * REACH * self.distance_square;
        let far = reach > 0.0 && distance_square > reach;
        let (seen, share) =
            if far { (reach, (reach / distance_square).sqrt()) } else { (distance_square, 1.0) };
        self.whole.pull(point, weight, share);
        self.distance_square += (seen - self.distance_square) * (weight / self.whole.mass);

        let [one, other] = &mut self.parts;
        if one.centre.is_empty() {
            return one.start(point, &self.whole.centre, weight);
        }
        let from_one = part_distance(&one.centre, point);
        if other.centre.is_empty() {
            if from_one > 0.0 {
                return other.start(point, &self.whole.centre, weight);
            }
            return one.pull(point, weight, share);
        }
        let nearer = if part_distance(&other.centre, point) < from_one { other } else { one };
        nearer.pull(point, weight, share);
    }

    /// A part that has nearly no mass is an outlier: let another event take its place.
    fn drop_faint_part(&mut self) {
        let masses = [self.parts[0].mass, self.parts[1].mass];
        for (number, part) in self.parts.iter_mut().enumerate() {
            if masses[number] * 100.0 < masses[1 - number] {
                part.mass = 0.0;
                part.centre.clear();
            }
        }
    }

    /// By how much the sum of squared distances falls where each part has its own centre.
    fn split_gain(&self) -> f64 {
        let [one, other] = &self.parts;
        if one.mass < PART_MASS_MIN || other.mass < PART_MASS_MIN { 0.0 } else { between(one, other) }
    }

    /// Takes another cluster's events; the two become the parts.
    fn absorb(&mut self, other: Cluster) {
        let mass = self.whole.mass + other.whole.mass;
        let share = other.whole.mass / mass;
        let distance_square = between(&self.whole, &other.whole) / mass
            + self.distance_square * (1.0 - share)
            + other.distance_square * share;
        self.parts = [self.whole.clone(), other.whole.clone()];
        self.distance_square = distance_square;
        self.whole.mass = mass;
        for (centre, from) in self.whole.centre.iter_mut().zip(&other.whole.centre) {
            *centre += (from - *centre) * share;
        }
    }
}

impl Model for KMeans {
    fn memory_bytes(&self) -> usize {
        let cluster = size_of::<Cluster>() + 3 * 8 * self.size;
        size_of::<Self>() + self.clusters.len() * cluster + 8 * self.point.len()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        for (number, cluster) in self.clusters.iter().take(dump::lines(self.clusters.len())).enumerate() {
            out.push_str(&format!("centre {number}, {:.0} events of late:\n", cluster.whole.mass));
            let centre = cluster.whole.centre.iter().enumerate();
            dump::weights(centre.map(|(f, value)| (dump::feature_name(schema, f), *value)).collect(), out);
        }
        dump::rest(self.clusters.len(), out);
    }
}

impl Clusterer for KMeans {
    fn predict(&self, row: Row<'_>) -> Assignment {
        let (cluster, first, second) = self.nearest(row).unwrap_or((0, 0.0, f64::NAN));
        Assignment { cluster, distance: first.sqrt(), second_distance: second.sqrt() }
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !weight.is_finite() || weight <= 0.0 || !self.fill_point(row) {
            return;
        }
        let nearest = self.nearest(row);
        for cluster in &mut self.clusters {
            cluster.fade(self.keep);
        }
        match nearest {
            Some((number, distance, _)) if distance == 0.0 || self.clusters.len() == self.clusters_max => {
                self.clusters[number].learn(&self.point, distance, weight);
            }
            nearest => {
                let mut cluster = Cluster::default();
                let other = nearest.map(|(number, _, _)| self.clusters[number].whole.centre.as_slice());
                cluster.whole.start(&self.point, other.unwrap_or_default(), weight);
                self.clusters.push(cluster);
            }
        }
        self.review_in -= 1;
        if self.review_in == 0 {
            self.review_in = REVIEW_EVENTS * self.clusters_max as u64;
            if self.clusters.len() == self.clusters_max {
                self.review();
            }
        }
    }
}

impl Snapshot for KMeans {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.size as u64);
        out.unsigned(self.review_in);
        out.unsigned(self.clusters.len() as u64);
        for cluster in &self.clusters {
            out.float(cluster.distance_square);
            for part in [&cluster.whole, &cluster.parts[0], &cluster.parts[1]] {
                out.float(part.mass);
                out.floats(&part.centre);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("k_means");
        from.version(1)?;
        from.expect_length(self.size, "features")?;
        self.review_in = from.unsigned()?;
        let review_events = REVIEW_EVENTS * self.clusters_max as u64;
        if self.review_in == 0 || self.review_in > review_events {
            return Err(from.invalid(format!("{} events to the next review", self.review_in)));
        }
        let clusters = from.length(35)?;
        if clusters > self.clusters_max {
            return Err(from.invalid(format!("{clusters} clusters, at most {} belong", self.clusters_max)));
        }
        self.clusters.clear();
        for _ in 0..clusters {
            let distance_square = from.finite_not_negative()?;
            let whole = self.load_part(from, false)?;
            let parts = [self.load_part(from, true)?, self.load_part(from, true)?];
            self.clusters.push(Cluster { whole, parts, distance_square });
        }
        Ok(())
    }
}

impl KMeans {
    fn load_part(&self, from: &mut Reader<'_>, may_be_empty: bool) -> Result<Part, SnapshotError> {
        let mass = from.finite_not_negative()?;
        let centre = from.floats()?;
        let size = centre.len();
        if !(size == self.size || may_be_empty && size == 0)
            || !centre.iter().all(|value| value.abs() <= LIMIT)
        {
            return Err(from.invalid(format!("a centre of {size} coordinates, or one out of reach")));
        }
        Ok(Part { mass, centre })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    fn model(features: usize, clusters: i64, half_life: f64) -> KMeans {
        let schema = Schema { numeric: vec!["x".into(); features], ..Schema::default() };
        let given = [
            ("clusters".to_owned(), ParamValue::Integer(clusters)),
            ("half_life_events".to_owned(), ParamValue::Number(half_life)),
        ];
        KMeans::new(&schema, &ENTRY.values(&given).unwrap()).unwrap()
    }

    fn row(numeric: &[f64]) -> Row<'_> {
        Row { numeric, ..Row::default() }
    }

    /// From -0.5 to 0.5.
    fn noise(number: u64) -> f64 {
        (number * 7919 % 1009) as f64 / 1009.0 - 0.5
    }

    #[test]
    fn the_first_distinct_events_are_the_first_centres() {
        let mut model = model(1, 3, 1000.0);
        for value in [5.0, 5.0, 7.0, 5.0, 9.0] {
            model.learn(row(&[value]), 1.0);
        }
        let centres: Vec<_> = model.centres().collect();
        assert_eq!(centres, [[5.0], [7.0], [9.0]]);
        let answer = model.predict(row(&[8.5]));
        assert_eq!((answer.cluster, answer.distance, answer.second_distance), (2, 0.5, 1.5));
    }

    #[test]
    fn centres_follow_a_stream_that_moves() {
        let mut model = model(1, 2, 200.0);
        for number in 0..20_000u64 {
            let moved = number as f64 / 1000.0;
            model.learn(row(&[if number % 2 == 0 { moved } else { 100.0 - moved } + noise(number)]), 1.0);
        }
        let mut centres: Vec<f64> = model.centres().map(|centre| centre[0]).collect();
        centres.sort_by(f64::total_cmp);
        assert!((centres[0] - 20.0).abs() < 1.0 && (centres[1] - 80.0).abs() < 1.0, "{centres:?}");
    }

    #[test]
    fn a_group_that_vanishes_leaves_no_centre_idle() {
        let mut model = model(1, 3, 500.0);
        for number in 0..3000u64 {
            model.learn(row(&[(number % 3) as f64 * 100.0 + noise(number)]), 1.0);
        }
        // The group at 200 is gone, and the one at 0 has become two.
        let new = [0.0, 100.0, 30.0];
        for number in 0..20_000u64 {
            model.learn(row(&[new[(number % 3) as usize] + noise(number)]), 1.0);
        }
        for value in new {
            assert!(model.predict(row(&[value])).distance < 1.0, "{:?}", model.centres().collect::<Vec<_>>());
        }
    }

    #[test]
    fn missing_features_scale_the_distance_up() {
        let mut model = model(4, 1, 1000.0);
        model.learn(row(&[0.0; 4]), 1.0);
        assert_eq!(model.predict(row(&[3.0, 3.0, 3.0, 3.0])).distance, 6.0);
        assert_eq!(model.predict(row(&[f64::NAN, 3.0, f64::INFINITY, f64::NAN])).distance, 6.0);
        assert_eq!(model.predict(row(&[f64::NAN; 4])).distance, 0.0);
    }

    #[test]
    fn an_absurd_event_does_not_carry_a_centre_away() {
        let mut model = model(1, 2, 1000.0);
        for number in 0..2000u64 {
            model.learn(row(&[(number % 2) as f64 * 10.0 + noise(number)]), 1.0);
        }
        model.learn(row(&[1e90]), 1.0);
        for value in [0.0, 10.0] {
            assert!(model.predict(row(&[value])).distance < 1.0, "{:?}", model.centres().collect::<Vec<_>>());
        }
    }
}

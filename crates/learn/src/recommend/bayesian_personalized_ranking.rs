//! Items that a user would rather take than others, from what was taken alone.
#![doc = include_str!("bayesian_personalized_ranking.md")]

use super::table::{ADMISSION, EXPIRY, IDS_MAX, Place};
use super::users::{HISTORY, ITEMS_MAX, REPEATS, Users, WEIGHT_MAX, admitted, best};
use crate::features::{Row, Schema};
use crate::linear::probability;
use crate::model::{AnyModel, Model, Ranked, Recommender, Task};
use crate::params::{Param, ParamKind, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::fmt::Write;

const FACTORS: Param = Param {
    name: "factors",
    kind: ParamKind::Integer { min: 1, max: 512, default: 16 },
    doc: "Numbers in each vector. More tell finer tastes apart, and need more events.",
    default_from: "Between the 10 to 100 of the paper; more gain nothing on MovieLens-100k.",
};

const NEGATIVES: Param = Param {
    name: "negatives",
    kind: ParamKind::Integer { min: 1, max: 100, default: 10 },
    doc: "How many items that the user has not taken are drawn to compare each taken one with.",
    default_from: "A stream passes once, so each event has to tell more than in the paper, which draws 1.",
};

const DRIFT: Param = Param {
    name: "drift",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.001 },
    doc: "How much of its variance before all events a user or an item wins back with each comparison. More follows change \
          faster.",
    default_from: "Slow: a comparison is drawn by chance, and tells less than a rating.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "bayesian_personalized_ranking",
    task: Task::Recommendation,
    summary: "Recommends by a vector for each user and item, learnt from what was taken rather than what was not.",
    doc: include_str!("bayesian_personalized_ranking.md"),
    meaning_version: 1,
    params: &[FACTORS, NEGATIVES, DRIFT, REPEATS, HISTORY, ITEMS_MAX, IDS_MAX, ADMISSION, EXPIRY],
    classes_max: ClassesMax::Param(&ITEMS_MAX),
    reads_categories: true,
    build: |_schema, values, seed| {
        Ok(AnyModel::Recommender(Box::new(BayesianPersonalizedRanking::new(values, seed))))
    },
};

/// Variances before anything is learnt: of a factor and of an item's bias.
const FACTOR_VARIANCE: f64 = 0.1;
const BIAS_VARIANCE: f64 = 1.0;
/// Deviation of a user's first vector.
const START: f64 = 0.1;
/// Means are kept within this.
const MEAN_MAX: f64 = 1e3;
/// Draws of an item that the user has not taken.
const DRAWS_MAX: usize = 8;

/// Vectors of normal distributions: means and variances, one after the other.
#[derive(Clone, Debug, Default)]
struct Vectors {
    means: Vec<f64>,
    variances: Vec<f64>,
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, category};
/// use streamfold_learn::model::Recommender;
/// use streamfold_learn::recommend::bayesian_personalized_ranking::{BayesianPersonalizedRanking, ENTRY};
///
/// let mut model = BayesianPersonalizedRanking::new(&ENTRY.values(&[])?, 7);
/// // Even users take even items, odd users odd ones; nobody has taken all yet.
/// for event in 0..1800usize {
///     let user = event % 30;
///     let item = (user + 2 * (event / 30 * 7 + user)) % 200;
///     model.learn(Row { categories: &[category(&[user as u8])], ..Row::default() }, item, 1.0);
/// }
/// let mut list = Vec::new();
/// model.recommend(Row { categories: &[category(&[4])], ..Row::default() }, 200, 5, &mut list);
/// assert_eq!(list.iter().filter(|place| place.item % 2 == 0).count(), 4);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BayesianPersonalizedRanking {
    factors: usize,
    negatives: i64,
    drift: f64,
    seed: u64,
    users: Users,
    of_users: Vectors,
    of_items: Vectors,
    biases: Vectors,
    /// Draws the items that are compared.
    random: Random,
}

impl BayesianPersonalizedRanking {
    /// A model that has learnt nothing.
    pub fn new(values: &Values, seed: u64) -> Self {
        BayesianPersonalizedRanking {
            factors: values.integer(&FACTORS) as usize,
            negatives: values.integer(&NEGATIVES),
            drift: values.number(&DRIFT),
            seed,
            users: Users::new(values),
            of_users: Vectors::default(),
            of_items: Vectors::default(),
            biases: Vectors::default(),
            random: Random::of_part(seed, 1),
        }
    }

    fn items(&self) -> usize {
        self.biases.means.len()
    }

    /// New items know nothing: with the first comparison they go where the users' vectors are, so that their own need not be
    /// drawn by the order of their coming.
    fn grow(&mut self, items: usize) {
        if self.items() < items {
            self.biases.means.resize(items, 0.0);
            self.biases.variances.resize(items, BIAS_VARIANCE);
            self.of_items.means.resize(items * self.factors, 0.0);
            self.of_items.variances.resize(items * self.factors, FACTOR_VARIANCE);
        }
    }

    /// The place of the row's user, its vector begun where it is new.
    fn admit(&mut self, row: Row<'_>) -> Option<usize> {
        let factors = self.factors;
        let (expired, come) = self.users.come(row);
        if let Some(expired) = expired {
            for of in [&mut self.of_users.means, &mut self.of_users.variances] {
                let last = of.len() - factors;
                of.copy_within(last.., expired * factors);
                of.truncate(last);
            }
        }
        if let Some((id, Place::Added(user) | Place::Replaced(user))) = come {
            let size = self.of_users.means.len().max((user + 1) * factors);
            self.of_users.means.resize(size, 0.0);
            self.of_users.variances.resize(size, 0.0);
            let mut random = Random::of_part(self.seed ^ id, 0);
            let place = user * factors..(user + 1) * factors;
            self.of_users.means[place.clone()].iter_mut().for_each(|mean| *mean = START * random.normal());
            self.of_users.variances[place].fill(FACTOR_VARIANCE);
        }
        admitted(come)
    }

    /// An item that the user has not taken, to compare with.
    fn draw(&mut self, user: usize, item: usize) -> Option<usize> {
        for _ in 0..DRAWS_MAX {
            let drawn = self.random.below(self.items() as u64) as usize;
            if drawn != item && !self.users.taken(Some(user)).contains(&(drawn as u32)) {
                return Some(drawn);
            }
        }
        None
    }

    /// The user took one item and not another: a step of logistic regression on the difference of their scores.
    fn compare(&mut self, user: usize, taken: usize, other: usize, weight: f64) {
        let factors = self.factors;
        let of = |at: usize| at * factors..(at + 1) * factors;
        let (user_means, user_variances) =
            (&mut self.of_users.means[of(user)], &mut self.of_users.variances[of(user)]);
        let items = &mut self.of_items;
        let mut difference = self.biases.means[taken] - self.biases.means[other];
        let mut unsure = self.biases.variances[taken] + self.biases.variances[other];
        for k in 0..factors {
            let (one, two) = (taken * factors + k, other * factors + k);
            let apart = items.means[one] - items.means[two];
            let both = items.variances[one] + items.variances[two];
            difference += user_means[k] * apart;
            unsure += user_variances[k] * (apart * apart)
                + both * (user_means[k] * user_means[k])
                + user_variances[k] * both;
        }
        let wrong = 1.0 - probability(difference);
        let curvature = wrong * (1.0 - wrong) * weight;
        let share = 1.0 / (1.0 + curvature * unsure);
        let step = Step { slope: wrong * weight * share, curvature: curvature * share };
        let back = self.drift * FACTOR_VARIANCE;
        for k in 0..factors {
            let (one, two) = (taken * factors + k, other * factors + k);
            let (of_user, apart) = (user_means[k], items.means[one] - items.means[two]);
            step.take(&mut user_means[k], &mut user_variances[k], apart, back, FACTOR_VARIANCE);
            step.take(&mut items.means[one], &mut items.variances[one], of_user, back, FACTOR_VARIANCE);
            step.take(&mut items.means[two], &mut items.variances[two], -of_user, back, FACTOR_VARIANCE);
        }
        let back = self.drift * BIAS_VARIANCE;
        for (item, slope) in [(taken, 1.0), (other, -1.0)] {
            let Vectors { means, variances } = &mut self.biases;
            step.take(&mut means[item], &mut variances[item], slope, back, BIAS_VARIANCE);
        }
    }
}

/// How far a comparison moves everything.
#[derive(Clone, Copy)]
struct Step {
    slope: f64,
    curvature: f64,
}

impl Step {
    /// Moves a mean by how unsure it is, and makes it surer. `derived`: how the difference changes with it.
    #[inline]
    fn take(self, mean: &mut f64, variance: &mut f64, derived: f64, back: f64, most: f64) {
        let gain = *variance * derived;
        *mean = (*mean + gain * self.slope).clamp(-MEAN_MAX, MEAN_MAX);
        *variance = ((*variance - gain * gain * self.curvature).max(0.0) + back).min(most);
    }
}

impl Recommender for BayesianPersonalizedRanking {
    fn recommend(&self, row: Row<'_>, items: usize, count: usize, out: &mut Vec<Ranked>) {
        let user = self.users.find(row);
        let of_user =
            user.map_or(&[][..], |user| &self.of_users.means[user * self.factors..][..self.factors]);
        let vectors = self.of_items.means.chunks_exact(self.factors);
        let scores = self.biases.means.iter().zip(vectors).take(items).map(|(bias, vector)| {
            bias + vector.iter().zip(of_user).map(|(one, other)| one * other).sum::<f64>()
        });
        best(scores.enumerate(), self.users.excluded(user), count, out);
    }

    fn learn(&mut self, row: Row<'_>, item: usize, weight: f64) {
        if !self.users.learns(item, weight) {
            return;
        }
        self.grow(item + 1);
        let Some(user) = self.admit(row) else { return };
        self.users.take(user, item);
        let weight = weight.min(WEIGHT_MAX);
        for _ in 0..self.negatives {
            if let Some(other) = self.draw(user, item) {
                self.compare(user, item, other, weight);
            }
        }
    }
}

impl Model for BayesianPersonalizedRanking {
    fn memory_bytes(&self) -> usize {
        let all = [&self.of_users, &self.of_items, &self.biases];
        let numbers = all.iter().map(|of| of.means.capacity() + of.variances.capacity()).sum::<usize>();
        size_of::<Self>() + self.users.memory_bytes() + 8 * numbers
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} users, {} factors; biases of the items:", self.users.len(), self.factors);
        let named = self.biases.means.iter().enumerate().map(|(item, &bias)| (format!("item {item}"), bias));
        crate::dump::weights(named.collect(), out);
    }
}

impl Snapshot for BayesianPersonalizedRanking {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.users.save(out);
        self.random.save(out);
        for of in [&self.biases, &self.of_items, &self.of_users] {
            out.floats(&of.means);
            out.floats(&of.variances);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(ENTRY.name);
        from.version(1)?;
        self.users.load(from)?;
        self.random.load(from)?;
        self.biases = vectors(from, BIAS_VARIANCE)?;
        self.of_items = vectors(from, FACTOR_VARIANCE)?;
        self.of_users = vectors(from, FACTOR_VARIANCE)?;
        let (items, users) = (self.items(), self.users.len());
        let lengths = (self.of_items.means.len(), self.of_users.means.len());
        if items > self.users.items_max() || lengths != (items * self.factors, users * self.factors) {
            return Err(
                from.invalid(format!("vectors of {lengths:?} numbers for {items} items and {users} users"))
            );
        }
        Ok(())
    }
}

fn vectors(from: &mut Reader<'_>, most: f64) -> Result<Vectors, SnapshotError> {
    let of = Vectors { means: from.floats()?, variances: from.floats()? };
    let sound = of.means.iter().all(|mean| mean.abs() <= MEAN_MAX)
        && of.variances.iter().all(|variance| (0.0..=most).contains(variance));
    match sound && of.means.len() == of.variances.len() {
        true => Ok(of),
        false => Err(from.invalid("numbers of a vector that cannot be")),
    }
}

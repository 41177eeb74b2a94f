//! What else a confusion matrix says: precision and recall in three ways of averaging, and measures for unequal classes.

use super::confusion::Confusion;
use super::finite;

/// The mean of a measure over classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averages {
    /// Over all events alike.
    pub micro: Option<f64>,
    /// Over all classes that occurred or were predicted alike.
    pub macro_mean: Option<f64>,
    /// Over classes by how often they occurred.
    pub weighted: Option<f64>,
}

/// See the module. All range from 0 to 1 (the correlation from -1), 1 is best, none where there were no events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Share of events whose class was right.
    pub accuracy: Option<f64>,
    /// Mean recall of the classes that occurred.
    pub balanced_accuracy: Option<f64>,
    /// Geometric mean of the recall of the classes that occurred.
    pub geometric_mean: Option<f64>,
    /// Matthews correlation coefficient (for several classes as J. Gorodkin has it, 2004).
    pub correlation: Option<f64>,
    /// Of the events predicted to be of a class, the share that was.
    pub precision: Averages,
    /// Of the events of a class, the share that was predicted to be.
    pub recall: Averages,
    /// Weighted harmonic mean of precision and recall.
    pub f_beta: Averages,
    /// Right events of a class among those that were or were predicted to be of it.
    pub jaccard: Averages,
}

/// Events of one class: right, predicted, actual.
type Class = (f64, f64, f64);

fn averages(classes: &[Class], measure: impl Fn(Class) -> f64) -> Averages {
    // A class that was never predicted has no precision: it counts as 0.
    let of = |class: &Class| Some(measure(*class)).filter(|value| value.is_finite()).unwrap_or(0.0);
    let sum = |part: fn(&Class) -> f64| classes.iter().map(part).sum::<f64>();
    let (right, predicted, actual) = (sum(|class| class.0), sum(|class| class.1), sum(|class| class.2));
    Averages {
        micro: finite(measure((right, predicted, actual))),
        macro_mean: finite(classes.iter().map(of).sum::<f64>() / classes.len() as f64),
        weighted: finite(classes.iter().map(|class| of(class) * class.2).sum::<f64>() / actual),
    }
}

impl Confusion {
    /// All of them; `beta` is how much more recall counts than precision (1: the F1 score).
    pub fn agreement(&self, beta: f64) -> Agreement {
        let all = 0..self.classes();
        let classes: Vec<Class> = all
            .clone()
            .map(|class| {
                let predicted: u64 = all.clone().map(|actual| self.count(actual, class)).sum();
                let actual: u64 = all.clone().map(|predicted| self.count(class, predicted)).sum();
                (self.count(class, class) as f64, predicted as f64, actual as f64)
            })
            .filter(|(_, predicted, actual)| predicted + actual > 0.0)
            .collect();
        let recalls = || classes.iter().filter(|class| class.2 > 0.0).map(|class| class.0 / class.2);
        let occurred = recalls().count() as f64;
        let total: f64 = classes.iter().map(|class| class.2).sum();
        let right: f64 = classes.iter().map(|class| class.0).sum();
        let dot = |product: fn(&Class) -> f64| classes.iter().map(product).sum::<f64>();
        let chance = dot(|class| class.1 * class.2);
        let spread = (total * total - dot(|class| class.1 * class.1))
            * (total * total - dot(|class| class.2 * class.2));
        let square = beta * beta;
        Agreement {
            accuracy: finite(right / total),
            balanced_accuracy: finite(recalls().sum::<f64>() / occurred),
            geometric_mean: (occurred > 0.0).then(|| libm::pow(recalls().product(), 1.0 / occurred)),
            // Where labels or predictions are all alike there is none: 0.
            correlation: finite(if spread > 0.0 {
                (right * total - chance) / spread.sqrt()
            } else {
                0.0 / total
            }),
            precision: averages(&classes, |(right, predicted, _)| right / predicted),
            recall: averages(&classes, |(right, _, actual)| right / actual),
            f_beta: averages(&classes, |(right, predicted, actual)| {
                (1.0 + square) * right / (square * actual + predicted)
            }),
            jaccard: averages(&classes, |(right, predicted, actual)| right / (predicted + actual - right)),
        }
    }
}

/// How much of what a baseline leaves to be gained a model gains: 1 is all, 0 nothing, negative less than nothing.
///
/// Beside the accuracy of `last_class` it is kappa-T (I. Žliobaitė et al., Machine Learning 2015), beside that of
/// `majority_class` kappa-M (A. Bifet et al., KDD 2015).
///
/// ```
/// use streamfold_learn::metrics::kappa_beside;
///
/// // 90 % where "the same class again" has 85 %.
/// assert_eq!(kappa_beside(0.9, 0.85).map(|kappa| (kappa * 100.0).round()), Some(33.0));
/// ```
pub fn kappa_beside(accuracy: f64, baseline: f64) -> Option<f64> {
    finite((accuracy - baseline) / (1.0 - baseline))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_river() {
        // From River 0.26.1 on these (actual, predicted): update the metric of that name with each, in any order.
        let counts = [[50, 3, 7], [5, 20, 0], [9, 1, 5]];
        let mut confusion = Confusion::new(3);
        for (actual, row) in counts.iter().enumerate() {
            for (predicted, &count) in row.iter().enumerate() {
                (0..count).for_each(|_| confusion.add(actual, predicted));
            }
        }
        let Agreement {
            balanced_accuracy,
            geometric_mean,
            correlation,
            precision,
            recall,
            f_beta,
            jaccard,
            accuracy,
        } = confusion.agreement(2.0);
        let near = |ours: Option<f64>, theirs: f64| {
            assert!((ours.unwrap() - theirs).abs() < 1e-9, "{ours:?} {theirs}")
        };
        near(accuracy, 0.75);
        near(balanced_accuracy, 0.6555555555555556);
        near(geometric_mean, 0.6057068642773799);
        near(precision.micro, 0.75);
        near(precision.macro_mean, 0.6770833333333334);
        near(precision.weighted, 0.7395833333333333);
        near(recall.micro, 0.75);
        near(recall.macro_mean, 0.6555555555555556);
        near(recall.weighted, 0.75);
        near(f_beta.micro, 0.75);
        near(f_beta.macro_mean, 0.6586807520593599);
        near(f_beta.weighted, 0.7471172891907187);
        near(jaccard.micro, 0.6);
        near(jaccard.macro_mean, 0.5308678584540654);
        near(jaccard.weighted, 0.6119101075997628);
        // NumPy; River's is for two classes.
        near(correlation, 0.5369248441712194);
    }

    #[test]
    fn without_events_there_is_nothing() {
        let none = Confusion::new(3).agreement(1.0);
        assert_eq!(
            (none.accuracy, none.balanced_accuracy, none.correlation, none.geometric_mean),
            (None, None, None, None)
        );
        assert_eq!((none.precision.micro, none.jaccard.macro_mean, none.f_beta.weighted), (None, None, None));
    }
}

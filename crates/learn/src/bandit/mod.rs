//! Bandits: choosing actions and learning from their rewards.

pub mod epsilon_greedy;
pub mod lin_ucb;
mod linear;
pub mod linear_thompson_sampling;
pub mod square_cb;

use crate::random::Random;

/// The action that is taken where each is as likely as [`Bandit::decide`](crate::model::Bandit::decide) says, by the
/// seed and a number that belongs to the event (its place in the log): the same event takes the same action whenever
/// it is folded. 0 where there is no action.
///
/// ```
/// use streamfold_learn::bandit::draw;
///
/// let taken: Vec<usize> = (0..1000).map(|event| draw(&[0.2, 0.8], 7, event)).collect();
/// assert_eq!(taken.iter().filter(|action| **action == 0).count() / 20, 10);
/// ```
pub fn draw(propensities: &[f64], seed: u64, event: u64) -> usize {
    let mut left = Random::of_part(seed, event).unit();
    let mut taken = 0;
    for (action, &propensity) in propensities.iter().enumerate() {
        if propensity > 0.0 {
            // The last action that is possible at all takes what rounding has left.
            taken = action;
            if left < propensity {
                break;
            }
            left -= propensity;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_action_is_never_taken() {
        assert!((0..1000).all(|event| draw(&[0.5, 0.5 - 1e-12, 0.0], 1, event) < 2));
        assert_eq!(draw(&[], 1, 2), 0);
    }
}

//! Forecasts: the next values of a series at even steps.
//!
//! A forecaster is small until it has learnt something, so that one for each key of a stream is cheap.

mod history;
pub mod holt_winters;
pub mod seasonal_naive;
pub mod snarimax;

/// Larger values are gaps, so that products and differences stay finite.
const LIMIT: f64 = 1e100;

/// Whether a value is one to learn from.
fn is_value(value: f64) -> bool {
    value.abs() <= LIMIT
}

/// The number, kept where products of two such numbers are finite; 0 for NaN.
fn bounded(number: f64) -> f64 {
    const REACH: f64 = 1e150;
    if number.is_nan() { 0.0 } else { number.clamp(-REACH, REACH) }
}

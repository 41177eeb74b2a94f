//! Models made of models.

pub mod build;
pub mod chain;
pub mod conformal_regressor;
mod keys;
pub mod one_vs_rest;
pub mod part;
mod per_key;
pub mod per_key_anomaly_detector;
pub mod per_key_classifier;
pub mod per_key_regressor;
pub mod per_output;
pub mod stacking_classifier;
pub mod stacking_regressor;

use crate::model::Model;

/// The weight is one that teaches something.
fn teaches(weight: f64) -> bool {
    weight > 0.0
}

/// Says what a model is made of: a heading, and the part's own words below it.
fn dump_part(
    heading: &str,
    part: &(impl Model + ?Sized),
    schema: &crate::features::Schema,
    out: &mut String,
) {
    out.push_str(heading);
    out.push_str(":\n");
    let mut words = String::new();
    part.dump(schema, &mut words);
    for line in words.lines() {
        out.push_str("  ");
        out.push_str(line);
        out.push('\n');
    }
}

//! The conformance suite finds what it is there to find: a model with one planted fault fails the check that is named
//! for it, and the same model without a fault passes them all.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use streamfold_learn::checks::{CHECKS, check_model};
use streamfold_learn::features::{Row, Schema, category};
use streamfold_learn::model::{AnyModel, Contributions, Explain, Merge, Model, Regressor, Task};
use streamfold_learn::params::{Param, ParamError, ParamKind, ParamValue, Values};
use streamfold_learn::registry::{ClassesMax, ModelEntry};
use streamfold_learn::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The checks and the faults that each must find. `predict_before_learn` and so on are the names in [`CHECKS`].
const FAULT: Param = Param {
    name: "fault",
    kind: ParamKind::Choice {
        of: &[
            "none",
            "predict_before_learn",
            "awkward_rows",
            "no_features",
            "predict_changes_nothing",
            "nothing_to_learn",
            "same_seed",
            "save_and_load",
            "feature_order",
            "memory_bounded",
            "foreign_bytes",
            "features_come_and_go",
            "copies_independent",
            "memory_told",
            "explained",
            "merged",
            "merged_by_name",
            "foreign_changes",
        ],
        default: "none",
    },
    doc: "The fault.",
    default_from: "A model without a fault.",
};

const ENTRY: ModelEntry = ModelEntry {
    name: "faulty",
    task: Task::Regression,
    summary: "Predicts the mean of targets and first features, with a fault.",
    doc: "",
    meaning_version: 1,
    params: &[FAULT],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, _seed| build(schema, values),
};

/// A stand-in for a clock or a random seed.
static BUILT: AtomicU64 = AtomicU64::new(0);

/// A stand-in for state that copies share.
static LEARNT: AtomicU64 = AtomicU64::new(0);

#[derive(Default)]
struct Faulty {
    fault: String,
    features: usize,
    events: f64,
    sum: f64,
    kept: Vec<f64>,
    asked: Cell<u64>,
    forgotten: f64,
    /// The name of the first feature.
    first: u64,
    /// Whether the first feature was there before.
    seen: bool,
}

fn build(schema: &Schema, values: &Values) -> Result<AnyModel, ParamError> {
    let fault = values.choice(&FAULT);
    if fault == "no_features" && schema.numeric.is_empty() {
        return Err(ParamError::Features { owner: "faulty".into(), reason: "there are none".into() });
    }
    let sum = if fault == "same_seed" { BUILT.fetch_add(1, Ordering::Relaxed) as f64 } else { 0.0 };
    Ok(AnyModel::Regressor(Box::new(Faulty {
        fault,
        features: schema.numeric.len(),
        first: schema.numeric.first().map_or(0, |name| category(name.as_bytes())),
        sum,
        ..Faulty::default()
    })))
}

impl Faulty {
    fn has(&self, fault: &str) -> bool {
        self.fault == fault
    }
}

impl Model for Faulty {
    fn memory_bytes(&self) -> usize {
        if self.has("memory_told") { 0 } else { size_of::<Self>() + 8 * self.kept.len() }
    }

    fn dump(&self, _schema: &Schema, _out: &mut String) {}

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }

    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        Some(self)
    }
}

impl Explain for Faulty {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        out.clear(row);
        out.base = if self.has("explained") { self.sum } else { self.predict(row) };
    }
}

/// A change: the name of the first feature, then what was learnt more.
impl Merge for Faulty {
    fn change(&self, base: &mut Reader<'_>, out: &mut Writer) -> Result<(), SnapshotError> {
        let mut start = Faulty { features: self.features, first: self.first, ..Faulty::default() };
        start.load(base)?;
        out.unsigned(self.first);
        out.float(self.events - start.events);
        out.float(self.sum - start.sum);
        Ok(())
    }

    fn merge(&mut self, change: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let first = change.unsigned()?;
        let (before, events) = (self.events, change.finite_not_negative()?);
        if self.has("foreign_changes") {
            self.events += events;
        }
        let sum = change.finite()?;
        // Far more than any check learns, so that sums stay finite.
        if events > 1e6 || sum.abs() > 1e9 {
            return Err(change.invalid("too much".to_owned()));
        }
        let foreign = self.has("merged_by_name") && first != self.first;
        self.events = before + events;
        self.sum += if foreign { -sum } else { sum };
        if self.has("merged") {
            self.sum += BUILT.fetch_add(1, Ordering::Relaxed) as f64;
        }
        Ok(())
    }
}

impl Regressor for Faulty {
    fn predict(&self, row: Row<'_>) -> f64 {
        if self.has("predict_changes_nothing") {
            self.asked.set(self.asked.get() + 1);
        }
        let events = if self.has("predict_before_learn") { self.events } else { self.events.max(1.0) };
        if self.has("features_come_and_go") && self.seen && row.numeric.iter().all(|value| value.is_nan()) {
            return f64::NAN;
        }
        let shared = if self.has("copies_independent") { LEARNT.load(Ordering::Relaxed) as f64 } else { 0.0 };
        let order = match row.numeric.first() {
            Some(first) if self.has("feature_order") && first.abs() < 1e9 => *first,
            _ => 0.0,
        };
        let mean = self.sum / events + self.forgotten + order + shared;
        let overflows =
            self.has("awkward_rows") || self.has("foreign_bytes") || self.has("predict_before_learn");
        if overflows || mean.is_finite() { mean } else { 0.0 }
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        let nothing = !target.is_finite() || weight.is_nan() || weight <= 0.0;
        if nothing && !self.has("nothing_to_learn") {
            return;
        }
        self.events += 1.0;
        self.seen |= row.numeric.iter().any(|value| value.is_finite());
        LEARNT.fetch_add(1, Ordering::Relaxed);
        let tame = |value: f64| if value.is_finite() { value.clamp(-1e100, 1e100) } else { 0.0 };
        self.sum += if self.has("awkward_rows") { row.numeric.iter().sum() } else { tame(target) };
        if self.has("memory_bounded") {
            self.kept.push(1.0);
        }
        if self.has("save_and_load") {
            self.forgotten += 1.0;
        }
    }
}

impl Snapshot for Faulty {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.features as u64);
        out.float(self.events);
        out.float(self.sum);
        out.floats(&self.kept);
        out.unsigned(self.asked.get());
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.version(1)?;
        from.expect_length(self.features, "features")?;
        let trusting = self.has("foreign_bytes");
        self.events = if trusting { from.float()? } else { from.finite_not_negative()? };
        self.sum = if trusting { from.float()? } else { from.finite()? };
        self.kept = from.floats()?;
        self.asked = Cell::new(from.unsigned()?);
        Ok(())
    }
}

#[test]
fn each_planted_fault_is_found_by_its_check() {
    let ParamKind::Choice { of: faults, .. } = FAULT.kind else { unreachable!("it is a choice") };
    for fault in faults {
        let given = [(FAULT.name.to_owned(), ParamValue::Text((*fault).to_owned()))];
        let failures = check_model(&ENTRY, &given).unwrap();
        if *fault == "none" {
            assert!(failures.is_empty(), "{failures:#?}");
        } else {
            assert!(
                failures.iter().any(|failure| failure.check == *fault),
                "{fault} was not found: {failures:#?}"
            );
        }
    }
    // Odd and many classes are a matter of classifiers, which this model is not.
    assert_eq!(CHECKS.len(), faults.len() + 1);
}

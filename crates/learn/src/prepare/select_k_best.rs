//! Selects the numeric features that say most about the target.
#![doc = include_str!("select_k_best.md")]

use super::{pass_others, teaches, usable};
use crate::features::{Row, RowBuffer, Schema};
use crate::model::{Target, Transformer};
use crate::params::{Param, ParamKind, Values};
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const K: Param = Param {
    name: "k",
    kind: ParamKind::Integer { min: 1, max: 100_000, default: 10 },
    doc: "Features that pass.",
    default_from: "scikit-learn and River.",
};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "select_k_best",
    summary: "Selects the numeric features that say most about the target.",
    doc: include_str!("select_k_best.md"),
    meaning_version: 1,
    params: &[K],
    build: |schema, values, _seed| Ok(Box::new(SelectKBest::new(schema, values))),
};

/// Events from one choice to the next.
const EVERY: u64 = 1000;
/// Borders between ranges of equal probability of a standard normal number.
const BORDERS: [f64; 7] = [-1.15, -0.67, -0.32, 0.0, 0.32, 0.67, 1.15];
/// Ranges of a feature.
const RANGES: usize = 8;
/// Ranges of a target; classes need more of them.
const TARGETS: usize = 16;

/// Mean and deviation, for ranges.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Learns a value and says which range it lies in.
    fn range(&mut self, value: f64) -> usize {
        self.count += 1.0;
        let difference = value - self.mean;
        self.mean += difference / self.count;
        self.squares += difference * (value - self.mean);
        let deviation = (self.squares / self.count).sqrt();
        let standard = if deviation > 0.0 { (value - self.mean) / deviation } else { 0.0 };
        BORDERS.partition_point(|border| *border <= standard)
    }

    fn save(&self, out: &mut Writer) {
        [self.count, self.mean, self.squares].iter().for_each(|number| out.float(*number));
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(Moments {
            count: from.finite_not_negative()?,
            mean: from.finite()?,
            squares: from.finite_not_negative()?,
        })
    }
}

#[derive(Clone, Debug)]
struct Feature {
    moments: Moments,
    /// Events by range of the feature and of the target.
    counts: Vec<u64>,
    passes: bool,
}

impl Feature {
    /// Mutual information with the target in nats.
    fn information(&self) -> f64 {
        let rows = || self.counts.chunks_exact(TARGETS);
        let total = self.counts.iter().sum::<u64>() as f64;
        let columns: Vec<f64> =
            (0..TARGETS).map(|at| rows().map(|row| row[at]).sum::<u64>() as f64).collect();
        let mut information = 0.0;
        for row in rows() {
            let in_row = row.iter().sum::<u64>() as f64;
            for (&count, column) in row.iter().zip(&columns) {
                if count > 0 {
                    let count = count as f64;
                    information += count / total * libm::log(count * total / (in_row * column));
                }
            }
        }
        information
    }
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::{Target, Transformer};
/// use streamfold_learn::params::ParamValue;
/// use streamfold_learn::prepare::select_k_best::{ENTRY, SelectKBest};
///
/// let schema = Schema { numeric: vec!["noise".into(), "signal".into()], ..Schema::default() };
/// let mut select = SelectKBest::new(&schema, &ENTRY.values(&[("k".to_owned(), ParamValue::Integer(1))])?);
/// for event in 0..2000 {
///     let (noise, signal) = (f64::from(event * 7 % 13), f64::from(event % 5));
///     select.learn_target(Row { numeric: &[noise, signal], ..Row::default() }, Target::Number(signal * signal), 1.0);
/// }
/// let mut out = RowBuffer::default();
/// select.transform(Row { numeric: &[3.0, 4.0], ..Row::default() }, &mut out);
/// assert_eq!(out.numeric, [0.0, 4.0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SelectKBest {
    schema: Schema,
    k: usize,
    events: u64,
    target: Moments,
    features: Vec<Feature>,
}

impl SelectKBest {
    /// A selection that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        let feature =
            Feature { moments: Moments::default(), counts: vec![0; RANGES * TARGETS], passes: true };
        SelectKBest {
            schema: schema.clone(),
            k: values.integer(&K) as usize,
            events: 0,
            target: Moments::default(),
            features: vec![feature; schema.numeric.len()],
        }
    }

    fn choose(&mut self) {
        let mut ranked: Vec<(f64, usize)> =
            self.features.iter().enumerate().map(|(at, feature)| (feature.information(), at)).collect();
        // Of equals the first.
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (rank, (_, at)) in ranked.into_iter().enumerate() {
            self.features[at].passes = rank < self.k;
        }
    }
}

impl Transformer for SelectKBest {
    fn output(&self) -> &Schema {
        &self.schema
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend(
            row.numeric
                .iter()
                .zip(&self.features)
                .map(|(&value, feature)| if feature.passes || value.is_nan() { value } else { 0.0 }),
        );
        pass_others(row, out);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.features.len() * (size_of::<Feature>() + 8 * RANGES * TARGETS)
    }

    fn learn(&mut self, _row: Row<'_>, _weight: f64) {}

    fn learn_target(&mut self, row: Row<'_>, target: Target, weight: f64) {
        let column = match target {
            _ if !teaches(weight) => return,
            Target::Class(class) => class.min(TARGETS - 1),
            Target::Number(number) if usable(number) => self.target.range(number),
            _ => return,
        };
        for (&value, feature) in row.numeric.iter().zip(&mut self.features) {
            if usable(value) {
                let range = feature.moments.range(value);
                feature.counts[range * TARGETS + column] += 1;
            }
        }
        self.events += 1;
        if self.events.is_multiple_of(EVERY) {
            self.choose();
        }
    }
}

impl Snapshot for SelectKBest {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.events);
        self.target.save(out);
        out.unsigned(self.features.len() as u64);
        for feature in &self.features {
            feature.moments.save(out);
            out.boolean(feature.passes);
            feature.counts.iter().for_each(|count| out.unsigned(*count));
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("select_k_best");
        from.version(1)?;
        self.events = from.unsigned()?.min(1 << 53);
        self.target = Moments::load(from)?;
        from.expect_length(self.features.len(), "numeric features")?;
        for feature in &mut self.features {
            feature.moments = Moments::load(from)?;
            feature.passes = from.boolean()?;
            for count in &mut feature.counts {
                // Far more than a stream can bring, and few enough that sums do not overflow.
                *count = from.unsigned()?.min(1 << 53);
            }
        }
        Ok(())
    }
}

//! Reads the predictions as any other program would: committed records only.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use streamfold_flow::Partition;
use streamfold_flow::log::{Fetched, LogError, Source};

/// So many predictions are shown.
const SHOWN: usize = 6;
const WAIT: Duration = Duration::from_millis(100);
/// How long the last ones are waited for.
const LAST_MAX: Duration = Duration::from_secs(10);

/// One prediction, in minutes.
#[derive(Clone, Debug)]
pub struct Answer {
    pub flight: String,
    pub dest: String,
    pub left: Option<f64>,
    pub predicted: f64,
    /// What became of it, unless it never landed.
    pub landed: Option<f64>,
}

/// What was read so far.
#[derive(Debug, Default)]
pub struct Answers {
    pub count: usize,
    /// The last ones, the newest in front.
    pub last: VecDeque<Answer>,
    landed: usize,
    /// Sums of absolute errors: of the predictions, and of the guess that a flight arrives as late as it left.
    errors: (f64, f64),
}

impl Answers {
    fn add(&mut self, value: &[u8], delays: &BTreeMap<String, f64>) {
        let Ok(value) = serde_json::from_slice::<Value>(value) else { return };
        let text = |name: &str| value[name].as_str().unwrap_or_default();
        let (Some(predicted), id) = (value["prediction"].as_f64(), text("id")) else { return };
        let (left, landed) = (value["dep_delay"].as_f64(), delays.get(id).copied());
        if let Some(landed) = landed {
            self.landed += 1;
            self.errors.0 += (predicted - landed).abs();
            self.errors.1 += (left.unwrap_or(0.0) - landed).abs();
        }
        let flight = id.split('-').next().unwrap_or_default().to_owned();
        self.last.push_front(Answer { flight, dest: text("dest").to_owned(), left, predicted, landed });
        self.last.truncate(SHOWN);
        self.count += 1;
    }

    /// Mean absolute errors over the flights that landed: the model's, and that of the guess.
    pub fn errors(&self) -> Option<(f64, f64)> {
        let count = self.landed as f64;
        (self.landed > 0).then(|| (self.errors.0 / count, self.errors.1 / count))
    }
}

/// Follows partition 0 from its beginning until `wanted` are there: a number that is known at the end, and until then
/// greater than all.
pub fn follow(
    mut source: impl Source,
    delays: &BTreeMap<String, f64>,
    answers: &Mutex<Answers>,
    wanted: &AtomicUsize,
) -> Result<()> {
    let partition = Partition { input: 0, partition: 0 };
    source.assign(&[(partition, 0)]).context("cannot read the predictions")?;
    let mut deadline = None;
    loop {
        let mut fetched = Vec::new();
        match source.fetch(WAIT, &mut fetched) {
            Ok(()) | Err(LogError::Unavailable(_)) => {}
            Err(error) => return Err(error).context("cannot read the predictions"),
        }
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        for block in fetched {
            let Fetched::Records(_, block) = block else { continue };
            block.iter().filter_map(|record| record.value).for_each(|value| answers.add(value, delays));
        }
        let wanted = wanted.load(Ordering::Relaxed);
        if wanted < usize::MAX {
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + LAST_MAX);
            if answers.count >= wanted || Instant::now() >= deadline {
                return Ok(());
            }
        }
    }
}

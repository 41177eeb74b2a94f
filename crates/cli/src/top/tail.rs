//! Reads the ends of what a pipeline writes, and follows them.

use super::picture::{Picture, Scores};
use crate::layout::Layout;
use crate::site::{Site, patiently};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use streamfold_engine::plan::{DEAD_LETTERS, METRICS, PREDICTIONS};
use streamfold_flow::Partition;
use streamfold_flow::log::{Fetched, LogError, Source};
use streamfold_flow::record::RecordRef;
use streamfold_kafka::KafkaSource;

/// So many offsets before the end it begins: enough for a curve, and for the last answers of each partition.
const METRICS_BACK: i64 = 4_000;
const OTHERS_BACK: i64 = 64;
/// Memory for what is read ahead.
const QUEUE_BYTES_MAX: usize = 16 << 20;
/// While records come, this is waited for more before somebody looks.
const SETTLE: Duration = Duration::from_millis(300);

/// The three topics of a generation's outputs, each an input to this.
pub struct Tail {
    source: KafkaSource,
    /// The next offset of each partition.
    positions: BTreeMap<Partition, i64>,
    /// Dead letters from here on are counted.
    counted_from: BTreeMap<Partition, i64>,
}

impl Tail {
    pub fn open(site: &Site, layout: &Layout) -> Result<Tail> {
        let (mut positions, mut counted_from) = (BTreeMap::new(), BTreeMap::new());
        let found =
            patiently(|| site.cluster.topics(&layout.outputs)).context("cannot describe the outputs")?;
        for (number, topic) in found.iter().enumerate() {
            // One that is not there was deleted because nobody needs it.
            let Some(topic) = topic else { continue };
            let input = number as u16;
            let back = if input == METRICS { METRICS_BACK } else { OTHERS_BACK };
            for partition in (0..topic.partitions).map(|partition| Partition { input, partition }) {
                let marks = patiently(|| site.cluster.watermarks(&topic.name, partition.partition))
                    .with_context(|| format!("cannot find the end of topic {}", topic.name))?;
                positions.insert(partition, (marks.stable - back).max(marks.earliest));
                counted_from.insert(partition, marks.stable);
            }
        }
        let mut source =
            KafkaSource::new(&site.config, &layout.group, layout.outputs.to_vec(), QUEUE_BYTES_MAX)?;
        assign(&mut source, &positions)?;
        Ok(Tail { source, positions, counted_from })
    }

    /// Follows for so long, and at least until what was there is read.
    pub fn follow(&mut self, for_time: Duration, picture: &mut Picture) -> Result<(), LogError> {
        let deadline = Instant::now() + for_time.max(SETTLE);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.positions.is_empty() {
                std::thread::sleep(left);
                return Ok(());
            }
            let mut fetched = Vec::new();
            self.source.fetch(left, &mut fetched)?;
            for fetched in fetched {
                self.take(fetched, picture)?;
            }
        }
    }

    fn take(&mut self, fetched: Fetched, picture: &mut Picture) -> Result<(), LogError> {
        match fetched {
            Fetched::Records(partition, block) => {
                for record in block.iter() {
                    self.positions.insert(partition, record.offset + 1);
                    self.note(partition, record, picture);
                }
            }
            Fetched::End(partition, position) => {
                self.positions.insert(partition, position);
            }
            // Retention was faster than we: on with what there is.
            Fetched::OutOfRange(partition, earliest) => {
                self.positions.insert(partition, earliest);
                assign(&mut self.source, &self.positions)?;
            }
        }
        Ok(())
    }

    fn note(&self, partition: Partition, record: RecordRef<'_>, picture: &mut Picture) {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        match partition.input {
            PREDICTIONS => picture.add_answer(&text(record.key), &text(record.value)),
            DEAD_LETTERS => {
                let reason = record.headers.get("__connect.errors.exception.message");
                let is_new = self.counted_from.get(&partition).is_some_and(|from| record.offset >= *from);
                picture.add_bad(is_new, text(reason));
            }
            _ => {
                if let Some(scores) = record.value.and_then(|value| scores(value, picture)) {
                    picture.add_scores(scores);
                }
            }
        }
    }
}

fn assign(source: &mut KafkaSource, positions: &BTreeMap<Partition, i64>) -> Result<(), LogError> {
    let positions: Vec<_> = positions.iter().map(|(partition, offset)| (*partition, *offset)).collect();
    if positions.is_empty() { Ok(()) } else { source.assign(&positions) }
}

/// A record of metrics, as [`streamfold_engine`] writes it.
fn scores(value: &[u8], picture: &Picture) -> Option<Scores> {
    let value: Value = serde_json::from_slice(value).ok()?;
    let number = |who: &str| value[format!("{who}_window")][picture.metric].as_f64();
    Some(Scores {
        lane: value["lane"].as_u64()?.try_into().ok()?,
        time_ms: value["time_ms"].as_i64(),
        folded: value["folded"].as_u64()?,
        scored: value["scored"].as_u64()?,
        waiting: value["waiting_labels"].as_u64(),
        values: picture.who.iter().map(|who| number(who)).collect(),
    })
}

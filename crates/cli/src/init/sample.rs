//! Records from the beginning and the end of every partition of a topic.

use super::field::Field;
use super::format::{self, Format};
use crate::exit::{Exit, Failure};
use crate::site::patiently;
use anyhow::{Context, Result};
use std::time::Duration;
use streamfold_kafka::{Cluster, PartitionReader, Start};

/// Records that are looked at, half from the beginnings and half from the ends.
const RECORDS_MAX: usize = 4_000;
/// How long a partition that an open transaction holds back is waited for.
const STALL_MAX: Duration = Duration::from_secs(5);

/// A record as it was read.
pub struct Raw {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
}

/// A topic that was looked at.
pub struct Sample {
    pub topic: String,
    pub partitions: i32,
    /// Records between the earliest offset and the end.
    pub total: i64,
    /// Those that could be read, partition after partition, by offset.
    pub records: Vec<Raw>,
    /// Sampled values that could not be read, of so many.
    pub bad: usize,
    pub format: Format,
    pub fields: Vec<Field>,
}

impl Sample {
    /// Reads the topic and finds its format and fields.
    pub fn take(cluster: &Cluster, topic: &str, columns: Option<&str>) -> Result<Sample> {
        let found = patiently(|| cluster.topics(&[topic.to_owned()])).context("cannot describe the topic")?;
        let Some(info) = found.into_iter().flatten().next() else {
            let names = cluster.topic_names().unwrap_or_default();
            return Err(missing(topic, &names).into());
        };
        let (records, total) = read(cluster, topic, info.partitions)?;
        if records.is_empty() {
            let message =
                format!("topic {topic} has no records with a value, so there is nothing to look at");
            return Err(Failure::new(Exit::Topics, message).into());
        }
        let values: Vec<&[u8]> = records.iter().map(|record| record.value.as_slice()).collect();
        let parsed = format::find(topic, &values, columns)?;
        let records: Vec<Raw> = records
            .into_iter()
            .zip(&parsed.rows)
            .filter(|(_, row)| row.is_some())
            .map(|(raw, _)| raw)
            .collect();
        let bad = parsed.rows.len() - records.len();
        let rows: Vec<_> = parsed.rows.into_iter().flatten().collect();
        let fields = Field::all(&parsed.inferred, rows);
        Ok(Sample {
            topic: topic.to_owned(),
            partitions: info.partitions,
            total,
            records,
            bad,
            format: parsed.format,
            fields,
        })
    }

    pub fn field(&self, place: usize) -> &Field {
        &self.fields[place]
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}

fn missing(topic: &str, names: &[String]) -> Failure {
    let failure = Failure::new(Exit::Topics, format!("topic {topic:?} is not there"));
    match names {
        [] => failure.hint("the cluster shows no topics at all to this user"),
        names => failure
            .hint(format!("there are: {}", names.iter().take(20).cloned().collect::<Vec<_>>().join(", "))),
    }
}

/// The records, and how many there are in all.
fn read(cluster: &Cluster, topic: &str, partitions: i32) -> Result<(Vec<Raw>, i64)> {
    let each = (RECORDS_MAX / 2 / partitions.max(1) as usize).max(10);
    let (mut records, mut total) = (Vec::new(), 0);
    for partition in 0..partitions {
        let context = || format!("cannot read topic {topic} partition {partition}");
        let watermarks = patiently(|| cluster.watermarks(topic, partition)).with_context(context)?;
        total += watermarks.end - watermarks.earliest;
        let mut mine: Vec<Raw> = Vec::new();
        for start in [Start::Beginning, Start::Last(each as i64)] {
            let after = mine.last().map(|record| record.offset);
            part(cluster, topic, partition, start, each, after, &mut mine).with_context(context)?;
        }
        records.extend(mine);
    }
    Ok((records, total))
}

/// Appends up to `count` records behind the offset `after`.
fn part(
    cluster: &Cluster,
    topic: &str,
    partition: i32,
    start: Start,
    count: usize,
    after: Option<i64>,
    records: &mut Vec<Raw>,
) -> Result<()> {
    let wanted = records.len() + count;
    for block in PartitionReader::open(cluster, topic, partition, start, STALL_MAX)? {
        let block = match block {
            Ok(block) => block,
            // What is behind an open transaction is not looked at.
            Err(error) if !records.is_empty() => {
                log::debug!("{error}");
                break;
            }
            Err(error) => return Err(error.into()),
        };
        for record in block.iter().filter(|record| after.is_none_or(|after| record.offset > after)) {
            if records.len() == wanted {
                return Ok(());
            }
            let Some(value) = record.value else { continue };
            records.push(Raw {
                partition,
                offset: record.offset,
                timestamp_ms: record.timestamp_ms,
                key: record.key.map(<[u8]>::to_vec),
                value: value.to_vec(),
            });
        }
    }
    Ok(())
}

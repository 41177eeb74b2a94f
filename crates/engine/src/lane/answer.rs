//! What a lane writes: predictions, dead letters, metrics. Collected in one block until the commit is cut.

use crate::plan::{DEAD_LETTERS, METRICS, PREDICTIONS, Plan};
use streamfold_flow::Partition;
use streamfold_flow::record::{HeadersWriter, OutputBlock, OutputRef, RecordRef};
use streamfold_flow::rows::{Encode, Field, Value};
use streamfold_learn::metrics::{Report, Scope};
use xxhash_rust::xxh3::xxh3_64;

/// Header of every answer: where the record that it answers lies.
pub const SOURCE_HEADER: &str = "streamfold.source";
/// Header of every answer: the generation.
pub const GENERATION_HEADER: &str = "streamfold.generation";
/// Header of every answer: lane and number of records folded by the state that answered.
pub const MODEL_HEADER: &str = "streamfold.model";

/// A record and where it lies.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: Partition,
    pub(super) record: RecordRef<'a>,
}

pub(super) struct Answers {
    encoder: Box<dyn Encode>,
    metrics_encoder: Box<dyn Encode>,
    lane: u32,
    generation: String,
    pipeline: String,
    /// Partitions of the topic of predictions, where they are known.
    prediction_partitions: Option<i32>,
    passed_headers: Vec<String>,
    dead_letter_bytes_max: usize,
    block: OutputBlock,
    /// The memory of a block that was committed, for the next one.
    spare: OutputBlock,
    headers: HeadersWriter,
    value: Vec<u8>,
    text: Vec<u8>,
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

impl Answers {
    pub(super) fn new(
        plan: &Plan,
        lane: u32,
        generation: u32,
        prediction_partitions: Option<i32>,
        encoder: Box<dyn Encode>,
        metrics_encoder: Box<dyn Encode>,
    ) -> Answers {
        Answers {
            encoder,
            metrics_encoder,
            lane,
            generation: generation.to_string(),
            pipeline: plan.group(),
            prediction_partitions,
            passed_headers: plan.output.headers.clone(),
            dead_letter_bytes_max: plan.dead_letters.record_bytes_max,
            block: OutputBlock::default(),
            spare: OutputBlock::default(),
            headers: HeadersWriter::default(),
            value: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Memory of what was collected.
    pub(super) fn size_bytes(&self) -> usize {
        self.block.size_bytes()
    }

    /// Takes what was collected.
    pub(super) fn take(&mut self) -> OutputBlock {
        std::mem::replace(&mut self.block, std::mem::take(&mut self.spare))
    }

    /// Keeps the memory of a block that is not needed any more.
    pub(super) fn reuse(&mut self, mut block: OutputBlock) {
        block.clear();
        self.spare = block;
    }

    fn source_header(&mut self, source: Source<'_>) {
        self.text.clear();
        self.text.extend_from_slice(source.topic.as_bytes());
        self.text.push(b'/');
        push_number(&mut self.text, source.partition.partition.max(0) as u64);
        self.text.push(b'/');
        push_number(&mut self.text, source.record.offset.max(0) as u64);
        self.headers.push(SOURCE_HEADER.as_bytes(), Some(&self.text));
    }

    fn model_headers(&mut self, folded: u64) {
        self.headers.push(GENERATION_HEADER.as_bytes(), Some(self.generation.as_bytes()));
        self.text.clear();
        push_number(&mut self.text, u64::from(self.lane));
        self.text.push(b'/');
        push_number(&mut self.text, folded);
        self.headers.push(MODEL_HEADER.as_bytes(), Some(&self.text));
    }

    /// The answer to an event: key and timestamp of the event, its partition where the counts match.
    pub(super) fn prediction(
        &mut self,
        source: Source<'_>,
        input_partitions: i32,
        folded: u64,
        fields: &[Field<'_>],
    ) {
        self.value.clear();
        self.encoder.encode(fields, &mut self.value);
        self.headers.clear();
        if !self.passed_headers.is_empty() {
            for (name, value) in source.record.headers {
                if self.passed_headers.iter().any(|passed| passed.as_bytes() == name) {
                    self.headers.push(name, value);
                }
            }
        }
        self.source_header(source);
        self.model_headers(folded);
        let same = self.prediction_partitions == Some(input_partitions);
        self.block.push(OutputRef {
            topic: PREDICTIONS,
            partition: same.then_some(source.partition.partition),
            timestamp_ms: Some(source.record.timestamp_ms),
            key: source.record.key,
            value: Some(&self.value),
            headers: self.headers.headers(),
        });
    }

    /// A bad record, byte for byte; the context only in headers, named as Kafka Connect names them. What is too
    /// large even for the topic of dead letters is replaced by a pointer to where it lies.
    pub(super) fn dead_letter(&mut self, source: Source<'_>, kind: &str, reason: &str) {
        let record = source.record;
        let bytes = record.value.map_or(0, <[u8]>::len)
            + record.key.map_or(0, <[u8]>::len)
            + record.headers.encoded().len();
        let whole = bytes <= self.dead_letter_bytes_max;
        self.headers.clear();
        if whole {
            self.headers.extend(record.headers);
        }
        let context = [
            ("topic", source.topic.to_owned()),
            ("partition", source.partition.partition.to_string()),
            ("offset", record.offset.to_string()),
            ("connector.name", self.pipeline.clone()),
            ("task.id", self.lane.to_string()),
            ("stage", "VALUE_CONVERTER".to_owned()),
            ("exception.class.name", kind.to_owned()),
            ("exception.message", reason.to_owned()),
        ];
        for (name, value) in &context {
            self.headers.push(format!("__connect.errors.{name}").as_bytes(), Some(value.as_bytes()));
        }
        let key = record.key.filter(|key| whole || key.len() <= 1024);
        if !whole {
            self.headers.push(b"streamfold.dead_letter", Some(b"pointer"));
            self.value.clear();
            let checksum = format!("{:016x}", xxh3_64(record.value.unwrap_or_default()));
            let fields = [
                ("topic", Value::Text(source.topic)),
                ("partition", Value::Integer(i64::from(source.partition.partition))),
                ("offset", Value::Integer(record.offset)),
                ("bytes", Value::Integer(record.value.map_or(0, <[u8]>::len) as i64)),
                ("xxh3_64", Value::Text(&checksum)),
                ("reason", Value::Text(reason)),
            ];
            self.metrics_encoder.encode(&fields, &mut self.value);
        }
        self.block.push(OutputRef {
            topic: DEAD_LETTERS,
            partition: None,
            timestamp_ms: None,
            key,
            value: if whole { record.value } else { Some(&self.value) },
            headers: self.headers.headers(),
        });
    }

    /// A record of metrics: those of the model and of each baseline, overall and over the window.
    pub(super) fn metrics(&mut self, stream_time_ms: i64, folded: u64, waiting: usize, report: &Report) {
        let mut groups: Vec<(String, Vec<(&str, f64)>)> = Vec::new();
        for value in &report.values {
            let group = match value.scope {
                Scope::Overall => value.who.to_owned(),
                Scope::Window => format!("{}_window", value.who),
            };
            // A metric that is not defined yet is written as null, which is how a number that is not finite is written.
            let number = (value.metric, value.value.unwrap_or(f64::NAN));
            match groups.last_mut() {
                Some((name, numbers)) if *name == group => numbers.push(number),
                _ => groups.push((group, vec![number])),
            }
        }
        let mut fields = vec![
            ("time_ms", Value::Integer(stream_time_ms)),
            ("lane", Value::Integer(i64::from(self.lane))),
            ("folded", Value::Integer(folded as i64)),
            ("scored", Value::Integer(report.scored as i64)),
            ("waiting_labels", Value::Integer(waiting as i64)),
            ("window_events", Value::Integer(report.window_rows as i64)),
        ];
        fields.extend(groups.iter().map(|(name, numbers)| (name.as_str(), Value::Numbers(numbers))));
        self.value.clear();
        self.metrics_encoder.encode(&fields, &mut self.value);
        self.headers.clear();
        self.model_headers(folded);
        let key = self.lane.to_string();
        self.block.push(OutputRef {
            topic: METRICS,
            partition: None,
            timestamp_ms: None,
            key: Some(key.as_bytes()),
            value: Some(&self.value),
            headers: self.headers.headers(),
        });
    }
}

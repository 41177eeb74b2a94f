//! The plan: what a pipeline file means, complete and checked. Everything behind it can trust it.
//!
//! A plan is plain data, built by pure validation ([`crate::spec`] is the file as written). Every queue, buffer and
//! table has its limit here, with its unit in the name.

mod build;
mod check_cluster;
mod describe;
mod fields;
mod fit;
mod inputs;
mod kafka;
mod label;
mod meaning;
mod memory;
mod model;
mod parts;
mod topics;

pub use crate::spec::{Problem, json_schema, reference_markdown};
pub use build::{from_text, from_text_with};
pub use check_cluster::check_cluster;
pub use fit::{Fit, fit};
pub use kafka::PropertyCheck;
pub use meaning::{diff_meaning, meaning_from_text, meaning_to_text};
pub use topics::{OutputTopics, TopicName};

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use streamfold_flow::rows::{Decode, Encode};
use streamfold_flow::schema::RowSchema;
use streamfold_learn::features::Schema;
use streamfold_learn::model::{AnyModel, Task};
use streamfold_learn::prepare::text::TextHasher;

/// Place of the predictions in [`Plan::output_topics`].
pub const PREDICTIONS: u16 = 0;
/// Place of the dead letters in [`Plan::output_topics`].
pub const DEAD_LETTERS: u16 = 1;
/// Place of the metrics in [`Plan::output_topics`].
pub const METRICS: u16 = 2;

/// A whole pipeline.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The pipeline's name.
    pub name: String,
    /// Put before every name that the pipeline owns.
    pub prefix: String,
    /// Number of lanes.
    pub lanes: u32,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Whether answers wait for the commit.
    pub delivery: Delivery,
    /// Properties of the Kafka clients.
    pub kafka: KafkaProperties,
    /// The inputs: those of events in the file's order, then that of labels if they come on a topic of their own.
    pub inputs: Vec<InputPlan>,
    /// The features that the model sees (before preparation).
    pub features: Schema,
    /// What is predicted.
    pub task: Task,
    /// Where the truth comes from; `None` for clustering, or a pipeline that never learns the truth, as anomaly
    /// detection may.
    pub label: Option<LabelPlan>,
    /// The model and what prepares its features.
    pub model: ModelPlan,
    /// The answers.
    pub output: OutputPlan,
    /// The metrics.
    pub metrics: MetricsPlan,
    /// What becomes of bad records.
    pub dead_letters: DeadLetterPlan,
    /// Bounds of memory.
    pub limits: Limits,
    /// Intervals; tuning only, they never change a result.
    pub timing: Timing,
    /// Names of the topics that are written.
    pub topics: OutputTopics,
    /// Everything that changes meaning, as ordered `key = value` lines: what is fingerprinted, kept with the
    /// generation, and compared when the file has changed.
    pub meaning: Vec<(String, String)>,
}

/// Kafka's properties under their own names, passed through. `Debug` shows names only, since values may be secrets.
#[derive(Clone, Default)]
pub struct KafkaProperties {
    /// For all clients.
    pub common: BTreeMap<String, String>,
    /// For consumers, over `common`.
    pub consumer: BTreeMap<String, String>,
    /// For producers, over `common`.
    pub producer: BTreeMap<String, String>,
}

impl KafkaProperties {
    /// Whether the file says where Kafka is. Where not, whoever runs the pipeline has to know.
    pub fn names_brokers(&self) -> bool {
        ["bootstrap.servers", "metadata.broker.list"].iter().any(|name| self.common.contains_key(*name))
    }
}

/// What becomes of answers when a lane's process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Answers are a part of the commits: each is there once.
    ExactlyOnce,
    /// Answers go out at once: the last ones may be there twice, and with several partitions differ.
    AtLeastOnce,
}

/// What an input brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Events, which are predicted.
    Events,
    /// Labels of events, joined by key.
    Labels,
}

/// Where a new generation starts to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The first record there is.
    Earliest,
    /// What comes from now on.
    Latest,
    /// The first record whose timestamp is at least this, in milliseconds since 1970.
    Timestamp(i64),
}

/// A format by name, with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatPlan {
    /// Name in the catalog.
    pub name: String,
    /// Options, checked by the format.
    pub options: Vec<(String, String)>,
}

/// How texts become sparse features.
#[derive(Clone, Debug, PartialEq)]
pub struct TextPlan {
    /// Hashes the n-grams of a text.
    pub hasher: TextHasher,
    /// For each text its field (`Scalar`); `None`: always missing here.
    pub fields: Vec<Option<usize>>,
}

/// One input topic.
#[derive(Clone, Debug)]
pub struct InputPlan {
    /// Name in the file.
    pub name: String,
    /// Kafka topic.
    pub topic: String,
    /// Events or labels.
    pub role: Role,
    /// How values are written.
    pub format: FormatPlan,
    /// The fields that are read; the numbers below are places in it.
    pub schema: RowSchema,
    /// Field of the event time; `None`: the record's timestamp.
    pub time: Option<usize>,
    /// Field of the key by which labels find their events (`Scalar`); `None`: the record's key.
    pub key: Option<usize>,
    /// Field of the label, in events or in labels: a `Number` for regression, bandits and forecasting, a `Scalar` for
    /// classification, anomaly detection and recommendation.
    pub label: Option<usize>,
    /// For each numeric feature its field (`Number`, `Integer`, `Boolean` or `Time`); `None`: always missing here.
    pub numeric: Vec<Option<usize>>,
    /// For each categorical feature its field (`Scalar`); `None`: always missing here.
    pub categories: Vec<Option<usize>>,
    /// The texts, if there are any.
    pub texts: Option<TextPlan>,
    /// For each of [`OutputPlan::include`] its field.
    pub include: Vec<Option<usize>>,
    /// Where a new generation starts to read.
    pub start: Start,
    /// A record whose event time lies further than this ahead is bad. With the time in a field it is compared with
    /// the record's own timestamp (a pure function of the log); where the time is the record's timestamp, with the
    /// clock, and the journal keeps what was decided.
    pub time_ahead_max_ms: i64,
}

/// When a label that is there is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LearnAt {
    /// At once. A label that is changed or taken back later is counted, and the change is learnt in addition if
    /// [`LabelPlan::learn_changes`] says so.
    Arrival,
    /// When the event's `wait` is over: what the label is by then is learnt, once.
    WaitOver,
}

/// What happens to an event whose wait is over without a label.
#[derive(Clone, Debug, PartialEq)]
pub enum OnTimeout {
    /// Nothing is learnt.
    Drop,
    /// This number is learnt (regression).
    Number(f64),
    /// This class is learnt (classification).
    Class(String),
}

/// What happens when the table of waiting events is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The event whose wait ends first is treated as if it were over.
    ExpireOldest,
    /// The new event is predicted but not remembered: its label will find nothing.
    DropNewest,
    /// The pipeline stops with an error.
    Stop,
}

/// Where the truth comes from.
#[derive(Clone, Debug)]
pub struct LabelPlan {
    /// Whether labels come on a topic of their own (the last input), to be joined by key.
    pub joined: bool,
    /// Classes known from the start, in this order (classification); others are appended as they appear.
    pub classes: Vec<String>,
    /// The class that F1, ROC AUC and `score` speak of; `None`: the second class.
    pub positive: Option<String>,
    /// Most classes that are told apart; an event with one more is a bad record.
    pub classes_max: usize,
    /// How long, in stream time, an event waits for its label.
    pub wait_ms: i64,
    /// What happens then.
    pub on_timeout: OnTimeout,
    /// When a label is learnt.
    pub learn_at: LearnAt,
    /// Whether a changed label is learnt in addition to the first (with [`LearnAt::Arrival`]).
    pub learn_changes: bool,
    /// Most waiting events (and early labels) in a lane.
    pub waiting_rows_max: usize,
    /// Most memory that they may take in a lane.
    pub waiting_bytes_max: usize,
    /// What happens beyond.
    pub when_full: WhenFull,
}

/// The model and what prepares its features.
#[derive(Clone, Debug)]
pub struct ModelPlan {
    /// The model.
    pub model: NamedParameters,
    /// Transformers, in their order, before it.
    pub prepare: Vec<NamedParameters>,
    /// What a bandit chooses from.
    pub actions: Vec<String>,
}

/// A registry entry by name, with parameters as the file gives them; checked, defaults not filled in.
#[derive(Clone, Debug)]
pub struct NamedParameters {
    /// Name in the registry.
    pub name: String,
    /// Parameters.
    pub parameters: Vec<(String, streamfold_learn::params::ParamValue)>,
}

/// The answers.
#[derive(Clone, Debug)]
pub struct OutputPlan {
    /// How they are written.
    pub format: FormatPlan,
    /// Fields of the event that are repeated in the answer.
    pub include: Vec<String>,
    /// Headers of the event that are repeated in the answer.
    pub headers: Vec<String>,
    /// Whether the scores of all classes are written (classification).
    pub scores: bool,
    /// How many items are recommended (recommendation).
    pub items: usize,
    /// How many steps are foretold (forecasting).
    pub steps: usize,
}

/// The metrics.
#[derive(Clone, Debug)]
pub struct MetricsPlan {
    /// A record of metrics is written after so many scored events.
    pub every_events: u64,
    /// Size of the sliding window.
    pub window_events: usize,
}

/// What becomes of bad records.
#[derive(Clone, Debug)]
pub struct DeadLetterPlan {
    /// The pipeline stops when more than this share of the last [`DeadLetterPlan::window_records`] was bad.
    pub fraction_max: f64,
    /// See there; the share is not looked at before so many records were read.
    pub window_records: usize,
    /// A record larger than this is replaced by a pointer to where it lies.
    pub record_bytes_max: usize,
}

/// Bounds of memory; every one is per lane.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Records that are read ahead, in all partitions together.
    pub queue_bytes_max: usize,
    /// Answers that wait for the next commit.
    pub pending_bytes_max: usize,
    /// State that one commit may carry.
    pub checkpoint_bytes_per_commit_max: usize,
    /// Size of one state record.
    pub checkpoint_part_bytes_max: usize,
}

/// Intervals; tuning only.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Between commits.
    pub commit_interval_ms: i64,
    /// Between checkpoints.
    pub checkpoint_interval_ms: i64,
    /// How long a partition without records is waited for, once its end is reached.
    pub idle_wait_ms: i64,
    /// How long draining may take.
    pub shutdown_timeout_ms: i64,
    /// How often offsets of idle partitions are committed again, so that Kafka does not let them expire.
    pub recommit_interval_ms: i64,
}

impl Plan {
    /// `<prefix><name>`: the consumer group, and the start of every name that the pipeline owns.
    pub fn group(&self) -> String {
        format!("{}{}", self.prefix, self.name)
    }

    /// Name of a topic (or transactional id) that the pipeline owns in this generation.
    pub fn owned(&self, generation: u32, role: &str) -> String {
        format!("{}{}.{generation}.{role}", self.prefix, self.name)
    }

    /// Number of classes known from the start.
    pub fn classes(&self) -> &[String] {
        self.label.as_ref().map_or(&[], |label| &label.classes)
    }

    /// Whether labels come on a topic of their own.
    pub fn joins_labels(&self) -> bool {
        self.label.as_ref().is_some_and(|label| label.joined)
    }

    /// Fingerprint of everything that changes meaning.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for (key, value) in &self.meaning {
            for text in [key, value] {
                hash.update(&(text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
        }
        hash.digest()
    }
}

/// What a lane is built from besides the plan: everything that reads, writes and learns, fresh.
pub struct Parts {
    /// For each input its decoder.
    pub decoders: Vec<Box<dyn Decode>>,
    /// Writes the answers.
    pub encoder: Box<dyn Encode>,
    /// Writes the metrics (JSON).
    pub metrics_encoder: Box<dyn Encode>,
    /// The model with its preparation.
    pub model: AnyModel,
}

/// Options of a format, as the file gives them.
type FormatOptions = [(String, String)];
/// Builds a decoder for these fields with these options, or says what is wrong with the options.
type DecoderBuilder = dyn Fn(&RowSchema, &FormatOptions) -> Result<Box<dyn Decode>, String> + Send + Sync;
/// Builds an encoder with these options for records of these columns, or says what is wrong with the options.
type EncoderBuilder = dyn Fn(&[String], &FormatOptions) -> Result<Box<dyn Encode>, String> + Send + Sync;

/// A format that pipelines can name.
#[derive(Clone)]
pub struct CatalogFormat {
    name: &'static str,
    options: Vec<&'static str>,
    decoder: Arc<DecoderBuilder>,
    encoder: Arc<EncoderBuilder>,
}

impl CatalogFormat {
    /// A format by its name, the names of its options, and what builds its decoders and encoders.
    pub fn new<E: Display>(
        name: &'static str,
        options: impl IntoIterator<Item = &'static str>,
        decoder: impl Fn(&RowSchema, &FormatOptions) -> Result<Box<dyn Decode>, E> + Send + Sync + 'static,
        encoder: impl Fn(&[String], &FormatOptions) -> Result<Box<dyn Encode>, E> + Send + Sync + 'static,
    ) -> Self {
        CatalogFormat {
            name,
            options: options.into_iter().collect(),
            decoder: Arc::new(move |schema, options| {
                decoder(schema, options).map_err(|error| error.to_string())
            }),
            encoder: Arc::new(move |columns, options| {
                encoder(columns, options).map_err(|error| error.to_string())
            }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// What pipelines can name: the one place where registries meet. The binary fills it.
#[derive(Clone)]
pub struct Catalog {
    /// The formats; one of them is `json`.
    pub formats: Vec<CatalogFormat>,
}

/// The plan, shared by all lanes.
pub type SharedPlan = Arc<Plan>;

//! Every key of the pipeline file, declared once: validation, suggestions, the reference page and the JSON schema
//! follow from it.
//!
//! To add a key: its constant, and its place in the section's slice.

pub use super::key::{Effect, Key, Kind, Presence, Section};
use streamfold_flow::schema::TimeNotation;

/// Every section, in the order of the reference page.
pub const SECTIONS: &[Section] = &[
    TOP,
    KAFKA,
    KAFKA_CONSUMER,
    KAFKA_PRODUCER,
    INPUT,
    FEATURES,
    LABEL,
    MODEL,
    OUTPUT,
    METRICS,
    DEAD_LETTERS,
    LIMITS,
    TIMING,
];

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const KIB: i64 = 1 << 10;
const MIB: i64 = 1 << 20;
const TIB: i64 = 1 << 40;

/// The keys above all sections.
pub const TOP: Section = Section {
    path: "",
    doc: "The pipeline as a whole. These keys stand above the first section.",
    keys: &[&[NAME, PREFIX, LANES, SEED, DELIVERY]],
    open: None,
};

pub const NAME: Key = Key {
    name: "name",
    kind: Kind::Name,
    presence: Presence::Required,
    effect: Effect::Identity,
    doc: "The pipeline's name. With `prefix` in front it is the consumer group and the start of every name that the \
          pipeline owns in Kafka: `<prefix><name>.<generation>.<role>`.",
};

pub const PREFIX: Key = Key {
    name: "prefix",
    kind: Kind::Prefix,
    presence: Presence::Default("\"\""),
    effect: Effect::Identity,
    doc: "Put before every name that the pipeline owns, so that one prefixed grant covers all of them.",
};

pub const LANES: Key = Key {
    name: "lanes",
    kind: Kind::Integer(1, 4096),
    presence: Presence::Default("1"),
    effect: Effect::Meaning,
    doc: "Number of lanes: folds that run side by side, each with a model of its own. Lane *i* reads the partitions \
          whose number leaves the remainder *i* when divided by `lanes`; no input may have fewer partitions than there are lanes.",
};

pub const SEED: Key = Key {
    name: "seed",
    kind: Kind::Integer(0, i64::MAX),
    presence: Presence::Default("0"),
    effect: Effect::Meaning,
    doc: "Seed of everything that is random in models.",
};

pub const DELIVERY: Key = Key {
    name: "delivery",
    kind: Kind::Choice(&["exactly_once", "at_least_once"]),
    presence: Presence::Default("\"exactly_once\""),
    effect: Effect::Operation,
    doc: "`exactly_once`: answers, dead letters and metrics are a part of the commits, and readers under `read_committed` see \
          each once, after the commit. `at_least_once`: they go out at once, outside of transactions, which saves the wait for the commit \
          (up to `timing.commit_interval`). After a crash the last of them may be there twice, and with several partitions the second can differ \
          from the first. Journal, state and offsets commit in transactions all the same: the model is what the journal says.",
};

/// Properties of Kafka's clients.
pub const KAFKA: Section = Section {
    path: "kafka",
    doc: "Properties of Kafka's clients under their own names (those of librdkafka), passed through as they are. \
          Without `\"bootstrap.servers\"` the pipeline runs on the embedded broker, whose log lies in a folder beside the file. `${env:NAME}` stands for an environment variable, so that secrets stay out of the file. \
          What the pipeline itself decides, such as `group.id`, is refused.",
    keys: &[],
    open: Some("any Kafka property"),
};

/// Properties of consumers only.
pub const KAFKA_CONSUMER: Section = Section {
    path: "kafka.consumer",
    doc: "Properties for consumers only, over those of `[kafka]`.",
    keys: &[],
    open: Some("any Kafka property"),
};

/// Properties of producers only.
pub const KAFKA_PRODUCER: Section = Section {
    path: "kafka.producer",
    doc: "Properties for producers only, over those of `[kafka]`.",
    keys: &[],
    open: Some("any Kafka property"),
};

/// A topic of events.
pub const INPUT: Section = Section {
    path: "input.<name>",
    doc: "A topic of events, under a name of its own. There may be several; their order in the file decides which event \
          comes first where event times are equal.",
    keys: &[&[TOPIC], READING],
    open: None,
};

/// How an input is read: in `[input.<name>]`, and in `[label]` where labels come on a topic of their own.
pub const READING: &[Key] = &[FORMAT, KEY, TIME, TIME_FORMAT, TIME_AHEAD_MAX, START, PARTITIONED_BY, TYPES];

pub const TOPIC: Key = Key {
    name: "topic",
    kind: Kind::Topic,
    presence: Presence::Required,
    effect: Effect::Meaning,
    doc: "The topic that is read.",
};

pub const FORMAT: Key = Key {
    name: "format",
    kind: Kind::Format,
    presence: Presence::Default("\"json\""),
    effect: Effect::Meaning,
    doc: "How the records' values are written: the name of a format, or a table with `kind` and the format's options, as \
          `{ kind = \"csv\", delimiter = \";\" }`.",
};

pub const KEY: Key = Key {
    name: "key",
    kind: Kind::Field,
    presence: Presence::Otherwise("the record's key"),
    effect: Effect::Meaning,
    doc: "The field by which a label finds its event. Only read where labels come on a topic of their own.",
};

pub const TIME: Key = Key {
    name: "time",
    kind: Kind::Field,
    presence: Presence::Otherwise("the record's timestamp"),
    effect: Effect::Meaning,
    doc: "The field with the event time, by which records of several partitions and topics are put in order.",
};

const TIME_NOTATIONS: [&str; TimeNotation::NAMES.len()] = {
    let mut names = [""; TimeNotation::NAMES.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = TimeNotation::NAMES[i].0;
        i += 1;
    }
    names
};

pub const TIME_FORMAT: Key = Key {
    name: "time_format",
    kind: Kind::Choice(&TIME_NOTATIONS),
    presence: Presence::Default("\"auto\""),
    effect: Effect::Meaning,
    doc: "How the event time is written. `auto` looks at each value: text by its form, numbers by their size.",
};

pub const TIME_AHEAD_MAX: Key = Key {
    name: "time_ahead_max",
    kind: Kind::Duration(0, 36_500 * DAY),
    presence: Presence::Default("\"1h\""),
    effect: Effect::Meaning,
    doc: "A record whose event time lies further ahead than this is a bad record: with the time in a field, ahead of the \
          record's own timestamp; otherwise, ahead of the clock.",
};

pub const START: Key = Key {
    name: "start",
    kind: Kind::Start,
    presence: Presence::Default("\"earliest\""),
    effect: Effect::Meaning,
    doc: "Where a new generation starts to read: `earliest`, `latest`, or a time with its offset from UTC such as \
          `2013-01-01T00:00:00Z` (the first record whose timestamp is at least that).",
};

pub const PARTITIONED_BY: Key = Key {
    name: "partitioned_by",
    kind: Kind::Field,
    presence: Presence::Otherwise("nothing is known about the partitions"),
    effect: Effect::Operation,
    doc: "Declares that producers choose the partition by this field (or by the record's key: `\"key\"`), all of them with the \
          same partitioner. Needed where several lanes join labels: an event and its label have to lie in partitions of the same number.",
};

pub const TYPES: Key = Key {
    name: "types",
    kind: Kind::Types,
    presence: Presence::Default("{}"),
    effect: Effect::Meaning,
    doc: "Types of fields whose use does not tell it, as `{ paid = \"boolean\" }`: `number`, `integer`, `boolean`, `time`, or `scalar` \
          (any scalar, as its text). Without it numeric features are numbers and fields that are only repeated in the answer are scalars.",
};

/// What the model sees.
pub const FEATURES: Section = Section {
    path: "features",
    doc: "What the model sees: fields of the events. A feature that is missing in a record is missing, no fault. Every event \
          input is looked at for every feature.",
    keys: &[&[NUMERIC, CATEGORICAL], TEXTS],
    open: None,
};

pub const NUMERIC: Key = Key {
    name: "numeric",
    kind: Kind::Fields,
    presence: Presence::Default("[]"),
    effect: Effect::Meaning,
    doc: "Fields that are numbers. Truth values count as 0 and 1 where `types` declares them.",
};

pub const CATEGORICAL: Key = Key {
    name: "categorical",
    kind: Kind::Fields,
    presence: Presence::Default("[]"),
    effect: Effect::Meaning,
    doc: "Fields that are categories: texts, numbers or truth values, compared by their text.",
};

const TEXTS: &[Key] = &[TEXT, TEXT_UNIT, TEXT_NGRAM_MIN, TEXT_NGRAM_MAX, TEXT_BITS];

pub const TEXT: Key = Key {
    name: "text",
    kind: Kind::Fields,
    presence: Presence::Default("[]"),
    effect: Effect::Meaning,
    doc: "Fields that are texts. The model sees how often each n-gram occurs in them, hashed to 2^`text_bits` places for each \
          field; `tf_idf` in `model.prepare` weighs rare ones up.",
};

pub const TEXT_UNIT: Key = Key {
    name: "text_unit",
    kind: Kind::Choice(&["word", "character"]),
    presence: Presence::Default("\"word\""),
    effect: Effect::Meaning,
    doc: "What n-grams are made of: words (runs of letters, digits and underscores) or characters, in lower case.",
};

pub const TEXT_NGRAM_MIN: Key = Key {
    name: "text_ngram_min",
    kind: Kind::Integer(1, 8),
    presence: Presence::Default("1"),
    effect: Effect::Meaning,
    doc: "Words or characters in the shortest n-gram.",
};

pub const TEXT_NGRAM_MAX: Key = Key {
    name: "text_ngram_max",
    kind: Kind::Integer(1, 8),
    presence: Presence::Otherwise("`text_ngram_min`"),
    effect: Effect::Meaning,
    doc: "Words or characters in the longest n-gram.",
};

pub const TEXT_BITS: Key = Key {
    name: "text_bits",
    kind: Kind::Integer(4, 24),
    presence: Presence::Default("18"),
    effect: Effect::Meaning,
    doc: "N-grams of each field are hashed to 2^`text_bits` places (18 is Vowpal Wabbit's default). Models keep weights for all of them: \
          more bits cost memory, fewer let n-grams collide.",
};

/// Where the truth comes from.
pub const LABEL: Section = Section {
    path: "label",
    doc: "Where the truth comes from: a field of the event itself or, with `topic`, records of another topic that find their \
          event by key. Models that find clusters have none.",
    keys: &[&[FIELD, LABEL_TOPIC], LABEL_MEANING, WAITING, READING],
    open: None,
};

pub const FIELD: Key = Key {
    name: "field",
    kind: Kind::Field,
    presence: Presence::Required,
    effect: Effect::Meaning,
    doc: "The field with the label: a number for regression; for classification a text, number or truth value.",
};

pub const LABEL_TOPIC: Key = Key {
    name: "topic",
    kind: Kind::Topic,
    presence: Presence::Otherwise("the label is in the event itself"),
    effect: Effect::Meaning,
    doc: "The topic on which labels come. A record there with a null value takes the label back.",
};

/// What labels mean, wherever they come from.
pub const LABEL_MEANING: &[Key] = &[CLASSES, POSITIVE, CLASSES_MAX];

/// How labels on a topic of their own are waited for.
pub const WAITING: &[Key] =
    &[WAIT, ON_TIMEOUT, LEARN, LEARN_CHANGES, WAITING_ROWS_MAX, WAITING_BYTES_MAX, WHEN_FULL];

pub const CLASSES: Key = Key {
    name: "classes",
    kind: Kind::Classes,
    presence: Presence::Default("[]"),
    effect: Effect::Meaning,
    doc: "Classes known from the start, in this order. Others are added as they appear.",
};

pub const POSITIVE: Key = Key {
    name: "positive",
    kind: Kind::Class,
    presence: Presence::Otherwise("the second class"),
    effect: Effect::Meaning,
    doc: "The class that F1 and ROC AUC speak of. Where it is given, the answer has its probability as `score`.",
};

pub const CLASSES_MAX: Key = Key {
    name: "classes_max",
    kind: Kind::Integer(2, 10_000),
    presence: Presence::Otherwise("100, or as many as the model can tell apart if these are fewer"),
    effect: Effect::Meaning,
    doc: "Most classes that are told apart. A record with one more is a bad record.",
};

pub const WAIT: Key = Key {
    name: "wait",
    kind: Kind::Duration(1, 3_650 * DAY),
    presence: Presence::Otherwise("needed with `topic`"),
    effect: Effect::Meaning,
    doc: "How long, in event time, an event waits for its label.",
};

pub const ON_TIMEOUT: Key = Key {
    name: "on_timeout",
    kind: Kind::OnTimeout,
    presence: Presence::Default("\"drop\""),
    effect: Effect::Meaning,
    doc: "What is learnt when the wait is over without a label: nothing (`drop`), or this label.",
};

pub const LEARN: Key = Key {
    name: "learn",
    kind: Kind::Choice(&["arrival", "wait_over"]),
    presence: Presence::Default("\"arrival\""),
    effect: Effect::Meaning,
    doc: "When a label is learnt: when it arrives, or when the event's wait is over, with what the label is by then.",
};

pub const LEARN_CHANGES: Key = Key {
    name: "learn_changes",
    kind: Kind::Boolean,
    presence: Presence::Default("false"),
    effect: Effect::Meaning,
    doc: "Whether a label that changes within the wait is learnt again. Only with `learn = \"arrival\"`.",
};

pub const WAITING_ROWS_MAX: Key = Key {
    name: "waiting_rows_max",
    kind: Kind::Integer(1, 1_000_000_000),
    presence: Presence::Default("1_000_000"),
    effect: Effect::Meaning,
    doc: "Most events, and labels that came before their event, that a lane keeps.",
};

pub const WAITING_BYTES_MAX: Key = Key {
    name: "waiting_bytes_max",
    kind: Kind::Size(MIB, TIB),
    presence: Presence::Default("\"256MiB\""),
    effect: Effect::Meaning,
    doc: "Most memory that these may take in a lane.",
};

pub const WHEN_FULL: Key = Key {
    name: "when_full",
    kind: Kind::Choice(&["expire_oldest", "drop_newest", "stop"]),
    presence: Presence::Default("\"expire_oldest\""),
    effect: Effect::Meaning,
    doc: "What happens beyond these bounds: the event whose wait ends first is treated as if it were over, the new event is \
          predicted but not remembered, or the pipeline stops.",
};

/// The model.
pub const MODEL: Section = Section {
    path: "model",
    doc: "The model, and what prepares its features. `streamfold models` lists models and transformers with their parameters.",
    keys: &[&[MODEL_KIND, PREPARE, ACTIONS]],
    open: Some(
        "the model's own parameters; one that is itself a model is a name, or a table with `kind`, its parameters and its \
         `prepare`, as `[model.of]`",
    ),
};

pub const MODEL_KIND: Key = Key {
    name: "kind",
    kind: Kind::Model,
    presence: Presence::Required,
    effect: Effect::Meaning,
    doc: "The model's name.",
};

pub const PREPARE: Key = Key {
    name: "prepare",
    kind: Kind::Stages,
    presence: Presence::Otherwise(
        "what the model needs: `one_hot` where it cannot read categorical features itself",
    ),
    effect: Effect::Meaning,
    doc: "Transformers before the model, in their order: names, or tables with `kind` and parameters, as \
          `[\"standard_scaler\", { kind = \"hashing\", bits = 12 }]`.",
};

pub const ACTIONS: Key = Key {
    name: "actions",
    kind: Kind::Classes,
    presence: Presence::Otherwise("none: only a bandit has actions, and needs them"),
    effect: Effect::Meaning,
    doc: "The actions that a bandit chooses from, in this order, as `[\"red\", \"blue\"]`.",
};

/// The answers.
pub const OUTPUT: Section = Section {
    path: "output",
    doc: "The answers: one record for each event, with the event's key, partition (where counts match) and timestamp.",
    keys: &[&[OUTPUT_TOPIC, OUTPUT_FORMAT, INCLUDE, HEADERS, SCORES, ITEMS, STEPS]],
    open: None,
};

pub const OUTPUT_TOPIC: Key = Key {
    name: "topic",
    kind: Kind::Topic,
    presence: Presence::Otherwise("`<prefix><name>.<generation>.predictions`"),
    effect: Effect::Operation,
    doc: "The topic of the predictions.",
};

pub const OUTPUT_FORMAT: Key = Key {
    name: "format",
    kind: Kind::Format,
    presence: Presence::Default("\"json\""),
    effect: Effect::Meaning,
    doc: "How they are written; see `format` of an input.",
};

pub const INCLUDE: Key = Key {
    name: "include",
    kind: Kind::Fields,
    presence: Presence::Default("[]"),
    effect: Effect::Meaning,
    doc: "Fields of the event that are repeated in the answer. `_rest` stands for all fields that the pipeline does not read: they are \
          kept as they came, together in a text that is a JSON object.",
};

/// In `include`: the fields that are not declared.
pub const REST: &str = "_rest";

pub const HEADERS: Key = Key {
    name: "headers",
    kind: Kind::Headers,
    presence: Presence::Default("[]"),
    effect: Effect::Meaning,
    doc: "Headers of the event that are repeated in the answer.",
};

pub const SCORES: Key = Key {
    name: "scores",
    kind: Kind::Boolean,
    presence: Presence::Default("false"),
    effect: Effect::Meaning,
    doc: "Whether the scores of all classes are written. Only for classification.",
};

pub const ITEMS: Key = Key {
    name: "items",
    kind: Kind::Integer(1, 1_000),
    presence: Presence::Default("10"),
    effect: Effect::Meaning,
    doc: "How many items are recommended. Only for recommendation.",
};

pub const STEPS: Key = Key {
    name: "steps",
    kind: Kind::Integer(1, 10_000),
    presence: Presence::Default("1"),
    effect: Effect::Meaning,
    doc: "How many steps are foretold, the event's own first. Only for forecasting.",
};

/// The metrics.
pub const METRICS: Section = Section {
    path: "metrics",
    doc: "How well the model does: every event is scored by a state that has not seen it.",
    keys: &[&[METRICS_TOPIC, EVERY_EVENTS, WINDOW_EVENTS]],
    open: None,
};

pub const METRICS_TOPIC: Key = Key {
    name: "topic",
    kind: Kind::Topic,
    presence: Presence::Otherwise("`<prefix><name>.<generation>.metrics`"),
    effect: Effect::Operation,
    doc: "The topic of the metrics (JSON).",
};

pub const EVERY_EVENTS: Key = Key {
    name: "every_events",
    kind: Kind::Integer(1, 1_000_000_000),
    presence: Presence::Default("1000"),
    effect: Effect::Meaning,
    doc: "A record of metrics is written after so many scored events.",
};

pub const WINDOW_EVENTS: Key = Key {
    name: "window_events",
    kind: Kind::Integer(1, 10_000_000),
    presence: Presence::Default("1_000"),
    effect: Effect::Meaning,
    doc: "Size of the sliding window, in scored events.",
};

/// Bad records.
pub const DEAD_LETTERS: Section = Section {
    path: "dead_letters",
    doc: "What becomes of bad records: they are written to a topic of their own with their original bytes, in the same \
          transaction as everything else.",
    keys: &[&[DEAD_LETTERS_TOPIC, FRACTION_MAX, WINDOW_RECORDS, RECORD_BYTES_MAX]],
    open: None,
};

pub const DEAD_LETTERS_TOPIC: Key = Key {
    name: "topic",
    kind: Kind::Topic,
    presence: Presence::Otherwise("`<prefix><name>.<generation>.dead-letters`"),
    effect: Effect::Operation,
    doc: "The topic of bad records.",
};

pub const FRACTION_MAX: Key = Key {
    name: "fraction_max",
    kind: Kind::Number(0.0, 1.0),
    presence: Presence::Default("0.1"),
    effect: Effect::Operation,
    doc: "The pipeline stops when more than this share of the last `window_records` was bad. 1 never stops it.",
};

pub const WINDOW_RECORDS: Key = Key {
    name: "window_records",
    kind: Kind::Integer(1, 10_000_000),
    presence: Presence::Default("1000"),
    effect: Effect::Operation,
    doc: "See `fraction_max`. The share is not looked at before so many records were read.",
};

pub const RECORD_BYTES_MAX: Key = Key {
    name: "record_bytes_max",
    kind: Kind::Size(KIB, 1 << 30),
    presence: Presence::Default("\"900KiB\""),
    effect: Effect::Operation,
    doc: "A bad record larger than this is replaced by a pointer to where it lies, with its checksum. Keep it below the \
          topic's `max.message.bytes`.",
};

/// Bounds of memory.
pub const LIMITS: Section = Section {
    path: "limits",
    doc: "Bounds of memory, each for one lane. `streamfold check` shows their sum.",
    keys: &[&[
        QUEUE_BYTES_MAX,
        PENDING_BYTES_MAX,
        CHECKPOINT_BYTES_PER_COMMIT_MAX,
        CHECKPOINT_PART_BYTES_MAX,
    ]],
    open: None,
};

pub const QUEUE_BYTES_MAX: Key = Key {
    name: "queue_bytes_max",
    kind: Kind::Size(MIB, TIB),
    presence: Presence::Default("\"64MiB\""),
    effect: Effect::Operation,
    doc: "Records that are read ahead, in all partitions of the lane together.",
};

pub const PENDING_BYTES_MAX: Key = Key {
    name: "pending_bytes_max",
    kind: Kind::Size(MIB, TIB),
    presence: Presence::Default("\"64MiB\""),
    effect: Effect::Operation,
    doc: "Answers that wait for the next commit. The lane pauses where they are more.",
};

pub const CHECKPOINT_BYTES_PER_COMMIT_MAX: Key = Key {
    name: "checkpoint_bytes_per_commit_max",
    kind: Kind::Size(64 * KIB, 1 << 30),
    presence: Presence::Default("\"4MiB\""),
    effect: Effect::Operation,
    doc: "State that one commit may carry. A larger checkpoint is spread over several commits.",
};

pub const CHECKPOINT_PART_BYTES_MAX: Key = Key {
    name: "checkpoint_part_bytes_max",
    kind: Kind::Size(KIB, 1 << 30),
    presence: Presence::Default("\"512KiB\""),
    effect: Effect::Operation,
    doc: "Size of one record of state. Keep it below the cluster's `message.max.bytes`.",
};

/// Intervals.
pub const TIMING: Section = Section {
    path: "timing",
    doc: "Intervals on the clock. They are tuning and never change a result.",
    keys: &[&[COMMIT_INTERVAL, CHECKPOINT_INTERVAL, IDLE_WAIT, SHUTDOWN_TIMEOUT, RECOMMIT_INTERVAL]],
    open: None,
};

pub const COMMIT_INTERVAL: Key = Key {
    name: "commit_interval",
    kind: Kind::Duration(1, 60 * SECOND),
    presence: Presence::Default("\"100ms\""),
    effect: Effect::Operation,
    doc: "Between commits, and so how long an answer waits until others can read it.",
};

pub const CHECKPOINT_INTERVAL: Key = Key {
    name: "checkpoint_interval",
    kind: Kind::Duration(1, DAY),
    presence: Presence::Default("\"10s\""),
    effect: Effect::Operation,
    doc: "Between checkpoints, and so how much has to be folded again after a crash.",
};

pub const IDLE_WAIT: Key = Key {
    name: "idle_wait",
    kind: Kind::Duration(0, DAY),
    presence: Presence::Default("\"0s\""),
    effect: Effect::Operation,
    doc: "How long a partition without records is waited for, once its end is reached, before later events of others are folded.",
};

pub const SHUTDOWN_TIMEOUT: Key = Key {
    name: "shutdown_timeout",
    kind: Kind::Duration(0, HOUR),
    presence: Presence::Default("\"30s\""),
    effect: Effect::Operation,
    doc: "How long draining may take after SIGTERM.",
};

pub const RECOMMIT_INTERVAL: Key = Key {
    name: "recommit_interval",
    kind: Kind::Duration(SECOND, 7 * DAY),
    presence: Presence::Default("\"1h\""),
    effect: Effect::Operation,
    doc: "How often offsets of idle partitions are committed again, so that Kafka does not let them expire.",
};

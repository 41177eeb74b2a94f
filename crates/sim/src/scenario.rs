//! What a seed stands for: a pipeline with its limits and intervals, and how the world around it behaves.

use crate::random::Random;
use std::sync::Arc;
use streamfold_engine::plan::{
    DeadLetterPlan, Delivery, FormatPlan, InputPlan, KafkaProperties, LabelPlan, LearnAt, Limits,
    MetricsPlan, ModelPlan, NamedParameters, OnTimeout, OutputPlan, OutputTopics, Plan, Role, Start,
    TextPlan, Timing, TopicName, WhenFull,
};
use streamfold_flow::schema::{FieldSpec, FieldType, RowSchema, TimeNotation};
use streamfold_learn::features::Schema;
use streamfold_learn::model::Task;
use streamfold_learn::prepare::text::{TextHasher, Unit};

/// The moment at which every simulated world begins.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

/// How the world behaves; each probability is per mille of the scheduler's steps (or of the calls it concerns).
#[derive(Clone, Debug)]
pub struct Weather {
    /// Processes that are started.
    pub processes: usize,
    /// Most milliseconds that the clock moves in one step.
    pub step_ms_max: i64,
    /// A process dies.
    pub crash: u64,
    /// A process stops talking to the group, but goes on folding and committing.
    pub deaf: u64,
    /// A process stands still for a while, and goes on as if nothing had happened.
    pub pause: u64,
    /// The broker cannot be reached for a while.
    pub outage: u64,
    /// Lanes are handed out anew.
    pub rebalance: u64,
    /// A commit's call fails, and the commit is aborted.
    pub abort: u64,
    /// A commit's answer is lost; the request may have arrived, may arrive later, or never.
    pub lost_answer: u64,
    /// Markers are written late: only in so many of a thousand steps of the broker.
    pub markers: u64,
    /// The state topic is compacted.
    pub compaction: u64,
    /// The group's offsets expire.
    pub expiry: u64,
    /// A tick shows an earlier time than the one before.
    pub clock_back: u64,
    /// A process's clock is off by at most so much.
    pub clock_skew_ms: i64,
    /// Most records in one fetch.
    pub fetch_records_max: i64,
    /// A member is expelled when nothing was heard of it for so long.
    pub session_timeout_ms: i64,
    /// A transaction is aborted when it has been open for so long.
    pub transaction_timeout_ms: i64,
}

/// What the events are like.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Number of events.
    pub events: usize,
    /// Records written before the first process starts, in percent.
    pub up_front_percent: u64,
    /// Milliseconds of event time between events.
    pub step_ms: i64,
    /// Most that an event's time is out of order.
    pub jitter_ms: i64,
    /// Share of bad records, null values and the like, in per mille.
    pub odd: u64,
    /// Share of batches that are written in a transaction, in per mille.
    pub transactional: u64,
    /// Share of those that are aborted, in per mille.
    pub aborted: u64,
    /// Share of events whose label never comes (where labels are joined), in per mille.
    pub unlabelled: u64,
    /// Number of different keys.
    pub keys: u64,
}

/// A whole scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The pipeline.
    pub plan: Arc<Plan>,
    /// Number of partitions of each input.
    pub partitions: Vec<i32>,
    /// Number of partitions of each output.
    pub output_partitions: i32,
    /// Everything is there at the start, and is folded in strict order up to its end.
    pub bounded: bool,
    /// The events.
    pub traffic: Traffic,
    /// The world.
    pub weather: Weather,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn new(random: &mut Random) -> Scenario {
        let partitions = random.range(1, 4) as i32;
        let lanes = if partitions > 1 && random.per_mille(500) { 2 } else { 1 };
        let bounded = random.per_mille(250);
        let step_ms = random.scaled(1, 40);
        let mut plan = plan(random, lanes, step_ms);
        let output_partitions = if random.per_mille(700) { partitions } else { random.range(1, 4) as i32 };
        if random.per_mille(200) {
            plan.delivery = Delivery::AtLeastOnce;
        }
        Scenario {
            partitions: vec![partitions; plan.inputs.len()],
            output_partitions,
            plan: Arc::new(plan),
            bounded,
            traffic: traffic(random, bounded),
            weather: weather(random, step_ms),
        }
    }
}

impl Scenario {
    /// What people want to know of it when it went wrong.
    pub fn describe(&self) -> Vec<String> {
        let Plan { lanes, task, model, label, limits, timing, inputs, .. } = self.plan.as_ref();
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        vec![
            format!(
                "{lanes} lanes, inputs {names:?} of {:?} partitions, bounded: {}",
                self.partitions, self.bounded
            ),
            format!("{task:?} by {} behind {} transformers", model.model.name, model.prepare.len()),
            format!("{label:?}"),
            format!("{limits:?}"),
            format!("{timing:?}"),
            format!("{:?}", self.traffic),
            format!("{:?}", self.weather),
        ]
    }
}

/// Each fault is there in about half of the seeds, at a rate of its own: what is rare together is found so.
fn weather(random: &mut Random, step_ms: i64) -> Weather {
    let mut rate = |max: i64| if random.per_mille(500) { random.scaled(1, max) as u64 } else { 0 };
    let (crash, deaf, pause, outage, rebalance) = (rate(8), rate(5), rate(5), rate(5), rate(10));
    let (abort, lost_answer, compaction, expiry, clock_back) =
        (rate(200), rate(200), rate(20), rate(2), rate(300));
    Weather {
        processes: random.pick(&[1, 2, 2, 3]),
        step_ms_max: step_ms,
        crash,
        deaf,
        pause,
        outage,
        rebalance,
        abort,
        lost_answer,
        compaction,
        expiry,
        clock_back,
        markers: random.pick(&[1000, 1000, 300, 50]),
        clock_skew_ms: random.pick(&[0, 5, 5000]),
        fetch_records_max: random.scaled(1, 200),
        session_timeout_ms: step_ms * random.scaled(100, 1500),
        transaction_timeout_ms: step_ms * random.scaled(400, 4000),
    }
}

fn traffic(random: &mut Random, bounded: bool) -> Traffic {
    let mut rate = |max: i64| if random.per_mille(600) { random.scaled(1, max) as u64 } else { 0 };
    let (odd, transactional, aborted, unlabelled) = (rate(200), rate(700), rate(600), rate(500));
    let few = random.per_mille(250);
    let events = if few { random.scaled(1, 50) } else { random.range(50, 500) } as usize;
    Traffic {
        events,
        up_front_percent: if bounded { 100 } else { random.pick(&[0, 30, 100]) },
        step_ms: random.scaled(1, 1000),
        jitter_ms: random.pick(&[0, 0, 50, 5000]),
        odd,
        transactional,
        aborted,
        unlabelled,
        keys: random.pick(&[5, 50, u64::MAX]),
    }
}

fn plan(random: &mut Random, lanes: u32, step_ms: i64) -> Plan {
    let task = random.pick(&[Task::Regression, Task::Regression, Task::Classification, Task::Clustering]);
    let label = (task != Task::Clustering).then(|| label(random, task));
    let joined = label.as_ref().is_some_and(|label| label.joined);
    let clock_ahead_ms = random.pick(&[60_000, 3_600_000]);
    let by_field = random.per_mille(500);
    let mut inputs = vec![events(random, task, joined, by_field, clock_ahead_ms, "events")];
    if random.per_mille(250) {
        inputs.push(events(random, task, joined, by_field, clock_ahead_ms, "more-events"));
    }
    if joined {
        inputs.push(labels(random, task, by_field, clock_ahead_ms));
    }
    let mut plan = Plan {
        name: "simulated".to_owned(),
        prefix: String::new(),
        lanes,
        delivery: Delivery::ExactlyOnce,
        seed: random.next(),
        kafka: KafkaProperties::default(),
        inputs,
        features: Schema {
            numeric: vec!["x".into(), "z".into()],
            categories: vec!["c".into()],
            ..Schema::default()
        },
        task,
        label,
        model: model(random, task),
        output: OutputPlan {
            format: json(),
            include: vec!["x".to_owned(), "c".to_owned()],
            headers: vec!["trace".to_owned()],
            scores: random.per_mille(500),
            items: 10,
            steps: 1,
        },
        metrics: MetricsPlan {
            every_events: random.scaled(1, 100) as u64,
            window_events: random.scaled(2, 100) as usize,
        },
        dead_letters: DeadLetterPlan {
            fraction_max: if random.per_mille(200) { 0.3 } else { 1.0 },
            window_records: random.scaled(20, 100) as usize,
            record_bytes_max: random.pick(&[20, 1_000_000]),
        },
        limits: limits(random),
        timing: timing(random, step_ms),
        topics: OutputTopics {
            predictions: TopicName::Owned("predictions"),
            dead_letters: TopicName::Owned("dead-letters"),
            metrics: TopicName::Owned("metrics"),
        },
        meaning: vec![("model".to_owned(), format!("{task:?}"))],
    };
    if random.per_mille(200) {
        read_texts(&mut plan);
    }
    plan
}

/// The category is read as a text, too: rows then differ in length.
fn read_texts(plan: &mut Plan) {
    let hasher = TextHasher { unit: Unit::Character, shortest: 1, longest: 2, bits: 3 };
    plan.features.sparse_size = hasher.sparse_size();
    for input in &mut plan.inputs {
        let fields = input.categories.clone();
        input.texts = Some(TextPlan { hasher, fields });
    }
}

fn limits(random: &mut Random) -> Limits {
    let tiny = random.per_mille(500);
    Limits {
        queue_bytes_max: if tiny { random.scaled(1, 20_000) as usize } else { 10_000_000 },
        pending_bytes_max: if random.per_mille(500) {
            random.scaled(500, 5_000) as usize
        } else {
            10_000_000
        },
        checkpoint_bytes_per_commit_max: random.scaled(500, 20_000) as usize,
        checkpoint_part_bytes_max: random.scaled(64, 5_000) as usize,
    }
}

/// Intervals that fit to a clock that moves by `step_ms` at most with each action.
fn timing(random: &mut Random, step_ms: i64) -> Timing {
    Timing {
        commit_interval_ms: step_ms * random.scaled(1, 100),
        checkpoint_interval_ms: step_ms * random.scaled(1, 1000),
        idle_wait_ms: random.pick(&[0, 0, step_ms, step_ms * 20]),
        shutdown_timeout_ms: 30_000,
        recommit_interval_ms: step_ms * random.scaled(50, 10_000),
    }
}

fn json() -> FormatPlan {
    FormatPlan { name: "json".to_owned(), options: Vec::new() }
}

fn field(name: &str, kind: FieldType) -> FieldSpec {
    FieldSpec { name: name.to_owned(), kind }
}

fn label_type(task: Task) -> FieldType {
    match task {
        Task::Regression => FieldType::Number,
        _ => FieldType::Scalar,
    }
}

fn events(
    random: &mut Random,
    task: Task,
    joined: bool,
    by_field: bool,
    ahead_ms: i64,
    name: &str,
) -> InputPlan {
    let fields = vec![
        field("x", FieldType::Number),
        field("z", FieldType::Integer),
        field("c", FieldType::Scalar),
        field("t", FieldType::Time(TimeNotation::UnixMilliseconds)),
        field("id", FieldType::Scalar),
        field("y", label_type(task)),
    ];
    InputPlan {
        name: name.to_owned(),
        topic: name.to_owned(),
        role: Role::Events,
        format: json(),
        schema: RowSchema { fields, keep_unknown: false },
        time: by_field.then_some(3),
        key: random.per_mille(500).then_some(4),
        label: (task != Task::Clustering && !joined).then_some(5),
        numeric: vec![Some(0), random.per_mille(700).then_some(1)],
        categories: vec![Some(2)],
        texts: None,
        include: vec![Some(0), Some(2)],
        start: Start::Earliest,
        time_ahead_max_ms: ahead_ms,
    }
}

fn labels(random: &mut Random, task: Task, by_field: bool, ahead_ms: i64) -> InputPlan {
    let fields = vec![
        field("id", FieldType::Scalar),
        field("t", FieldType::Time(TimeNotation::UnixMilliseconds)),
        field("y", label_type(task)),
    ];
    InputPlan {
        name: "labels".to_owned(),
        topic: "labels".to_owned(),
        role: Role::Labels,
        format: json(),
        schema: RowSchema { fields, keep_unknown: false },
        time: by_field.then_some(1),
        key: random.per_mille(300).then_some(0),
        label: Some(2),
        numeric: vec![None, None],
        categories: vec![None],
        texts: None,
        include: vec![None, None],
        start: Start::Earliest,
        time_ahead_max_ms: ahead_ms,
    }
}

fn label(random: &mut Random, task: Task) -> LabelPlan {
    let learn_at = random.pick(&[LearnAt::Arrival, LearnAt::WaitOver]);
    let on_timeout = match (random.per_mille(500), task) {
        (true, _) => OnTimeout::Drop,
        (false, Task::Regression) => OnTimeout::Number(0.5),
        (false, _) => OnTimeout::Class("b".to_owned()),
    };
    LabelPlan {
        joined: random.per_mille(600),
        classes: match (task, random.per_mille(500)) {
            (Task::Classification, true) => vec!["a".to_owned(), "b".to_owned()],
            _ => Vec::new(),
        },
        positive: None,
        classes_max: random.pick(&[2, 10]),
        wait_ms: random.scaled(1, 100_000),
        on_timeout,
        learn_at,
        learn_changes: learn_at == LearnAt::Arrival && random.per_mille(500),
        waiting_rows_max: random.pick(&[1, 7, 100_000]),
        waiting_bytes_max: random.pick(&[600, 10_000_000]),
        when_full: random.pick(&[WhenFull::ExpireOldest, WhenFull::DropNewest]),
    }
}

fn named(name: &str) -> NamedParameters {
    NamedParameters { name: name.to_owned(), parameters: Vec::new() }
}

fn model(random: &mut Random, task: Task) -> ModelPlan {
    let name = match task {
        Task::Regression => random.pick(&["linear_regression", "recursive_least_squares"]),
        Task::Classification => "softmax_regression",
        _ => "k_means",
    };
    let mut prepare = Vec::new();
    if random.per_mille(500) {
        prepare.push(named("standard_scaler"));
    }
    if random.per_mille(500) {
        prepare.push(named("one_hot"));
    }
    ModelPlan { model: named(name), prepare, actions: Vec::new() }
}

//! What the lane's tests share: a small plan, a format of one line, and a driver that keeps the log in memory.

use arrow_array::builder::{Float64Builder, StringBuilder, TimestampMillisecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field as ArrowField, Schema as ArrowSchema, SchemaRef, TimeUnit};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use streamfold_engine::checkpoint::{Checkpoint, RestoreError};
use streamfold_engine::journal::TopicIdentity;
use streamfold_engine::lane::{Action, Event, Identity, Lane, LaneError, SOURCE_HEADER, partitions_of};
use streamfold_engine::plan::*;
use streamfold_flow::Partition;
use streamfold_flow::log::Transaction;
use streamfold_flow::record::{Headers, OutputBlock, RecordBlock, RecordRef};
use streamfold_flow::rows::{BadRecord, Decode, Decoded, Encode, Field, Value};
use streamfold_flow::schema::{FieldSpec, FieldType, RowSchema, TimeNotation};
use streamfold_learn::features::{Row, Schema};
use streamfold_learn::model::{AnyModel, Classifier, Model, Regressor, Task};
use streamfold_learn::prepare::text::{TextHasher, Unit};
use streamfold_learn::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// `time,key,x,label` of a line; an empty field is missing, a line of other than four fields is bad.
struct Lines {
    classes: bool,
}

impl Lines {
    fn columns(&self) -> SchemaRef {
        let label = if self.classes { DataType::Utf8 } else { DataType::Float64 };
        Arc::new(ArrowSchema::new(vec![
            ArrowField::new("time", DataType::Timestamp(TimeUnit::Millisecond, None), true),
            ArrowField::new("key", DataType::Utf8, true),
            ArrowField::new("x", DataType::Float64, true),
            ArrowField::new("label", label, true),
        ]))
    }
}

impl Decode for Lines {
    fn schema(&self) -> SchemaRef {
        self.columns()
    }

    fn decode(&mut self, block: &RecordBlock) -> Decoded {
        let (mut time, mut key, mut x) =
            (TimestampMillisecondBuilder::new(), StringBuilder::new(), Float64Builder::new());
        let (mut number, mut class) = (Float64Builder::new(), StringBuilder::new());
        let (mut record_of_row, mut bad, mut null) = (Vec::new(), Vec::new(), Vec::new());
        for (place, record) in block.iter().enumerate() {
            let Some(value) = record.value else {
                null.push(place as u32);
                continue;
            };
            let text = String::from_utf8_lossy(value).into_owned();
            let fields: Vec<Option<&str>> = text.split(',').map(|f| (!f.is_empty()).then_some(f)).collect();
            let &[t, k, v, l] = fields.as_slice() else {
                bad.push(BadRecord { record: place as u32, kind: "wrong_field_count", reason: text.clone() });
                continue;
            };
            record_of_row.push(place as u32);
            time.append_option(t.map(|t| t.parse().unwrap()));
            key.append_option(k);
            x.append_option(v.map(|v| v.parse().unwrap()));
            number.append_option(l.and_then(|l| l.parse().ok()));
            class.append_option(l);
        }
        let label: ArrayRef = if self.classes { Arc::new(class.finish()) } else { Arc::new(number.finish()) };
        let columns: Vec<ArrayRef> =
            vec![Arc::new(time.finish()), Arc::new(key.finish()), Arc::new(x.finish()), label];
        let rows = RecordBatch::try_new(self.columns(), columns).unwrap();
        Decoded { rows, record_of_row, bad, null }
    }
}

struct Plain;

impl Encode for Plain {
    fn encode(&mut self, fields: &[Field<'_>], out: &mut Vec<u8>) {
        for (name, value) in fields {
            let text = match value {
                Value::Numbers(numbers) => format!("{numbers:?}"),
                Value::List(numbers) => format!("{numbers:?}"),
                Value::Texts(texts) => format!("{texts:?}"),
                Value::Number(number) => format!("{:016x}", number.to_bits()),
                other => format!("{other:?}"),
            };
            out.extend_from_slice(format!("{name}={text};").as_bytes());
        }
    }
}

const WORDS: TextHasher = TextHasher { unit: Unit::Word, shortest: 1, longest: 1, bits: 12 };

/// y = w x + b, learnt by small steps: order decides its bits.
#[derive(Default)]
struct Slope {
    weight: f64,
    bias: f64,
}

impl Snapshot for Slope {
    fn save(&self, out: &mut Writer) {
        out.float(self.weight);
        out.float(self.bias);
    }
    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.weight = from.float()?;
        self.bias = from.float()?;
        Ok(())
    }
}

impl Model for Slope {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
    fn dump(&self, _schema: &Schema, _out: &mut String) {}
}

impl Regressor for Slope {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.weight * row.numeric[0] + self.bias
    }
    fn learn(&mut self, row: Row<'_>, target: f64, _weight: f64) {
        let error = self.predict(row) - target;
        self.weight -= 0.01 * error * row.numeric[0];
        self.bias -= 0.01 * error;
    }
}

/// Counts classes.
#[derive(Default)]
struct Shares(Vec<f64>);

impl Snapshot for Shares {
    fn save(&self, out: &mut Writer) {
        out.floats(&self.0);
    }
    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.0 = from.floats()?;
        Ok(())
    }
}

impl Model for Shares {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
    fn dump(&self, _schema: &Schema, _out: &mut String) {}
}

impl Classifier for Shares {
    fn predict(&self, _row: Row<'_>, scores: &mut [f64]) {
        let total: f64 = self.0.iter().sum::<f64>().max(1.0);
        for (score, count) in scores.iter_mut().zip(&self.0) {
            *score = count / total;
        }
    }
    fn learn(&mut self, _row: Row<'_>, class: usize, _weight: f64) {
        self.0.resize(self.0.len().max(class + 1), 0.0);
        self.0[class] += 1.0;
    }
}

/// What the tests turn.
#[derive(Clone)]
pub struct Setup {
    pub delivery: Delivery,
    pub joined: bool,
    pub classes: bool,
    /// A model of the registry with its task, instead of the tests' own.
    pub model: Option<(&'static str, Task)>,
    /// Whether the key is read as a text, too.
    pub texts: bool,
    pub lanes: u32,
    pub partitions: i32,
    pub label: LabelPlan,
    pub limits: Limits,
    pub timing: Timing,
    pub dead_letters: DeadLetterPlan,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            delivery: Delivery::ExactlyOnce,
            joined: false,
            classes: false,
            model: None,
            texts: false,
            lanes: 1,
            partitions: 1,
            label: LabelPlan {
                joined: false,
                classes: Vec::new(),
                positive: None,
                classes_max: 3,
                wait_ms: 100,
                on_timeout: OnTimeout::Drop,
                learn_at: LearnAt::Arrival,
                learn_changes: false,
                waiting_rows_max: 1000,
                waiting_bytes_max: 1 << 20,
                when_full: WhenFull::ExpireOldest,
            },
            limits: Limits {
                queue_bytes_max: 1 << 20,
                pending_bytes_max: 1 << 20,
                checkpoint_bytes_per_commit_max: 64,
                checkpoint_part_bytes_max: 48,
            },
            timing: Timing {
                commit_interval_ms: 10,
                checkpoint_interval_ms: 30,
                idle_wait_ms: 0,
                shutdown_timeout_ms: 1000,
                recommit_interval_ms: 1_000_000,
            },
            dead_letters: DeadLetterPlan { fraction_max: 1.0, window_records: 100, record_bytes_max: 1000 },
        }
    }
}

impl Setup {
    pub fn joined() -> Setup {
        let mut setup = Setup { joined: true, ..Setup::default() };
        setup.label.joined = true;
        setup
    }

    fn input(&self, name: &str, role: Role) -> InputPlan {
        let field = |name: &str, kind| FieldSpec { name: name.into(), kind };
        let label = if self.classes { FieldType::Scalar } else { FieldType::Number };
        InputPlan {
            name: name.into(),
            topic: name.into(),
            role,
            format: FormatPlan { name: "lines".into(), options: Vec::new() },
            schema: RowSchema {
                fields: vec![
                    field("time", FieldType::Time(TimeNotation::UnixMilliseconds)),
                    field("key", FieldType::Scalar),
                    field("x", FieldType::Number),
                    field("label", label),
                ],
                keep_unknown: false,
            },
            time: Some(0),
            key: Some(1),
            label: (role == Role::Labels || !self.joined).then_some(3),
            numeric: vec![(role == Role::Events).then_some(2)],
            categories: Vec::new(),
            texts: self
                .texts
                .then(|| TextPlan { hasher: WORDS, fields: vec![(role == Role::Events).then_some(1)] }),
            include: vec![(role == Role::Events).then_some(1)],
            start: Start::Earliest,
            time_ahead_max_ms: 1_000_000,
        }
    }

    pub fn plan(&self) -> Plan {
        let mut inputs = vec![self.input("events", Role::Events)];
        if self.joined {
            inputs.push(self.input("labels", Role::Labels));
        }
        Plan {
            name: "test".into(),
            prefix: String::new(),
            lanes: self.lanes,
            seed: 0,
            delivery: self.delivery,
            kafka: KafkaProperties::default(),
            inputs,
            features: Schema {
                numeric: vec!["x".into()],
                categories: Vec::new(),
                sparse_size: if self.texts { WORDS.sparse_size() } else { 0 },
            },
            task: match (self.model, self.classes) {
                (Some((_, task)), _) => task,
                (None, true) => Task::Classification,
                (None, false) => Task::Regression,
            },
            label: Some(self.label.clone()),
            model: ModelPlan {
                model: NamedParameters { name: "test".into(), parameters: Vec::new() },
                prepare: Vec::new(),
                actions: ["red", "blue", "none"].map(Into::into).to_vec(),
            },
            output: OutputPlan {
                format: FormatPlan { name: "plain".into(), options: Vec::new() },
                include: vec!["key".into()],
                headers: vec!["trace".into()],
                scores: true,
                items: 10,
                steps: 1,
            },
            metrics: MetricsPlan { every_events: 7, window_events: 5 },
            dead_letters: self.dead_letters.clone(),
            topics: OutputTopics {
                predictions: TopicName::Owned("predictions"),
                dead_letters: TopicName::Owned("dead-letters"),
                metrics: TopicName::Owned("metrics"),
            },
            limits: self.limits.clone(),
            timing: self.timing.clone(),
            meaning: vec![("name".into(), "test".into())],
        }
    }

    fn registered(&self) -> AnyModel {
        let entry = self.model.and_then(|(name, _)| streamfold_learn::registry::model(name)).unwrap();
        (entry.build)(&self.plan().features, &entry.values(&[]).unwrap(), 0).unwrap()
    }

    pub fn parts(&self) -> Parts {
        let model = match self.classes {
            _ if self.model.is_some() => self.registered(),
            true => AnyModel::Classifier(Box::new(Shares::default())),
            false => AnyModel::Regressor(Box::new(Slope::default())),
        };
        let decoder = || -> Box<dyn Decode> { Box::new(Lines { classes: self.classes }) };
        Parts {
            decoders: self.plan().inputs.iter().map(|_| decoder()).collect(),
            encoder: Box::new(Plain),
            metrics_encoder: Box::new(Plain),
            model,
        }
    }

    pub fn topics(&self) -> Vec<TopicIdentity> {
        let identity = |input: &InputPlan| TopicIdentity {
            name: input.topic.clone(),
            topic_id: "id".into(),
            partitions: self.partitions,
        };
        self.plan().inputs.iter().map(identity).collect()
    }

    pub fn lane(&self, run_id: u64, until: Option<BTreeMap<Partition, i64>>) -> Lane {
        let identity = Identity {
            cluster_id: "cluster".into(),
            topics: self.topics(),
            prediction_partitions: Some(self.partitions),
            lane: 0,
            generation: 1,
            run_id,
        };
        Lane::new(Arc::new(self.plan()), self.parts(), identity, until)
    }

    pub fn partitions(&self) -> Vec<Partition> {
        let inputs = if self.joined { 2 } else { 1 };
        partitions_of(0, self.lanes, &vec![self.partitions; inputs])
    }
}

/// A record of the tests' log.
#[derive(Clone, Debug)]
pub struct Stored {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

/// An answer that was committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub topic: u16,
    pub source: Option<String>,
    pub value: Option<String>,
}

/// The log in memory: inputs, and what commits left behind. Survives the lanes.
#[derive(Clone, Default)]
pub struct Log {
    pub inputs: BTreeMap<Partition, Vec<Stored>>,
    pub journal: Vec<Vec<u8>>,
    pub state: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub written: Vec<Written>,
    pub offsets: BTreeMap<Partition, i64>,
}

pub const EVENTS: Partition = Partition { input: 0, partition: 0 };
pub const LABELS: Partition = Partition { input: 1, partition: 0 };

impl Log {
    pub fn event(&mut self, partition: Partition, value: &str) {
        self.record(partition, None, Some(value.as_bytes()));
    }

    pub fn record(&mut self, partition: Partition, key: Option<&[u8]>, value: Option<&[u8]>) {
        let records = self.inputs.entry(partition).or_default();
        // Offsets have gaps, as transaction markers leave them.
        let offset = records.last().map_or(0, |last| last.offset + 1 + (last.offset % 5 == 3) as i64);
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        records.push(Stored { offset, timestamp_ms: 1_000, key, value });
    }

    pub fn apply(&mut self, transaction: &Transaction) {
        assert!(!transaction.offsets.is_empty(), "a transaction without offsets is not fenced");
        self.journal.push(transaction.journal.clone());
        self.state.extend(transaction.state.iter().cloned());
        self.offsets.extend(transaction.offsets.iter().copied());
        transaction.outputs.iter().for_each(|block| self.write(block));
    }

    pub fn write(&mut self, block: &OutputBlock) {
        for output in block.iter() {
            self.written.push(Written {
                topic: output.topic,
                source: output.headers.get(SOURCE_HEADER).map(|v| String::from_utf8_lossy(v).into_owned()),
                value: output.value.map(|v| String::from_utf8_lossy(v).into_owned()),
            });
        }
    }

    pub fn predictions(&self) -> Vec<(String, String)> {
        let predictions = self.written.iter().filter(|w| w.topic == PREDICTIONS);
        predictions.map(|w| (w.source.clone().unwrap(), w.value.clone().unwrap())).collect()
    }

    pub fn end(&self, partition: Partition) -> i64 {
        self.inputs.get(&partition).and_then(|records| records.last()).map_or(0, |last| last.offset + 1)
    }

    pub fn until_end(&self, setup: &Setup) -> BTreeMap<Partition, i64> {
        setup.partitions().into_iter().map(|partition| (partition, self.end(partition))).collect()
    }
}

/// How a commit is to end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Committed,
    Aborted,
    /// Committed, but the answer is lost.
    LostCommitted,
    /// Undone, and the answer is lost.
    LostAborted,
}

/// Drives one lane over a log.
pub struct Driver {
    pub setup: Setup,
    pub lane: Lane,
    pub read: BTreeMap<Partition, i64>,
    pub under_way: Option<Arc<Transaction>>,
    pub over: Option<Result<(), LaneError>>,
    pub restart: bool,
    pub now_ms: i64,
    pub fates: VecDeque<Fate>,
    /// Answers that go out at once and are not written yet.
    pub sends: VecDeque<(u64, Arc<OutputBlock>)>,
    recover: bool,
    paused: BTreeMap<Partition, bool>,
}

impl Driver {
    pub fn new(setup: &Setup, log: &Log, run_id: u64, until: Option<BTreeMap<Partition, i64>>) -> Driver {
        let mut lane = setup.lane(run_id, until);
        match Checkpoint::find(log.state.clone()).unwrap() {
            None if log.journal.is_empty() => {
                lane.start(&setup.partitions().into_iter().map(|p| (p, 0)).collect::<Vec<_>>());
            }
            checkpoint => lane.restore(checkpoint, log.journal.clone()).unwrap(),
        }
        let expected: BTreeMap<_, _> = log.offsets.clone();
        if !expected.is_empty() {
            assert_eq!(lane.committed_offsets().into_iter().collect::<BTreeMap<_, _>>(), expected);
        }
        Driver {
            setup: setup.clone(),
            read: lane.positions().into_iter().collect(),
            lane,
            under_way: None,
            over: None,
            restart: false,
            now_ms: 1_000,
            fates: VecDeque::new(),
            sends: VecDeque::new(),
            recover: false,
            paused: BTreeMap::new(),
        }
    }

    pub fn try_restore(setup: &Setup, log: &Log) -> Result<(), RestoreError> {
        let checkpoint = Checkpoint::find(log.state.clone()).unwrap();
        setup.lane(99, None).restore(checkpoint, log.journal.clone())
    }

    pub fn handle(&mut self, log: &mut Log, event: Event) {
        let mut actions = Vec::new();
        self.lane.handle(event, &mut actions);
        for action in actions {
            match action {
                Action::Commit(transaction) => {
                    assert!(self.under_way.is_none(), "two commits under way");
                    self.under_way = Some(transaction);
                }
                Action::Send(number, block) => self.sends.push_back((number, block)),
                Action::Recover => self.recover = true,
                Action::Pause(partition, pause) => {
                    self.paused.insert(partition, pause);
                }
                Action::Finished => self.over = Some(Ok(())),
                Action::Failed(error) => self.over = Some(Err(error)),
                Action::Restart(_) => self.restart = true,
            }
        }
        let _ = log;
    }

    /// Brings up to `count` records of a partition; an end where there are none left.
    pub fn fetch(&mut self, log: &mut Log, partition: Partition, count: usize) {
        if self.paused.get(&partition).copied().unwrap_or(false) {
            return;
        }
        let position = self.read[&partition];
        let mut block = RecordBlock::default();
        let records = log.inputs.get(&partition).cloned().unwrap_or_default();
        for record in records.iter().filter(|record| record.offset >= position).take(count) {
            block.push(RecordRef {
                offset: record.offset,
                timestamp_ms: record.timestamp_ms,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: Headers::EMPTY,
            });
        }
        if let Some(last) = block.iter().last().map(|record| record.offset) {
            self.read.insert(partition, last + 1);
            self.handle(log, Event::Records(partition, block));
        }
        if self.read[&partition] >= log.end(partition) {
            self.handle(log, Event::End(partition, log.end(partition)));
        }
    }

    /// Ends the commit under way, as fate has it.
    pub fn settle(&mut self, log: &mut Log) {
        if std::mem::take(&mut self.recover) {
            self.handle(log, Event::JournalEnd(log.journal.last().cloned()));
        }
        let Some(transaction) = self.under_way.take() else { return };
        let fate = self.fates.pop_front().unwrap_or(Fate::Committed);
        if matches!(fate, Fate::Committed | Fate::LostCommitted) {
            log.apply(&transaction);
        }
        self.handle(
            log,
            match fate {
                Fate::Committed => Event::Committed,
                Fate::Aborted => Event::Aborted,
                Fate::LostCommitted | Fate::LostAborted => Event::Unknown,
            },
        );
    }

    pub fn tick(&mut self, log: &mut Log, step_ms: i64) {
        self.now_ms += step_ms;
        self.handle(log, Event::Tick(self.now_ms));
    }

    /// One round: records of each partition, a tick, the commit's end.
    pub fn round(&mut self, log: &mut Log, count: usize) {
        for partition in self.setup.partitions() {
            self.fetch(log, partition, count);
        }
        self.tick(log, 7);
        self.send(log);
        self.settle(log);
    }

    /// Writes the oldest answers that go out at once.
    pub fn send(&mut self, log: &mut Log) {
        if let Some((number, block)) = self.sends.pop_front() {
            log.write(&block);
            self.handle(log, Event::Sent(number));
        }
    }

    /// Rounds until the lane is over.
    pub fn run(&mut self, log: &mut Log, count: usize) -> Result<(), LaneError> {
        for _ in 0..100_000 {
            if let Some(over) = &self.over {
                return over.clone();
            }
            assert!(!self.restart, "asked to restart");
            self.round(log, count);
        }
        panic!("the lane does not end");
    }

    pub fn drain(&mut self, log: &mut Log) -> Result<(), LaneError> {
        self.handle(log, Event::Drain);
        self.run(log, 3)
    }
}

//! What the producers of a scenario write, and what each record must lead to.

use crate::log::{NewRecord, Place, Topic};
use crate::random::Random;
use crate::scenario::{EPOCH_MS, Scenario, Traffic};
use streamfold_engine::plan::{Plan, Role};
use streamfold_flow::record::HeadersWriter;
use streamfold_learn::model::Task;

/// What a record of an input must lead to in the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One prediction.
    Prediction,
    /// One dead letter.
    DeadLetter,
    /// One of both: the clock or the order of other records decides.
    PredictionOrDeadLetter,
    /// At most a dead letter.
    DeadLetterOrNothing,
    /// Neither.
    Nothing,
}

/// How a batch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Without a transaction.
    Plain,
    /// In a transaction that commits.
    Committed,
    /// In a transaction that is aborted.
    Aborted,
}

/// Some records for one partition.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The partition.
    pub place: Place,
    /// The records.
    pub records: Vec<(NewRecord, Expected)>,
    /// How they are written.
    pub mode: Mode,
    /// Offsets that are left out behind them, as compaction does.
    pub gap: i64,
}

/// A record with the place in the order of writing.
struct Item {
    order: i64,
    place: Place,
    record: NewRecord,
    expected: Expected,
}

/// Everything that the producers will write, in the order in which they begin to.
pub fn script(scenario: &Scenario, random: &mut Random) -> Vec<Batch> {
    let mut writer = Writer {
        plan: &scenario.plan,
        traffic: &scenario.traffic,
        partitions: &scenario.partitions,
        // A joined label must be where its event is.
        by_key: scenario.plan.joins_labels() || random.per_mille(500),
        items: Vec::new(),
        random,
    };
    for number in 0..scenario.traffic.events {
        writer.event(number as i64);
    }
    let mut items = writer.items;
    items.sort_by_key(|item| item.order);
    batches(items, &scenario.traffic, random)
}

fn batches(items: Vec<Item>, traffic: &Traffic, random: &mut Random) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut open: Vec<(Place, usize, usize)> = Vec::new();
    for Item { place, record, expected, .. } in items {
        let at = match open.iter_mut().find(|(p, _, room)| *p == place && *room > 0) {
            Some((_, at, room)) => {
                *room -= 1;
                *at
            }
            None => {
                open.retain(|(p, _, _)| *p != place);
                open.push((place, batches.len(), random.index(10)));
                let mode = match (random.per_mille(traffic.transactional), random.per_mille(traffic.aborted))
                {
                    (false, _) => Mode::Plain,
                    (true, false) => Mode::Committed,
                    (true, true) => Mode::Aborted,
                };
                let gap = if random.per_mille(50) { random.range(1, 5) } else { 0 };
                batches.push(Batch { place, records: Vec::new(), mode, gap });
                batches.len() - 1
            }
        };
        batches[at].records.push((record, expected));
    }
    batches
}

/// Distance in the order of writing between an event and the next.
const STRIDE: i64 = 1000;

struct Writer<'a> {
    plan: &'a Plan,
    traffic: &'a Traffic,
    partitions: &'a [i32],
    by_key: bool,
    items: Vec<Item>,
    random: &'a mut Random,
}

impl Writer<'_> {
    fn event(&mut self, number: i64) {
        let inputs: Vec<u16> =
            (0..self.plan.inputs.len() as u16).filter(|i| self.input_role(*i) == Role::Events).collect();
        let input = self.random.pick(&inputs);
        let key = match self.traffic.keys {
            u64::MAX => format!("k{number}"),
            keys => format!("k{}", self.random.below(keys)),
        };
        let place = self.place(input, &key);
        let traffic = self.traffic;
        let due_ms = EPOCH_MS - (traffic.events as i64 - number) * traffic.step_ms;
        let mut time_ms = due_ms + self.random.range(-traffic.jitter_ms, traffic.jitter_ms) / 2;
        let x = self.random.range(-100, 100) as f64 / 8.0;
        let class = self.random.pick(&["a", "b", "b", "c"]);
        let label = match self.plan.task {
            Task::Classification => format!("\"{class}\""),
            _ => format!("{}", 3.0 * x + 0.25 + self.random.unit()),
        };
        let mut expected = match self.plan.task {
            Task::Classification => Expected::PredictionOrDeadLetter,
            _ => Expected::Prediction,
        };
        let mut fields = vec![
            format!("\"x\":{x}"),
            format!("\"z\":{}", self.random.range(-5, 5)),
            format!("\"c\":\"{}\"", self.random.pick(&["red", "green", "blue"])),
            format!("\"id\":\"{key}\""),
            format!("\"more\":[{number}]"),
        ];
        if self.random.per_mille(100) {
            fields.remove(self.random.index(3));
        }
        if !self.plan.joins_labels() && !self.random.per_mille(self.traffic.unlabelled) {
            fields.push(format!("\"y\":{label}"));
        }
        let odd = self.random.per_mille(self.traffic.odd);
        let mut key_bytes = Some(key.clone().into_bytes());
        let mut value = None;
        if odd {
            match self.random.below(7) {
                0 => expected = Expected::Nothing,
                1 => {
                    time_ms += self.plan.inputs[input as usize].time_ahead_max_ms * 3;
                    expected = match self.plan.inputs[input as usize].time {
                        Some(_) => Expected::DeadLetter,
                        None => Expected::PredictionOrDeadLetter,
                    };
                }
                2 => {
                    key_bytes = None;
                    fields.retain(|field| !field.starts_with("\"id\""));
                    if self.plan.joins_labels() {
                        expected = Expected::DeadLetter;
                    }
                }
                _ => {
                    value = Some(self.broken());
                    expected = Expected::DeadLetter;
                }
            }
        }
        if expected != Expected::Nothing && value.is_none() {
            fields.push(format!("\"t\":{time_ms}"));
            value = Some(format!("{{{}}}", fields.join(",")).into_bytes());
        }
        let timestamp_ms =
            if self.plan.inputs[input as usize].time.is_some() { due_ms.max(0) } else { time_ms };
        let record = NewRecord {
            timestamp_ms: Some(timestamp_ms),
            key: key_bytes,
            value,
            headers: self.headers(number),
        };
        self.items.push(Item { order: number * STRIDE, place, record, expected });
        if self.plan.joins_labels() {
            self.labels(number, &key, &label, due_ms);
        }
    }

    /// The labels of an event: one, none, several, early, late, changed, taken back.
    fn labels(&mut self, number: i64, key: &str, label: &str, due_ms: i64) {
        if self.random.per_mille(self.traffic.unlabelled) {
            return;
        }
        let copies = self.random.pick(&[1, 1, 1, 2, 3]);
        for copy in 0..copies {
            let delay = match self.random.below(4) {
                0 => -self.random.scaled(1, 20),
                1 => self.random.scaled(1, 200),
                _ => self.random.range(0, 3),
            };
            let changed = match self.plan.task {
                Task::Classification => "\"a\"".to_owned(),
                _ => format!("{}", self.random.range(-30, 30)),
            };
            let label = if copy == 0 || self.random.per_mille(500) { label } else { &changed };
            self.label(number, delay, key, label, due_ms + delay * self.traffic.step_ms);
        }
    }

    fn label(&mut self, number: i64, delay: i64, key: &str, label: &str, time_ms: i64) {
        let input = self.plan.inputs.len() as u16 - 1;
        let text = format!("{{\"id\":\"{key}\",\"y\":{label},\"t\":{time_ms}}}");
        let (value, expected) = match self.random.per_mille(self.traffic.odd) {
            // A class may be one too many; a late label of a late event may lie ahead of the clock.
            false if self.plan.task == Task::Classification || time_ms > EPOCH_MS => {
                (Some(text.into_bytes()), Expected::DeadLetterOrNothing)
            }
            false => (Some(text.into_bytes()), Expected::Nothing),
            true => match self.random.below(4) {
                0 => {
                    let text = format!("{{\"id\":\"{key}\",\"t\":{time_ms}}}");
                    (Some(text.into_bytes()), Expected::DeadLetter)
                }
                1 => (Some(self.broken()), Expected::DeadLetter),
                _ => (None, Expected::DeadLetterOrNothing),
            },
        };
        let record = NewRecord {
            timestamp_ms: Some(time_ms.max(0)),
            key: Some(key.as_bytes().to_vec()),
            value,
            headers: self.headers(number),
        };
        let order = (number + delay) * STRIDE + self.random.range(1, STRIDE - 1);
        let place = self.place(input, key);
        self.items.push(Item { order, place, record, expected });
    }

    /// A value that is no event and no label.
    fn broken(&mut self) -> Vec<u8> {
        let broken: &[u8] = self.random.pick(&[
            b"".as_slice(),
            b"no json",
            b"{\"x\":1,",
            b"[1,2]",
            b"{\"x\":\"\xff\xfe\"}",
            b"{\"t\":\"yesterday\",\"y\":true,\"x\":{}}",
        ]);
        broken.to_vec()
    }

    fn headers(&mut self, number: i64) -> Vec<u8> {
        let mut headers = HeadersWriter::default();
        if self.random.per_mille(300) {
            headers.push(b"trace", Some(number.to_string().as_bytes()));
            headers.push(b"other", None);
        }
        headers.headers().encoded().to_vec()
    }

    fn input_role(&self, input: u16) -> Role {
        self.plan.inputs[input as usize].role
    }

    fn place(&mut self, input: u16, key: &str) -> Place {
        let partitions = self.partitions[input as usize];
        let partition = match self.by_key {
            true => (streamfold_learn::features::category(key.as_bytes()) % partitions as u64) as i32,
            false => self.random.range(0, i64::from(partitions) - 1) as i32,
        };
        Place { topic: Topic::Input(input), partition }
    }
}

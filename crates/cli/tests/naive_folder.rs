//! A second, naive folder recomputes every prediction from inputs and journal, to the bit.
//!
//! It shares no code with lane and journal: it reads the journal's bytes by itself, parses events with serde_json, and
//! folds record after record. Only the model is the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use streamfold_learn::features::{Row, Schema};
use streamfold_learn::model::AnyModel;
use streamfold_testkit::{Message, broker, unique};

const FEATURES: [&str; 3] = ["a", "b", "c"];

/// Reads the bytes of a journal record from the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn unsigned(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.0[0];
            self.0 = &self.0[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    fn signed(&mut self) -> i64 {
        let value = self.unsigned();
        (value >> 1) as i64 ^ -((value & 1) as i64)
    }

    fn skip(&mut self, bytes: usize) {
        self.0 = &self.0[bytes..];
    }

    fn skip_text(&mut self) {
        let length = self.unsigned() as usize;
        self.skip(length);
    }
}

/// The order that one journal record tells: partition and number of records, run after run.
fn runs(journal: &[u8]) -> Vec<(i32, u64)> {
    let mut bytes = Bytes(journal);
    assert_eq!(bytes.unsigned(), 2, "version");
    bytes.unsigned();
    bytes.skip(8);
    bytes.unsigned();
    let has_head = bytes.0[0] == 1;
    bytes.skip(1);
    if has_head {
        bytes.skip_text();
        bytes.skip(8);
        for _ in 0..4 {
            bytes.unsigned();
        }
        for _ in 0..bytes.unsigned() {
            bytes.skip_text();
            bytes.skip_text();
            bytes.signed();
        }
        assert_eq!(bytes.unsigned(), 0, "the generation has taken no state over");
    }
    let mut partitions = Vec::new();
    for _ in 0..bytes.unsigned() {
        assert_eq!(bytes.unsigned(), 0, "there is one input");
        partitions.push(bytes.signed() as i32);
        bytes.signed();
        if bytes.unsigned() > 0 {
            bytes.signed();
            bytes.signed();
            bytes.skip(8);
        }
    }
    let entries = bytes.unsigned();
    (0..entries)
        .map(|_| {
            let word = bytes.unsigned();
            assert_eq!(word & 3, 0, "neither ticks nor records from the future");
            (partitions[bytes.unsigned() as usize], word >> 2)
        })
        .collect()
}

/// Folds one lane's journal over the inputs: the prediction for each record, by partition and offset.
fn fold(inputs: &BTreeMap<i32, Vec<Message>>, journal: &[Message]) -> HashMap<(i32, i64), f64> {
    let entry = streamfold_learn::registry::model("linear_regression").unwrap();
    let schema =
        Schema { numeric: FEATURES.map(Into::into).to_vec(), categories: Vec::new(), sparse_size: 0 };
    let AnyModel::Regressor(mut model) = (entry.build)(&schema, &entry.values(&[]).unwrap(), 0).unwrap()
    else {
        panic!("not a regressor");
    };
    let (mut next, mut predictions) = (HashMap::<i32, usize>::new(), HashMap::new());
    for (partition, count) in journal.iter().flat_map(|record| runs(record.value.as_deref().unwrap())) {
        for _ in 0..count {
            let place = next.entry(partition).or_default();
            let record = &inputs[&partition][*place];
            *place += 1;
            let event: serde_json::Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
            let numeric = FEATURES.map(|name| event[name].as_f64().unwrap_or(f64::NAN));
            let row = Row { numeric: &numeric, categories: &[], sparse: &[] };
            predictions.insert((partition, record.offset), model.predict(row));
            model.learn(row, event["y"].as_f64().unwrap(), 1.0);
        }
    }
    predictions
}

fn by_partition(messages: Vec<Message>) -> BTreeMap<i32, Vec<Message>> {
    let mut found: BTreeMap<i32, Vec<Message>> = BTreeMap::new();
    for message in messages {
        found.entry(message.partition.unwrap()).or_default().push(message);
    }
    found
}

/// Events of four partitions whose event times interleave, some features missing.
fn event(number: u64) -> Message {
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = || {
        random ^= random >> 29;
        random = random.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (random >> 11) as f64 / (1u64 << 53) as f64
    };
    let (a, b, c) = (draw(), 1e4 * draw(), draw() - 0.5);
    let y = 3.0 * a - 0.002 * b + 7.0 * c + 0.1 * draw();
    let time = 1_700_000_000_000 + number + (draw() * 50.0) as u64;
    let c = if number.is_multiple_of(97) { "null".to_owned() } else { c.to_string() };
    let text = format!(r#"{{"id":{number},"time":{time},"a":{a},"b":{b},"c":{c},"y":{y}}}"#);
    Message::value(text).with_key(number.to_string()).in_partition((number % 4) as i32)
}

#[test]
fn a_naive_folder_recomputes_every_prediction_from_inputs_and_journal() {
    let broker = broker();
    let client = broker.client();
    let (topic, name) = (unique("naive-events"), unique("naive"));
    client.create_topic(&topic, 4, &[]);
    const EVENTS: u64 = 100_000;
    client.produce(&topic, (0..EVENTS).map(event));

    let folder = std::env::temp_dir().join(&name);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("pipeline.toml");
    let pipeline = format!(
        r#"
name = "{name}"
lanes = 2
[kafka]
"bootstrap.servers" = "{}"
[input.events]
topic = "{topic}"
time = "time"
[features]
numeric = ["a", "b", "c"]
[label]
field = "y"
[model]
kind = "linear_regression"
[output]
topic = "{name}-predictions"
"#,
        broker.bootstrap()
    );
    std::fs::write(&file, pipeline).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_streamfold"))
        .args(["run", "--until-end"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    std::fs::remove_dir_all(&folder).unwrap();

    let inputs = by_partition(client.read(&topic, true));
    let journals = by_partition(client.read(&format!("{name}.1.journal"), true));
    assert_eq!(journals.len(), 2, "one journal for each lane");
    let mut expected: HashMap<(i32, i64), f64> = HashMap::new();
    for journal in journals.values() {
        expected.extend(fold(&inputs, journal));
    }
    assert_eq!(expected.len() as u64, EVENTS, "the journal covers every event");

    let predictions = client.read(&format!("{name}-predictions"), true);
    assert_eq!(predictions.len() as u64, EVENTS);
    let keys: HashMap<(i32, i64), &Message> =
        inputs.values().flatten().map(|m| ((m.partition.unwrap(), m.offset), m)).collect();
    for prediction in &predictions {
        let source = prediction.header("streamfold.source").unwrap();
        let mut parts = source.rsplitn(3, '/');
        let offset: i64 = parts.next().unwrap().parse().unwrap();
        let partition: i32 = parts.next().unwrap().parse().unwrap();
        assert_eq!(parts.next(), Some(topic.as_str()));
        let event = keys[&(partition, offset)];
        assert_eq!(
            (prediction.partition, &prediction.key, prediction.timestamp_ms),
            (event.partition, &event.key, event.timestamp_ms)
        );
        let value: serde_json::Value = serde_json::from_str(&prediction.text()).unwrap();
        let found = value["prediction"].as_f64().unwrap();
        let expected = expected.remove(&(partition, offset)).expect("each event once");
        assert_eq!(found.to_bits(), expected.to_bits(), "{source}: {found} instead of {expected}");
    }
    assert!(expected.is_empty());
}

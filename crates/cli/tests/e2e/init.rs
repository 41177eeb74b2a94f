//! `streamfold init` on real topics: what it writes is checked, run and measured.

use crate::support::{Ran, streamfold};
use std::path::{Path, PathBuf};
use streamfold_testkit::{Client, KafkaBroker, Message, broker, unique};

const FLIGHTS: usize = 4_000;

/// A folder for the file, and topics of flights.
struct Stage {
    broker: &'static KafkaBroker,
    topic: String,
    folder: PathBuf,
}

impl Stage {
    fn new(name: &str) -> Stage {
        let broker = broker();
        let topic = unique(name);
        let folder = std::env::temp_dir().join(&topic);
        std::fs::create_dir_all(&folder).unwrap();
        Client::new(broker.bootstrap()).create_topic(&topic, 2, &[]);
        Stage { broker, topic, folder }
    }

    fn client(&self) -> Client {
        Client::new(self.broker.bootstrap())
    }

    fn file(&self) -> PathBuf {
        self.folder.join("first.toml")
    }

    fn init(&self, arguments: &[&str]) -> Ran {
        let file = self.file();
        let mut all = vec!["init", "--topic", &self.topic, "--bootstrap-servers", self.broker.bootstrap()];
        all.extend(["--output", file.to_str().unwrap()]);
        all.extend(arguments);
        streamfold(&all)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// What `backtest --json` says of the file that was written, after `check` and `run --until-end` went well.
    fn backtest(&self) -> serde_json::Value {
        let file = self.file();
        let file = file.to_str().unwrap();
        for arguments in [&["check", file][..], &["run", file, "--until-end"], &["backtest", file, "--json"]]
        {
            let ran = streamfold(arguments);
            assert_eq!(ran.code, Some(0), "{arguments:?}: {}\n{}", ran.error, self.text());
            if arguments[0] == "backtest" {
                return serde_json::from_str(&ran.text).unwrap();
            }
        }
        unreachable!()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left in the temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The flights as rows of texts, behind the names of the columns.
fn flights() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights/flights-2013.csv.gz");
    let mut text = String::new();
    let mut file = flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap());
    std::io::Read::read_to_string(&mut file, &mut text).unwrap();
    text.lines().take(FLIGHTS + 1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn json(names: &[String], row: &[String]) -> String {
    let mut object = serde_json::Map::new();
    for (name, cell) in names.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        let value = cell.parse::<i64>().map_or_else(|_| cell.clone().into(), serde_json::Value::from);
        object.insert(name.clone(), value);
    }
    object.insert("id".to_owned(), format!("{}{}-{}-{}", row[2], row[3], row[4], row[0]).into());
    serde_json::Value::Object(object).to_string()
}

#[test]
fn a_topic_of_flights_becomes_a_pipeline_that_beats_the_baselines() {
    let stage = Stage::new("init-flights");
    let rows = flights();
    let values = rows[1..]
        .iter()
        .enumerate()
        .map(|(number, row)| Message::value(json(&rows[0], row)).in_partition((number % 2) as i32));
    stage.client().produce(&stage.topic, values);

    // Nobody to ask: the candidates are named, and nothing is written.
    let ran = stage.init(&[]);
    assert_eq!(ran.code, Some(2), "{}", ran.error);
    assert!(ran.error.contains("the likeliest first: dep_delay, arr_delay"), "{}", ran.error);
    assert!(!stage.file().exists());
    let ran = stage.init(&["--target", "arr_dalay"]);
    assert!(ran.code == Some(2) && ran.error.contains("have no field \"arr_dalay\""), "{}", ran.error);

    let ran = stage.init(&["--target", "arr_delay"]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    let text = stage.text();
    for expected in [
        "kind = \"linear_regression\"",
        "time = \"scheduled\"",
        "include = [\"id\"]",
        "\n    \"carrier\",",
        "\n    \"dep_delay\",",
        "#   id: ",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let result = stage.backtest();
    assert_eq!(result["records"], FLIGHTS, "{result}");
    let mae = |who: &str| result["lanes"][0]["metrics"][format!("{who}.overall.mae")].as_f64().unwrap();
    assert!(mae("model") < 0.8 * mae("mean"), "{result}");

    // Never overwritten.
    let ran = stage.init(&["--target", "arr_delay"]);
    assert!(ran.code == Some(2) && ran.error.contains("is there already"), "{}", ran.error);
    assert_eq!(stage.text(), text);
}

#[test]
fn labels_on_a_topic_of_their_own_are_joined() {
    let stage = Stage::new("init-joined");
    let rows = flights();
    let labels = format!("{}-landings", stage.topic);
    stage.client().create_topic(&labels, 1, &[]);
    let (mut events, mut landed) = (Vec::new(), Vec::new());
    for row in &rows[1..] {
        let mut event = row.clone();
        event[8].clear();
        let id = format!("{}{}-{}-{}", row[2], row[3], row[4], row[0]);
        if !row[8].is_empty() {
            landed.push(Message::value(format!(
                r#"{{"flight":"{id}","landed":"{}","arr_delay":{}}}"#,
                row[0].replace('Z', ".5Z"),
                row[8]
            )));
        }
        events.push(Message::value(json(&rows[0], &event)).with_key(id));
    }
    stage.client().produce(&stage.topic, events);
    stage.client().produce(&labels, landed);
    let ran = stage.init(&["--target", "arr_delay", "--label-topic", &labels]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    let text = stage.text();
    for expected in ["key = \"id\"", "key = \"flight\"", "time = \"landed\"", "wait = \"1h\""] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let result = stage.backtest();
    assert!(result["lanes"][0]["learnt"].as_u64().unwrap() > 3_000, "{result}");
}

#[test]
fn lines_of_csv_and_classes_are_found() {
    let stage = Stage::new("init-csv");
    let rows = flights();
    let header = Message::value(format!("{};late", rows[0][..8].join(";"))).in_partition(0);
    let lines = rows[1..].iter().map(|row| {
        let late = row[8].parse::<i64>().map_or("NA", |delay| if delay > 15 { "yes" } else { "no" });
        Message::value(format!("{};{late}", row[..8].join(";"))).in_partition(0)
    });
    stage.client().produce(&stage.topic, std::iter::once(header).chain(lines));
    let ran = stage.init(&["--target", "late"]);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    let text = stage.text();
    for expected in [
        "delimiter = \";\"",
        "missing = \"NA\"",
        "classes = [\"no\", \"yes\"]",
        "positive = \"yes\"",
        "\"logistic_regression\"",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let result = stage.backtest();
    let lane = &result["lanes"][0];
    assert_eq!(lane["bad"], 1, "the header line: {result}");
    let accuracy = |who: &str| lane["metrics"][format!("{who}.overall.accuracy")].as_f64().unwrap();
    assert!(accuracy("model") > accuracy("majority_class"), "{result}");
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let stage = Stage::new("init-empty");
    let ran = stage.init(&[]);
    assert!(ran.code == Some(5) && ran.error.contains("nothing to look at"), "{}", ran.error);
    let ran = streamfold(&["init", "--topic", "nowhere", "--bootstrap-servers", stage.broker.bootstrap()]);
    assert!(ran.code == Some(5) && ran.error.contains("nowhere"), "{}", ran.error);
    // The topics that there are come along; on a broker of its own they are few enough to be all named.
    let own = KafkaBroker::start();
    Client::new(own.bootstrap()).create_topic("somewhere", 1, &[]);
    let ran = streamfold(&["init", "--topic", "nowhere", "--bootstrap-servers", own.bootstrap()]);
    assert!(ran.code == Some(5) && ran.error.contains("somewhere"), "{}", ran.error);
}

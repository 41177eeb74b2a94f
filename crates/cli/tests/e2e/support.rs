//! A pipeline of a test's own: its file, its topics, the binary.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use streamfold_testkit::{Client, KafkaBroker, Message, broker, unique};

/// One pipeline with a linear model over x and z.
pub struct Pipeline {
    pub client: Client,
    pub name: String,
    /// Topic of the events.
    pub input: String,
    folder: PathBuf,
}

impl Pipeline {
    /// With a topic of so many partitions.
    pub fn new(name: &str, partitions: i32, lanes: u32) -> Pipeline {
        Pipeline::on(broker(), name, partitions, lanes)
    }

    /// The same on this broker.
    pub fn on(broker: &KafkaBroker, name: &str, partitions: i32, lanes: u32) -> Pipeline {
        let pipeline = Pipeline::without_topic(broker.bootstrap(), name, lanes);
        pipeline.client.create_topic(&pipeline.input, partitions, &[]);
        pipeline
    }

    /// The same without a topic, and perhaps without a broker.
    pub fn without_topic(bootstrap: &str, name: &str, lanes: u32) -> Pipeline {
        let name = unique(name);
        let input = format!("{name}-events");
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!(
            r#"name = "{name}"
lanes = {lanes}
[kafka]
"bootstrap.servers" = "{bootstrap}"
[kafka.consumer]
"session.timeout.ms" = 6000
"heartbeat.interval.ms" = 1000
[input.events]
topic = "{input}"
[features]
numeric = ["x", "z"]
[label]
field = "y"
[model]
kind = "linear_regression"
[output]
topic = "{name}-predictions"
[timing]
commit_interval = "50ms"
checkpoint_interval = "500ms"
"#
        );
        let pipeline = Pipeline { client: Client::new(bootstrap), name, input, folder };
        std::fs::write(pipeline.file(), text).unwrap();
        pipeline
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join("pipeline.toml")
    }

    /// A file beside the pipeline's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Replaces something in the pipeline file.
    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file()).unwrap();
        assert!(text.contains(from), "{from:?} is not in the file");
        std::fs::write(self.file(), text.replace(from, to)).unwrap();
    }

    /// Writes these events, partition by their number.
    pub fn produce(&self, numbers: std::ops::Range<u64>, partitions: u64) {
        let message = |number| event(number).in_partition((number % partitions) as i32);
        self.client.produce(&self.input, numbers.map(message));
    }

    fn command(&self, verb: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamfold"));
        command.args(verb).arg(self.file()).args(arguments).env("RUST_LOG", "info");
        command
    }

    /// Runs a verb to its end.
    pub fn output(&self, verb: &[&str], arguments: &[&str]) -> Ran {
        Ran::of(self.command(verb, arguments).output().unwrap())
    }

    /// `run --until-end`, which has to succeed.
    pub fn run_to_end(&self) -> Ran {
        let ran = self.output(&["run"], &["--until-end"]);
        assert_eq!(ran.code, Some(0), "{}", ran.error);
        ran
    }

    /// Starts `run`.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let log = self.path(&unique("log"));
        let file = std::fs::File::create(&log).unwrap();
        let child = self.command(&["run"], arguments).stderr(file).stdout(Stdio::null()).spawn().unwrap();
        Running { child: Some(child), log }
    }

    /// The predictions under read_committed, partition after partition.
    pub fn predictions(&self) -> Vec<Message> {
        self.client.read(&format!("{}-predictions", self.name), true)
    }

    /// What `state --json` shows of the live generation.
    pub fn state(&self) -> serde_json::Value {
        self.live_state().unwrap()
    }

    /// `None`: it has not begun yet.
    fn live_state(&self) -> Option<serde_json::Value> {
        let ran = self.output(&["state"], &["--json"]);
        assert_eq!(ran.code, Some(0), "{}", ran.error);
        let state: serde_json::Value = serde_json::from_str(&ran.text).unwrap();
        let generations = state["generations"].as_array().unwrap();
        generations.iter().find(|generation| generation["status"] == "live").cloned()
    }

    /// Waits until the journals say that so many records are folded.
    pub fn wait_folded(&self, records: u64) {
        wait(&format!("{records} records are folded"), || {
            let Some(state) = self.live_state() else { return false };
            let lanes = state["lanes"].as_array().unwrap();
            lanes.iter().filter_map(|lane| lane["journal"]["folded"].as_u64()).sum::<u64>() >= records
        });
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // What is left in the temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// An event: features and label follow from its number.
pub fn event(number: u64) -> Message {
    let mut random = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = || {
        random ^= random >> 29;
        random = random.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (random >> 11) as f64 / (1u64 << 53) as f64
    };
    let (x, z) = (draw(), 100.0 * draw());
    let y = 5.0 * x - 0.2 * z + 1.0 + 0.01 * draw();
    Message::value(format!(r#"{{"id":{number},"x":{x},"z":{z},"y":{y}}}"#)).with_key(number.to_string())
}

/// Runs the binary with these arguments to its end, standard input being no terminal.
pub fn streamfold(arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamfold"));
    Ran::of(command.args(arguments).stdin(Stdio::null()).env("RUST_LOG", "info").output().unwrap())
}

/// A process that has ended.
pub struct Ran {
    pub code: Option<i32>,
    /// Standard output.
    pub text: String,
    /// Standard error.
    pub error: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            text: String::from_utf8(output.stdout).unwrap(),
            error: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A process that runs; killed when dropped.
pub struct Running {
    child: Option<Child>,
    /// What it says on standard error.
    log: PathBuf,
}

impl Running {
    /// Waits until it has said this.
    pub fn wait_said(&self, text: &str) {
        wait(&format!("for {text:?}"), || {
            let said = self.said();
            assert!(!said.contains("error: "), "{said}");
            said.contains(text)
        });
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// SIGTERM, then what it said.
    pub fn terminate(self) -> Ran {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.end()
    }

    /// SIGKILL: a crash.
    pub fn kill9(mut self) {
        self.child.as_mut().unwrap().kill().unwrap();
        self.end();
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ran {
        let status = self.child.take().unwrap().wait().unwrap();
        Ran { code: status.code(), text: String::new(), error: self.said() }
    }

    pub fn is_over(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
            if std::thread::panicking() {
                eprintln!("a process that ran meanwhile said:\n{}", self.said());
            }
        }
    }
}

/// Waits until something holds.
pub fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

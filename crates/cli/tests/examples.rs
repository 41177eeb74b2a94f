//! The examples as a user runs them: the real kafka-python, the real binary, a broker.
//!
//! Where Python cannot be had the tests say so and pass, except in CI (`CI` is set), where they fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use streamfold_testkit::KafkaBroker;

/// What an example runs with.
struct Stage {
    bootstrap: String,
    python: PathBuf,
    folder: PathBuf,
}

impl Stage {
    /// `None` (and a printed reason) where something is missing.
    fn new(example: &str) -> Option<Stage> {
        static BROKER: OnceLock<KafkaBroker> = OnceLock::new();
        static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
        let broker = BROKER.get_or_init(start);
        let python = PYTHON.get_or_init(python).clone()?;
        let folder = root().join("examples").join(example);
        Some(Stage { bootstrap: broker.bootstrap().to_owned(), python, folder })
    }

    /// What a program of the example prints.
    fn script(&self, name: &str) -> String {
        let mut command = Command::new(&self.python);
        command.arg(self.folder.join(name)).args(["--bootstrap-servers", &self.bootstrap]);
        printed(&mut command)
    }

    /// Folds everything that is there. The pipeline file is used as it is but for the broker's address.
    fn streamfold(&self) {
        let file = std::fs::read_to_string(self.folder.join("pipeline.toml")).unwrap();
        assert!(file.contains("localhost:9092"));
        let name = self.folder.file_name().unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let copy = folder.join("pipeline.toml");
        std::fs::write(&copy, file.replace("localhost:9092", &self.bootstrap)).unwrap();
        printed(Command::new(env!("CARGO_BIN_EXE_streamfold")).arg("run").arg(copy).arg("--until-end"));
    }
}

/// One that makes topics on first use, which is its default.
fn start() -> KafkaBroker {
    KafkaBroker::start_with("auto.create.topics.enable=true")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs to the end, which has to be a good one.
fn printed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n{stdout}\n{stderr}");
    println!("{stdout}");
    stdout.into_owned()
}

/// An interpreter that has kafka-python, in an environment of its own that is kept between runs.
fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")));
    let folder = cache.unwrap_or_else(std::env::temp_dir).join("streamfold/python-examples");
    let python = folder.join("bin/python");
    let requirements = root().join("examples/requirements.txt");
    let made = (python.exists() || run(Command::new("python3").args(["-m", "venv"]).arg(&folder)))
        && run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements));
    if !made {
        let reason =
            "no Python environment with kafka-python could be made (python3 with venv and pip is needed)";
        assert!(std::env::var_os("CI").is_none(), "{reason}");
        eprintln!("SKIPPED: {reason}");
    }
    made.then_some(python)
}

fn run(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// The number that follows these words.
fn number(text: &str, words: &str) -> f64 {
    let (_, rest) = text.rsplit_once(words).unwrap_or_else(|| panic!("no {words:?} in {text}"));
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    rest[..end].trim_end_matches('.').parse().unwrap()
}

#[test]
fn linear_regression_comes_near_the_noise() {
    let Some(stage) = Stage::new("linear-regression") else { return };
    stage.script("producer.py");
    stage.streamfold();
    let said = stage.script("consumer.py");
    assert!(said.contains("20000 predictions;"));
    // The mean absolute value of the noise is 0.5·√(2/π) = 0.399; the mean of a thousand is good to 0.01.
    let error = number(&said, "mean absolute error of the last 1000: ");
    assert!((0.36..0.43).contains(&error), "{error}");
}

#[test]
fn k_means_follows_the_groups() {
    let Some(stage) = Stage::new("k-means") else { return };
    stage.script("producer.py");
    stage.streamfold();
    let said = stage.script("consumer.py");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 20);
    // The centres need a while to find the groups, and then keep them all the way round.
    for line in &lines[2..] {
        assert!(number(line, "purity ") > 0.99, "{line}");
        assert!(line.contains(", 4 clusters,"), "{line}");
    }
}

#[test]
fn flights_beat_the_baselines() {
    let Some(stage) = Stage::new("flights") else { return };
    assert!(stage.script("producer.py").contains("sent 50000 departures and 48110 landings"));
    stage.streamfold();
    let said = stage.script("consumer.py");
    assert!(said.contains("50000 flights predicted, 48110 of them landed"));
    let model = number(&said, "mean absolute error in minutes: ");
    // The plainest guess that knows the features, 12.93, is far better than those that do not.
    assert!(model < 0.95 * number(&said, "as late as it left: "), "{model}");
    assert!(model < 0.6 * number(&said, ", mean: "), "{model}");
    assert!(model < 0.6 * number(&said, ", last_value: "), "{model}");
    // The last metrics are at most `every_events` labels old.
    let own = number(&said, ", model: ");
    assert!((own - model).abs() < 0.1, "streamfold says {own}, predictions and landings say {model}");
}

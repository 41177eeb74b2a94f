//! Where Kafka's jars are, and how to run a class of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The version that tests run against unless `KAFKA_VERSION` says otherwise.
const VERSION: &str = "4.3.0";

/// Folder with Kafka's jars, or why there is none. Looked for once per process.
pub fn jars() -> Result<&'static Path, String> {
    static JARS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    JARS.get_or_init(find).as_deref().map_err(Clone::clone)
}

fn find() -> Result<PathBuf, String> {
    if !runs("java", "-version") {
        return Err("java is not installed (Kafka 4 needs Java 17 or newer)".to_string());
    }
    if let Some(home) = set("KAFKA_HOME") {
        let libs = Path::new(&home).join("libs");
        return match libs.is_dir() {
            true => Ok(libs),
            false => Err(format!("KAFKA_HOME is {home}, but {} is no folder", libs.display())),
        };
    }
    let version = set("KAFKA_VERSION").unwrap_or_else(|| VERSION.to_string());
    let folder = cache()?.join(format!("kafka-{version}"));
    fetch(&folder, &version).map(|()| folder)
}

/// Takes the jars by Maven, once; other processes that want them wait meanwhile.
fn fetch(folder: &Path, version: &str) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let complete = folder.join(".complete");
    let lock =
        File::create(folder.join(".lock")).map_err(|error| format!("{}: {error}", folder.display()))?;
    lock.lock().map_err(|error| format!("{}: {error}", folder.display()))?;
    if complete.exists() {
        return Ok(());
    }
    if !runs("mvn", "-version") {
        return Err("neither STREAMFOLD_TEST_BOOTSTRAP nor KAFKA_HOME is set, and mvn (Apache Maven) is not installed".to_string());
    }
    let pom = folder.join("pom.xml");
    fs::write(&pom, include_str!("../kafka-jars.xml"))
        .map_err(|error| format!("{}: {error}", pom.display()))?;
    let output = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-Dkafka.version={version}"))
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .arg("-f")
        .arg(&pom)
        .output()
        .map_err(|error| format!("mvn: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        return Err(format!("mvn could not take the jars of Kafka {version}: {}", last_lines(&text, 5)));
    }
    File::create(&complete).map_err(|error| format!("{}: {error}", complete.display()))?;
    Ok(())
}

/// `java` with Kafka's jars, quiet logging and these options, up to the name of the class.
pub fn java(folder: &Path, log4j: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("java");
    command
        .args(options)
        .arg(format!("-Dlog4j2.configurationFile=file:{}", log4j.display()))
        .arg("-cp")
        .arg(format!("{}/*", folder.display()));
    command
}

/// An environment variable that is set and not empty.
pub fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The last lines of a text, for error messages.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn cache() -> Result<PathBuf, String> {
    let base = match (set("XDG_CACHE_HOME"), set("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => PathBuf::from(home).join(".cache"),
        (None, None) => {
            return Err(
                "neither XDG_CACHE_HOME nor HOME is set, so there is no folder for Kafka's jars".to_string()
            );
        }
    };
    Ok(base.join("streamfold"))
}

fn runs(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
}

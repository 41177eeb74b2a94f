//! `streamfold broker` as a user runs it: any client may talk to it, and it ends in order or is killed without loss.

#![expect(clippy::unwrap_used, reason = "a test whose preparation fails has failed")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use streamfold_testkit::{Client, Message};

/// One that runs; killed when dropped.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Running {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("bootstrap.servers=").unwrap().to_owned();
        Running { child, address }
    }

    fn end(mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    fn values(&self) -> Vec<String> {
        Client::new(&self.address).read("t", true).iter().map(Message::text).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamfold"));
    command.args(["broker", "--listen", "127.0.0.1:0"]).args(arguments).stdin(Stdio::null());
    command
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broker-{}", std::process::id()));
    // What an earlier run has left.
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

#[test]
fn what_is_written_outlives_every_end() {
    let folder = folder();
    let directory = ["--dir", folder.to_str().unwrap()];
    let mut expected = Vec::new();
    for (round, signal) in ["-KILL", "-TERM", "-INT"].into_iter().enumerate() {
        let running = Running::start(&directory);
        let client = Client::new(&running.address);
        if round == 0 {
            client.create_topic("t", 1, &[]);
        }
        assert_eq!(running.values(), expected);
        client.produce("t", [Message::value(signal)]);
        expected.push(signal.to_owned());
        // The folder is taken.
        let mut second = command(&directory).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        second.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(second.wait().unwrap().code(), Some(4), "{said}");
        assert!(said.contains("in use by another broker") && said.contains("--dir"), "{said}");
        let status = running.end(signal);
        assert_eq!(status.code(), if signal == "-KILL" { None } else { Some(0) }, "{signal}");
    }
    assert_eq!(Running::start(&directory).values(), expected);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn in_memory_it_leaves_nothing() {
    let running = Running::start(&["--memory"]);
    let client = Client::new(&running.address);
    client.create_topic("t", 1, &[]);
    client.produce("t", [Message::value("x")]);
    assert_eq!(running.values(), ["x"]);
    assert_eq!(running.end("-TERM").code(), Some(0));
}

//! An Apache Kafka in a process of its own: one node, as small as it goes.

use crate::broker::{Secure, unique};
use crate::jars::{java, last_lines};
use crate::process::Guarded;
use crate::tls;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How Java runs command line tools.
pub const TOOL_OPTIONS: [&str; 3] = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const BROKER_OPTIONS: [&str; 4] = ["-Xms256m", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"];

/// A node: its files, and its process while it runs.
pub struct Node {
    folder: PathBuf,
    port: u16,
    jars: &'static Path,
    process: Option<Guarded>,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            // The guard kills it in any case.
            process.end("KILL").ok();
        }
        fs::remove_dir_all(&self.folder).ok();
    }
}

impl Node {
    /// `host:port` of the plain listener.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends the process with a signal.
    pub fn end(&mut self, signal: &str) {
        let process = self.process.take().unwrap_or_else(|| panic!("the broker does not run"));
        process.end(signal).unwrap_or_else(|error| panic!("kill -{signal}: {error}"));
    }

    /// Starts the process and waits until it serves.
    pub fn run(&mut self) -> Result<(), String> {
        assert!(self.process.is_none(), "the broker runs already");
        let log = self.folder.join("server.log");
        let told = fs::read_to_string(&log).map_or(0, |text| text.len());
        let mut command = java(self.jars, &self.folder.join("log4j2.properties"), &BROKER_OPTIONS);
        command
            .arg(format!("-Dkafka.logs.dir={}", self.folder.join("logs").display()))
            .args(["kafka.Kafka".into(), self.folder.join("server.properties")]);
        let process =
            Guarded::spawn(&command, &self.folder, &log).map_err(|error| format!("java: {error}"))?;
        let begun = Instant::now();
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let text = text.get(told..).unwrap_or_default();
            if text.contains("Kafka Server started") {
                self.process = Some(process);
                return Ok(());
            }
            if begun.elapsed() > START_TIMEOUT || text.contains("Exiting Kafka due to") {
                process.end("KILL").ok();
                return Err(format!("Kafka did not start:\n{}", last_lines(text, 20)));
            }
            sleep(Duration::from_millis(100));
        }
    }
}

/// A node with a SASL_SSL listener.
pub fn launch_secure(jars: &'static Path) -> Result<(Node, Secure), String> {
    let scram = ["--add-scram", "SCRAM-SHA-512=[name=worker,password=worker-secret]"];
    let (node, port) = launch(jars, secure_properties, &scram)?;
    let secure = Secure {
        bootstrap: format!("127.0.0.1:{port}"),
        ca_file: node.folder.join("tls/ca.pem"),
        user: "worker",
        password: "worker-secret",
    };
    Ok((node, secure))
}

/// Formats and starts a node on free ports; `more` gives lines of `server.properties` for its folder and its third port.
pub fn launch(
    jars: &'static Path,
    more: impl Fn(&Path, u16) -> String,
    format_arguments: &[&str],
) -> Result<(Node, u16), String> {
    let mut failure = String::new();
    // A port found free can be taken by somebody else before the broker binds it.
    for _ in 0..3 {
        let [plain, controller, third] = free_ports()?;
        let folder = std::env::temp_dir().join(unique("streamfold-kafka"));
        let mut node = Node { folder: folder.clone(), port: plain, jars, process: None };
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let properties = properties(&folder, plain, controller, &more(&folder, third));
        for (name, text) in [
            ("server.properties", properties.as_str()),
            ("log4j2.properties", include_str!("../log4j2.properties")),
        ] {
            fs::write(folder.join(name), text).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        format(&node, format_arguments)?;
        match node.run() {
            Ok(()) => return Ok((node, third)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn format(node: &Node, arguments: &[&str]) -> Result<(), String> {
    let properties = node.folder.join("server.properties");
    let mut command = java(node.jars, &node.folder.join("log4j2.properties"), &TOOL_OPTIONS);
    command
        .args(["kafka.tools.StorageTool", "format", "--standalone", "-t", &cluster_id(), "-c"])
        .arg(properties);
    run(command.args(arguments)).map(|_| ())
}

/// 16 bytes in base64, different for each cluster.
fn cluster_id() -> String {
    let digits: String = unique("").chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{:0>21}A", &digits[digits.len().saturating_sub(21)..])
}

fn free_ports() -> Result<[u16; 3], String> {
    // All are held at once, so that they differ.
    let listeners: Vec<TcpListener> = (0..3)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().map_err(|error| error.to_string())?.port();
    }
    Ok(ports)
}

/// Everything as small as it goes; clean-up, retention and the abort of timed-out transactions within a second, so
/// that tests see them.
fn properties(folder: &Path, plain: u16, controller: u16, more: &str) -> String {
    let data = folder.join("data");
    let secure = more.lines().find_map(|line| line.strip_prefix("# listener=")).unwrap_or_default();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}{secure}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain}{secure}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
log.dirs={data}
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.backoff.ms=500
log.retention.check.interval.ms=1000
{more}
",
        data = data.display(),
    )
}

/// Lines for a SASL_SSL listener; the certificates are made on the way.
fn secure_properties(folder: &Path, port: u16) -> String {
    let folder = folder.join("tls");
    tls::make(&folder).unwrap_or_else(|error| panic!("{error}"));
    format!(
        "# listener=,SASL_SSL://127.0.0.1:{port}
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_worker=\"worker-secret\";
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
ssl.client.auth=requested
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
",
        folder = folder.display(),
    )
}

/// What a command prints, if it goes well.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => Err(format!("{text}{}", last_lines(&String::from_utf8_lossy(&output.stderr), 20))),
    }
}

//! A broker for tests: started, killed, restarted.

use crate::client::Client;
use crate::embedded::Embedded;
use crate::jars::{jars, java, set};
use crate::kafka::{self, Node, TOOL_OPTIONS};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A broker, real or embedded; it ends with the test process.
pub struct KafkaBroker {
    bootstrap: String,
    kind: Kind,
}

enum Kind {
    /// Given by its address.
    Given,
    /// An Apache Kafka, in a process of its own.
    Real(Node),
    /// The embedded one, in this process.
    Embedded(Box<Embedded>),
}

/// How to reach the SASL_SSL listener of a broker that [`KafkaBroker::start_secure`] has started.
#[derive(Clone, Debug)]
pub struct Secure {
    /// Address of the listener.
    pub bootstrap: String,
    /// PEM file of the authority that signed the broker's certificate.
    pub ca_file: PathBuf,
    /// A user known to SCRAM-SHA-512 and to PLAIN, without any rights until ACLs give it some.
    pub user: &'static str,
    /// The user's password.
    pub password: &'static str,
}

/// The broker that all tests of this binary share.
pub fn broker() -> &'static KafkaBroker {
    static SHARED: OnceLock<KafkaBroker> = OnceLock::new();
    SHARED.get_or_init(|| match set("STREAMFOLD_TEST_BOOTSTRAP") {
        Some(bootstrap) => KafkaBroker { bootstrap, kind: Kind::Given },
        None => KafkaBroker::start(),
    })
}

/// That one and, if it is no embedded one, an embedded one beside it, with their names: for tests of what both have to do.
pub fn both() -> Vec<(&'static str, &'static KafkaBroker)> {
    static EMBEDDED: OnceLock<KafkaBroker> = OnceLock::new();
    match broker() {
        embedded @ KafkaBroker { kind: Kind::Embedded(_), .. } => vec![("embedded broker", embedded)],
        real => {
            let embedded = EMBEDDED.get_or_init(|| KafkaBroker::embedded(""));
            vec![("Apache Kafka", real), ("embedded broker", embedded)]
        }
    }
}

/// A name that nobody else uses, with `name` in it.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{name}-{}-{now:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl KafkaBroker {
    /// A broker of one's own, to be killed and restarted.
    pub fn start() -> KafkaBroker {
        Self::start_with("")
    }

    /// The same with more lines for `server.properties`.
    pub fn start_with(properties: &str) -> KafkaBroker {
        match wanted() {
            Some(jars) => {
                let launched = kafka::launch(jars, |_, _| properties.to_string(), &[]);
                Self::real(launched.unwrap_or_else(|error| panic!("{error}")).0)
            }
            None => Self::embedded(properties),
        }
    }

    /// A broker with a SASL_SSL listener (SCRAM-SHA-512 and PLAIN) and ACLs; on its plain listener everyone may do
    /// everything, so that tests can prepare. `None`, and a printed reason, where the embedded broker is used.
    pub fn start_secure() -> Option<(KafkaBroker, Secure)> {
        let Some(jars) = wanted() else {
            println!("SKIPPED: the embedded broker has neither TLS nor users nor ACLs");
            return None;
        };
        let (node, secure) = kafka::launch_secure(jars).unwrap_or_else(|error| panic!("{error}"));
        Some((Self::real(node), secure))
    }

    fn embedded(properties: &str) -> KafkaBroker {
        let embedded = Embedded::start(properties);
        KafkaBroker { bootstrap: embedded.address(), kind: Kind::Embedded(Box::new(embedded)) }
    }

    fn real(node: Node) -> KafkaBroker {
        KafkaBroker { bootstrap: node.bootstrap(), kind: Kind::Real(node) }
    }

    /// `host:port` of the plain listener.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A plain client of the plain listener.
    pub fn client(&self) -> Client {
        Client::new(&self.bootstrap)
    }

    /// SIGKILL: what a crash looks like. The embedded broker, which is in this process, is stopped instead: the tests of
    /// its crate kill it.
    pub fn kill9(&mut self) {
        self.end("KILL");
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Starts again on the same data and the same ports.
    pub fn restart(&mut self) {
        match &mut self.kind {
            Kind::Given => panic!("the broker was given by its address"),
            Kind::Embedded(embedded) => embedded.restart(),
            Kind::Real(node) => node.run().unwrap_or_else(|error| panic!("{error}")),
        }
    }

    /// Runs a class of Kafka's command line tools (`--bootstrap-server` comes before `args`) and gives its output. `None`,
    /// and a printed reason, where there is no Java and none is demanded.
    pub fn tool(&self, class: &str, args: &[&str]) -> Option<String> {
        let arguments: Vec<&str> =
            ["--bootstrap-server", &self.bootstrap].into_iter().chain(args.iter().copied()).collect();
        run_java(class, &arguments)
    }

    /// `kafka-topics.sh`.
    pub fn topics(&self, args: &[&str]) -> Option<String> {
        self.tool("org.apache.kafka.tools.TopicCommand", args)
    }

    /// `kafka-consumer-groups.sh`.
    pub fn consumer_groups(&self, args: &[&str]) -> Option<String> {
        self.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", args)
    }

    /// `kafka-acls.sh`.
    pub fn acls(&self, args: &[&str]) -> Option<String> {
        self.tool("org.apache.kafka.tools.AclCommand", args)
    }

    fn end(&mut self, signal: &str) {
        match &mut self.kind {
            Kind::Given => panic!("the broker was given by its address"),
            Kind::Embedded(embedded) => embedded.end(),
            Kind::Real(node) => node.end(signal),
        }
    }
}

/// The jars of a real Kafka, or `None` for the embedded broker: as `STREAMFOLD_TEST_BROKER` says, else the real one where it
/// can be had.
fn wanted() -> Option<&'static Path> {
    match set("STREAMFOLD_TEST_BROKER").as_deref() {
        Some("embedded") => None,
        None | Some("kafka") => kafkas_jars("the tests run on the embedded broker only"),
        Some(other) => panic!("STREAMFOLD_TEST_BROKER is {other:?}, neither \"kafka\" nor \"embedded\""),
    }
}

/// Kafka's jars; where they cannot be had that is a failure if they are demanded, else it is said, and what happens instead.
fn kafkas_jars(instead: &str) -> Option<&'static Path> {
    match jars() {
        Ok(jars) => Some(jars),
        Err(reason) if set("CI").is_some() || set("STREAMFOLD_TEST_BROKER").as_deref() == Some("kafka") => {
            panic!("Apache Kafka is demanded: {reason}")
        }
        Err(reason) => {
            println!("no Apache Kafka, {instead}: {reason}");
            None
        }
    }
}

fn run_java(class: &str, args: &[&str]) -> Option<String> {
    let jars = kafkas_jars("its command line tools are not tried")?;
    let log4j = std::env::temp_dir().join(unique("log4j2.properties"));
    fs::write(&log4j, include_str!("../log4j2.properties"))
        .unwrap_or_else(|error| panic!("{}: {error}", log4j.display()));
    let result = kafka::run(java(jars, &log4j, &TOOL_OPTIONS).arg(class).args(args));
    // Left over, it would be clutter and nothing worse.
    fs::remove_file(&log4j).ok();
    Some(result.unwrap_or_else(|error| panic!("{class} {args:?}: {error}")))
}

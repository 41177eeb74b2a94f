//! TLS, SASL and ACLs against a real broker.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

mod common;

use common::{at, topic, transaction};
use std::collections::BTreeMap;
use std::time::Instant;
use streamfold_flow::log::{Committer, Fetched, LogError, Outcome, Source};
use streamfold_kafka::admin::NewTopic;
use streamfold_kafka::{ClientConfig, Cluster, CommitterTopics, KafkaCommitter, KafkaSource, Membership};
use streamfold_testkit::{KafkaBroker, Secure};

fn config(secure: &Secure, mechanism: &str, password: &str) -> ClientConfig {
    let ca_file = secure.ca_file.to_string_lossy();
    let common = [
        ("bootstrap.servers", secure.bootstrap.as_str()),
        ("security.protocol", "SASL_SSL"),
        ("ssl.ca.location", &ca_file),
        ("sasl.mechanism", mechanism),
        ("sasl.username", secure.user),
        ("sasl.password", password),
    ];
    let common = common.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    ClientConfig::new(&common, &BTreeMap::new(), &BTreeMap::new()).unwrap()
}

fn allow(broker: &KafkaBroker, arguments: &[&str]) {
    let common = ["--add", "--allow-principal", "User:worker"];
    broker.acls(&[&common, arguments].concat()).unwrap();
}

#[test]
fn tls_sasl_and_acls() {
    let Some((broker, secure)) = KafkaBroker::start_secure() else { return };
    let open = Cluster::connect(&common::config(&broker), "open").unwrap();
    let names =
        ["in", "out", "journal", "state", "lanes"].map(|name| topic(&open, &format!("pipe.{name}"), 1, &[]));
    let [input, output, journal, state, lanes] = names;

    // Wrong password and unknown authority: told at once, with the reason and without the password.
    let begun = Instant::now();
    let error =
        Cluster::connect(&config(&secure, "SCRAM-SHA-512", "wrong-password"), "g").map(|_| ()).unwrap_err();
    assert!(matches!(&error, LogError::Fatal(text) if text.contains("uthentication")), "{error}");
    assert!(!error.to_string().contains("wrong-password"));
    let mut untrusting = secure.clone();
    untrusting.ca_file = std::path::PathBuf::from("/etc/ssl/certs/ca-certificates.crt");
    if untrusting.ca_file.exists() {
        let error =
            Cluster::connect(&config(&untrusting, "PLAIN", secure.password), "g").map(|_| ()).unwrap_err();
        assert!(matches!(&error, LogError::Fatal(text) if text.contains("certificate")), "{error}");
    }
    println!("both refusals: {:?}", begun.elapsed());

    // Let in, but allowed nothing.
    let clusters = ["SCRAM-SHA-512", "PLAIN"].map(|mechanism| {
        Cluster::connect(&config(&secure, mechanism, secure.password), "pipe.group").unwrap()
    });
    for cluster in &clusters {
        assert!(!cluster.topic_names().unwrap().contains(&input));
        let error = cluster.topics(std::slice::from_ref(&input)).unwrap_err();
        assert!(
            matches!(&error, LogError::Fatal(text) if text.contains(&input) && text.contains("Describe")),
            "{error}"
        );
    }
    let config = config(&secure, "SCRAM-SHA-512", secure.password);
    let [cluster, _] = clusters;
    let forbidden = NewTopic { name: "pipe.new".to_string(), partitions: 1, ..NewTopic::default() };
    let error = cluster.create_topics(&[forbidden]).unwrap_err();
    assert!(matches!(&error, LogError::Fatal(text) if text.contains("pipe.new")), "{error}");
    let mut source = KafkaSource::new(&config, "pipe.group", vec![input.clone()], 1 << 20).unwrap();
    source.assign(&[(at(0), 0)]).unwrap();
    let error = loop {
        if let Err(error) = source.fetch(common::SECOND, &mut Vec::new()) {
            break error;
        }
    };
    assert!(
        matches!(&error, LogError::Fatal(text) if text.contains(&input) && text.contains("Read")),
        "{error}"
    );
    let mut membership = Membership::new(&config, "pipe.group", &lanes).unwrap();
    let error = loop {
        if let Err(error) = membership.poll(common::SECOND, &mut |_| {}) {
            break error;
        }
    };
    assert!(matches!(&error, LogError::Fatal(_)), "{error}");
    drop(membership);
    let topics = CommitterTopics { outputs: vec![output; 2], journal, state, inputs: vec![input.clone()] };
    let committer = |membership: &Membership| {
        KafkaCommitter::new(&config, "pipe.1.lane-0", 0, topics.clone(), membership.handle()).unwrap()
    };
    let membership = Membership::new(&config, "pipe.group", &lanes).unwrap();
    let error = committer(&membership).init().unwrap_err();
    assert!(matches!(&error, LogError::Fatal(text) if text.contains("pipe.1.lane-0")), "{error}");
    drop(membership);

    // One prefixed grant for each kind of thing is all that a pipeline needs.
    let prefixed = ["--resource-pattern-type", "prefixed"];
    allow(&broker, &[&["--topic", "pipe.", "--operation", "All"], &prefixed[..]].concat());
    allow(&broker, &[&["--group", "pipe.", "--operation", "Read"], &prefixed[..]].concat());
    allow(
        &broker,
        &[&["--transactional-id", "pipe.", "--operation", "Write", "--operation", "Describe"], &prefixed[..]]
            .concat(),
    );
    let mut membership = Membership::new(&config, "pipe.group", &lanes).unwrap();
    let mut is_assigned = false;
    while !is_assigned {
        membership.poll(common::SECOND, &mut |_| is_assigned = true).unwrap();
    }
    let mut committer = committer(&membership);
    committer.init().unwrap();
    let mut transaction = transaction(3, b"secret");
    transaction.outputs.clear();
    assert_eq!(committer.commit(&transaction), Outcome::Committed);
    assert_eq!(cluster.committed_offsets(&[(input, 0)]).unwrap(), [Some(3)]);
    source.assign(&[(at(0), 0)]).unwrap();
    let mut fetched = Vec::new();
    while fetched.is_empty() {
        source.fetch(common::SECOND, &mut fetched).unwrap();
    }
    assert!(matches!(fetched[0], Fetched::End(_, 0)));
}

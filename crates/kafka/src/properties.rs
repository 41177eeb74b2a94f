//! What is known about the names of properties: which the pipeline sets itself, which the JVM clients spell
//! differently, which hold secrets.

/// A property that the pipeline decides itself.
pub(crate) struct Owned {
    /// Its names (librdkafka has aliases).
    pub names: &'static [&'static str],
    /// What decides it instead.
    pub instead: &'static str,
}

/// Everything that users cannot set, because the promises of the pipeline hang on it.
pub(crate) const OWNED: &[Owned] = &[
    Owned { names: &["group.id"], instead: "prefix and name of the pipeline" },
    Owned {
        names: &["transactional.id"],
        instead: "prefix, name and generation of the pipeline, and the lane",
    },
    Owned {
        names: &[
            "enable.auto.commit",
            "auto.commit.enable",
            "auto.commit.interval.ms",
            "enable.auto.offset.store",
            "offset.store.method",
        ],
        instead: "commit_interval: offsets are committed in the lanes' transactions",
    },
    Owned { names: &["isolation.level"], instead: "exactly once: only committed records are read" },
    Owned { names: &["auto.offset.reset"], instead: "start of the input" },
    Owned {
        names: &["enable.idempotence", "acks", "request.required.acks", "enable.gapless.guarantee"],
        instead: "exactly once: transactions set it",
    },
    Owned {
        names: &[
            "partition.assignment.strategy",
            "group.protocol",
            "group.remote.assignor",
            "group.protocol.type",
        ],
        instead: "lanes: how they are handed out to processes",
    },
    Owned {
        names: &["queued.max.messages.kbytes", "queued.min.messages"],
        instead: "limits.queue_bytes_max",
    },
    Owned {
        names: &[
            "enable.partition.eof",
            "delivery.report.only.error",
            "allow.auto.create.topics",
            "log.queue",
            "enabled_events",
        ],
        instead: "streamfold itself",
    },
];

/// What becomes of a property of the JVM clients.
pub(crate) enum Jvm {
    /// The same thing under another name.
    Renamed(&'static str),
    /// The same thing in kilobytes instead of bytes.
    Kilobytes(&'static str),
    /// User and password in one text.
    Jaas,
    /// Only `PEM`, which is what librdkafka reads.
    Pem,
    /// There is nothing like it here; why.
    Meaningless(&'static str),
}

const BYTES: &str = "streamfold reads and writes bytes; formats are set for each input and for the output";

/// Spellings of the JVM clients that librdkafka does not know.
pub(crate) const JVM: &[(&str, Jvm)] = &[
    ("fetch.max.wait.ms", Jvm::Renamed("fetch.wait.max.ms")),
    ("max.request.size", Jvm::Renamed("message.max.bytes")),
    ("send.buffer.bytes", Jvm::Renamed("socket.send.buffer.bytes")),
    ("receive.buffer.bytes", Jvm::Renamed("socket.receive.buffer.bytes")),
    ("ssl.truststore.location", Jvm::Renamed("ssl.ca.location")),
    ("ssl.truststore.certificates", Jvm::Renamed("ssl.ca.pem")),
    ("ssl.keystore.certificate.chain", Jvm::Renamed("ssl.certificate.pem")),
    ("ssl.keystore.key", Jvm::Renamed("ssl.key.pem")),
    ("buffer.memory", Jvm::Kilobytes("queue.buffering.max.kbytes")),
    ("sasl.jaas.config", Jvm::Jaas),
    ("ssl.truststore.type", Jvm::Pem),
    ("ssl.keystore.type", Jvm::Pem),
    (
        "ssl.truststore.password",
        Jvm::Meaningless("a PEM file of certificates (ssl.ca.location) has no password"),
    ),
    (
        "max.poll.records",
        Jvm::Meaningless("batches have no influence on results; limits.queue_bytes_max bounds the memory"),
    ),
    ("max.block.ms", Jvm::Meaningless("a commit waits for the brokers; see transaction.timeout.ms")),
    ("key.serializer", Jvm::Meaningless(BYTES)),
    ("value.serializer", Jvm::Meaningless(BYTES)),
    ("key.deserializer", Jvm::Meaningless(BYTES)),
    ("value.deserializer", Jvm::Meaningless(BYTES)),
];

/// Names of the properties that librdkafka knows; only to guess what a misspelt one was meant to be.
pub(crate) fn known() -> impl Iterator<Item = &'static str> {
    include_str!("properties.txt").lines()
}

/// Whether the value of this property must not be shown.
pub(crate) fn is_secret(name: &str) -> bool {
    ["password", "secret", "jaas", "token", "key.pem", "keystore.key", "oauthbearer.config"]
        .iter()
        .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::error::KafkaError;
    use rdkafka::types::RDKafkaConfRes;

    #[test]
    fn every_name_of_ours_is_one_of_librdkafkas() {
        let targets = JVM.iter().filter_map(|(_, what)| match what {
            Jvm::Renamed(name) | Jvm::Kilobytes(name) => Some(*name),
            _ => None,
        });
        for name in targets {
            assert!(known().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn the_list_of_names_is_librdkafkas() {
        for name in known() {
            let mut config = rdkafka::ClientConfig::new();
            let made = config.set(name, "1").create_native_config();
            let unknown = RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
            assert!(
                !matches!(made, Err(KafkaError::ClientConfig(result, ..)) if result == unknown),
                "{name}"
            );
        }
    }

    #[test]
    fn every_secret_of_librdkafka_is_known_as_one() {
        for name in [
            "sasl.password",
            "ssl.key.password",
            "ssl.key.pem",
            "ssl.keystore.password",
            "sasl.oauthbearer.client.secret",
        ] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("sasl.username"));
    }
}

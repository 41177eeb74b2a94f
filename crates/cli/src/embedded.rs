//! The embedded broker: of a pipeline file that names no Kafka, and as a verb.
//!
//! The pipeline talks to it over TCP like to any other Kafka, and so may every other program. Its folder belongs to one
//! process at a time, which writes its address there; others that want the folder connect to that.

use crate::exit::{Exit, Failure};
use crate::stop;
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};
use streamfold_broker::{Broker, Config, StartError, Store};

/// File in the folder with the address.
const ADDRESS_FILE: &str = "address";
/// How long another process that has the folder is given to write its address.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub struct BrokerArguments {
    /// Where to listen; port 0 takes a free one. Whoever can connect can do everything: there is no TLS and no authorisation.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    pub listen: SocketAddr,
    /// The host that clients are told to connect to. By default the address by which they reached the broker.
    #[arg(long, value_name = "HOST")]
    pub advertised_host: Option<String>,
    /// The folder for records. That of a pipeline file that names no Kafka is FILE with the extension .kafka.
    #[arg(long, value_name = "FOLDER", default_value = "streamfold.kafka")]
    pub dir: PathBuf,
    /// Keep records in memory; they are gone at the end.
    #[arg(long, conflicts_with = "dir")]
    pub memory: bool,
}

/// Runs the broker alone, until told to stop.
pub fn broker(arguments: &BrokerArguments) -> Result<()> {
    let stop = stop::on_signal()?;
    let store = if arguments.memory { Store::Memory } else { Store::Directory(arguments.dir.clone()) };
    let config = Config {
        listen: arguments.listen,
        advertised_host: arguments.advertised_host.clone(),
        store,
        ..Config::default()
    };
    let broker = Broker::start(config).map_err(failure)?;
    if !arguments.memory {
        write_address(&arguments.dir, broker.address())?;
    }
    println!("bootstrap.servers={}", broker.address());
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(100));
    }
    broker.stop();
    Ok(())
}

/// The broker of a pipeline file: this process's own, or that of another one.
pub struct Embedded {
    /// Stops when this is dropped.
    _broker: Option<Broker>,
    address: SocketAddr,
}

/// The folder of the broker of this pipeline file.
pub fn folder_beside(file: &Path) -> PathBuf {
    file.with_extension("kafka")
}

impl Embedded {
    /// The broker whose folder lies beside this file.
    pub fn beside(file: &Path) -> Result<Embedded> {
        let folder = folder_beside(file);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match start(&folder) {
                Ok(broker) => {
                    let address = broker.address();
                    write_address(&folder, address)?;
                    log::info!(
                        "the file names no Kafka: embedded broker on {address}, records in {}",
                        folder.display()
                    );
                    return Ok(Embedded { _broker: Some(broker), address });
                }
                Err(StartError::InUse(_)) => {
                    if let Some(address) = read_address(&folder).filter(is_served) {
                        log::info!(
                            "the file names no Kafka: embedded broker of another process on {address}, which has to outlive this one \
                             (`streamfold broker --dir {}` would)",
                            folder.display()
                        );
                        return Ok(Embedded { _broker: None, address });
                    }
                    if Instant::now() >= deadline {
                        let message = format!(
                            "{} is in use by another process that tells no address",
                            folder.display()
                        );
                        return Err(Failure::new(Exit::Unreachable, message).into());
                    }
                    thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(failure(error)),
            }
        }
    }

    /// The broker that another process runs in the folder beside this file.
    pub fn of_another(file: &Path) -> Result<Embedded> {
        let folder = folder_beside(file);
        match read_address(&folder).filter(is_served) {
            Some(address) => Ok(Embedded { _broker: None, address }),
            None => {
                let message = format!("no broker runs in {}", folder.display());
                let hint = "`streamfold run` with this file starts one";
                Err(Failure::new(Exit::Unreachable, message).hint(hint).into())
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn failure(error: StartError) -> anyhow::Error {
    let hint = match error {
        StartError::InUse(_) => "stop that broker first, or take another folder with --dir",
        _ => "--listen HOST:PORT takes another address, --dir FOLDER another folder",
    };
    anyhow::Error::from(error).context(Failure::new(Exit::Unreachable, "the broker did not start").hint(hint))
}

/// On the port of last time, if it is free, so that other programs find it again.
fn start(folder: &Path) -> Result<Broker, StartError> {
    let port = read_address(folder).map_or(0, |address| address.port());
    let config = |port| Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        store: Store::Directory(folder.to_owned()),
        ..Config::default()
    };
    match Broker::start(config(port)) {
        Err(StartError::Listen { .. }) if port != 0 => Broker::start(config(0)),
        result => result,
    }
}

fn write_address(folder: &Path, address: SocketAddr) -> Result<()> {
    let path = folder.join(ADDRESS_FILE);
    fs::write(&path, address.to_string()).with_context(|| format!("cannot write {}", path.display()))
}

fn read_address(folder: &Path) -> Option<SocketAddr> {
    fs::read_to_string(folder.join(ADDRESS_FILE)).ok()?.trim().parse().ok()
}

fn is_served(address: &SocketAddr) -> bool {
    TcpStream::connect_timeout(address, CONNECT_TIMEOUT).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_to_come_connects_to_the_first_and_the_port_stays() {
        let folder = std::env::temp_dir().join(format!("streamfold-embedded-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("p.toml");
        let first = Embedded::beside(&file).unwrap();
        let second = Embedded::beside(&file).unwrap();
        assert!(first._broker.is_some() && second._broker.is_none());
        assert_eq!(first.address(), second.address());
        let address = first.address();
        drop((second, first));
        assert_eq!(Embedded::beside(&file).unwrap().address(), address);
        fs::remove_dir_all(&folder).unwrap();
    }
}

//! A broker alone: `broker [ADDRESS] [FOLDER]`, by default on 127.0.0.1:9092 in memory. It ends with its standard input.

use std::io::Read;
use streamfold_broker::{Broker, Config, Store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut config = Config::default();
    if let Some(address) = arguments.next() {
        config.listen = address.parse()?;
    }
    if let Some(folder) = arguments.next() {
        config.store = Store::Directory(folder.into());
    }
    let broker = Broker::start(config)?;
    println!("{}", broker.address());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    broker.stop();
    Ok(())
}

//! The arguments of `streamfold init`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct InitArguments {
    /// The topic of the events.
    #[arg(long)]
    pub topic: String,
    /// Where Kafka is.
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9092")]
    pub bootstrap_servers: String,
    /// A property of Kafka's clients, such as security.protocol=SSL. It goes into the file as it is: write
    /// '${env:NAME}' for a secret.
    #[arg(short = 'X', value_name = "NAME=VALUE", value_parser = property)]
    pub properties: Vec<(String, String)>,
    /// The field to be predicted. By default the likely ones are offered.
    #[arg(long, value_name = "FIELD")]
    pub target: Option<String>,
    /// Predict nothing: find clusters.
    #[arg(long, conflicts_with_all = ["target", "label_topic"])]
    pub no_target: bool,
    /// The topic on which labels come later, if they are not in the events.
    #[arg(long, value_name = "TOPIC")]
    pub label_topic: Option<String>,
    /// Names of the columns of CSV, separated by commas. By default those of a header line.
    #[arg(long, value_name = "NAMES")]
    pub columns: Option<String>,
    /// The file to write; by default the topic's name with .toml.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A property with its value.
fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is wanted")?;
    Ok((name.to_owned(), value.to_owned()))
}

//! The arguments of `streamfold demo`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Use this Kafka; the topics made there begin with streamfold-demo-.
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap_servers: Option<String>,
    /// The folder for the pipeline file.
    #[arg(long, value_name = "FOLDER", default_value = "streamfold-demo")]
    pub dir: PathBuf,
    /// How many flights, at most 50000.
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub flights: usize,
    /// Within how many seconds they are sent; 0: as fast as possible.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub seconds: u64,
    /// Print nothing but the summary, as JSON.
    #[arg(long)]
    pub json: bool,
}

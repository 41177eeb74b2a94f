//! The arguments of `streamfold top`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct TopArguments {
    /// The pipeline file.
    pub file: PathBuf,
    /// Look at this generation, such as a candidate's, instead of the live one.
    #[arg(long, value_name = "NUMBER")]
    pub generation: Option<u32>,
    /// The metric of the curve and the table. By default, the first one of the model's task.
    #[arg(long, value_name = "NAME")]
    pub metric: Option<String>,
    /// Look again after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = every)]
    pub every: f64,
    /// Look for one interval, print what was found, and exit.
    #[arg(long)]
    pub once: bool,
    /// Print a JSON object, in a line, after each interval.
    #[arg(long)]
    pub json: bool,
}

fn every(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.1 to 3600".to_owned()),
    }
}

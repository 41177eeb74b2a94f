//! The command line.

use crate::demo::arguments::DemoArguments;
use crate::embedded::BrokerArguments;
use crate::exit;
use crate::init::arguments::InitArguments;
use crate::screen::LogWriter;
use crate::top::arguments::TopArguments;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Machine learning on Apache Kafka, in one binary.
///
/// A pipeline file says which topics the events come from, which features to use, what to predict, and where the
/// predictions go.
#[derive(Debug, Parser)]
#[command(name = "streamfold", version, after_help = exit::TABLE)]
pub struct Arguments {
    /// Says more on standard error: -v for details, -vv for what the Kafka client says. RUST_LOG does the same.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    pub verb: Verb,
}

impl Arguments {
    /// Logs go to standard error, results to standard output.
    pub fn start_logging(&self) {
        let is_shown = matches!(self.verb, Verb::Demo(_) | Verb::Top(_));
        let default = match self.verbose {
            // These verbs show by themselves what goes on.
            0 if is_shown => "warn",
            0 => "info,rdkafka=warn,librdkafka=warn",
            1 => "debug,rdkafka=info,librdkafka=info",
            _ => "trace",
        };
        env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(default))
            .format_target(false)
            .target(env_logger::Target::Pipe(Box::new(LogWriter)))
            .init();
    }
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Runs a pipeline until it is told to stop (SIGTERM, Ctrl-C).
    Run(RunArguments),
    /// Says everything that is wrong with a pipeline file, or shows the plan.
    Check(CheckArguments),
    /// Shows what a pipeline keeps in Kafka; resets, promotes and drops generations.
    State(StateArguments),
    /// Shows a running pipeline live: throughput, lag, waiting labels, metrics beside the baselines, predictions.
    Top(TopArguments),
    /// Lists models and transformers with their parameters.
    Models(ModelsArguments),
    /// Folds the topics' history as fast as it can be read, and shows how well the model does. Commits nothing.
    Backtest(BacktestArguments),
    /// Evaluates models on a CSV, Parquet or ARFF file, without Kafka: each row is predicted, scored, then learnt from.
    Evaluate(Box<EvaluateArguments>),
    /// Runs the embedded broker alone, for any program that speaks Kafka's protocol.
    Broker(BrokerArguments),
    /// Sends real flights through a whole pipeline and shows it learn, within a minute.
    Demo(DemoArguments),
    /// Looks at a topic and writes a first pipeline file, with a comment on every choice.
    Init(InitArguments),
}

/// From where a generation starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StartMode {
    /// Where the file says (`start` of the inputs), with an empty model.
    Fresh,
    /// Where the live generation has got to, with an empty model.
    Offsets,
    /// Where the live generation has got to, with what fits of its state: a model whose features and parameters are the same,
    /// events that wait for labels, metrics.
    State,
}

#[derive(Debug, Args)]
pub struct RunArguments {
    /// The pipeline file.
    pub file: PathBuf,
    /// Stop at the ends that the inputs have now, commit, and exit.
    #[arg(long)]
    pub until_end: bool,
    /// What to do when the file no longer means what the live generation means: begin a new one.
    #[arg(long, value_enum, value_name = "START")]
    pub new_generation: Option<StartMode>,
    /// Run as a candidate beside the live generation: predictions go to a topic of its own until `state promote`.
    #[arg(long)]
    pub candidate: bool,
    /// Serve /metrics, /ready and /ping on this address, such as 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The pipeline file.
    pub file: PathBuf,
    /// Do not ask the cluster whether the topics are there.
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct StateArguments {
    #[command(subcommand)]
    pub change: Option<StateChange>,
    #[command(flatten)]
    pub show: Option<ShowArguments>,
}

#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The pipeline file.
    pub file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum StateChange {
    /// Begins anew with an empty model: a new generation of the same meaning. The old one is kept until dropped.
    Reset {
        #[command(flatten)]
        change: ChangeArguments,
        /// From where to begin.
        #[arg(long, value_enum, default_value = "fresh")]
        start: StartMode,
    },
    /// Makes a candidate the live generation. Both have to be stopped.
    Promote {
        #[command(flatten)]
        change: ChangeArguments,
        /// The generation.
        generation: u32,
    },
    /// Deletes everything that a generation owns in Kafka.
    Drop {
        #[command(flatten)]
        change: ChangeArguments,
        /// The generation.
        generation: u32,
    },
    /// Puts the group's committed offsets back to where the live generation's journal ends.
    RestoreOffsets {
        #[command(flatten)]
        change: ChangeArguments,
    },
}

#[derive(Debug, Args)]
pub struct ChangeArguments {
    /// The pipeline file.
    pub file: PathBuf,
    /// Do it. Without this, only what would be done is shown.
    #[arg(long)]
    pub execute: bool,
}

#[derive(Debug, Args)]
pub struct ModelsArguments {
    /// Only this model or transformer, with its whole documentation.
    pub name: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BacktestArguments {
    /// The pipeline file.
    pub file: PathBuf,
    /// Where to begin: earliest, or a number of milliseconds since 1970. By default, as the file says.
    #[arg(long, value_name = "START")]
    pub from: Option<String>,
    /// Write the predictions to this file, one value a line, lane after lane.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Fold blocks of at most so many records. Changes no result.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    pub block_records: usize,
    /// Read at most so many bytes ahead, instead of limits.queue_bytes_max. Changes no result.
    #[arg(long, value_name = "BYTES")]
    pub queue_bytes: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct EvaluateArguments {
    /// A CSV file with a header line, a Parquet or an ARFF file; CSV and ARFF also gzipped.
    pub file: PathBuf,
    /// The column that is to be predicted.
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,
    /// What is predicted: regression, classification, clustering and so on. By default, what the models do; without
    /// --model, what the target looks like.
    #[arg(long)]
    pub task: Option<String>,
    /// The models, one or several, or `all` of the task. By default, a good one for the task.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub model: Vec<String>,
    /// A parameter, of all models and transformers that have it, or of one: trees=20, k_means.clusters=5.
    #[arg(long, value_name = "[NAME.]PARAMETER=VALUE")]
    pub set: Vec<String>,
    /// Transformers in front of the models, in this order. By default, what the models need: an encoder where there are
    /// categories and the model cannot read them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub prepare: Option<Vec<String>>,
    /// Take the rows in the order of this column, instead of the file's order.
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
    /// Columns that are no features.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// What columns are, where it is not what they look like: number, boolean, category,
    /// text (its words count) or time.
    #[arg(long, value_name = "COLUMN=TYPE", value_delimiter = ',')]
    pub types: Vec<String>,
    /// In CSV, text that stands for a missing cell besides an empty one, such as NA.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub missing: String,
    /// In CSV, the character between two fields, or tab. By default, what the first line has most of.
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<String>,
    /// The CSV file has no header line; its columns are c1, c2 and so on.
    #[arg(long)]
    pub no_header: bool,
    /// Only the first so many rows.
    #[arg(long, value_name = "N")]
    pub rows: Option<usize>,
    /// Length of the window of the curve and the window's metrics, in rows.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..10_000_000))]
    pub window: u64,
    /// Of two classes, the one that F1 and ROC AUC are about. By default, the one that appears second.
    #[arg(long, value_name = "CLASS")]
    pub positive: Option<String>,
    /// Seed of the models that draw random numbers.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn state_shows_and_changes() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        let Verb::State(show) = parse("streamfold state p.toml --json").unwrap().verb else { panic!() };
        assert!(show.change.is_none() && show.show.unwrap().json);
        let Verb::State(change) = parse("streamfold state promote p.toml 2 --execute").unwrap().verb else {
            panic!()
        };
        assert!(
            matches!(change.change, Some(StateChange::Promote { generation: 2, change }) if change.execute)
        );
        assert!(parse("streamfold state").is_err());
    }
}

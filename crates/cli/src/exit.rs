//! Exit codes, and how errors are told: what happened, why, and the ways on.

use std::fmt;
use std::process::ExitCode;
use streamfold_engine::checkpoint::RestoreError;
use streamfold_engine::lane::LaneError;
use streamfold_engine::runtime::RunError;

/// How the program ends. Scripts rely on these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or drained after SIGTERM.
    Done = 0,
    /// It cannot go on, for a reason that has no number of its own.
    Failed = 1,
    /// The command line or the pipeline file is wrong.
    Usage = 2,
    /// The file no longer means what the live generation means.
    Changed = 3,
    /// No broker could be reached at start.
    Unreachable = 4,
    /// A topic is missing, or does not fit the plan.
    Topics = 5,
    /// `--until-end`: an open transaction holds an input back.
    Held = 6,
    /// Draining took longer than `timing.shutdown_timeout`.
    ShutdownTimeout = 7,
    /// Somebody moved the group's committed offsets.
    OffsetsMoved = 8,
    /// The input is not what the journal says, or was deleted before it was read.
    InputChanged = 9,
    /// Too many bad records.
    BadRecords = 10,
}

/// The same for people: shown by `--help`.
pub const TABLE: &str = "\
Exit codes:
   0  done, or drained after SIGTERM
   1  it cannot go on, for a reason that has no number of its own
   2  the command line or the pipeline file is wrong
   3  the file no longer means what the live generation means
   4  no broker could be reached at start
   5  a topic is missing, or does not fit the plan
   6  --until-end: an open transaction holds an input back
   7  draining took longer than timing.shutdown_timeout
   8  somebody moved the group's committed offsets
   9  the input is not what the journal says, or was deleted before it was read
  10  too many bad records";

/// An error with an exit code of its own, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into(), hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Failure { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Tells the error, if it is one, and gives the exit code.
pub fn report(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::from(Exit::Done as u8) };
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    let (exit, hint) = classify(&error);
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(exit as u8)
}

/// Exit code and hint of an error.
fn classify(error: &anyhow::Error) -> (Exit, Option<String>) {
    // anyhow looks through all contexts.
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return (failure.exit, failure.hint.clone());
    }
    if let Some(error) = error.downcast_ref::<RunError>() {
        let (exit, hint) = of_run(error);
        return (exit, hint.map(str::to_owned));
    }
    (Exit::Failed, None)
}

fn of_run(error: &RunError) -> (Exit, Option<&'static str>) {
    match error {
        RunError::Held { .. } => (
            Exit::Held,
            Some(
                "end that transaction (kafka-transactions.sh find-hanging, then abort) or wait until the broker's \
                 transaction.max.timeout.ms does it, then run again: it goes on from the last commit",
            ),
        ),
        RunError::ShutdownTimeout { .. } => {
            (Exit::ShutdownTimeout, Some("a longer timing.shutdown_timeout gives more time"))
        }
        RunError::OffsetsMoved { .. } => (
            Exit::OffsetsMoved,
            Some(
                "`streamfold state restore-offsets` puts them back and the pipeline goes on; `streamfold state reset --start offsets` \
                 begins a new generation, with an empty model, at the moved offsets",
            ),
        ),
        RunError::Restore { error: RestoreError::Foreign(_), .. }
        | RunError::Lane { error: LaneError::InputChanged { .. } | LaneError::OutOfRange { .. }, .. } => {
            (Exit::InputChanged, Some("`streamfold state reset` begins a new generation with an empty model"))
        }
        RunError::Lane { error: LaneError::TooManyBadRecords { .. }, .. } => (
            Exit::BadRecords,
            Some("look into the dead-letter topic; dead_letters.fraction_max sets how many are too many"),
        ),
        _ => (Exit::Failed, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn codes_are_found_behind_contexts() {
        let failure = Failure::new(Exit::Topics, "topic a is not there").hint("create it");
        let error = Err::<(), _>(std::fmt::Error).context(failure).context("cannot start").unwrap_err();
        assert_eq!(classify(&error), (Exit::Topics, Some("create it".to_owned())));
        let timeout = RunError::ShutdownTimeout { lanes: vec![1], timeout_ms: 5 };
        assert_eq!(classify(&anyhow::Error::from(timeout)).0, Exit::ShutdownTimeout);
    }

    #[test]
    fn the_table_has_every_code() {
        for code in 0..=Exit::BadRecords as u8 {
            assert!(TABLE.contains(&format!("\n{code:>4}  ")), "{code}");
        }
    }
}

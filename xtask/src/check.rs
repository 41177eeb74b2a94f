//! All that CI runs, by running what CI runs.

use anyhow::{Context, ensure};
use std::path::Path;
use std::process::Command;

/// Root of the repository.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Runs `.ci/run`.
pub fn run() -> anyhow::Result<()> {
    let script = root().join(".ci/run");
    let status = Command::new("bash").arg(&script).status().context("bash")?;
    ensure!(status.success(), "{} ended with {status}", script.display());
    Ok(())
}

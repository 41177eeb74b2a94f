//! From the pipeline file to the plan and the clients' properties.

use crate::catalog::catalog;
use crate::exit::{Exit, Failure};
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;
use streamfold_engine::plan::{self, Parts, Plan};
use streamfold_kafka::{ClientConfig, check_property};

/// Reads and validates the file; the error lists everything that is wrong with it.
pub fn read(file: &Path) -> Result<Arc<Plan>> {
    let unreadable = || Failure::new(Exit::Usage, format!("cannot read {}", file.display()));
    let text = std::fs::read_to_string(file).with_context(unreadable)?;
    parse(&text, &file.display().to_string())
}

/// The same for the text of a file of this name.
pub fn parse(text: &str, file: &str) -> Result<Arc<Plan>> {
    let property = |name: &str, value: &str| check_property(name, value).map_err(|error| error.to_string());
    let plan = plan::from_text_with(text, &catalog(), &property).map_err(|problems| {
        let count = problems.len();
        let lines: Vec<_> = problems.iter().map(|problem| format!("\n  {}", problem.in_file(file))).collect();
        let what = if count == 1 { "problem" } else { "problems" };
        Failure::new(Exit::Usage, format!("{count} {what} in the pipeline file:{}", lines.concat()))
    })?;
    Ok(Arc::new(plan))
}

/// The clients' properties, checked.
pub fn client_config(plan: &Plan) -> Result<ClientConfig> {
    let kafka = &plan.kafka;
    ClientConfig::new(&kafka.common, &kafka.consumer, &kafka.producer)
        .map_err(|error| Failure::new(Exit::Usage, format!("[kafka] {error}")).into())
}

/// Builds the parts of a lane.
pub fn parts(plan: &Arc<Plan>) -> Box<dyn Fn() -> Result<Parts, String> + Send + Sync> {
    let plan = plan.clone();
    Box::new(move || plan.parts(&catalog()))
}

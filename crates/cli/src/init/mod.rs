//! `streamfold init`: looks at a topic and writes a first pipeline file that runs as it is.
//!
//! sample → fields → roles (time, key, target) → features → file; what cannot be known is asked.

pub mod arguments;
mod ask;
mod features;
mod field;
mod file;
mod format;
mod label;
mod roles;
mod sample;

use crate::exit::{Exit, Failure};
use crate::pipeline;
use anyhow::{Context, Result};
use arguments::InitArguments;
use file::Draft;
use label::Label;
use roles::Choice;
use sample::Sample;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use streamfold_kafka::{ClientConfig, Cluster};

/// The group that the client speaks for; it neither joins nor commits.
const GROUP: &str = "streamfold-init";

/// Looks, asks, writes.
pub fn init(arguments: &InitArguments) -> Result<()> {
    let path = arguments.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.toml", arguments.topic)));
    let taken = || {
        Failure::new(Exit::Usage, format!("{} is there already", path.display()))
            .hint("--output FILE takes another name; nothing is overwritten")
    };
    if path.exists() {
        return Err(taken().into());
    }
    let properties = properties(arguments);
    let cluster = connect(&properties)?;
    let events = Sample::take(&cluster, &arguments.topic, arguments.columns.as_deref())?;
    let labels = arguments
        .label_topic
        .as_ref()
        .map(|topic| Sample::take(&cluster, topic, arguments.columns.as_deref()))
        .transpose()?;
    let label = match (&labels, arguments.no_target) {
        (_, true) => None,
        (None, false) => label(&events, arguments)?.map(|target| Label::inside(&events, target)),
        (Some(labels), false) => match label(labels, arguments)? {
            Some(target) => Some(Label::joined(&events, labels, target)?),
            None => None,
        },
    };
    let draft = Draft::new(&events, labels.as_ref(), label.as_ref(), &properties);
    let text = draft.text();
    // A file that would be refused is a fault of this verb; better told here than by the first run.
    pipeline::parse(&text, &path.display().to_string())?;
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => taken().into(),
        _ => anyhow::Error::from(error).context(format!("cannot write {}", path.display())),
    })?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    draft.tell(&path);
    Ok(())
}

/// The field to be predicted: as told, as its name says, or as asked.
fn label(sample: &Sample, arguments: &InitArguments) -> Result<Option<usize>> {
    if let Some(name) = &arguments.target {
        return roles::named_target(sample, name).map(Some);
    }
    let candidates = roles::targets(sample);
    match roles::obvious(&candidates) {
        Some(target) => Ok(Some(target)),
        None => match ask::target(sample, &candidates)? {
            Choice::Field(target) => Ok(Some(target)),
            Choice::Nothing => Ok(None),
        },
    }
}

fn properties(arguments: &InitArguments) -> BTreeMap<String, String> {
    let servers = ("bootstrap.servers".to_owned(), arguments.bootstrap_servers.clone());
    arguments.properties.iter().cloned().chain([servers]).collect()
}

fn connect(properties: &BTreeMap<String, String>) -> Result<Cluster> {
    let config = ClientConfig::new(properties, &BTreeMap::new(), &BTreeMap::new())
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    Cluster::connect(&config, GROUP).map_err(|error| {
        let message = format!("no broker can be reached at {}", config.brokers());
        let hint =
            "--bootstrap-servers HOST:PORT says where Kafka is; -X NAME=VALUE gives what it needs besides";
        anyhow::Error::from(error).context(Failure::new(Exit::Unreachable, message).hint(hint))
    })
}

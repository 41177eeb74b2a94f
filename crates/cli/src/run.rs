//! `streamfold run`.

use crate::arguments::RunArguments;
use crate::generation::{Generation, Request};
use crate::kafka_log::KafkaLog;
use crate::layout::Layout;
use crate::memory::Memory;
use crate::site::{Site, patiently};
use crate::{pipeline, serve, stop};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use streamfold_engine::journal::TopicIdentity;
use streamfold_engine::runtime::port::Offsets;
use streamfold_engine::runtime::{self, Context, Monitor};
use streamfold_flow::Partition;

/// Runs the pipeline until told to stop, or to the end.
pub fn run(arguments: &RunArguments) -> Result<()> {
    let stop = stop::on_signal()?;
    let site = Site::open(&arguments.file)?;
    Memory::of(&site.plan)?.check()?;
    site.make_inputs()?;
    let inputs = site.inputs()?;
    let request = Request { new: arguments.new_generation, candidate: arguments.candidate };
    let generation = site.generation(request, &inputs)?;
    let context = Arc::new(context(&site, &generation, inputs, arguments.until_end)?);
    log::info!(
        "pipeline {}, generation {} ({}), {} lanes, fingerprint {:016x}",
        site.plan.group(),
        generation.number,
        generation.status.name(),
        site.plan.lanes,
        site.plan.fingerprint()
    );
    // Holds the server, if there is one, until the end.
    let _server =
        arguments.metrics_listen.map(|address| serve::serve(address, context.clone())).transpose()?;
    runtime::run(&context, &stop)?;
    tell_end(&context);
    Ok(())
}

/// Everything that a run of this generation needs.
pub fn context(
    site: &Site,
    generation: &Generation,
    inputs: Vec<TopicIdentity>,
    until_end: bool,
) -> Result<Context> {
    let layout = Layout::new(&site.plan, generation.number, generation.status);
    let topic = [layout.predictions().to_owned()];
    let predictions = patiently(|| site.cluster.topics(&topic)).context("cannot describe topics")?;
    let prediction_partitions = predictions.into_iter().flatten().map(|info| info.partitions).next();
    let old = |number| anyhow::Ok((number, site.generations()?.into_iter().find(|old| old.number == number)));
    let legacy = generation.inherits.map(old).transpose()?;
    let log = KafkaLog::new(site.plan.clone(), site.config.clone(), layout, generation.start, legacy)?;
    let until = match until_end {
        true => Some(ends(&log, &inputs)?),
        false => None,
    };
    Ok(Context {
        plan: site.plan.clone(),
        parts: pipeline::parts(&site.plan),
        log: Arc::new(log),
        site: runtime::Site {
            cluster_id: site.cluster_id.clone(),
            topics: inputs,
            prediction_partitions,
            generation: generation.number,
        },
        until,
        monitor: Arc::new(Monitor::default()),
    })
}

/// Where all partitions of the inputs end now.
pub fn ends(log: &KafkaLog, inputs: &[TopicIdentity]) -> Result<BTreeMap<Partition, i64>> {
    let partitions = all_partitions(inputs);
    let ends = patiently(|| log.ends(&partitions)).context("cannot find the ends of the inputs")?;
    Ok(partitions.into_iter().zip(ends).collect())
}

/// All partitions of the inputs.
pub fn all_partitions(inputs: &[TopicIdentity]) -> Vec<Partition> {
    let of_input = |(input, topic): (usize, &TopicIdentity)| {
        (0..topic.partitions).map(move |partition| Partition { input: input as u16, partition })
    };
    inputs.iter().enumerate().flat_map(of_input).collect()
}

fn tell_end(context: &Context) {
    for (lane, view) in context.monitor.lanes() {
        log::info!(
            "lane {lane}: {} records folded since the generation began, {} predictions in this run, model {}",
            view.gauges.folded,
            view.counters.predictions,
            view.gauges.model_hash.map_or_else(|| "unchanged".to_owned(), |hash| format!("{hash:016x}"))
        );
    }
}

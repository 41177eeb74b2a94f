//! `streamfold check`.

use crate::arguments::CheckArguments;
use crate::exit::{Exit, Failure};
use crate::generation::{Decision, Request, decide};
use crate::layout::Layout;
use crate::memory::{Memory, mebibytes};
use crate::site::{Site, now_ms};
use crate::{embedded, pipeline, topics};
use anyhow::Result;

/// Says what is wrong, or shows the plan and what a run would do.
pub fn check(arguments: &CheckArguments) -> Result<()> {
    let plan = pipeline::read(&arguments.file)?;
    if plan.kafka.names_brokers() {
        pipeline::client_config(&plan)?;
    }
    print!("{}", plan.describe());
    let memory = Memory::of(&plan)?;
    println!("memory, a model that has just begun counted");
    println!("  {:<39} {}", "of each lane", mebibytes(memory.lane));
    println!("  {:<39} {}", "of all lanes", mebibytes(memory.lanes));
    if let Some(there) = memory.there {
        println!("  {:<39} {}", "there is", mebibytes(there));
    }
    memory.check()?;
    if !plan.kafka.names_brokers() {
        let folder = embedded::folder_beside(&arguments.file);
        println!("the file names no Kafka: a run uses the embedded broker, records in {}", folder.display());
        if !folder.exists() {
            // Asking would make it.
            println!("  which is not there yet");
            return Ok(());
        }
    }
    if arguments.offline {
        return Ok(());
    }
    let site = Site::open(&arguments.file).map_err(|error| match error.downcast_ref::<Failure>() {
        Some(failure) if failure.exit == Exit::Unreachable => {
            error.context("the file is right, but the cluster could not be asked (--offline leaves that out)")
        }
        _ => error,
    })?;
    let inputs = site.inputs()?;
    println!("cluster {}", site.cluster_id);
    for input in &inputs {
        println!("  {:<39} {} partitions", input.name, input.partitions);
    }
    let decision = decide(&site.plan, &site.generations()?, Request::default(), now_ms())?;
    let (generation, what) = match &decision {
        Decision::GoOn(generation) => (generation, "goes on with"),
        Decision::Begin(generation, _) => (generation, "begins"),
    };
    println!("a run {what} generation {}", generation.number);
    let layout = Layout::new(&site.plan, generation.number, generation.status);
    let needed =
        topics::of_generation(&site.plan, &layout, inputs.first().map_or(1, |input| input.partitions));
    let names: Vec<String> = needed.iter().map(|topic| topic.name.clone()).collect();
    for (topic, there) in needed.iter().zip(site.cluster.topics(&names)?) {
        let state = if there.is_some() { "is there" } else { "would be created" };
        println!("  {:<39} {state}", topic.name);
    }
    Ok(())
}

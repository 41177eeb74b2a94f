//! `streamfold state`: what a pipeline keeps in Kafka, and changes of it. Changes only tell what they would do, unless
//! told to do it.

use crate::arguments::{ChangeArguments, ShowArguments, StartMode, StateArguments, StateChange};
use crate::exit::{Exit, Failure};
use crate::generation::{self, Generation};
use crate::kafka_log::KafkaLog;
use crate::layout::{Layout, Status};
use crate::run::all_partitions;
use crate::site::{Site, now_ms, patiently};
use crate::topics;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use streamfold_engine::checkpoint::{Checkpoint, Manifest};
use streamfold_engine::journal::{JournalRecord, TopicIdentity};
use streamfold_engine::lane::partitions_of;
use streamfold_engine::runtime::port::{Archive, Offsets};
use streamfold_flow::Partition;
use streamfold_kafka::Cluster;

/// Shows or changes.
pub fn state(arguments: StateArguments) -> Result<()> {
    match (arguments.change, arguments.show) {
        (Some(StateChange::Reset { change, start }), _) => reset(&change, start),
        (Some(StateChange::Promote { change, generation }), _) => promote(&change, generation),
        (Some(StateChange::Drop { change, generation }), _) => drop_generation(&change, generation),
        (Some(StateChange::RestoreOffsets { change }), _) => restore_offsets(&change),
        (None, Some(arguments)) => show(&arguments),
        (None, None) => Err(Failure::new(Exit::Usage, "which pipeline file?").into()),
    }
}

/// What a lane has stored.
struct LaneState {
    lane: u32,
    checkpoint: Option<Manifest>,
    /// The last record of the journal.
    journal: Option<JournalRecord>,
    /// Topic, partition, committed offset, end.
    offsets: Vec<(String, i32, Option<i64>, i64)>,
}

fn show(arguments: &ShowArguments) -> Result<()> {
    let site = Site::open(&arguments.file)?;
    let inputs = site.inputs()?;
    let mut page = Vec::new();
    for generation in site.generations()? {
        let lanes = match generation.status {
            Status::Retired => Vec::new(),
            Status::Live | Status::Candidate => lanes(&site, &generation, &inputs)?,
        };
        page.push((generation, lanes));
    }
    if arguments.json {
        let generations: Vec<Value> =
            page.iter().map(|(generation, lanes)| to_json(generation, lanes)).collect();
        println!("{:#}", json!({ "pipeline": site.plan.group(), "generations": generations }));
        return Ok(());
    }
    println!("pipeline {}", site.plan.group());
    if page.is_empty() {
        println!("  has not run yet");
    }
    page.iter().for_each(|(generation, lanes)| print_generation(generation, lanes));
    Ok(())
}

fn lanes(site: &Site, generation: &Generation, inputs: &[TopicIdentity]) -> Result<Vec<LaneState>> {
    let layout = Layout::new(&site.plan, generation.number, generation.status);
    let log = KafkaLog::new(site.plan.clone(), site.config.clone(), layout, generation.start, None)?;
    let counts: Vec<i32> = inputs.iter().map(|input| input.partitions).collect();
    (0..generation.lanes)
        .map(|lane| {
            let partitions = partitions_of(lane, generation.lanes, &counts);
            lane_state(&log, lane, &partitions).with_context(|| {
                format!("cannot read the state of generation {}, lane {lane}", generation.number)
            })
        })
        .collect()
}

fn lane_state(log: &KafkaLog, lane: u32, partitions: &[Partition]) -> Result<LaneState> {
    let checkpoint = Checkpoint::find(patiently(|| log.state(lane))?)?.map(|checkpoint| checkpoint.manifest);
    let journal =
        patiently(|| log.journal_end(lane))?.map(|bytes| JournalRecord::decode(&bytes)).transpose()?;
    let offsets = log
        .named(partitions)
        .into_iter()
        .zip(patiently(|| log.committed(partitions))?)
        .zip(patiently(|| log.ends(partitions))?)
        .map(|(((topic, partition), committed), end)| (topic, partition, committed, end))
        .collect();
    Ok(LaneState { lane, checkpoint, journal, offsets })
}

fn print_generation(generation: &Generation, lanes: &[LaneState]) {
    println!(
        "generation {} ({}), {} lanes, begun {} ago from {}",
        generation.number,
        generation.status.name(),
        generation.lanes,
        age(now_ms() - generation.created_ms),
        match generation.start {
            StartMode::Fresh => "where the file says",
            StartMode::Offsets => "where its predecessor had got to",
            StartMode::State => "the state of its predecessor",
        }
    );
    for lane in lanes {
        let journal = lane.journal.as_ref().map_or("empty".to_owned(), |record| {
            format!("commit {}, {} records folded", record.sequence, record.folded)
        });
        println!("  lane {}", lane.lane);
        println!("    journal     {journal}");
        match &lane.checkpoint {
            None => println!("    checkpoint  none yet"),
            Some(manifest) => println!(
                "    checkpoint  {} ago, at commit {}, {} records folded, {} bytes\n    model       {:016x}\n    state       {:016x}",
                age(now_ms() - manifest.cut_at_ms),
                manifest.sequence,
                manifest.folded,
                manifest.size_bytes(),
                manifest.model_hash,
                manifest.state_hash
            ),
        }
        println!(
            "    {:<39} {:>9} {:>15} {:>15} {:>10}",
            "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"
        );
        for (topic, partition, committed, end) in &lane.offsets {
            let current = committed.map_or("-".to_owned(), |offset| offset.to_string());
            let lag = committed.map_or("-".to_owned(), |offset| (end - offset).to_string());
            println!("    {topic:<39} {partition:>9} {current:>15} {end:>15} {lag:>10}");
        }
    }
}

fn age(ms: i64) -> String {
    match ms.max(0) / 1000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn to_json(generation: &Generation, lanes: &[LaneState]) -> Value {
    let lanes: Vec<Value> = lanes.iter().map(lane_json).collect();
    json!({
        "generation": generation.number,
        "status": generation.status.name(),
        "created_ms": generation.created_ms,
        "meaning": generation.meaning.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>(),
        "lanes": lanes,
    })
}

fn lane_json(lane: &LaneState) -> Value {
    let checkpoint = lane.checkpoint.as_ref().map(|manifest| {
        json!({
            "sequence": manifest.sequence,
            "folded": manifest.folded,
            "cut_at_ms": manifest.cut_at_ms,
            "bytes": manifest.size_bytes(),
            "model_hash": format!("{:016x}", manifest.model_hash),
            "state_hash": format!("{:016x}", manifest.state_hash),
        })
    });
    let journal =
        lane.journal.as_ref().map(|record| json!({ "sequence": record.sequence, "folded": record.folded }));
    let offsets: Vec<Value> = lane
        .offsets
        .iter()
        .map(|(topic, partition, committed, end)| {
            let lag = committed.map(|offset| end - offset);
            json!({ "topic": topic, "partition": partition, "committed": committed, "end": end, "lag": lag })
        })
        .collect();
    json!({ "lane": lane.lane, "journal": journal, "checkpoint": checkpoint, "offsets": offsets })
}

/// Says what is done or would be done.
fn plan_steps(execute: bool, steps: &[String]) {
    println!("{}", if execute { "doing:" } else { "would do (--execute does it):" });
    steps.iter().for_each(|step| println!("  {step}"));
}

fn live(generations: &[Generation]) -> Result<&Generation> {
    let live = generations.iter().find(|generation| generation.status == Status::Live);
    live.ok_or_else(|| Failure::new(Exit::Failed, "the pipeline has no live generation").into())
}

fn numbered(generations: &[Generation], number: u32) -> Result<&Generation> {
    generations.iter().find(|generation| generation.number == number).ok_or_else(|| {
        let numbers: Vec<String> = generations.iter().map(|g| g.number.to_string()).collect();
        let message = format!("there is no generation {number}; there are: {}", numbers.join(", "));
        Failure::new(Exit::Usage, message).into()
    })
}

fn reset(change: &ChangeArguments, start: StartMode) -> Result<()> {
    if start == StartMode::State {
        let message = "a reset begins with an empty model; `--start` is fresh or offsets";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let site = Site::open(&change.file)?;
    let inputs = site.inputs()?;
    let generations = site.generations()?;
    let old = live(&generations)?;
    let number = generations.last().map_or(1, |last| last.number + 1);
    let new = Generation {
        number,
        status: Status::Live,
        meaning: site.plan.meaning.clone(),
        lanes: site.plan.lanes,
        start,
        inherits: None,
        created_ms: now_ms(),
    };
    plan_steps(
        change.execute,
        &[
            format!(
                "begin generation {number} with an empty model, {}",
                match start {
                    StartMode::Fresh => "where the file says",
                    StartMode::Offsets => "at the group's committed offsets",
                    // Refused above.
                    StartMode::State => "",
                }
            ),
            format!("retire generation {} (`state drop` deletes it)", old.number),
        ],
    );
    if change.execute {
        site.begin(&new, Some(&Generation { status: Status::Retired, ..old.clone() }), &inputs)?;
    }
    Ok(())
}

fn promote(change: &ChangeArguments, number: u32) -> Result<()> {
    let site = Site::open(&change.file)?;
    let inputs = site.inputs()?;
    let generations = site.generations()?;
    let candidate = numbered(&generations, number)?;
    if candidate.status != Status::Candidate {
        let message = format!("generation {number} is {}, not a candidate", candidate.status.name());
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let old = live(&generations).ok();
    let beside = Layout::new(&site.plan, number, Status::Candidate);
    site.require_stopped(&beside.group)?;
    site.require_stopped(&site.plan.group())?;
    let offsets = group_offsets(&site, &beside.group, &inputs)?;
    let mut steps = vec![
        format!(
            "set the offsets of group {} to those of {}: {} partitions",
            site.plan.group(),
            beside.group,
            offsets.len()
        ),
        format!(
            "make generation {number} live: it goes on with its own model and writes to the file's topics"
        ),
    ];
    steps.extend(old.map(|old| format!("retire generation {}", old.number)));
    plan_steps(change.execute, &steps);
    if !change.execute {
        return Ok(());
    }
    site.cluster.commit_offsets(&offsets).context("cannot set the group's offsets")?;
    let promoted = Generation { status: Status::Live, ..candidate.clone() };
    let retired = old.map(|old| Generation { status: Status::Retired, ..old.clone() });
    let mut changes = vec![(number, Some(&promoted))];
    changes.extend(retired.as_ref().map(|retired| (retired.number, Some(retired))));
    generation::write(&site.plan, &site.config, &changes)?;
    Cluster::connect(&site.config, &beside.group)?
        .delete_group()
        .context("cannot delete the candidate's group")
}

/// What a group has committed.
fn group_offsets(site: &Site, group: &str, inputs: &[TopicIdentity]) -> Result<Vec<(String, i32, i64)>> {
    let names: Vec<(String, i32)> = all_partitions(inputs)
        .into_iter()
        .map(|partition| (inputs[usize::from(partition.input)].name.clone(), partition.partition))
        .collect();
    let committed = Cluster::connect(&site.config, group)?.committed_offsets(&names)?;
    let known = names.into_iter().zip(committed);
    Ok(known.filter_map(|((topic, partition), offset)| Some((topic, partition, offset?))).collect())
}

fn drop_generation(change: &ChangeArguments, number: u32) -> Result<()> {
    let site = Site::open(&change.file)?;
    let generations = site.generations()?;
    let generation = numbered(&generations, number)?;
    if generation.status == Status::Live {
        let message = format!("generation {number} is live");
        return Err(Failure::new(Exit::Usage, message)
            .hint("`state reset` begins anew and retires it")
            .into());
    }
    let candidate_group = Layout::new(&site.plan, number, Status::Candidate).group;
    site.require_stopped(&candidate_group)?;
    let topics = topics::owned(&site.plan, &site.cluster, number)?;
    let mut steps: Vec<String> = topics.iter().map(|topic| format!("delete topic {topic}")).collect();
    steps.push(format!("delete group {candidate_group}, if it is there"));
    steps.push(format!("forget generation {number}"));
    plan_steps(change.execute, &steps);
    if !change.execute {
        return Ok(());
    }
    Cluster::connect(&site.config, &candidate_group)?.delete_group().context("cannot delete the group")?;
    site.cluster.delete_topics(&topics).context("cannot delete topics")?;
    generation::write(&site.plan, &site.config, &[(number, None)])
}

fn restore_offsets(change: &ChangeArguments) -> Result<()> {
    let site = Site::open(&change.file)?;
    let generations = site.generations()?;
    let generation = live(&generations)?;
    let layout = Layout::new(&site.plan, generation.number, generation.status);
    let log = KafkaLog::new(site.plan.clone(), site.config.clone(), layout, generation.start, None)?;
    let mut offsets = Vec::new();
    let mut steps = Vec::new();
    for lane in 0..generation.lanes {
        let journal = journal_offsets(&log, lane)?;
        let partitions: Vec<Partition> = journal.keys().copied().collect();
        let committed = log.committed(&partitions)?;
        for (((topic, partition), next), committed) in
            log.named(&partitions).into_iter().zip(journal.values()).zip(committed)
        {
            if committed != Some(*next) {
                let before = committed.map_or("none".to_owned(), |offset| offset.to_string());
                steps.push(format!("{topic} partition {partition}: from {before} to {next}"));
                offsets.push((topic, partition, *next));
            }
        }
    }
    if offsets.is_empty() {
        println!("the group's offsets are where the journal ends");
        return Ok(());
    }
    plan_steps(change.execute, &steps);
    if change.execute {
        site.require_stopped(&site.plan.group())?;
        site.cluster.commit_offsets(&offsets).context("cannot set the group's offsets")?;
    }
    Ok(())
}

/// For each partition of a lane the next offset to read, as its journal ends.
fn journal_offsets(log: &KafkaLog, lane: u32) -> Result<BTreeMap<Partition, i64>> {
    let mut offsets = BTreeMap::new();
    for bytes in log.journal(lane, None)? {
        let record = JournalRecord::decode(&bytes)?;
        offsets.extend(record.partitions.iter().map(|run| (run.partition, run.next)));
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_for_people() {
        assert_eq!([age(-5), age(119_000), age(120_000), age(7_200_000)], ["0 s", "119 s", "2 min", "2 h"]);
        assert_eq!(age(172_800_000), "2 days");
    }
}

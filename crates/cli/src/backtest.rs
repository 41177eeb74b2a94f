//! `streamfold backtest`.

use crate::arguments::{BacktestArguments, StartMode};
use crate::exit::{Exit, Failure};
use crate::kafka_log::{KafkaLog, start_offset};
use crate::layout::{Layout, Status};
use crate::site::Site;
use crate::{pipeline, run, stop};
use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use streamfold_engine::lane::Report;
use streamfold_engine::plan::{Delivery, PREDICTIONS, Start};
use streamfold_engine::runtime::{self, Backtest, BacktestLane, Context, Monitor};
use streamfold_flow::Partition;
use streamfold_flow::log::Transaction;

/// What a backtest gives its outputs as their generation.
const GENERATION: u32 = 0;

/// Folds the history, lane after lane, and tells what came of it.
pub fn backtest(arguments: &BacktestArguments) -> Result<()> {
    let stop = stop::on_signal()?;
    let mut site = Site::open(&arguments.file)?;
    if let Some(queue_bytes_max) = arguments.queue_bytes {
        Arc::make_mut(&mut site.plan).limits.queue_bytes_max = queue_bytes_max;
    }
    // What a backtest answers goes into a file, in the order of the fold.
    Arc::make_mut(&mut site.plan).delivery = Delivery::ExactlyOnce;
    let context = context(&site)?;
    let mut output = match &arguments.output {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let begin = Instant::now();
    let mut lanes = Vec::new();
    for lane in 0..site.plan.lanes {
        match fold(&site, &context, arguments, lane, &stop, &mut output)? {
            Some(result) => lanes.push(result),
            None => return Err(Failure::new(Exit::Failed, "stopped before the end").into()),
        }
    }
    if let Some(output) = &mut output {
        output.flush().context("cannot write the predictions")?;
    }
    show(&lanes, begin.elapsed(), arguments.json);
    Ok(())
}

fn context(site: &Site) -> Result<Context> {
    let inputs = site.inputs()?;
    let layout = Layout::new(&site.plan, GENERATION, Status::Live);
    let log = KafkaLog::new(site.plan.clone(), site.config.clone(), layout, StartMode::Fresh, None)?;
    let until = run::ends(&log, &inputs)?;
    Ok(Context {
        plan: site.plan.clone(),
        parts: pipeline::parts(&site.plan),
        log: Arc::new(log),
        site: runtime::Site {
            cluster_id: site.cluster_id.clone(),
            topics: inputs,
            prediction_partitions: None,
            generation: GENERATION,
        },
        until: Some(until),
        monitor: Arc::new(Monitor::default()),
    })
}

fn fold(
    site: &Site,
    context: &Context,
    arguments: &BacktestArguments,
    lane: u32,
    stop: &AtomicBool,
    output: &mut Option<BufWriter<File>>,
) -> Result<Option<BacktestLane>> {
    let positions = positions(site, context, arguments, lane)?;
    let block_records_max = arguments.block_records.max(1);
    let backtest = Backtest { context, lane, positions: &positions, block_records_max, stop };
    backtest.run(|transaction| match output {
        Some(output) => write(output, transaction).context("cannot write the predictions"),
        None => Ok(()),
    })
}

/// The values of predictions, a line each.
fn write(output: &mut impl Write, transaction: &Transaction) -> std::io::Result<()> {
    let records = transaction.outputs.iter().flat_map(|block| block.iter());
    for record in records.filter(|record| record.topic == PREDICTIONS) {
        output.write_all(record.value.unwrap_or_default())?;
        output.write_all(b"\n")?;
    }
    Ok(())
}

fn positions(
    site: &Site,
    context: &Context,
    arguments: &BacktestArguments,
    lane: u32,
) -> Result<Vec<(Partition, i64)>> {
    let from = arguments.from.as_deref().map(parse_start).transpose()?;
    let find = |partition: Partition| {
        let input = &site.plan.inputs[usize::from(partition.input)];
        let name = (input.topic.clone(), partition.partition);
        let offset = start_offset(&site.cluster, &name, from.unwrap_or(input.start))?;
        Ok((partition, offset))
    };
    context.partitions(lane).into_iter().map(find).collect()
}

fn parse_start(text: &str) -> Result<Start> {
    match (text, text.parse()) {
        ("earliest", _) => Ok(Start::Earliest),
        (_, Ok(time_ms)) => Ok(Start::Timestamp(time_ms)),
        _ => {
            let message = format!("--from {text}: neither earliest nor a number of milliseconds since 1970");
            Err(Failure::new(Exit::Usage, message).into())
        }
    }
}

fn show(lanes: &[BacktestLane], took: Duration, as_json: bool) {
    let folded: u64 = lanes.iter().map(|lane| lane.folded).sum();
    let rate = folded as f64 / took.as_secs_f64().max(1e-9);
    if as_json {
        let lanes: Vec<Value> = lanes.iter().map(lane_json).collect();
        println!("{:#}", json!({ "records": folded, "seconds": took.as_secs_f64(), "lanes": lanes }));
        return;
    }
    println!("{folded} records in {:.2} s, {rate:.0} a second", took.as_secs_f64());
    for (number, lane) in lanes.iter().enumerate() {
        println!(
            "lane {number}: {} predictions, {} labels learnt, {} bad records, model {:016x}, state {:016x}",
            lane.counters.predictions,
            lane.counters.learnt,
            lane.counters.bad,
            lane.model_hash,
            lane.state_hash
        );
        show_report(&lane.report);
    }
}

/// The metrics as a table: a line for each metric, a column for the model and each baseline.
fn show_report(report: &Report) {
    let mut columns: Vec<&str> = Vec::new();
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for value in &report.values {
        if !columns.contains(&value.who) {
            columns.push(value.who);
        }
        if !rows.contains(&(value.scope.name(), value.metric)) {
            rows.push((value.scope.name(), value.metric));
        }
    }
    println!("  {} events scored", report.scored);
    print!("  {:<28}", "");
    columns.iter().for_each(|column| print!(" {column:>16}"));
    println!();
    for (scope, metric) in rows {
        print!("  {:<28}", format!("{metric} ({scope})"));
        for column in &columns {
            let value =
                report.values.iter().find(|v| (v.who, v.scope.name(), v.metric) == (column, scope, metric));
            match value.and_then(|value| value.value) {
                Some(value) => print!(" {value:>16.6}"),
                None => print!(" {:>16}", "-"),
            }
        }
        println!();
    }
}

fn lane_json(lane: &BacktestLane) -> Value {
    let mut metrics = Map::new();
    for value in &lane.report.values {
        let name = format!("{}.{}.{}", value.who, value.scope.name(), value.metric);
        metrics.insert(name, json!(value.value));
    }
    json!({
        "records": lane.folded,
        "predictions": lane.counters.predictions,
        "learnt": lane.counters.learnt,
        "bad": lane.counters.bad,
        "scored": lane.report.scored,
        "model_hash": format!("{:016x}", lane.model_hash),
        "state_hash": format!("{:016x}", lane.state_hash),
        "metrics": metrics,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_earliest_or_a_time() {
        assert!(matches!(parse_start("earliest"), Ok(Start::Earliest)));
        assert!(matches!(parse_start("1357017300000"), Ok(Start::Timestamp(1_357_017_300_000))));
        assert!(parse_start("yesterday").is_err());
    }
}

//! Where the time goes: the stages of a lane, each on its own and all together, without Kafka and on one thread.

use anyhow::{Context, anyhow, bail};
use serde_json::Value as Json;
use std::sync::Arc;
use streamfold_engine::journal::TopicIdentity;
use streamfold_engine::lane::{Action, Event, Identity, Lane};
use streamfold_engine::plan::{self, Catalog, CatalogFormat, Plan};
use streamfold_flow::Partition;
use streamfold_flow::record::{Headers, RecordBlock, RecordRef};
use streamfold_flow::rows::{Encode, Value};
use streamfold_formats::json;
use streamfold_learn::baseline::Baselines;
use streamfold_learn::features::Row;
use streamfold_learn::metrics::{Evaluator, Options};
use streamfold_learn::model::AnyModel;

/// About what one fetch brings.
const BLOCK_RECORDS: usize = 5000;
/// At the rate to be reached a block takes about this long.
const BLOCK_MS: i64 = 10;
const ONLY: Partition = Partition { input: 0, partition: 0 };

/// Processor time of each stage, in nanoseconds for each event.
pub struct Stages {
    /// From JSON to columns.
    pub decode_ns: f64,
    /// The model predicts and learns.
    pub model_ns: f64,
    /// The model and the naive baselines are scored, and the baselines learn.
    pub score_ns: f64,
    /// From an answer's fields to JSON.
    pub encode_ns: f64,
    /// The whole lane: these, and order, headers, journal and the copies in between.
    pub lane_ns: f64,
}

/// Measures with these events (values of records) and this pipeline file; the best of some rounds, since whatever
/// else runs can only slow it down.
pub fn measure(pipeline: &str, events: &[&[u8]], rounds: usize) -> anyhow::Result<Stages> {
    let catalog = catalog();
    let plan =
        plan::from_text(pipeline, &catalog).map_err(|problems| anyhow!("the pipeline: {problems:?}"))?;
    let plan = Arc::new(plan);
    let blocks = blocks(events);
    let answers = predictions(&plan, &catalog, events)?;
    let best = |stage: &dyn Fn() -> anyhow::Result<u64>| -> anyhow::Result<f64> {
        let mut best_ns = u64::MAX;
        for _ in 0..rounds.max(1) {
            best_ns = best_ns.min(stage()?);
        }
        Ok(best_ns as f64 / events.len() as f64)
    };
    Ok(Stages {
        decode_ns: best(&|| decode(&plan, &catalog, &blocks))?,
        model_ns: best(&|| model(&plan, &catalog, &answers))?,
        score_ns: best(&|| score(&plan, &answers))?,
        encode_ns: best(&|| encode(&plan, &catalog, &answers))?,
        lane_ns: best(&|| lane(&plan, &catalog, &blocks))?,
    })
}

fn blocks(events: &[&[u8]]) -> Vec<RecordBlock> {
    let mut offset = 0;
    let block = |events: &[&[u8]]| {
        let mut block = RecordBlock::default();
        for value in events {
            let record = RecordRef {
                offset,
                timestamp_ms: offset,
                key: None,
                value: Some(value),
                headers: Headers::EMPTY,
            };
            block.push(record);
            offset += 1;
        }
        block
    };
    events.chunks(BLOCK_RECORDS).map(block).collect()
}

/// An event as the model and the encoder meet it.
struct Answer {
    id: String,
    features: Vec<f64>,
    label: f64,
    prediction: f64,
}

fn predictions(plan: &Plan, catalog: &Catalog, events: &[&[u8]]) -> anyhow::Result<Vec<Answer>> {
    let AnyModel::Regressor(mut model) = parts(plan, catalog)?.model else { bail!("a regression is needed") };
    let names = &plan.features.numeric;
    let answer = |value: &&[u8]| -> anyhow::Result<Answer> {
        let event: Json = serde_json::from_slice(value)?;
        let number = |name: &str| event[name].as_f64().with_context(|| format!("no {name}"));
        let features = names.iter().map(|name| number(name)).collect::<anyhow::Result<Vec<f64>>>()?;
        let label = number("label")?;
        let row = Row { numeric: &features, ..Row::default() };
        let prediction = model.predict(row);
        model.learn(row, label, 1.0);
        Ok(Answer { id: event["id"].to_string(), features, label, prediction })
    };
    events.iter().map(answer).collect()
}

fn decode(plan: &Plan, catalog: &Catalog, blocks: &[RecordBlock]) -> anyhow::Result<u64> {
    let mut parts = parts(plan, catalog)?;
    let decoder = parts.decoders.first_mut().context("no input")?;
    timed(|| {
        for block in blocks {
            std::hint::black_box(decoder.decode(block));
        }
        Ok(())
    })
}

fn model(plan: &Plan, catalog: &Catalog, answers: &[Answer]) -> anyhow::Result<u64> {
    let AnyModel::Regressor(mut model) = parts(plan, catalog)?.model else { bail!("a regression is needed") };
    timed(|| {
        for answer in answers {
            let row = Row { numeric: &answer.features, ..Row::default() };
            std::hint::black_box(model.predict(row));
            model.learn(row, answer.label, 1.0);
        }
        Ok(())
    })
}

fn score(plan: &Plan, answers: &[Answer]) -> anyhow::Result<u64> {
    let mut baselines = Baselines::new(plan.task, 0);
    let settings = Options { window_rows: plan.metrics.window_events, ..Options::default() };
    let mut evaluator = Evaluator::new(plan.task, settings);
    let mut words = Vec::new();
    timed(|| {
        for (number, answer) in answers.iter().enumerate() {
            words.clear();
            baselines.predict(0, &mut words);
            evaluator.update_regression(answer.prediction, answer.label, &words);
            baselines.learn_number(answer.label);
            if (number as u64 + 1).is_multiple_of(plan.metrics.every_events) {
                std::hint::black_box(evaluator.report());
            }
        }
        Ok(())
    })
}

fn encode(plan: &Plan, catalog: &Catalog, answers: &[Answer]) -> anyhow::Result<u64> {
    let mut encoder: Box<dyn Encode> = parts(plan, catalog)?.encoder;
    let mut out = Vec::new();
    timed(|| {
        for answer in answers {
            out.clear();
            let fields = [("id", Value::Text(&answer.id)), ("prediction", Value::Number(answer.prediction))];
            encoder.encode(&fields, &mut out);
            std::hint::black_box(&out);
        }
        Ok(())
    })
}

fn lane(plan: &Arc<Plan>, catalog: &Catalog, blocks: &[RecordBlock]) -> anyhow::Result<u64> {
    let identity = Identity {
        cluster_id: "bench".to_owned(),
        topics: vec![TopicIdentity {
            name: plan.inputs[0].topic.clone(),
            topic_id: String::new(),
            partitions: 1,
        }],
        prediction_partitions: Some(1),
        lane: 0,
        generation: 1,
        run_id: 1,
    };
    let mut lane = Lane::new(plan.clone(), parts(plan, catalog)?, identity, None);
    lane.start(&[(ONLY, 0)]);
    let blocks = blocks.to_vec();
    let (mut actions, mut now_ms) = (Vec::new(), 0);
    timed(move || {
        for block in blocks {
            lane.handle(Event::Records(ONLY, block), &mut actions);
            now_ms += BLOCK_MS;
            lane.handle(Event::Tick(now_ms), &mut actions);
            while let Some(action) = actions.pop() {
                match action {
                    Action::Commit(_) => lane.handle(Event::Committed, &mut actions),
                    Action::Failed(error) => return Err(error.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    })
}

/// Processor time of this thread meanwhile, in nanoseconds.
fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let begun = cpu_ns()?;
    work()?;
    Ok(cpu_ns()? - begun)
}

fn cpu_ns() -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").context("this needs Linux")?;
    Ok(stat.split_whitespace().next().context("schedstat is empty")?.parse()?)
}

fn parts(plan: &Plan, catalog: &Catalog) -> anyhow::Result<plan::Parts> {
    plan.parts(catalog).map_err(anyhow::Error::msg)
}

/// The one format that is needed.
fn catalog() -> Catalog {
    let json = CatalogFormat::new(json::ENTRY.name, [], json::ENTRY.decoder, json::ENTRY.encoder);
    Catalog { formats: vec![json] }
}

//! `streamfold evaluate`.

mod candidate;
mod show;

use crate::arguments::EvaluateArguments;
use crate::exit::{Exit, Failure};
use anyhow::Result;
use candidate::Candidate;
use std::time::Instant;
use streamfold_dataset::{self as dataset, Kind, Roles, Stream, Table};
use streamfold_learn::evaluate::{Options, Prequential, Report};
use streamfold_learn::metrics;
use streamfold_learn::model::Task;
use streamfold_learn::params::nearest;
use streamfold_learn::registry::MODELS;

/// Points of the curve, so that it fits on a line.
const CURVE_POINTS: u64 = 50;

/// A model and how it did.
struct Evaluated {
    candidate: Candidate,
    seconds: f64,
    report: Report,
}

/// Reads the file, evaluates one model after the other, and shows what came of it.
pub fn evaluate(arguments: &EvaluateArguments) -> Result<()> {
    let table = dataset::read(&arguments.file, &options(arguments)?).map_err(wrong_file)?;
    let task = task(arguments, &table)?;
    if arguments.target.is_none() && task != Task::Clustering {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let hint = format!("--target COLUMN, one of: {}", columns.join(", "));
        return Err(Failure::new(Exit::Usage, "which column is to be predicted?").hint(hint).into());
    }
    let roles = Roles {
        target: arguments.target.clone(),
        time: arguments.time.clone(),
        ignored: arguments.ignore.clone(),
    };
    let stream = Stream::new(&table, task, &roles).map_err(wrong_file)?;
    // Its cells are in the stream.
    drop(table);
    let candidates = candidate::candidates(arguments, task, &stream)?;
    let metrics = metrics::Options {
        window_rows: arguments.window as usize,
        classes_max: stream.classes.len().max(2),
        positive_class: positive(arguments, &stream)?,
    };
    let curve_every = (stream.len() as u64 / CURVE_POINTS).max(arguments.window / 2).max(1);
    let mut all = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let model = candidate.build(&stream.schema, arguments.seed)?;
        let mut evaluated = Prequential::new(model, Options { metrics, curve_every, ..Options::default() });
        let begin = Instant::now();
        stream.events().for_each(|(row, label)| evaluated.event(row, label));
        let seconds = begin.elapsed().as_secs_f64();
        all.push(Evaluated { candidate, seconds, report: evaluated.finish() });
    }
    match arguments.json {
        true => show::json(arguments, task, &stream, &all),
        false => show::text(arguments, task, &stream, &all),
    }
    Ok(())
}

fn wrong_file(error: dataset::DatasetError) -> Failure {
    Failure::new(Exit::Usage, error.to_string())
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

/// How the file is to be read.
fn options(arguments: &EvaluateArguments) -> Result<dataset::Options, Failure> {
    let types = arguments.types.iter().map(|text| {
        let (name, kind) = text
            .rsplit_once('=')
            .ok_or_else(|| usage(format!("--types {text}: expected a column, = and a type")))?;
        let known = Kind::NAMES.iter().find(|(known, _)| *known == kind);
        let (_, kind) = known.ok_or_else(|| {
            let names: Vec<&str> = Kind::NAMES.iter().map(|(name, _)| *name).collect();
            let failure = usage(format!("--types {text}: {kind:?} is none of {}", names.join(", ")));
            match nearest(kind, names) {
                Some(likely) => failure.hint(format!("did you mean {likely:?}?")),
                None => failure,
            }
        })?;
        Ok((name.to_owned(), *kind))
    });
    let delimiter = arguments.delimiter.as_deref().map(|text| match text.as_bytes() {
        b"tab" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err(usage(format!("--delimiter {text:?}: it is one ASCII character, not a quote, or tab"))),
    });
    Ok(dataset::Options {
        types: types.collect::<Result<_, Failure>>()?,
        columns: arguments.no_header.then(Vec::new),
        delimiter: delimiter.transpose()?,
        missing: arguments.missing.clone(),
        rows_max: arguments.rows,
    })
}

/// The task: as told, as the models do, or what the target looks like.
fn task(arguments: &EvaluateArguments, table: &Table) -> Result<Task> {
    if let Some(name) = &arguments.task {
        let mut tasks: Vec<Task> = Vec::new();
        for model in MODELS {
            if !tasks.contains(&model.task) {
                tasks.push(model.task);
            }
        }
        if let Some(task) = tasks.iter().find(|task| task.name() == name) {
            return Ok(*task);
        }
        let names: Vec<&str> = tasks.iter().map(|task| task.name()).collect();
        let failure =
            usage(format!("--task {name}: there is none of that name; there are {}", names.join(", ")));
        return Err(match nearest(name, names) {
            Some(likely) => failure.hint(format!("did you mean {likely:?}?")).into(),
            None => failure.into(),
        });
    }
    let named = arguments.model.iter().find(|name| *name != candidate::ALL);
    match (named, &arguments.target) {
        (Some(name), _) => Ok(candidate::entry(name)?.task),
        (None, Some(target)) => Ok(Stream::task(table, target).map_err(wrong_file)?),
        (None, None) => Ok(Task::Clustering),
    }
}

/// The number of the positive class.
fn positive(arguments: &EvaluateArguments, stream: &Stream) -> Result<usize, Failure> {
    let Some(name) = &arguments.positive else { return Ok(metrics::Options::default().positive_class) };
    match stream.classes.iter().position(|class| class == name) {
        Some(number) if number < 2 => Ok(number),
        Some(_) => Err(usage(format!("--positive {name}: there are more than two classes"))),
        None => {
            let hint = format!("the classes are {}", stream.classes.join(", "));
            Err(usage(format!("--positive {name}: the file has no such class")).hint(hint))
        }
    }
}

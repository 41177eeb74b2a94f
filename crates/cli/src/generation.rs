//! Generations: what the pipeline has meant so far, kept in a topic of its own, and what a run does with them.

use crate::arguments::StartMode;
use crate::exit::{Exit, Failure};
use crate::layout::{Status, generations_topic};
use crate::site::patiently;
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use streamfold_engine::plan::{Plan, diff_meaning, meaning_from_text, meaning_to_text};
use streamfold_flow::log::LogError;
use streamfold_kafka::{ClientConfig, Cluster, PartitionReader, Start};

const STALL_MAX: Duration = Duration::from_secs(30);

type Meaning = Vec<(String, String)>;

/// One generation.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    pub number: u32,
    pub status: Status,
    /// Everything that changes results.
    pub meaning: Meaning,
    pub lanes: u32,
    /// From where it started.
    pub start: StartMode,
    /// The generation whose state it has taken over.
    pub inherits: Option<u32>,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
}

impl Generation {
    fn value(&self) -> Vec<u8> {
        let start = self.start.to_possible_value().map(|value| value.get_name().to_owned());
        let value = json!({
            "version": 1,
            "status": self.status.name(),
            "start": start,
            "inherits": self.inherits,
            "lanes": self.lanes,
            "created_ms": self.created_ms,
            "meaning": meaning_to_text(&self.meaning),
        });
        value.to_string().into_bytes()
    }

    fn read(key: &[u8], value: &[u8]) -> Option<Generation> {
        let value: Value = serde_json::from_slice(value).ok()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        Some(Generation {
            number: std::str::from_utf8(key).ok()?.parse().ok()?,
            status: Status::ALL.into_iter().find(|status| Some(status.name()) == text("status"))?,
            meaning: meaning_from_text(text("meaning")?)?,
            lanes: value.get("lanes")?.as_u64()?.try_into().ok()?,
            start: StartMode::from_str(text("start")?, false).ok()?,
            inherits: value.get("inherits").and_then(Value::as_u64).and_then(|number| number.try_into().ok()),
            created_ms: value.get("created_ms")?.as_i64()?,
        })
    }
}

/// Reads all generations, by number; none where the topic is not there.
pub fn read_all(plan: &Plan, cluster: &Cluster) -> Result<Vec<Generation>> {
    let topic = generations_topic(plan);
    let found = patiently(|| entries(&topic, cluster));
    let found = found.with_context(|| format!("cannot read the generations from topic {topic}"))?;
    let mut generations = Vec::new();
    for (key, value) in found {
        generations.push(Generation::read(&key, &value).with_context(|| {
            format!(
                "topic {topic}: the entry {:?} is no generation that this version can read",
                String::from_utf8_lossy(&key)
            )
        })?);
    }
    generations.sort_by_key(|generation| generation.number);
    Ok(generations)
}

/// The last value of every key that was not deleted.
fn entries(topic: &str, cluster: &Cluster) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, LogError> {
    let mut found = BTreeMap::new();
    if cluster.topics(&[topic.to_owned()])?.iter().all(Option::is_none) {
        return Ok(found);
    }
    for block in PartitionReader::open(cluster, topic, 0, Start::Beginning, STALL_MAX)? {
        for record in block?.iter() {
            match (record.key, record.value) {
                (Some(key), Some(value)) => drop(found.insert(key.to_vec(), value.to_vec())),
                (Some(key), None) => drop(found.remove(key)),
                (None, _) => {}
            }
        }
    }
    Ok(found)
}

/// Writes generations, or deletes their entries.
pub fn write(plan: &Plan, config: &ClientConfig, changes: &[(u32, Option<&Generation>)]) -> Result<()> {
    let topic = generations_topic(plan);
    let records: Vec<_> = changes
        .iter()
        .map(|(number, generation)| (number.to_string().into_bytes(), generation.map(Generation::value)))
        .collect();
    patiently(|| streamfold_kafka::table::write(config, &topic, 0, &records))
        .with_context(|| format!("cannot write the generations to topic {topic}"))
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    pub new: Option<StartMode>,
    pub candidate: bool,
}

/// What a run does.
#[derive(Debug, PartialEq)]
pub enum Decision {
    /// Goes on with this generation.
    GoOn(Generation),
    /// Begins this generation, and retires another.
    Begin(Generation, Option<Generation>),
}

/// What a run of this plan does, with these generations there.
pub fn decide(plan: &Plan, there: &[Generation], request: Request, now_ms: i64) -> Result<Decision, Failure> {
    let status = if request.candidate { Status::Candidate } else { Status::Live };
    let number = there.last().map_or(1, |last| last.number + 1);
    let live = there.iter().find(|generation| generation.status == Status::Live);
    let inherits = live.filter(|_| request.new == Some(StartMode::State)).map(|live| live.number);
    let fresh = Generation {
        number,
        status,
        inherits,
        meaning: plan.meaning.clone(),
        lanes: plan.lanes,
        start: request.new.unwrap_or(StartMode::Fresh),
        created_ms: now_ms,
    };
    let current = there.iter().find(|generation| generation.status == status);
    match current {
        Some(current) if diff_meaning(&current.meaning, &plan.meaning).is_empty() => {
            Ok(Decision::GoOn(current.clone()))
        }
        Some(current) if request.candidate => Err(another_candidate(current, plan)),
        Some(current) if request.new.is_none() => Err(changed(current, there, plan)),
        Some(current) => {
            Ok(Decision::Begin(fresh, Some(Generation { status: Status::Retired, ..current.clone() })))
        }
        None => Ok(Decision::Begin(fresh, None)),
    }
}

fn list(differences: &[String]) -> String {
    differences.iter().map(|difference| format!("\n  {difference}")).collect()
}

fn changed(live: &Generation, there: &[Generation], plan: &Plan) -> Failure {
    let differences = diff_meaning(&live.meaning, &plan.meaning);
    let same = there.iter().find(|other| {
        other.status == Status::Candidate && diff_meaning(&other.meaning, &plan.meaning).is_empty()
    });
    let hint = match same {
        Some(candidate) => format!(
            "the file means what candidate {0} means: `run --candidate` runs it, `state promote FILE {0}` makes it live",
            candidate.number
        ),
        None => "undo the change; or `run --new-generation state` goes on where generation has got to, with what fits of its state; or \
                 `--new-generation offsets` does so with an empty model; or `--new-generation fresh` begins anew where the file says; or `--candidate` runs beside the live generation \
                 until it is promoted"
            .replace("where generation", &format!("where generation {}", live.number)),
    };
    let message = format!(
        "the file has changed in a way that changes results, compared with generation {} that is live:{}",
        live.number,
        list(&differences)
    );
    Failure::new(Exit::Changed, message).hint(hint)
}

fn another_candidate(candidate: &Generation, plan: &Plan) -> Failure {
    let differences = diff_meaning(&candidate.meaning, &plan.meaning);
    let message =
        format!("there is another candidate already, generation {}:{}", candidate.number, list(&differences));
    Failure::new(Exit::Changed, message)
        .hint(format!("`state promote FILE {0}` or `state drop FILE {0}` first", candidate.number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamfold_engine::plan;

    fn plan(model: &str) -> Plan {
        let text = format!(
            "name = \"p\"\n[kafka]\n\"bootstrap.servers\" = \"localhost:9092\"\n[input.a]\ntopic = \"a\"\n[features]\n\
             numeric = [\"x\"]\n[label]\nfield = \"y\"\n[model]\nkind = \"{model}\"\n"
        );
        plan::from_text(&text, &crate::catalog::catalog()).unwrap()
    }

    fn first(plan: &Plan, status: Status) -> Generation {
        Generation {
            number: 1,
            status,
            meaning: plan.meaning.clone(),
            lanes: 1,
            start: StartMode::Offsets,
            inherits: Some(3),
            created_ms: 5,
        }
    }

    #[test]
    fn a_generation_is_read_as_it_was_written() {
        let generation = first(&plan("linear_regression"), Status::Candidate);
        assert_eq!(Generation::read(b"1", &generation.value()), Some(generation));
        assert_eq!(Generation::read(b"1", b"{}"), None);
    }

    #[test]
    fn the_same_meaning_goes_on_and_another_is_refused() {
        let (old, new) = (plan("linear_regression"), plan("recursive_least_squares"));
        let live = first(&old, Status::Live);
        let decide = |plan: &Plan, new, candidate| {
            decide(plan, std::slice::from_ref(&live), Request { new, candidate }, 7)
        };
        assert_eq!(decide(&old, None, false).unwrap(), Decision::GoOn(live.clone()));
        // Also when told to begin anew: a restart by a supervisor must not lose the state.
        assert_eq!(decide(&old, Some(StartMode::Fresh), false).unwrap(), Decision::GoOn(live.clone()));
        let refused = decide(&new, None, false).unwrap_err();
        assert_eq!(refused.exit, Exit::Changed);
        assert!(refused.message.contains("recursive_least_squares"), "{}", refused.message);
        let Decision::Begin(begun, Some(retired)) = decide(&new, Some(StartMode::Offsets), false).unwrap()
        else {
            panic!()
        };
        assert_eq!((begun.number, begun.status, begun.start), (2, Status::Live, StartMode::Offsets));
        assert_eq!((retired.number, retired.status), (1, Status::Retired));
        let Decision::Begin(begun, None) = decide(&new, None, true).unwrap() else { panic!() };
        assert_eq!((begun.number, begun.status), (2, Status::Candidate));
    }

    #[test]
    fn a_pipeline_without_generations_begins_the_first() {
        let begun = decide(&plan("linear_regression"), &[], Request::default(), 7).unwrap();
        assert!(matches!(begun, Decision::Begin(Generation { number: 1, status: Status::Live, .. }, None)));
    }
}

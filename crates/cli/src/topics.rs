//! The topics that a generation needs, with the settings that they need.

use crate::layout::{Layout, Status, generations_topic};
use std::collections::BTreeMap;
use streamfold_engine::plan::Plan;
use streamfold_flow::log::LogError;
use streamfold_kafka::Cluster;
use streamfold_kafka::admin::NewTopic;

/// Kafka 4 refuses timestamps more than an hour ahead of its clock. Answers carry the timestamps of their events,
/// which the input's topic let pass, so the topics of answers have to let them pass too.
const TIMESTAMP_AHEAD: &str = "message.timestamp.after.max.ms";

/// Settings of the journal: kept until the generation is dropped, never compacted.
const JOURNAL: &[(&str, &str)] =
    &[("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];

/// Settings of the state: parts that no checkpoint needs any more go soon.
const STATE: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.bytes", "16777216"),
    ("segment.ms", "600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("delete.retention.ms", "3600000"),
];

/// Settings of topics with answers. A record's timestamp counts for retention, so the answers to events of ten years
/// ago would be deleted within minutes by Kafka's default of 7 days: they are kept until somebody says for how long.
const ANSWERS: &[(&str, &str)] =
    &[("cleanup.policy", "delete"), ("retention.ms", "-1"), (TIMESTAMP_AHEAD, "9223372036854775807")];

/// Settings of the list of generations.
const GENERATIONS: &[(&str, &str)] = &[("cleanup.policy", "compact")];

fn topic(name: &str, partitions: i32, settings: &[(&str, &str)]) -> NewTopic {
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    NewTopic { name: name.to_owned(), partitions, replication: None, settings }
}

/// The topic that lists generations.
pub fn generations(plan: &Plan) -> NewTopic {
    topic(&generations_topic(plan), 1, GENERATIONS)
}

/// The topics of a generation, the first input having so many partitions.
pub fn of_generation(plan: &Plan, layout: &Layout, input_partitions: i32) -> Vec<NewTopic> {
    let lanes = plan.lanes as i32;
    vec![
        topic(&layout.lanes, lanes, &[]),
        topic(&layout.journal, lanes, JOURNAL),
        topic(&layout.state, lanes, STATE),
        // As many partitions as the events have: a prediction goes where its event was.
        topic(layout.predictions(), input_partitions, ANSWERS),
        topic(layout.dead_letters(), 1, ANSWERS),
        topic(layout.metrics(), 1, ANSWERS),
    ]
}

/// Creates those that are missing.
pub fn create(cluster: &Cluster, topics: &[NewTopic]) -> Result<(), LogError> {
    match cluster.create_topics(topics) {
        // Brokers before 3.6 do not know the setting, and do not need it.
        Err(LogError::Fatal(reason)) if reason.contains(TIMESTAMP_AHEAD) && reason.contains("nknown") => {
            let mut topics = topics.to_vec();
            topics.iter_mut().for_each(|topic| {
                topic.settings.remove(TIMESTAMP_AHEAD);
            });
            cluster.create_topics(&topics)
        }
        result => result,
    }
}

/// Names of the topics that a generation owns, output topics with a name of the user's not among them.
pub fn owned(plan: &Plan, cluster: &Cluster, generation: u32) -> Result<Vec<String>, LogError> {
    // Status::Candidate, since a generation that was a candidate once has topics of answers of its own.
    let layout = Layout::new(plan, generation, Status::Candidate);
    let [predictions, dead_letters, metrics] = layout.outputs;
    let names = vec![layout.lanes, layout.journal, layout.state, predictions, dead_letters, metrics];
    let there = cluster.topics(&names)?;
    Ok(names.into_iter().zip(there).filter_map(|(name, info)| info.map(|_| name)).collect())
}

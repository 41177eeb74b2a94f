//! Names of the topics that a pipeline writes.

use super::Plan;

/// The name of a topic that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicName {
    /// As the file gives it: the same in every generation.
    Given(String),
    /// Owned by the pipeline, with this role: a new one in every generation.
    Owned(&'static str),
}

/// The topics that are written besides the journal and the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputTopics {
    /// Predictions.
    pub predictions: TopicName,
    /// Bad records.
    pub dead_letters: TopicName,
    /// Metrics.
    pub metrics: TopicName,
}

impl OutputTopics {
    /// All of them, in the order of [`super::PREDICTIONS`], [`super::DEAD_LETTERS`] and [`super::METRICS`].
    pub fn all(&self) -> [&TopicName; 3] {
        [&self.predictions, &self.dead_letters, &self.metrics]
    }
}

impl Plan {
    /// Names of the topics that this generation writes, in the order of [`super::PREDICTIONS`],
    /// [`super::DEAD_LETTERS`] and [`super::METRICS`].
    pub fn output_topics(&self, generation: u32) -> [String; 3] {
        self.topics.all().map(|topic| match topic {
            TopicName::Given(name) => name.clone(),
            TopicName::Owned(role) => self.owned(generation, role),
        })
    }
}

/// Whether a topic has a name that the pipeline of this group owns in some generation.
pub(super) fn is_owned(topic: &str, group: &str) -> bool {
    let rest = topic.strip_prefix(group).and_then(|rest| rest.strip_prefix('.'));
    let generation = rest.and_then(|rest| rest.split_once('.')).map(|(generation, _)| generation);
    generation.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_owned;

    #[test]
    fn owned_names_have_a_generation() {
        assert!(is_owned("a-b.17.predictions", "a-b"));
        assert!(!is_owned("a-b.predictions", "a-b"));
        assert!(!is_owned("a-b-c.1.predictions", "a-b"));
        assert!(!is_owned("a-b", "a-b"));
    }
}

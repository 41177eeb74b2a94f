//! Names of everything that a generation of a pipeline has in Kafka.

use streamfold_engine::plan::{DEAD_LETTERS, METRICS, PREDICTIONS, Plan};

/// How a generation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It answers.
    Live,
    /// It runs beside the live one and answers to a topic of its own.
    Candidate,
    /// It was live, or a candidate that came to nothing.
    Retired,
}

impl Status {
    pub const ALL: [Status; 3] = [Status::Live, Status::Candidate, Status::Retired];

    pub fn name(self) -> &'static str {
        match self {
            Status::Live => "live",
            Status::Candidate => "candidate",
            Status::Retired => "retired",
        }
    }
}

/// The names of one generation.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The consumer group.
    pub group: String,
    /// One partition for each lane; the group hands them out. Holds no records.
    pub lanes: String,
    pub journal: String,
    pub state: String,
    /// In the order of the plan's output topics.
    pub outputs: [String; 3],
    /// In the order of the plan's inputs.
    pub inputs: Vec<String>,
    transactional_id: String,
}

impl Layout {
    pub fn new(plan: &Plan, generation: u32, status: Status) -> Self {
        let mut outputs = plan.output_topics(generation);
        let mut group = plan.group();
        if status == Status::Candidate {
            // Topics with a name of the user's are the live generation's; so are the group's offsets.
            outputs = ["predictions", "dead-letters", "metrics"].map(|role| plan.owned(generation, role));
            group = plan.owned(generation, "candidate");
        }
        Layout {
            group,
            lanes: plan.owned(generation, "lanes"),
            journal: plan.owned(generation, "journal"),
            state: plan.owned(generation, "state"),
            outputs,
            inputs: plan.inputs.iter().map(|input| input.topic.clone()).collect(),
            transactional_id: plan.owned(generation, "lane"),
        }
    }

    /// Each lane has an id of its own, which fences the lane's predecessor.
    pub fn transactional_id(&self, lane: u32) -> String {
        format!("{}.{lane}", self.transactional_id)
    }

    pub fn predictions(&self) -> &str {
        &self.outputs[usize::from(PREDICTIONS)]
    }

    pub fn dead_letters(&self) -> &str {
        &self.outputs[usize::from(DEAD_LETTERS)]
    }

    pub fn metrics(&self) -> &str {
        &self.outputs[usize::from(METRICS)]
    }
}

/// Topic that lists a pipeline's generations.
pub fn generations_topic(plan: &Plan) -> String {
    format!("{}.generations", plan.group())
}

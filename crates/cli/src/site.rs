//! The cluster as a pipeline finds it: reached, its inputs there, its topics created.

use crate::embedded::Embedded;
use crate::exit::{Exit, Failure};
use crate::generation::{self, Decision, Generation, Request};
use crate::kafka_log::KafkaLog;
use crate::layout::{Layout, Status};
use crate::{pipeline, topics};
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use streamfold_engine::journal::TopicIdentity;
use streamfold_engine::plan::{InputPlan, Plan, check_cluster};
use streamfold_engine::runtime::port::Archive;
use streamfold_flow::log::LogError;
use streamfold_kafka::admin::{NewTopic, TopicInfo};
use streamfold_kafka::{ClientConfig, Cluster};

/// How long a question at start is asked again while the cluster has no answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a topic that is not there is looked for.
const MISSING_PATIENCE: Duration = Duration::from_secs(3);

/// Asks again while the cluster has no answer for the moment: a topic was just made, a leader is being elected.
pub fn patiently<T>(mut ask: impl FnMut() -> Result<T, LogError>) -> Result<T, LogError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(LogError::Unavailable(reason)) if Instant::now() < deadline => {
                log::debug!("asking again: {reason}");
                std::thread::sleep(Duration::from_millis(250));
            }
            answer => return answer,
        }
    }
}

/// A pipeline and the cluster that it runs on.
pub struct Site {
    pub plan: Arc<Plan>,
    pub config: ClientConfig,
    /// Speaks for the live generation's group.
    pub cluster: Cluster,
    pub cluster_id: String,
    /// Where the file names no Kafka. The last field, so that it outlives its clients.
    embedded: Option<Embedded>,
}

impl Site {
    /// Reads the file and connects; some seconds without a broker are an error.
    pub fn open(file: &Path) -> Result<Site> {
        Site::with(file, Embedded::beside)
    }

    /// The same for who only looks: where the file names no Kafka, its broker has to run already.
    pub fn visit(file: &Path) -> Result<Site> {
        Site::with(file, Embedded::of_another)
    }

    fn with(file: &Path, embedded: impl FnOnce(&Path) -> Result<Embedded>) -> Result<Site> {
        let mut plan = pipeline::read(file)?;
        let embedded = match plan.kafka.names_brokers() {
            true => None,
            false => Some(embedded(file)?),
        };
        if let Some(embedded) = &embedded {
            let address = ("bootstrap.servers".to_owned(), embedded.address().to_string());
            Arc::make_mut(&mut plan).kafka.common.extend([address]);
        }
        let config = pipeline::client_config(&plan)?;
        let cluster = Cluster::connect(&config, &plan.group()).map_err(|error| unreachable(&plan, error))?;
        let cluster_id = cluster.cluster_id().map_err(|error| unreachable(&plan, error))?;
        Ok(Site { plan, config, cluster, cluster_id, embedded })
    }

    /// Makes the topics of the inputs that are not there, on the embedded broker: elsewhere that is their producers'
    /// business, but here they could not come before the pipeline.
    pub fn make_inputs(&self) -> Result<()> {
        if self.embedded.is_none() {
            return Ok(());
        }
        let topic = |input: &InputPlan| NewTopic {
            name: input.topic.clone(),
            partitions: self.plan.lanes as i32,
            ..NewTopic::default()
        };
        let needed: Vec<NewTopic> = self.plan.inputs.iter().map(topic).collect();
        patiently(|| topics::create(&self.cluster, &needed)).context("cannot make the topics of the inputs")
    }

    /// The inputs, checked against the plan.
    pub fn inputs(&self) -> Result<Vec<TopicIdentity>> {
        let names: Vec<String> = self.plan.inputs.iter().map(|input| input.topic.clone()).collect();
        let found = self.describe(&names).context("cannot describe the topics of the inputs")?;
        let partitions: Vec<_> = found.iter().map(|info| info.as_ref().map(|info| info.partitions)).collect();
        let problems = check_cluster(&self.plan, &partitions);
        if !problems.is_empty() {
            return Err(Failure::new(Exit::Topics, problems.join("\n  ")).into());
        }
        let identity = |info: TopicInfo| TopicIdentity {
            name: info.name,
            topic_id: info.id,
            partitions: info.partitions,
        };
        Ok(found.into_iter().flatten().map(identity).collect())
    }

    /// Describes topics. A topic that was made a moment ago is not known to every broker yet, so what is missing is
    /// asked for again.
    fn describe(&self, names: &[String]) -> Result<Vec<Option<TopicInfo>>, LogError> {
        let deadline = Instant::now() + MISSING_PATIENCE;
        loop {
            let found = patiently(|| self.cluster.topics(names))?;
            if found.iter().all(Option::is_some) || Instant::now() >= deadline {
                return Ok(found);
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// All generations.
    pub fn generations(&self) -> Result<Vec<Generation>> {
        generation::read_all(&self.plan, &self.cluster)
    }

    /// The generation to run: the one that is there, or a new one.
    pub fn generation(&self, request: Request, inputs: &[TopicIdentity]) -> Result<Generation> {
        let there = self.generations()?;
        match generation::decide(&self.plan, &there, request, now_ms())? {
            Decision::GoOn(generation) => {
                if request.new.is_some() {
                    log::info!(
                        "the file means what generation {} means, so that goes on (`state reset` begins anew)",
                        generation.number
                    );
                }
                self.require_state(&generation)?;
                // Others may have been deleted: the answers' because nobody needed them any more.
                self.create_topics(&generation, inputs)?;
                Ok(generation)
            }
            Decision::Begin(generation, retired) => {
                if let Some(old) = generation.inherits {
                    self.check_inheritance(&generation, old, &there, retired.is_some())?;
                }
                self.begin(&generation, retired.as_ref(), inputs)?;
                Ok(generation)
            }
        }
    }

    /// Whether the state of an old generation can be taken over, before anything is changed.
    fn check_inheritance(
        &self,
        new: &Generation,
        number: u32,
        there: &[Generation],
        retires: bool,
    ) -> Result<()> {
        if retires {
            self.require_stopped(&Layout::new(&self.plan, number, Status::Live).group)?;
        }
        let mut old = there.iter().find(|old| old.number == number).cloned();
        if let Some(old) = old.as_mut().filter(|_| retires) {
            old.status = Status::Retired;
        }
        let layout = Layout::new(&self.plan, new.number, new.status);
        let log =
            KafkaLog::new(self.plan.clone(), self.config.clone(), layout, new.start, Some((number, old)))?;
        for lane in 0..new.lanes {
            let legacy = patiently(|| log.legacy(lane)).context("cannot read the state to be taken over")?;
            if let Some(Err(reason)) = legacy.map(|legacy| legacy.take(&self.plan.meaning)) {
                let message =
                    format!("lane {lane} cannot take over the state of generation {number}: {reason}");
                let hint = "`--new-generation offsets` goes on from the same place with an empty model";
                return Err(Failure::new(Exit::Failed, message).hint(hint).into());
            }
        }
        Ok(())
    }

    /// Begins a generation: first its topics, then its entry, so that an entry means that the topics are there.
    pub fn begin(
        &self,
        new: &Generation,
        retired: Option<&Generation>,
        inputs: &[TopicIdentity],
    ) -> Result<()> {
        if let Some(retired) = retired {
            self.require_stopped(&Layout::new(&self.plan, retired.number, Status::Live).group)?;
        }
        self.create_topics(new, inputs)?;
        let mut changes = vec![(new.number, Some(new))];
        changes.extend(retired.map(|retired| (retired.number, Some(retired))));
        generation::write(&self.plan, &self.config, &changes)?;
        log::info!("generation {} begins ({})", new.number, new.status.name());
        Ok(())
    }

    /// Refuses to go on from nothing where there was something.
    fn require_state(&self, generation: &Generation) -> Result<()> {
        let layout = Layout::new(&self.plan, generation.number, generation.status);
        let names = [layout.journal, layout.state];
        let found = self.describe(&names).context("cannot describe the topics of the generation")?;
        let Some((gone, _)) = names.iter().zip(found).find(|(_, found)| found.is_none()) else {
            return Ok(());
        };
        let message =
            format!("topic {gone} is gone, and the state of generation {} with it", generation.number);
        Err(Failure::new(Exit::Topics, message)
            .hint("`streamfold state reset` begins a new generation with an empty model")
            .into())
    }

    fn create_topics(&self, generation: &Generation, inputs: &[TopicIdentity]) -> Result<()> {
        let layout = Layout::new(&self.plan, generation.number, generation.status);
        let partitions = inputs.first().map_or(1, |input| input.partitions);
        let mut needed = vec![topics::generations(&self.plan)];
        needed.extend(topics::of_generation(&self.plan, &layout, partitions));
        patiently(|| topics::create(&self.cluster, &needed)).map_err(|error| {
            let hint =
                "create them, or let the user of [kafka] create topics with the prefix of the pipeline";
            anyhow::Error::from(error)
                .context(Failure::new(Exit::Topics, "topics that the pipeline needs are missing").hint(hint))
        })
    }

    /// Refuses while processes run in a group.
    pub fn require_stopped(&self, group: &str) -> Result<()> {
        let asking = || format!("cannot ask whether group {group} is at work");
        let cluster = Cluster::connect(&self.config, group).with_context(asking)?;
        match patiently(|| cluster.members()).with_context(asking)? {
            0 => Ok(()),
            members => {
                let message = format!("group {group} is at work: it has {members} members");
                Err(Failure::new(Exit::Failed, message).hint("stop these processes first").into())
            }
        }
    }
}

fn unreachable(plan: &Plan, error: LogError) -> anyhow::Error {
    let servers = plan.kafka.common.get("bootstrap.servers").map_or("", String::as_str);
    let message = match &error {
        LogError::Unavailable(_) => format!("no broker can be reached at {servers}"),
        LogError::Fatal(_) => format!("the brokers at {servers} cannot be used"),
    };
    let hint = "is Kafka running, and are \"bootstrap.servers\" and the security settings in [kafka] right?";
    anyhow::Error::from(error).context(Failure::new(Exit::Unreachable, message).hint(hint))
}

/// What the clock shows, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

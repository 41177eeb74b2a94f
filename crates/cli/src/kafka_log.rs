//! What the runtime needs of the log, over Kafka: joins the plan's words with the client's.

use crate::arguments::StartMode;
use crate::generation::Generation;
use crate::layout::{Layout, Status};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use streamfold_engine::checkpoint::StateRecord;
use streamfold_engine::plan::{Plan, Start};
use streamfold_engine::runtime::port::{Archive, Connect, LaneHandler, Legacy, Membership, Offsets};
use streamfold_flow::Partition;
use streamfold_flow::log::{Committer, LogError, Sender, Source};
use streamfold_kafka as kafka;
use streamfold_kafka::{
    ClientConfig, Cluster, CommitterTopics, GroupEvent, GroupHandle, KafkaCommitter, KafkaSender, KafkaSource,
};

/// How long a read of state or journal may see nothing move.
const STALL_MAX: Duration = Duration::from_secs(60);

/// One generation of a pipeline in Kafka.
pub struct KafkaLog {
    plan: Arc<Plan>,
    config: ClientConfig,
    layout: Layout,
    /// Speaks for the generation's group.
    cluster: Cluster,
    /// Where a generation starts that has no journal yet.
    start: StartMode,
    /// The generation whose state lanes that begin take over: its number, and what there still is of it.
    legacy: Option<(u32, Option<Generation>)>,
    /// There once the group is joined.
    group: Mutex<Option<GroupHandle>>,
}

impl KafkaLog {
    pub fn new(
        plan: Arc<Plan>,
        config: ClientConfig,
        layout: Layout,
        start: StartMode,
        legacy: Option<(u32, Option<Generation>)>,
    ) -> Result<Self, LogError> {
        let cluster = Cluster::connect(&config, &layout.group)?;
        Ok(KafkaLog { plan, config, layout, cluster, start, legacy, group: Mutex::default() })
    }

    /// Names partitions as Kafka does.
    pub fn named(&self, partitions: &[Partition]) -> Vec<(String, i32)> {
        let topic = |input: u16| self.layout.inputs.get(usize::from(input)).cloned().unwrap_or_default();
        partitions.iter().map(|partition| (topic(partition.input), partition.partition)).collect()
    }

    /// Number of the group's members.
    pub fn members(&self) -> Result<usize, LogError> {
        self.cluster.members()
    }

    /// Where the file says.
    fn start_of(&self, partition: &Partition, name: &(String, i32)) -> Result<i64, LogError> {
        let start = self.plan.inputs.get(usize::from(partition.input)).map(|input| input.start);
        start_offset(&self.cluster, name, start.unwrap_or(Start::Earliest))
    }

    fn read(&self, topic: &str, lane: u32, start: kafka::Start) -> Result<kafka::PartitionReader, LogError> {
        kafka::PartitionReader::open(&self.cluster, topic, lane as i32, start, STALL_MAX)
    }

    fn state_of(&self, topic: &str, lane: u32) -> Result<Vec<StateRecord>, LogError> {
        let mut records = Vec::new();
        for block in self.read(topic, lane, kafka::Start::Beginning)? {
            let block = block?;
            records.extend(
                block.iter().filter_map(|record| {
                    record.key.map(|key| (key.to_vec(), record.value.map(<[u8]>::to_vec)))
                }),
            );
        }
        Ok(records)
    }

    fn end_of(&self, topic: &str, lane: u32) -> Result<Option<Vec<u8>>, LogError> {
        let last = kafka::PartitionReader::last(&self.cluster, topic, lane as i32, STALL_MAX)?;
        Ok(last.and_then(|block| block.iter().last().and_then(|record| record.value.map(<[u8]>::to_vec))))
    }

    fn journal_from(&self, lane: u32, start: kafka::Start) -> Result<Vec<Vec<u8>>, LogError> {
        let mut values = Vec::new();
        for block in self.read(&self.layout.journal, lane, start)? {
            values.extend(block?.iter().filter_map(|record| record.value.map(<[u8]>::to_vec)));
        }
        Ok(values)
    }
}

/// Offset in a partition where a start lies.
pub fn start_offset(cluster: &Cluster, name: &(String, i32), start: Start) -> Result<i64, LogError> {
    let watermarks = cluster.watermarks(&name.0, name.1)?;
    match start {
        Start::Earliest => Ok(watermarks.earliest),
        Start::Latest => Ok(watermarks.end),
        Start::Timestamp(time_ms) => {
            let found = cluster.offsets_at(std::slice::from_ref(name), time_ms)?;
            Ok(found.first().copied().flatten().unwrap_or(watermarks.end))
        }
    }
}

impl Connect for KafkaLog {
    fn source(&self, _lane: u32) -> Result<Box<dyn Source>, LogError> {
        let (topics, queue_bytes_max) = (self.layout.inputs.clone(), self.plan.limits.queue_bytes_max);
        Ok(Box::new(KafkaSource::new(&self.config, &self.layout.group, topics, queue_bytes_max)?))
    }

    fn committer(&self, lane: u32) -> Result<Box<dyn Committer>, LogError> {
        let group = self.group.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let group = group.ok_or_else(|| LogError::Fatal("the group was not joined yet".into()))?;
        let topics = CommitterTopics {
            outputs: self.layout.outputs.to_vec(),
            journal: self.layout.journal.clone(),
            state: self.layout.state.clone(),
            inputs: self.layout.inputs.clone(),
        };
        let id = self.layout.transactional_id(lane);
        Ok(Box::new(KafkaCommitter::new(&self.config, &id, lane, topics, group)?))
    }

    fn sender(&self, _lane: u32) -> Result<Box<dyn Sender>, LogError> {
        Ok(Box::new(KafkaSender::new(&self.config, &self.layout.outputs)?))
    }

    fn join(&self, lanes: Arc<dyn LaneHandler>) -> Result<Box<dyn Membership>, LogError> {
        let membership = kafka::Membership::new(&self.config, &self.layout.group, &self.layout.lanes)?;
        *self.group.lock().unwrap_or_else(PoisonError::into_inner) = Some(membership.handle());
        Ok(Box::new(Joined { membership, lanes }))
    }
}

/// A membership with whom it tells.
struct Joined {
    membership: kafka::Membership,
    lanes: Arc<dyn LaneHandler>,
}

impl Membership for Joined {
    fn poll(&mut self, timeout: Duration) -> Result<(), LogError> {
        let lanes = &self.lanes;
        self.membership.poll(timeout, &mut |event| match event {
            GroupEvent::Assigned(numbers) => lanes.assigned(&numbers),
            GroupEvent::Revoked(numbers) => lanes.revoked(&numbers),
            GroupEvent::Lost(numbers) => lanes.lost(&numbers),
        })
    }
}

impl Archive for KafkaLog {
    fn state(&self, lane: u32) -> Result<Vec<StateRecord>, LogError> {
        self.state_of(&self.layout.state, lane)
    }

    fn journal(&self, lane: u32, since_ms: Option<i64>) -> Result<Vec<Vec<u8>>, LogError> {
        self.journal_from(lane, since_ms.map_or(kafka::Start::Beginning, kafka::Start::Timestamp))
    }

    fn journal_end(&self, lane: u32) -> Result<Option<Vec<u8>>, LogError> {
        self.end_of(&self.layout.journal, lane)
    }

    fn legacy(&self, lane: u32) -> Result<Option<Legacy>, LogError> {
        let Some((number, old)) = &self.legacy else { return Ok(None) };
        let gone =
            || LogError::Fatal(format!("generation {number}, whose state is to be taken over, is gone"));
        let old = old.as_ref().ok_or_else(gone)?;
        let layout = Layout::new(&self.plan, old.number, old.status);
        Ok(Some(Legacy {
            generation: old.number,
            meaning: old.meaning.clone(),
            state: self.state_of(&layout.state, lane)?,
            journal_end: self.end_of(&layout.journal, lane)?,
            goes_on: old.status == Status::Live,
        }))
    }
}

impl Offsets for KafkaLog {
    fn start(&self, partitions: &[Partition]) -> Result<Vec<i64>, LogError> {
        let names = self.named(partitions);
        let known = match self.start {
            StartMode::Fresh => vec![None; names.len()],
            // Of the live generation: that is whose place is taken, or who is run beside.
            StartMode::Offsets | StartMode::State => {
                Cluster::connect(&self.config, &self.plan.group())?.committed_offsets(&names)?
            }
        };
        let starts = partitions
            .iter()
            .zip(&names)
            .zip(known)
            .map(|((partition, name), known)| known.map_or_else(|| self.start_of(partition, name), Ok));
        starts.collect()
    }

    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>, LogError> {
        self.cluster.committed_offsets(&self.named(partitions))
    }

    fn ends(&self, partitions: &[Partition]) -> Result<Vec<i64>, LogError> {
        let ends = |(topic, partition): (String, i32)| Ok(self.cluster.watermarks(&topic, partition)?.end);
        self.named(partitions).into_iter().map(ends).collect()
    }
}

//! Writes the transactions of one lane.

use crate::client::{self, ANSWER_TIMEOUT, Context, Undelivered};
use crate::config::ClientConfig;
use crate::ffi::{self, GroupMetadata, TransactionError};
use crate::group::GroupHandle;
use crate::output::OutputTopic;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use streamfold_flow::log::{Committer, LogError, Outcome, Transaction};
use streamfold_flow::record::{Headers, OutputRef};

/// How long one call may take before the deadline is looked at again.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a commit is tried; by then the brokers have given the transaction up.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that are queued in the producer at most, requests under way included: less than two batches (`batch.size`, a
/// megabyte). While a whole batch waits behind a request that is being sent, the producer's thread does not sleep but
/// spins, which costs as much as the sending itself.
const QUEUED_BYTES_MAX: usize = 1_500_000;
/// How many bytes are queued between two looks at how many are left.
const LOOK_BYTES: usize = 200_000;
/// How long to wait for the producer to send some of them.
const QUEUED_PAUSE: Duration = Duration::from_micros(500);

const DOUBTFUL: &str = "the end of the transaction before this one had to be asked for twice; only a new producer rules out that a late \
                        answer ends this one as well";

/// Where the parts of a [`Transaction`] go.
#[derive(Clone, Debug)]
pub struct CommitterTopics {
    /// For each of the plan's output topics its name.
    pub outputs: Vec<String>,
    /// Topic of the journal; the partition is the lane.
    pub journal: String,
    /// Topic of the state; the partition is the lane.
    pub state: String,
    /// For each of the plan's inputs its topic: whose offsets are committed.
    pub inputs: Vec<String>,
}

/// The transactional producer of one lane. [`Committer::init`] has to be called before the first commit; nothing is
/// connected before it.
pub struct KafkaCommitter {
    config: ClientConfig,
    transactional_id: String,
    partition: i32,
    topics: CommitterTopics,
    group: GroupHandle,
    /// `None` when it has to be made anew.
    writer: Option<Writer>,
}

impl KafkaCommitter {
    /// `group` gives each transaction the generation and member id that it is fenced by.
    pub fn new(
        config: &ClientConfig,
        transactional_id: &str,
        lane: u32,
        topics: CommitterTopics,
        group: GroupHandle,
    ) -> Result<KafkaCommitter, LogError> {
        let partition =
            i32::try_from(lane).map_err(|_| LogError::Fatal(format!("lane {lane} is no partition")))?;
        let transactional_id = transactional_id.to_string();
        Ok(KafkaCommitter {
            config: config.clone(),
            transactional_id,
            partition,
            topics,
            group,
            writer: None,
        })
    }

    fn offsets(&self, transaction: &Transaction) -> Result<TopicPartitionList, String> {
        let mut offsets = Vec::with_capacity(transaction.offsets.len());
        for (partition, offset) in &transaction.offsets {
            let topic = self.topics.inputs.get(usize::from(partition.input));
            let topic = topic.ok_or_else(|| format!("input {} has no topic", partition.input))?;
            offsets.push((topic.as_str(), partition.partition, Offset::Offset(*offset)));
        }
        client::list(offsets).map_err(|error| error.to_string())
    }
}

impl Committer for KafkaCommitter {
    fn init(&mut self) -> Result<(), LogError> {
        self.writer = None;
        let own = [
            ("transactional.id", self.transactional_id.as_str()),
            // Who is not told of a failure is told of it by the commit.
            ("delivery.report.only.error", "true"),
        ];
        let producer: ThreadedProducer<Context> = self
            .config
            .producer(&own)
            .create_with_context(Context::default())
            .map_err(|error| client::unusable(&error))?;
        let what = format!("transactional id {}", self.transactional_id);
        if let Err(error) = producer.init_transactions(ANSWER_TIMEOUT).map_err(TransactionError::from) {
            let context = producer.client().context();
            return Err(match error.is_fatal && client::is_passing(error.code) {
                true => LogError::Unavailable(format!("{what}: {}", error.text)),
                false => client::refused(&self.config, &what, error.code, context),
            });
        }
        let unopened = || LogError::Fatal(format!("{what}: a topic name cannot be used: {:?}", self.topics));
        self.writer = Some(Writer::open(Arc::new(producer), &self.topics).ok_or_else(unopened)?);
        Ok(())
    }

    fn commit(&mut self, transaction: &Transaction) -> Outcome {
        // Put back below if it can go on.
        let Some(mut writer) = self.writer.take() else {
            return Outcome::Unknown("the producer has to be made anew".to_string());
        };
        if writer.is_doubtful {
            return Outcome::Unknown(DOUBTFUL.to_string());
        }
        let fence = self.group.metadata().and_then(|group| Ok((group, self.offsets(transaction)?)));
        let outcome = match fence {
            Ok((group, offsets)) => writer.commit(transaction, self.partition, &group, &offsets),
            // Nothing has begun yet, so it is as good as undone.
            Err(reason) => Outcome::Aborted(reason),
        };
        if matches!(outcome, Outcome::Committed | Outcome::Aborted(_)) {
            self.writer = Some(writer);
        }
        outcome
    }
}

/// A producer that holds the transactional id, with its topics.
struct Writer {
    outputs: Vec<OutputTopic>,
    journal: OutputTopic,
    state: OutputTopic,
    producer: Arc<ThreadedProducer<Context>>,
    /// The last transaction's end was asked for more than once: a late answer could end the next one as well
    /// (KAFKA-17754).
    is_doubtful: bool,
}

impl Writer {
    fn open(producer: Arc<ThreadedProducer<Context>>, topics: &CommitterTopics) -> Option<Writer> {
        Some(Writer {
            outputs: OutputTopic::open_all(&producer, &topics.outputs)?,
            journal: OutputTopic::open(&producer, &topics.journal)?,
            state: OutputTopic::open(&producer, &topics.state)?,
            producer,
            is_doubtful: false,
        })
    }

    fn commit(
        &mut self,
        transaction: &Transaction,
        partition: i32,
        group: &GroupMetadata,
        offsets: &TopicPartitionList,
    ) -> Outcome {
        let deadline = Instant::now() + COMMIT_TIMEOUT;
        // What was told of an earlier transaction is over.
        self.context().take_undelivered();
        if let Err(error) = self.producer.begin_transaction().map_err(TransactionError::from) {
            return ended(&error);
        }
        if let Err(reason) = self.write(transaction, partition, deadline) {
            return self.abort(reason);
        }
        let sent = retry(deadline, |timeout| ffi::send_offsets(&self.producer, offsets, group, timeout));
        if let Err(error) = sent.result {
            return self.judge(&error);
        }
        let committed = retry(deadline, |timeout| ffi::commit_transaction(&self.producer, timeout));
        self.is_doubtful = committed.is_repeated;
        match committed.result {
            Ok(()) => Outcome::Committed,
            Err(error) => self.judge(&error),
        }
    }

    /// Queues all records: outputs, then state, then the journal.
    fn write(&self, transaction: &Transaction, partition: i32, deadline: Instant) -> Result<(), Undelivered> {
        let mut pace = Pace::default();
        for record in transaction.outputs.iter().flat_map(|block| block.iter()) {
            pace.keep(&self.producer, &record, deadline);
            OutputTopic::of(&self.outputs, &record)?.produce(record, deadline)?;
        }
        let own = |key, value| OutputRef {
            topic: 0,
            partition: Some(partition),
            timestamp_ms: None,
            key,
            value,
            headers: Headers::EMPTY,
        };
        for (key, value) in &transaction.state {
            self.state.produce(own(Some(key), value.as_deref()), deadline)?;
        }
        self.journal.produce(own(None, Some(&transaction.journal)), deadline)
    }

    /// What becomes of a transaction after this error.
    fn judge(&mut self, error: &TransactionError) -> Outcome {
        if error.requires_abort {
            let undelivered = self.context().take_undelivered();
            let is_for_good = false;
            return self
                .abort(undelivered.unwrap_or_else(|| Undelivered { text: error.text.clone(), is_for_good }));
        }
        ended(error)
    }

    fn abort(&mut self, reason: Undelivered) -> Outcome {
        let Undelivered { text: reason, is_for_good } = reason;
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let aborted = retry(deadline, |timeout| {
            self.producer.abort_transaction(timeout).map_err(TransactionError::from)
        });
        self.is_doubtful = aborted.is_repeated;
        match aborted.result {
            Ok(()) if is_for_good => Outcome::Refused(reason),
            Ok(()) => Outcome::Aborted(reason),
            Err(error) => match ended(&error) {
                Outcome::Fenced(text) => Outcome::Fenced(text),
                _ => Outcome::Unknown(format!("{reason}; and it could not be aborted: {}", error.text)),
            },
        }
    }

    fn context(&self) -> &Context {
        self.producer.client().context()
    }
}

/// The producer is of no use any more, or nobody knows: which of the two.
fn ended(error: &TransactionError) -> Outcome {
    use RDKafkaErrorCode::{Fenced, InvalidProducerEpoch, ProducerFenced};
    match error.code {
        Fenced | ProducerFenced | InvalidProducerEpoch => Outcome::Fenced(error.text.clone()),
        _ => Outcome::Unknown(error.text.clone()),
    }
}

/// Keeps the queue of a producer short.
#[derive(Default)]
struct Pace {
    records: usize,
    bytes: usize,
    look_at_bytes: usize,
}

impl Pace {
    /// Waits until there is room for this record.
    fn keep(&mut self, producer: &ThreadedProducer<Context>, record: &OutputRef<'_>, deadline: Instant) {
        let parts = [record.key, record.value, Some(record.headers.encoded())];
        self.records += 1;
        self.bytes += parts.iter().flatten().map(|part| part.len()).sum::<usize>();
        if self.bytes < self.look_at_bytes {
            return;
        }
        self.look_at_bytes = self.bytes + LOOK_BYTES;
        let queued_max = QUEUED_BYTES_MAX / (self.bytes / self.records).max(1);
        while producer.in_flight_count() as usize > queued_max && Instant::now() < deadline {
            sleep(QUEUED_PAUSE);
        }
    }
}

/// How a call ended that may be repeated.
struct Retried {
    result: Result<(), TransactionError>,
    is_repeated: bool,
}

/// Repeats a call for as long as librdkafka says that this makes sense.
fn retry(deadline: Instant, mut call: impl FnMut(Duration) -> Result<(), TransactionError>) -> Retried {
    let mut is_repeated = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let result = call(CALL_TIMEOUT.min(left));
        match &result {
            Err(error) if error.is_retriable && !error.is_fatal && Instant::now() < deadline => {
                is_repeated = true;
                log::debug!("transaction: trying again: {}", error.text);
                // Most of these have waited already.
                sleep(Duration::from_millis(10));
            }
            _ => return Retried { result, is_repeated },
        }
    }
}

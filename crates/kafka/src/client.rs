//! Clients of librdkafka as this crate makes them: where their logs and errors go, and what an error means.

use crate::config::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use streamfold_flow::log::LogError;

/// How long one question to the cluster may take: after this it is clear that no broker answers.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A consumer with our context.
pub(crate) type ContextConsumer = BaseConsumer<Context>;

/// What a client tells beside the answers to its calls.
#[derive(Default)]
pub(crate) struct Context {
    trouble: Mutex<Option<(RDKafkaErrorCode, String)>>,
    undelivered: Mutex<Option<Undelivered>>,
}

impl Context {
    /// Why the brokers do not let us in, if that is why they cannot be reached.
    pub fn denial(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let (code, reason) = trouble.as_ref()?;
        matches!(code, RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL).then(|| reason.clone())
    }

    /// The last thing that went wrong with the connections, if any did since the last call.
    pub fn take_trouble(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The first record that could not be delivered since the last call.
    pub fn take_undelivered(&self) -> Option<Undelivered> {
        self.undelivered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        log::debug!(target: "librdkafka", "{}", String::from_utf8_lossy(statistics));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log::debug!(target: "librdkafka", "{error}: {reason}");
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        // "All brokers are down" comes after the reasons why, and says less than they do.
        if code != RDKafkaErrorCode::AllBrokersDown || trouble.is_none() {
            *trouble = Some((code, reason.to_string()));
        }
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, message)) = result else { return };
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        // These are the rest of a transaction that is aborted for another reason.
        if matches!(code, RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) {
            return;
        }
        let mut undelivered = self.undelivered.lock().unwrap_or_else(PoisonError::into_inner);
        undelivered.get_or_insert_with(|| {
            let bytes = message.payload().map_or(0, <[u8]>::len) + message.key().map_or(0, <[u8]>::len);
            Undelivered::new(message.topic(), message.partition(), bytes, code)
        });
    }
}

/// A record that was not delivered.
#[derive(Clone, Debug)]
pub(crate) struct Undelivered {
    /// Which, why, and what to do.
    pub text: String,
    /// Whether it never will be, however often it is sent.
    pub is_for_good: bool,
}

impl Undelivered {
    pub fn new(topic: &str, partition: i32, bytes: usize, code: RDKafkaErrorCode) -> Undelivered {
        use RDKafkaErrorCode::{
            InvalidMessageSize, InvalidRecord, InvalidTimestamp, MessageSizeTooLarge,
            TopicAuthorizationFailed,
        };
        let advice = match code {
            MessageSizeTooLarge | InvalidMessageSize => {
                "; raise max.message.bytes of the topic, and message.max.bytes in kafka.producer if it was set"
            }
            InvalidTimestamp => {
                "; a prediction has the timestamp of its event: widen message.timestamp.after.max.ms and \
                 message.timestamp.before.max.ms of the topic"
            }
            TopicAuthorizationFailed => "; this user needs Write on the topic",
            _ => "",
        };
        let partition = if partition < 0 { String::new() } else { format!(" partition {partition}") };
        Undelivered {
            text: format!("topic {topic}{partition}: a record of {bytes} bytes was refused: {code}{advice}"),
            is_for_good: matches!(
                code,
                MessageSizeTooLarge
                    | InvalidMessageSize
                    | InvalidRecord
                    | InvalidTimestamp
                    | TopicAuthorizationFailed
            ),
        }
    }
}

/// librdkafka's log lines go to the logger under their own target.
pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
    let level = match level {
        // One set of properties serves all kinds of clients; each complains about the others'.
        _ if facility == "CONFWARN" => log::Level::Debug,
        // Lost connections are reported by the calls that suffer from them.
        _ if facility == "FAIL" => log::Level::Debug,
        Emerg | Alert | Critical | Error => log::Level::Error,
        Warning => log::Level::Warn,
        Notice | Info => log::Level::Info,
        Debug => log::Level::Debug,
    };
    log::log!(target: "librdkafka", level, "{facility}: {message}");
}

/// Makes a consumer that is assigned partitions by hand.
pub(crate) fn consumer(
    config: &ClientConfig,
    group: &str,
    own: &[(&str, &str)],
) -> Result<Arc<ContextConsumer>, LogError> {
    let mut properties = vec![
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),
        ("isolation.level", "read_committed"),
    ];
    properties.extend(own);
    let consumer = config.consumer(&properties).create_with_context(Context::default());
    consumer.map(Arc::new).map_err(|error| unusable(&error))
}

/// A list of partitions with their offsets. (The wrapper panics on names that C cannot hold.)
pub(crate) fn list<'a>(
    offsets: impl IntoIterator<Item = (&'a str, i32, Offset)>,
) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in offsets {
        let refused =
            |why: &dyn Display| LogError::Fatal(format!("topic {topic:?} partition {partition}: {why}"));
        if topic.contains('\0') {
            return Err(refused(&"no name of a topic"));
        }
        list.add_partition_offset(topic, partition, offset).map_err(|error| refused(&error))?;
    }
    Ok(list)
}

/// The properties were checked one by one, but do not fit together, or name files that cannot be read.
pub(crate) fn unusable(error: &KafkaError) -> LogError {
    match error {
        // Its text repeats the value.
        KafkaError::ClientConfig(_, reason, name, _) => {
            LogError::Fatal(format!("kafka property \"{name}\": {reason}"))
        }
        error => LogError::Fatal(format!("the properties of [kafka] do not make a client: {error}")),
    }
}

/// Whether the same call may succeed later.
pub(crate) fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::MessageTimedOut
            | Code::Resolve
            | Code::Retry
            | Code::InProgress
            | Code::PreviousInProgress
            | Code::State
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::NodeUpdate
            | Code::RequestTimedOut
            | Code::BrokerNotAvailable
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotController
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::KafkaStorageError
            | Code::OffsetNotAvailable
            | Code::UnstableOffsetCommit
            | Code::ConcurrentTransactions
            | Code::RebalanceInProgress
            | Code::ThrottlingQuotaExceeded
            | Code::UnknownLeaderEpoch
            | Code::FencedLeaderEpoch
            | Code::Authentication
            | Code::SSL
            | Code::SaslAuthenticationFailed
    )
}

/// Words for an error of the client: `what` was being done, against which brokers.
pub(crate) fn failed(config: &ClientConfig, what: &str, error: &KafkaError, context: &Context) -> LogError {
    match error.rdkafka_error_code() {
        Some(code) => refused(config, what, code, context),
        None => LogError::Fatal(format!("{what}: {error}")),
    }
}

/// The same for a bare code.
pub(crate) fn refused(
    config: &ClientConfig,
    what: &str,
    code: RDKafkaErrorCode,
    context: &Context,
) -> LogError {
    if !is_passing(code) {
        return LogError::Fatal(format!("{what}: {code}{}", advice(code)));
    }
    let why = context.take_trouble().map_or_else(|| code.to_string(), |(_, reason)| reason);
    LogError::Unavailable(format!("{what}: no answer from {}: {why}", config.brokers()))
}

/// What to do about an error that will not pass.
fn advice(code: RDKafkaErrorCode) -> &'static str {
    use RDKafkaErrorCode as Code;
    match code {
        Code::TopicAuthorizationFailed => {
            "; this user needs Describe and Read (inputs), Describe and Write (outputs) or all of them (the pipeline's own topics) on the topic"
        }
        Code::GroupAuthorizationFailed => "; this user needs Read on the group",
        Code::TransactionalIdAuthorizationFailed => {
            "; this user needs Describe and Write on the transactional ids that begin with the pipeline's prefix and name"
        }
        Code::ClusterAuthorizationFailed => "; this user lacks a right on the cluster",
        Code::InvalidTransactionTimeout => {
            "; transaction.timeout.ms must not exceed the broker's transaction.max.timeout.ms"
        }
        _ => "",
    }
}

/// Serves a consumer's events; its errors as [`LogError`], where they mean something.
pub(crate) fn serve(config: &ClientConfig, what: &str, consumer: &ContextConsumer) -> Result<(), LogError> {
    // Few at a time: each call serves one event.
    for _ in 0..16 {
        match consumer.poll(Duration::ZERO) {
            None => return Ok(()),
            // No partition's queue ends in this one.
            Some(Ok(_)) => {}
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::Authentication) => {
                    return Err(failed(config, what, &error, consumer.context()));
                }
                // The client deals with these itself; what it cannot deal with is told by the calls that suffer.
                _ => log::debug!("{what}: {error}"),
            },
        }
    }
    Ok(())
}

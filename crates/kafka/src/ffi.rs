//! Direct calls of librdkafka, where its Rust wrapper costs too much or lacks the call. The only unsafe code.
//!
//! Every pointer that librdkafka hands out is owned by a type here that gives it back once and that keeps alive the
//! client it came from. librdkafka's functions may be called from any thread; the exception, consuming in batches,
//! is behind `&mut`.
#![expect(unsafe_code, reason = "calls a C library; each block says why it is sound")]

use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use rdkafka_sys as sys;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::time::Duration;
use streamfold_flow::record::{Headers, HeadersWriter, OutputRef, RecordRef};

/// Stands for the partition that the key's hash gives (a macro in C).
const UNASSIGNED: i32 = -1;

/// Copies a C string.
///
/// # Safety
///
/// `text` is null or points to a C string that is not changed during the call.
unsafe fn copied(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: it is not null; the rest is the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Borrows bytes; null gives `None`.
///
/// # Safety
///
/// `bytes` is null or points to `length` bytes that are not changed during `'a`.
unsafe fn bytes<'a>(bytes: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: it is not null; the rest is the caller's promise.
    (!bytes.is_null()).then(|| unsafe { slice::from_raw_parts(bytes.cast(), length) })
}

/// One thing that a partition's queue held.
pub(crate) enum Delivery<'a> {
    /// A record.
    Record(RecordRef<'a>),
    /// An event of the partition, with the offset it speaks of.
    Event(RDKafkaErrorCode, i64),
}

/// The queue of one partition of a consumer, consumed in batches.
pub(crate) struct PartitionQueue<C: ConsumerContext> {
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// The queue must be given back before its client.
    _consumer: Arc<BaseConsumer<C>>,
    headers: HeadersWriter,
}

// SAFETY: librdkafka's queues are not bound to a thread.
unsafe impl<C: ConsumerContext> Send for PartitionQueue<C> {}

impl<C: ConsumerContext> PartitionQueue<C> {
    /// Takes the partition's records out of the consumer's common queue; to be called before the partition is
    /// assigned. A byte is written to `wake` when something comes after the queue was found empty; it has to stay open
    /// as long as the queue.
    pub fn open(
        consumer: &Arc<BaseConsumer<C>>,
        topic: &str,
        partition: i32,
        wake: BorrowedFd<'_>,
    ) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the client lives, the name is a C string, and the function copies what it needs.
        let queue = unsafe {
            sys::rd_kafka_queue_get_partition(consumer.client().native_ptr(), topic.as_ptr(), partition)
        };
        let queue = NonNull::new(queue)?;
        // SAFETY: the queue is ours; a null destination ends the forwarding. The byte is copied.
        unsafe {
            sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            sys::rd_kafka_queue_io_event_enable(queue.as_ptr(), wake.as_raw_fd(), [1u8].as_ptr().cast(), 1);
        }
        Some(PartitionQueue { queue, _consumer: consumer.clone(), headers: HeadersWriter::default() })
    }

    /// Hands what is in the queue to `handle`, at most as much as `batch` has room for, without waiting; each with the
    /// number of things that are left, itself included. Gives the number that there were.
    pub fn drain(&mut self, batch: &mut Batch, mut handle: impl FnMut(usize, Delivery<'_>)) -> usize {
        let messages = &mut batch.0;
        // SAFETY: the queue is ours and consumed by nobody else (`&mut self`), and the array has the room that is said.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, messages.as_mut_ptr(), messages.len())
        };
        let count = usize::try_from(count).unwrap_or(0);
        for (index, message) in messages.iter().take(count).enumerate() {
            let Some(message) = NonNull::new(*message).map(OwnedMessage) else { continue };
            handle(count - index, message.delivery(&mut self.headers));
        }
        count
    }
}

impl<C: ConsumerContext> Drop for PartitionQueue<C> {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and given back once; a descriptor of -1 ends the events.
        unsafe {
            sys::rd_kafka_queue_io_event_enable(self.queue.as_ptr(), -1, ptr::null(), 0);
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// Room for the messages of one call.
pub(crate) struct Batch(Vec<*mut sys::rd_kafka_message_t>);

// SAFETY: the pointers in it are only valid, and only used, within one call of `drain`.
unsafe impl Send for Batch {}

impl Batch {
    pub fn new(messages_max: usize) -> Self {
        Batch(vec![ptr::null_mut(); messages_max])
    }
}

/// A message that is given back when it goes.
struct OwnedMessage(NonNull<sys::rd_kafka_message_t>);

impl OwnedMessage {
    fn delivery<'a>(&'a self, headers: &'a mut HeadersWriter) -> Delivery<'a> {
        // SAFETY: the message is ours and nobody changes it.
        let message = unsafe { self.0.as_ref() };
        if message.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Delivery::Event(message.err.into(), message.offset);
        }
        self.read_headers(headers);
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: key and payload belong to the message and live as long as it does, that is, for `'a`.
        unsafe {
            Delivery::Record(RecordRef {
                offset: message.offset,
                timestamp_ms: sys::rd_kafka_message_timestamp(self.0.as_ptr(), &mut kind),
                key: bytes(message.key, message.key_len),
                value: bytes(message.payload, message.len),
                headers: headers.headers(),
            })
        }
    }

    fn read_headers(&self, writer: &mut HeadersWriter) {
        writer.clear();
        let mut headers = ptr::null_mut();
        // SAFETY: the message is ours; the headers stay the message's.
        if unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &mut headers) }
            != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers live as long as the message; beyond the last one an error is returned.
            let result =
                unsafe { sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut size) };
            if result != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            // SAFETY: name (a C string) and value (`size` bytes, or null) are the message's.
            unsafe { writer.push(CStr::from_ptr(name).to_bytes(), bytes(value, size)) };
        }
    }
}

impl Drop for OwnedMessage {
    fn drop(&mut self) {
        // SAFETY: the message is ours and given back once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) };
    }
}

/// A topic of a producer, looked up once.
pub(crate) struct ProducerTopic<C: ProducerContext + 'static> {
    topic: NonNull<sys::rd_kafka_topic_t>,
    producer: Arc<ThreadedProducer<C>>,
}

// SAFETY: librdkafka's topics are not bound to a thread.
unsafe impl<C: ProducerContext + 'static> Send for ProducerTopic<C> {}

impl<C: ProducerContext + 'static> ProducerTopic<C> {
    pub fn open(producer: &Arc<ThreadedProducer<C>>, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: the client lives; the name is copied; no configuration means the client's.
        let topic = unsafe {
            sys::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut())
        };
        Some(ProducerTopic { topic: NonNull::new(topic)?, producer: producer.clone() })
    }

    /// Queues a copy of the record to be sent; `record.topic` is not looked at.
    pub fn produce(&self, record: OutputRef<'_>) -> Result<(), RDKafkaErrorCode> {
        use sys::rd_kafka_vtype_t as Kind;
        let memory = |bytes: Option<&[u8]>| sys::rd_kafka_vu_s__bindgen_ty_1 {
            mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
                ptr: bytes.map_or(ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut().cast()),
                size: bytes.map_or(0, <[u8]>::len),
            },
        };
        let headers = new_headers(record.headers);
        let value = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
        let parts = [
            value(Kind::RD_KAFKA_VTYPE_RKT, sys::rd_kafka_vu_s__bindgen_ty_1 { rkt: self.topic.as_ptr() }),
            value(
                Kind::RD_KAFKA_VTYPE_PARTITION,
                sys::rd_kafka_vu_s__bindgen_ty_1 { i32_: record.partition.unwrap_or(UNASSIGNED) },
            ),
            value(
                Kind::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::rd_kafka_vu_s__bindgen_ty_1 { i: sys::RD_KAFKA_MSG_F_COPY },
            ),
            value(Kind::RD_KAFKA_VTYPE_KEY, memory(record.key)),
            value(Kind::RD_KAFKA_VTYPE_VALUE, memory(record.value)),
            // 0 stands for now.
            value(
                Kind::RD_KAFKA_VTYPE_TIMESTAMP,
                sys::rd_kafka_vu_s__bindgen_ty_1 { i64_: record.timestamp_ms.unwrap_or(0) },
            ),
            value(Kind::RD_KAFKA_VTYPE_HEADERS, sys::rd_kafka_vu_s__bindgen_ty_1 { headers }),
        ];
        // Records without headers leave the last part out.
        let count = parts.len() - usize::from(headers.is_null());
        // SAFETY: client and topic live, each union holds what its type says, key and value are copied (never
        // written to) before the call returns. The headers are the message's if it succeeds, else still ours.
        unsafe {
            let error = sys::rd_kafka_produceva(self.producer.client().native_ptr(), parts.as_ptr(), count);
            if error.is_null() {
                return Ok(());
            }
            if !headers.is_null() {
                sys::rd_kafka_headers_destroy(headers);
            }
            let code = sys::rd_kafka_error_code(error);
            sys::rd_kafka_error_destroy(error);
            Err(code.into())
        }
    }
}

impl<C: ProducerContext + 'static> Drop for ProducerTopic<C> {
    fn drop(&mut self) {
        // SAFETY: the topic is ours and given back once, before its client.
        unsafe { sys::rd_kafka_topic_destroy(self.topic.as_ptr()) };
    }
}

/// Headers that the caller owns; null for none.
fn new_headers(headers: Headers<'_>) -> *mut sys::rd_kafka_headers_t {
    if headers.encoded().is_empty() {
        return ptr::null_mut();
    }
    // SAFETY: the list grows as needed; names and values are copied, their lengths are theirs, and a null value
    // stands for a null header. (Lengths below 2^63 are never negative.)
    unsafe {
        let list = sys::rd_kafka_headers_new(4);
        for (name, value) in headers {
            let (bytes, size) = value
                .map_or((ptr::null(), 0), |value| (value.as_ptr().cast::<c_void>(), value.len() as isize));
            sys::rd_kafka_header_add(list, name.as_ptr().cast(), name.len() as isize, bytes, size);
        }
        list
    }
}

/// Why a call about a transaction failed.
#[derive(Clone, Debug)]
pub(crate) struct TransactionError {
    pub code: RDKafkaErrorCode,
    pub text: String,
    /// The producer cannot be used any more.
    pub is_fatal: bool,
    /// The same call may be made again.
    pub is_retriable: bool,
    /// The transaction has to be aborted.
    pub requires_abort: bool,
}

impl From<KafkaError> for TransactionError {
    fn from(error: KafkaError) -> Self {
        let text = error.to_string();
        match error {
            KafkaError::Transaction(error) => TransactionError {
                code: error.code(),
                text: error.string(),
                is_fatal: error.is_fatal(),
                is_retriable: error.is_retriable(),
                requires_abort: error.txn_requires_abort(),
            },
            error => TransactionError {
                code: error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
                text,
                is_fatal: false,
                is_retriable: false,
                requires_abort: false,
            },
        }
    }
}

/// Takes an error that librdkafka has returned; null is success.
///
/// # Safety
///
/// `error` is null or an error that nobody else gives back.
unsafe fn taken(error: *mut sys::rd_kafka_error_t) -> Result<(), TransactionError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error is not null and ours; it is read, then given back once.
    unsafe {
        let taken = TransactionError {
            code: sys::rd_kafka_error_code(error).into(),
            text: copied(sys::rd_kafka_error_string(error)),
            is_fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            is_retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        Err(taken)
    }
}

/// Commits the open transaction. The wrapper's way waits in steps of 100 ms; here the producer's own thread serves its
/// events meanwhile.
pub(crate) fn commit_transaction<C: ProducerContext + 'static>(
    producer: &ThreadedProducer<C>,
    timeout: Duration,
) -> Result<(), TransactionError> {
    // SAFETY: the client lives; the error is taken once.
    unsafe { taken(sys::rd_kafka_commit_transaction(producer.client().native_ptr(), milliseconds(timeout))) }
}

/// Adds offsets of the group to the open transaction.
pub(crate) fn send_offsets<C: ProducerContext + 'static>(
    producer: &ThreadedProducer<C>,
    offsets: &TopicPartitionList,
    group: &GroupMetadata,
    timeout: Duration,
) -> Result<(), TransactionError> {
    // SAFETY: client, list and metadata live during the call, which copies them; the error is taken once.
    unsafe {
        taken(sys::rd_kafka_send_offsets_to_transaction(
            producer.client().native_ptr(),
            offsets.ptr(),
            group.0.as_ptr(),
            milliseconds(timeout),
        ))
    }
}

/// What a transaction is fenced by: a member's place in its group at this moment.
pub(crate) struct GroupMetadata(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

impl GroupMetadata {
    pub fn of<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Self> {
        // SAFETY: the client lives; what is returned is ours.
        NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr()) })
            .map(GroupMetadata)
    }

    /// Negative while the consumer is no member.
    pub fn generation(&self) -> i32 {
        // SAFETY: the metadata is ours.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.0.as_ptr()) }
    }

    /// Empty while the consumer is no member.
    pub fn member_id(&self) -> String {
        // SAFETY: the metadata is ours, and so is the text in it.
        unsafe { copied(sys::rd_kafka_consumer_group_metadata_member_id(self.0.as_ptr())) }
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: the metadata is ours and given back once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) };
    }
}

/// A topic as [`describe_topics`] finds it.
pub(crate) struct Description {
    pub name: String,
    pub id: String,
    pub partitions: usize,
    pub error: Option<RDKafkaErrorCode>,
}

/// Asks for the ids of topics, which metadata as the wrapper gives it do not contain.
pub(crate) fn describe_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[String],
    timeout: Duration,
) -> Result<Vec<Description>, RDKafkaErrorCode> {
    let names: Vec<CString> = names.iter().filter_map(|name| CString::new(name.as_str()).ok()).collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let client = client.native_ptr();
    // SAFETY: the client lives; names are copied into the collection; queue, options, collection and event are
    // ours and given back once, after the last use of what they own.
    unsafe {
        let queue = sys::rd_kafka_queue_new(client);
        let topics = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let options = sys::rd_kafka_AdminOptions_new(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        let mut text = [0 as c_char; 256];
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options,
            milliseconds(timeout),
            text.as_mut_ptr(),
            text.len(),
        );
        sys::rd_kafka_DescribeTopics(client, topics, options, queue);
        // The request ends by its own timeout, earlier than this wait.
        let event = sys::rd_kafka_queue_poll(queue, milliseconds(timeout * 2));
        let described = descriptions(event);
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_AdminOptions_destroy(options);
        sys::rd_kafka_TopicCollection_destroy(topics);
        sys::rd_kafka_queue_destroy(queue);
        described
    }
}

/// Copies the answer out of its event.
///
/// # Safety
///
/// `event` is null or lives during the call.
unsafe fn descriptions(event: *mut sys::rd_kafka_event_t) -> Result<Vec<Description>, RDKafkaErrorCode> {
    if event.is_null() {
        return Err(RDKafkaErrorCode::OperationTimedOut);
    }
    // SAFETY: the event lives, and with it everything that is read out of it; arrays have the lengths that come with them.
    unsafe {
        let error = sys::rd_kafka_event_error(event);
        if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(error.into());
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(RDKafkaErrorCode::Fail);
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        let topics = if topics.is_null() { &[][..] } else { slice::from_raw_parts(topics, count) };
        Ok(topics.iter().map(|topic| description(*topic)).collect())
    }
}

/// # Safety
///
/// `topic` lives during the call.
unsafe fn description(topic: *const sys::rd_kafka_TopicDescription_t) -> Description {
    // SAFETY: the topic lives, and with it everything that is read out of it.
    unsafe {
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let code = if error.is_null() {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        } else {
            sys::rd_kafka_error_code(error)
        };
        let mut partitions = 0;
        sys::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
        let id = sys::rd_kafka_TopicDescription_topic_id(topic);
        Description {
            name: copied(sys::rd_kafka_TopicDescription_name(topic)),
            id: if id.is_null() { String::new() } else { copied(sys::rd_kafka_Uuid_base64str(id)) },
            partitions,
            error: (code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| code.into()),
        }
    }
}

fn milliseconds(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}

//! A client that says exactly what it is told to: one request, one answer.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateTopicsRequest, FetchRequest, ProduceRequest, RequestHeader, ResponseHeader, TopicName,
    TransactionalId,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use streamfold_broker::{Broker, Config, Store};

pub struct Client(TcpStream);

/// A producer: id, epoch, and whether it is a transactional one.
#[derive(Clone, Copy)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
    pub transactional: bool,
}

/// No producer at all.
pub const PLAIN: Producer = Producer { id: -1, epoch: -1, transactional: false };

pub fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

pub fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A broker on a free port.
pub fn start(store: Store) -> Broker {
    start_with(Config { store, ..Config::default() })
}

pub fn start_with(config: Config) -> Broker {
    Broker::start(Config { listen: ([127, 0, 0, 1], 0).into(), housekeeping_interval_ms: 100, ..config })
        .unwrap()
}

/// A folder that nobody else uses.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::remove_dir_all(&folder).ok();
    folder
}

/// A batch with these values, keyed `k`.
pub fn batch(values: &[&str], producer: Producer, sequence: i32) -> Bytes {
    let records: Vec<Record> = values
        .iter()
        .enumerate()
        .map(|(at, value)| Record {
            transactional: producer.transactional,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            timestamp_type: TimestampType::Creation,
            offset: at as i64,
            sequence: if producer.id < 0 { at as i32 - 1 } else { sequence + at as i32 },
            timestamp: now_ms(),
            key: Some(Bytes::from_static(b"k")),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: Default::default(),
        })
        .collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    /// How long to wait for an answer.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.0.set_read_timeout(Some(timeout)).unwrap();
    }

    pub fn send(&mut self, frame: &[u8]) {
        self.0.write_all(&(frame.len() as i32).to_be_bytes()).unwrap();
        self.0.write_all(frame).unwrap();
    }

    /// The size of a frame that will not come.
    pub fn send_size(&mut self, size: i32) {
        self.0.write_all(&size.to_be_bytes()).unwrap();
    }

    pub fn receive(&mut self) -> std::io::Result<Bytes> {
        let mut size = [0; 4];
        self.0.read_exact(&mut size)?;
        let mut frame = vec![0; i32::from_be_bytes(size) as usize];
        self.0.read_exact(&mut frame)?;
        Ok(frame.into())
    }

    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(7)
            .with_client_id(Some(text("bare")));
        let mut frame = BytesMut::new();
        header.encode(&mut frame, R::header_version(version)).unwrap();
        request.encode(&mut frame, version).unwrap();
        self.send(&frame);
        let mut answer = self.receive().unwrap();
        let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, 7);
        let response = R::Response::decode(&mut answer, version).unwrap();
        assert!(answer.is_empty(), "bytes behind the answer");
        response
    }

    /// Makes a topic; the number of the error.
    pub fn create(&mut self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> i16 {
        let settings = settings.iter().map(|(name, value)| {
            CreatableTopicConfig::default().with_name(text(*name)).with_value(Some(text(*value)))
        });
        let topic = CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(settings.collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
        self.call(5, &request).topics[0].error_code
    }

    /// Sends a batch to partition 0: the error's number and the offset.
    pub fn produce(&mut self, topic: &str, batch: Bytes) -> (i16, i64) {
        self.produce_as(topic, None, batch)
    }

    pub fn produce_as(&mut self, topic: &str, transactional_id: Option<&str>, batch: Bytes) -> (i16, i64) {
        let partition = PartitionProduceData::default().with_index(0).with_records(Some(batch));
        let topic =
            TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id))))
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![topic]);
        let response = self.call(7, &request);
        let partition = &response.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }

    pub fn fetch(&mut self, topic: &str, offset: i64, committed: bool) -> PartitionData {
        let partition = FetchPartition::default()
            .with_partition(0)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(200 << 20);
        let topic = FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_max_bytes(200 << 20)
            .with_isolation_level(i8::from(committed))
            .with_topics(vec![topic]);
        self.call(11, &request).responses.remove(0).partitions.remove(0)
    }

    /// The values from an offset on, or the error's number.
    pub fn values(&mut self, topic: &str, mut offset: i64) -> Result<Vec<String>, i16> {
        let mut values = Vec::new();
        loop {
            let mut got = self.fetch(topic, offset, false);
            if got.error_code != 0 {
                return Err(got.error_code);
            }
            let mut bytes = got.records.take().unwrap_or_default();
            if bytes.is_empty() {
                return Ok(values);
            }
            for set in RecordBatchDecoder::decode_all(&mut bytes).unwrap() {
                for record in set.records {
                    if record.offset >= offset && !record.control {
                        values.push(String::from_utf8(record.value.unwrap_or_default().to_vec()).unwrap());
                    }
                    offset = offset.max(record.offset + 1);
                }
            }
        }
    }

    pub fn init_producer(&mut self, transactional_id: Option<&str>, timeout_ms: i32) -> Producer {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id))))
            .with_transaction_timeout_ms(timeout_ms);
        let mut response = self.call(3, &request);
        // Apache Kafka needs a moment after its start.
        while response.error_code == ResponseError::CoordinatorLoadInProgress.code() {
            std::thread::sleep(Duration::from_millis(100));
            response = self.call(3, &request);
        }
        assert_eq!(response.error_code, 0);
        let (id, epoch) = (response.producer_id.0, response.producer_epoch);
        Producer { id, epoch, transactional: transactional_id.is_some() }
    }
}

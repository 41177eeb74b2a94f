//! Measures by hand how fast source and committer are on a real broker:
//!
//! `cargo run --release -p streamfold-kafka --example rates -- [localhost:9092]` (without an address it starts one).

use rdkafka::config::ClientConfig as Raw;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::error::Error;
use std::time::{Duration, Instant};
use streamfold_flow::Partition;
use streamfold_flow::log::{Committer, Fetched, Outcome, Source, Transaction};
use streamfold_flow::record::{HeadersWriter, OutputBlock, OutputRef};
use streamfold_kafka::admin::NewTopic;
use streamfold_kafka::{ClientConfig, Cluster, CommitterTopics, KafkaCommitter, KafkaSource, Membership};
use streamfold_testkit::{KafkaBroker, unique};

const RECORDS: usize = 1_000_000;
const VALUE: &str = r#"{"id":1234567,"x0":0.123456,"x1":1.234567,"x2":2.345678,"x3":3.456789,"x4":4.567891,"x5":5.678912,"x6":6.789123,"x7":7.891234,"x8":8.912345,"x9":9.1,"y":1}"#;
const ONE: Partition = Partition { input: 0, partition: 0 };

fn main() -> Result<(), Box<dyn Error>> {
    let broker = match std::env::args().nth(1) {
        Some(_) => None,
        None => Some(KafkaBroker::start()),
    };
    let address = broker.as_ref().map(|broker| broker.bootstrap().to_string());
    let bootstrap = address.or_else(|| std::env::args().nth(1)).ok_or("no broker")?;
    let config = ClientConfig::plain(&bootstrap);
    let group = unique("rates");
    let cluster = Cluster::connect(&config, &group)?;
    let topic = |role: &str| -> Result<String, Box<dyn Error>> {
        let name = format!("{group}.{role}");
        cluster.create_topics(&[NewTopic { name: name.clone(), partitions: 1, ..NewTopic::default() }])?;
        Ok(name)
    };
    let (input, output) = (topic("in")?, topic("out")?);
    let topics = CommitterTopics {
        outputs: vec![output],
        journal: topic("journal")?,
        state: topic("state")?,
        inputs: vec![input.clone()],
    };
    fill(&bootstrap, &input)?;
    read(&config, &group, &input)?;
    let mut membership = Membership::new(&config, &group, &topic("lanes")?)?;
    let mut is_assigned = false;
    while !is_assigned {
        membership.poll(Duration::from_millis(50), &mut |_| is_assigned = true)?;
    }
    let mut committer = KafkaCommitter::new(&config, &group, 0, topics, membership.handle())?;
    committer.init()?;
    for records in [0, 100, 10_000, 100_000] {
        commit(&mut committer, records)?;
    }
    Ok(())
}

fn fill(bootstrap: &str, topic: &str) -> Result<(), Box<dyn Error>> {
    let producer: BaseProducer = Raw::new()
        .set("bootstrap.servers", bootstrap)
        .set("queue.buffering.max.messages", "2000000")
        .create()?;
    for _ in 0..RECORDS {
        producer
            .send(BaseRecord::<(), str>::to(topic).partition(0).payload(VALUE))
            .map_err(|(error, _)| error)?;
    }
    Ok(producer.flush(Duration::from_secs(60))?)
}

fn read(config: &ClientConfig, group: &str, topic: &str) -> Result<(), Box<dyn Error>> {
    for round in 0..3 {
        let mut source = KafkaSource::new(config, group, vec![topic.to_string()], 64 << 20)?;
        source.assign(&[(ONE, 0)])?;
        let (mut count, mut calls, mut out) = (0, 0, Vec::new());
        let begun = Stopwatch::start();
        while count < RECORDS {
            source.fetch(Duration::from_secs(1), &mut out)?;
            calls += 1;
            let lengths =
                out.drain(..).map(|fetched| if let Fetched::Records(_, b) = fetched { b.len() } else { 0 });
            count += lengths.sum::<usize>();
        }
        begun.say(&format!("source, round {round}, {calls} calls"), count);
    }
    Ok(())
}

fn commit(committer: &mut KafkaCommitter, records: usize) -> Result<(), Box<dyn Error>> {
    let mut headers = HeadersWriter::default();
    headers.push(b"streamfold.source", Some(b"events/0/123456789"));
    headers.push(b"streamfold.generation", Some(b"1"));
    headers.push(b"streamfold.model", Some(b"123456789"));
    let mut outputs = OutputBlock::default();
    for _ in 0..records {
        outputs.push(OutputRef {
            topic: 0,
            partition: Some(0),
            timestamp_ms: Some(1_700_000_000_000),
            key: Some(b"1234567"),
            value: Some(&VALUE.as_bytes()[..40]),
            headers: headers.headers(),
        });
    }
    let mut transaction = Transaction {
        outputs: vec![outputs],
        journal: vec![0; 100],
        offsets: vec![(ONE, 1)],
        ..Transaction::default()
    };
    for sequence in 1..=20 {
        transaction.sequence = sequence;
        // As a pipeline does: the last transaction's markers are written meanwhile.
        std::thread::sleep(Duration::from_millis(100));
        let begun = Stopwatch::start();
        let outcome = committer.commit(&transaction);
        if outcome != Outcome::Committed {
            return Err(format!("{outcome:?}").into());
        }
        if sequence > 15 {
            begun.say("commit", records);
        }
    }
    Ok(())
}

/// Time by the clock, and time that this thread was on a processor (Linux): only the latter says much while others work.
struct Stopwatch {
    begun: Instant,
    busy_nanos: u64,
}

impl Stopwatch {
    fn start() -> Stopwatch {
        Stopwatch { begun: Instant::now(), busy_nanos: busy_nanos() }
    }

    fn say(&self, what: &str, records: usize) {
        let each = |nanos: f64| nanos / records.max(1) as f64;
        let (took, busy) = (self.begun.elapsed(), busy_nanos() - self.busy_nanos);
        println!(
            "{what}: {records} records in {took:.1?}: {:.0} ns each, {:.0} ns of them on this thread's processor",
            each(took.as_nanos() as f64),
            each(busy as f64),
        );
    }
}

fn busy_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default()
}

//! Records come back as they were written: every codec, any size, from any number of readers.

use crate::support::{PATIENCE, on_both, take};
use rdkafka::Offset;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message as _, Timestamp};
use rdkafka::producer::BaseRecord;
use std::time::{Duration, Instant};
use streamfold_testkit::Message;

#[test]
fn keys_values_headers_and_times() {
    on_both(|stage| {
        // Times of 2023, which retention would find too old.
        let topic = stage.topic("whole", 4, &[("retention.ms", "-1")]);
        let header = |name: &str, value: Option<&str>| (name.to_string(), value.map(|text| text.into()));
        let mut sent: Vec<Message> = (0..100)
            .map(|number| Message {
                timestamp_ms: Some(1_700_000_000_000 + 1_000 * i64::from(number)),
                headers: vec![
                    header("h", Some(&number.to_string())),
                    header("null", None),
                    header("h", Some("twice")),
                    header("empty", Some("")),
                ],
                ..Message::value(format!("v{number}")).with_key(format!("k{number}")).in_partition(number % 4)
            })
            .collect();
        let bare =
            Message { timestamp_ms: Some(1_700_000_000_000), partition: Some(0), ..Message::default() };
        sent.push(Message { value: Some("no key".into()), ..bare.clone() });
        sent.push(Message { key: Some("no value".into()), ..bare.clone() });
        sent.push(Message { key: Some("".into()), value: Some("".into()), ..bare });
        let client = stage.broker.client();
        client.produce(&topic, sent.clone());
        sent.sort_by_key(|message| message.partition);
        let mut next = [0; 4];
        for message in &mut sent {
            let next = &mut next[message.partition.unwrap() as usize];
            message.offset = *next;
            *next += 1;
        }
        assert_eq!(client.read(&topic, true), sent);
    });
}

#[test]
fn the_broker_s_own_time_where_the_topic_says_so() {
    on_both(|stage| {
        let topic = stage.topic("append-time", 1, &[("message.timestamp.type", "LogAppendTime")]);
        let old = Message { timestamp_ms: Some(1_000), ..Message::value("v").in_partition(0) };
        stage.broker.client().produce(&topic, [old]);
        let reader = stage.reader(&topic, Offset::Beginning, &[]);
        let message = reader.poll(PATIENCE).unwrap().unwrap();
        assert!(matches!(message.timestamp(), Timestamp::LogAppendTime(time) if time > 1_600_000_000_000));
    });
}

#[test]
fn every_codec_also_from_the_middle_of_a_batch() {
    on_both(|stage| {
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let topic = stage.topic(codec, 1, &[]);
            let batches = [("linger.ms", "50"), ("batch.num.messages", "500")];
            let sender = stage.producer(&[&[("compression.type", codec)], &batches[..]].concat());
            let value = |number: i64| format!("v{number}-{}", "abc".repeat(30));
            (0..5_000).for_each(|number| sender.send(&topic, &value(number)));
            let offsets: Vec<i64> = sender.flush().into_iter().map(Result::unwrap).collect();
            assert!(offsets.into_iter().eq(0..5_000), "{codec}");
            for from in [0, 1_234] {
                let found = take(&stage.reader(&topic, Offset::Offset(from), &[]), 5_000 - from as usize);
                assert!(found.into_iter().eq((from..5_000).map(|at| (0, at, value(at)))), "{codec}");
            }
        }
    });
}

#[test]
fn every_kind_of_acknowledgement() {
    on_both(|stage| {
        let topic = stage.topic("acks", 1, &[]);
        for acks in ["0", "1", "all"] {
            let sender = stage.producer(&[("acks", acks)]);
            (0..100).for_each(|_| sender.send(&topic, acks));
            assert!(sender.flush().iter().all(Result::is_ok), "acks={acks}");
        }
        assert_eq!(take(&stage.reader(&topic, Offset::Beginning, &[]), 300).len(), 300);
    });
}

#[test]
fn large_records() {
    on_both(|stage| {
        let topic = stage.topic("large", 1, &[("max.message.bytes", "20000000")]);
        let large = |bytes| Message::value("x".repeat(bytes)).in_partition(0);
        let sent = [large(1 << 20), large(5 << 20), large(5 << 20), large(1 << 20)];
        stage.broker.client().produce(&topic, sent.clone());
        let wide = [("fetch.message.max.bytes", "20000000"), ("fetch.max.bytes", "50000000")];
        // With the usual sizes a batch that is larger comes whole.
        for settings in [&wide[..], &[]] {
            let found = take(&stage.reader(&topic, Offset::Beginning, settings), 4);
            assert!(found.into_iter().map(|(_, _, value)| value).eq(sent.iter().map(Message::text)));
        }
    });
}

#[test]
fn a_record_larger_than_the_topic_allows_is_refused() {
    on_both(|stage| {
        let topic = stage.topic("too-large", 1, &[("max.message.bytes", "100000")]);
        let sender = stage.producer(&[]);
        sender.send(&topic, &"x".repeat(500_000));
        let refused = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
        assert_eq!(sender.flush(), [Err(refused)]);
        sender.send(&topic, "small");
        assert_eq!(sender.flush(), [Ok(0)]);
    });
}

#[test]
fn many_partitions_and_many_readers() {
    on_both(|stage| {
        let topic = stage.topic("many", 64, &[]);
        stage.fill(&topic, 64, 0..6_400);
        assert_eq!(stage.values(&topic, true).len(), 6_400);
        let readers: Vec<BaseConsumer> =
            (0..20).map(|_| stage.reader(&topic, Offset::Beginning, &[])).collect();
        readers.iter().for_each(|reader| assert_eq!(take(reader, 100).len(), 100));
    });
}

#[test]
fn a_reader_that_waits_is_woken() {
    on_both(|stage| {
        let topic = stage.topic("woken", 1, &[]);
        let reader = stage.reader(&topic, Offset::Beginning, &[("fetch.wait.max.ms", "50000")]);
        let sender = stage.producer(&[("linger.ms", "0")]);
        let begun = Instant::now();
        for number in 0..3 {
            // It has asked, and waits.
            assert!(reader.poll(Duration::from_millis(1_500)).is_none());
            sender.producer.send(BaseRecord::<(), str>::to(&topic).payload("x")).map_err(|e| e.0).unwrap();
            assert_eq!(sender.flush(), [Ok(number)]);
            assert_eq!(take(&reader, 1)[0].1, number);
        }
        assert!(begun.elapsed() < Duration::from_secs(50), "each wait ran to its end");
    });
}

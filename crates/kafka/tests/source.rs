//! The source against a broker: records as they were written, and ends where they are.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

mod common;

use common::*;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};
use std::time::{Duration, Instant};
use streamfold_flow::log::{Fetched, LogError, Source};
use streamfold_kafka::KafkaSource;
use streamfold_testkit::{broker, unique};

#[test]
fn records_come_as_they_were_written() {
    let broker = broker();
    let topic = topic(&cluster(broker), "plain", 1, &[]);
    let producer = foreign(broker, None);
    let headers = OwnedHeaders::new()
        .insert(Header { key: "a", value: Some("1") })
        .insert(Header { key: "null", value: None::<&str> })
        .insert(Header { key: "empty", value: Some("") })
        .insert(Header { key: "a", value: Some("2") });
    let full =
        BaseRecord::to(&topic).key("key").payload("value").timestamp(1_700_000_000_123).headers(headers);
    producer.send(full).map_err(|(error, _)| error).unwrap();
    producer.send(BaseRecord::<str, str>::to(&topic).key("")).map_err(|(error, _)| error).unwrap();
    producer.send(BaseRecord::<str, str>::to(&topic).payload("")).map_err(|(error, _)| error).unwrap();
    producer.flush(PATIENCE).unwrap();

    let mut source = source(broker, &topic);
    source.assign(&[(at(0), 0)]).unwrap();
    let fetched = fetch_until(&mut source, |all| end_of(all, 0) == Some(3));
    let blocks: Vec<_> =
        fetched.iter().filter_map(|f| if let Fetched::Records(_, b) = f { Some(b) } else { None }).collect();
    let records: Vec<_> = blocks.iter().flat_map(|block| block.iter()).collect();
    assert_eq!(records.len(), 3);
    assert_eq!((records[0].key, records[0].value), (Some(&b"key"[..]), Some(&b"value"[..])));
    assert_eq!(records[0].timestamp_ms, 1_700_000_000_123);
    let headers: Vec<_> = records[0].headers.into_iter().collect();
    let expected: [(&[u8], Option<&[u8]>); 4] =
        [(b"a", Some(b"1")), (b"null", None), (b"empty", Some(b"")), (b"a", Some(b"2"))];
    assert_eq!(headers, expected);
    assert_eq!((records[1].key, records[1].value), (Some(&b""[..]), None));
    assert_eq!((records[2].key, records[2].value), (None, Some(&b""[..])));
    assert!(records[1].headers.encoded().is_empty());
}

#[test]
fn the_end_lies_behind_markers_and_aborted_records() {
    let broker = broker();
    let cluster = cluster(broker);
    let topic = topic(&cluster, "marked", 1, &[]);
    let producer = foreign(broker, Some(&unique("writer")));
    let mut source = source(broker, &topic);
    source.assign(&[(at(0), 0)]).unwrap();
    fetch_until(&mut source, |all| end_of(all, 0) == Some(0));

    transact(&producer, &topic, &["a", "b"], true);
    let fetched = fetch_until(&mut source, |all| end_of(all, 0) == Some(3));
    assert_eq!(records(&fetched, 0), [(0, "a".to_string()), (1, "b".to_string())]);

    transact(&producer, &topic, &["lost", "lost"], false);
    let fetched = fetch_until(&mut source, |all| end_of(all, 0) == Some(6));
    assert_eq!(records(&fetched, 0), []);
    assert_eq!(cluster.watermarks(&topic, 0).unwrap().end, 6);

    transact(&producer, &topic, &["c"], true);
    let fetched = fetch_until(&mut source, |all| end_of(all, 0) == Some(8));
    assert_eq!(records(&fetched, 0), [(6, "c".to_string())]);
}

#[test]
fn the_end_lies_behind_compacted_records() {
    let broker = broker();
    let cluster = cluster(broker);
    let settings = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "0"),
        ("segment.ms", "500"),
        ("min.compaction.lag.ms", "0"),
    ];
    let topic = topic(&cluster, "compacted", 1, &settings);
    let producer = foreign(broker, None);
    // The later values of the key and the tombstones at the tail leave nothing of what was before.
    for (key, value) in [("k", "1"), ("k", "2"), ("other", "3"), ("k", "4")] {
        send(&producer, &topic, 0, Some(key), value);
        producer.flush(PATIENCE).unwrap();
    }
    let begun = Instant::now();
    let mut tick = 0;
    loop {
        // Compaction looks at closed segments only; a new record closes the one before.
        std::thread::sleep(Duration::from_millis(600));
        send(&producer, &topic, 0, Some("tick"), &tick.to_string());
        producer.flush(PATIENCE).unwrap();
        tick += 1;
        let end = 4 + tick;
        let mut source = source(broker, &topic);
        source.assign(&[(at(0), 0)]).unwrap();
        let fetched = fetch_until(&mut source, |all| end_of(all, 0) == Some(end));
        let offsets: Vec<i64> = records(&fetched, 0).iter().map(|(offset, _)| *offset).collect();
        if !offsets.contains(&0) && !offsets.contains(&1) {
            assert!(offsets.contains(&2) && offsets.contains(&3), "{offsets:?}");
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "was never compacted: {offsets:?}");
    }
}

#[test]
fn an_open_transaction_holds_the_end_back() {
    let broker = broker();
    let cluster = cluster(broker);
    let topic = topic(&cluster, "held", 1, &[]);
    let before = foreign(broker, Some(&unique("done")));
    let hanging = foreign(broker, Some(&unique("hanging")));
    transact(&before, &topic, &["a"], true);
    // The marker is written a moment after the commit was answered.
    let mut source = source(broker, &topic);
    source.assign(&[(at(0), 0)]).unwrap();
    fetch_until(&mut source, |all| end_of(all, 0) == Some(2));
    hanging.begin_transaction().unwrap();
    send(&hanging, &topic, 0, None, "held");
    hanging.flush(PATIENCE).unwrap();
    transact(&before, &topic, &["behind"], true);

    let begun = Instant::now();
    let watermarks = loop {
        let watermarks = cluster.watermarks(&topic, 0).unwrap();
        if watermarks.end == 5 || begun.elapsed() > PATIENCE {
            break watermarks;
        }
    };
    assert_eq!((watermarks.earliest, watermarks.stable, watermarks.end), (0, 2, 5));
    source.assign(&[(at(0), 0)]).unwrap();
    let fetched = fetch_until(&mut source, |all| end_of(all, 0) == Some(2));
    assert_eq!(records(&fetched, 0), [(0, "a".to_string())]);

    hanging.commit_transaction(PATIENCE).unwrap();
    let fetched = fetch_until(&mut source, |all| end_of(all, 0) == Some(6));
    assert_eq!(records(&fetched, 0), [(2, "held".to_string()), (3, "behind".to_string())]);
}

#[test]
fn a_position_that_is_gone_or_not_yet_there_is_told_with_the_first_that_is() {
    let broker = broker();
    let cluster = cluster(broker);
    let topic = topic(&cluster, "cut", 2, &[]);
    let producer = foreign(broker, None);
    for value in ["a", "b", "c", "d"] {
        send(&producer, &topic, 0, None, value);
    }
    producer.flush(PATIENCE).unwrap();
    cluster.delete_records(&[(topic.clone(), 0, 3)]).unwrap();
    let mut source = source(broker, &topic);
    source.assign(&[(at(0), 1), (at(1), 7)]).unwrap();
    let told = |all: &[Fetched], partition, earliest| {
        all.iter()
            .any(|f| matches!(f, Fetched::OutOfRange(p, e) if p.partition == partition && *e == earliest))
    };
    let fetched = fetch_until(&mut source, |all| told(all, 0, 3) && told(all, 1, 0));
    assert_eq!(fetched.len(), 2, "{:?}", summary(&fetched));
    // A second assignment starts afresh.
    source.assign(&[(at(0), 3)]).unwrap();
    let fetched = fetch_until(&mut source, |all| end_of(all, 0) == Some(4));
    assert_eq!(records(&fetched, 0), [(3, "d".to_string())]);
}

#[test]
fn a_paused_partition_keeps_quiet_and_loses_nothing() {
    let broker = broker();
    let topic = topic(&cluster(broker), "paused", 2, &[]);
    let producer = foreign(broker, None);
    let mut source = source(broker, &topic);
    source.assign(&[(at(0), 0), (at(1), 0)]).unwrap();
    fetch_until(&mut source, |all| end_of(all, 0) == Some(0) && end_of(all, 1) == Some(0));
    source.pause(at(0), true).unwrap();
    for value in ["a", "b", "c"] {
        send(&producer, &topic, 0, None, value);
        send(&producer, &topic, 1, None, value);
    }
    producer.flush(PATIENCE).unwrap();
    let mut fetched = fetch_until(&mut source, |all| end_of(all, 1) == Some(3));
    source.fetch(SECOND, &mut fetched).unwrap();
    assert!(records(&fetched, 0).is_empty() && end_of(&fetched, 0).is_none());
    source.pause(at(0), false).unwrap();
    let fetched = fetch_until(&mut source, |all| end_of(all, 0) == Some(3));
    assert_eq!(records(&fetched, 0).len(), 3);
}

#[test]
fn a_topic_that_is_not_there_is_fatal_and_names_it() {
    let broker = broker();
    let mut source = source(broker, "no-such-topic");
    source.assign(&[(at(0), 0)]).unwrap();
    let begun = Instant::now();
    let error = loop {
        assert!(begun.elapsed() < PATIENCE, "no error came");
        if let Err(error) = source.fetch(SECOND, &mut Vec::new()) {
            break error;
        }
    };
    assert!(matches!(&error, LogError::Fatal(text) if text.contains("no-such-topic")), "{error}");
}

#[test]
fn a_small_queue_bounds_what_is_read_ahead_and_delivers_all() {
    let broker = broker();
    let topic = topic(&cluster(broker), "many", 1, &[]);
    let producer = foreign(broker, None);
    let value = "x".repeat(10_000);
    for _ in 0..2_000 {
        send(&producer, &topic, 0, None, &value);
    }
    producer.flush(PATIENCE).unwrap();
    let mut source =
        KafkaSource::new(&config(broker), &unique("group"), vec![topic.clone()], 256 << 10).unwrap();
    source.assign(&[(at(0), 0)]).unwrap();
    // What one call brings is what was queued: the bound and at most one more fetch.
    std::thread::sleep(SECOND);
    let mut first = Vec::new();
    source.fetch(SECOND, &mut first).unwrap();
    let bytes: usize = records(&first, 0).iter().map(|(_, value)| value.len()).sum();
    assert!((1..1 << 20).contains(&bytes), "{bytes} bytes were read ahead");
    let rest = fetch_until(&mut source, |all| end_of(all, 0) == Some(2_000));
    assert_eq!(records(&first, 0).len() + records(&rest, 0).len(), 2_000);
}

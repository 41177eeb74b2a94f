//! Transactions: all or nothing, in order, and only of the one who is in charge.

use crate::support::{PATIENCE, Stage, at, on_both, take};
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::producer::{BaseRecord, Producer};
use std::time::Duration;
use streamfold_testkit::unique;

const MINUTE: &str = "60000";

/// A member of a group that reads the topic, and what it has to show to commit offsets in a transaction.
fn member(stage: &Stage, group: &str, topic: &str) -> (BaseConsumer, ConsumerGroupMetadata) {
    let consumer = stage.consumer(group, &[]);
    consumer.subscribe(&[topic]).unwrap();
    take(&consumer, 1);
    let metadata = consumer.group_metadata().unwrap();
    (consumer, metadata)
}

#[test]
fn what_is_committed_is_there_on_all_partitions() {
    on_both(|stage| {
        let (one, two) = (stage.topic("one", 2, &[]), stage.topic("two", 1, &[]));
        let sender = stage.transactional(&unique("writer"), MINUTE);
        for round in 0..2 {
            sender.open(&two, &["a", "b"]);
            for partition in 0..2 {
                let record = BaseRecord::<(), str>::to(&one).partition(partition).payload("c");
                sender.producer.send(record).map_err(|(error, _)| error).unwrap();
            }
            sender.commit().unwrap();
            assert_eq!(stage.values(&one, true).len(), 2 * (round + 1));
            assert_eq!(stage.values(&two, true).len(), 2 * (round + 1));
        }
        // The end of each transaction takes an offset.
        let watermarks = stage.consumer(&unique("group"), &[]).fetch_watermarks(&two, 0, PATIENCE).unwrap();
        assert_eq!(watermarks, (0, 6));
    });
}

#[test]
fn what_is_aborted_is_seen_only_by_those_who_want_it() {
    on_both(|stage| {
        let topic = stage.topic("aborted", 1, &[]);
        let sender = stage.transactional(&unique("writer"), MINUTE);
        for (values, is_good) in [(["a", "b"], false), (["c", "d"], true), (["e", "f"], false)] {
            sender.open(&topic, &values);
            if is_good { sender.commit().unwrap() } else { sender.abort() }
        }
        assert_eq!(stage.values(&topic, true), ["c", "d"]);
        assert_eq!(stage.values(&topic, false), ["a", "b", "c", "d", "e", "f"]);
    });
}

#[test]
fn an_open_transaction_holds_back_what_lies_behind_it() {
    on_both(|stage| {
        let topic = stage.topic("open", 1, &[]);
        let sender = stage.transactional(&unique("writer"), MINUTE);
        sender.open(&topic, &["a", "b"]);
        stage.fill(&topic, 1, 0..2);
        let reader = stage.reader(&topic, Offset::Beginning, &[]);
        assert!(reader.poll(Duration::from_secs(2)).is_none());
        assert_eq!(stage.values(&topic, false), ["a", "b", "v0", "v1"]);
        sender.commit().unwrap();
        let values: Vec<String> = take(&reader, 4).into_iter().map(|(_, _, value)| value).collect();
        assert_eq!(values, ["a", "b", "v0", "v1"]);
    });
}

#[test]
fn records_of_transactions_that_interleave_are_told_apart() {
    on_both(|stage| {
        let topic = stage.topic("interleaved", 1, &[]);
        let [good, bad] = ["good", "bad"].map(|name| stage.transactional(&unique(name), MINUTE));
        good.open(&topic, &[]);
        bad.open(&topic, &[]);
        for _ in 0..20 {
            for (sender, value) in [(&good, "good"), (&bad, "bad")] {
                sender.send(&topic, value);
                assert!(sender.flush()[0].is_ok());
            }
        }
        bad.abort();
        good.commit().unwrap();
        assert_eq!(stage.values(&topic, true), ["good"; 20]);
        assert_eq!(stage.values(&topic, false).len(), 40);
    });
}

#[test]
fn offsets_are_committed_with_the_transaction_or_not_at_all() {
    on_both(|stage| {
        let (input, output) = (stage.topic("input", 1, &[]), stage.topic("output", 1, &[]));
        let group = unique("group");
        stage.fill(&input, 1, 0..100);
        let (consumer, metadata) = member(stage, &group, &input);
        let sender = stage.transactional(&unique("writer"), MINUTE);
        for (offset, is_good) in [(30, false), (60, true)] {
            sender.open(&output, &[if is_good { "good" } else { "bad" }]);
            let offsets = at(&input, 0, Offset::Offset(offset));
            sender.producer.send_offsets_to_transaction(&offsets, &metadata, PATIENCE).unwrap();
            assert_eq!(stage.committed(&group, &input), Offset::Invalid);
            if is_good { sender.commit().unwrap() } else { sender.abort() }
        }
        assert_eq!(stage.committed(&group, &input), Offset::Offset(60));
        assert_eq!(stage.values(&output, true), ["good"]);
        drop(consumer);
        let next = stage.consumer(&group, &[]);
        next.subscribe(&[&input]).unwrap();
        assert_eq!(take(&next, 1)[0].1, 60);
    });
}

#[test]
fn who_wants_stable_offsets_waits_for_the_transaction() {
    on_both(|stage| {
        let (input, group) = (stage.topic("unstable", 1, &[]), unique("group"));
        stage.fill(&input, 1, 0..100);
        let (_consumer, metadata) = member(stage, &group, &input);
        let sender = stage.transactional(&unique("writer"), MINUTE);
        sender.producer.begin_transaction().unwrap();
        let offsets = at(&input, 0, Offset::Offset(55));
        sender.producer.send_offsets_to_transaction(&offsets, &metadata, PATIENCE).unwrap();
        let reader = stage.consumer(&group, &[("isolation.level", "read_committed")]);
        let ask = |timeout| reader.committed_offsets(at(&input, 0, Offset::Invalid), timeout);
        assert!(ask(Duration::from_secs(2)).map_or(true, |found| found.elements()[0].error().is_err()));
        sender.commit().unwrap();
        assert_eq!(ask(PATIENCE).unwrap().elements()[0].offset(), Offset::Offset(55));
    });
}

#[test]
fn a_member_of_yesterday_commits_nothing() {
    on_both(|stage| {
        let (input, output) = (stage.topic("input", 1, &[]), stage.topic("output", 1, &[]));
        let group = unique("group");
        stage.fill(&input, 1, 0..100);
        let (gone, old) = member(stage, &group, &input);
        drop(gone);
        let _there = member(stage, &group, &input);
        let sender = stage.transactional(&unique("writer"), MINUTE);
        sender.open(&output, &["x"]);
        let offsets = at(&input, 0, Offset::Offset(77));
        assert!(sender.producer.send_offsets_to_transaction(&offsets, &old, PATIENCE).is_err());
        sender.abort();
        assert_eq!(stage.committed(&group, &input), Offset::Invalid);
    });
}

#[test]
fn a_predecessor_is_fenced_and_its_transaction_aborted() {
    on_both(|stage| {
        let (topic, id) = (stage.topic("fenced", 1, &[]), unique("writer"));
        let zombie = stage.transactional(&id, MINUTE);
        zombie.open(&topic, &["bad"]);
        let successor = stage.transactional(&id, MINUTE);
        // Nothing is held back any more, before the successor has done anything.
        stage.fill(&topic, 1, 0..1);
        assert_eq!(stage.values(&topic, true), ["v0"]);
        successor.open(&topic, &["good"]);
        successor.commit().unwrap();
        zombie.send(&topic, "late");
        assert!(zombie.flush().iter().all(Result::is_err));
        assert!(zombie.commit().is_err());
        assert_eq!(stage.values(&topic, true), ["v0", "good"]);
        assert_eq!(stage.values(&topic, false), ["bad", "v0", "good"]);
    });
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted() {
    on_both(|stage| {
        let topic = stage.topic("late", 1, &[]);
        let sender = stage.transactional(&unique("writer"), "2000");
        sender.open(&topic, &["late"]);
        stage.fill(&topic, 1, 0..1);
        let found = take(&stage.reader(&topic, Offset::Beginning, &[]), 1);
        assert_eq!(found[0].2, "v0");
        assert!(sender.commit().is_err());
    });
}

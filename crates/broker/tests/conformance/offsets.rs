//! Offsets: committed, sought, by time, at the ends.

use crate::support::{PATIENCE, at, on_both, take, wait};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;
use streamfold_testkit::{Message, unique};

#[test]
fn committed_offsets_and_their_words_outlive_the_member() {
    on_both(|stage| {
        let (topic, group) = (stage.topic("committed", 2, &[]), unique("group"));
        stage.fill(&topic, 2, 0..1_000);
        let consumer = stage.consumer(&group, &[]);
        consumer.subscribe(&[&topic]).unwrap();
        take(&consumer, 600);
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&topic, 0, Offset::Offset(200)).unwrap();
        offsets.add_partition_offset(&topic, 1, Offset::Offset(100)).unwrap();
        offsets.elements()[0].set_metadata("words");
        consumer.commit(&offsets, CommitMode::Sync).unwrap();
        drop(consumer);
        let consumer = stage.consumer(&group, &[]);
        let found = consumer.committed_offsets(offsets.clone(), PATIENCE).unwrap();
        assert_eq!(found.find_partition(&topic, 0).unwrap().metadata(), "words");
        drop(found);
        consumer.subscribe(&[&topic]).unwrap();
        let rest = take(&consumer, 700);
        let first = |partition| rest.iter().find(|found| found.0 == partition).unwrap().1;
        assert_eq!((first(0), first(1)), (200, 100));
    });
}

#[test]
fn offsets_are_committed_by_themselves() {
    on_both(|stage| {
        let (topic, group) = (stage.topic("auto", 1, &[]), unique("group"));
        stage.fill(&topic, 1, 0..100);
        let auto = [("enable.auto.commit", "true"), ("auto.commit.interval.ms", "200")];
        let consumer = stage.consumer(&group, &auto);
        consumer.subscribe(&[&topic]).unwrap();
        take(&consumer, 100);
        wait("the commit", || {
            consumer.poll(Duration::from_millis(200));
            stage.committed(&group, &topic) == Offset::Offset(100)
        });
    });
}

#[test]
fn a_reader_goes_where_it_is_sent() {
    on_both(|stage| {
        let topic = stage.topic("sought", 1, &[]);
        stage.fill(&topic, 1, 0..1_000);
        let reader = stage.reader(&topic, Offset::Beginning, &[]);
        take(&reader, 50);
        // The last one lies behind the end: back to the earliest.
        for (offset, expected) in [
            (Offset::Offset(700), 700),
            (Offset::Offset(3), 3),
            (Offset::Beginning, 0),
            (Offset::OffsetTail(5), 995),
            (Offset::Offset(5_000), 0),
        ] {
            reader.seek(&topic, 0, offset, PATIENCE).unwrap();
            assert_eq!(take(&reader, 1)[0].1, expected, "{offset:?}");
        }
    });
}

#[test]
fn offsets_by_time() {
    on_both(|stage| {
        let topic = stage.topic("times", 1, &[("retention.ms", "-1")]);
        const BASE: i64 = 1_700_000_000_000;
        let timed = |number: i64| Message {
            timestamp_ms: Some(BASE + 1_000 * number),
            ..Message::value("v").in_partition(0)
        };
        stage.broker.client().produce(&topic, (0..500).map(timed));
        let consumer = stage.consumer(&unique("group"), &[]);
        for (time, expected) in [
            (-5, Offset::Offset(0)),
            (250_000, Offset::Offset(250)),
            (250_500, Offset::Offset(251)),
            (499_000, Offset::Offset(499)),
            (10_000_000, Offset::End),
        ] {
            let asked = at(&topic, 0, Offset::Offset(BASE + time));
            let found = consumer.offsets_for_times(asked, PATIENCE).unwrap();
            assert_eq!(found.elements()[0].offset(), expected, "{time}");
        }
    });
}

#[test]
fn the_ends_of_a_partition() {
    on_both(|stage| {
        let topic = stage.topic("ends", 3, &[]);
        let consumer = stage.consumer(&unique("group"), &[("enable.partition.eof", "true")]);
        assert_eq!(consumer.fetch_watermarks(&topic, 2, PATIENCE).unwrap(), (0, 0));
        stage.fill(&topic, 3, 0..300);
        assert_eq!(consumer.fetch_watermarks(&topic, 2, PATIENCE).unwrap(), (0, 100));
        consumer.assign(&at(&topic, 2, Offset::Beginning)).unwrap();
        assert_eq!(take(&consumer, 100)[99].1, 99);
        let end = consumer.poll(PATIENCE).unwrap().map(|message| crate::support::found(&message));
        assert_eq!(end, Err(KafkaError::PartitionEOF(2)));
    });
}

//! Topics, settings, groups: what administrators ask for.

use crate::support::{PATIENCE, Stage, at, on_both, take, wait};
use rdkafka::Offset;
use rdkafka::admin::{AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use streamfold_testkit::{block_on, unique};

/// Apache Kafka answers before all of it has heard of the change.
fn wait_partitions(stage: &Stage, topic: &str, partitions: usize) {
    let (admin, _) = stage.admin();
    wait("the partitions", || {
        let metadata = admin.inner().fetch_metadata(Some(topic), PATIENCE).unwrap();
        metadata.topics()[0].partitions().len() == partitions
    });
}

#[test]
fn topics_have_their_partitions_and_are_made_once() {
    on_both(|stage| {
        let (admin, options) = stage.admin();
        let names = [1, 4, 16].map(|partitions| (unique("made"), partitions));
        let new = |(name, partitions): &'_ (String, i32)| {
            let new = NewTopic::new(name, *partitions, TopicReplication::Fixed(1));
            block_on(admin.create_topics([&new], &options)).unwrap().remove(0)
        };
        for topic in &names {
            new(topic).unwrap();
            wait_partitions(stage, &topic.0, topic.1 as usize);
        }
        assert_eq!(new(&names[0]).unwrap_err().1, RDKafkaErrorCode::TopicAlreadyExists);
    });
}

#[test]
fn partitions_are_added() {
    on_both(|stage| {
        let topic = stage.topic("added", 1, &[]);
        let (admin, options) = stage.admin();
        let more = [NewPartitions::new(&topic, 3)];
        block_on(admin.create_partitions(&more, &options)).unwrap().remove(0).unwrap();
        wait_partitions(stage, &topic, 3);
        stage.fill(&topic, 3, 0..3);
        assert_eq!(stage.values(&topic, true), ["v0", "v1", "v2"]);
    });
}

#[test]
fn settings_are_shown_and_changed() {
    on_both(|stage| {
        let topic = stage.topic("settings", 1, &[("cleanup.policy", "compact"), ("retention.ms", "123456")]);
        let (admin, options) = stage.admin();
        let resource = ResourceSpecifier::Topic(&topic);
        let shown = |name: &str| {
            let described =
                block_on(admin.describe_configs(&[resource], &options)).unwrap().remove(0).unwrap();
            described.get(name).unwrap().value.clone().unwrap()
        };
        assert_eq!((shown("cleanup.policy"), shown("retention.ms")), ("compact".into(), "123456".into()));
        let change = AlterConfig::new(resource).set("retention.ms", "777777");
        block_on(admin.alter_configs(&[change], &options)).unwrap().remove(0).unwrap();
        wait("the change", || shown("retention.ms") == "777777");
    });
}

#[test]
fn a_deleted_topic_is_gone_and_its_name_begins_anew() {
    on_both(|stage| {
        let topic = stage.topic("deleted", 2, &[]);
        stage.fill(&topic, 2, 0..100);
        let client = stage.broker.client();
        client.delete_topic(&topic);
        let (admin, options) = stage.admin();
        wait("the topic to be gone", || {
            let metadata = admin.inner().fetch_metadata(None, PATIENCE).unwrap();
            metadata.topics().iter().all(|found| found.name() != topic)
        });
        client.create_topic(&topic, 1, &[]);
        stage.fill(&topic, 1, 0..3);
        let offsets: Vec<i64> = client.read(&topic, true).iter().map(|message| message.offset).collect();
        assert_eq!(offsets, [0, 1, 2]);
        let none = block_on(admin.delete_topics(&["no-such-topic"], &options)).unwrap().remove(0);
        assert_eq!(none.unwrap_err().1, RDKafkaErrorCode::UnknownTopicOrPartition);
    });
}

#[test]
fn records_before_an_offset_are_deleted() {
    on_both(|stage| {
        let topic = stage.topic("cut", 1, &[]);
        stage.fill(&topic, 1, 0..100);
        let (admin, options) = stage.admin();
        let deleted = block_on(admin.delete_records(&at(&topic, 0, Offset::Offset(40)), &options)).unwrap();
        assert!(deleted.elements()[0].error().is_ok());
        let reader = stage.reader(&topic, Offset::Beginning, &[]);
        assert_eq!(reader.fetch_watermarks(&topic, 0, PATIENCE).unwrap(), (40, 100));
        assert_eq!(take(&reader, 60)[0], (0, 40, "v40".into()));
    });
}

#[test]
fn a_topic_that_nobody_made_is_unknown() {
    on_both(|stage| {
        let (admin, _) = stage.admin();
        let metadata = admin.inner().fetch_metadata(Some(&unique("nowhere")), PATIENCE).unwrap();
        assert!(metadata.topics()[0].error().is_some());
        assert!(metadata.topics()[0].partitions().is_empty());
    });
}

#[test]
fn groups_are_listed_described_and_deleted() {
    on_both(|stage| {
        let (topic, group) = (stage.topic("grouped", 1, &[]), unique("group"));
        stage.fill(&topic, 1, 0..5);
        let consumer = stage.consumer(&group, &[]);
        consumer.subscribe(&[&topic]).unwrap();
        take(&consumer, 5);
        let described = consumer.fetch_group_list(Some(&group), PATIENCE).unwrap();
        let described = described.groups().iter().find(|found| found.name() == group).unwrap();
        assert_eq!((described.state(), described.members().len()), ("Stable", 1));
        assert_eq!((described.protocol_type(), described.protocol()), ("consumer", "range"));
        let all = consumer.fetch_group_list(None, PATIENCE).unwrap();
        assert!(all.groups().iter().any(|found| found.name() == group));

        let (admin, options) = stage.admin();
        let delete = || block_on(admin.delete_groups(&[&group], &options)).unwrap().remove(0);
        assert_eq!(delete().unwrap_err().1, RDKafkaErrorCode::NonEmptyGroup);
        consumer.commit_consumer_state(CommitMode::Sync).unwrap();
        assert_eq!(stage.committed(&group, &topic), Offset::Offset(5));
        drop(consumer);
        delete().unwrap();
        assert_eq!(stage.committed(&group, &topic), Offset::Invalid);
    });
}

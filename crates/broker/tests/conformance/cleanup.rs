//! Compaction and retention, which brokers in tests do every second.

use crate::support::{PATIENCE, on_both, wait};
use rdkafka::consumer::Consumer;
use std::collections::BTreeMap;
use std::time::Duration;
use streamfold_testkit::{Message, unique};

#[test]
fn compaction_keeps_the_last_value_of_each_key_at_its_offset() {
    on_both(|stage| {
        let settings = [
            ("cleanup.policy", "compact"),
            ("segment.ms", "500"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("delete.retention.ms", "1"),
        ];
        let topic = stage.topic("compacted", 1, &settings);
        let client = stage.broker.client();
        let keyed = |number: i64| {
            Message::value(format!("v{number}")).with_key(format!("key{}", number % 10)).in_partition(0)
        };
        for hundred in 0..10 {
            client.produce(&topic, (hundred * 100..hundred * 100 + 100).map(keyed));
        }
        let gone = Message { key: Some("key3".into()), partition: Some(0), ..Message::default() };
        client.produce(&topic, [gone]);
        let mut left = Vec::new();
        wait("compaction", || {
            std::thread::sleep(Duration::from_secs(1));
            // The newest segment is not compacted; this makes it an older one.
            client.produce(&topic, [Message::value("tick").with_key("tick").in_partition(0)]);
            left = client.read(&topic, true);
            left.retain(|message| message.key.as_deref() != Some(b"tick"));
            left.len() == 9
        });
        let found: BTreeMap<String, i64> = left
            .iter()
            .map(|message| {
                (String::from_utf8_lossy(message.key.as_deref().unwrap()).into_owned(), message.offset)
            })
            .collect();
        let expected = (990..1_000).filter(|number| number % 10 != 3);
        assert_eq!(found, expected.map(|number| (format!("key{}", number % 10), number)).collect());
        assert!(left.iter().all(|message| message.text() == format!("v{}", message.offset)));
    });
}

#[test]
fn retention_deletes_what_is_too_old() {
    on_both(|stage| {
        let settings = [("retention.ms", "1000"), ("segment.ms", "500"), ("file.delete.delay.ms", "100")];
        let topic = stage.topic("retained", 1, &settings);
        stage.fill(&topic, 1, 0..500);
        let consumer = stage.consumer(&unique("group"), &[]);
        wait("retention", || {
            std::thread::sleep(Duration::from_millis(500));
            consumer.fetch_watermarks(&topic, 0, PATIENCE).unwrap() == (500, 500)
        });
        assert!(stage.values(&topic, true).is_empty());
        stage.fill(&topic, 1, 0..1);
        assert_eq!(consumer.fetch_watermarks(&topic, 0, PATIENCE).unwrap().1, 501);
    });
}

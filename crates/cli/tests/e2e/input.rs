//! Bad input is data, not failure.

use crate::support::{Pipeline, event};
use streamfold_testkit::Message;

#[test]
fn fields_that_are_not_read_are_kept_where_asked_for() {
    let pipeline = Pipeline::new("rest", 1, 1);
    pipeline.edit("[output]", "[output]\ninclude = [\"_rest\"]");
    let value = r#"{"x":1,"note":"é","z":2,"n":[1, {"a":null}],"y":3}"#;
    pipeline.client.produce(&pipeline.input, [Message::value(value)]);
    pipeline.run_to_end();
    let text = pipeline.predictions()[0].text();
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["_rest"], r#"{"note":"é","n":[1, {"a":null}]}"#);
}

#[test]
fn bad_records_go_to_the_dead_letter_topic_with_their_bytes() {
    let pipeline = Pipeline::new("bad", 1, 1);
    // Room for a large record that is bad too.
    let name = format!("{}-large", pipeline.input);
    pipeline.client.create_topic(&name, 1, &[("max.message.bytes", "10000000")]);
    pipeline.edit(&pipeline.input, &name);
    pipeline.edit("[timing]", "[dead_letters]\nfraction_max = 1\n[timing]");
    let bad: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{\"x\":1,".to_vec(),
        b"{\"x\":\"text\",\"z\":1,\"y\":1}".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"x\":1,\"z\":1,\"y\":NaN}".to_vec(),
        [b"{\"x\":\"".to_vec(), vec![b'a'; 5_000_000], b"\"}".to_vec()].concat(),
    ];
    let mut messages: Vec<Message> = (0..10).map(event).collect();
    messages.extend(bad.iter().cloned().map(|value| Message {
        headers: vec![("trace".to_owned(), Some(b"7".to_vec()))],
        ..Message::value(value).with_key("bad")
    }));
    messages.push(Message { key: Some(b"null".to_vec()), ..Message::default() });
    messages.push(Message::value(r#"{"x":1,"z":2}"#).with_key("no label"));
    messages.push(Message::value(r#"{"y":2,"surprise":[1,{"a":null}]}"#).with_key("no features"));
    messages.extend((10..20).map(event));
    let total = messages.len();
    pipeline.client.produce(&name, messages);
    pipeline.run_to_end();

    assert_eq!(pipeline.predictions().len(), 20 + 2, "all but the bad ones and the null value are predicted");
    assert_eq!(pipeline.state()["lanes"][0]["journal"]["folded"], total, "every record is folded");
    let dead = pipeline.client.read(&format!("{}.1.dead-letters", pipeline.name), true);
    assert_eq!(dead.len(), bad.len());
    for (letter, bytes) in dead.iter().zip(&bad) {
        assert_eq!(letter.key.as_deref(), Some(&b"bad"[..]));
        assert_eq!(letter.header("__connect.errors.topic").as_deref(), Some(name.as_str()));
        assert!(letter.header("__connect.errors.exception.message").is_some(), "{:?}", letter.headers);
        if bytes.len() < 1_000_000 {
            assert_eq!(letter.value.as_ref(), Some(bytes), "the original bytes");
            assert_eq!(letter.header("trace").as_deref(), Some("7"));
        } else {
            assert!(letter.value.as_ref().is_none_or(|value| value.len() < 10_000), "a pointer instead");
        }
    }
}

#[test]
fn odd_times_labels_and_features() {
    let pipeline = Pipeline::new("odd", 1, 1);
    pipeline.edit(
        "[features]\nnumeric = [\"x\", \"z\"]",
        "time = \"at\"\n[features]\nnumeric = [\"x\", \"never\"]",
    );
    pipeline.edit("[timing]", "[dead_letters]\nfraction_max = 1\n[timing]");
    let event = |at: &str, y: &str| Message::value(format!(r#"{{"at":{at},"x":1,"y":{y}}}"#)).with_key(y);
    let now = format!("{}", std::time::UNIX_EPOCH.elapsed().unwrap().as_millis());
    pipeline.client.produce(
        &pipeline.input,
        [
            event(&now, "1"),
            event("\"2090-01-01T00:00:00Z\"", "2090"),
            event("\"the day before\"", "3"),
            event(&now, "1e999"),
            event(&now, "null"),
            event(&now, "2"),
        ],
    );
    pipeline.run_to_end();
    let answered: Vec<_> = pipeline.predictions().into_iter().filter_map(|p| p.key).collect();
    assert_eq!(
        answered,
        [&b"1"[..], b"null", b"2"],
        "a feature that is always missing is no fault, nor is a missing label"
    );
    let dead = pipeline.client.read(&format!("{}.1.dead-letters", pipeline.name), true);
    let reasons: Vec<_> =
        dead.iter().filter_map(|letter| letter.header("__connect.errors.exception.message")).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    for (reason, says) in reasons.iter().zip(["ahead of the record's timestamp", "the day before", "1e999"]) {
        assert!(reason.contains(says), "{reason:?} does not say {says:?}");
    }
}

#[test]
fn too_many_bad_records_stop_the_pipeline() {
    let pipeline = Pipeline::new("flood", 1, 1);
    pipeline.edit("[timing]", "[dead_letters]\nfraction_max = 0.5\nwindow_records = 20\n[timing]");
    pipeline.client.produce(&pipeline.input, (0..30).map(|_| Message::value("no json")));
    let ran = pipeline.output(&["run"], &["--until-end"]);
    assert_eq!(ran.code, Some(10), "{}", ran.error);
    assert!(ran.error.contains("of the last 20 records were bad"), "{}", ran.error);
}

#[test]
fn history_with_its_own_timestamps_keeps_its_predictions() {
    let pipeline = Pipeline::new("history", 1, 1);
    let name = format!("{}-2013", pipeline.input);
    pipeline.client.create_topic(&name, 1, &[("retention.ms", "-1")]);
    pipeline.edit(&pipeline.input, &name);
    let of_2013 = |number| Message { timestamp_ms: Some(1_357_000_000_000 + number as i64), ..event(number) };
    pipeline.client.produce(&name, (0..50).map(of_2013));
    pipeline.run_to_end();
    // Kafka's default retention would have them deleted at its next check.
    std::thread::sleep(std::time::Duration::from_secs(5));
    let predictions = pipeline.predictions();
    assert_eq!(predictions.len(), 50);
    assert_eq!(predictions[49].timestamp_ms, Some(1_357_000_000_049));
}

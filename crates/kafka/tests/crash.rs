//! A broker that is killed and comes back: source, committer and membership go on by themselves.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

mod common;

use common::*;
use std::time::Instant;
use streamfold_flow::log::{Committer, Fetched, LogError, Outcome, Source};
use streamfold_kafka::{PartitionReader, Start};
use streamfold_testkit::KafkaBroker;

#[test]
fn all_go_on_after_the_broker_was_killed() {
    let mut broker = KafkaBroker::start();
    let pipeline = Pipeline::new(&broker, 1);
    let output = pipeline.topics.outputs[0].clone();
    let mut membership = pipeline.join(&broker);
    let mut committer = pipeline.committer(&broker, &membership);
    committer.init().unwrap();
    assert_eq!(committer.commit(&transaction(1, b"before")), Outcome::Committed);
    let mut source = source(&broker, &output);
    source.assign(&[(at(1), 0)]).unwrap();
    fetch_until(&mut source, |all| records(all, 1).len() == 1);

    broker.kill9();
    // The source says so, once.
    let (mut complaints, begun) = (0, Instant::now());
    while complaints == 0 {
        assert!(begun.elapsed() < PATIENCE, "nobody missed the broker");
        match source.fetch(SECOND, &mut Vec::new()) {
            Ok(()) => {}
            Err(LogError::Unavailable(text)) => {
                assert!(text.contains(broker.bootstrap()), "{text}");
                complaints += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    // A commit that falls into the gap ends in some way, and what it has done is found out afterwards.
    let outcome = std::thread::scope(|scope| {
        let committing = scope.spawn(|| committer.commit(&transaction(2, b"between")));
        broker.restart();
        while !committing.is_finished() {
            // The member is polled meanwhile, as the runtime does.
            membership.poll(SECOND, &mut |_| {}).ok();
        }
        committing.join().unwrap()
    });
    println!("the commit during the crash: {outcome:?}");
    let begun = Instant::now();
    while let Err(error) = committer.init() {
        assert!(matches!(error, LogError::Unavailable(_)), "{error}");
        assert!(begun.elapsed() < PATIENCE, "{error}");
    }
    let journal = |cluster| {
        let last = PartitionReader::last(cluster, &pipeline.topics.journal, 0, PATIENCE).unwrap().unwrap();
        values(&last).remove(0).1
    };
    let mut expected = vec!["between"];
    if outcome == Outcome::Committed {
        assert_eq!(journal(&pipeline.cluster), "journal 2");
    }
    if journal(&pipeline.cluster) == "journal 1" {
        commit_patiently(&mut committer, &mut membership, 2, b"between");
    }
    commit_patiently(&mut committer, &mut membership, 3, b"after");
    expected.push("after");
    let fetched = fetch_patiently(&mut source, expected.len());
    let texts: Vec<String> = records(&fetched, 1).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, expected);
    let reader = PartitionReader::open(&pipeline.cluster, &output, 1, Start::Beginning, PATIENCE).unwrap();
    assert_eq!(reader.map(|block| block.unwrap().len()).sum::<usize>(), 3);
}

fn commit_patiently(
    committer: &mut streamfold_kafka::KafkaCommitter,
    membership: &mut streamfold_kafka::Membership,
    sequence: u64,
    value: &[u8],
) {
    let begun = Instant::now();
    loop {
        match committer.commit(&transaction(sequence, value)) {
            Outcome::Committed => return,
            // The group forgets its members with the broker; the next polls make us one again.
            Outcome::Aborted(reason) => println!("aborted: {reason}"),
            outcome => panic!("{outcome:?}"),
        }
        assert!(begun.elapsed() < PATIENCE, "never committed");
        membership.poll(SECOND, &mut |_| {}).ok();
    }
}

fn fetch_patiently(source: &mut streamfold_kafka::KafkaSource, count: usize) -> Vec<Fetched> {
    let (mut all, begun) = (Vec::new(), Instant::now());
    while records(&all, 1).len() < count {
        assert!(begun.elapsed() < PATIENCE, "{:?}", summary(&all));
        // It may complain of the connection once more.
        source.fetch(SECOND, &mut all).ok();
    }
    all
}

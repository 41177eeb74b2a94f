//! Membership against a broker: lanes go from hand to hand without a gap and without an overlap.

#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

mod common;

use common::*;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use streamfold_flow::log::{Committer, LogError, Outcome};
use streamfold_kafka::{ClientConfig, GroupEvent, Membership};
use streamfold_testkit::{broker, unique};

const TURN: Duration = Duration::from_millis(50);

/// A member, what it owns, and what it was told.
struct Member {
    membership: Membership,
    owned: BTreeSet<u32>,
    told: Vec<GroupEvent>,
}

impl Member {
    fn new(config: &ClientConfig, pipeline: &Pipeline) -> Member {
        let membership = Membership::new(config, &pipeline.group, &pipeline.lanes_topic).unwrap();
        Member { membership, owned: BTreeSet::new(), told: Vec::new() }
    }

    fn turn(&mut self) {
        let (owned, told) = (&mut self.owned, &mut self.told);
        let handler = &mut |event: GroupEvent| {
            match &event {
                GroupEvent::Assigned(lanes) => owned.extend(lanes),
                GroupEvent::Revoked(lanes) | GroupEvent::Lost(lanes) => {
                    owned.retain(|lane| !lanes.contains(lane))
                }
            }
            told.push(event);
        };
        self.membership.poll(TURN, handler).unwrap();
    }
}

/// Turns the members until they own so many lanes each; nobody may own what another one owns.
fn turn_until(members: &mut [&mut Member], counts: &[usize]) {
    let begun = Instant::now();
    while members.iter().map(|member| member.owned.len()).ne(counts.iter().copied()) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", members.iter().map(|m| &m.told).collect::<Vec<_>>());
        members.iter_mut().for_each(|member| member.turn());
        let all: Vec<u32> = members.iter().flat_map(|member| member.owned.iter().copied()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a lane has two owners: {all:?}");
    }
}

#[test]
fn lanes_are_shared_and_move_on() {
    let broker = broker();
    let pipeline = Pipeline::new(broker, 4);
    let config = config(broker);
    let mut first = Member::new(&config, &pipeline);
    turn_until(&mut [&mut first], &[4]);
    let mut second = Member::new(&config, &pipeline);
    turn_until(&mut [&mut first, &mut second], &[2, 2]);
    // Cooperative: the first one kept two of its lanes all along.
    let revoked: usize = first
        .told
        .iter()
        .map(|event| if let GroupEvent::Revoked(lanes) = event { lanes.len() } else { 0 })
        .sum();
    assert_eq!(revoked, 2, "{:?}", first.told);
    drop(first);
    let begun = Instant::now();
    turn_until(&mut [&mut second], &[4]);
    assert!(begun.elapsed() < Duration::from_secs(9), "it left, so nobody waits for its session to end");
}

#[test]
fn what_was_folded_can_be_committed_while_a_lane_is_handed_over() {
    let broker = broker();
    let pipeline = Pipeline::new(broker, 2);
    let config = config(broker);
    let mut membership = pipeline.join(broker);
    let mut committer = pipeline.committer(broker, &membership);
    committer.init().unwrap();
    let mut second = Member::new(&config, &pipeline);
    let (mut outcomes, begun) = (Vec::new(), Instant::now());
    while second.owned.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "nothing was handed over");
        second.turn();
        let handler = &mut |event: GroupEvent| {
            if let GroupEvent::Revoked(_) = event {
                // However long it takes: until the handler has returned, nobody else gets the lane.
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_secs(3) {
                    second.turn();
                }
                assert!(second.owned.is_empty(), "a lane was handed over before the handler returned");
                // On another thread, as the runtime does it.
                let commit = || committer.commit(&transaction(7, b"last words"));
                outcomes.push(std::thread::scope(|scope| scope.spawn(commit).join().unwrap()));
            }
        };
        membership.poll(TURN, handler).unwrap();
    }
    assert_eq!(outcomes, [Outcome::Committed]);
    let input = pipeline.topics.inputs[0].clone();
    assert_eq!(pipeline.cluster.committed_offsets(&[(input, 0)]).unwrap(), [Some(7)]);
}

#[test]
fn who_does_not_turn_loses_its_lanes_and_cannot_commit() {
    let broker = broker();
    let pipeline = Pipeline::new(broker, 1);
    let consumer =
        [("session.timeout.ms", "3000"), ("max.poll.interval.ms", "3000"), ("heartbeat.interval.ms", "500")];
    let map = |given: &[(&str, &str)]| {
        given.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let common = map(&[("bootstrap.servers", broker.bootstrap())]);
    let hasty = ClientConfig::new(&common, &map(&consumer), &map(&[])).unwrap();
    let mut hanging = Member::new(&hasty, &pipeline);
    turn_until(&mut [&mut hanging], &[1]);
    let mut committer = pipeline.committer(broker, &hanging.membership);
    committer.init().unwrap();
    assert_eq!(committer.commit(&transaction(1, b"alive")), Outcome::Committed);

    let mut successor = Member::new(&config(broker), &pipeline);
    turn_until(&mut [&mut successor], &[1]);
    let outcome = committer.commit(&transaction(2, b"zombie"));
    assert!(matches!(outcome, Outcome::Aborted(_)), "{outcome:?}");
    let input = pipeline.topics.inputs[0].clone();
    assert_eq!(pipeline.cluster.committed_offsets(&[(input, 0)]).unwrap(), [Some(1)]);

    // When it turns again, it is told, and not as if it could still commit.
    let begun = Instant::now();
    while !hanging.owned.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{:?}", hanging.told);
        hanging.turn();
    }
    assert_eq!(hanging.told.last(), Some(&GroupEvent::Lost(vec![0])));
}

#[test]
fn a_missing_lanes_topic_is_fatal() {
    let broker = broker();
    let missing = unique("missing");
    let mut membership = Membership::new(&config(broker), &unique("group"), &missing).unwrap();
    let begun = Instant::now();
    let error = loop {
        assert!(begun.elapsed() < PATIENCE, "no error came");
        if let Err(error) = membership.poll(TURN, &mut |event| panic!("{event:?}")) {
            break error;
        }
    };
    assert!(matches!(&error, LogError::Fatal(text) if text.contains(&missing)), "{error}");
}

//! Consumer groups of the classic protocol: who gets what, when somebody comes, goes, falls silent or comes back.

use crate::support::{Stage, found, on_both, wait};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use streamfold_testkit::unique;

const POLL: Duration = Duration::from_millis(20);

/// How many partitions were taken away at a time.
#[derive(Clone, Default)]
struct Revoked(Arc<Mutex<Vec<usize>>>);

impl ClientContext for Revoked {}

impl ConsumerContext for Revoked {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            self.0.lock().unwrap().push(partitions.count());
        }
    }
}

struct Member {
    consumer: BaseConsumer<Revoked>,
    revoked: Revoked,
    seen: BTreeSet<(i32, i64)>,
}

impl Member {
    fn join(stage: &Stage, group: &str, topic: &str, settings: &[(&str, &str)]) -> Member {
        let revoked = Revoked::default();
        let common = [
            ("group.id", group),
            ("auto.offset.reset", "earliest"),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "300"),
        ];
        let config = stage.config(&[&common, settings].concat());
        let consumer: BaseConsumer<Revoked> = config.create_with_context(revoked.clone()).unwrap();
        consumer.subscribe(&[topic]).unwrap();
        Member { consumer, revoked, seen: BTreeSet::new() }
    }

    /// Polls once; the partitions it has.
    fn poll(&mut self) -> BTreeSet<i32> {
        if let Some(Ok(message)) = self.consumer.poll(POLL) {
            let (partition, offset, _) = found(&message);
            self.seen.insert((partition, offset));
        }
        self.consumer.assignment().unwrap().elements().iter().map(|part| part.partition()).collect()
    }

    fn revoked(&self) -> Vec<usize> {
        self.revoked.0.lock().unwrap().clone()
    }
}

/// Waits until both have so many partitions, and none twice.
fn wait_shared(first: &mut Member, second: &mut Member, each: usize) {
    wait("partitions to be shared", || {
        let (one, other) = (first.poll(), second.poll());
        one.len() == each && other.len() == each && one.is_disjoint(&other)
    });
}

fn shares(stage: &Stage, strategy: &str) -> Vec<usize> {
    let (topic, group) = (stage.topic(strategy, 4, &[]), unique("group"));
    stage.fill(&topic, 4, 0..400);
    let settings = [("partition.assignment.strategy", strategy)];
    let mut first = Member::join(stage, &group, &topic, &settings);
    wait("all partitions", || first.poll().len() == 4);
    let mut second = Member::join(stage, &group, &topic, &settings);
    wait_shared(&mut first, &mut second, 2);
    let revoked = first.revoked();
    stage.fill(&topic, 4, 400..440);
    wait("all records", || {
        first.poll();
        second.poll();
        first.seen.union(&second.seen).count() == 440
    });
    drop(second);
    wait("what the other had", || first.poll().len() == 4);
    revoked
}

#[test]
fn eager_members_give_all_back_and_share_anew() {
    on_both(|stage| {
        for strategy in ["range", "roundrobin"] {
            assert_eq!(shares(stage, strategy), [4]);
        }
    });
}

#[test]
fn cooperative_members_give_back_only_what_goes() {
    on_both(|stage| assert_eq!(shares(stage, "cooperative-sticky"), [2]));
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    on_both(|stage| {
        let (topic, group) = (stage.topic("static", 4, &[]), unique("group"));
        let join = |id| Member::join(stage, &group, &topic, &[("group.instance.id", id)]);
        let (mut first, mut second) = (join("one"), join("two"));
        wait_shared(&mut first, &mut second, 2);
        let (had, revoked) = (second.poll(), first.revoked());
        drop(second);
        let mut second = join("two");
        wait("the partitions of before", || {
            first.poll();
            second.poll() == had
        });
        assert_eq!(first.revoked(), revoked);
    });
}

#[test]
fn a_member_that_says_nothing_is_let_go() {
    on_both(|stage| {
        let (topic, group) = (stage.topic("silent", 2, &[]), unique("group"));
        let mut first = Member::join(stage, &group, &topic, &[]);
        // A static member does not say that it goes.
        let mut second = Member::join(stage, &group, &topic, &[("group.instance.id", "two")]);
        wait_shared(&mut first, &mut second, 1);
        drop(second);
        wait("the session to end", || first.poll().len() == 2);
    });
}

#[test]
fn a_member_that_does_not_poll_loses_its_place_and_gets_it_back() {
    on_both(|stage| {
        let (topic, group) = (stage.topic("stuck", 2, &[]), unique("group"));
        let mut stuck = Member::join(stage, &group, &topic, &[("max.poll.interval.ms", "6000")]);
        let mut other = Member::join(stage, &group, &topic, &[]);
        wait_shared(&mut stuck, &mut other, 1);
        wait("the other to get all", || other.poll().len() == 2);
        wait_shared(&mut stuck, &mut other, 1);
    });
}

//! The group coordinator: members, generations, and lanes that move cooperatively: given up first, then handed on.

use std::collections::{BTreeMap, BTreeSet};
use streamfold_flow::Partition;

/// Why the coordinator refuses a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no member (any more).
    UnknownMember,
    /// It has not seen the latest generation yet.
    IllegalGeneration,
}

/// What a member is told when it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The generation that the member is in from now on.
    pub generation: i32,
    /// Lanes that it owns.
    pub owned: BTreeSet<u32>,
    /// Those of them that it is to give up.
    pub revoked: BTreeSet<u32>,
}

#[derive(Debug)]
struct Member {
    seen_ms: i64,
    owned: BTreeSet<u32>,
    target: BTreeSet<u32>,
}

/// The group of a pipeline.
#[derive(Debug, Default)]
pub struct Group {
    lanes: u32,
    generation: i32,
    members: BTreeMap<u64, Member>,
    /// Committed offsets.
    pub offsets: BTreeMap<Partition, i64>,
}

impl Group {
    /// A group that hands out this many lanes.
    pub fn new(lanes: u32) -> Self {
        Group { lanes, ..Group::default() }
    }

    /// A new member joins; `member` is never used twice.
    pub fn join(&mut self, member: u64, now_ms: i64) {
        let joined = Member { seen_ms: now_ms, owned: BTreeSet::new(), target: BTreeSet::new() };
        self.members.insert(member, joined);
        self.rebalance();
    }

    /// A member leaves, or is expelled.
    pub fn leave(&mut self, member: u64) {
        if self.members.remove(&member).is_some() {
            self.rebalance();
        }
    }

    /// A member asks for news (and is alive). `None`: it is no member any more.
    pub fn poll(&mut self, member: u64, now_ms: i64) -> Option<Assignment> {
        let taken: BTreeSet<u32> = self.members.values().flat_map(|m| m.owned.iter().copied()).collect();
        let generation = self.generation;
        let polling = self.members.get_mut(&member)?;
        polling.seen_ms = now_ms;
        let free: Vec<u32> = polling.target.difference(&taken).copied().collect();
        polling.owned.extend(free);
        let revoked = polling.owned.difference(&polling.target).copied().collect();
        Some(Assignment { generation, owned: polling.owned.clone(), revoked })
    }

    /// A member has given a lane up.
    pub fn give_up(&mut self, member: u64, lane: u32) {
        if let Some(giving) = self.members.get_mut(&member)
            && giving.owned.remove(&lane)
        {
            self.generation += 1;
        }
    }

    /// Whether a commit of this member in this generation is taken.
    pub fn check(&self, member: u64, generation: i32) -> Result<(), Refused> {
        match self.members.get(&member) {
            None => Err(Refused::UnknownMember),
            Some(_) if generation == self.generation => Ok(()),
            Some(_) => Err(Refused::IllegalGeneration),
        }
    }

    /// Expels members that were not heard of for so long.
    pub fn expire(&mut self, now_ms: i64, session_timeout_ms: i64) {
        let lapsed = |m: &Member| m.seen_ms + session_timeout_ms < now_ms;
        let expelled: Vec<u64> = self.members.iter().filter(|(_, m)| lapsed(m)).map(|(id, _)| *id).collect();
        for member in expelled {
            self.leave(member);
        }
    }

    /// Hands the lanes out anew without a change of members: what Kafka does when a member joins again.
    pub fn rebalance_with(&mut self, first: usize) {
        self.generation += 1;
        let members: Vec<u64> = self.members.keys().copied().collect();
        for member in self.members.values_mut() {
            member.target.clear();
        }
        for lane in 0..self.lanes {
            if let Some(id) = members.get((first + lane as usize) % members.len().max(1))
                && let Some(member) = self.members.get_mut(id)
            {
                member.target.insert(lane);
            }
        }
    }

    /// Spreads the lanes evenly, moving as few as possible.
    fn rebalance(&mut self) {
        self.generation += 1;
        let share = (self.lanes as usize).div_ceil(self.members.len().max(1));
        let mut unassigned: BTreeSet<u32> = (0..self.lanes).collect();
        for member in self.members.values_mut() {
            member.target = member.owned.iter().take(share).copied().collect();
            unassigned.retain(|lane| !member.target.contains(lane));
        }
        for lane in unassigned {
            if let Some(member) = self.members.values_mut().min_by_key(|member| member.target.len()) {
                member.target.insert(lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(of: &[u32]) -> BTreeSet<u32> {
        of.iter().copied().collect()
    }

    #[test]
    fn a_lane_moves_only_after_it_was_given_up() {
        let mut group = Group::new(2);
        group.join(1, 0);
        assert_eq!(group.poll(1, 0).expect("member").owned, lanes(&[0, 1]));
        group.join(2, 0);
        assert_eq!(group.poll(2, 0).expect("member").owned, lanes(&[]));
        assert_eq!(group.poll(1, 0).expect("member").revoked, lanes(&[1]));
        group.give_up(1, 1);
        assert_eq!(group.poll(2, 0).expect("member").owned, lanes(&[1]));
        assert_eq!(group.poll(1, 0).expect("member").owned, lanes(&[0]));
    }

    #[test]
    fn a_member_that_is_not_heard_of_loses_its_lanes_and_may_not_commit() {
        let mut group = Group::new(1);
        group.join(1, 0);
        group.join(2, 0);
        let old = group.poll(1, 0).expect("member");
        group.poll(2, 100);
        assert_eq!(group.check(1, old.generation), Ok(()));
        group.expire(100, 50);
        assert_eq!(group.check(1, old.generation), Err(Refused::UnknownMember));
        assert_eq!(group.check(2, old.generation), Err(Refused::IllegalGeneration));
        assert_eq!(group.poll(1, 100), None);
        assert_eq!(group.poll(2, 100).expect("member").owned, lanes(&[0]));
    }
}

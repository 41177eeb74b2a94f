//! Joining a group, and getting a share of its work.

use crate::group::member::{JoinOutcome, Joined, Member, SyncOutcome, Synced};
use crate::group::slot::Slot;
use crate::group::{Inner, MEMBERS_MAX, Phase};
use crate::state::State;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// Sessions are at least and at most so long.
const SESSION_TIMEOUT_MS: std::ops::RangeInclusive<i64> = 100..=1_800_000;

/// A request to join.
#[derive(Clone, Debug)]
pub struct Join {
    /// The member's id; empty: it has none yet.
    pub member_id: String,
    /// A name that it keeps over restarts.
    pub instance: Option<String>,
    /// The client's name.
    pub client_id: String,
    /// Where it comes from.
    pub host: String,
    /// See [`Member`].
    pub session_timeout_ms: i64,
    /// See [`Member`].
    pub rebalance_timeout_ms: i64,
    /// The kind of protocol.
    pub protocol_type: String,
    /// See [`Member`].
    pub protocols: Vec<(String, Bytes)>,
    /// The client joins in two steps: it gets an id first (from version 4 on).
    pub in_two_steps: bool,
    /// The client knows of `skip_assignment` (from version 9 on).
    pub may_skip_assignment: bool,
}

/// A request for the assignment.
#[derive(Clone, Debug)]
pub struct Sync {
    /// The member's id.
    pub member_id: String,
    /// A name that it keeps over restarts.
    pub instance: Option<String>,
    /// The generation it joined.
    pub generation: i32,
    /// The kind of protocol, from version 5 on.
    pub protocol_type: Option<String>,
    /// The protocol, from version 5 on.
    pub protocol: Option<String>,
    /// From the leader: everyone's share.
    pub assignments: Vec<(String, Bytes)>,
}

/// An answer at once, or a place to wait for it.
#[derive(Debug)]
pub enum Answer<T> {
    /// At once.
    Now(T),
    /// Later.
    Later(Arc<Slot<T>>),
}

impl Inner {
    /// A member joins, or joins again.
    pub fn join(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        join: Join,
        uptime_ms: i64,
    ) -> Answer<JoinOutcome> {
        match self.try_join(id, state, &join, uptime_ms) {
            Ok(answer) => answer,
            Err(error) => Answer::Now(Err((error, join.member_id))),
        }
    }

    fn try_join(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        join: &Join,
        uptime_ms: i64,
    ) -> Result<Answer<JoinOutcome>, ResponseError> {
        if !SESSION_TIMEOUT_MS.contains(&join.session_timeout_ms) {
            return Err(ResponseError::InvalidSessionTimeout);
        }
        self.check_protocols(join)?;
        if join.member_id.is_empty() {
            return match &join.instance {
                Some(instance) => match self.instances.get(instance).cloned() {
                    Some(old) => self.replace(id, state, join, &old, uptime_ms),
                    None => self.add(join, new_member_id(&join.client_id), uptime_ms),
                },
                None if join.in_two_steps => {
                    let member_id = new_member_id(&join.client_id);
                    if self.members.len() + self.promised.len() >= MEMBERS_MAX {
                        return Err(ResponseError::GroupMaxSizeReached);
                    }
                    self.promised.insert(member_id.clone(), uptime_ms + join.session_timeout_ms);
                    Ok(Answer::Now(Err((ResponseError::MemberIdRequired, member_id))))
                }
                None => self.add(join, new_member_id(&join.client_id), uptime_ms),
            };
        }
        if self.promised.remove(&join.member_id).is_some() {
            return self.add(join, join.member_id.clone(), uptime_ms);
        }
        self.check_member(&join.member_id, join.instance.as_deref())?;
        Ok(self.join_again(join, uptime_ms))
    }

    /// All members must have a protocol in common.
    fn check_protocols(&self, join: &Join) -> Result<(), ResponseError> {
        let fits = self.members.is_empty()
            || (self.protocol_type.as_ref() == Some(&join.protocol_type)
                && join.protocols.iter().any(|(name, _)| {
                    let others = self.members.values().filter(|member| member.id != join.member_id);
                    others.into_iter().all(|member| member.protocols.iter().any(|(known, _)| known == name))
                }));
        match fits && !join.protocols.is_empty() && !join.protocol_type.is_empty() {
            true => Ok(()),
            false => Err(ResponseError::InconsistentGroupProtocol),
        }
    }

    fn add(
        &mut self,
        join: &Join,
        member_id: String,
        uptime_ms: i64,
    ) -> Result<Answer<JoinOutcome>, ResponseError> {
        if self.members.len() >= MEMBERS_MAX {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        let slot = Slot::new();
        let mut member = Member {
            id: member_id.clone(),
            instance: join.instance.clone(),
            client_id: join.client_id.clone(),
            host: join.host.clone(),
            session_timeout_ms: join.session_timeout_ms,
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            protocols: join.protocols.clone(),
            assignment: Bytes::new(),
            expires_ms: 0,
            joining: Some(Arc::clone(&slot)),
            syncing: None,
        };
        member.heard(uptime_ms);
        if let Some(instance) = &join.instance {
            self.instances.insert(instance.clone(), member_id.clone());
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        self.members.insert(member_id, member);
        self.begin_round(uptime_ms);
        Ok(Answer::Later(slot))
    }

    /// A member with a name of its own comes back under a new id.
    fn replace(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        join: &Join,
        old: &str,
        uptime_ms: i64,
    ) -> Result<Answer<JoinOutcome>, ResponseError> {
        let mut member = self.members.remove(old).ok_or(ResponseError::UnknownMemberId)?;
        member.answer_join(Err((ResponseError::FencedInstanceId, old.to_string())));
        member.answer_sync(Err(ResponseError::FencedInstanceId));
        let leader_before = self.leader.clone();
        let member_id = new_member_id(&join.client_id);
        if self.leader.as_deref() == Some(old) {
            self.leader = Some(member_id.clone());
        }
        member.id = member_id.clone();
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), member_id.clone());
        }
        self.members.insert(member_id.clone(), member);
        let again = Join { member_id: member_id.clone(), ..join.clone() };
        self.update(&again, uptime_ms);
        // Nothing changes for the others as long as the same protocol would be chosen.
        if self.phase == Phase::Stable && self.choose_protocol() == self.protocol {
            self.keep(id, state).map_err(|_| ResponseError::CoordinatorNotAvailable)?;
            let leads = self.leader.as_ref() == Some(&member_id);
            let mut joined = self.joined(&member_id);
            if join.may_skip_assignment {
                joined.skip_assignment = leads;
            } else {
                // An older client must not take itself for the leader and assign anew.
                joined.members.clear();
                joined.leader = leader_before.unwrap_or_default();
            }
            return Ok(Answer::Now(Ok(joined)));
        }
        Ok(self.wait_for_round(&member_id, uptime_ms))
    }

    fn join_again(&mut self, join: &Join, uptime_ms: i64) -> Answer<JoinOutcome> {
        let same = self.members.get(&join.member_id).is_some_and(|member| member.protocols == join.protocols);
        let leads = self.leader.as_ref() == Some(&join.member_id);
        self.update(join, uptime_ms);
        match self.phase {
            // It missed the answer.
            Phase::Assigning if same => Answer::Now(Ok(self.joined(&join.member_id))),
            Phase::Stable if same && !leads => Answer::Now(Ok(self.joined(&join.member_id))),
            _ => self.wait_for_round(&join.member_id, uptime_ms),
        }
    }

    fn update(&mut self, join: &Join, uptime_ms: i64) {
        if let Some(member) = self.members.get_mut(&join.member_id) {
            member.protocols = join.protocols.clone();
            member.session_timeout_ms = join.session_timeout_ms;
            member.rebalance_timeout_ms = join.rebalance_timeout_ms;
            member.client_id = join.client_id.clone();
            member.host = join.host.clone();
            member.heard(uptime_ms);
        }
    }

    fn wait_for_round(&mut self, member_id: &str, uptime_ms: i64) -> Answer<JoinOutcome> {
        let slot = Slot::new();
        if let Some(member) = self.members.get_mut(member_id) {
            // An earlier request of the same member will not be read any more.
            member.answer_join(Err((ResponseError::RebalanceInProgress, member_id.to_string())));
            member.joining = Some(Arc::clone(&slot));
        }
        self.begin_round(uptime_ms);
        Answer::Later(slot)
    }

    /// Asks all members to join again, unless they are being asked, and ends the round if that is all it takes.
    pub(super) fn begin_round(&mut self, uptime_ms: i64) {
        if self.phase != Phase::Joining {
            for member in self.members.values_mut() {
                member.answer_sync(Err(ResponseError::RebalanceInProgress));
            }
            self.phase = Phase::Joining;
            let patience = self.members.values().map(|member| member.rebalance_timeout_ms).max();
            self.deadline_ms = uptime_ms + patience.unwrap_or(0);
        }
        self.end_round(uptime_ms);
    }

    /// Ends the round of joining when all are there or time is up.
    pub(super) fn end_round(&mut self, uptime_ms: i64) {
        if self.phase != Phase::Joining {
            return;
        }
        let all = self.promised.is_empty() && self.members.values().all(|member| member.joining.is_some());
        if !all && uptime_ms < self.deadline_ms {
            return;
        }
        // Those with a name of their own stay until their session ends.
        self.members.retain(|_, member| member.joining.is_some() || member.instance.is_some());
        if !self.members.is_empty() && self.members.values().all(|member| member.joining.is_none()) {
            let patience = self.members.values().map(|member| member.rebalance_timeout_ms).max();
            self.deadline_ms = uptime_ms + patience.unwrap_or(0);
            return;
        }
        self.generation += 1;
        self.protocol = self.choose_protocol();
        let joined = |member: &&Member| member.joining.is_some();
        if self.leader.as_ref().is_none_or(|leader| !self.members.get(leader).is_some_and(|m| joined(&m))) {
            self.leader = self.members.values().find(joined).map(|member| member.id.clone());
        }
        if self.members.is_empty() {
            self.phase = Phase::Empty;
            self.protocol = None;
            self.leader = None;
            return;
        }
        self.phase = Phase::Assigning;
        let patience = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        self.deadline_ms = uptime_ms + patience.unwrap_or(0);
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for member_id in ids {
            let joined = self.joined(&member_id);
            if let Some(member) = self.members.get_mut(&member_id) {
                member.heard(uptime_ms);
                member.answer_join(Ok(joined));
            }
        }
    }

    /// The protocol that all know and most like best.
    fn choose_protocol(&self) -> Option<String> {
        let common: BTreeSet<&String> = self
            .members
            .values()
            .flat_map(|member| member.protocols.iter().map(|(name, _)| name))
            .filter(|name| self.members.values().all(|m| m.protocols.iter().any(|(known, _)| known == *name)))
            .collect();
        let votes = |name: &String| {
            let best = |m: &Member| {
                m.protocols.iter().find(|(known, _)| common.contains(known)).map(|(k, _)| k.clone())
            };
            self.members.values().filter(|member| best(member).as_ref() == Some(name)).count()
        };
        common.iter().rev().max_by_key(|name| votes(name)).map(|name| (*name).clone())
    }

    fn joined(&self, member_id: &str) -> Joined {
        let leader = self.leader.clone().unwrap_or_default();
        let protocol = self.protocol.clone().unwrap_or_default();
        let members = match leader == member_id {
            true => self
                .members
                .values()
                .map(|member| (member.id.clone(), member.instance.clone(), member.metadata(&protocol)))
                .collect(),
            false => Vec::new(),
        };
        Joined {
            member_id: member_id.to_string(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader,
            members,
            skip_assignment: false,
        }
    }

    /// A member asks for its share; the leader brings everyone's.
    pub fn sync(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        sync: Sync,
        uptime_ms: i64,
    ) -> Answer<SyncOutcome> {
        match self.try_sync(id, state, sync, uptime_ms) {
            Ok(answer) => answer,
            Err(error) => Answer::Now(Err(error)),
        }
    }

    fn try_sync(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        sync: Sync,
        uptime_ms: i64,
    ) -> Result<Answer<SyncOutcome>, ResponseError> {
        self.check_generation(&sync.member_id, sync.instance.as_deref(), sync.generation)?;
        let differs = |said: &Option<String>, known: &Option<String>| said.is_some() && said != known;
        if differs(&sync.protocol_type, &self.protocol_type) || differs(&sync.protocol, &self.protocol) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        if let Some(member) = self.members.get_mut(&sync.member_id) {
            member.heard(uptime_ms);
        }
        match self.phase {
            Phase::Empty | Phase::Dead => Err(ResponseError::UnknownMemberId),
            Phase::Joining => Err(ResponseError::RebalanceInProgress),
            Phase::Stable => Ok(Answer::Now(Ok(self.synced(&sync.member_id)))),
            Phase::Assigning if self.leader.as_ref() == Some(&sync.member_id) => {
                for (member_id, member) in &mut self.members {
                    let share = sync.assignments.iter().find(|(to, _)| to == member_id);
                    member.assignment = share.map(|(_, share)| share.clone()).unwrap_or_default();
                }
                self.phase = Phase::Stable;
                if let Err(error) = self.keep(id, state) {
                    log::warn!("group {id}: {error}");
                    self.begin_round(uptime_ms);
                    return Err(ResponseError::CoordinatorNotAvailable);
                }
                let ids: Vec<String> = self.members.keys().cloned().collect();
                for member_id in ids {
                    let synced = self.synced(&member_id);
                    if let Some(member) = self.members.get_mut(&member_id) {
                        member.answer_sync(Ok(synced));
                    }
                }
                Ok(Answer::Now(Ok(self.synced(&sync.member_id))))
            }
            Phase::Assigning => {
                let slot = Slot::new();
                if let Some(member) = self.members.get_mut(&sync.member_id) {
                    member.answer_sync(Err(ResponseError::RebalanceInProgress));
                    member.syncing = Some(Arc::clone(&slot));
                }
                Ok(Answer::Later(slot))
            }
        }
    }

    fn synced(&self, member_id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members.get(member_id).map(|m| m.assignment.clone()).unwrap_or_default(),
        }
    }
}

fn new_member_id(client_id: &str) -> String {
    format!("{client_id}-{}", Uuid::new_v4())
}

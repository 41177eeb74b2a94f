//! The coordinator of consumer groups (the classic protocol): who is a member, who has which partitions, and which
//! offsets were committed.
//!
//! ```text
//!            join                   all joined, or time is up            the leader assigned
//! Empty  ------------>  Joining  ------------------------->  Assigning  -------------------->  Stable
//!   ^                    ^    |                                  |                               |
//!   |   nobody joined    |    |        a member joins, leaves or is gone                         |
//!   +--------------------|----+  <-------------------------------+-------------------------------+
//! ```

pub mod join;
pub mod leave;
pub mod member;
pub mod offsets;
pub mod slot;

use crate::state::{Change, Key, State};
use crate::sync::lock;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use member::Member;
use offsets::Offsets;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// Members of one group.
const MEMBERS_MAX: usize = 1_000;
/// Groups that are kept.
const GROUPS_MAX: usize = 10_000;

/// All groups.
#[derive(Debug, Default)]
pub struct Groups(Mutex<BTreeMap<String, Arc<Group>>>);

/// A group.
#[derive(Debug)]
pub struct Group {
    /// Its name.
    pub id: String,
    inner: Mutex<Inner>,
}

/// Where a group is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No members.
    Empty,
    /// Members are asked to join again.
    Joining,
    /// All have joined; the leader is to assign.
    Assigning,
    /// Everyone knows its share.
    Stable,
    /// Removed; whoever holds it looks for it again.
    Dead,
}

/// What a group knows.
#[derive(Debug)]
pub struct Inner {
    /// Where it is.
    pub phase: Phase,
    /// Counts the rounds of joining.
    pub generation: i32,
    /// The kind of protocol.
    pub protocol_type: Option<String>,
    /// The protocol chosen.
    pub protocol: Option<String>,
    /// Who assigns.
    pub leader: Option<String>,
    /// The members by id.
    pub members: BTreeMap<String, Member>,
    /// Ids of members that have a name of their own.
    instances: BTreeMap<String, String>,
    /// Ids given away whose bearers have not joined yet, and until when they are good.
    promised: BTreeMap<String, i64>,
    /// When the round of joining, or the wait for the leader, ends.
    deadline_ms: i64,
    /// What was committed.
    pub offsets: Offsets,
}

/// A group's members as the state knows them.
#[derive(Serialize, Deserialize)]
struct Kept {
    generation: i32,
    protocol_type: Option<String>,
    protocol: Option<String>,
    leader: Option<String>,
    members: Vec<KeptMember>,
}

#[derive(Serialize, Deserialize)]
struct KeptMember {
    id: String,
    instance: Option<String>,
    client_id: String,
    host: String,
    session_timeout_ms: i64,
    rebalance_timeout_ms: i64,
    protocols: Vec<(String, Vec<u8>)>,
    assignment: Vec<u8>,
}

impl Phase {
    /// What Kafka calls it.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Empty => "Empty",
            Phase::Joining => "PreparingRebalance",
            Phase::Assigning => "CompletingRebalance",
            Phase::Stable => "Stable",
            Phase::Dead => "Dead",
        }
    }
}

impl Groups {
    /// The groups that the state knows.
    pub fn open(state: &State, uptime_ms: i64) -> io::Result<Groups> {
        let groups = Groups::default();
        for (key, value) in state.all() {
            match key {
                Key::Group(id) => {
                    let kept: Kept = serde_json::from_str(value)?;
                    if let Ok(group) = groups.get_or_create(&id) {
                        group.lock().restore(kept, uptime_ms);
                    }
                }
                Key::Offset(id, topic, partition) => {
                    if let Ok(group) = groups.get_or_create(&id) {
                        group.lock().offsets.restore((topic, partition), serde_json::from_str(value)?);
                    }
                }
                Key::Pending(id, producer_id) => {
                    if let Ok(group) = groups.get_or_create(&id) {
                        group.lock().offsets.restore_pending(producer_id, serde_json::from_str(value)?);
                    }
                }
                _ => {}
            }
        }
        Ok(groups)
    }

    /// A group by its name.
    pub fn get(&self, id: &str) -> Option<Arc<Group>> {
        lock(&self.0).get(id).cloned()
    }

    /// A group by its name; made where there is none.
    pub fn get_or_create(&self, id: &str) -> Result<Arc<Group>, ResponseError> {
        if id.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        let mut groups = lock(&self.0);
        if let Some(group) = groups.get(id) {
            return Ok(Arc::clone(group));
        }
        if groups.len() >= GROUPS_MAX {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        let group = Arc::new(Group { id: id.to_string(), inner: Mutex::new(Inner::new()) });
        groups.insert(id.to_string(), Arc::clone(&group));
        Ok(group)
    }

    /// All groups in the order of their names.
    pub fn all(&self) -> Vec<Arc<Group>> {
        lock(&self.0).values().cloned().collect()
    }

    /// Removes a group that has no members, with its offsets.
    pub fn delete(&self, id: &str, state: &Mutex<State>) -> Result<(), ResponseError> {
        let group = self.get(id).ok_or(ResponseError::GroupIdNotFound)?;
        let mut inner = group.lock();
        match inner.phase {
            Phase::Dead => return Err(ResponseError::GroupIdNotFound),
            Phase::Empty => {}
            _ => return Err(ResponseError::NonEmptyGroup),
        }
        let mut change = Change::default();
        let removed = inner.offsets.remove_all(&group.id, &mut change);
        removed
            .and_then(|()| change.remove(&Key::Group(id.to_string())))
            .and_then(|()| lock(state).put(change))
            .map_err(|_| ResponseError::CoordinatorNotAvailable)?;
        inner.phase = Phase::Dead;
        drop(inner);
        lock(&self.0).remove(id);
        Ok(())
    }

    /// Does what time asks for: members gone, rounds ended, offsets expired, groups without anything forgotten.
    pub fn tick(&self, state: &Mutex<State>, uptime_ms: i64, offsets_before_ms: i64) {
        for group in self.all() {
            let mut inner = group.lock();
            let outcome = inner.tick(&group.id, state, uptime_ms, offsets_before_ms);
            outcome.unwrap_or_else(|error| log::warn!("group {}: {error}", group.id));
            if inner.phase == Phase::Empty && inner.promised.is_empty() && inner.offsets.is_empty() {
                let mut change = Change::default();
                let gone =
                    change.remove(&Key::Group(group.id.clone())).and_then(|()| lock(state).put(change));
                if gone.is_ok() {
                    inner.phase = Phase::Dead;
                    drop(inner);
                    lock(&self.0).remove(&group.id);
                }
            }
        }
    }
}

impl Group {
    /// What it knows; a dead one is to be looked for again.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    fn new() -> Inner {
        Inner {
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            promised: BTreeMap::new(),
            deadline_ms: 0,
            offsets: Offsets::default(),
        }
    }

    /// Members come back as they were; they have their session's time to be heard of again.
    fn restore(&mut self, kept: Kept, uptime_ms: i64) {
        self.generation = kept.generation;
        self.protocol_type = kept.protocol_type;
        self.protocol = kept.protocol;
        self.leader = kept.leader;
        for member in kept.members {
            if let Some(instance) = &member.instance {
                self.instances.insert(instance.clone(), member.id.clone());
            }
            let protocols = member.protocols.into_iter().map(|(name, metadata)| (name, metadata.into()));
            let mut member = Member {
                id: member.id,
                instance: member.instance,
                client_id: member.client_id,
                host: member.host,
                session_timeout_ms: member.session_timeout_ms,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                protocols: protocols.collect(),
                assignment: member.assignment.into(),
                expires_ms: 0,
                joining: None,
                syncing: None,
            };
            member.heard(uptime_ms);
            self.members.insert(member.id.clone(), member);
        }
        self.phase = if self.members.is_empty() { Phase::Empty } else { Phase::Stable };
    }

    /// Keeps the members, so that they are still members after a restart.
    fn keep(&self, id: &str, state: &Mutex<State>) -> io::Result<()> {
        let members = self.members.values().map(|member| KeptMember {
            id: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            host: member.host.clone(),
            session_timeout_ms: member.session_timeout_ms,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            protocols: member.protocols.iter().map(|(name, m)| (name.clone(), m.to_vec())).collect(),
            assignment: member.assignment.to_vec(),
        });
        let kept = Kept {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: members.collect(),
        };
        let mut change = Change::default();
        change.set(&Key::Group(id.to_string()), &kept)?;
        lock(state).put(change)
    }

    /// Checks that a member is one, by id or by the name it keeps.
    pub fn check_member(&self, member_id: &str, instance: Option<&str>) -> Result<(), ResponseError> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(known) if known != member_id => return Err(ResponseError::FencedInstanceId),
                Some(_) => {}
            }
        }
        match self.members.contains_key(member_id) {
            true => Ok(()),
            false => Err(ResponseError::UnknownMemberId),
        }
    }

    /// The same, and that it knows the current generation.
    pub fn check_generation(
        &self,
        member_id: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Result<(), ResponseError> {
        self.check_member(member_id, instance)?;
        match generation == self.generation {
            true => Ok(()),
            false => Err(ResponseError::IllegalGeneration),
        }
    }

    /// Topics that a consumer among the members has subscribed to.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        use kafka_protocol::messages::ConsumerProtocolSubscription;
        use kafka_protocol::protocol::Decodable;
        let Some(protocol) = &self.protocol else { return false };
        self.members.values().any(|member| {
            let mut metadata: Bytes = member.metadata(protocol);
            if metadata.len() < 2 {
                return false;
            }
            let version = i16::from_be_bytes([metadata[0], metadata[1]]).clamp(0, 3);
            bytes::Buf::advance(&mut metadata, 2);
            ConsumerProtocolSubscription::decode(&mut metadata, version)
                .is_ok_and(|subscription| subscription.topics.iter().any(|name| name.as_str() == topic))
        })
    }
}

//! A member of a group.

use crate::group::slot::Slot;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use std::sync::Arc;

/// What a member is told when a round of joining ends.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Its id.
    pub member_id: String,
    /// The group's generation.
    pub generation: i32,
    /// The kind of protocol, such as `consumer`.
    pub protocol_type: Option<String>,
    /// The protocol that all members know.
    pub protocol: Option<String>,
    /// Who assigns.
    pub leader: String,
    /// For the leader: all members with what they said of themselves.
    pub members: Vec<(String, Option<String>, Bytes)>,
    /// The leader has nothing to assign.
    pub skip_assignment: bool,
}

/// What a member is told when the leader has assigned.
#[derive(Clone, Debug)]
pub struct Synced {
    /// The kind of protocol.
    pub protocol_type: Option<String>,
    /// The protocol.
    pub protocol: Option<String>,
    /// What the leader has for it.
    pub assignment: Bytes,
}

/// The answer to joining; a refused one has the member's id beside it.
pub type JoinOutcome = Result<Joined, (ResponseError, String)>;
/// The answer to asking for the assignment.
pub type SyncOutcome = Result<Synced, ResponseError>;

/// A member, as it said of itself and as the group has it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its id, given by the broker.
    pub id: String,
    /// A name that it keeps over restarts.
    pub instance: Option<String>,
    /// The client's name.
    pub client_id: String,
    /// Where it comes from.
    pub host: String,
    /// It is gone when it has not been heard of for so long.
    pub session_timeout_ms: i64,
    /// How long it may take to join again.
    pub rebalance_timeout_ms: i64,
    /// The protocols it knows, the best first, and what it says of itself in each.
    pub protocols: Vec<(String, Bytes)>,
    /// What the leader gave it.
    pub assignment: Bytes,
    /// When it is gone unless heard of, by [`uptime_ms`](crate::clock::uptime_ms).
    pub expires_ms: i64,
    /// It waits for the round of joining to end.
    pub joining: Option<Arc<Slot<JoinOutcome>>>,
    /// It waits for the leader.
    pub syncing: Option<Arc<Slot<SyncOutcome>>>,
}

impl Member {
    /// What it says of itself in a protocol.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// It has been heard of.
    pub fn heard(&mut self, uptime_ms: i64) {
        self.expires_ms = uptime_ms + self.session_timeout_ms;
    }

    /// Answers to joining, if it waits.
    pub fn answer_join(&mut self, outcome: JoinOutcome) {
        if let Some(slot) = self.joining.take() {
            slot.fill(outcome);
        }
    }

    /// Answers to asking for the assignment, if it waits.
    pub fn answer_sync(&mut self, outcome: SyncOutcome) {
        if let Some(slot) = self.syncing.take() {
            slot.fill(outcome);
        }
    }
}

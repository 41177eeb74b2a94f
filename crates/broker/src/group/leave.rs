//! Staying in a group, and leaving it: by a word, or by not being heard of.

use crate::group::{Inner, Phase};
use crate::state::State;
use kafka_protocol::ResponseError;
use std::io;
use std::sync::Mutex;

impl Inner {
    /// A member says that it is alive.
    pub fn heartbeat(
        &mut self,
        member_id: &str,
        instance: Option<&str>,
        generation: i32,
        uptime_ms: i64,
    ) -> Result<(), ResponseError> {
        self.check_generation(member_id, instance, generation)?;
        if let Some(member) = self.members.get_mut(member_id) {
            member.heard(uptime_ms);
        }
        match self.phase {
            Phase::Joining => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// A member leaves; one with a name of its own may be named by that alone.
    pub fn leave(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        member_id: &str,
        instance: Option<&str>,
        uptime_ms: i64,
    ) -> Result<(), ResponseError> {
        if self.promised.remove(member_id).is_some() {
            self.end_round(uptime_ms);
            return Ok(());
        }
        let member_id = match instance {
            Some(instance) if member_id.is_empty() => {
                self.instances.get(instance).cloned().ok_or(ResponseError::UnknownMemberId)?
            }
            _ => {
                self.check_member(member_id, instance)?;
                member_id.to_string()
            }
        };
        self.remove(&member_id);
        self.after_removal(id, state, uptime_ms);
        Ok(())
    }

    fn remove(&mut self, member_id: &str) {
        if let Some(mut member) = self.members.remove(member_id) {
            member.answer_join(Err((ResponseError::UnknownMemberId, member_id.to_string())));
            member.answer_sync(Err(ResponseError::UnknownMemberId));
            if let Some(instance) = &member.instance {
                self.instances.remove(instance);
            }
        }
    }

    /// The others share anew.
    fn after_removal(&mut self, id: &str, state: &Mutex<State>, uptime_ms: i64) {
        self.begin_round(uptime_ms);
        if self.phase == Phase::Empty {
            // Kept as one with members it would, after a restart, have them until their sessions end: no harm.
            self.keep(id, state).unwrap_or_else(|error| log::warn!("group {id}: {error}"));
        }
    }

    /// Does what time asks for.
    pub(super) fn tick(
        &mut self,
        id: &str,
        state: &Mutex<State>,
        uptime_ms: i64,
        offsets_before_ms: i64,
    ) -> io::Result<()> {
        let promised = self.promised.len();
        self.promised.retain(|_, until_ms| *until_ms > uptime_ms);
        // Who waits for the round to end cannot be heard of.
        let gone: Vec<String> = self
            .members
            .values()
            .filter(|member| {
                member.expires_ms <= uptime_ms && member.joining.is_none() && member.syncing.is_none()
            })
            .map(|member| member.id.clone())
            .collect();
        for member_id in &gone {
            log::info!("group {id}: {member_id} has not been heard of and is no member any more");
            self.remove(member_id);
        }
        if !gone.is_empty() {
            self.after_removal(id, state, uptime_ms);
        } else if promised > self.promised.len() || self.phase == Phase::Joining {
            self.end_round(uptime_ms);
        }
        if self.phase == Phase::Assigning && uptime_ms >= self.deadline_ms {
            // The leader has not assigned: without it, once more.
            if let Some(leader) =
                self.leader.clone().filter(|id| self.members.get(id).is_some_and(|m| m.instance.is_none()))
            {
                self.remove(&leader);
            }
            self.after_removal(id, state, uptime_ms);
        }
        if self.phase == Phase::Empty {
            self.offsets.expire(id, state, offsets_before_ms)?;
        }
        Ok(())
    }
}

//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup: members of groups.

use crate::api::{code, text};
use crate::clock::uptime_ms;
use crate::group::join::{Answer, Join, Sync};
use crate::group::member::Joined;
use crate::group::{Group, Inner, Phase};
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;
use std::sync::{Arc, MutexGuard};

/// The group, locked and alive; made where that is wanted.
pub fn locked<T>(
    call: &Call<'_>,
    id: &str,
    create: bool,
    act: impl FnOnce(&Arc<Group>, MutexGuard<'_, Inner>) -> T,
) -> Result<T, ResponseError> {
    loop {
        let group = match create {
            true => call.node.groups.get_or_create(id)?,
            false => call.node.groups.get(id).ok_or(ResponseError::GroupIdNotFound)?,
        };
        let inner = group.lock();
        // One that has been removed in between is not the one that is meant.
        if inner.phase != Phase::Dead {
            return Ok(act(&group, inner));
        }
        drop(inner);
        std::thread::yield_now();
    }
}

/// A member joins, and waits until all others have.
pub fn join(call: &Call<'_>, request: JoinGroupRequest) -> JoinGroupResponse {
    let session_timeout_ms = i64::from(request.session_timeout_ms);
    // Version 0 knows one time-out for both.
    let rebalance_timeout_ms =
        if call.version == 0 { session_timeout_ms } else { request.rebalance_timeout_ms.into() };
    let join = Join {
        member_id: request.member_id.to_string(),
        instance: request.group_instance_id.map(|id| id.to_string()),
        client_id: call.client_id.clone(),
        host: format!("/{}", call.caller.peer),
        session_timeout_ms,
        rebalance_timeout_ms,
        protocol_type: request.protocol_type.to_string(),
        protocols: request.protocols.into_iter().map(|p| (p.name.to_string(), own(&p.metadata))).collect(),
        in_two_steps: call.version >= 4,
        may_skip_assignment: call.version >= 9,
    };
    let create = join.member_id.is_empty();
    let state = &call.node.state;
    let answer = locked(call, &request.group_id, create, |group, mut inner| {
        inner.join(&group.id, state, join, uptime_ms())
    });
    let outcome = match answer {
        Err(ResponseError::GroupIdNotFound) => {
            Err((ResponseError::UnknownMemberId, request.member_id.to_string()))
        }
        Err(error) => Err((error, request.member_id.to_string())),
        Ok(Answer::Now(outcome)) => outcome,
        Ok(Answer::Later(slot)) => slot
            .wait(|| call.node.is_stopping())
            .unwrap_or_else(|| Err((ResponseError::CoordinatorNotAvailable, request.member_id.to_string()))),
    };
    match outcome {
        Ok(joined) => told(call, joined),
        Err((error, member_id)) => JoinGroupResponse::default()
            .with_error_code(error.code())
            .with_generation_id(-1)
            .with_protocol_name(some_before(call, 7, None))
            .with_member_id(text(member_id)),
    }
}

/// A copy, so that a few bytes do not hold on to their whole request.
fn own(bytes: &bytes::Bytes) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(bytes)
}

/// Before `version` a text could not be left out.
fn some_before(call: &Call<'_>, version: i16, words: Option<String>) -> Option<StrBytes> {
    match words {
        None if call.version < version => Some(StrBytes::new()),
        words => words.map(text),
    }
}

fn told(call: &Call<'_>, joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|(id, instance, metadata)| {
        JoinGroupResponseMember::default()
            .with_member_id(text(id))
            .with_group_instance_id(instance.map(text))
            .with_metadata(metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(joined.protocol_type.map(text))
        .with_protocol_name(some_before(call, 7, joined.protocol))
        .with_leader(text(joined.leader))
        .with_member_id(text(joined.member_id))
        .with_members(members.collect())
        .with_skip_assignment(joined.skip_assignment)
}

/// A member gets its share, as soon as the leader has assigned.
pub fn sync(call: &Call<'_>, request: SyncGroupRequest) -> SyncGroupResponse {
    let sync = Sync {
        member_id: request.member_id.to_string(),
        instance: request.group_instance_id.map(|id| id.to_string()),
        generation: request.generation_id,
        protocol_type: request.protocol_type.map(|name| name.to_string()),
        protocol: request.protocol_name.map(|name| name.to_string()),
        assignments: request
            .assignments
            .into_iter()
            .map(|share| (share.member_id.to_string(), own(&share.assignment)))
            .collect(),
    };
    let state = &call.node.state;
    let answer = locked(call, &request.group_id, false, |group, mut inner| {
        inner.sync(&group.id, state, sync, uptime_ms())
    });
    let outcome = match answer {
        Err(_) => Err(ResponseError::UnknownMemberId),
        Ok(Answer::Now(outcome)) => outcome,
        Ok(Answer::Later(slot)) => {
            slot.wait(|| call.node.is_stopping()).unwrap_or(Err(ResponseError::CoordinatorNotAvailable))
        }
    };
    match outcome {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(synced.protocol_type.map(text))
            .with_protocol_name(synced.protocol.map(text))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
    }
}

/// A member is alive.
pub fn heartbeat(call: &Call<'_>, request: HeartbeatRequest) -> HeartbeatResponse {
    let instance = request.group_instance_id.as_ref().map(|id| id.as_str());
    let outcome = locked(call, &request.group_id, false, |_, mut inner| {
        inner.heartbeat(&request.member_id, instance, request.generation_id, uptime_ms())
    });
    let outcome = outcome.map_err(|_| ResponseError::UnknownMemberId).flatten();
    HeartbeatResponse::default().with_error_code(code(&outcome))
}

/// Members leave.
pub fn leave(call: &Call<'_>, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let leave = |member_id: &str, instance: Option<&str>| {
        let outcome = locked(call, &request.group_id, false, |group, mut inner| {
            inner.leave(&group.id, &call.node.state, member_id, instance, uptime_ms())
        });
        code(&outcome.map_err(|_| ResponseError::UnknownMemberId).flatten())
    };
    if call.version < 3 {
        return LeaveGroupResponse::default().with_error_code(leave(&request.member_id, None));
    }
    let members = request.members.iter().map(|member| {
        let instance = member.group_instance_id.as_ref().map(|id| id.as_str());
        MemberResponse::default()
            .with_error_code(leave(&member.member_id, instance))
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

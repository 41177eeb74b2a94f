//! ListGroups, DescribeGroups, DeleteGroups: groups from the administrator's side.

use crate::api::{code, text};
use crate::group::{Inner, Phase};
use crate::wire::dispatch::Call;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    ListGroupsRequest, ListGroupsResponse,
};

/// All groups, or those in some states.
pub fn list(call: &Call<'_>, request: ListGroupsRequest) -> ListGroupsResponse {
    let is_wanted = |filter: &[kafka_protocol::protocol::StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let groups = call.node.groups.all().into_iter().filter_map(|group| {
        let inner = group.lock();
        let wanted = inner.phase != Phase::Dead
            && is_wanted(&request.states_filter, inner.phase.name())
            && is_wanted(&request.types_filter, "classic");
        wanted.then(|| {
            ListedGroup::default()
                .with_group_id(GroupId(text(group.id.clone())))
                .with_protocol_type(text(inner.protocol_type.clone().unwrap_or_default()))
                .with_group_state(text(inner.phase.name()))
                .with_group_type(text("classic"))
        })
    });
    ListGroupsResponse::default().with_groups(groups.collect())
}

/// Groups with their members; one that is not there is dead.
pub fn describe(call: &Call<'_>, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = request.groups.into_iter().map(|id| {
        let group = call.node.groups.get(&id);
        let described = DescribedGroup::default().with_group_id(id);
        match group {
            None => described.with_group_state(text(Phase::Dead.name())),
            Some(group) => fill(described, &group.lock()),
        }
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn fill(described: DescribedGroup, inner: &Inner) -> DescribedGroup {
    // While members join there is no protocol that holds for all.
    let protocol = match inner.phase {
        Phase::Stable | Phase::Assigning => inner.protocol.clone().unwrap_or_default(),
        _ => String::new(),
    };
    let members = inner.members.values().map(|member| {
        DescribedGroupMember::default()
            .with_member_id(text(member.id.clone()))
            .with_group_instance_id(member.instance.clone().map(text))
            .with_client_id(text(member.client_id.clone()))
            .with_client_host(text(member.host.clone()))
            .with_member_metadata(member.metadata(&protocol))
            .with_member_assignment(member.assignment.clone())
    });
    described
        .with_group_state(text(inner.phase.name()))
        .with_protocol_type(text(inner.protocol_type.clone().unwrap_or_default()))
        .with_members(members.collect())
        .with_protocol_data(text(protocol))
}

/// Removes groups without members.
pub fn delete(call: &Call<'_>, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let results = request.groups_names.into_iter().map(|id| {
        let outcome = call.node.groups.delete(&id, &call.node.state);
        DeletableGroupResult::default().with_group_id(id).with_error_code(code(&outcome))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}

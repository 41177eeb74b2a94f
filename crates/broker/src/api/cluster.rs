//! DescribeCluster: one node.

use crate::api::{metadata, text};
use crate::node::NODE_ID;
use crate::wire::dispatch::Call;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

/// The node, by the address it was reached at.
pub fn describe(call: &Call<'_>, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let (host, port) = metadata::address(call);
    let node =
        DescribeClusterBroker::default().with_broker_id(NODE_ID.into()).with_host(host).with_port(port);
    DescribeClusterResponse::default()
        .with_cluster_id(text(call.node.cluster_id.clone()))
        .with_controller_id(NODE_ID.into())
        .with_endpoint_type(request.endpoint_type.max(1))
        .with_brokers(vec![node])
}

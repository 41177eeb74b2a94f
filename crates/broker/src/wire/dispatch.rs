//! Which request goes where: the one table of what the broker speaks.

use crate::api::{
    cluster, committed, configs, fetch, group, groups, metadata, offsets, produce, records, topics,
    transaction, transactions, versions,
};
use crate::node::Node;
use crate::wire::budget::Share;
use crate::wire::wary;
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The requests that are answered, with the lowest and highest version of each. Some that messages of the protocol know
/// are left out: Fetch from 13 on names topics by id, Produce from 9 on is written in another way and means the same, its kin from
/// 12 on belong to the second version of the transaction protocol.
pub const SPOKEN: &[(ApiKey, i16, i16)] = &[
    // Kafka, too, announces Produce from 0 on: librdkafka compresses only then. Versions before 3 are refused.
    (ApiKey::Produce, 0, 8),
    (ApiKey::Fetch, 4, 12),
    (ApiKey::ListOffsets, 1, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 4),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 5),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::AddPartitionsToTxn, 0, 3),
    (ApiKey::AddOffsetsToTxn, 0, 3),
    (ApiKey::EndTxn, 0, 3),
    (ApiKey::TxnOffsetCommit, 0, 3),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::DescribeCluster, 0, 1),
    (ApiKey::DescribeProducers, 0, 0),
    (ApiKey::DescribeTransactions, 0, 0),
    (ApiKey::ListTransactions, 0, 1),
];

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The address by which the broker was reached.
    pub local: SocketAddr,
    /// Where from.
    pub peer: IpAddr,
}

/// A request, its header read.
#[derive(Debug)]
pub struct Call<'a> {
    /// The node that is asked.
    pub node: &'a Node,
    /// Who asks.
    pub caller: &'a Caller,
    /// In which version.
    pub version: i16,
    /// The client's name.
    pub client_id: String,
    correlation_id: i32,
    body: Bytes,
}

/// An answer's frame, and the memory that it is counted as.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Its bytes.
    pub bytes: BytesMut,
    _share: Option<Share<'a>>,
}

/// Answers the request in a frame; `None`: none is wanted.
pub fn answer<'a>(node: &'a Node, caller: &'a Caller, frame: Bytes) -> io::Result<Option<Frame<'a>>> {
    let mut head = frame.clone();
    if head.len() < 8 {
        return Err(invalid("a request of less than 8 bytes"));
    }
    let (number, version, correlation_id) = (head.get_i16(), head.get_i16(), head.get_i32());
    let spoken = ApiKey::try_from(number)
        .ok()
        .and_then(|key| SPOKEN.iter().find(|(known, ..)| *known == key))
        .filter(|(_, lowest, highest)| (*lowest..=*highest).contains(&version))
        .filter(|(key, ..)| *key != ApiKey::Produce || version >= 3);
    let Some((key, ..)) = spoken else {
        log::debug!("request {number} in version {version} from {} is refused", caller.peer);
        return refuse(number, version, correlation_id).map(Some);
    };
    let mut body = frame;
    let header = RequestHeader::decode(&mut body, key.request_header_version(version)).map_err(invalid)?;
    let client_id = header.client_id.map_or_else(String::new, |id| id.to_string());
    route(*key, Call { node, caller, version, client_id, correlation_id, body })
}

fn route(key: ApiKey, call: Call<'_>) -> io::Result<Option<Frame<'_>>> {
    match key {
        ApiKey::Produce => call.answer_if(produce::produce),
        ApiKey::Fetch => fetch::fetch(call).map(Some),
        ApiKey::ListOffsets => call.answer(offsets::list),
        ApiKey::OffsetForLeaderEpoch => call.answer(offsets::for_leader_epoch),
        ApiKey::Metadata => call.answer(metadata::metadata),
        ApiKey::FindCoordinator => call.answer(metadata::find_coordinator),
        ApiKey::DescribeCluster => call.answer(cluster::describe),
        ApiKey::ApiVersions => call.answer(versions::versions),
        ApiKey::CreateTopics => call.answer(topics::create),
        ApiKey::DeleteTopics => call.answer(topics::delete),
        ApiKey::CreatePartitions => call.answer(topics::create_partitions),
        ApiKey::DeleteRecords => call.answer(records::delete),
        ApiKey::DescribeProducers => call.answer(records::describe_producers),
        ApiKey::DescribeConfigs => call.answer(configs::describe),
        ApiKey::AlterConfigs => call.answer(configs::alter),
        ApiKey::IncrementalAlterConfigs => call.answer(configs::alter_incrementally),
        ApiKey::JoinGroup => call.answer(group::join),
        ApiKey::SyncGroup => call.answer(group::sync),
        ApiKey::Heartbeat => call.answer(group::heartbeat),
        ApiKey::LeaveGroup => call.answer(group::leave),
        ApiKey::ListGroups => call.answer(groups::list),
        ApiKey::DescribeGroups => call.answer(groups::describe),
        ApiKey::DeleteGroups => call.answer(groups::delete),
        ApiKey::OffsetCommit => call.answer(committed::commit),
        ApiKey::OffsetFetch => call.answer(committed::fetch),
        ApiKey::OffsetDelete => call.answer(committed::delete),
        ApiKey::InitProducerId => call.answer(transaction::init),
        ApiKey::AddPartitionsToTxn => call.answer(transaction::add_partitions),
        ApiKey::AddOffsetsToTxn => call.answer(transaction::add_offsets),
        ApiKey::TxnOffsetCommit => call.answer(transaction::commit_offsets),
        ApiKey::EndTxn => call.answer(transaction::end),
        ApiKey::ListTransactions => call.answer(transactions::list),
        ApiKey::DescribeTransactions => call.answer(transactions::describe),
        other => Err(invalid(format!("{other:?} is in the table and has no answer"))),
    }
}

impl<'a> Call<'a> {
    fn answer<R: Request>(
        self,
        respond: impl FnOnce(&Call<'a>, R) -> R::Response,
    ) -> io::Result<Option<Frame<'a>>> {
        self.answer_if(|call, request| Some(respond(call, request)))
    }

    fn answer_if<R: Request>(
        mut self,
        respond: impl FnOnce(&Call<'a>, R) -> Option<R::Response>,
    ) -> io::Result<Option<Frame<'a>>> {
        let request: R = self.request()?;
        respond(&self, request).map(|response| self.frame::<R>(&response, None)).transpose()
    }

    /// The request itself.
    pub fn request<R: Request>(&mut self) -> io::Result<R> {
        wary::check::<R>(&self.body, self.version)?;
        R::decode(&mut std::mem::take(&mut self.body), self.version).map_err(invalid)
    }

    /// The frame of an answer.
    pub fn frame<R: Request>(
        &self,
        response: &R::Response,
        share: Option<Share<'a>>,
    ) -> io::Result<Frame<'a>> {
        let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
        let header_version = R::Response::header_version(self.version);
        let size = header.compute_size(header_version).map_err(invalid)?
            + response.compute_size(self.version).map_err(invalid)?;
        let mut bytes = BytesMut::with_capacity(4 + size);
        bytes.extend_from_slice(&(size as u32).to_be_bytes());
        header.encode(&mut bytes, header_version).map_err(invalid)?;
        response.encode(&mut bytes, self.version).map_err(invalid)?;
        Ok(Frame { bytes, _share: share })
    }
}

/// The answer to what is not spoken. Of `ApiVersions` the layout of version 0 is understood by every client, and tells it
/// which version to ask with. Of anything else a client that asks without being told to reads at least the error's number.
fn refuse<'a>(number: i16, version: i16, correlation_id: i32) -> io::Result<Frame<'a>> {
    let mut body = BytesMut::new();
    if number == ApiKey::ApiVersions as i16 {
        versions::refusal().encode(&mut body, 0).map_err(invalid)?;
    } else {
        body.extend_from_slice(&ResponseError::UnsupportedVersion.code().to_be_bytes());
    }
    let flexible = number != ApiKey::ApiVersions as i16
        && ApiKey::try_from(number).is_ok_and(|key| key.response_header_version(version) > 0);
    let mut bytes = BytesMut::new();
    bytes.extend_from_slice(&(4 + u32::from(flexible) + body.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&correlation_id.to_be_bytes());
    bytes.extend_from_slice(if flexible { &[0] } else { &[] });
    bytes.extend_from_slice(&body);
    Ok(Frame { bytes, _share: None })
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

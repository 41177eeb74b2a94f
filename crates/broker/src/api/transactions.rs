//! ListTransactions and DescribeTransactions: transactions from the administrator's side.

use crate::api::text;
use crate::clock::now_ms;
use crate::sync::lock;
use crate::transaction::Phase;
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_transactions_response::{self, TopicData};
use kafka_protocol::messages::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, ListTransactionsRequest,
    ListTransactionsResponse, TopicName, TransactionalId, list_transactions_response,
};
use std::collections::BTreeMap;

/// All transactions, or some.
pub fn list(call: &Call<'_>, request: ListTransactionsRequest) -> ListTransactionsResponse {
    let (states, ids) = (&request.state_filters, &request.producer_id_filters);
    let listed = call.node.transactions.all().into_iter().filter_map(|(id, transaction)| {
        let transaction = lock(&transaction);
        let state = transaction.state_name();
        let open_ms = if transaction.phase == Phase::Open { now_ms() - transaction.opened_ms } else { 0 };
        let wanted = (states.is_empty() || states.iter().any(|wanted| wanted.as_str() == state))
            && (ids.is_empty() || ids.iter().any(|wanted| wanted.0 == transaction.producer_id))
            && (request.duration_filter < 0 || open_ms > request.duration_filter);
        wanted.then(|| {
            list_transactions_response::TransactionState::default()
                .with_transactional_id(TransactionalId(text(id)))
                .with_producer_id(transaction.producer_id.into())
                .with_transaction_state(text(state))
        })
    });
    ListTransactionsResponse::default().with_transaction_states(listed.collect())
}

/// Transactions with what they touch.
pub fn describe(call: &Call<'_>, request: DescribeTransactionsRequest) -> DescribeTransactionsResponse {
    let described = request.transactional_ids.into_iter().map(|id| {
        let found = call.node.transactions.get(&id);
        let answer = describe_transactions_response::TransactionState::default().with_transactional_id(id);
        let Ok(transaction) = found else {
            return answer.with_error_code(ResponseError::TransactionalIdNotFound.code());
        };
        let transaction = lock(&transaction);
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in &transaction.partitions {
            topics.entry(topic).or_default().push(*partition);
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            TopicData::default().with_topic(TopicName(text(topic))).with_partitions(partitions)
        });
        answer
            .with_transaction_state(text(transaction.state_name()))
            .with_transaction_timeout_ms(i32::try_from(transaction.timeout_ms).unwrap_or(i32::MAX))
            .with_transaction_start_time_ms(transaction.opened_ms)
            .with_producer_id(transaction.producer_id.into())
            .with_producer_epoch(transaction.epoch)
            .with_topics(topics.collect())
    });
    DescribeTransactionsResponse::default().with_transaction_states(described.collect())
}

//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs: the settings of topics. Those of the broker can be seen only.

use crate::api::text;
use crate::api::topics::{SOURCE_DEFAULT, SOURCE_TOPIC, failure};
use crate::node::NODE_ID;
use crate::settings::{Kind, SETTINGS, Setting};
use crate::topics::TopicError;
use crate::wire::dispatch::Call;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, alter_configs_response,
    incremental_alter_configs_response,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// The source of a setting: what the broker was started with.
const SOURCE_BROKER: i8 = 4;

/// A failure, and a word on it.
type Failure = (ResponseError, String);

/// Shows settings.
pub fn describe(call: &Call<'_>, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.into_iter().map(|resource| {
        let wanted = |name: &str| {
            resource
                .configuration_keys
                .as_ref()
                .is_none_or(|keys| keys.iter().any(|key| key.as_str() == name))
        };
        let outcome = describe_one(call, &resource, request.include_synonyms);
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match outcome {
            Ok(lines) => result.with_configs(lines.into_iter().filter(|line| wanted(&line.name)).collect()),
            Err((error, words)) => result.with_error_code(error.code()).with_error_message(Some(text(words))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn describe_one(
    call: &Call<'_>,
    resource: &DescribeConfigsResource,
    with_synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Failure> {
    match resource.resource_type {
        TOPIC => {
            let topic = call.node.topics.get(&resource.resource_name);
            let settings = topic.ok_or_else(|| failure(&TopicError::Unknown))?.settings();
            let line = |setting: &'static Setting| {
                let is_given = settings.given.contains_key(setting.name);
                let source = if is_given { SOURCE_TOPIC } else { SOURCE_DEFAULT };
                let line =
                    line(setting.name, settings.value(setting), source).with_config_type(kind(setting.kind));
                let synonym = |value: &str, source| {
                    DescribeConfigsSynonym::default()
                        .with_name(text(setting.name))
                        .with_value(Some(text(value)))
                        .with_source(source)
                };
                let mut synonyms = vec![synonym(setting.default, SOURCE_DEFAULT)];
                if is_given {
                    synonyms.insert(0, synonym(settings.value(setting), SOURCE_TOPIC));
                }
                line.with_synonyms(if with_synonyms { synonyms } else { Vec::new() })
            };
            Ok(SETTINGS.iter().map(line).collect())
        }
        BROKER if [NODE_ID.to_string().as_str(), ""].contains(&resource.resource_name.as_str()) => {
            let config = &call.node.config;
            let settings = [
                ("auto.create.topics.enable", config.auto_create_topics.to_string()),
                ("num.partitions", config.default_partitions.to_string()),
                ("default.replication.factor", "1".to_string()),
                ("socket.request.max.bytes", config.limits.request_bytes_max.to_string()),
                ("fetch.max.bytes", config.limits.fetch_bytes_max.to_string()),
                ("max.connections", config.limits.connections_max.to_string()),
                ("log.retention.check.interval.ms", config.housekeeping_interval_ms.to_string()),
                ("offsets.retention.minutes", (config.offsets_retention_ms / 60_000).to_string()),
            ];
            let line = |(name, value): &(&str, String)| line(name, value, SOURCE_BROKER).with_read_only(true);
            Ok(settings.iter().map(line).collect())
        }
        other => {
            Err((ResponseError::InvalidRequest, format!("nothing is known of resources of type {other}")))
        }
    }
}

fn line(name: &str, value: &str, source: i8) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_config_source(source)
}

/// How Kafka numbers kinds of values.
fn kind(kind: Kind) -> i8 {
    match kind {
        Kind::Boolean => 1,
        Kind::Text | Kind::Word(_) => 2,
        Kind::Integer(_) => 5,
        Kind::Share => 6,
        Kind::Words(_) => 7,
    }
}

/// Replaces all settings of topics.
pub fn alter(call: &Call<'_>, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = request.resources.into_iter().map(|resource| {
        let given = resource
            .configs
            .iter()
            .filter_map(|setting| Some((setting.name.to_string(), setting.value.as_ref()?.to_string())))
            .collect();
        let outcome =
            configure(call, resource.resource_type, &resource.resource_name, request.validate_only, |_| {
                Ok(given)
            });
        let (code, words) = told(outcome);
        alter_configs_response::AlterConfigsResourceResponse::default()
            .with_error_code(code)
            .with_error_message(words)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

/// Changes single settings of topics.
pub fn alter_incrementally(
    call: &Call<'_>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.into_iter().map(|resource| {
        let change = |mut given: BTreeMap<String, String>| {
            for setting in &resource.configs {
                let value = setting.value.as_ref().map(StrBytes::to_string);
                change(&mut given, &setting.name, setting.config_operation, value)?;
            }
            Ok(given)
        };
        let outcome =
            configure(call, resource.resource_type, &resource.resource_name, request.validate_only, change);
        let (code, words) = told(outcome);
        incremental_alter_configs_response::AlterConfigsResourceResponse::default()
            .with_error_code(code)
            .with_error_message(words)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn configure(
    call: &Call<'_>,
    resource_type: i8,
    name: &str,
    dry_run: bool,
    change: impl FnOnce(BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Failure>,
) -> Result<(), Failure> {
    if resource_type != TOPIC {
        let words = "only settings of topics can be changed while the broker runs".to_string();
        return Err((ResponseError::InvalidRequest, words));
    }
    let topic = call.node.topics.get(name).ok_or_else(|| failure(&TopicError::Unknown))?;
    let given = change(topic.settings().given.clone())?;
    call.node.topics.configure(&call.node.state, name, given, dry_run).map_err(|error| failure(&error))
}

/// One change: set (0), take away (1), add to a list (2), take from it (3).
fn change(
    given: &mut BTreeMap<String, String>,
    name: &str,
    operation: i8,
    value: Option<String>,
) -> Result<(), Failure> {
    let invalid = |words: String| (ResponseError::InvalidConfig, words);
    let setting =
        Setting::named(name).ok_or_else(|| invalid(format!("Unknown topic config name: {name}")))?;
    if operation == 1 {
        given.remove(name);
        return Ok(());
    }
    let value = value.ok_or_else(|| invalid(format!("Null value not supported for {name}")))?;
    let is_list = matches!(setting.kind, Kind::Words(_) | Kind::Text);
    let now = given.get(name).map_or(setting.default, String::as_str);
    let now = || now.split(',').filter(|word| !word.is_empty());
    let value = match operation {
        0 => value,
        2 if is_list => {
            let added = value.split(',').filter(|word| !now().any(|known| known == *word));
            now().chain(added).collect::<Vec<_>>().join(",")
        }
        3 if is_list => {
            now().filter(|known| !value.split(',').any(|word| word == *known)).collect::<Vec<_>>().join(",")
        }
        _ => return Err(invalid(format!("operation {operation} is not for {name}"))),
    };
    given.insert(name.to_string(), value);
    Ok(())
}

fn told(outcome: Result<(), Failure>) -> (i16, Option<StrBytes>) {
    match outcome {
        Ok(()) => (0, None),
        Err((error, words)) => (error.code(), Some(text(words))),
    }
}

//! ApiVersions: what is spoken.

use crate::wire::dispatch::{Call, SPOKEN};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

/// The table of what is spoken.
pub fn versions(_: &Call<'_>, _: ApiVersionsRequest) -> ApiVersionsResponse {
    ApiVersionsResponse::default().with_api_keys(SPOKEN.iter().map(line).collect())
}

/// To a client that asks in a version of its own: in which ones it may.
pub fn refusal() -> ApiVersionsResponse {
    let own = SPOKEN.iter().filter(|(key, ..)| *key == ApiKey::ApiVersions).map(line);
    ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(own.collect())
}

fn line((key, lowest, highest): &(ApiKey, i16, i16)) -> ApiVersion {
    ApiVersion::default().with_api_key(*key as i16).with_min_version(*lowest).with_max_version(*highest)
}

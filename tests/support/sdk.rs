//! An SDK client as tests of failures want it: patient, and with retries only where they hide nothing.

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, ResponseChecksumValidation, StalledStreamProtectionConfig,
        retry::RetryConfig, timeout::TimeoutConfig,
    },
};
use std::time::Duration;

/// Longer than a server with two busy cores needs for anything in these tests.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);

/// Root credentials.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    pub access: &'static str,
    pub secret: &'static str,
}

/// Whether the client asks again by itself.
#[derive(Clone, Copy, Debug)]
pub enum Retries {
    /// Every failure is seen.
    None,
    /// For reads, whose answer is the same.
    Some,
}

pub fn client(endpoint: &str, keys: Keys, retries: Retries) -> Client {
    client_with_deadline(endpoint, keys, retries, OPERATION_TIMEOUT)
}

/// A client that gives an operation up after `deadline`.
pub fn client_with_deadline(endpoint: &str, keys: Keys, retries: Retries, deadline: Duration) -> Client {
    let retry = match retries {
        Retries::None => RetryConfig::disabled(),
        Retries::Some => RetryConfig::standard().with_max_attempts(6),
    };
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(keys.access, keys.secret, None, None, "test"))
        .force_path_style(true)
        .retry_config(retry)
        // Whoever reads compares with what was written: a wrong byte must reach them, and is no failed transfer.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(deadline).build())
        .build();
    Client::from_conf(config)
}

//! One S3 endpoint: the stores of its buckets, and signed requests that `object_store` has no call for.

use super::access::{Access, AccessFlags};
use crate::{cli::certificate_hint::hint, types::BucketName};
use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use object_store::{
    Certificate, ClientOptions, RetryConfig, StaticCredentialProvider,
    aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredentialProvider},
    client::{HttpClient, HttpConnector, HttpRequest, ReqwestConnector},
    path::Path,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::{env, fs, sync::Arc, time::Duration};

/// A request carries at most one part or range; this lets a line of 14 KiB/s finish one of 8 MiB.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);
/// A person waits for the answer: enough for a server that restarts, not minutes of silence when nobody listens.
const RETRIES_MAX: usize = 5;
/// Everything but the unreserved characters of RFC 3986, as signatures want it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub struct Connection {
    endpoint: String,
    region: String,
    credentials: AwsCredentialProvider,
    options: ClientOptions,
    http: HttpClient,
}

/// A request for a bucket or, without one, for the service.
pub struct Request<'a> {
    pub method: Method,
    pub bucket: Option<&'a BucketName>,
    pub query: &'a [(&'a str, &'a str)],
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The body of S3's errors.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ErrorDocument {
    code: String,
    message: String,
}

impl Connection {
    pub fn open(flags: &AccessFlags) -> anyhow::Result<Self> {
        let Access { endpoint, region, credential } = Access::find(flags)?;
        let mut options = ClientOptions::new().with_allow_http(true).with_timeout(REQUEST_TIMEOUT);
        if let Some(path) = env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
            let bundle = fs::read(&path).with_context(|| format!("cannot read AWS_CA_BUNDLE {}", path.display()))?;
            for certificate in Certificate::from_pem_bundle(&bundle)? {
                options = options.with_root_certificate(certificate);
            }
        }
        let credentials: AwsCredentialProvider = match credential {
            Some(credential) => Arc::new(StaticCredentialProvider::new(credential)),
            None => role_credentials(&region)?,
        };
        let http = ReqwestConnector::default().connect(&options)?;
        Ok(Self { endpoint, region, credentials, options, http })
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// The store of one bucket. No request is sent.
    pub fn store(&self, bucket: &BucketName) -> anyhow::Result<AmazonS3> {
        let retry = RetryConfig { max_retries: RETRIES_MAX, ..RetryConfig::default() };
        let builder = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_region(&self.region)
            .with_credentials(self.credentials.clone())
            .with_client_options(self.options.clone())
            .with_retry(retry)
            .with_bucket_name(bucket.as_str());
        Ok(builder.build()?)
    }

    /// Sends one request, once, and returns the body of a 2xx. Any other answer is an error with S3's code and message.
    pub async fn request(&self, request: Request<'_>) -> anyhow::Result<Bytes> {
        let mut message: HttpRequest = http::Request::builder()
            .method(&request.method)
            .uri(self.address(&request))
            .body(request.body.into())
            .context("the endpoint makes no valid address")?;
        *message.headers_mut() = request.headers;
        let credential = self.credentials.get_credential().await?;
        AwsAuthorizer::new(&credential, "s3", &self.region).try_authorize(&mut message, None)?;

        let answer = self.http.execute(message).await;
        let answer = answer.map_err(|error| hint(&error).unwrap_or_else(|| error.into()));
        let answer = answer.with_context(|| format!("cannot reach {}", self.endpoint))?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(refusal(status, &body)) }
    }

    fn address(&self, request: &Request<'_>) -> String {
        let mut address = format!("{}/", self.endpoint);
        if let Some(bucket) = request.bucket {
            address.push_str(bucket.as_str());
        }
        for (index, (name, value)) in request.query.iter().enumerate() {
            address.push(if index == 0 { '?' } else { '&' });
            address.push_str(name);
            address.push('=');
            address.extend(utf8_percent_encode(value, QUERY));
        }
        address
    }
}

/// Keys of the container or the web identity that the AWS variables point to.
fn role_credentials(region: &str) -> anyhow::Result<AwsCredentialProvider> {
    let any_bucket = AmazonS3Builder::from_env().with_region(region).with_bucket_name("credentials").build()?;
    Ok(any_bucket.credentials().clone())
}

fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    let text = String::from_utf8_lossy(body);
    let document: ErrorDocument = quick_xml::de::from_str(&text).unwrap_or_default();
    if document.code.is_empty() {
        anyhow!("the server answered {status}")
    } else {
        anyhow!("{}: {} ({})", document.code, document.message, status.as_u16())
    }
}

/// The crate's errors repeat their causes in their own text; as a chain they would be shown twice.
pub fn store_error(error: object_store::Error) -> anyhow::Error {
    match error {
        object_store::Error::NotFound { path, .. } => anyhow!("there is no object `{path}`, or no such bucket"),
        object_store::Error::Precondition { path, .. } => anyhow!("`{path}` was replaced meanwhile"),
        other => hint(&other).unwrap_or_else(|| anyhow!("{other}")),
    }
}

/// The path of a key in a store. The crate's paths have no empty, `.` or `..` segments; such keys are refused here,
/// so that no other key is meant than the one that was written.
pub fn object_path(key: &str) -> anyhow::Result<Path> {
    match Path::parse(key) {
        Ok(path) if path.as_ref() == key && !key.is_empty() => Ok(path),
        _ => bail!("`{key}` cannot be sent by this client: a key needs non-empty segments other than `.` and `..`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_shows_the_code_of_s3_or_else_the_status() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>gone</Message><X>1</X></Error>";
        assert_eq!(refusal(StatusCode::NOT_FOUND, body).to_string(), "NoSuchBucket: gone (404)");
        for body in [&b"<html>oops"[..], b"", b"\xff"] {
            assert_eq!(refusal(StatusCode::BAD_GATEWAY, body).to_string(), "the server answered 502 Bad Gateway");
        }
    }

    #[test]
    fn keys_that_the_crate_would_change_are_refused() {
        for good in ["a", "a/b", "a b/\u{e4}+%2F?#&", "...", "a/.b"] {
            assert_eq!(object_path(good).unwrap().as_ref(), good);
        }
        for bad in ["", "/a", "a/", "a//b", "a/../b", "."] {
            assert!(object_path(bad).is_err(), "{bad}");
        }
    }
}

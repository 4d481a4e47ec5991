//! Signature Version 2: in a presigned URL (`AWSAccessKeyId`, `Expires`, `Signature` in the query), in a header
//! (`Authorization: AWS AWSAccessKeyId:Signature`) and, with the same HMAC, over the policy of a form (`form_claim.rs`). Clients still
//! make them by themselves (boto3 and version 1 of aws-cli presign so in us-east-1, `s3cmd signurl` everywhere). Off unless the settings turn it on.
//! Source: Amazon S3 User Guide, "Signing and authenticating REST requests (AWS signature version 2)".
//!
//! Weaker than Version 4 by its design, and so as weak as S3's: host, other headers and other parameters (`prefix`) are
//! not signed, nor is the body; a URL lives as long as it says, without a longest time. What is signed of the query is decoded, so an `&`
//! in a value looks like the next parameter: such values are refused. What holds here too: every `x-amz-*` header is signed, wherever it stands, and so is every parameter that
//! makes another operation of the request, those included that S3 got after its page was written.

use super::{authorization_header, incoming_request::IncomingRequest, request_time::RequestTime};
use crate::{
    s3::{
        error::{S3Code, S3Error},
        query::{self, Query},
        route,
    },
    types::Timestamp,
};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::{borrow::Cow, collections::BTreeMap};

/// With which the Authorization header begins.
pub const SCHEME: &str = "AWS ";

const ACCESS_KEY: &str = "AWSAccessKeyId";
const EXPIRES: &str = "Expires";
const SIGNATURE: &str = "Signature";

/// Each of them alone makes the request a presigned one. `Expires` alone signs nothing.
pub const PARAMETERS: [&str; 2] = [ACCESS_KEY, SIGNATURE];

/// Signed parameters that are no sub-resources.
const SIGNED_PARAMETERS: [&str; 13] = [
    "defaultObjectAcl",
    "larder-prefix",
    "partNumber",
    "read-stats",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "select-type",
    "storageClass",
    "versionId",
];

/// Whether this version counts at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureV2 {
    Refused,
    Accepted,
}

impl SignatureV2 {
    /// Refused: what S3 answers in its newer regions.
    pub fn check(self) -> Result<(), S3Error> {
        match self {
            Self::Accepted => Ok(()),
            Self::Refused => Err(authorization_header::unsupported_mechanism()),
        }
    }
}

/// What a request says about its own signature, before anything of it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimV2<'a> {
    pub access_key: &'a str,
    pub signature: &'a str,
    pub time: TimeV2<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeV2<'a> {
    /// In a URL: until when it counts.
    Until { text: &'a str, unix_seconds: i64 },
    /// In a header: when it was made. What is signed is `Date` as it was sent, or nothing where `x-amz-date` says it, which is
    /// signed among the headers of its kind.
    At { date: &'a [u8], time: RequestTime },
}

impl<'a> ClaimV2<'a> {
    /// All three parameters, each exactly once.
    pub fn parse_query(query: &'a Query) -> Result<Self, S3Error> {
        let [access_key, text, signature] = [ACCESS_KEY, EXPIRES, SIGNATURE].map(|name| only(query, name));
        let (Some(access_key), Some(text), Some(signature)) = (access_key, text, signature) else {
            return Err(S3Error::with_message(
                S3Code::AccessDenied,
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            ));
        };
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let unix_seconds = text.parse().ok().filter(|_| is_number).ok_or_else(|| {
            S3Error::with_message(S3Code::AccessDenied, format!("Invalid date (should be seconds since epoch): {text}"))
        })?;
        Ok(Self { access_key, signature, time: TimeV2::Until { text, unix_seconds } })
    }

    /// `credentials`: what stands behind `SCHEME` in the Authorization header.
    pub fn parse_header(credentials: &'a str, headers: &'a HeaderMap, switch: SignatureV2) -> Result<Self, S3Error> {
        let halves =
            credentials.trim().split_once(':').filter(|(key, signature)| !key.is_empty() && !signature.is_empty());
        let (access_key, signature) = halves.ok_or_else(|| {
            S3Error::invalid_argument(
                "Authorization",
                &format!("{SCHEME}{credentials}"),
                "AWS authorization header is invalid. Expected AwsAccessKeyId:signature",
            )
        })?;
        switch.check()?;
        let amz_date = headers.get("x-amz-date");
        let date = headers.get(header::DATE);
        let said = amz_date.or(date).and_then(|value| value.to_str().ok());
        let time = said.and_then(RequestTime::parse_date_header).ok_or_else(authorization_header::no_date)?;
        let date = date.filter(|_| amz_date.is_none()).map_or(&b""[..], |value| value.as_bytes().trim_ascii());
        Ok(Self { access_key, signature, time: TimeV2::At { date, time } })
    }

    pub fn check_time(&self, now: Timestamp) -> Result<(), S3Error> {
        match &self.time {
            TimeV2::At { time, .. } => time.check_fresh(now),
            TimeV2::Until { unix_seconds, .. } if now.unix_seconds() < *unix_seconds => Ok(()),
            TimeV2::Until { unix_seconds, .. } => {
                let expires = Timestamp::from_unix_millis(unix_seconds.saturating_mul(1000));
                Err(S3Error::with_message(S3Code::AccessDenied, "Request has expired")
                    .field("Expires", expires.to_iso_8601())
                    .field("ServerTime", now.to_iso_8601()))
            }
        }
    }

    /// `path` is one of `signed_paths`. Bytes, because header values may hold any.
    pub fn string_to_sign(&self, request: &IncomingRequest<'_>, path: &str) -> Result<Vec<u8>, S3Error> {
        let mut out = Vec::with_capacity(256);
        let mut line = |text: &[u8]| {
            out.extend_from_slice(text);
            out.push(b'\n');
        };
        line(request.method.as_str().as_bytes());
        for name in [HeaderName::from_static("content-md5"), header::CONTENT_TYPE] {
            line(request.headers.get(name).map_or(b"", |value| value.as_bytes().trim_ascii()));
        }
        let in_query = match &self.time {
            TimeV2::Until { text, .. } => {
                line(text.as_bytes());
                Some(request.query)
            }
            TimeV2::At { date, .. } => {
                line(date);
                None
            }
        };
        for (name, value) in amz_headers(request.headers, in_query)? {
            line(&[name.as_bytes(), b":", &value].concat());
        }
        out.extend_from_slice(canonical_resource(request, path)?.as_bytes());
        Ok(out)
    }
}

/// The base64 text of the signature that `secret` makes.
pub fn sign(secret: &str, string_to_sign: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    BASE64.encode(hmac::sign(&key, string_to_sign)).into_bytes()
}

/// The value of a parameter that stands once.
fn only<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    let mut found = query.iter().filter(|(known, _)| *known == name).map(|(_, value)| value);
    found.next().filter(|_| found.next().is_none())
}

/// Ascending. From the headers, and from the query of a URL, where signers put those that they signed; `hoisted` hands them to
/// the operations. A value that could be taken for several lines, or a name for more than one, is refused.
fn amz_headers<'a>(
    headers: &'a HeaderMap,
    query: Option<&'a Query>,
) -> Result<BTreeMap<String, Cow<'a, [u8]>>, S3Error> {
    let mut all: BTreeMap<String, Cow<'a, [u8]>> = BTreeMap::new();
    let in_query = query.into_iter().flat_map(Query::iter).filter(|(name, _)| query::header_name(name).is_some());
    for (name, value) in in_query {
        let invalid = || S3Error::invalid_argument(name, value, "The parameter can't be taken as a header.");
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        HeaderValue::from_bytes(value.as_bytes()).map_err(|_| invalid())?;
        if all.insert(header.as_str().to_owned(), Cow::Borrowed(value.as_bytes().trim_ascii())).is_some() {
            return Err(S3Error::invalid_argument(name, "", "The parameter stands twice."));
        }
    }
    for name in headers.keys().filter(|name| name.as_str().starts_with("x-amz-")) {
        let values: Vec<&[u8]> = headers.get_all(name).iter().map(|v| v.as_bytes().trim_ascii()).collect();
        if all.insert(name.as_str().to_owned(), Cow::Owned(values.join(&b','))).is_some() {
            return Err(S3Error::invalid_argument(name.as_str(), "", "The parameter stands as a header too."));
        }
    }
    Ok(all)
}

/// The path as it was sent. A bucket alone may be signed with a slash behind it, as boto3 does: both forms name the same.
pub fn signed_paths(request: &IncomingRequest<'_>) -> Vec<String> {
    let bucket = request.host_bucket.map(|bucket| format!("/{bucket}")).unwrap_or_default();
    let sent = format!("{bucket}{}", request.raw_path);
    let names_a_bucket_alone =
        request.host_bucket.is_none() && request.path.len() > 1 && !request.path[1..].contains('/');
    if names_a_bucket_alone { vec![format!("{sent}/"), sent] } else { vec![sent] }
}

/// The path and the signed parameters, decoded, in the order of their names. A parameter without a value
/// stands without `=`.
fn canonical_resource(request: &IncomingRequest<'_>, path: &str) -> Result<String, S3Error> {
    let mut resource = path.to_owned();
    let is_signed = |name: &str| SIGNED_PARAMETERS.contains(&name) || route::is_sub_resource(name);
    let mut signed: Vec<(&str, &str)> = request.query.iter().filter(|(name, _)| is_signed(name)).collect();
    if let Some((name, value)) = signed.iter().find(|(_, value)| value.contains('&')) {
        let reason = "Signature Version 2 can't tell an & in a value from the next parameter; use Version 4.";
        return Err(S3Error::invalid_argument(name, value, reason));
    }
    signed.sort_by_key(|(name, _)| *name);
    for (i, (name, value)) in signed.iter().enumerate() {
        resource.push(if i == 0 { '?' } else { '&' });
        resource.push_str(name);
        if !value.is_empty() {
            resource.push('=');
            resource.push_str(value);
        }
    }
    Ok(resource)
}

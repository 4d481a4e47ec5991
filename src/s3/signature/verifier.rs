//! The one verifier. It is called once for every request, before any handler; a request that it does not pass gets no
//! further. What it cannot parse it refuses.

use super::{
    authorization_header,
    canonical_request::{CanonicalParts, canonical_request},
    chunk_signer::ChunkSigner,
    claim::{ALGORITHM, Claim, ClaimPlace},
    payload::{Payload, PayloadKind},
    presigned_query,
    request_time::{RequestTime, SKEW_MAX},
};
use crate::{
    identity::{Authenticator, Credential, Principal, SigningKey},
    s3::{
        error::{S3Code, S3Error},
        query::Query,
    },
    types::Timestamp,
};
use aws_lc_rs::digest;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::{HeaderMap, Method, header};
use std::{
    borrow::Cow,
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

const CONTENT_SHA256: &str = "x-amz-content-sha256";
const CONTENT_SHA256_PARAMETER: &str = "X-Amz-Content-Sha256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// What is signed of a request, decoded once: the handlers see the same path and query.
#[derive(Clone, Copy, Debug)]
pub struct IncomingRequest<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub query: &'a Query,
    pub headers: &'a HeaderMap,
}

/// A request whose maker is known.
#[derive(Debug)]
pub struct Authenticated {
    pub principal: Principal,
    /// What the body has to be.
    pub payload: Payload,
}

#[derive(Clone, Debug)]
pub struct Verifier {
    authenticator: Authenticator,
    /// The only region that requests may be signed for; any when absent.
    region: Option<String>,
}

impl Verifier {
    pub fn new(authenticator: Authenticator, region: Option<String>) -> Self {
        Self { authenticator, region }
    }

    pub async fn verify(&self, request: &IncomingRequest<'_>, now: Timestamp) -> Result<Authenticated, S3Error> {
        let claim = self.claim(request)?;
        check_time(&claim, now)?;
        let (kind, payload_text) = payload_of(request, &claim)?;
        check_all_amz_headers_are_signed(request.headers, &claim)?;
        let access_key = claim.scope.access_key;
        let credential = self
            .authenticator
            .credential(access_key)
            .await?
            .ok_or_else(|| S3Error::new(S3Code::InvalidAccessKeyId).field("AWSAccessKeyId", access_key))?;
        let key = credential.signing_key(claim.scope.date, claim.scope.region, |secret| derive(secret, &claim));
        let canonical = canonical_request(&CanonicalParts {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            signed_headers: &claim.signed_headers,
            payload: payload_text,
        });
        let principal = prove(&credential, &key, &claim, &canonical)?;
        let signer = || ChunkSigner::new(key.clone(), claim.time.as_str(), claim.scope.text, claim.signature);
        let payload = match kind {
            PayloadKind::Hash(hash) => Payload::Hash(hash),
            PayloadKind::Unsigned => Payload::Unsigned,
            PayloadKind::SignedChunks => Payload::SignedChunks(signer()),
            PayloadKind::SignedChunksWithTrailer => Payload::SignedChunksWithTrailer(signer()),
            PayloadKind::UnsignedChunksWithTrailer => Payload::UnsignedChunksWithTrailer,
        };
        Ok(Authenticated { principal, payload })
    }

    /// The request's one claim: from the header or from the query, never from both.
    fn claim<'a>(&self, request: &IncomingRequest<'a>) -> Result<Claim<'a>, S3Error> {
        if request.headers.contains_key("x-amz-security-token") || request.query.contains("X-Amz-Security-Token") {
            return Err(S3Code::InvalidToken.into());
        }
        let in_header = request.headers.get(header::AUTHORIZATION).filter(|value| !value.is_empty());
        let in_query = presigned_query::is_presigned(request.query);
        let claim = match (in_header, in_query) {
            (Some(value), false) => authorization_header::parse(value, request.headers)?,
            (None, true) => presigned_query::parse(request.query)?,
            (Some(_), true) => return Err(two_mechanisms()),
            (None, false) => return Err(S3Code::AccessDenied.into()),
        };
        match (&self.region, &claim.place) {
            (Some(region), place) if region != claim.scope.region => Err(match place {
                ClaimPlace::AuthorizationHeader => authorization_header::wrong_region(claim.scope.region, region),
                ClaimPlace::Query { .. } => presigned_query::wrong_region(claim.scope.region, region),
            }),
            _ => Ok(claim),
        }
    }
}

fn two_mechanisms() -> S3Error {
    S3Error::with_message(
        S3Code::InvalidArgument,
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter \
         or the Authorization header should be specified",
    )
}

fn check_time(claim: &Claim<'_>, now: Timestamp) -> Result<(), S3Error> {
    match claim.place {
        ClaimPlace::AuthorizationHeader if claim.time.is_fresh(now) => Ok(()),
        ClaimPlace::AuthorizationHeader => Err(S3Error::new(S3Code::RequestTimeTooSkewed)
            .field("RequestTime", claim.time.as_str())
            .field("ServerTime", now.to_iso_8601())
            .field("MaxAllowedSkewMilliseconds", SKEW_MAX.as_millis().to_string())),
        ClaimPlace::Query { expires } => check_lifetime(&claim.time, expires, now),
    }
}

fn check_lifetime(time: &RequestTime, expires: Duration, now: Timestamp) -> Result<(), S3Error> {
    let begin = time.unix_seconds();
    let end = begin.saturating_add_unsigned(expires.as_secs());
    if now.unix_seconds().saturating_add_unsigned(SKEW_MAX.as_secs()) < begin {
        return Err(S3Error::with_message(S3Code::AccessDenied, "Request is not yet valid"));
    }
    if now.unix_seconds() >= end {
        return Err(S3Error::with_message(S3Code::AccessDenied, "Request has expired")
            .field("X-Amz-Expires", expires.as_secs().to_string())
            .field("Expires", Timestamp::from_unix_millis(end.saturating_mul(1000)).to_iso_8601())
            .field("ServerTime", now.to_iso_8601()));
    }
    Ok(())
}

/// How the body is covered, and the text of it that is signed.
fn payload_of<'a>(request: &IncomingRequest<'a>, claim: &Claim<'_>) -> Result<(PayloadKind, &'a str), S3Error> {
    let header = request.headers.get(CONTENT_SHA256).map(|value| value.to_str().unwrap_or_default());
    let text = match (header, request.query.get(CONTENT_SHA256_PARAMETER), &claim.place) {
        (Some(_), Some(_), _) | (None, Some(_), ClaimPlace::AuthorizationHeader) => return Err(two_mechanisms()),
        (Some(text), None, _) | (None, Some(text), ClaimPlace::Query { .. }) => text,
        (None, None, ClaimPlace::Query { .. }) => UNSIGNED_PAYLOAD,
        (None, None, ClaimPlace::AuthorizationHeader) => {
            return Err(S3Error::invalid_request("Missing required header for this request: x-amz-content-sha256"));
        }
    };
    let kind = PayloadKind::parse(text).ok_or_else(|| {
        S3Error::invalid_argument(
            CONTENT_SHA256,
            text,
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
             STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
        )
    })?;
    let is_presigned = matches!(claim.place, ClaimPlace::Query { .. });
    if is_presigned && kind.is_chunked() {
        return Err(S3Error::invalid_request("A presigned request can't carry an aws-chunked body."));
    }
    Ok((kind, text))
}

/// What is not signed could have been added on the way.
fn check_all_amz_headers_are_signed(headers: &HeaderMap, claim: &Claim<'_>) -> Result<(), S3Error> {
    let unsigned: Vec<&str> = headers
        .keys()
        .map(|name| name.as_str())
        .filter(|name| name.starts_with("x-amz-") && !claim.signs(name))
        .collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    Err(S3Error::with_message(S3Code::AccessDenied, "There were headers present in the request which were not signed")
        .field("HeadersNotSigned", unsigned.join(", ")))
}

fn derive(secret: &str, claim: &Claim<'_>) -> SigningKey {
    let seconds = u64::try_from(claim.time.unix_seconds()).unwrap_or(0);
    let key = generate_signing_key(secret, UNIX_EPOCH + Duration::from_secs(seconds), claim.scope.region, "s3");
    let mut bytes = [0; 32];
    bytes.copy_from_slice(key.as_ref());
    SigningKey::new(bytes)
}

/// The principal, when the claim's signature is the one that the key makes of the canonical request.
fn prove(credential: &Credential, key: &SigningKey, claim: &Claim<'_>, canonical: &[u8]) -> Result<Principal, S3Error> {
    let string_to_sign = string_to_sign(claim, canonical);
    let expected = |_: &str| calculate_signature(key.as_bytes(), string_to_sign.as_bytes()).into_bytes();
    credential.prove(claim.signature.as_bytes(), expected).ok_or_else(|| mismatch(claim, canonical, &string_to_sign))
}

fn string_to_sign(claim: &Claim<'_>, canonical: &[u8]) -> String {
    let hash = const_hex::encode(digest::digest(&digest::SHA256, canonical));
    format!("{ALGORITHM}\n{}\n{}\n{hash}", claim.time.as_str(), claim.scope.text)
}

/// As S3 does, with what the client needs to find its mistake; never with the signature that would have been right.
fn mismatch(claim: &Claim<'_>, canonical: &[u8], string_to_sign: &str) -> S3Error {
    let canonical_text: Cow<'_, str> = String::from_utf8_lossy(canonical);
    S3Error::new(S3Code::SignatureDoesNotMatch)
        .field("AWSAccessKeyId", claim.scope.access_key)
        .field("StringToSign", string_to_sign)
        .field("SignatureProvided", claim.signature)
        .field("StringToSignBytes", hex_bytes(string_to_sign.as_bytes()))
        .field("CanonicalRequest", canonical_text)
        .field("CanonicalRequestBytes", hex_bytes(canonical))
}

fn hex_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        let separator = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{separator}{byte:02x}");
    }
    text
}

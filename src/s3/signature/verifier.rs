//! The one verifier. It is called once for every request, before any handler; a request that it does not pass gets no
//! further. What it cannot parse it refuses.

use super::{
    authorization_header,
    canonical_request::{CanonicalParts, canonical_request},
    chunk_signer::ChunkSigner,
    claim::{ALGORITHM, Claim, ClaimPlace},
    form_claim::{FormClaim, FormKey},
    incoming_request::IncomingRequest,
    mechanism::{Mechanism, Mechanisms, mechanism, two_mechanisms},
    payload::{Payload, PayloadKind},
    presigned_query,
    request_time::{RequestTime, SKEW_MAX},
    version_2::{self, ClaimV2},
};
use crate::{
    identity::{Authenticator, Credential, Principal, SigningKey},
    s3::{
        error::{S3Code, S3Error},
        form::Policy,
        operation::Scope,
    },
    types::Timestamp,
};
use aws_lc_rs::digest;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::{HeaderMap, HeaderValue, Method};
use std::{
    borrow::Cow,
    fmt::Write as _,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

const CONTENT_SHA256: &str = "x-amz-content-sha256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// A request whose maker is known, or known to be anybody.
#[derive(Debug)]
pub struct Authenticated {
    pub principal: Principal,
    /// What the body has to be.
    pub payload: Payload,
}

/// What clients sign for that were told no region.
const FIRST_REGION: &str = "us-east-1";

#[derive(Clone, Debug)]
pub struct Verifier {
    authenticator: Authenticator,
    /// The only region that requests may be signed for; any when absent.
    region: Option<String>,
    mechanisms: Mechanisms,
}

impl Verifier {
    pub fn new(authenticator: Authenticator, region: Option<String>, mechanisms: Mechanisms) -> Self {
        Self { authenticator, region, mechanisms }
    }

    pub async fn verify(&self, request: &IncomingRequest<'_>, now: Timestamp) -> Result<Authenticated, S3Error> {
        match mechanism(request, self.mechanisms)? {
            Mechanism::V4(claim) => self.verify_v4(request, &claim, now).await,
            Mechanism::V2(claim) => self.verify_v2(request, &claim, now).await,
            Mechanism::Form(claim) => self.verify_form(request, &claim, now).await,
            Mechanism::Preflight => Ok(anonymous(Payload::Unsigned)),
            Mechanism::Unsigned => unsigned_payload(request).map(anonymous),
            Mechanism::UnsignedForm => {
                check_no_header_is_unsigned(request.headers, |_| false)?;
                Ok(anonymous(Payload::File(0..=u64::MAX)))
            }
        }
    }

    async fn verify_v4(
        &self,
        request: &IncomingRequest<'_>,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, S3Error> {
        self.check_region(request, claim)?;
        check_time(claim, now)?;
        let (kind, payload_text) = payload_of(request, claim)?;
        check_no_header_is_unsigned(request.headers, |name| claim.signs(name))?;
        let credential = self.credential(claim.scope.access_key).await?;
        let derive = |secret: &str| derive(secret, &claim.time, claim.scope.region);
        let key = credential.signing_key(claim.scope.date, claim.scope.region, derive);
        let canonical = canonical_request(&CanonicalParts {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            signed_headers: &claim.signed_headers,
            payload: payload_text,
        });
        check_all_signed_headers_are_there(request.headers, claim, &canonical)?;
        let principal = prove(&credential, &key, claim, &canonical)?;
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

    /// The region plays no part: this version does not sign one.
    async fn verify_v2(
        &self,
        request: &IncomingRequest<'_>,
        claim: &ClaimV2<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, S3Error> {
        claim.check_time(now)?;
        let payload_header = request.headers.get(CONTENT_SHA256).map(header_text);
        let payload = payload_of_v2(payload_header.or(request.query.get_ignoring_case(CONTENT_SHA256)))?;
        let credential = self.credential(claim.access_key).await?;
        let mut string_to_sign = Vec::new();
        for path in version_2::signed_paths(request) {
            string_to_sign = claim.string_to_sign(request, &path)?;
            let expected = |secret: &str| version_2::sign(secret, &string_to_sign);
            if let Some(principal) = credential.prove(claim.signature.as_bytes(), expected) {
                return Ok(Authenticated { principal, payload });
            }
        }
        let string_to_sign = String::from_utf8_lossy(&string_to_sign);
        Err(signature_mismatch(claim.access_key, claim.signature, &string_to_sign))
    }

    /// A form counts for what its policy allows and for as long; its date only says which day's key signed it.
    async fn verify_form(
        &self,
        request: &IncomingRequest<'_>,
        claim: &FormClaim<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, S3Error> {
        check_no_header_is_unsigned(request.headers, |_| false)?;
        let credential = self.credential(claim.access_key()).await?;
        let by_v4 = match &claim.key {
            FormKey::V4 { scope, time } => {
                self.check_form_region(scope.region)?;
                let derive = |secret: &str| derive(secret, time, scope.region);
                let key = credential.signing_key(scope.date, scope.region, derive);
                Some(calculate_signature(key.as_bytes(), claim.policy.as_bytes()).into_bytes())
            }
            FormKey::V2 { .. } => None,
        };
        let expected = |secret: &str| by_v4.unwrap_or_else(|| version_2::sign(secret, claim.policy.as_bytes()));
        let principal = credential
            .prove(claim.signature.as_bytes(), expected)
            .ok_or_else(|| signature_mismatch(claim.access_key(), claim.signature, claim.policy))?;
        let lengths = Policy::parse(claim.policy)?.check(claim.fields, now)?;
        Ok(Authenticated { principal, payload: Payload::File(lengths) })
    }

    fn check_form_region(&self, signed: &str) -> Result<(), S3Error> {
        match &self.region {
            Some(region) if region != signed => {
                let reason = format!("the region '{signed}' is wrong; expecting '{region}'");
                Err(S3Error::invalid_argument("x-amz-credential", signed, reason).field("Region", region))
            }
            _ => Ok(()),
        }
    }

    async fn credential(&self, access_key: &str) -> Result<Arc<Credential>, S3Error> {
        let credential = self.authenticator.credential(access_key).await?;
        credential.ok_or_else(|| S3Error::new(S3Code::InvalidAccessKeyId).field("AWSAccessKeyId", access_key))
    }

    /// A client that does not know the region asks where the bucket is, and signs that for S3's first one.
    fn check_region(&self, request: &IncomingRequest<'_>, claim: &Claim<'_>) -> Result<(), S3Error> {
        let asks_for_region =
            *request.method == Method::GET && request.scope == Scope::Bucket && request.query.contains("location");
        if asks_for_region && claim.scope.region == FIRST_REGION {
            return Ok(());
        }
        match (&self.region, &claim.place) {
            (Some(region), place) if region != claim.scope.region => Err(match place {
                ClaimPlace::AuthorizationHeader => authorization_header::wrong_region(claim.scope.region, region),
                ClaimPlace::Query { .. } => presigned_query::wrong_region(claim.scope.region, region),
            }),
            _ => Ok(()),
        }
    }
}

fn anonymous(payload: Payload) -> Authenticated {
    Authenticated { principal: Principal::anonymous(), payload }
}

/// Chunks can't be signed where nothing is.
fn unsigned_payload(request: &IncomingRequest<'_>) -> Result<Payload, S3Error> {
    match request.headers.get(CONTENT_SHA256).map(header_text).map(payload_kind).transpose()? {
        None | Some(PayloadKind::Unsigned) => Ok(Payload::Unsigned),
        Some(PayloadKind::Hash(hash)) => Ok(Payload::Hash(hash)),
        Some(PayloadKind::UnsignedChunksWithTrailer) => Ok(Payload::UnsignedChunksWithTrailer),
        Some(PayloadKind::SignedChunks | PayloadKind::SignedChunksWithTrailer) => Err(S3Code::AccessDenied.into()),
    }
}

fn check_time(claim: &Claim<'_>, now: Timestamp) -> Result<(), S3Error> {
    match claim.place {
        ClaimPlace::AuthorizationHeader => claim.time.check_fresh(now),
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
    let header = request.headers.get(CONTENT_SHA256).map(header_text);
    let text = match (header, request.query.get_ignoring_case(CONTENT_SHA256), &claim.place) {
        (Some(_), Some(_), _) | (None, Some(_), ClaimPlace::AuthorizationHeader) => return Err(two_mechanisms()),
        (Some(text), None, _) | (None, Some(text), ClaimPlace::Query { .. }) => text,
        (None, None, ClaimPlace::Query { .. }) => UNSIGNED_PAYLOAD,
        (None, None, ClaimPlace::AuthorizationHeader) => {
            return Err(S3Error::invalid_request("Missing required header for this request: x-amz-content-sha256"));
        }
    };
    let kind = payload_kind(text)?;
    match claim.place {
        ClaimPlace::Query { .. } if kind.is_chunked() => Err(chunked()),
        ClaimPlace::Query { .. } | ClaimPlace::AuthorizationHeader => Ok((kind, text)),
    }
}

/// Of a request of Version 2, where the form of the payload is an `x-amz-*` header like others.
fn payload_of_v2(text: Option<&str>) -> Result<Payload, S3Error> {
    match text.map(payload_kind).transpose()? {
        None | Some(PayloadKind::Unsigned) => Ok(Payload::Unsigned),
        Some(PayloadKind::Hash(hash)) => Ok(Payload::Hash(hash)),
        Some(
            PayloadKind::SignedChunks | PayloadKind::SignedChunksWithTrailer | PayloadKind::UnsignedChunksWithTrailer,
        ) => Err(chunked()),
    }
}

fn payload_kind(text: &str) -> Result<PayloadKind, S3Error> {
    PayloadKind::parse(text).ok_or_else(|| {
        S3Error::invalid_argument(
            CONTENT_SHA256,
            text,
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
             STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
        )
    })
}

fn chunked() -> S3Error {
    S3Error::invalid_request("A request that is presigned, or signed in Version 2, can't carry an aws-chunked body.")
}

fn header_text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// What is not signed could have been added on the way.
fn check_no_header_is_unsigned(headers: &HeaderMap, is_signed: impl Fn(&str) -> bool) -> Result<(), S3Error> {
    let unsigned: Vec<&str> = headers
        .keys()
        .map(|name| name.as_str())
        .filter(|name| name.starts_with("x-amz-") && !is_signed(name))
        .collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    Err(S3Error::with_message(S3Code::AccessDenied, "There were headers present in the request which were not signed")
        .field("HeadersNotSigned", unsigned.join(", ")))
}

/// A header that is named as signed and does not come was taken away on the way. Its absence is no empty value.
fn check_all_signed_headers_are_there(headers: &HeaderMap, claim: &Claim<'_>, canonical: &[u8]) -> Result<(), S3Error> {
    if claim.signed_headers.iter().all(|name| headers.contains_key(*name)) {
        return Ok(());
    }
    Err(mismatch(claim, canonical, &string_to_sign(claim, canonical)))
}

fn derive(secret: &str, time: &RequestTime, region: &str) -> SigningKey {
    let seconds = u64::try_from(time.unix_seconds()).unwrap_or(0);
    let key = generate_signing_key(secret, UNIX_EPOCH + Duration::from_secs(seconds), region, "s3");
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

fn mismatch(claim: &Claim<'_>, canonical: &[u8], string_to_sign: &str) -> S3Error {
    let canonical_text: Cow<'_, str> = String::from_utf8_lossy(canonical);
    signature_mismatch(claim.scope.access_key, claim.signature, string_to_sign)
        .field("CanonicalRequest", canonical_text)
        .field("CanonicalRequestBytes", hex_bytes(canonical))
}

/// As S3 does, with what the client needs to find its mistake; never with the signature that would have been right.
fn signature_mismatch(access_key: &str, signature: &str, string_to_sign: &str) -> S3Error {
    S3Error::new(S3Code::SignatureDoesNotMatch)
        .field("AWSAccessKeyId", access_key)
        .field("StringToSign", string_to_sign)
        .field("SignatureProvided", signature)
        .field("StringToSignBytes", hex_bytes(string_to_sign.as_bytes()))
}

fn hex_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        let separator = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{separator}{byte:02x}");
    }
    text
}

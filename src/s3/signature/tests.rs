//! The verifier against AWS's own signer: whatever `aws-sigv4` signs passes, and nothing that was changed afterwards.

use super::{verifier::Authenticated, *};
use crate::{
    identity::{AccessKeys, RootKey, testing::MemoryKeyStore},
    runtime::{ManualClock, SeededRandom},
    s3::{
        error::{S3Code, S3Error},
        operation::Scope,
        percent::{self, Slash},
        query::Query,
    },
    types::Timestamp,
};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use secrecy::SecretString;
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

pub const NOW_SECONDS: u64 = 1_750_000_000;
pub const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub fn now() -> Timestamp {
    Timestamp::from_unix_millis(NOW_SECONDS as i64 * 1000)
}

pub fn verifier(region: Option<&str>) -> Verifier {
    verifier_of(ACCESS_KEY, SECRET, region, SignatureV2::Accepted)
}

pub fn verifier_of(access_key: &str, secret: &str, region: Option<&str>, version_2: SignatureV2) -> Verifier {
    verifier_with(access_key, secret, region, Mechanisms { version_2, anonymous: AnonymousAccess::Accepted })
}

pub fn verifier_with(access_key: &str, secret: &str, region: Option<&str>, mechanisms: Mechanisms) -> Verifier {
    let root = RootKey { access_key: access_key.into(), secret: SecretString::from(secret) };
    let keys = AccessKeys::new(
        root,
        b"cluster",
        Arc::new(MemoryKeyStore::default()),
        Arc::new(ManualClock::new(now())),
        Arc::new(SeededRandom::new(1)),
    );
    Verifier::new(keys.unwrap().authenticator().clone(), region.map(str::to_owned), mechanisms)
}

/// A request as it lies on the wire, decoded.
#[derive(Clone, Debug)]
struct Wire {
    method: Method,
    path: String,
    query: Query,
    headers: HeaderMap,
}

impl Wire {
    fn verify_with(&self, verifier: &Verifier, at: Timestamp) -> Result<Authenticated, S3Error> {
        let request = IncomingRequest {
            method: &self.method,
            // What else there is matters only to who asks for a bucket's location.
            scope: Scope::Object,
            path: &self.path,
            raw_path: &percent::encode(&self.path, Slash::Kept),
            host_bucket: None,
            query: &self.query,
            headers: &self.headers,
            form: None,
        };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(verifier.verify(&request, at))
    }

    fn verify(&self) -> Result<Authenticated, S3Error> {
        self.verify_with(&verifier(None), now())
    }

    fn refusal(&self) -> S3Code {
        self.verify().unwrap_err().code()
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }

    /// The same request with another value of a query parameter.
    fn with_parameter(&self, name: &str, value: &str) -> Self {
        let pairs: Vec<String> = self
            .query
            .iter()
            .map(|(known, old)| {
                let value = if known == name { value } else { old };
                format!("{known}={}", percent::encode(value, Slash::Encoded))
            })
            .collect();
        Self { query: Query::parse(&pairs.join("&")).unwrap(), ..self.clone() }
    }

    fn authorization(&self) -> String {
        self.headers["authorization"].to_str().unwrap().to_owned()
    }
}

/// What is to be signed.
#[derive(Clone, Debug)]
struct Draft {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Draft {
    fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.into(), query: Vec::new(), headers: Vec::new() }
    }

    fn url(&self) -> String {
        let path = percent::encode(&self.path, Slash::Kept);
        let query: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| {
                format!("{}={}", percent::encode(name, Slash::Encoded), percent::encode(value, Slash::Encoded))
            })
            .collect();
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    /// Signed by AWS's own signer, with its settings for S3.
    fn sign(&self, location: SignatureLocation, expires: Option<Duration>) -> Wire {
        let identity = Credentials::new(ACCESS_KEY, SECRET, None, None, "test").into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.signature_location = location;
        settings.expires_in = expires;
        if location == SignatureLocation::Headers {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("s3")
            .time(UNIX_EPOCH + Duration::from_secs(NOW_SECONDS))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let url = self.url();
        let mut headers: Vec<(&str, &str)> = vec![("host", "localhost:9000")];
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let uri = format!("http://localhost:9000{url}");
        let request =
            SignableRequest::new(self.method.as_str(), &uri, headers.iter().copied(), SignableBody::UnsignedPayload);
        let (instructions, _) = sign(request.unwrap(), &params).unwrap().into_parts();
        let mut signed = http::Request::builder().method(self.method.clone()).uri(&uri).body(()).unwrap();
        instructions.apply_to_request_http1x(&mut signed);
        let mut map = signed.headers().clone();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let query = Query::parse(signed.uri().query().unwrap_or_default()).unwrap();
        Wire { method: self.method.clone(), path: self.path.clone(), query, headers: map }
    }

    fn with_header(&self) -> Wire {
        self.sign(SignatureLocation::Headers, None)
    }

    fn presigned(&self, expires: Duration) -> Wire {
        self.sign(SignatureLocation::QueryParams, Some(expires))
    }
}

fn drafts() -> impl Strategy<Value = Draft> {
    let method = prop_oneof![Just(Method::GET), Just(Method::PUT), Just(Method::DELETE), Just(Method::POST)];
    let path = prop_oneof!["/[a-z.+/ %~=&ü]{0,40}", "/[ -~]{0,60}", Just("/b//../..//k".to_owned())];
    let query = proptest::collection::vec(("[a-zA-Z][a-zA-Z0-9-]{0,12}", "[ -~äß€]{0,20}"), 0..6);
    let headers = proptest::collection::btree_map("x-amz-meta-[a-z0-9]{1,10}", "[!-~]([ -~]{0,20}[!-~])?", 0..5);
    (method, path, query, headers).prop_map(|(method, path, query, headers)| Draft {
        method,
        path,
        query,
        headers: headers.into_iter().collect(),
    })
}

proptest! {
    #[test]
    fn what_the_signer_of_aws_signs_in_a_header_passes(draft in drafts()) {
        let authenticated = draft.with_header().verify();
        prop_assert!(authenticated.is_ok(), "{:?}", authenticated);
    }

    #[test]
    fn what_the_signer_of_aws_presigns_passes(draft in drafts(), seconds in 1_u64..=604_800) {
        let authenticated = draft.presigned(Duration::from_secs(seconds)).verify();
        prop_assert!(authenticated.is_ok(), "{:?}", authenticated);
    }

    #[test]
    fn a_changed_request_does_not_pass(draft in drafts(), change in 0_usize..4) {
        let mut wire = draft.with_header();
        match change {
            0 => wire.path.push('x'),
            1 => wire.query = Query::parse("added=1&prefix=2").unwrap(),
            2 => wire.set("host", "elsewhere"),
            _ => wire.method = Method::HEAD,
        }
        prop_assert_eq!(wire.refusal(), S3Code::SignatureDoesNotMatch);
    }
}

#[test]
fn a_mismatch_shows_the_canonical_request_and_not_the_right_signature() {
    let good = Draft::get("/bucket/key").with_header();
    let right = good.authorization().rsplit_once('=').unwrap().1.to_owned();
    let mut wire = good.clone();
    wire.set("authorization", &good.authorization().replace(&right, &"0".repeat(64)));
    let error = wire.verify().unwrap_err();
    assert_eq!(error.code(), S3Code::SignatureDoesNotMatch);
    let names: Vec<_> = error.fields().iter().map(|(name, _)| *name).collect();
    assert!(names.contains(&"CanonicalRequest") && names.contains(&"StringToSign"), "{names:?}");
    assert!(error.fields().iter().all(|(_, value)| !value.contains(&right)));
    assert!(!format!("{error:?}").contains(&right));
}

#[test]
fn a_header_of_amazon_that_is_not_signed_is_refused() {
    let mut wire = Draft::get("/b/k").with_header();
    wire.set("x-amz-copy-source", "/b/other");
    assert_eq!(wire.refusal(), S3Code::AccessDenied);
    let mut presigned = Draft::get("/b/k").presigned(Duration::from_secs(60));
    presigned.set("x-amz-acl", "public-read");
    assert_eq!(presigned.refusal(), S3Code::AccessDenied);
}

#[test]
fn no_signature_and_an_empty_one_are_denied() {
    let mut wire = Draft::get("/b/k").with_header();
    wire.headers.remove("authorization");
    assert_eq!(wire.refusal(), S3Code::AccessDenied);
    wire.set("authorization", "");
    assert_eq!(wire.refusal(), S3Code::AccessDenied);
}

#[test]
fn a_signature_of_another_form_is_a_wrong_one() {
    let header = Draft::get("/b/k").with_header();
    let right = header.authorization().rsplit_once('=').unwrap().1.to_owned();
    for other in ["0", &right[..63], &format!("{right}0"), &right.to_uppercase(), "ü"] {
        let mut wire = header.clone();
        wire.set("authorization", &header.authorization().replace(&right, other));
        // Beyond ASCII no header of this kind is read at all.
        let expected =
            if other.is_ascii() { S3Code::SignatureDoesNotMatch } else { S3Code::AuthorizationHeaderMalformed };
        assert_eq!(wire.refusal(), expected, "{other}");
        let presigned = Draft::get("/b/k").presigned(Duration::from_secs(60)).with_parameter("X-Amz-Signature", other);
        assert_eq!(presigned.refusal(), S3Code::SignatureDoesNotMatch, "{other}");
    }
}

#[test]
fn header_and_query_together_are_refused() {
    let mut wire = Draft::get("/b/k").with_header();
    wire.query = Draft::get("/b/k").presigned(Duration::from_secs(60)).query;
    assert_eq!(wire.refusal(), S3Code::InvalidArgument);
    let mut half = Draft::get("/b/k").with_header();
    half.query = Query::parse("X-Amz-Expires=1").unwrap();
    assert_eq!(half.refusal(), S3Code::InvalidArgument);
    let mut payload_twice = Draft::get("/b/k").with_header();
    payload_twice.query = Query::parse("X-Amz-Content-Sha256=UNSIGNED-PAYLOAD").unwrap();
    assert_eq!(payload_twice.refusal(), S3Code::InvalidArgument);
}

#[test]
fn an_unknown_key_and_a_session_token_are_refused() {
    let mut wire = Draft::get("/b/k").with_header();
    wire.set("authorization", &wire.authorization().replace(ACCESS_KEY, "AKNOBODY"));
    assert_eq!(wire.refusal(), S3Code::InvalidAccessKeyId);
    let mut token = Draft::get("/b/k").with_header();
    token.set("x-amz-security-token", "token");
    assert_eq!(token.refusal(), S3Code::InvalidToken);
}

#[test]
fn the_clock_may_differ_by_fifteen_minutes() {
    let wire = Draft::get("/b/k").with_header();
    for (offset_seconds, passes) in [(-900, true), (900, true), (-901, false), (901, false)] {
        let at = Timestamp::from_unix_millis(now().unix_millis() + offset_seconds * 1000);
        let verified = wire.verify_with(&verifier(None), at);
        match passes {
            true => assert!(verified.is_ok(), "{offset_seconds}"),
            false => assert_eq!(verified.unwrap_err().code(), S3Code::RequestTimeTooSkewed, "{offset_seconds}"),
        }
    }
}

#[test]
fn a_presigned_url_lives_as_long_as_it_says() {
    let wire = Draft::get("/b/k").presigned(Duration::from_secs(60));
    for (offset_seconds, passes) in [(-900, true), (-901, false), (59, true), (60, false)] {
        let at = Timestamp::from_unix_millis(now().unix_millis() + offset_seconds * 1000);
        let verified = wire.verify_with(&verifier(None), at);
        match passes {
            true => assert!(verified.is_ok(), "{offset_seconds}"),
            false => assert_eq!(verified.unwrap_err().code(), S3Code::AccessDenied, "{offset_seconds}"),
        }
    }
    let never = Draft::get("/b/k").presigned(Duration::from_secs(60)).with_parameter("X-Amz-Expires", "-5");
    let over = never.verify().unwrap_err();
    assert_eq!((over.code(), over.message()), (S3Code::AccessDenied, "Request has expired"));
    let longer = wire.with_parameter("X-Amz-Expires", "604800");
    assert_eq!(longer.refusal(), S3Code::SignatureDoesNotMatch);
}

#[test]
fn a_fixed_region_refuses_others() {
    let header = Draft::get("/b/k").with_header();
    let presigned = Draft::get("/b/k").presigned(Duration::from_secs(60));
    let (same, other) = (verifier(Some("eu-west-1")), verifier(Some("us-east-1")));
    assert!(header.verify_with(&same, now()).is_ok() && presigned.verify_with(&same, now()).is_ok());
    let code = |wire: &Wire| wire.verify_with(&other, now()).unwrap_err().code();
    assert_eq!(code(&header), S3Code::AuthorizationHeaderMalformed);
    assert_eq!(code(&presigned), S3Code::AuthorizationQueryParametersError);
}

#[test]
fn an_unknown_or_missing_payload_form_is_refused() {
    let mut wire = Draft::get("/b/k").with_header();
    wire.set("x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD");
    assert_eq!(wire.refusal(), S3Code::InvalidArgument);
    wire.headers.remove("x-amz-content-sha256");
    assert_eq!(wire.refusal(), S3Code::InvalidRequest);
    let streaming = Draft {
        headers: vec![("x-amz-content-sha256".into(), "STREAMING-UNSIGNED-PAYLOAD-TRAILER".into())],
        ..Draft::get("/b/k")
    };
    assert_eq!(streaming.presigned(Duration::from_secs(60)).refusal(), S3Code::InvalidRequest);
}

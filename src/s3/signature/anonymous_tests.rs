//! Requests that nobody signed. Whatever has something of a signature and is not proved is refused, and never taken for one of
//! these: each way in which servers have fallen back to anybody stands here by its name.

use super::{
    tests::{ACCESS_KEY, SECRET, now, verifier_with},
    verifier::Authenticated,
    *,
};
use crate::s3::{
    error::{S3Code, S3Error},
    form::FormFields,
    operation::Scope,
    query::Query,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

#[derive(Default)]
struct Request<'a> {
    query: &'a str,
    headers: &'a [(&'a str, &'a str)],
    fields: Option<&'a [(&'a str, &'a str)]>,
}

impl Request<'_> {
    fn verify_where(&self, anonymous: AnonymousAccess) -> Result<Authenticated, S3Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in [("host", "localhost:9000")].iter().chain(self.headers) {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let form = self.fields.map(|pairs| {
            let mut fields = FormFields::default();
            pairs.iter().for_each(|(name, value)| fields.add(name, value.as_bytes().to_vec()).unwrap());
            fields
        });
        let method = if form.is_some() { Method::POST } else { Method::PUT };
        let request = IncomingRequest {
            method: &method,
            scope: Scope::Object,
            path: "/bucket/key",
            raw_path: "/bucket/key",
            host_bucket: None,
            query: &Query::parse(self.query).unwrap(),
            headers: &headers,
            form: form.as_ref(),
        };
        let mechanisms = Mechanisms { version_2: SignatureV2::Accepted, anonymous };
        let verifier = verifier_with(ACCESS_KEY, SECRET, None, mechanisms);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(verifier.verify(&request, now()))
    }

    fn verify(&self) -> Result<Authenticated, S3Error> {
        self.verify_where(AnonymousAccess::Accepted)
    }
}

fn code(result: &Result<Authenticated, S3Error>) -> Option<S3Code> {
    result.as_ref().err().map(S3Error::code)
}

#[test]
fn a_request_without_any_credentials_is_anybodys() {
    for query in ["", "list-type=2&prefix=a", "versionId=null", "Expiry=1&signatures=2"] {
        let authenticated = Request { query, ..Default::default() }.verify().unwrap();
        assert!(authenticated.principal.is_judged_by_lists(), "{query}");
        assert!(matches!(authenticated.payload, Payload::Unsigned));
    }
    let form = Request { fields: Some(&[("key", "k"), ("acl", "public-read")]), ..Default::default() };
    let authenticated = form.verify().unwrap();
    assert!(authenticated.principal.is_judged_by_lists());
    assert!(matches!(authenticated.payload, Payload::File(lengths) if lengths == (0..=u64::MAX)));
}

#[test]
fn nobody_is_let_in_unnamed_where_the_operator_does_not_want_it() {
    for fields in [None, Some(&[("key", "k")][..])] {
        let request = Request { fields, ..Default::default() };
        assert_eq!(code(&request.verify_where(AnonymousAccess::Refused)), Some(S3Code::AccessDenied));
    }
}

#[test]
fn half_credentials_are_never_taken_for_none() {
    const KEY: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250615/eu-west-1/s3/aws4_request";
    const UNKNOWN_V2: (&str, &str) = ("authorization", "AWS AKIDUNKNOWN:c2lnbmF0dXJl");
    type Hole = (&'static str, &'static [(&'static str, &'static str)], &'static str);
    let holes: &[Hole] = &[
        ("an empty Authorization header", &[("authorization", "")], ""),
        ("an Authorization header of spaces", &[("authorization", "  ")], ""),
        ("an unknown scheme", &[("authorization", "Basic bGFyZGVyOnNlY3JldA==")], ""),
        ("a bearer token", &[("authorization", "Bearer token")], ""),
        ("a scheme without fields", &[("authorization", "AWS4-HMAC-SHA256")], ""),
        ("a credential without a signature", &[("authorization", KEY)], ""),
        ("Version 2 without a signature", &[("authorization", "AWS AKIDEXAMPLE")], ""),
        ("Version 2 with an empty signature", &[("authorization", "AWS AKIDEXAMPLE:")], ""),
        ("an unknown access key", &[UNKNOWN_V2, ("x-amz-date", "Sun, 15 Jun 2025 15:06:40 GMT")], ""),
        ("a scheme in another case", &[("authorization", "aws4-hmac-sha256 Credential=a")], ""),
        ("the Authorization header was taken away, and its date left", &[("x-amz-date", "20250615T150640Z")], ""),
        ("a session token without a signature", &[("x-amz-security-token", "token")], ""),
        ("a session token in the query", &[], "X-Amz-Security-Token=token"),
        ("signed chunks without a signature", &[("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")], ""),
        (
            "signed chunks and trailers without a signature",
            &[("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")],
            "",
        ),
        ("an unknown form of the payload", &[("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD")], ""),
        ("a signature of Version 2 alone", &[], "Signature=s"),
        ("an access key of Version 2 alone", &[], "AWSAccessKeyId=AKIDEXAMPLE"),
        ("an end of Version 2 alone", &[], "Expires=9999999999"),
        ("a parameter of Version 4 in small letters", &[], "x-amz-signature=s"),
        ("a parameter of Version 2 in small letters", &[], "awsaccesskeyid=a"),
        ("a hash of the payload in the query", &[], "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"),
        ("credentials in both places", &[("authorization", KEY)], "X-Amz-Signature=s"),
    ];
    for (name, headers, query) in holes {
        let verified = Request { headers, query, fields: None }.verify();
        assert!(verified.is_err(), "{name}");
    }
}

#[test]
fn half_a_signed_form_is_never_taken_for_none() {
    for field in [
        ("policy", "e30="),
        ("policy", ""),
        ("AWSAccessKeyId", "AKIDEXAMPLE"),
        ("signature", ""),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", ""),
        ("x-amz-date", "20250615T150640Z"),
        ("x-amz-signature", "s"),
        ("x-amz-security-token", "t"),
    ] {
        let fields = [("key", "k"), field];
        assert!(Request { fields: Some(&fields), ..Default::default() }.verify().is_err(), "{field:?}");
    }
    for header in [("authorization", ""), ("authorization", "AWS a:b"), ("x-amz-date", "d"), ("x-amz-acl", "private")] {
        let request = Request { headers: &[header], fields: Some(&[("key", "k")]), query: "" };
        assert!(request.verify().is_err(), "{header:?}: no field says it");
    }
}

#[test]
fn what_is_said_of_the_payload_is_checked_all_the_same() {
    let hash = "0a".repeat(32);
    let payload = |text: &str| {
        let request = Request { headers: &[("x-amz-content-sha256", text)], ..Default::default() };
        request.verify().unwrap().payload
    };
    assert!(matches!(payload(&hash), Payload::Hash(expected) if expected == [0x0a; 32]));
    assert!(matches!(payload("UNSIGNED-PAYLOAD"), Payload::Unsigned));
    assert!(matches!(payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), Payload::UnsignedChunksWithTrailer));
}

/// All that a presigned URL has.
const PRESIGNED: [(&str, &str); 6] = [
    ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
    ("X-Amz-Credential", "AKIDEXAMPLE/20250615/eu-west-1/s3/aws4_request"),
    ("X-Amz-Date", "20250615T150640Z"),
    ("X-Amz-Expires", "60"),
    ("X-Amz-SignedHeaders", "host"),
    ("X-Amz-Signature", "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"),
];

proptest! {
    /// Any part of it, in any case.
    #[test]
    fn no_part_of_a_presigned_url_is_anybodys(kept in 1_u8..1 << 6, in_small_letters: bool) {
        let name = |name: &str| if in_small_letters { name.to_ascii_lowercase() } else { name.to_owned() };
        let parts = PRESIGNED.iter().enumerate().filter(|(at, _)| kept >> at & 1 == 1);
        let query: Vec<_> = parts.map(|(_, (known, value))| format!("{}={value}", name(known))).collect();
        let request = Request { query: &query.join("&"), ..Default::default() };
        prop_assert_eq!(request.verify().ok().map(|verified| verified.principal), None);
    }

    #[test]
    fn no_authorization_header_is_as_good_as_none(text in "[ -~]{0,60}|AWS(4-HMAC-SHA256)? [ -~]{0,60}") {
        let request = Request { headers: &[("authorization", &text)], ..Default::default() };
        prop_assert_eq!(request.verify().ok().map(|verified| verified.principal), None);
    }
}

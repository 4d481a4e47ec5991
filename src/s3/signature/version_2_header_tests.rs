//! Version 2 in the Authorization header: what boto3 signs passes, and nothing that was changed afterwards.

use super::{
    tests::{ACCESS_KEY, NOW_SECONDS, SECRET, now, verifier_of},
    verifier::Authenticated,
    *,
};
use crate::{
    s3::{
        error::{S3Code, S3Error},
        operation::Scope,
        percent::{self, PlusSign},
        query::Query,
    },
    types::Timestamp,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

const DATE: &str = "Sun, 15 Jun 2025 15:06:40 GMT";

#[derive(Clone, Debug)]
struct Wire {
    method: Method,
    raw_path: String,
    query: String,
    headers: HeaderMap,
}

impl Wire {
    fn new(method: Method, url: &str, headers: &[(&str, &str)]) -> Self {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let wire = Self { method, raw_path: path.into(), query: query.into(), headers: HeaderMap::new() };
        headers.iter().fold(wire, |wire, (name, value)| wire.with(name, value))
    }

    /// The same request with another value of the header.
    fn with(&self, name: &str, value: &str) -> Self {
        let mut wire = self.clone();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        wire.headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        wire
    }

    /// Signed by hand: `lines` is what stands between the method and the resource.
    fn signed(&self, lines: &str, resource: &str) -> Self {
        let signature = version_2::sign(SECRET, format!("{}\n{lines}\n{resource}", self.method).as_bytes());
        self.with("authorization", &format!("AWS {ACCESS_KEY}:{}", String::from_utf8(signature).unwrap()))
    }

    fn verify_with(&self, switch: SignatureV2, at: Timestamp) -> Result<Authenticated, S3Error> {
        let query = Query::parse(&self.query).unwrap();
        let request = IncomingRequest {
            method: &self.method,
            scope: Scope::Object,
            path: &percent::decode(&self.raw_path, PlusSign::IsPlus).unwrap(),
            raw_path: &self.raw_path,
            host_bucket: None,
            query: &query,
            headers: &self.headers,
            form: None,
        };
        let verifier = verifier_of(ACCESS_KEY, SECRET, None, switch);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(verifier.verify(&request, at))
    }

    fn verify(&self) -> Result<Authenticated, S3Error> {
        self.verify_with(SignatureV2::Accepted, now())
    }

    fn refusal(&self) -> S3Code {
        self.verify().unwrap_err().code()
    }
}

fn plain() -> Wire {
    Wire::new(Method::GET, "/bucket/key", &[("date", DATE)]).signed(&format!("\n\n{DATE}"), "/bucket/key")
}

/// Method, target, headers beside those that all have, signature.
type Recorded<'a> = (Method, &'a str, &'a [(&'a str, &'a str)], &'a str);

/// Made by boto3 1.44 with `signature_version="s3"` and a clock that stood at `NOW_SECONDS`.
fn of_boto3() -> Vec<Wire> {
    let key = "/bucket/a%20b/%C3%BC%2B%2541/%E6%97%A5%E6%9C%AC";
    let disposition =
        "/bucket/key?versionId=null&response-content-disposition=attachment%3B%20filename%3D%22x%20%2B%20y.txt%22";
    let part = "/bucket/key?uploadId=up%2Bload%2Fid&partNumber=3";
    let list = "/bucket?list-type=2&prefix=a%2F&encoding-type=url";
    let mode = ("x-amz-checksum-mode", "ENABLED");
    let crc32 = ("x-amz-sdk-checksum-algorithm", "CRC32");
    let put = [
        ("content-type", "text/plain"),
        ("x-amz-acl", "private"),
        ("x-amz-checksum-crc32", "NhCmhg=="),
        ("x-amz-meta-a", "1"),
        ("x-amz-meta-b", "  two  words "),
        crc32,
    ];
    let recorded: [Recorded<'_>; 8] = [
        (Method::GET, key, &[mode], "eaYwAuhrFX/GMhz4e8k42dDkhSg="),
        (Method::GET, disposition, &[mode], "8RpIwh7f/pl2FPTmBJ2G0qgTJ2g="),
        (Method::PUT, "/bucket/key", &put, "rFDC6LjsBoJqOrbqa6ro6u+GwS4="),
        (Method::PUT, part, &[("x-amz-checksum-crc32", "jNwWgw=="), crc32], "lxuaqosRiuQJwBC0RDysq1pkNkw="),
        (Method::GET, list, &[], "6CG0WMuPwn45NjiFRQUV0BlrMKk="),
        (Method::GET, "/", &[], "kvWdydYoMLG6fSaFtZwvbsrUikI="),
        (Method::GET, "/bucket/key?tagging", &[], "Ka/nt1ObXkmXs643e/0rCREU3s0="),
        (
            Method::POST,
            "/bucket?delete",
            &[("x-amz-checksum-crc32", "tCs18Q=="), crc32],
            "FB6Jfrd41J8z3RENuAN2ZlKE3eI=",
        ),
    ];
    let wires = recorded.into_iter().map(|(method, url, headers, signature)| {
        let authorization = format!("AWS {ACCESS_KEY}:{signature}");
        Wire::new(method, url, headers).with("date", DATE).with("authorization", &authorization)
    });
    wires.collect()
}

#[test]
fn what_boto3_signs_passes() {
    for wire in of_boto3() {
        let authenticated = wire.verify().unwrap_or_else(|error| panic!("{wire:?}: {error} {:?}", error.fields()));
        assert_eq!(authenticated.principal.access_key(), ACCESS_KEY);
        assert!(matches!(authenticated.payload, Payload::Unsigned));
    }
}

/// From outside: signed as one value, sent as two parameters, it gave the object's tags; and the other way round a version
/// that was signed was none.
#[test]
fn a_value_that_looks_like_another_parameter_is_refused() {
    let as_one =
        "/bucket/key?versionId=null&response-content-disposition=attachment%3B%20filename%3D%22x%20%26%20y.txt%22";
    let mode = ("x-amz-checksum-mode", "ENABLED");
    let authorization = format!("AWS {ACCESS_KEY}:rXRc69pVkXJJLgSSJ+pVaQ7yOXE=");
    let whole = Wire::new(Method::GET, as_one, &[mode]).with("date", DATE).with("authorization", &authorization);
    assert_eq!(whole.refusal(), S3Code::InvalidArgument, "boto3's own signature");
    for (signed, sent) in [
        ("/bucket/key?response-content-type=a&tagging", "/bucket/key?response-content-type=a%26tagging"),
        (
            "/bucket/key?response-content-type=a&versionId=null",
            "/bucket/key?response-content-type=a%26versionId%3Dnull",
        ),
    ] {
        let wire = Wire::new(Method::GET, sent, &[("date", DATE)]).signed(&format!("\n\n{DATE}"), signed);
        assert_eq!(wire.refusal(), S3Code::InvalidArgument, "{sent}");
    }
}

#[test]
fn nothing_that_boto3_signed_may_change() {
    for wire in of_boto3() {
        for name in wire.headers.keys().filter(|name| *name != "authorization" && *name != "date") {
            let mut without = wire.clone();
            without.headers.remove(name);
            assert_eq!(without.refusal(), S3Code::SignatureDoesNotMatch, "{wire:?} without {name}");
            let changed = wire.with(name.as_str(), "changed");
            assert_eq!(changed.refusal(), S3Code::SignatureDoesNotMatch, "{wire:?} with another {name}");
        }
        assert_eq!(wire.with("date", "Sun, 15 Jun 2025 15:06:41 GMT").refusal(), S3Code::SignatureDoesNotMatch);
        assert_eq!(wire.with("x-amz-meta-more", "1").refusal(), S3Code::SignatureDoesNotMatch);
        assert_eq!(wire.with("content-md5", "1").refusal(), S3Code::SignatureDoesNotMatch);
        let elsewhere = Wire { raw_path: format!("{}x", wire.raw_path), ..wire.clone() };
        assert_eq!(elsewhere.refusal(), S3Code::SignatureDoesNotMatch);
        let otherwise = Wire { method: Method::DELETE, ..wire.clone() };
        assert_eq!(otherwise.refusal(), S3Code::SignatureDoesNotMatch);
        let more = Wire { query: format!("{}&acl", wire.query), ..wire.clone() };
        assert_eq!(more.refusal(), S3Code::SignatureDoesNotMatch);
    }
}

#[test]
fn x_amz_date_outranks_date_and_is_signed_among_its_kind() {
    for text in [DATE, "20250615T150640Z"] {
        let wire =
            Wire::new(Method::GET, "/bucket/key", &[("x-amz-date", text), ("date", "Mon, 01 Jan 1990 00:00:00 GMT")]);
        let signed = wire.signed(&format!("\n\n\nx-amz-date:{text}"), "/bucket/key");
        assert!(signed.verify().is_ok(), "{text}");
    }
    let wrong = plain().with("x-amz-date", DATE);
    assert_eq!(wrong.refusal(), S3Code::SignatureDoesNotMatch);
}

#[test]
fn it_counts_for_fifteen_minutes_and_needs_a_date() {
    let at = |offset: i64| Timestamp::from_unix_millis((NOW_SECONDS as i64 + offset) * 1000);
    for (offset, passes) in [(0, true), (900, true), (-900, true), (901, false), (-901, false)] {
        let verified = plain().verify_with(SignatureV2::Accepted, at(offset));
        match passes {
            true => assert!(verified.is_ok(), "{offset}"),
            false => assert_eq!(verified.unwrap_err().code(), S3Code::RequestTimeTooSkewed, "{offset}"),
        }
    }
    let mut dateless = plain();
    dateless.headers.remove("date");
    for wire in [dateless.clone(), dateless.with("date", "yesterday"), plain().with("x-amz-date", "")] {
        assert_eq!(wire.refusal(), S3Code::AccessDenied, "{wire:?}");
    }
}

#[test]
fn turned_off_none_of_it_counts() {
    for wire in of_boto3() {
        let error = wire.verify_with(SignatureV2::Refused, now()).unwrap_err();
        assert_eq!(error.code(), S3Code::InvalidRequest);
        assert!(error.message().ends_with("Please use AWS4-HMAC-SHA256."), "{}", error.message());
    }
    for presigned in ["AWSAccessKeyId=a&Expires=9999999999&Signature=s", "Signature=s", "AWSAccessKeyId=a"] {
        let wire = Wire::new(Method::GET, &format!("/bucket/key?{presigned}"), &[]);
        assert_eq!(wire.verify_with(SignatureV2::Refused, now()).unwrap_err().code(), S3Code::InvalidRequest);
    }
}

#[test]
fn what_is_malformed_unknown_or_mixed_is_refused() {
    for (text, code) in [
        ("AWS HAHAHA", S3Code::InvalidArgument),
        ("AWS :signature", S3Code::InvalidArgument),
        ("AWS AKIDEXAMPLE:", S3Code::InvalidArgument),
        ("AWS ", S3Code::InvalidArgument),
        ("AWS AKNOBODY:c2lnbmF0dXJl", S3Code::InvalidAccessKeyId),
        ("AWS AKIDEXAMPLE:c2lnbmF0dXJl", S3Code::SignatureDoesNotMatch),
        ("aws AKIDEXAMPLE:c2lnbmF0dXJl", S3Code::InvalidArgument),
    ] {
        assert_eq!(plain().with("authorization", text).refusal(), code, "{text}");
    }
    for query in [
        "AWSAccessKeyId=AKIDEXAMPLE&Expires=9999999999&Signature=s",
        "Signature=s",
        "X-Amz-Signature=s",
        "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD",
        "x-amz-content-sha256=UNSIGNED-PAYLOAD",
    ] {
        let wire = Wire { query: query.into(), ..plain() };
        assert_eq!(wire.refusal(), S3Code::InvalidArgument, "{query}");
    }
    assert_eq!(plain().with("x-amz-security-token", "t").refusal(), S3Code::InvalidToken);
}

#[test]
fn a_signed_hash_of_the_body_counts_and_chunks_do_not() {
    let with = |value: &str| {
        let wire = Wire::new(Method::PUT, "/bucket/key", &[("date", DATE), ("x-amz-content-sha256", value)]);
        wire.signed(&format!("\n\n{DATE}\nx-amz-content-sha256:{value}"), "/bucket/key").verify()
    };
    assert!(matches!(with(&"0a".repeat(32)).unwrap().payload, Payload::Hash(value) if value == [0x0a; 32]));
    assert!(matches!(with("UNSIGNED-PAYLOAD").unwrap().payload, Payload::Unsigned));
    for chunked in ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"] {
        assert_eq!(with(chunked).unwrap_err().code(), S3Code::InvalidRequest, "{chunked}");
    }
}

proptest! {
    #[test]
    fn no_header_passes_or_makes_the_parser_panic(text in "AWS (AKIDEXAMPLE)?[ -~]{0,40}", date in "[ -~]{0,32}") {
        let wire = plain().with("authorization", &text).with("date", &date);
        prop_assert!(wire.verify().is_err());
    }
}

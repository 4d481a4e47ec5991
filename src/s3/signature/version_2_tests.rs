//! Presigned URLs of Version 2: those that boto3 and Amazon's page made pass, and nothing that was changed afterwards.

use super::{
    tests::{ACCESS_KEY, NOW_SECONDS, SECRET, now, verifier},
    verifier::Authenticated,
    *,
};
use crate::{
    s3::{
        error::{S3Code, S3Error},
        operation::Scope,
        percent::{self, PlusSign, Slash},
        query::Query,
        route,
    },
    types::Timestamp,
};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

/// When the URLs below end.
const EXPIRES: i64 = NOW_SECONDS as i64 + 3600;

#[derive(Clone, Debug)]
struct Wire {
    method: Method,
    raw_path: String,
    host_bucket: Option<&'static str>,
    query: String,
    headers: HeaderMap,
}

impl Wire {
    /// `url`: path and query.
    fn new(method: Method, url: &str) -> Self {
        let (path, query) = url.split_once('?').unwrap();
        Self { method, raw_path: path.into(), host_bucket: None, query: query.into(), headers: HeaderMap::new() }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    fn and(&self, more: &str) -> Self {
        Self { query: format!("{}&{more}", self.query), ..self.clone() }
    }

    fn replaced(&self, old: &str, new: &str) -> Self {
        assert!(self.query.contains(old), "{old}");
        Self { query: self.query.replace(old, new), ..self.clone() }
    }

    fn verify_with(&self, verifier: &Verifier, at: Timestamp) -> Result<Authenticated, S3Error> {
        let query = Query::parse(&self.query).unwrap();
        let request = IncomingRequest {
            method: &self.method,
            scope: Scope::Object,
            path: &percent::decode(&self.raw_path, PlusSign::IsPlus).unwrap(),
            raw_path: &self.raw_path,
            host_bucket: self.host_bucket,
            query: &query,
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
}

fn signed(string_to_sign: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    percent::encode(&BASE64.encode(hmac::sign(&key, string_to_sign.as_bytes())), Slash::Encoded)
}

/// The parameters of the signature over `middle` (the lines of the headers) and `resource`.
fn authorisation(method: &str, md5: &str, content_type: &str, rest: &str) -> String {
    let signature = signed(&format!("{method}\n{md5}\n{content_type}\n{EXPIRES}\n{rest}"));
    format!("AWSAccessKeyId={ACCESS_KEY}&Signature={signature}&Expires={EXPIRES}")
}

fn plain() -> Wire {
    Wire::new(Method::GET, &format!("/bucket/key?{}", authorisation("GET", "", "", "/bucket/key")))
}

/// Made by boto3 1.44 with the default settings, `us-east-1`, and a clock that stood at `NOW_SECONDS`.
#[test]
fn what_boto3_presigns_passes() {
    let end = "&Expires=1750003600";
    let who = "AWSAccessKeyId=AKIDEXAMPLE&Signature=";
    let metadata = "&content-type=text%2Fplain&x-amz-meta-b=%20%20two%20%20words%20&x-amz-meta-a=1&x-amz-acl=private";
    let disposition = "response-content-disposition=attachment%3B%20filename%3D%22x%20%2B%20y.txt%22";
    for (method, url) in [
        (
            Method::GET,
            format!("/bucket/a%20b/%C3%BC%2B%2541/%E6%97%A5%E6%9C%AC?{who}BlEeIoiS0ZvupOE0xF3wNL2SZZE%3D{end}"),
        ),
        (
            Method::GET,
            format!(
                "/bucket/key?versionId=null&{disposition}&response-content-type=text%2Fplain&{who}\
                 xmE6iMy41a%2BmMpmruVsL9L5SrEI%3D{end}"
            ),
        ),
        (Method::PUT, format!("/bucket/key?{who}%2BJFIO1D4kJle3L%2FP38GYs%2FchQJI%3D{end}")),
        (Method::PUT, format!("/bucket/key?{who}EyhTPZKKr6QBCyY6s0cKCayb9hI%3D{metadata}{end}")),
        (
            Method::PUT,
            format!("/bucket/key?partNumber=3&uploadId=up%2Bload%2Fid&{who}syn8GuQig7xCTaquOXlDPWh89As%3D{end}"),
        ),
        (
            Method::GET,
            format!("/bucket?list-type=2&prefix=a%2F&encoding-type=url&{who}21qvjeR6Dr3ym8xowr%2BnzP79Exw%3D{end}"),
        ),
        (Method::GET, format!("/bucket/key?tagging&{who}jVxnoc4cXsU3yKjwXbCsJ%2BK2TZ0%3D{end}")),
        (Method::DELETE, format!("/bucket///x/../y?{who}E3Skff3e9XjSMcl%2BFDs1mfI7KNY%3D{end}")),
    ] {
        let mut wire = Wire::new(method, &url);
        if url.contains("content-type=text") && url.contains("x-amz-acl") {
            // The client that uses the URL has to send it, as at AWS.
            assert_eq!(wire.refusal(), S3Code::SignatureDoesNotMatch);
            wire = wire.header("content-type", "text/plain");
        }
        let authenticated = wire.verify().unwrap_or_else(|error| panic!("{url}: {error} {:?}", error.fields()));
        assert_eq!(authenticated.principal.access_key(), ACCESS_KEY);
        assert!(matches!(authenticated.payload, Payload::Unsigned));
    }
}

/// The example of Amazon's page.
#[test]
fn the_published_example_comes_out() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let signature = version_2::sign(secret, b"GET\n\n\n1175139620\n/johnsmith/photos/puppy.jpg");
    assert_eq!(signature, b"NpgCjnDzrM+WFzoENXmpNDUsSn8=");
}

#[test]
fn the_bucket_of_the_host_stands_before_the_path() {
    let query = authorisation("GET", "", "", "/johnsmith/photos/puppy.jpg");
    let mut wire = Wire::new(Method::GET, &format!("/photos/puppy.jpg?{query}"));
    assert_eq!(wire.refusal(), S3Code::SignatureDoesNotMatch);
    wire.host_bucket = Some("johnsmith");
    assert!(wire.verify().is_ok());
}

/// boto3 signs `/bucket/` and sends `/bucket`, the page signs what is sent; both name the bucket. A key is none of this.
#[test]
fn a_bucket_may_be_signed_with_a_slash_behind_it() {
    for (sent, signed, passes) in [
        ("/bucket", "/bucket", true),
        ("/bucket", "/bucket/", true),
        ("/bucket/", "/bucket/", true),
        ("/bucket/", "/bucket", false),
        ("/bucket/key", "/bucket/key/", false),
        ("/bucket%2Fkey", "/bucket%2Fkey/", false),
        ("/", "//", false),
    ] {
        let wire = Wire::new(Method::GET, &format!("{sent}?{}", authorisation("GET", "", "", signed)));
        assert_eq!(wire.verify().is_ok(), passes, "{sent} signed as {signed}");
    }
}

#[test]
fn a_mismatch_shows_the_string_to_sign_and_not_the_right_signature() {
    let wire = Wire { method: Method::PUT, ..plain() };
    let error = wire.verify().unwrap_err();
    assert_eq!(error.code(), S3Code::SignatureDoesNotMatch);
    let field = |wanted| error.fields().iter().find(|(name, _)| *name == wanted).unwrap().1.as_str();
    assert_eq!(field("StringToSign"), format!("PUT\n\n\n{EXPIRES}\n/bucket/key"));
    assert_eq!(field("AWSAccessKeyId"), ACCESS_KEY);
    let right = signed(&format!("PUT\n\n\n{EXPIRES}\n/bucket/key"));
    assert!(error.fields().iter().all(|(_, value)| percent::encode(value, Slash::Encoded) != right));
}

#[test]
fn it_lives_until_it_says() {
    for (at, passes) in [(0, true), (EXPIRES - 1, true), (EXPIRES, false), (EXPIRES + 1, false)] {
        let verified = plain().verify_with(&verifier(None), Timestamp::from_unix_millis(at * 1000));
        match passes {
            true => assert!(verified.is_ok(), "{at}"),
            false => {
                let error = verified.unwrap_err();
                assert_eq!((error.code(), error.message()), (S3Code::AccessDenied, "Request has expired"), "{at}");
                assert_eq!(error.fields()[0], ("Expires", "2025-06-15T16:06:40.000Z".to_owned()));
                assert_eq!(error.fields()[1].0, "ServerTime");
            }
        }
    }
    let year_9999 = "253402300799";
    let signature = signed(&format!("GET\n\n\n{year_9999}\n/bucket/key"));
    let query = format!("AWSAccessKeyId={ACCESS_KEY}&Signature={signature}&Expires={year_9999}");
    assert!(Wire::new(Method::GET, &format!("/bucket/key?{query}")).verify().is_ok());
    let longer = plain().replaced(&EXPIRES.to_string(), &(EXPIRES + 1).to_string());
    assert_eq!(longer.refusal(), S3Code::SignatureDoesNotMatch);
}

#[test]
fn what_is_missing_double_or_no_time_is_denied() {
    let whole = plain();
    let expires = format!("Expires={EXPIRES}");
    for wire in [
        Wire::new(Method::GET, "/bucket/key?AWSAccessKeyId=AKIDEXAMPLE"),
        Wire::new(Method::GET, "/bucket/key?Signature=x"),
        whole.replaced("Signature=", "signature="),
        whole.replaced("Expires=", "expires="),
        whole.replaced("AWSAccessKeyId=", "AWSAccessKeyID="),
        whole.and("Signature=x"),
        whole.and(&expires),
        whole.and(&format!("AWSAccessKeyId={ACCESS_KEY}")),
        whole.replaced(&expires, "Expires="),
        whole.replaced(&expires, "Expires=-1"),
        whole.replaced(&expires, "Expires=%2B1"),
        whole.replaced(&expires, "Expires=1e12"),
        whole.replaced(&expires, "Expires=99999999999999999999"),
        whole.replaced(&expires, "Expires=20250615T170640Z"),
    ] {
        assert_eq!(wire.refusal(), S3Code::AccessDenied, "{}", wire.query);
    }
}

#[test]
fn an_unknown_key_a_token_and_a_second_mechanism_are_refused() {
    assert_eq!(plain().replaced(ACCESS_KEY, "AKNOBODY").refusal(), S3Code::InvalidAccessKeyId);
    assert_eq!(plain().replaced(ACCESS_KEY, "").refusal(), S3Code::InvalidAccessKeyId);
    assert_eq!(plain().and("x-amz-security-token=t").refusal(), S3Code::InvalidToken);
    assert_eq!(plain().header("x-amz-security-token", "t").refusal(), S3Code::InvalidToken);
    for of_version_4 in [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Credential=x",
        "X-Amz-Date=20250615T170640Z",
        "X-Amz-Expires=60",
        "X-Amz-SignedHeaders=host",
        "X-Amz-Signature=0",
        "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD",
    ] {
        assert_eq!(plain().and(of_version_4).refusal(), S3Code::InvalidArgument, "{of_version_4}");
    }
    for header in ["AWS4-HMAC-SHA256 Credential=x", "AWS AKIDEXAMPLE:c2ln", "Bearer x"] {
        assert_eq!(plain().header("authorization", header).refusal(), S3Code::InvalidArgument, "{header}");
    }
}

/// Fixing the region is for requests that name one.
#[test]
fn a_fixed_region_refuses_nothing_that_names_none() {
    assert!(plain().verify_with(&verifier(Some("eu-west-1")), now()).is_ok());
}

#[test]
fn no_amz_header_is_unsigned_wherever_it_stands() {
    for name in
        ["x-amz-acl", "X-Amz-Acl", "X-AMZ-copy-source", "x-amz-meta-a", "x-amz-checksum-crc32", "x-amz-unheard-of"]
    {
        assert_eq!(plain().header(name, "v").refusal(), S3Code::SignatureDoesNotMatch, "{name}");
        assert_eq!(plain().and(&format!("{name}=v")).refusal(), S3Code::SignatureDoesNotMatch, "{name}");
    }
    let query = authorisation("PUT", "", "", "x-amz-meta-a:1,2\nx-amz-meta-b:3\n/bucket/key");
    let wire = Wire::new(Method::PUT, &format!("/bucket/key?x-amz-meta-b=3&{query}"));
    let whole = wire.clone().header("x-amz-meta-a", " 1").header("x-amz-meta-a", "2 ");
    assert!(whole.verify().is_ok());
    assert_eq!(whole.header("x-amz-meta-b", "3").refusal(), S3Code::InvalidArgument);
    assert_eq!(wire.and("x-amz-meta-b=3").refusal(), S3Code::InvalidArgument);
}

/// Lines of headers must not be taken for others: a line break or a colon would let one parameter stand for two headers.
#[test]
fn a_parameter_can_not_hold_two_header_lines() {
    let query = authorisation("PUT", "", "", "x-amz-checksum-a:1\nx-amz-meta-b:2\n/bucket/key");
    let honest = Wire::new(Method::PUT, &format!("/bucket/key?x-amz-checksum-a=1&x-amz-meta-b=2&{query}"));
    assert!(honest.verify().is_ok());
    for joined in ["x-amz-checksum-a=1%0Ax-amz-meta-b:2", "x-amz-checksum-a:1%0Ax-amz-meta-b=2"] {
        let wire = Wire::new(Method::PUT, &format!("/bucket/key?{joined}&{query}"));
        assert_eq!(wire.refusal(), S3Code::InvalidArgument, "{joined}");
    }
}

#[test]
fn no_parameter_that_makes_another_operation_is_unsigned() {
    for name in ["acl", "tagging", "uploads", "uploadId", "legal-hold", "publicAccessBlock", "attributes", "encryption"]
    {
        assert!(route::is_sub_resource(name));
        assert_eq!(plain().and(name).refusal(), S3Code::SignatureDoesNotMatch, "{name}");
    }
    for name in ["versionId", "partNumber", "response-content-type", "response-expires"] {
        assert_eq!(plain().and(&format!("{name}=1")).refusal(), S3Code::SignatureDoesNotMatch, "{name}");
    }
    assert!(plain().and("x-id=GetObject&prefix=a").verify().is_ok());
}

#[test]
fn the_payload_is_unsigned_unless_a_signed_header_says_its_hash() {
    let with = |value: &str| {
        let query = authorisation("PUT", "", "", &format!("x-amz-content-sha256:{value}\n/bucket/key"));
        Wire::new(Method::PUT, &format!("/bucket/key?{query}"))
    };
    let hash = "0a".repeat(32);
    let in_header = with(&hash).header("x-amz-content-sha256", &hash).verify().unwrap();
    assert!(matches!(in_header.payload, Payload::Hash(value) if value == [0x0a; 32]));
    let in_query = with(&hash).and(&format!("x-amz-content-sha256={hash}")).verify().unwrap();
    assert!(matches!(in_query.payload, Payload::Hash(value) if value == [0x0a; 32]));
    for form in ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"] {
        let wire = with(form).header("x-amz-content-sha256", form);
        assert_eq!(wire.refusal(), S3Code::InvalidRequest, "{form}");
    }
    let unknown = with("MD5").header("x-amz-content-sha256", "MD5");
    assert_eq!(unknown.refusal(), S3Code::InvalidArgument);
}

proptest! {
    #[test]
    fn what_is_signed_by_the_page_passes_and_what_was_changed_does_not(
        key in "[a-z.+/ %~=&ü]{1,30}",
        headers in proptest::collection::btree_map("x-amz-meta-[a-z0-9]{1,8}", "[!-~]([ -~]{0,20}[!-~])?", 0..4),
        signed_parameters in proptest::collection::btree_map(
            prop_oneof![Just("acl"), Just("partNumber"), Just("response-expires"), Just("uploadId"), Just("versionId")],
            "[ -%'-~äß€]{0,20}",
            0..4,
        ),
        unsigned in "[ -~äß€]{0,20}",
        change in 0_usize..5,
    ) {
        let path = format!("/bucket/{}", percent::encode(&key, Slash::Kept));
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let pair = |(name, value): (&&str, &String)| {
            if value.is_empty() { (*name).to_owned() } else { format!("{name}={value}") }
        };
        let resource: Vec<String> = signed_parameters.iter().map(pair).collect();
        let mark = if resource.is_empty() { "" } else { "?" };
        let rest = format!("{lines}{path}{mark}{}", resource.join("&"));
        let mut query = authorisation("PUT", "md5", "text/plain", &rest);
        for (name, value) in signed_parameters.iter().rev() {
            query = format!("{query}&{name}={}", percent::encode(value, Slash::Encoded));
        }
        query = format!("{query}&prefix={}", percent::encode(&unsigned, Slash::Encoded));
        let mut wire = Wire::new(Method::PUT, &format!("{path}?{query}"))
            .header("content-md5", "md5")
            .header("content-type", "text/plain");
        for (name, value) in &headers {
            wire = wire.header(name, value);
        }
        let verified = wire.verify();
        prop_assert!(verified.is_ok(), "{:?}", verified);
        match change {
            0 => wire.raw_path.push('x'),
            1 => wire.method = Method::GET,
            2 => wire = wire.header("x-amz-meta-added", "x"),
            3 => wire = wire.and("tagging"),
            _ => { wire.headers.insert("content-type", HeaderValue::from_static("text/html")); }
        }
        prop_assert_eq!(wire.refusal(), S3Code::SignatureDoesNotMatch);
    }
}

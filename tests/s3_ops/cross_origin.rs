//! What answers to requests from other origins say: by the rules of the bucket, on successes, refusals and streams alike.

use crate::fixture::{Fixture, pattern};
use crate::put_bucket_cors::{allow, rule};
use crate::raw::{RawResponse, exchange};

const ALLOWED: &str = "http://app.example";

fn said(answer: &RawResponse) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn every_answer_names_the_origin_that_a_rule_names() {
    let fixture = Fixture::new().await;
    allow(&fixture, [rule(&[ALLOWED], &["GET", "PUT", "DELETE"])]).await;
    let bytes = pattern(3 << 20, 7);
    for (method, target, body, status) in [
        ("PUT", "/key", &bytes[..], 200),
        ("GET", "/key", b"", 200),
        ("GET", "/key?acl", b"", 200),
        ("GET", "/none", b"", 404),
        ("GET", "?list-type=2", b"", 200),
        ("PUT", "/key?encryption", b"<X/>", 501),
        ("DELETE", "/key", b"", 204),
        ("DELETE", "?cors", b"", 204),
    ] {
        let answer = fixture.raw(method, target).header("origin", ALLOWED).body(body).send().await;
        assert_eq!((answer.status, said(&answer)), (status, Some(ALLOWED)), "{method} {target}");
        assert_eq!(answer.header("access-control-expose-headers"), Some("ETag"));
        assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")), "{method} {target}");
        if method == "GET" && target == "/key" {
            assert_eq!(answer.body, bytes);
        }
    }
    let after = fixture.raw("GET", "?list-type=2").header("origin", ALLOWED).send().await;
    assert_eq!((after.status, said(&after)), (200, None), "the rules are gone");
}

#[tokio::test]
async fn what_no_rule_names_is_not_repeated() {
    let fixture = Fixture::new().await;
    let without = Fixture::new().await;
    allow(&fixture, [rule(&[ALLOWED], &["GET"])]).await;
    for (fixture, method, origin) in [
        (&fixture, "GET", "http://evil.example"),
        (&fixture, "GET", "null"),
        (&fixture, "PUT", ALLOWED),
        (&without, "GET", ALLOWED),
    ] {
        let answer = fixture.raw(method, "/key").header("origin", origin).send().await;
        let names = answer.headers.keys().filter(|name| name.starts_with("access-control"));
        assert_eq!(names.count(), 0, "{method} {origin}: {:?}", answer.headers);
    }
    let plain = fixture.raw("GET", "/key").send().await;
    assert_eq!((said(&plain), plain.header("vary")), (None, None), "no page asked");
}

/// A page must be able to read why it was refused.
#[tokio::test]
async fn a_request_that_nobody_signed_is_refused_with_the_headers() {
    let fixture = Fixture::new().await;
    allow(&fixture, [rule(&["*"], &["GET"])]).await;
    let (authority, bucket) = (fixture.authority(), &fixture.bucket);
    let head =
        format!("GET /{bucket}/key HTTP/1.1\r\nhost: {authority}\r\norigin: {ALLOWED}\r\nconnection: close\r\n\r\n");
    let answer = exchange(&authority, head.as_bytes(), b"").await;
    assert_eq!((answer.status, answer.code().as_str(), said(&answer)), (403, "AccessDenied", Some("*")));
}

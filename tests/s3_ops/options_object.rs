//! OPTIONS object: a browser's preflight, without any signature.

use crate::fixture::{Fixture, new_bucket_name};
use crate::put_bucket_cors::{allow, rule};
use crate::raw::{RawResponse, exchange};

/// Asks as a browser does.
async fn preflight(fixture: &Fixture, target: &str, headers: &[(&str, &str)]) -> RawResponse {
    let authority = fixture.authority();
    let mut head = format!("OPTIONS {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    exchange(&authority, format!("{head}\r\n").as_bytes(), b"").await
}

const ORIGIN: &str = "origin";
const METHOD: &str = "access-control-request-method";
const HEADERS: &str = "access-control-request-headers";

#[tokio::test]
async fn what_a_rule_names_is_allowed_on_buckets_and_objects() {
    let fixture = Fixture::new().await;
    allow(&fixture, [rule(&["http://app.example"], &["PUT", "GET"]), rule(&["*"], &["HEAD"])]).await;
    let bucket = format!("/{}", fixture.bucket);
    for target in [bucket.clone(), format!("{bucket}/a/key?versionId=x&X-Amz-Signature=y&x-amz-acl=z")] {
        let asked = [(ORIGIN, "http://app.example"), (METHOD, "PUT"), (HEADERS, "Content-Type,X-Amz-Date")];
        let answer = preflight(&fixture, &target, &asked).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{}", answer.text());
        for (name, value) in [
            ("access-control-allow-origin", "http://app.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "PUT, GET"),
            ("access-control-allow-headers", "content-type, x-amz-date"),
            ("access-control-expose-headers", "ETag"),
            ("access-control-max-age", "30"),
            ("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{target} {name}");
        }
    }
    let anybody = preflight(&fixture, &bucket, &[(ORIGIN, "http://z"), (METHOD, "HEAD")]).await;
    assert_eq!(anybody.header("access-control-allow-origin"), Some("*"));
    assert_eq!(anybody.header("access-control-allow-credentials"), None, "no page of anybody's gets the user's");
}

/// Nothing tells a stranger whether there is such a bucket.
#[tokio::test]
async fn what_no_rule_names_is_forbidden_and_nothing_is_said_of_it() {
    let fixture = Fixture::new().await;
    let other = Fixture::new().await;
    allow(&fixture, [rule(&["http://app.example"], &["PUT"])]).await;
    let (bucket, without) = (format!("/{}", fixture.bucket), format!("/{}", other.bucket));
    let asked = [(ORIGIN, "http://app.example"), (METHOD, "PUT")];
    for (target, headers, words) in [
        (bucket.as_str(), [(ORIGIN, "http://app.example"), (METHOD, "GET")], "This CORS request is not allowed"),
        (&bucket, [(ORIGIN, "http://app.example.org"), (METHOD, "PUT")], "This CORS request is not allowed"),
        (&without, asked, "CORS is not enabled for this bucket"),
        (&format!("/{}", new_bucket_name()), asked, "CORS is not enabled for this bucket"),
        ("/", asked, "CORS is not enabled for this bucket"),
    ] {
        let answer = preflight(&fixture, target, &headers).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "AccessForbidden"), "{target}");
        assert!(answer.text().contains(words), "{}", answer.text());
        assert!(
            answer.header("vary").is_some_and(|vary| vary.contains("Origin")),
            "{target}: caches keep one for each"
        );
        let said = answer.headers.keys().filter(|name| name.starts_with("access-control"));
        assert_eq!(said.count(), 0, "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn a_question_without_origin_or_method_is_a_bad_request() {
    let fixture = Fixture::new().await;
    allow(&fixture, [rule(&["*"], &["GET"])]).await;
    let bucket = format!("/{}", fixture.bucket);
    for headers in [
        &[][..],
        &[(ORIGIN, "http://a")],
        &[(METHOD, "GET")],
        &[(ORIGIN, "http://a"), (METHOD, "BREW")],
        &[(ORIGIN, "http://a"), (METHOD, "GET"), (HEADERS, "a b")],
    ] {
        let answer = preflight(&fixture, &bucket, headers).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"), "{headers:?}");
        let names_origin = headers.iter().any(|(name, _)| *name == ORIGIN);
        assert_eq!(answer.header("vary").is_some(), names_origin, "{headers:?}");
    }
    let twice = preflight(&fixture, &bucket, &[(ORIGIN, "http://a"), (METHOD, "GET"), (METHOD, "PUT")]).await;
    assert_eq!(twice.status, 400);
}

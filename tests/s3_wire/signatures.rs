//! Who is let in, and what keys may be called.

use crate::{
    raw_request::{RawRequest, exchange},
    support::{Options, Server},
};
use aws_sdk_s3::types::BucketCannedAcl;

#[tokio::test]
async fn nobody_gets_in_without_a_signature_and_every_answer_has_an_id() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    for request in [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /wire/k HTTP/1.1\r\nHost: x\r\nAuthorization:\r\n\r\n",
        "PUT /wire/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na",
        "DELETE /wire HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = exchange(&server, request.as_bytes());
        assert_eq!((answer.status, answer.code()), (403, "AccessDenied"), "{request}");
        assert!(answer.head.contains("x-amz-request-id: "), "{}", answer.head);
        assert!(answer.body.contains("<RequestId>"), "{}", answer.body);
    }
}

#[tokio::test]
async fn nobody_unnamed_gets_in_where_the_operator_does_not_want_it() {
    for (setting, status) in [("true", 200), ("false", 403)] {
        let server = Server::start_with(Options::default().with("LARDER_ANONYMOUS_ACCESS", setting)).await;
        let create = server.client().create_bucket().bucket("wire").acl(BucketCannedAcl::PublicRead);
        create.send().await.unwrap();
        let answer = exchange(&server, b"GET /wire HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(answer.status, status, "{setting}: {}", answer.body);
        let kept = server.client().get_bucket_acl().bucket("wire").send().await.unwrap();
        assert_eq!(kept.grants().len(), 2, "the list is kept all the same");
    }
}

#[tokio::test]
async fn what_was_added_or_changed_after_signing_is_refused() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let added = RawRequest::new("PUT", "/wire/k").body(b"a").line("x-amz-meta-added: 1\r\n").send(&server);
    assert_eq!((added.status, added.code()), (403, "AccessDenied"));
    let (head, _) = RawRequest::new("GET", "/wire/k").signed_head(&server);
    let changed = exchange(&server, head.replace("GET /wire/k ", "GET /wire/l ").as_bytes());
    assert_eq!((changed.status, changed.code()), (403, "SignatureDoesNotMatch"));
    assert!(changed.body.contains("<CanonicalRequest>GET\n/wire/l\n"), "{}", changed.body);
    let twice = RawRequest::new("GET", "/wire/k").line("Host: elsewhere\r\n").send(&server);
    assert_eq!((twice.status, twice.code()), (400, "InvalidRequest"));
}

/// Its absence was signed as if it were an empty value.
#[tokio::test]
async fn a_header_that_was_signed_and_does_not_come_is_refused() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let (head, _) = RawRequest::new("PUT", "/wire/k").header("x-amz-meta-a", "").body(b"").signed_head(&server);
    let without = head.replace("x-amz-meta-a: \r\n", "");
    assert_ne!(without, head);
    let refused = exchange(&server, without.as_bytes());
    assert_eq!((refused.status, refused.code()), (403, "SignatureDoesNotMatch"));
    assert_eq!(exchange(&server, head.as_bytes()).status, 200);
}

#[tokio::test]
async fn a_preflight_needs_an_origin_and_finds_no_rule() {
    let server = Server::start().await;
    let without = exchange(&server, b"OPTIONS /wire/k HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(without.status, 400);
    let with = "OPTIONS /wire/k HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\nAccess-Control-Request-Method: GET\r\n\r\n";
    let answer = exchange(&server, with.as_bytes());
    assert_eq!(answer.status, 403);
    assert!(!answer.head.contains("access-control-allow"), "{}", answer.head);
}

#[tokio::test]
async fn every_key_is_only_a_key() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    for (path, key) in [
        ("..", ".."),
        ("../../etc/passwd", "../../etc/passwd"),
        ("//a//", "//a//"),
        ("%252F", "%2F"),
        ("a%2Bb%20c", "a+b c"),
        ("%C3%BC", "ü"),
    ] {
        let put = RawRequest::new("PUT", &format!("/wire/{path}")).body(key.as_bytes()).send(&server);
        assert_eq!(put.status, 200, "{path}: {}", put.body);
        let got = server.client().get_object().bucket("wire").key(key).send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap().into_bytes(), key.as_bytes(), "{path}");
    }
    for path in ["%zz", "%ff", "%"] {
        let refused = RawRequest::new("GET", &format!("/wire/{path}")).send(&server);
        assert_eq!((refused.status, refused.code()), (400, "InvalidURI"), "{path}");
    }
}

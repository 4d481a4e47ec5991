//! Presigned URLs of Signature Version 2 from outside, signed by hand; the version is refused in a header.

use crate::{
    raw_request::{Answer, exchange},
    support::{Options, Server},
};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use time::OffsetDateTime;

/// The query that signs `resource` for a minute from now, or until `expires`.
fn signed_query(server: &Server, method: &str, headers: &str, resource: &str, expires: i64) -> String {
    let to_sign = format!("{method}\n\n\n{expires}\n{headers}{resource}");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, server.secret_key().as_bytes());
    let signature = BASE64.encode(hmac::sign(&key, to_sign.as_bytes()));
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("AWSAccessKeyId={}&Expires={expires}&Signature={signature}", server.access_key())
}

fn soon() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp() + 60
}

fn send(server: &Server, method: &str, url: &str, host: &str, lines: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!("{method} {url} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{lines}\r\n{body}");
    exchange(server, request.as_bytes())
}

#[tokio::test]
async fn an_object_is_written_and_read_and_nothing_else() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let path = "/wire/a%20b/%C3%BC+%2525";
    let lines = "x-amz-meta-colour: blue\r\n";
    let query = signed_query(&server, "PUT", "x-amz-meta-colour:blue\n", path, soon());
    let put = |method, lines| send(&server, method, &format!("{path}?{query}"), "x", lines, "hello");
    assert_eq!(put("PUT", "").code(), "SignatureDoesNotMatch");
    assert_eq!(put("PUT", "x-amz-meta-colour: red\r\n").code(), "SignatureDoesNotMatch");
    assert_eq!(put("DELETE", lines).code(), "SignatureDoesNotMatch");
    let written = put("PUT", lines);
    assert_eq!(written.status, 200, "{}", written.body);
    let stored = server.client().get_object().bucket("wire").key("a b/ü+%25").send().await.unwrap();
    assert_eq!(stored.metadata().unwrap()["colour"], "blue");

    let kind = "response-content-type=text/x-test";
    let query = signed_query(&server, "GET", "", &format!("{path}?{kind}"), soon());
    let got = send(&server, "GET", &format!("{path}?{kind}&{query}"), "x", "", "");
    assert_eq!((got.status, got.body.as_str()), (200, "hello"));
    assert!(got.head.contains("content-type: text/x-test"), "{}", got.head);
    let tags = send(&server, "GET", &format!("{path}?tagging&{kind}&{query}"), "x", "", "");
    assert_eq!((tags.status, tags.code()), (403, "SignatureDoesNotMatch"));
    assert!(tags.body.contains("<StringToSign>GET\n\n\n"), "{}", tags.body);
}

/// As SDKs do it that put into the query what they signed as headers.
#[tokio::test]
async fn signed_headers_may_stand_in_the_query() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let query = signed_query(&server, "PUT", "x-amz-acl:private\nx-amz-meta-a:1\n", "/wire/k", soon());
    let url = format!("/wire/k?{query}&x-amz-meta-a=1&x-amz-acl=private");
    assert_eq!(send(&server, "PUT", &url, "x", "", "hello").status, 200);
    let stored = server.client().head_object().bucket("wire").key("k").send().await.unwrap();
    assert_eq!(stored.metadata().unwrap()["a"], "1");
}

#[tokio::test]
async fn the_bucket_may_stand_in_the_host() {
    let arguments = vec!["--domain".to_owned(), "s3.test".to_owned()];
    let server = Server::start_with(Options { arguments, ..Options::default() }).await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let query = signed_query(&server, "PUT", "", "/wire/k", soon());
    assert_eq!(send(&server, "PUT", &format!("/k?{query}"), "wire.s3.test", "", "hello").status, 200);
    assert_eq!(
        send(&server, "PUT", &format!("/k?{query}"), "other.s3.test", "", "hello").code(),
        "SignatureDoesNotMatch"
    );
}

#[tokio::test]
async fn what_is_over_unknown_mixed_or_in_a_header_is_refused() {
    let server = Server::start().await;
    let get = |query: &str, lines: &str| send(&server, "GET", &format!("/wire/k?{query}"), "x", lines, "");
    let over = get(&signed_query(&server, "GET", "", "/wire/k", 1_000_000_000), "");
    assert_eq!((over.status, over.code()), (403, "AccessDenied"));
    assert!(over.body.contains("<Message>Request has expired</Message><Expires>2001-09-09T01:46:40"), "{}", over.body);
    assert!(over.body.contains("<ServerTime>"), "{}", over.body);

    let good = signed_query(&server, "GET", "", "/wire/k", soon());
    assert_eq!(get(&good, "").code(), "NoSuchBucket");
    let unknown = good.replace(server.access_key(), "NOBODY");
    assert_eq!((get(&unknown, "").status, get(&unknown, "").code()), (403, "InvalidAccessKeyId"));
    let half = good.split('&').next().unwrap();
    assert_eq!((get(half, "").status, get(half, "").code()), (403, "AccessDenied"));
    for (query, lines) in [
        (format!("{good}&X-Amz-Expires=60"), ""),
        (good.clone(), "Authorization: AWS x:y\r\n"),
        (good.clone(), "Authorization: AWS4-HMAC-SHA256 x\r\n"),
    ] {
        let mixed = get(&query, lines);
        assert_eq!((mixed.status, mixed.code()), (400, "InvalidArgument"), "{query} {lines}");
    }
    let header = get("", &format!("Authorization: AWS {}:c2lnbmF0dXJl\r\n", server.access_key()));
    assert_eq!((header.status, header.code()), (400, "InvalidRequest"));
    assert!(header.body.contains("Please use AWS4-HMAC-SHA256."), "{}", header.body);
}

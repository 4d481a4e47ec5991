//! Signature Version 2 from outside, signed by hand: in presigned URLs and in headers where it is turned on, and refused in every
//! form where it is not.

use crate::{
    raw_request::{Answer, connect, exchange},
    support::{Options, Server},
};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use std::io::{Read as _, Write as _};
use time::OffsetDateTime;

async fn server() -> Server {
    Server::start_with(Options::default().with("LARDER_SIGNATURE_V2", "true")).await
}

fn sign(server: &Server, to_sign: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, server.secret_key().as_bytes());
    BASE64.encode(hmac::sign(&key, to_sign.as_bytes()))
}

/// The query that signs `resource` for a minute from now, or until `expires`.
fn signed_query(server: &Server, method: &str, headers: &str, resource: &str, expires: i64) -> String {
    let signature = sign(server, &format!("{method}\n\n\n{expires}\n{headers}{resource}"));
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
    let server = server().await;
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

/// Its answer says how much there is, which whoever made the URL did not give away.
#[tokio::test]
async fn what_a_bucket_holds_is_told_to_who_signed_for_it() {
    let server = server().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let head = |resource: &str, target: &str| {
        let query = signed_query(&server, "HEAD", "", resource, soon());
        let separator = if target.contains('?') { '&' } else { '?' };
        let request = format!("HEAD {target}{separator}{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let (mut stream, mut answer) = (connect(&server), String::new());
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        answer.to_ascii_lowercase()
    };
    assert!(head("/wire", "/wire").starts_with("http/1.1 200 "));
    let appended = head("/wire", "/wire?read-stats=true");
    assert!(appended.starts_with("http/1.1 403 ") && !appended.contains("x-rgw-"), "{appended}");
    let signed = head("/wire?read-stats=true", "/wire?read-stats=true");
    assert!(signed.starts_with("http/1.1 200 ") && signed.contains("x-rgw-object-count: 0\r\n"), "{signed}");
}

/// As SDKs do it that put into the query what they signed as headers.
#[tokio::test]
async fn signed_headers_may_stand_in_the_query() {
    let server = server().await;
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
    let server =
        Server::start_with(Options { arguments, ..Options::default() }.with("LARDER_SIGNATURE_V2", "true")).await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let query = signed_query(&server, "PUT", "", "/wire/k", soon());
    assert_eq!(send(&server, "PUT", &format!("/k?{query}"), "wire.s3.test", "", "hello").status, 200);
    assert_eq!(
        send(&server, "PUT", &format!("/k?{query}"), "other.s3.test", "", "hello").code(),
        "SignatureDoesNotMatch"
    );
}

#[tokio::test]
async fn what_is_over_unknown_or_mixed_is_refused() {
    let server = server().await;
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
    let header = get("", &format!("Date: {}\r\nAuthorization: AWS {}:c2lnbmF0dXJl\r\n", date(), server.access_key()));
    assert_eq!((header.status, header.code()), (403, "SignatureDoesNotMatch"));
}

/// As HTTP writes it.
fn date() -> String {
    httpdate::fmt_http_date(std::time::SystemTime::now())
}

/// The lines of a request that is signed in its header. `amz` are its `x-amz-*` headers as they are signed.
fn signed_lines(server: &Server, method: &str, amz: &str, resource: &str) -> String {
    let date = date();
    let signature = sign(server, &format!("{method}\n\ntext/plain\n{date}\n{amz}{resource}"));
    let amz = amz.replace('\n', "\r\n");
    format!(
        "Date: {date}\r\nContent-Type: text/plain\r\n{amz}Authorization: AWS {}:{signature}\r\n",
        server.access_key()
    )
}

#[tokio::test]
async fn a_header_signs_a_whole_life() {
    let server = server().await;
    assert_eq!(send(&server, "PUT", "/wire", "x", &signed_lines(&server, "PUT", "", "/wire"), "").status, 200);
    let lines = signed_lines(&server, "PUT", "x-amz-meta-colour:blue\n", "/wire/a%20b");
    assert_eq!(
        send(&server, "PUT", "/wire/a%20b", "x", &lines.replace("blue", "red"), "hello").code(),
        "SignatureDoesNotMatch"
    );
    assert_eq!(send(&server, "PUT", "/wire/a%20b", "x", &lines, "hello").status, 200);
    let stored = server.client().get_object().bucket("wire").key("a b").send().await.unwrap();
    assert_eq!(stored.metadata().unwrap()["colour"], "blue");
    let lines = signed_lines(&server, "GET", "", "/wire/a%20b?response-expires=x");
    let got = send(&server, "GET", "/wire/a%20b?response-expires=x", "x", &lines, "");
    assert_eq!((got.status, got.body.as_str()), (200, "hello"));
    assert!(got.head.contains("expires: x"), "{}", got.head);
    assert_eq!(send(&server, "GET", "/wire/a%20b?response-expires=y", "x", &lines, "").code(), "SignatureDoesNotMatch");
    let lines = signed_lines(&server, "DELETE", "", "/wire/a%20b");
    assert_eq!(send(&server, "DELETE", "/wire/a%20b", "x", &lines, "").status, 204);
}

#[tokio::test]
async fn turned_off_it_is_refused_in_every_form() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let header = send(&server, "GET", "/wire/k", "x", &signed_lines(&server, "GET", "", "/wire/k"), "");
    let query = signed_query(&server, "GET", "", "/wire/k", soon());
    let presigned = send(&server, "GET", &format!("/wire/k?{query}"), "x", "", "");
    let policy =
        BASE64.encode(r#"{"expiration": "2100-01-01T00:00:00Z", "conditions": [{"bucket": "wire"}, {"key": "k"}]}"#);
    let (access_key, signature) = (server.access_key(), sign(&server, &policy));
    let mut body = String::new();
    for (name, value) in
        [("key", "k"), ("AWSAccessKeyId", access_key), ("policy", &policy), ("signature", &signature), ("file", "x")]
    {
        body.push_str(&format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    body.push_str("--b--\r\n");
    let form = send(&server, "POST", "/wire", "x", "Content-Type: multipart/form-data; boundary=b\r\n", &body);
    for answer in [header, presigned, form] {
        assert_eq!((answer.status, answer.code()), (400, "InvalidRequest"), "{}", answer.body);
        assert!(answer.body.contains("Please use AWS4-HMAC-SHA256."), "{}", answer.body);
    }
}

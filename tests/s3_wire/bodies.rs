//! Bodies: when they are asked for, what is checked of them, what is left when they are wrong.

use crate::{
    raw_request::{RawRequest, connect, exchange, read_answer},
    support::Server,
};
use std::io::Write as _;

async fn server() -> Server {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    server
}

#[tokio::test]
async fn a_body_is_asked_for_only_after_the_checks_that_need_none() {
    let server = server().await;
    let expecting = RawRequest::new("PUT", "/wire/k").line("Content-Length: 5\r\nExpect: 100-continue\r\n");
    let (head, _) = expecting.signed_head(&server);
    let mut stream = connect(&server);
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream).status, 100);
    stream.write_all(b"hello").unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    let denied = exchange(&server, head.replace("PUT /wire/k ", "PUT /wire/l ").as_bytes());
    assert_eq!(denied.code(), "SignatureDoesNotMatch");
    let no_bucket = RawRequest { path: "/no-such-bucket/k".into(), ..expecting.clone() };
    let (head, _) = no_bucket.signed_head(&server);
    let mut stream = connect(&server);
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream).code(), "NoSuchBucket");
}

#[tokio::test]
async fn a_refused_upload_sees_its_answer_though_it_is_still_sending() {
    let server = server().await;
    let body = vec![b'x'; 8 << 20];
    let (head, _) = RawRequest::new("PUT", "/wire/k").body(&body).signed_head(&server);
    let mut stream = connect(&server);
    stream.write_all(head.replace("PUT /wire/k ", "PUT /wire/l ").as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    assert_eq!(read_answer(&mut stream).code(), "SignatureDoesNotMatch");
}

/// It was not looked at, so anybody on the way could put one there.
#[tokio::test]
async fn a_body_that_no_operation_wants_is_held_against_its_hash() {
    let server = server().await;
    assert_eq!(RawRequest::new("PUT", "/wire/k").body(b"hello").send(&server).status, 200);
    let of_hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let with = |method, payload: &str, body: &[u8]| {
        RawRequest { payload: payload.to_owned(), ..RawRequest::new(method, "/wire/k").body(body) }.send(&server)
    };
    for method in ["GET", "DELETE"] {
        let wrong = with(method, &"0".repeat(64), b"hello");
        assert_eq!((wrong.status, wrong.code()), (400, "XAmzContentSHA256Mismatch"), "{method}");
        let long = with(method, &"0".repeat(64), &[b'x'; 100_000]);
        assert_eq!((long.status, long.code()), (400, "MaxMessageLengthExceeded"), "{method}");
    }
    assert_eq!(with("GET", of_hello, b"hello").body, "hello");
    assert_eq!(with("DELETE", of_hello, b"hello").status, 204);
}

#[tokio::test]
async fn wrong_digests_are_refused_and_leave_nothing() {
    let server = server().await;
    for (name, value, code) in [
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
        ("content-md5", "short", "InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        ("x-amz-checksum-sha256", "AAAA", "BadDigest"),
    ] {
        let answer = RawRequest::new("PUT", "/wire/k").header(name, value).body(b"hello").send(&server);
        assert_eq!((answer.status, answer.code()), (400, code), "{name}: {value}");
    }
    let wrong_hash = RawRequest { payload: "0".repeat(64), ..RawRequest::new("PUT", "/wire/k").body(b"hello") };
    assert_eq!(wrong_hash.send(&server).code(), "XAmzContentSHA256Mismatch");
    let bodiless = RawRequest { payload: "0".repeat(64), ..RawRequest::new("GET", "/wire/k") };
    assert_eq!(bodiless.send(&server).code(), "XAmzContentSHA256Mismatch");
    assert_eq!(RawRequest::new("PUT", "/wire/k").send(&server).code(), "MissingContentLength");
    assert_eq!(RawRequest::new("GET", "/wire/k").send(&server).code(), "NoSuchKey");
}

/// Two chunks, each signed, the second one changed by `change` after signing.
fn send_chunked(server: &Server, change: impl Fn(&mut Vec<u8>)) -> (u16, String) {
    let chunks: [&[u8]; 3] = [&[b'a'; 70_000], b"the second chunk", b""];
    let mut request = RawRequest::new("PUT", "/wire/chunked")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", "70016");
    request.payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".into();
    let length: usize = chunks.iter().map(|chunk| format!("{:x}", chunk.len()).len() + chunk.len() + 85).sum();
    request = request.line(&format!("Content-Length: {length}\r\n"));
    let (head, mut seed) = request.signed_head(server);
    let mut body = Vec::new();
    for chunk in chunks {
        let signature = seed.sign_chunk(chunk);
        body.extend_from_slice(format!("{:x};chunk-signature={signature}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    assert_eq!(body.len(), length);
    change(&mut body);
    let answer = exchange(server, &[head.as_bytes(), &body].concat());
    (answer.status, answer.code().to_owned())
}

#[tokio::test]
async fn each_chunk_of_a_signed_body_is_verified() {
    let server = server().await;
    let flip = |body: &mut Vec<u8>| {
        let at = body.windows(6).position(|window| window == b"second").unwrap();
        body[at] ^= 1;
    };
    assert_eq!(send_chunked(&server, flip), (403, "SignatureDoesNotMatch".into()));
    assert_eq!(RawRequest::new("GET", "/wire/chunked").send(&server).code(), "NoSuchKey");
    assert_eq!(send_chunked(&server, |_| ()), (200, String::new()));
    let got = server.client().get_object().bucket("wire").key("chunked").send().await.unwrap();
    assert_eq!(got.content_encoding(), None);
    assert!(got.body.collect().await.unwrap().into_bytes().ends_with(b"athe second chunk"));
}

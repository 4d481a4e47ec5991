//! Bodies: when they are asked for, what is checked of them, what is left when they are wrong.

use crate::{
    raw_request::{RawRequest, connect, exchange, is_closed, read_answer},
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

/// As S3 does, nobody looks at it; what comes behind it is the next request all the same.
#[tokio::test]
async fn a_body_that_no_operation_wants_and_no_signature_covers_is_passed_over() {
    let server = server().await;
    let hidden = b"GET /wire/hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    let chunked = [format!("{:x}\r\n", hidden.len()).as_bytes(), hidden, b"\r\n0\r\n\r\n"].concat();
    let (next, _) = RawRequest::new("GET", "/wire/next").signed_head(&server);
    for (method, path, status) in [("GET", "/", 200), ("HEAD", "/wire/k", 404), ("DELETE", "/wire/k", 204)] {
        for body in [hidden.to_vec(), hidden.repeat(100_000)] {
            let (head, _) = RawRequest::new(method, path).body(&body).signed_head(&server);
            let mut stream = connect(&server);
            stream.write_all(&[head.as_bytes(), &body, next.as_bytes()].concat()).unwrap();
            assert_eq!(read_answer(&mut stream).status, status, "{method} and {} bytes", body.len());
            assert!(read_answer(&mut stream).body.contains("/wire/next"), "{method} and {} bytes", body.len());
        }
        let (head, _) = RawRequest::new(method, path).line("Transfer-Encoding: chunked\r\n").signed_head(&server);
        let mut stream = connect(&server);
        stream.write_all(&[head.as_bytes(), &chunked, next.as_bytes()].concat()).unwrap();
        assert_eq!(read_answer(&mut stream).status, status, "{method}");
        assert!(read_answer(&mut stream).body.contains("/wire/next"), "{method}");
    }
}

/// Whether it comes is for the client to choose, so nothing else may come there.
#[tokio::test]
async fn a_body_that_was_not_asked_for_is_the_end_of_its_connection() {
    let server = server().await;
    for (method, path, status) in
        [("GET", "/", 200), ("HEAD", "/wire", 200), ("DELETE", "/wire/k", 204), ("PUT", "/none/k", 404)]
    {
        let lines = "Content-Length: 5\r\nExpect: 100-continue\r\n";
        let (head, _) = RawRequest::new(method, path).line(lines).signed_head(&server);
        let mut stream = connect(&server);
        stream.write_all(head.as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        assert_eq!(answer.status, status, "{method}");
        assert!(answer.head.contains("connection: close"), "{method}: {answer:?}");
        assert!(is_closed(&mut stream), "{method}");
    }
    // None is to come here.
    let delete = RawRequest::new("DELETE", "/wire/k").line("Content-Length: 0\r\nExpect: 100-continue\r\n");
    let mut stream = connect(&server);
    for _ in 0..2 {
        stream.write_all(delete.signed_head(&server).0.as_bytes()).unwrap();
        assert_eq!(read_answer(&mut stream).status, 204);
    }
}

/// Where bytes may stand that mean nothing, in an extension or a trailer, the end of the line was waited for.
#[tokio::test]
async fn chunks_that_are_wrong_are_refused_while_the_client_waits() {
    let server = server().await;
    let (head, _) = RawRequest::new("PUT", "/wire/k").line("Transfer-Encoding: chunked\r\n").signed_head(&server);
    for chunks in ["zz\r\n", "5\nhello\n0\n\n", "5;a\nhello", "4\r\nhello\r\n", "5\r\nhello\r\n0\r\nX: y\n\n"] {
        let mut stream = connect(&server);
        stream.write_all(&[head.as_bytes(), chunks.as_bytes()].concat()).unwrap();
        assert_eq!(read_answer(&mut stream).status, 400, "{chunks:?}");
        assert!(is_closed(&mut stream), "{chunks:?}");
    }
    assert_eq!(RawRequest::new("GET", "/wire/k").send(&server).code(), "NoSuchKey");
}

/// More than is read for nothing.
#[tokio::test]
async fn a_body_without_end_costs_the_client_its_connection_and_not_its_answer() {
    let server = server().await;
    let body = vec![b'x'; 17 << 20];
    let (head, _) = RawRequest::new("GET", "/wire/k").body(&body).signed_head(&server);
    let mut stream = connect(&server);
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    assert_eq!(read_answer(&mut stream).code(), "NoSuchKey");
    assert!(is_closed(&mut stream));
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

/// What is signed is held until its signature was verified, so it can't be of any length.
#[tokio::test]
async fn a_signed_chunk_that_is_too_long_is_refused_before_it_comes() {
    let server = server().await;
    let mut request = RawRequest::new("PUT", "/wire/chunked")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", "16777217")
        .line("Content-Length: 16777400\r\n");
    request.payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".into();
    let (head, seed) = request.signed_head(&server);
    let chunk = format!("1000001;chunk-signature={}\r\n", seed.signature);
    let answer = exchange(&server, &[head.as_bytes(), chunk.as_bytes()].concat());
    assert_eq!((answer.status, answer.code()), (400, "InvalidRequest"));
    assert!(answer.body.contains("<Message>A signed chunk is longer than 16 MiB.</Message>"), "{}", answer.body);
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

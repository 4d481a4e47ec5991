//! Requests whose end two parsers would see at different places: refused, connection closed, nothing stored.

use crate::{
    raw_request::{Answer, RawRequest, connect, is_closed, read_answer},
    support::Server,
};
use std::io::{Read as _, Write as _};

#[tokio::test]
async fn ambiguous_framing_is_refused_and_the_connection_closed() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    for line in [
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 6\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X-Folded: a\r\n b\r\n",
        "X-Space : a\r\n",
        "X-Bare: a\n",
        "X-Nul: a\0b\r\n",
    ] {
        let request = RawRequest::new("PUT", "/wire/smuggled").body(b"hello").line(line);
        let (head, _) = request.signed_head(&server);
        let mut stream = connect(&server);
        stream.write_all(&[head.as_bytes(), b"hello"].concat()).unwrap();
        assert_refused(&read_answer(&mut stream), "BadRequest");
        assert!(is_closed(&mut stream), "{line:?}");
    }
    assert_eq!(RawRequest::new("GET", "/wire/smuggled").send(&server).code(), "NoSuchKey");
}

#[tokio::test]
async fn two_requests_behind_each_other_get_two_answers() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let (put, _) = RawRequest::new("PUT", "/wire/k").body(b"hello").signed_head(&server);
    let (get, _) = RawRequest::new("GET", "/wire/k").signed_head(&server);
    let mut stream = connect(&server);
    stream.write_all(&[put.as_bytes(), b"hello", get.as_bytes()].concat()).unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    assert_eq!(read_answer(&mut stream).body, "hello");
}

#[tokio::test]
async fn too_many_or_too_long_headers_are_refused() {
    let server = Server::start().await;
    let many: String = (0..600).map(|i| format!("X-{i}: x\r\n")).collect();
    assert_refused(&RawRequest::new("GET", "/").line(&many).send(&server), "RequestHeaderSectionTooLarge");
    let long = format!("X-Long: {}\r\n", "x".repeat(20_000));
    assert_eq!(RawRequest::new("GET", "/").line(&long).send(&server).code(), "RequestHeaderSectionTooLarge");
}

/// hyper takes these; what they address, or where a proxy in front cut them, is not sure.
#[tokio::test]
async fn behind_a_head_that_nothing_is_done_with_the_connection_ends() {
    let server = Server::start().await;
    let long = "x".repeat(17 << 10);
    for (head, code) in [
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), "RequestHeaderSectionTooLarge"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "BadRequest"),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "BadRequest"),
    ] {
        let mut stream = connect(&server);
        stream.write_all(head.as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        assert_refused(&answer, code);
        assert!(answer.head.contains("connection: close\r\n"), "{answer:?}");
        assert!(is_closed(&mut stream), "{code}");
    }
}

/// hyper leaves out what follows it: the request was carried out on what stands before it.
#[tokio::test]
async fn a_fragment_has_no_place_in_a_request() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    assert_eq!(RawRequest::new("PUT", "/wire/k").body(b"precious").send(&server).status, 200);
    for method in ["PUT", "DELETE", "GET"] {
        // Signed as what hyper makes of it.
        let (head, _) = RawRequest::new(method, "/wire/k").body(b"").signed_head(&server);
        let mut stream = connect(&server);
        stream.write_all(head.replacen("/wire/k ", "/wire/k#draft ", 1).as_bytes()).unwrap();
        assert_refused(&read_answer(&mut stream), "BadRequest");
        assert!(is_closed(&mut stream), "{method}");
    }
    assert_eq!(RawRequest::new("GET", "/wire/k").send(&server).body, "precious");
}

/// Status 400, S3's document, and its request id in the head as well.
fn assert_refused(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.code()), (400, code), "{answer:?}");
    let (_, id) = answer.head.split_once("x-amz-request-id: ").expect("every answer has a request id");
    // The head was made lower case as a whole.
    let id = id.split("\r\n").next().unwrap().to_ascii_uppercase();
    assert!(answer.body.contains(&format!("<RequestId>{id}</RequestId>")), "{answer:?}");
}

/// hyper answered these itself, with nothing but a status.
#[tokio::test]
async fn heads_that_are_no_request_get_a_document_too() {
    let server = Server::start().await;
    let long = "x".repeat(100_000);
    for (head, code) in [
        ("hello\r\n\r\n".to_owned(), "BadRequest"),
        ("GET / HTTP/2.0\r\n\r\n".to_owned(), "BadRequest"),
        ("GET / HTTP/1.1\r\nX(y): z\r\n\r\n".to_owned(), "BadRequest"),
        ("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), "BadRequest"),
        (format!("PUT / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", u64::MAX), "BadRequest"),
        ("GET /<k> HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "InvalidURI"),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), "InvalidURI"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), "RequestHeaderSectionTooLarge"),
    ] {
        let mut stream = connect(&server);
        stream.write_all(head.as_bytes()).unwrap();
        assert_refused(&read_answer(&mut stream), code);
        assert!(is_closed(&mut stream), "{code}");
    }
    for head in [
        "HEAD /<k> HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        &format!("HEAD /{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        "HEAD / HTTP/1.1\r\nno header\r\n\r\n",
    ] {
        let mut stream = connect(&server);
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("\r\n\r\n"), "no body: {answer}");
    }
}

#[tokio::test]
async fn a_request_before_a_head_that_is_refused_is_answered_first() {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let body = vec![b'x'; 3 << 20];
    assert_eq!(RawRequest::new("PUT", "/wire/k").body(&body).send(&server).status, 200);
    let (get, _) = RawRequest::new("GET", "/wire/k").signed_head(&server);
    let mut stream = connect(&server);
    stream.write_all(&[get.as_bytes(), b"GET / HTTP/1.1\r\nno header\r\n\r\n"].concat()).unwrap();
    let answer = read_answer(&mut stream);
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    assert_refused(&read_answer(&mut stream), "BadRequest");
    assert!(is_closed(&mut stream));
}

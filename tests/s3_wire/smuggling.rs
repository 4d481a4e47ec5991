//! Requests whose end two parsers would see at different places: refused, connection closed, nothing stored.

use crate::{
    raw_request::{RawRequest, connect, is_closed, read_answer},
    support::Server,
};
use std::io::Write as _;

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
        assert_eq!(read_answer(&mut stream).status, 400, "{line:?}");
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
    // hyper's own answer, without a document: see docs/s3-compatibility.md.
    assert_eq!(RawRequest::new("GET", "/").line(&many).send(&server).status, 431);
    let long = format!("X-Long: {}\r\n", "x".repeat(20_000));
    assert_eq!(RawRequest::new("GET", "/").line(&long).send(&server).code(), "RequestHeaderSectionTooLarge");
}

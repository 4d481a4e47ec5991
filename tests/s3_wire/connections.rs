//! How connections end: an answer that has begun comes whole, and nothing comes behind the last one.

use crate::{
    raw_request::{RawRequest, connect, is_closed, read_answer},
    support::{Options, Server},
};
use std::{
    io::{Read, Write as _},
    net::Shutdown,
    thread,
    time::Duration,
};

/// More than the kernel takes for a client that doesn't read.
const LENGTH: usize = 16 << 20;
/// A client that takes its answer slowly does so by so much, and then rests.
const SIP_BYTES: usize = 64 << 10;
const SIP_PAUSE: Duration = Duration::from_millis(1);

const REFUSED_HEAD: &[u8] = b"GET / HTTP/1.1\r\nno header\r\n\r\n";

async fn server_with_big() -> (Server, Vec<u8>) {
    let server = Server::start().await;
    server.client().create_bucket().bucket("wire").send().await.unwrap();
    let body: Vec<u8> = (0..LENGTH / 16).flat_map(|line| format!("{line:015}\n").into_bytes()).collect();
    assert_eq!(RawRequest::new("PUT", "/wire/big").body(&body).send(&server).status, 200);
    (server, body)
}

/// All that still comes, taken slowly: the body of the only answer.
pub fn sip_body(stream: &mut impl Read) -> Vec<u8> {
    let (mut got, mut sip) = (Vec::new(), vec![0; SIP_BYTES]);
    loop {
        let length = stream.read(&mut sip).unwrap();
        if length == 0 {
            break;
        }
        got.extend_from_slice(&sip[..length]);
        thread::sleep(SIP_PAUSE);
    }
    assert!(got.starts_with(b"HTTP/1.") && got[8..].starts_with(b" 200 "), "{:?}", String::from_utf8_lossy(&got));
    let head = got.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    got.split_off(head + 4)
}

/// What hyper still had of the answer was thrown away when it would not read from the connection any more.
#[tokio::test]
async fn a_slow_client_gets_all_of_an_answer_that_is_the_last_one() {
    let (server, body) = server_with_big().await;
    for (lines, behind) in [
        ("Connection: close\r\n", &b""[..]),
        ("Connection: close\r\nUpgrade: h2c\r\n", b""),
        ("Transfer-Encoding: chunked\r\n", b"no size\r\n"),
        ("Transfer-Encoding: chunked\r\nUpgrade: h2c\r\n", b"no size\r\n"),
        ("Content-Length: 9\r\nExpect: 100-continue\r\n", b""),
        // Nothing is said to what comes behind the last request.
        ("Connection: close\r\n", REFUSED_HEAD),
    ] {
        let (head, _) = RawRequest::new("GET", "/wire/big").line(lines).signed_head(&server);
        let mut stream = connect(&server);
        stream.write_all(&[head.as_bytes(), behind].concat()).unwrap();
        let got = sip_body(&mut stream);
        assert!(got == body, "{lines:?}: {} bytes", got.len());
    }
}

/// Its connection was cut in the middle of the answer.
#[tokio::test]
async fn a_client_that_has_closed_its_sending_half_gets_all_of_its_answers() {
    let (server, body) = server_with_big().await;
    let (get, _) = RawRequest::new("GET", "/wire/big").signed_head(&server);
    let (put, _) = RawRequest::new("PUT", "/wire/small").body(b"hello").signed_head(&server);
    for sent in [get.clone().into_bytes(), get.replace("HTTP/1.1", "HTTP/1.0").into_bytes()] {
        let mut stream = connect(&server);
        stream.write_all(&sent).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let got = sip_body(&mut stream);
        assert!(got == body, "{} bytes", got.len());
    }
    let mut stream = connect(&server);
    stream.write_all(&[put.as_bytes(), b"hello", get.as_bytes()].concat()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    assert!(read_answer(&mut stream).body.as_bytes() == body);
    assert!(is_closed(&mut stream));
    // Of this one the body is not whole.
    let mut stream = connect(&server);
    stream.write_all(&[put.as_bytes(), b"hel"].concat()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_answer(&mut stream).code(), "IncompleteBody");
    assert!(is_closed(&mut stream));
}

/// It was closed without a word.
#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_answered() {
    let server = Server::start_with(Options::default().with("LARDER_HEADER_TIMEOUT", "1s")).await;
    let (whole, _) = RawRequest::new("GET", "/").signed_head(&server);
    let mut stream = connect(&server);
    stream.write_all(&[whole.as_bytes(), b"GET / HTTP/1.1\r\nHo"].concat()).unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    let answer = read_answer(&mut stream);
    assert_eq!((answer.status, answer.code()), (400, "RequestTimeout"), "{answer:?}");
    assert!(is_closed(&mut stream));
    let mut stream = connect(&server);
    stream.write_all(b"HEAD / HT").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("\r\n\r\n"), "no body: {answer}");
}

//! Clients that ask for an object and don't take it: they cost others nothing, and are served when they go on.

use crate::{
    raw_request::{RawRequest, connect, read_answer},
    support::{Options, Server},
};
use aws_sdk_s3::primitives::ByteStream;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

/// More than the kernel takes for a client that doesn't read.
const LENGTH: usize = 8 << 20;
/// Several times as many as the download share of the smallest budget can keep an answer for.
const STALLED: usize = 40;

fn ask(server: &Server) -> TcpStream {
    let (head, _) = RawRequest::new("GET", "/wire/big").signed_head(server);
    let mut stream = connect(server);
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[tokio::test]
async fn downloads_that_nobody_takes_hold_up_no_other() {
    // Whoever has to wait for memory fails soon, and is not saved by the end of those that stall.
    let options = Options::default().with("LARDER_MEMORY_BUDGET", "32MiB").with("LARDER_MEMORY_WAIT", "1s");
    let server = Server::start_with(options).await;
    let client = server.client();
    client.create_bucket().bucket("wire").send().await.unwrap();
    let body: String = (0..LENGTH / 16).map(|line| format!("{line:015}\n")).collect();
    for (key, text) in [("big", body.as_str()), ("small", &body[..4096])] {
        let bytes = ByteStream::from(text.as_bytes().to_vec());
        client.put_object().bucket("wire").key(key).body(bytes).send().await.unwrap();
    }
    let mut stalled: Vec<TcpStream> = (0..STALLED).map(|_| ask(&server)).collect();
    for stream in &mut stalled {
        // The answer has begun, and is all that this client takes for now.
        let mut begin = *b"            ";
        stream.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
    }
    for _ in 0..3 {
        assert!(read_answer(&mut ask(&server)).body == body);
        assert!(RawRequest::new("GET", "/wire/small").send(&server).body == body[..4096]);
    }
    for stream in stalled.iter_mut().step_by(STALLED / 4) {
        let answer = read_answer(&mut (&b"HTTP/1.1 200"[..]).chain(stream));
        assert!(answer.body == body, "a client that goes on gets all of it");
    }
}

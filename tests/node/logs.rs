//! The id of a client's request is on the node's log lines, and nothing else can get there under its name.

use crate::harness::{Chunk, Node, TERM};
use larder::{
    node::api::GetChunk,
    runtime::{RequestScope, TextLine},
    types::RequestId,
};
use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tracing_subscriber::fmt::MakeWriter;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The log of this whole process of tests: what one thread alone listens to depends on what others asked for first.
fn log() -> &'static Lines {
    static LOG: OnceLock<Lines> = OnceLock::new();
    LOG.get_or_init(|| {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG)
            .event_format(TextLine)
            .with_writer(lines.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        lines
    })
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Those of a node that tell how a request about the chunk was answered.
    fn answered(&self, chunk: &Chunk) -> Vec<String> {
        let route = format!("route=/node/v1/chunks/{}", chunk.key);
        let text = self.text();
        text.lines().filter(|line| line.contains("answered") && line.contains(&route)).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_request_for_a_client_has_the_clients_id_on_the_nodes_lines() {
    let log = log();
    let node = Node::over_http().await;
    // No other test has this blob.
    let chunk = Chunk::new(0xA7, 7_001, 5000);
    let id = RequestId::from_number(0xABCD);
    let get = GetChunk { term: TERM, key: chunk.key, first_block: 0, block_count: 1 };
    let client = RequestScope::new(id).run(async {
        node.api.put_chunk(chunk.put()).await.unwrap();
        node.api.get_chunk(get).await.unwrap();
    });
    client.await;
    node.api.get_chunk(get).await.unwrap();
    let answered = log.answered(&chunk);
    assert_eq!(answered.len(), 3, "{answered:?}");
    assert!(answered[..2].iter().all(|line| line.contains(id.as_str())), "{answered:?}");
    assert!(!answered[2].contains("request{"), "{answered:?}");
}

#[tokio::test]
async fn what_is_no_id_stays_out_of_the_log() {
    let log = log();
    let node = Node::over_http().await;
    for id in ["forged line", "0000000000000001 and more", ""] {
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\nlarder-request-id: {id}\r\n\r\n");
        let mut stream = TcpStream::connect(node.address.as_ref().unwrap()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    let text = log.text();
    assert!(text.contains("not believed"), "{text}");
    assert!(!text.contains("forged") && !text.contains("0000000000000001 and"), "{text}");
}

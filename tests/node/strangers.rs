//! Who does not know the secret, or changes what others say, gets nothing.

use crate::{
    faults::{Meddler, proxy},
    harness::{CLUSTER, Chunk, NODE, Node, TERM, flip_stored_byte, node_settings, remote_parts, secret},
};
use larder::{
    node::{
        ClusterSecret, NodeApi, NodeError, RemoteNode, RemoteParts,
        api::{GetChunk, PutChunk},
        client::who_is_at,
    },
    runtime::SystemRandom,
    types::{ChunkKey, ChunkRoot},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

fn get(chunk: &Chunk) -> GetChunk {
    GetChunk { term: TERM, key: chunk.key, first_block: 0, block_count: u32::MAX }
}

async fn assert_lacks(node: &Node, chunk: &Chunk) {
    assert!(matches!(node.service.get_chunk(get(chunk)).await, Err(NodeError::NotFound)));
}

/// Sends bytes on a connection of their own and answers everything that comes back until the other side closes it.
async fn send_raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // The other side may close with a reset while bytes of ours are still on the way.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_another_secret_is_refused_on_both_sides() {
    let node = Node::over_http().await;
    let secret = ClusterSecret::new(b"not the secret of the cluster").unwrap();
    let parts = RemoteParts { secret, ..remote_parts(node_settings()) };
    let stranger = RemoteNode::new(NODE, node.address.clone().unwrap(), parts);
    let chunk = Chunk::new(1, 0, 100);
    assert!(matches!(stranger.put_chunk(chunk.put()).await, Err(NodeError::Refused(_))));
    assert_lacks(&node, &chunk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_a_hello_or_without_a_proof_get_nothing() {
    let node = Node::over_http().await;
    let address = node.address.clone().unwrap();
    let proof = format!("0 10 2 {}", "00".repeat(32));
    for request in [
        "POST /node/v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
        format!("POST /node/v1/status HTTP/1.1\r\nhost: x\r\nlarder-proof: {proof}\r\ncontent-length: 2\r\n\r\n{{}}"),
        "GET /node/v1/chunks/00000000000000000000000000000000/0?first=0&count=1 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "POST /node/v1/status HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "POST /node/v1/hello HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
        "POST /node/v1/hello HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n".to_owned(),
        "\u{0}\u{1}\u{2} no HTTP\r\n\r\n".to_owned(),
    ] {
        let answer = send_raw(&address, request.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "401", "404"].contains(&status), "{request:?}: {answer:?}");
        assert!(!answer.contains("larder-proof"), "{answer:?}");
    }
}

/// A supervisor knows no secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_learns_that_the_process_lives_and_no_more() {
    let node = Node::over_http().await;
    let address = node.address.clone().unwrap();
    let answer = send_raw(&address, b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("connection: close"), "{answer}");
    assert_eq!(body, "live\n");
    assert!(!head.contains("larder"), "{answer}");
    for other in ["POST /health/live", "GET /health/live?x=1", "GET /health/ready", "GET /metrics"] {
        let answer =
            send_raw(&address, format!("{other} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{other}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hello_alone_opens_nothing() {
    let node = Node::over_http().await;
    let hello = format!("{{\"nonce\":\"{}\"}}", "11".repeat(32));
    let head = format!("POST /node/v1/hello HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", hello.len());
    let proof = format!("0 10 16 {}", "00".repeat(32));
    let status = format!(
        "POST /node/v1/status HTTP/1.1\r\nhost: x\r\nlarder-proof: {proof}\r\ncontent-length: 16\r\n\r\n{{\"witness\":null}}"
    );
    let answer = send_raw(node.address.as_ref().unwrap(), format!("{head}{hello}{status}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("HTTP/1.1 401"), "{answer}");
    let twice = send_raw(node.address.as_ref().unwrap(), format!("{head}{hello}{head}{hello}").as_bytes()).await;
    assert!(twice.starts_with("HTTP/1.1 200") && twice.contains("HTTP/1.1 401"), "{twice}");
}

/// Keeps what a client sends.
#[derive(Default)]
struct Recorder(Mutex<Vec<u8>>);

impl Meddler for Recorder {
    fn to_node(&self, bytes: &mut Vec<u8>) -> bool {
        self.0.lock().unwrap().extend_from_slice(bytes);
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_connection_cannot_be_played_again() {
    let node = Node::over_http().await;
    let recorder = Arc::<Recorder>::default();
    let remote = RemoteNode::new(NODE, proxy(&node, recorder.clone()).await, remote_parts(node_settings()));
    let chunk = Chunk::new(1, 0, 5000);
    remote.put_chunk(chunk.put()).await.unwrap();
    // Gone again, without a trace that would refuse it for another reason.
    flip_stored_byte(&node.volume_directory(), &chunk);
    node.service.quarantine(TERM, chunk.key, chunk.root()).await.unwrap();
    assert_lacks(&node, &chunk).await;
    let recorded = recorder.0.lock().unwrap().clone();
    let answer = send_raw(node.address.as_ref().unwrap(), &recorded).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("HTTP/1.1 401"), "{answer}");
    assert_lacks(&node, &chunk).await;
}

/// Repeats the second request of a connection (the first is the hello) at once, on the same connection.
struct Repeater {
    requests: Mutex<u32>,
}

impl Meddler for Repeater {
    fn to_node(&self, bytes: &mut Vec<u8>) -> bool {
        let mut requests = self.requests.lock().unwrap();
        *requests += 1;
        if *requests == 2 {
            let again = bytes.clone();
            bytes.extend(again);
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_is_refused_and_ends_the_connection() {
    let node = Node::over_http().await;
    let repeater = Arc::new(Repeater { requests: Mutex::new(0) });
    let remote = RemoteNode::new(NODE, proxy(&node, repeater).await, remote_parts(node_settings()));
    remote.status(TERM, None).await.unwrap();
    // The connection's counters are spent: the client sees that it is broken and takes a new one.
    remote.status(TERM, None).await.unwrap();
}

/// Replaces one text by another of the same length on the wire, from when it is armed.
struct Forger {
    from: Vec<u8>,
    to: Vec<u8>,
    to_client: bool,
    struck: AtomicBool,
}

impl Forger {
    fn new(from: &[u8], to: &[u8], to_client: bool) -> Arc<Self> {
        assert_eq!(from.len(), to.len());
        Arc::new(Self { from: from.to_vec(), to: to.to_vec(), to_client, struck: AtomicBool::new(false) })
    }

    fn forge(&self, bytes: &mut [u8]) {
        if let Some(at) = bytes.windows(self.from.len()).position(|window| window == self.from) {
            bytes[at..at + self.to.len()].copy_from_slice(&self.to);
            self.struck.store(true, Ordering::SeqCst);
        }
    }
}

impl Meddler for Forger {
    fn to_node(&self, bytes: &mut Vec<u8>) -> bool {
        if !self.to_client {
            self.forge(bytes);
        }
        true
    }

    fn to_client(&self, bytes: &mut Vec<u8>) -> bool {
        if self.to_client {
            self.forge(bytes);
        }
        true
    }
}

/// What the wire shows of a put, and what a stranger would make of it.
type Forgery<'a> = (&'a str, &'a [u8], &'a [u8]);

async fn assert_no_forgery_is_taken(chunk: &Chunk, forgeries: &[Forgery<'_>]) {
    let mut flipped = chunk.bytes[100..132].to_vec();
    flipped[3] ^= 1;
    let (root, table) = (chunk.root(), chunk.table().to_bytes());
    let of_every_put: [Forgery<'_>; 4] = [
        ("term", b"larder-proof: 0 10 ", b"larder-proof: 0 11 "),
        ("root", &root.as_bytes()[..], &[7; 32]),
        ("table", &table, &vec![5; table.len()]),
        ("bytes", &chunk.bytes[100..132], &flipped),
    ];
    for (what, from, to) in of_every_put.iter().chain(forgeries) {
        let node = Node::over_http().await;
        let forger = Forger::new(from, to, false);
        let remote = RemoteNode::new(NODE, proxy(&node, forger.clone()).await, remote_parts(node_settings()));
        let refused = remote.put_chunk(chunk.put()).await;
        assert!(forger.struck.load(Ordering::SeqCst), "{what} was found on the wire");
        assert!(matches!(refused, Err(NodeError::Unreachable(_) | NodeError::Garbled)), "{what}: {refused:?}");
        assert_lacks(&node, chunk).await;
        assert_lacks(&node, &Chunk { key: ChunkKey { index: 1, ..chunk.key }, ..chunk.clone() }).await;
        assert_ne!(node.service.term(), TERM.next(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_that_was_changed_on_the_way_is_refused() {
    let chunk = Chunk::new(1, 0, 100_000);
    let key = chunk.key.to_string();
    let other_key = key.replace("/0", "/1");
    let forgeries: [Forgery<'_>; 2] =
        [("path", key.as_bytes(), other_key.as_bytes()), ("method", b"PUT /node", b"PUX /node")];
    assert_no_forgery_is_taken(&chunk, &forgeries).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_of_several_that_was_changed_on_the_way_is_refused() {
    let chunk = Chunk::new(1, 0, 5000);
    let blob = chunk.key.blob.as_bytes();
    let (key, other_key) = ([&blob[..], &[0; 4]].concat(), [&blob[..], &[1, 0, 0, 0]].concat());
    let forgeries: [Forgery<'_>; 3] = [
        ("key", &key, &other_key),
        ("path", b"/node/v1/chunks", b"/node/v1/status"),
        ("method", b"POST /node/v1/chunks", b"POSE /node/v1/chunks"),
    ];
    assert_no_forgery_is_taken(&chunk, &forgeries).await;
}

/// A node's refusal of one chunk must not become a word that it is durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_about_several_that_was_changed_on_the_way_is_not_believed() {
    let chunk = Chunk::new(1, 0, 5000);
    let garbled = || PutChunk { root: ChunkRoot::from_bytes([7; 32]), ..chunk.put() };
    let node = Node::over_http().await;
    let forger = Forger::new(b"[\"Garbled\"]", b"[null     ]", true);
    let remote = RemoteNode::new(NODE, proxy(&node, forger.clone()).await, remote_parts(node_settings()));
    let answer = remote.put_chunk(garbled()).await;
    assert!(forger.struck.load(Ordering::SeqCst), "the answer was found on the wire");
    assert!(matches!(answer, Err(NodeError::Unreachable(_))), "{answer:?}");
    assert_eq!(node.api.put_chunk(garbled()).await, Err(NodeError::Garbled));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_changed_on_the_way_is_not_believed() {
    let chunk = Chunk::new(1, 0, 5000);
    let table = chunk.table().to_bytes();
    let forgeries: [(&str, &[u8], &[u8]); 3] = [
        ("status", b"HTTP/1.1 404", b"HTTP/1.1 200"),
        ("document", b"\"NotFound\"", b"\"Garbled\" "),
        ("table", &table, &[1, 2, 3, 4]),
    ];
    for (what, from, to) in forgeries {
        let node = Node::over_http().await;
        if what == "table" {
            node.put(&chunk).await;
        }
        let forger = Forger::new(from, to, true);
        let remote = RemoteNode::new(NODE, proxy(&node, forger.clone()).await, remote_parts(node_settings()));
        let answer = remote.get_chunk(get(&chunk)).await;
        assert!(forger.struck.load(Ordering::SeqCst), "{what} was found on the wire");
        assert!(matches!(answer, Err(NodeError::Unreachable(_))), "{what}: {:?}", answer.map(|_| ()));
    }
}

/// A gateway that has lost its metadata knows the secret and an address, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_a_node_is_it_proves_to_one_who_knows_the_secret_and_no_more() {
    let node = Node::over_http().await;
    let address = node.address.clone().unwrap();
    let deadline = Duration::from_secs(30);
    assert_eq!(who_is_at(&address, &secret(), &SystemRandom, deadline).await, Ok((NODE, CLUSTER)));
    let other = ClusterSecret::new(b"not the secret of the cluster").unwrap();
    assert!(matches!(who_is_at(&address, &other, &SystemRandom, deadline).await, Err(NodeError::Refused(_))));
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    assert!(matches!(who_is_at(&free, &secret(), &SystemRandom, deadline).await, Err(NodeError::Unreachable(_))));
}

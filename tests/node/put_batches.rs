//! Small chunks that are put while others are under way: together, and held up by nobody.

use crate::{
    faults::{Fault, Meddler, proxy},
    harness::{Chunk, NODE, Node, TERM, node_settings, remote_parts},
};
use larder::{
    node::{NodeApi, NodeSettings, RemoteNode, api::GetChunk},
    types::HumanDuration,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

const BATCH_REQUEST: &[u8] = b"POST /node/v1/chunks ";

/// Counts the requests that put several chunks; while it swallows, nothing comes through in either direction.
#[derive(Default)]
struct Watcher {
    requests: AtomicUsize,
    swallows: AtomicBool,
}

impl Watcher {
    fn swallow(&self, bytes: &mut Vec<u8>) {
        if self.swallows.load(Ordering::SeqCst) {
            bytes.clear();
        }
    }
}

impl Meddler for Watcher {
    fn to_node(&self, bytes: &mut Vec<u8>) -> bool {
        let requests = bytes.windows(BATCH_REQUEST.len()).filter(|window| *window == BATCH_REQUEST).count();
        self.requests.fetch_add(requests, Ordering::SeqCst);
        self.swallow(bytes);
        true
    }

    fn to_client(&self, bytes: &mut Vec<u8>) -> bool {
        self.swallow(bytes);
        true
    }
}

async fn watched(node: &Node) -> (Arc<Watcher>, Arc<RemoteNode>) {
    let watcher = Arc::new(Watcher::default());
    let address = proxy(node, watcher.clone()).await;
    // Nothing here is to end because its time is over.
    let settings = NodeSettings { node_request_timeout: HumanDuration::from_secs(3600), ..node_settings() };
    (watcher, Arc::new(RemoteNode::new(NODE, address, remote_parts(settings))))
}

async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_that_come_while_others_are_synced_go_together() {
    let node = Node::over_http().await;
    let (watcher, remote) = watched(&node).await;
    node.disk.set(Fault::SyncHangs);
    let put = |index| {
        let remote = Arc::clone(&remote);
        tokio::spawn(async move { remote.put_chunk(Chunk::new(1, index, 4096).put()).await })
    };
    let mut puts = vec![put(0)];
    until(|| watcher.requests.load(Ordering::SeqCst) == 1).await;
    puts.push(put(1));
    until(|| watcher.requests.load(Ordering::SeqCst) == 2).await;
    // Within the lanes' patience: what comes later than that would go at once, for this disk seems to be stuck.
    let others: Vec<_> = (2..42).map(put).collect();
    puts.extend(others);
    tokio::task::yield_now().await;
    node.disk.set(Fault::None);
    for put in puts {
        put.await.unwrap().unwrap();
    }
    let requests = watcher.requests.load(Ordering::SeqCst);
    assert!(requests < 20, "42 chunks went in {requests} requests");
    for index in 0..42 {
        let chunk = Chunk::new(1, index, 4096);
        let get = GetChunk { term: TERM, key: chunk.key, first_block: 0, block_count: 1 };
        assert!(node.api.get_chunk(get).await.unwrap().is_intact(chunk.key, &chunk.root()));
    }
}

/// A node that hangs keeps nothing of what nobody waits for any more, sent or not: the memory would be out of every budget.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_takes_the_chunk_along() {
    let node = Node::over_http().await;
    let (watcher, remote) = watched(&node).await;
    remote.put_chunk(Chunk::new(1, 99, 100).put()).await.unwrap();
    watcher.swallows.store(true, Ordering::SeqCst);
    let chunks: Vec<Chunk> = (0..20).map(|index| Chunk::new(1, index, 4096)).collect();
    let bytes: Vec<bytes::Bytes> = chunks.iter().map(|chunk| bytes::Bytes::from(chunk.bytes.to_vec())).collect();
    let puts: Vec<_> = chunks
        .iter()
        .zip(&bytes)
        .map(|(chunk, bytes)| {
            let mut put = chunk.put();
            put.data.pieces = vec![bytes.clone()];
            let remote = Arc::clone(&remote);
            tokio::spawn(async move { remote.put_chunk(put).await })
        })
        .collect();
    until(|| watcher.requests.load(Ordering::SeqCst) > 1).await;
    for put in puts {
        put.abort();
        assert!(put.await.unwrap_err().is_cancelled());
    }
    until(|| bytes.iter().all(bytes::Bytes::is_unique)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_on_dead_connections_hold_up_no_others() {
    let node = Node::over_http().await;
    let (watcher, remote) = watched(&node).await;
    watcher.swallows.store(true, Ordering::SeqCst);
    let lost: Vec<_> = (0..2)
        .map(|index| {
            let remote = Arc::clone(&remote);
            tokio::spawn(async move { remote.put_chunk(Chunk::new(1, index, 100).put()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let waiting = tokio::spawn({
        let remote = Arc::clone(&remote);
        async move { remote.put_chunk(Chunk::new(1, 2, 100).put()).await }
    });
    until(|| lost.iter().all(|put| !put.is_finished())).await;
    watcher.swallows.store(false, Ordering::SeqCst);
    // The next ones that come take along whoever waits.
    for index in 3.. {
        let _ = timeout(Duration::from_millis(20), remote.put_chunk(Chunk::new(1, index, 100).put())).await;
        if waiting.is_finished() {
            break;
        }
    }
    assert_eq!(waiting.await.unwrap(), Ok(()));
    for put in lost {
        put.abort();
    }
}

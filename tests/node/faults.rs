//! A disk with a switch for faults, and a wire that is cut, stuck, or tampered with.

use crate::harness::{CLUSTER, Chunk, NODE, Node, TERM, node_settings, remote_parts};
use larder::{
    node::{NodeApi, NodeError, NodeSettings, RemoteNode, api::GetChunk},
    types::{ClusterId, HumanDuration, NodeId},
    volume::{
        Disk, RealDisk,
        disk::{Access, DiskFile, DiskLock, DiskSpace, FileStatus},
    },
};
use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Every sync fails; writes go on.
    SyncFails,
    /// Every sync waits until the fault is over.
    SyncHangs,
    /// Every read fails.
    ReadsFail,
}

/// The real disk, with faults.
#[derive(Debug, Default)]
pub struct SwitchedDisk {
    switch: Arc<Switch>,
    /// Files elsewhere have no faults; `None`: all have.
    below: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Switch {
    fault: Mutex<Fault>,
    changed: Condvar,
}

impl SwitchedDisk {
    pub fn set(&self, fault: Fault) {
        *self.switch.fault.lock().unwrap() = fault;
        self.switch.changed.notify_all();
    }

    /// With faults in one directory alone.
    pub fn below(directory: PathBuf) -> Self {
        Self { switch: Arc::default(), below: Some(directory) }
    }

    fn wrap(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        if self.below.as_ref().is_some_and(|below| !path.starts_with(below)) {
            return file;
        }
        Arc::new(SwitchedFile { file, switch: Arc::clone(&self.switch) })
    }
}

impl Disk for SwitchedDisk {
    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        RealDisk.create_dir(directory)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, RealDisk.create(path)?))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, RealDisk.open(path, access)?))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        RealDisk.sync_dir(directory)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        RealDisk.lock(path)
    }

    fn space(&self, path: &Path) -> io::Result<DiskSpace> {
        RealDisk.space(path)
    }
}

#[derive(Debug)]
struct SwitchedFile {
    file: Arc<dyn DiskFile>,
    switch: Arc<Switch>,
}

impl DiskFile for SwitchedFile {
    fn read_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize> {
        if *self.switch.fault.lock().unwrap() == Fault::ReadsFail {
            return Err(io::Error::other("the test's disk can't be read"));
        }
        self.file.read_at(offset, length, into)
    }

    fn read_cached_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<Option<usize>> {
        self.file.read_cached_at(offset, length, into)
    }

    fn write_vectored_at(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<()> {
        self.file.write_vectored_at(offset, slices)
    }

    fn sync_data(&self) -> io::Result<()> {
        let fault = self.switch.fault.lock().unwrap();
        let fault = self.switch.changed.wait_while(fault, |fault| *fault == Fault::SyncHangs).unwrap();
        if *fault == Fault::SyncFails {
            return Err(io::Error::other("the test's disk fails"));
        }
        drop(fault);
        self.file.sync_data()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        self.file.punch_hole(offset, length)
    }

    fn status(&self) -> io::Result<FileStatus> {
        self.file.status()
    }
}

/// What a proxy between client and node does with the bytes.
pub trait Meddler: Send + Sync {
    /// Changes bytes on their way to the node; `false` cuts the connection instead.
    fn to_node(&self, bytes: &mut Vec<u8>) -> bool;

    /// The same on the way back.
    fn to_client(&self, _bytes: &mut Vec<u8>) -> bool {
        true
    }
}

/// Starts a proxy before the node and answers its address. It ends with the test's runtime.
pub async fn proxy(node: &Node, meddler: Arc<dyn Meddler>) -> String {
    let target = node.address.clone().expect("a node over HTTP");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (target, meddler) = (target.clone(), Arc::clone(&meddler));
            tokio::spawn(async move {
                let node = TcpStream::connect(target).await.unwrap();
                let (client_reads, client_writes) = client.into_split();
                let (node_reads, node_writes) = node.into_split();
                let there = Arc::clone(&meddler);
                tokio::select! {
                    () = pass(client_reads, node_writes, |bytes| there.to_node(bytes)) => {}
                    () = pass(node_reads, client_writes, |bytes| meddler.to_client(bytes)) => {}
                }
            });
        }
    });
    address
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    meddle: impl Fn(&mut Vec<u8>) -> bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let mut bytes = buffer[..count].to_vec();
        if !meddle(&mut bytes) || to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Cuts each connection once so many bytes went to the node or came back, until it is told to let everything pass.
struct Scissors {
    to_node: AtomicUsize,
    to_client: AtomicUsize,
}

impl Scissors {
    fn new(to_node: usize, to_client: usize) -> Arc<Self> {
        Arc::new(Self { to_node: AtomicUsize::new(to_node), to_client: AtomicUsize::new(to_client) })
    }

    fn let_pass(&self) {
        self.to_node.store(usize::MAX, Ordering::SeqCst);
        self.to_client.store(usize::MAX, Ordering::SeqCst);
    }
}

/// Takes from what is left; false when that is spent.
fn spend(left: &AtomicUsize, count: usize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(count)).is_ok()
}

impl Meddler for Scissors {
    fn to_node(&self, bytes: &mut Vec<u8>) -> bool {
        spend(&self.to_node, bytes.len())
    }

    fn to_client(&self, bytes: &mut Vec<u8>) -> bool {
        spend(&self.to_client, bytes.len())
    }
}

fn get(chunk: &Chunk) -> GetChunk {
    GetChunk { term: TERM, key: chunk.key, first_block: 0, block_count: u32::MAX }
}

fn is_unreachable<T>(result: &Result<T, NodeError>) -> bool {
    matches!(result, Err(NodeError::Unreachable(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_whose_connection_is_cut_fails_and_succeeds_when_it_is_sent_again() {
    let node = Node::over_http().await;
    let chunk = Chunk::new(1, 0, 2 << 20);
    for cut_after in [0, 300, 700, 1_000_000] {
        let scissors = Scissors::new(cut_after, usize::MAX);
        let address = proxy(&node, scissors.clone()).await;
        let remote = RemoteNode::new(NODE, address, remote_parts(node_settings()));
        let cut = remote.put_chunk(chunk.put()).await;
        assert!(is_unreachable(&cut), "{cut:?}");
        let absent = node.api.get_chunk(get(&chunk)).await;
        assert!(matches!(absent, Err(NodeError::NotFound)), "half a chunk is no chunk");
        scissors.let_pass();
        remote.status(TERM, None).await.unwrap();
    }
    node.put(&chunk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_get_whose_connection_is_cut_fails_and_never_gives_a_part() {
    let node = Node::over_http().await;
    let chunk = Chunk::new(1, 0, 2 << 20);
    node.put(&chunk).await;
    for cut_after in [0, 300, 1000, 1_500_000] {
        let scissors = Scissors::new(usize::MAX, cut_after);
        let address = proxy(&node, scissors.clone()).await;
        let remote = RemoteNode::new(NODE, address, remote_parts(node_settings()));
        let cut = remote.get_chunk(get(&chunk)).await;
        assert!(is_unreachable(&cut.map(|_| ())));
        scissors.let_pass();
        assert!(remote.get_chunk(get(&chunk)).await.unwrap().is_intact(chunk.key, &chunk.root()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_connection_that_was_cut_while_idle_is_replaced_without_an_error() {
    let node = Node::over_http().await;
    let scissors = Scissors::new(usize::MAX, usize::MAX);
    let address = proxy(&node, scissors.clone()).await;
    let remote = RemoteNode::new(NODE, address, remote_parts(node_settings()));
    remote.status(TERM, None).await.unwrap();
    // The kept connection breaks on its next use; a new one goes through.
    struct Once(Arc<Scissors>, AtomicUsize);
    impl Meddler for Once {
        fn to_node(&self, bytes: &mut Vec<u8>) -> bool {
            self.1.fetch_add(1, Ordering::SeqCst) != 2 && self.0.to_node(bytes)
        }
    }
    let once = Arc::new(Once(scissors, AtomicUsize::new(0)));
    let remote = RemoteNode::new(NODE, proxy(&node, once.clone()).await, remote_parts(node_settings()));
    for _ in 0..3 {
        remote.status(TERM, None).await.unwrap();
    }
    assert!(once.1.load(Ordering::SeqCst) >= 5, "hello, status, a cut one, and both again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_answers_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let settings = NodeSettings { node_connect_timeout: HumanDuration::from_millis(100), ..node_settings() };
    let remote = RemoteNode::new(NODE, address, remote_parts(settings));
    assert!(is_unreachable(&remote.status(TERM, None).await.map(|_| ())));
    assert!(is_unreachable(&remote.put_chunk(Chunk::new(1, 0, 4 << 20).put()).await));
    held.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_in_the_middle_is_given_up_at_the_deadline() {
    struct Stuck(AtomicUsize);
    impl Meddler for Stuck {
        fn to_node(&self, _: &mut Vec<u8>) -> bool {
            true
        }

        fn to_client(&self, bytes: &mut Vec<u8>) -> bool {
            if !spend(&self.0, bytes.len()) {
                bytes.clear();
            }
            true
        }
    }
    let node = Node::over_http().await;
    let chunk = Chunk::new(1, 0, 1 << 20);
    node.put(&chunk).await;
    let settings = NodeSettings { node_request_timeout: HumanDuration::from_millis(300), ..node_settings() };
    let address = proxy(&node, Arc::new(Stuck(AtomicUsize::new(500_000)))).await;
    let remote = RemoteNode::new(NODE, address, remote_parts(settings));
    assert!(is_unreachable(&remote.get_chunk(get(&chunk)).await.map(|_| ())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_where_nobody_listens_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let remote = RemoteNode::new(NODE, address, remote_parts(node_settings()));
    assert!(is_unreachable(&remote.status(TERM, None).await.map(|_| ())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_or_another_cluster_at_the_address_is_refused() {
    let node = Node::over_http().await;
    let address = node.address.clone().unwrap();
    let other = RemoteNode::new(NodeId::from_bytes([99; 16]), address.clone(), remote_parts(node_settings()));
    assert!(matches!(other.status(TERM, None).await, Err(NodeError::Refused(_))));
    let parts = larder::node::RemoteParts { cluster: ClusterId::from_bytes([88; 16]), ..remote_parts(node_settings()) };
    assert_ne!(parts.cluster, CLUSTER);
    let foreign = RemoteNode::new(NODE, address, parts);
    assert!(matches!(foreign.status(TERM, None).await, Err(NodeError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_end_before_a_shutdown_does() {
    let node = Node::over_http().await;
    let chunk = Chunk::new(1, 0, 5000);
    node.put(&chunk).await;
    node.disk.set(Fault::SyncHangs);
    let put = tokio::spawn({
        let api = Arc::clone(&node.api);
        async move { api.put_chunk(Chunk::new(1, 1, 5000).put()).await }
    });
    while node.service.load() == 0 {
        tokio::task::yield_now().await;
    }
    let disk = Arc::clone(&node.disk);
    let restarting = tokio::spawn(node.restart());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!restarting.is_finished(), "the shutdown waits for the put");
    disk.set(Fault::None);
    assert_eq!(put.await.unwrap(), Ok(()));
    let node = restarting.await.unwrap();
    let second = Chunk::new(1, 1, 5000);
    assert!(node.api.get_chunk(get(&second)).await.unwrap().is_intact(second.key, &second.root()));
}

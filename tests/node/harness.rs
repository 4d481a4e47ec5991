//! A node for a test: its directory, its disk with a switch for faults, the service, and how the test reaches it.

use bytes::Bytes;
use larder::{
    node::{
        ClusterSecret, NodeApi, NodeError, NodeSettings, PeerConnector, RemoteNode, RemoteParts,
        api::{GetChunk, MetadataWitness, PeerAddress, PutChunk},
        server::{
            NodeParts, NodeService,
            http::{ServeParts, serve},
        },
    },
    runtime::{Shutdown, SystemClock, SystemRandom},
    types::{
        BLOCK_LENGTH, BlobId, BlockTable, ByteSize, ChunkData, ChunkKey, ChunkRoot, ClusterId, CommitSequence, GroupId,
        HistoryId, HumanDuration, NodeId, Term, crc32c,
    },
    volume::VolumeSettings,
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::faults::SwitchedDisk;

pub const CLUSTER: ClusterId = ClusterId::from_bytes([1; 16]);
pub const NODE: NodeId = NodeId::from_bytes([2; 16]);
pub const GROUP: GroupId = GroupId(7);
pub const TERM: Term = Term(10);

/// Peers that a node may pull from.
#[derive(Default)]
pub struct TestPeers(pub Mutex<HashMap<NodeId, Arc<dyn NodeApi>>>);

impl PeerConnector for TestPeers {
    fn connect(&self, peer: &PeerAddress) -> Option<Arc<dyn NodeApi>> {
        self.0.lock().unwrap().get(&peer.node).cloned()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    ByCall,
    OverHttp,
}

pub struct Node {
    pub api: Arc<dyn NodeApi>,
    pub service: NodeService,
    pub peers: Arc<TestPeers>,
    pub disk: Arc<SwitchedDisk>,
    pub address: Option<String>,
    reach: Reach,
    directory: TempDir,
    shutdown: Shutdown,
}

pub fn secret() -> ClusterSecret {
    ClusterSecret::new(b"the secret of the test cluster").unwrap()
}

pub fn node_settings() -> NodeSettings {
    NodeSettings { node_connect_timeout: HumanDuration::from_secs(5), ..NodeSettings::default() }
}

/// Small segments, so that a test's data spans several.
pub fn volume_settings() -> VolumeSettings {
    VolumeSettings { segment_size_min: ByteSize::mib(1), disk_reserve: ByteSize::mib(1), ..VolumeSettings::default() }
}

pub fn remote_parts(settings: NodeSettings) -> RemoteParts {
    RemoteParts { secret: secret(), cluster: CLUSTER, settings: Arc::new(settings), random: Arc::new(SystemRandom) }
}

impl Node {
    pub async fn embedded() -> Self {
        Self::start(Reach::ByCall, tempfile::tempdir().unwrap(), volume_settings(), node_settings()).await
    }

    pub async fn over_http() -> Self {
        Self::start(Reach::OverHttp, tempfile::tempdir().unwrap(), volume_settings(), node_settings()).await
    }

    /// The same kind of node with other settings.
    pub async fn again_with(self, volume: VolumeSettings, settings: NodeSettings) -> Self {
        let (reach, directory) = (self.reach, tempfile::tempdir().unwrap());
        self.stop().await;
        Self::start(reach, directory, volume, settings).await
    }

    /// Stops the node and starts it on the same directory.
    pub async fn restart(self) -> Self {
        self.restart_with(node_settings()).await
    }

    pub async fn restart_with(self, settings: NodeSettings) -> Self {
        let reach = self.reach;
        let directory = self.stop().await;
        Self::start(reach, directory, volume_settings(), settings).await
    }

    /// The same; what happens to the volume's directory meanwhile.
    pub async fn restart_after(self, damage: impl FnOnce(&Path)) -> Self {
        let (reach, volume) = (self.reach, self.volume_directory());
        let directory = self.stop().await;
        damage(&volume);
        Self::start(reach, directory, volume_settings(), node_settings()).await
    }

    async fn start(reach: Reach, directory: TempDir, volume: VolumeSettings, settings: NodeSettings) -> Self {
        let (peers, disk, shutdown) = (Arc::<TestPeers>::default(), Arc::<SwitchedDisk>::default(), Shutdown::new());
        let parts = NodeParts {
            directory: directory.path().to_owned(),
            volumes: Vec::new(),
            node: NODE,
            cluster: CLUSTER,
            disk: disk.clone(),
            volume_settings: volume,
            settings: Arc::new(settings.clone()),
            peers: peers.clone(),
            random: Arc::new(SystemRandom),
            clock: Arc::new(SystemClock::new()),
        };
        let (service, _) = NodeService::open(parts).unwrap();
        let (api, address): (Arc<dyn NodeApi>, _) = match reach {
            Reach::ByCall => (Arc::new(service.clone()), None),
            Reach::OverHttp => {
                let address = listen(&service, &settings, &shutdown).await;
                (Arc::new(RemoteNode::new(NODE, address.clone(), remote_parts(settings))), Some(address))
            }
        };
        Self { api, service, peers, disk, address, reach, directory, shutdown }
    }

    pub fn volume_directory(&self) -> PathBuf {
        self.directory.path().join("volume")
    }

    async fn stop(self) -> TempDir {
        let Self { service, directory, shutdown, api, .. } = self;
        drop(api);
        shutdown.begin();
        assert!(shutdown.drained(Duration::from_secs(30)).await, "connections end at a shutdown");
        service.close().unwrap();
        directory
    }

    pub async fn put(&self, chunk: &Chunk) {
        self.api.put_chunk(chunk.put()).await.unwrap();
    }
}

async fn listen(service: &NodeService, settings: &NodeSettings, shutdown: &Shutdown) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let parts = ServeParts {
        service: service.clone(),
        secret: secret(),
        settings: Arc::new(settings.clone()),
        random: Arc::new(SystemRandom),
    };
    shutdown.spawn(serve(listener, parts, shutdown.clone()));
    address
}

/// A chunk with bytes that occur nowhere else.
#[derive(Clone)]
pub struct Chunk {
    pub key: ChunkKey,
    pub bytes: Bytes,
}

impl Chunk {
    pub fn new(blob: u8, index: u32, length: usize) -> Self {
        let mut word = u64::from(blob) << 32 | u64::from(index) << 8 | 1;
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.extend_from_slice(&word.rotate_left(29).to_le_bytes());
        }
        bytes.truncate(length);
        Self { key: ChunkKey { blob: BlobId::from_bytes([blob; 16]), index }, bytes: bytes.into() }
    }

    pub fn table(&self) -> BlockTable {
        BlockTable::new(self.bytes.chunks(BLOCK_LENGTH as usize).map(crc32c).collect())
    }

    pub fn root(&self) -> ChunkRoot {
        self.table().root(self.key, self.bytes.len() as u32)
    }

    pub fn put(&self) -> PutChunk {
        self.put_in_pieces(usize::MAX)
    }

    pub fn put_in_pieces(&self, piece_length: usize) -> PutChunk {
        let pieces = self.bytes.chunks(piece_length.min(self.bytes.len().max(1)));
        let pieces = pieces.map(|piece| self.bytes.slice_ref(piece)).collect();
        let data = ChunkData { pieces, length: self.bytes.len() as u32, table: self.table() };
        PutChunk { term: TERM, group: GROUP, key: self.key, data, root: self.root() }
    }
}

pub fn witness(history: u8, sequence: u64) -> MetadataWitness {
    MetadataWitness { history: HistoryId::from_bytes([history; 16]), commit_sequence: CommitSequence(sequence) }
}

/// Flips a byte of the chunk's payload in the volume's files, wherever it lies.
pub fn flip_stored_byte(directory: &Path, chunk: &Chunk) {
    assert_ne!(flip_below(directory, chunk, 5), 0, "the chunk's payload lies in a file of the volume");
}

/// Flips the byte so far behind the payload's beginning, wherever it lies; how many copies were found and changed.
pub fn flip_below(directory: &Path, chunk: &Chunk, offset: usize) -> u32 {
    let needle = &chunk.bytes[..64.min(chunk.bytes.len())];
    let mut found = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found += flip_below(&path, chunk, offset);
            continue;
        }
        // The node goes on working: a file that it makes ready may get its name meanwhile.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for at in 0..bytes.len().saturating_sub(needle.len()) {
            if bytes[at..].starts_with(needle) {
                write_byte(&path, at + offset, bytes[at + offset] ^ 0x40);
                found += 1;
            }
        }
    }
    found
}

fn write_byte(path: &Path, at: usize, byte: u8) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[byte], at as u64).unwrap();
}

pub fn get(chunk: &Chunk) -> GetChunk {
    GetChunk { term: TERM, key: chunk.key, first_block: 0, block_count: u32::MAX }
}

/// The node has the chunk, and it is the right one.
pub async fn assert_holds(node: &Node, chunk: &Chunk) {
    let slice = node.api.get_chunk(get(chunk)).await.unwrap();
    assert!(slice.is_intact(chunk.key, &chunk.root()));
    assert_eq!(slice.bytes, chunk.bytes);
}

pub async fn assert_lacks(node: &Node, chunk: &Chunk) {
    assert_eq!(node.api.get_chunk(get(chunk)).await.map(|_| ()), Err(NodeError::NotFound));
}

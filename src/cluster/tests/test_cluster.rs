//! A cluster of fake nodes over a real metadata database, for the tests of this layer.

use super::{
    fake_network::FakeNetwork,
    fake_nodes::{FakeNode, Held, Place},
};
use crate::{
    cluster::{
        CarryOutDeletions, ChangeGroups, Cluster, ClusterError, ClusterParts, ClusterSettings, ContentReader,
        ReleaseContents, SendMissing, Succession, WrittenContent, membership::NodeRegistration,
    },
    metadata::{
        Command, Metadata, MetadataSettings, Outcome,
        command::{
            CreateBucket, DeleteObject, NewContent, NodeDuty, PutObject, SaveJobState, VersionAttributes,
            VersionSelector, WritePrecondition,
        },
        rows::{ObjectLookup, ReadFrom},
    },
    node::NodeApi,
    runtime::{Clock, ManualClock, Random, SeededRandom, Shutdown, Step},
    types::{
        BlobId, BlockTable, BucketId, Bypass, ByteSize, ChunkKey, ETag, GroupId, HistoryId, HumanDuration,
        ObjectHeaders, ObjectKey, TagSet, Term, Timestamp, VersionId, VersionLock,
    },
};
use bytes::Bytes;
use futures_util::FutureExt;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

pub const CHUNK: usize = 64 * 1024;

/// Name of the file in the directory that all commands are recorded in.
pub const RECORDS: &str = "commands.jsonl";

pub struct TestCluster {
    pub cluster: Cluster,
    pub metadata: Metadata,
    pub nodes: Vec<Arc<FakeNode>>,
    pub network: Arc<FakeNetwork>,
    pub clock: Arc<ManualClock>,
    pub shutdown: Shutdown,
    pub bucket: BucketId,
    random: Arc<SeededRandom>,
    pub directory: TempDir,
}

/// Chunks of one block, groups few, waits short, no command log.
pub fn quick_settings() -> ClusterSettings {
    ClusterSettings {
        groups_per_node: 4,
        chunk_size: ByteSize(CHUNK as u64),
        straggler_wait: HumanDuration::from_millis(100),
        probe_interval: HumanDuration::from_millis(20),
        memory_budget: ByteSize::mib(32),
        metadata_log_copies: 0,
        ..ClusterSettings::default()
    }
}

impl TestCluster {
    /// Three nodes outside of this process.
    pub async fn start() -> Self {
        Self::with(quick_settings(), 3, Place::Elsewhere).await
    }

    pub async fn with(settings: ClusterSettings, node_count: u8, place: Place) -> Self {
        settings.validate().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_millis(1_700_000_000_000)));
        let random = Arc::new(SeededRandom::new(1));
        let recorded = Some(directory.path().join(RECORDS));
        let metadata_settings = MetadataSettings { record_commands: recorded, ..MetadataSettings::default() };
        let metadata =
            Metadata::open(directory.path(), &metadata_settings, clock.clone(), random.clone()).await.unwrap();
        let network = Arc::new(FakeNetwork::default());
        let shutdown = Shutdown::new();
        let parts = ClusterParts {
            present: Vec::new(),
            metadata: metadata.clone(),
            connector: network.clone(),
            settings,
            clock: clock.clone(),
            random: random.clone(),
            shutdown: shutdown.clone(),
            succession: Succession::WhenFree,
        };
        let cluster = Cluster::start(parts).await.unwrap();
        let create = CreateBucket {
            name: "bucket".parse().unwrap(),
            region: String::new(),
            owner: "root".into(),
            created: Timestamp::default(),
            tags: None,
            object_lock: None,
            acl: Default::default(),
            ownership: None,
            buckets_max: 10_000,
        };
        let bucket = match metadata.propose(Command::CreateBucket(create)).await.unwrap() {
            Outcome::BucketCreated { bucket } => bucket,
            other => panic!("{other:?}"),
        };
        let mut this =
            Self { cluster, metadata, nodes: Vec::new(), network, clock, shutdown, bucket, random, directory };
        for number in 1..=node_count {
            this.join(number, place).await;
        }
        this
    }

    /// Another gateway over the same metadata takes the place of this one. It has heard of no node.
    pub async fn restart_gateway(&mut self) {
        self.succeed(Succession::WhenFree).await;
    }

    /// As `restart_gateway`, by an operator's word.
    pub async fn take_nodes_back(&mut self) {
        self.succeed(Succession::AtOnce).await;
    }

    async fn succeed(&mut self, succession: Succession) {
        self.shutdown.begin();
        self.shutdown = Shutdown::new();
        self.cluster = self.start_over(self.metadata.clone(), self.shutdown.clone(), succession).await;
    }

    async fn start_over(&self, metadata: Metadata, shutdown: Shutdown, succession: Succession) -> Cluster {
        let parts = ClusterParts {
            present: Vec::new(),
            metadata,
            connector: self.network.clone(),
            settings: self.cluster.settings().clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            shutdown,
            succession,
        };
        Cluster::start(parts).await.unwrap()
    }

    /// A gateway whose metadata was restored from a backup of now, and confirmed, takes the nodes, and ends.
    pub async fn lose_nodes_to_another(&self) {
        let folder = tempfile::tempdir().unwrap();
        let (backup, restored) = (folder.path().join("backup"), folder.path().join("restored"));
        self.metadata.backup(&backup).await.unwrap();
        Metadata::restore(&backup, &restored, &*self.clock, &*self.random).await.unwrap();
        let (clock, random) = (self.clock.clone(), self.random.clone());
        let metadata = Metadata::open(&restored, &MetadataSettings::default(), clock, random).await.unwrap();
        let shutdown = Shutdown::new();
        let other = self.start_over(metadata.clone(), shutdown.clone(), Succession::AtOnce).await;
        let history = metadata.history();
        metadata.propose(Command::ConfirmHistory { history, at: self.clock.now() }).await.unwrap();
        for node in &self.nodes {
            let witness = other.membership().reign().witness();
            node.status(other.term(), Some(witness)).await.unwrap();
            node.confirm_history(other.term(), witness).await.unwrap();
        }
        shutdown.begin();
        metadata.close().await;
    }

    /// Makes the node hold a chunk of a blob that nothing names, as if it had held it from its beginning.
    pub fn plant_behind_marks(&self, node: usize) {
        let planted = Held {
            bytes: Bytes::from_static(b"x"),
            table: BlockTable::default(),
            group: GroupId(1),
            term: Term(0),
            sequence: 1,
        };
        let key = ChunkKey { blob: BlobId::from_bytes([100; 16]), index: 0 };
        self.nodes[node].state().chunks.insert(key, planted);
    }

    /// What a job has kept, it has kept under another history of the metadata.
    pub async fn change_history_of_jobs(&self, prefix: &str) {
        let spelled = |history: HistoryId| serde_json::to_string(&history).unwrap();
        let (history, other) = (spelled(self.metadata.history()), spelled(HistoryId::from_bytes([0; 16])));
        let kept = self.metadata.job_states(prefix).await.unwrap();
        assert!(kept.len() == self.nodes.len() && kept.iter().all(|(_, state)| state.contains(&history)), "{kept:?}");
        for (name, state) in kept {
            let job = SaveJobState { name, state: Some(state.replace(&history, &other)) };
            self.metadata.propose(Command::SaveJobState(job)).await.unwrap();
        }
    }

    /// Another node takes its place everywhere, and it still holds what it held.
    pub async fn drain_but_for_surplus(&self, name: &str) {
        self.cluster.set_duty(name, NodeDuty::Draining).await.unwrap();
        let (mut change, mut send) = (ChangeGroups::new(self.cluster.clone()), SendMissing::new(self.cluster.clone()));
        while change.step().await.unwrap() == Step::Busy || send.step().await.unwrap() == Step::Busy {}
    }

    pub async fn join(&mut self, number: u8, place: Place) -> Arc<FakeNode> {
        let node = self.network.add(number, place);
        let registration = NodeRegistration {
            node: node.id(),
            name: format!("node-{number}"),
            address: Some(format!("host-{number}:1")),
            zone: "zone".into(),
            status: node.status_now(),
        };
        self.cluster.membership().register(registration).await.unwrap();
        self.nodes.push(node.clone());
        node
    }

    /// Moves the clock on and looks at the nodes as they stand then; those without a fault are heard of.
    pub async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        for node in &self.nodes {
            if let Some(Ok(status)) = node.status(self.cluster.term(), None).now_or_never() {
                self.cluster.membership().heartbeat(status).await;
            }
        }
        self.cluster.membership().review().await.unwrap();
    }

    pub async fn write(&self, bytes: &[u8]) -> Result<WrittenContent, ClusterError> {
        let mut writer = self.cluster.write(Some(bytes.len() as u64)).await?;
        for slice in bytes.chunks(10_000) {
            writer.write(Bytes::copy_from_slice(slice)).await?;
        }
        writer.finish().await
    }

    pub async fn put(&self, key: &str, bytes: &[u8]) {
        let written = self.write(bytes).await.unwrap();
        self.cluster.commit(written, |content| self.put_command(key, content)).await.unwrap();
    }

    pub fn put_command(&self, key: &str, content: NewContent) -> Command {
        let mut version = [0; 16];
        self.random.fill(&mut version);
        let attributes = VersionAttributes {
            version: VersionId::from_bytes(version),
            created: Timestamp::default(),
            owner: "root".into(),
            headers: ObjectHeaders::default(),
            tags: TagSet::default(),
            lock: VersionLock::default(),
            acl: Default::default(),
        };
        Command::PutObject(PutObject {
            bucket: self.bucket,
            key: ObjectKey::new(key).unwrap(),
            attributes,
            etag: ETag::from_md5([0; 16]),
            checksum: None,
            content,
            precondition: WritePrecondition::None,
            granted: None,
        })
    }

    pub async fn delete(&self, key: &str) {
        let mut marker = [0; 16];
        self.random.fill(&mut marker);
        let delete = DeleteObject {
            bucket: self.bucket,
            key: ObjectKey::new(key).unwrap(),
            version: VersionSelector::Latest,
            marker: VersionId::from_bytes(marker),
            owner: "root".into(),
            at: Timestamp::default(),
            precondition: WritePrecondition::None,
            bypass: Bypass::None,
            granted: None,
        };
        self.metadata.propose(Command::DeleteObject(delete)).await.unwrap();
    }

    pub async fn lookup(&self, key: &str) -> Option<ObjectLookup> {
        let key = ObjectKey::new(key).unwrap();
        let found = self.metadata.lookup(self.bucket, &key, VersionSelector::Latest, ReadFrom::Offset(0)).await;
        found.unwrap()
    }

    pub async fn reader(&self, key: &str) -> ContentReader {
        let guard = self.cluster.begin_read();
        let lookup = self.lookup(key).await.unwrap();
        let size = lookup.object.size;
        self.cluster.read(guard, &lookup, 0..size)
    }

    pub async fn get(&self, key: &str) -> Result<Vec<u8>, ClusterError> {
        read_all(self.reader(key).await).await
    }
}

/// The two steps that make room of what was deleted.
pub struct Deletions {
    pub release: ReleaseContents,
    pub carry_out: CarryOutDeletions,
}

impl Deletions {
    pub fn new(test: &TestCluster) -> Self {
        Self {
            release: ReleaseContents::new(test.cluster.clone()),
            carry_out: CarryOutDeletions::new(test.cluster.clone()),
        }
    }

    /// Until there is nothing to do now.
    pub async fn run(&mut self) {
        while self.release.step().await.unwrap() == Step::Busy {}
        while self.carry_out.step().await.unwrap() == Step::Busy {}
    }
}

pub async fn read_all(mut reader: ContentReader) -> Result<Vec<u8>, ClusterError> {
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// Bytes that differ from place to place.
pub fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i / 251 + i % 251) as u8).collect()
}

/// Waits for what background tasks bring about.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    // Far more rounds than it takes: only a test that would fail gets to the end.
    for _ in 0..5000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never came about that {what}");
}

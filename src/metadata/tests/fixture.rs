//! An open database in a temporary directory, and short ways to say what tests say often.

use crate::{
    metadata::{
        Command, CommandError, Metadata, MetadataHooks, MetadataSettings, Outcome, ProposeError,
        columns::Columns,
        command::*,
        connection,
        outcome::WrittenVersion,
        rows::{
            ListEntry, ListMarker, ListPage, ListQuery, ListedObject, ListedVersion, ObjectLookup, ReadFrom,
            VersionMarker,
        },
    },
    runtime::{ManualClock, SeededRandom},
    types::*,
};
use sqlx::AssertSqlSafe;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub const CHUNK: u32 = 1000;
pub const MIB: u64 = 1 << 20;

pub struct Fixture {
    pub metadata: Metadata,
    pub folder: tempfile::TempDir,
    pub bucket: BucketId,
    pub ids: AtomicU64,
}

pub fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).unwrap()
}

pub fn node(number: u8) -> NodeId {
    NodeId::from_bytes([number; 16])
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

pub fn etag(byte: u8) -> ETag {
    ETag::from_md5([byte; 16])
}

pub fn settings() -> MetadataSettings {
    MetadataSettings { metadata_readers: 2, metadata_reserve: ByteSize::mib(1), ..MetadataSettings::default() }
}

/// Nothing stops the test's process.
pub fn hooks() -> MetadataHooks {
    MetadataHooks { fatal: Arc::new(|reason| panic!("fatal: {reason}")), ..MetadataHooks::default() }
}

pub async fn open(folder: &std::path::Path, settings: &MetadataSettings, hooks: MetadataHooks) -> Metadata {
    let clock = Arc::new(ManualClock::new(at(1_000)));
    Metadata::open_with(folder, settings, clock, Arc::new(SeededRandom::new(7)), hooks).await.unwrap()
}

impl Fixture {
    /// A bucket, three nodes, one group of them.
    pub async fn new() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(mut settings: MetadataSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if settings.record_commands.is_none() {
            settings.record_commands = Some(folder.path().join("commands.jsonl"));
        }
        let metadata = open(&folder.path().join("metadata"), &settings, hooks()).await;
        let fixture = Self { metadata, folder, bucket: BucketId(0), ids: AtomicU64::new(1) };
        for number in 1..=3 {
            fixture.done(register(number)).await;
        }
        fixture.done(Command::CreateGroups { groups: vec![group(1, &[1, 2, 3])] }).await;
        let bucket = fixture.create_bucket("bucket").await;
        Self { bucket, ..fixture }
    }

    pub fn unique(&self) -> [u8; 16] {
        u128::from(self.ids.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
    }

    pub async fn propose(&self, command: Command) -> Result<Outcome, CommandError> {
        match self.metadata.propose(command).await {
            Ok(outcome) => Ok(outcome),
            Err(ProposeError::Refused(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    pub async fn done(&self, command: Command) -> Outcome {
        self.propose(command).await.unwrap()
    }

    pub async fn create_bucket(&self, name: &str) -> BucketId {
        let create = CreateBucket {
            name: name.parse().unwrap(),
            region: String::new(),
            owner: "root".into(),
            created: at(1),
            tags: None,
            object_lock: None,
            acl: Default::default(),
            ownership: None,
            buckets_max: 10_000,
        };
        match self.done(Command::CreateBucket(create)).await {
            Outcome::BucketCreated { bucket } => bucket,
            other => panic!("{other:?}"),
        }
    }

    pub fn blob(&self, size: u64) -> NewBlob {
        NewBlob {
            blob: BlobId::from_bytes(self.unique()),
            group: GroupId(1),
            epoch: Epoch(1),
            size,
            chunk_size: CHUNK.max((size / 4) as u32),
            roots: (0..size.div_ceil(u64::from(CHUNK.max((size / 4) as u32))))
                .map(|index| ChunkRoot::from_bytes([index as u8; 32]))
                .collect(),
            durable_on: vec![node(1), node(2), node(3)],
        }
    }

    /// One blob a size, each named whole.
    pub fn content(&self, sizes: &[u64]) -> NewContent {
        let blobs: Vec<NewBlob> = sizes.iter().map(|size| self.blob(*size)).collect();
        let extents = blobs.iter().map(|blob| Extent { blob: blob.blob, offset: 0, length: blob.size }).collect();
        NewContent { blobs, extents, copies_required: 2 }
    }

    pub fn put_of(&self, name: &str, content: NewContent) -> PutObject {
        PutObject {
            bucket: self.bucket,
            key: key(name),
            attributes: VersionAttributes {
                version: VersionId::from_bytes(self.unique()),
                created: at(10),
                owner: "root".into(),
                headers: ObjectHeaders::default(),
                tags: TagSet::default(),
                lock: VersionLock::default(),
                acl: Default::default(),
            },
            etag: etag(1),
            checksum: None,
            content,
            precondition: WritePrecondition::None,
            granted: None,
        }
    }

    pub async fn put(&self, name: &str, sizes: &[u64]) -> WrittenVersion {
        match self.done(Command::PutObject(self.put_of(name, self.content(sizes)))).await {
            Outcome::Written(written) => written,
            other => panic!("{other:?}"),
        }
    }

    pub fn delete_of(&self, name: &str) -> DeleteObject {
        DeleteObject {
            bucket: self.bucket,
            key: key(name),
            version: VersionSelector::Latest,
            marker: VersionId::from_bytes(self.unique()),
            owner: "root".into(),
            at: at(20),
            precondition: WritePrecondition::None,
            bypass: Bypass::None,
            granted: None,
        }
    }

    pub async fn delete(&self, name: &str) -> Outcome {
        self.done(Command::DeleteObject(self.delete_of(name))).await
    }

    pub fn source(&self, name: &str) -> CopySource {
        CopySource {
            bucket: self.bucket,
            key: key(name),
            version: VersionSelector::Latest,
            conditions: SourceConditions::default(),
            expected_version: None,
        }
    }

    pub fn copy_of(&self, from: &str, to: &str) -> CopyObject {
        CopyObject {
            source: self.source(from),
            bucket: self.bucket,
            key: key(to),
            version: VersionId::from_bytes(self.unique()),
            created: at(30),
            owner: "root".into(),
            headers: Directive::Copy,
            tags: Directive::Copy,
            checksum: Directive::Copy,
            precondition: WritePrecondition::None,
            lock: VersionLock::default(),
            acl: Default::default(),
        }
    }

    /// An append of these bytes to the object as it is now.
    pub async fn append_of(&self, name: &str, sizes: &[u64]) -> AppendObject {
        let found = self.look(name).await.map(|found| found.object).filter(|object| !object.is_delete_marker);
        let mut put = self.put_of(name, self.content(sizes));
        let part_count = found.as_ref().and_then(|object| object.part_count).unwrap_or(1);
        if found.is_some() {
            put.etag = ETag::appended([2; 16], part_count + 1);
        }
        let offset = found.as_ref().map_or(0, |object| object.size);
        AppendObject { put, offset, expected: found.map(|object| object.version), part_checksum: None }
    }

    pub async fn append(&self, name: &str, sizes: &[u64]) -> WrittenVersion {
        match self.done(Command::AppendObject(self.append_of(name, sizes).await)).await {
            Outcome::Written(written) => written,
            other => panic!("{other:?}"),
        }
    }

    pub fn rename_of(&self, from: &str, to: &str) -> RenameObject {
        RenameObject {
            bucket: self.bucket,
            source: key(from),
            destination: key(to),
            source_conditions: SourceConditions::default(),
            destination_conditions: SourceConditions::default(),
            token: None,
            at: at(40),
        }
    }

    pub fn rename_prefix_of(&self, from: &str, to: &str) -> Command {
        Command::RenamePrefix(RenamePrefix { bucket: self.bucket, source: key(from), destination: key(to) })
    }

    pub async fn look(&self, name: &str) -> Option<ObjectLookup> {
        self.metadata.lookup(self.bucket, &key(name), VersionSelector::Latest, ReadFrom::Offset(0)).await.unwrap()
    }

    /// All extents of the object, over all pages, checked to be without gaps.
    pub async fn extents(&self, name: &str) -> Vec<Extent> {
        let found = self.look(name).await.unwrap();
        let (mut extents, mut next) = (found.extents.to_vec(), found.next_offset);
        while let Some(offset) = next {
            let (page, then) = self.metadata.extents(found.object.content.unwrap(), offset).await.unwrap();
            extents.extend(page);
            next = then;
        }
        let mut offset = 0;
        for placed in &extents {
            assert_eq!(placed.content_offset, offset);
            offset += placed.extent.length;
        }
        assert_eq!(offset, found.object.size);
        extents.into_iter().map(|placed| placed.extent).collect()
    }

    /// Steps until nothing is left to unroll; the number of steps.
    pub async fn unroll(&self) -> u32 {
        for step in 0.. {
            if self.done(Command::UnrollDeletedContents { limit: 1000 }).await == (Outcome::Progress { rows: 0 }) {
                return step;
            }
        }
        unreachable!("the loop has no end")
    }

    pub async fn list(
        &self,
        prefix: &str,
        delimiter: &str,
        after: Option<ListMarker>,
        limit: u32,
    ) -> ListPage<ListedObject> {
        let query = ListQuery { bucket: self.bucket, prefix: prefix.into(), delimiter: delimiter.into(), after, limit };
        self.metadata.list_objects(&query).await.unwrap()
    }

    pub async fn set_versioning(&self, versioning: Versioning) {
        self.done(Command::SetBucketVersioning { bucket: self.bucket, versioning }).await;
    }

    /// All versions and delete markers, in pages of `limit`.
    pub async fn versions_in_pages(&self, limit: u32) -> Vec<ListedVersion> {
        let (mut versions, mut after) = (Vec::new(), None);
        loop {
            let page = self.metadata.list_versions(self.bucket, "", "", after.as_ref(), limit).await.unwrap();
            versions.extend(page.entries.into_iter().map(|entry| match entry {
                ListEntry::Item(version) => version,
                ListEntry::CommonPrefix(prefix) => panic!("{prefix} without a delimiter"),
            }));
            if !page.is_truncated {
                return versions;
            }
            after = versions.last().map(|last: &ListedVersion| VersionMarker {
                after: ListMarker::Key(last.object.key.to_string()),
                version: Some(last.name().into()),
            });
        }
    }

    /// Of one key, the newest first.
    pub async fn versions(&self, name: &str) -> Vec<ListedVersion> {
        let mut versions = self.versions_in_pages(1000).await;
        versions.retain(|version| version.object.key == key(name));
        versions
    }

    /// A number that a statement gives.
    pub async fn count(&self, statement: &'static str) -> u64 {
        let mut reader = self.metadata.reader().await.unwrap();
        sqlx::query(statement).fetch_one(&mut *reader).await.unwrap().number(0).unwrap()
    }

    /// Runs a statement beside the writer: for tables of a size that commands would take too long to make.
    pub async fn prepare(&self, statement: &'static str) {
        self.metadata.run_beside(statement).await;
    }

    /// How the engine carries the statement out, a line a loop.
    pub async fn plan(&self, statement: &str) -> Vec<String> {
        let statement = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(statement).fetch_all(&mut *self.metadata.reader().await.unwrap()).await.unwrap();
        rows.iter().map(|row| row.text(3).unwrap().to_owned()).collect()
    }

    /// Steps of the engine that `query` takes, in tens. The reader that is lent next is the one given back last.
    pub async fn engine_steps(&self, query: impl AsyncFnOnce()) -> u64 {
        let steps = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&steps);
        let mut reader = self.metadata.reader().await.unwrap();
        reader.lock_handle().await.unwrap().set_progress_handler(10, move || {
            counted.fetch_add(10, Ordering::Relaxed);
            true
        });
        drop(reader);
        query().await;
        let mut reader = self.metadata.reader().await.unwrap();
        reader.lock_handle().await.unwrap().remove_progress_handler();
        steps.load(Ordering::Relaxed)
    }

    /// What must hold after every command (`apply::contents`).
    pub async fn assert_counts_are_references(&self) {
        for (what, statement) in WRONG_ROWS {
            assert_eq!(self.count(statement).await, 0, "{what}");
        }
    }
}

/// Each counts rows that break an invariant.
const WRONG_ROWS: [(&str, &str); 6] = [
    (
        "contents whose count is not the number of versions and parts that name them",
        "SELECT count(*) FROM contents c WHERE count <>
            (SELECT count(*) FROM versions v WHERE v.content = c.content)
            + (SELECT count(*) FROM parts p WHERE p.content = c.content)",
    ),
    (
        "versions and parts whose content is gone",
        "SELECT (SELECT count(*) FROM versions WHERE is_delete_marker = 0 AND content NOT IN (SELECT content FROM contents))
            + (SELECT count(*) FROM parts WHERE content NOT IN (SELECT content FROM contents))",
    ),
    (
        "blobs whose count is not the number of extents that name them, or that none names",
        "SELECT count(*) FROM blobs b WHERE extent_count = 0
            OR extent_count <> (SELECT count(*) FROM extents e WHERE e.blob = b.blob)",
    ),
    (
        "extents whose blob or content is gone",
        "SELECT count(*) FROM extents WHERE blob NOT IN (SELECT blob FROM blobs)
            OR content NOT IN (SELECT content FROM contents)",
    ),
    ("blobs that are known and deleted", "SELECT count(*) FROM blobs WHERE blob IN (SELECT blob FROM deletions)"),
    (
        "contents that are not as long as their extents, unless they are being unrolled",
        "SELECT count(*) FROM contents c WHERE count > 0 AND size <>
            (SELECT coalesce(sum(length), 0) FROM extents e WHERE e.content = c.content)",
    ),
];

pub fn register(number: u8) -> Command {
    Command::RegisterNode(RegisterNode {
        node: node(number),
        name: format!("node-{number}"),
        address: None,
        zone: format!("zone-{number}"),
        capacity: 1 << 40,
        device: Some("disk".into()),
        volumes: vec![VolumeId::from_bytes([number; 16])],
        at: at(0),
    })
}

pub fn group(number: u64, members: &[u8]) -> NewGroup {
    let members = members.iter().map(|number| node(*number)).collect();
    NewGroup { group: GroupId(number), members, scheme: "replica:3".into() }
}

/// Entries as text: keys as they are, common prefixes in brackets.
pub fn names(page: &ListPage<ListedObject>) -> Vec<String> {
    let name = |entry: &ListEntry<ListedObject>| match entry {
        ListEntry::Item(object) => object.key.to_string(),
        ListEntry::CommonPrefix(prefix) => format!("[{prefix}]"),
    };
    page.entries.iter().map(name).collect()
}

impl Metadata {
    /// Runs a statement beside the writer: what no command does.
    pub(crate) async fn run_beside(&self, statement: &'static str) {
        let mut connection = connection::writer(self.database(), &settings()).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
}

//! An object layer over a cluster of fake nodes, with one bucket called `bucket`.

use crate::{
    cluster::tests::test_cluster::TestCluster,
    identity::Permit,
    metadata::{Command, Outcome},
    objects::{
        BodyError, CompleteInput, CreateBucketInput, CreateUploadInput, ExpectedDigests, GetInput, NamedPart,
        ObjectError, Objects, ObjectsSettings, PutInput, ReadConditions, Selection, StoredPart, UploadBody, UploadName,
        VersionSelector, WritePrecondition, WrittenVersion,
    },
    runtime::SeededRandom,
    types::{BucketName, Checksum, ChecksumAlgorithm, ChecksumKind, ObjectHeaders, ObjectKey, TagSet, VersionLock},
};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use std::{collections::VecDeque, future::poll_fn, sync::Arc, task::Poll};

pub struct Fixture {
    pub objects: Objects,
    pub test: TestCluster,
}

/// A body in pieces that ends as it is told to.
pub struct TestBody {
    pieces: VecDeque<Result<Bytes, BodyError>>,
    pub trailing: Option<Checksum>,
    declared_length: Option<u64>,
}

impl TestBody {
    pub fn of(bytes: &[u8]) -> Self {
        let pieces = bytes.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Self { pieces, trailing: None, declared_length: Some(bytes.len() as u64) }
    }

    /// Breaks after its bytes.
    pub fn broken(bytes: &[u8], error: BodyError) -> Self {
        let mut body = Self::of(bytes);
        body.pieces.push_back(Err(error));
        body
    }

    pub fn declaring(declared_length: u64) -> Self {
        Self { declared_length: Some(declared_length), ..Self::of(b"") }
    }
}

impl UploadBody for TestBody {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, BodyError>> {
        let next = self.pieces.pop_front().transpose();
        Box::pin(async move { next })
    }

    fn declared_length(&self) -> Option<u64> {
        self.declared_length
    }

    fn trailing_checksum(&self) -> Option<Checksum> {
        self.trailing.clone()
    }
}

pub fn bucket() -> BucketName {
    "bucket".parse().unwrap()
}

pub fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).unwrap()
}

pub fn put_input(name: &str) -> PutInput {
    PutInput {
        bucket: bucket(),
        key: key(name),
        owner: "root".into(),
        headers: ObjectHeaders::default(),
        tags: TagSet::default(),
        expected: ExpectedDigests::default(),
        precondition: WritePrecondition::None,
        lock: VersionLock::default(),
        acl: None,
        permit: Permit::full(),
    }
}

pub fn get_input(name: &str) -> GetInput {
    GetInput {
        bucket: bucket(),
        key: key(name),
        version: VersionSelector::Latest,
        permit: Permit::full(),
        conditions: ReadConditions::default(),
        selection: Selection::Whole,
    }
}

impl Fixture {
    pub async fn start() -> Self {
        let test = TestCluster::start().await;
        let (metadata, cluster) = (test.metadata.clone(), test.cluster.clone());
        let (clock, random) = (test.clock.clone(), Arc::new(SeededRandom::new(2)));
        let objects = Objects::new(metadata, cluster, &ObjectsSettings::default(), clock, random).unwrap();
        Self { objects, test }
    }

    pub async fn make_bucket(&self, name: &str) -> Result<(), ObjectError> {
        let input = CreateBucketInput {
            name: name.parse().unwrap(),
            region: String::new(),
            owner: "root".into(),
            tags: None,
            object_lock: None,
            acl: None,
            ownership: None,
        };
        self.objects.create_bucket(input).await
    }

    pub async fn put(&self, name: &str, bytes: &[u8]) -> WrittenVersion {
        self.objects.put(put_input(name), TestBody::of(bytes)).await.unwrap()
    }

    pub async fn get(&self, input: &GetInput) -> Result<Vec<u8>, ObjectError> {
        let (found, mut reader) = self.objects.get(input).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = reader.next().await {
            bytes.extend_from_slice(&piece?);
        }
        assert_eq!(bytes.len() as u64, found.range.end - found.range.start);
        Ok(bytes)
    }

    pub async fn get_whole(&self, name: &str) -> Result<Vec<u8>, ObjectError> {
        self.get(&get_input(name)).await
    }

    /// Chunks on all nodes.
    pub fn chunk_count(&self) -> usize {
        self.test.nodes.iter().map(|node| node.chunk_count()).sum()
    }

    pub async fn create_upload(&self, name: &str, checksum: Option<(ChecksumAlgorithm, ChecksumKind)>) -> UploadName {
        self.create_upload_in(&bucket(), name, checksum).await
    }

    pub async fn create_upload_in(
        &self,
        bucket: &BucketName,
        name: &str,
        checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
    ) -> UploadName {
        let input = CreateUploadInput {
            bucket: bucket.clone(),
            key: key(name),
            owner: "root".into(),
            headers: ObjectHeaders::default(),
            tags: TagSet::default(),
            checksum_algorithm: checksum.map(|(algorithm, _)| algorithm),
            checksum_kind: checksum.map(|(_, kind)| kind),
            lock: VersionLock::default(),
            acl: None,
        };
        let created = self.objects.create_upload(input).await.unwrap();
        UploadName { bucket: bucket.clone(), key: key(name), upload: created.upload }
    }

    pub async fn upload_part(&self, upload: &UploadName, number: u32, bytes: &[u8]) -> StoredPart {
        let body = TestBody::of(bytes);
        self.objects.upload_part(upload, number, &ExpectedDigests::default(), body).await.unwrap()
    }

    /// Lets go of the parts of ended uploads and the contents that nothing names.
    pub async fn release_all(&self) {
        let release = || self.objects.metadata.propose(Command::UnrollDeletedContents { limit: 100 });
        while release().await.unwrap() != (Outcome::Progress { rows: 0 }) {}
    }

    pub async fn complete(
        &self,
        upload: &UploadName,
        parts: &[(u32, &StoredPart)],
    ) -> Result<WrittenVersion, ObjectError> {
        self.objects.complete_upload(&complete_input(upload, parts)).await
    }
}

pub fn complete_input(upload: &UploadName, parts: &[(u32, &StoredPart)]) -> CompleteInput {
    let named = |(number, part): &(u32, &StoredPart)| NamedPart {
        part_number: *number,
        etag: part.etag.clone(),
        checksum: None,
    };
    CompleteInput {
        name: upload.clone(),
        parts: parts.iter().map(named).collect(),
        expected_checksum: None,
        expected_kind: None,
        expected_size: None,
        precondition: WritePrecondition::None,
    }
}

/// Has a request overtaken wherever it waits, again and again. `overtake` lets one wait so often, and says whether it was
/// overtaken then; else it had ended. How often one waits is not always the same: an answer may come before it is waited for.
pub async fn overtake_everywhere(overtake: impl AsyncFn(usize) -> bool) {
    let (mut overtaken, mut ended, mut waits) = (0, 0, 0);
    for _ in 0..1000 {
        if overtake(waits).await {
            (overtaken, waits) = (overtaken + 1, waits + 1);
        } else {
            (ended, waits) = (ended + 1, 0);
        }
        if overtaken >= 10 && ended >= 3 {
            return;
        }
    }
    panic!("{overtaken} were overtaken, {ended} were not");
}

/// The future's output if it waits `waits` times at most before it has one.
pub async fn up_to<T>(mut waits: usize, future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    poll_fn(|context| match future.poll_unpin(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if waits == 0 => Poll::Ready(None),
        Poll::Pending => {
            waits -= 1;
            Poll::Pending
        }
    })
    .await
}

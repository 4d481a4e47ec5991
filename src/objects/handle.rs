//! The handle of the layer: what every verb needs, cheap to clone.

use super::{ObjectError, ObjectsSettings, digest::HashPool, lifecycle::DayLength};
use crate::{
    cluster::Cluster,
    metadata::{Command, Metadata, Outcome, rows::Bucket},
    runtime::{Clock, Random},
    types::{BucketName, Timestamp, UploadId, VersionId},
};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// Objects as S3 means them, over metadata and storage nodes.
#[derive(Clone)]
pub struct Objects {
    pub(super) metadata: Metadata,
    pub(super) cluster: Cluster,
    pub(super) hashes: HashPool,
    /// Of lifecycle rules.
    pub(super) lifecycle_day: DayLength,
    pub(super) buckets_max: u32,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Objects {
    /// Starts the hash threads: fails only when the system gives no thread.
    pub fn new(
        metadata: Metadata,
        cluster: Cluster,
        settings: &ObjectsSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> std::io::Result<Self> {
        let hashes = HashPool::start(settings.effective_hash_threads())?;
        let lifecycle_day = DayLength::new(settings.lifecycle_day.0);
        Ok(Self { metadata, cluster, hashes, lifecycle_day, buckets_max: settings.buckets_max, clock, random })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn new_version_id(&self) -> VersionId {
        VersionId::from_uuid(self.new_uuid())
    }

    pub(super) fn new_upload_id(&self) -> UploadId {
        UploadId::from_uuid(self.new_uuid())
    }

    /// A UUIDv7: neighbours in time are neighbours in an index.
    fn new_uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.random.fill(&mut random);
        let millis = u64::try_from(self.now().unix_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    pub(super) async fn bucket(&self, name: &BucketName) -> Result<Bucket, ObjectError> {
        self.metadata.bucket(name).await?.ok_or(ObjectError::NoSuchBucket)
    }

    /// What a read in the bucket did not find may have gone with the bucket, after it was looked up: the error for that.
    pub(super) async fn still_there(&self, bucket: &Bucket) -> Result<(), ObjectError> {
        let now = self.bucket(&bucket.name).await?;
        if now.id == bucket.id { Ok(()) } else { Err(ObjectError::Overtaken) }
    }

    pub(super) async fn propose(&self, command: Command) -> Result<Outcome, ObjectError> {
        Ok(self.metadata.propose(command).await?)
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

/// An outcome that the command cannot have: a fault of ours, said instead of a panic.
pub(super) fn unexpected(outcome: &Outcome) -> ObjectError {
    ObjectError::Internal(format!("the metadata answered with {outcome:?}, which the command cannot have"))
}

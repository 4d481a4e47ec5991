//! Object Lock: configurations of buckets, retentions and legal holds of versions. What a lock keeps is decided inside the
//! commit (`metadata/apply/locks.rs`). Source: Amazon S3 API Reference, "PutObjectLockConfiguration",
//! "PutObjectRetention", "PutObjectLegalHold" and their reading halves.

use super::{Bucket, ObjectError, Objects, VersionSelector, get::missing, handle::unexpected};
use crate::{
    identity::Permit,
    metadata::{
        Command, CommandError, Outcome, ProposeError,
        command::{SetObjectLegalHold, SetObjectRetention},
    },
    types::{BucketName, Bypass, LegalHold, ObjectKey, ObjectLockConfiguration, Retention, VersionLock},
};

/// A version that is to be locked or freed.
#[derive(Clone, Debug)]
pub struct LockTarget {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub version: VersionSelector,
    pub permit: Permit,
}

impl Objects {
    pub async fn object_lock(&self, name: &BucketName) -> Result<ObjectLockConfiguration, ObjectError> {
        self.bucket(name).await?.object_lock.ok_or(ObjectError::NoSuchObjectLockConfiguration)
    }

    pub async fn set_object_lock(
        &self,
        name: &BucketName,
        configuration: ObjectLockConfiguration,
    ) -> Result<(), ObjectError> {
        let bucket = self.bucket(name).await?;
        match self.propose(Command::SetBucketObjectLock { bucket: bucket.id, configuration }).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// What was set, whether its date has come or not.
    pub async fn retention(&self, target: &LockTarget) -> Result<Retention, ObjectError> {
        self.lock_of(target).await?.retention.ok_or(ObjectError::VersionHasNoLock)
    }

    /// `None` removes it.
    pub async fn set_retention(
        &self,
        target: LockTarget,
        retention: Option<Retention>,
        bypass: Bypass,
    ) -> Result<(), ObjectError> {
        let bucket = self.bucket_with_lock(&target.bucket).await?;
        self.check_is_ahead(retention, "RetainUntilDate")?;
        let LockTarget { key, version, .. } = target.clone();
        let at = self.now();
        let command = SetObjectRetention { bucket: bucket.id, key, version, retention, at, bypass };
        self.change_lock(Command::SetObjectRetention(command), &target).await
    }

    pub async fn legal_hold(&self, target: &LockTarget) -> Result<LegalHold, ObjectError> {
        self.lock_of(target).await?.legal_hold.ok_or(ObjectError::VersionHasNoLock)
    }

    pub async fn set_legal_hold(&self, target: LockTarget, legal_hold: LegalHold) -> Result<(), ObjectError> {
        let bucket = self.bucket_with_lock(&target.bucket).await?;
        let LockTarget { key, version, .. } = target.clone();
        let command = SetObjectLegalHold { bucket: bucket.id, key, version, legal_hold };
        self.change_lock(Command::SetObjectLegalHold(command), &target).await
    }

    async fn lock_of(&self, target: &LockTarget) -> Result<VersionLock, ObjectError> {
        self.bucket_with_lock(&target.bucket).await?;
        Ok(self.version_of(&target.bucket, &target.key, target.version, target.permit).await?.object.lock)
    }

    async fn bucket_with_lock(&self, name: &BucketName) -> Result<Bucket, ObjectError> {
        let bucket = self.bucket(name).await?;
        if bucket.object_lock.is_some() { Ok(bucket) } else { Err(ObjectError::BucketHasNoLock) }
    }

    async fn change_lock(&self, command: Command, target: &LockTarget) -> Result<(), ObjectError> {
        match self.metadata.propose(command).await {
            Ok(Outcome::Changed(_)) => Ok(()),
            Ok(other) => Err(unexpected(&other)),
            Err(ProposeError::Refused(CommandError::IsDeleteMarker)) => {
                // What a read says of the marker, unless it is gone by now.
                let LockTarget { bucket, key, version, permit } = target;
                Err(self.version_of(bucket, key, *version, *permit).await.err().unwrap_or_else(|| missing(*version)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A lock that a write asks for is refused before its body is read where it is impossible. The commit decides again.
    pub(super) fn foresee_lock(&self, bucket: &Bucket, asked: VersionLock) -> Result<(), ObjectError> {
        if asked == VersionLock::default() {
            return Ok(());
        }
        if bucket.object_lock.is_none() {
            return Err(ObjectError::BucketHasNoLock);
        }
        self.check_is_ahead(asked.retention, "x-amz-object-lock-retain-until-date")
    }

    fn check_is_ahead(&self, retention: Option<Retention>, name: &'static str) -> Result<(), ObjectError> {
        let Some(Retention { until, .. }) = retention.filter(|retention| retention.until <= self.now()) else {
            return Ok(());
        };
        let reason = "The retain until date must be in the future!";
        Err(ObjectError::InvalidArgument { name, value: until.to_iso_8601(), reason })
    }
}

//! Tags of objects and buckets. Source: Amazon S3 API Reference, "PutObjectTagging", "PutBucketTagging".

use super::{ObjectError, Objects, VersionSelector, get::missing, handle::unexpected, overtaken::unless_overtaken};
use crate::{
    identity::Permit,
    metadata::{
        Command, CommandError, Outcome, ProposeError,
        rows::{ObjectVersion, ReadFrom},
    },
    types::{AclRules, BucketName, ObjectKey, TagSet, VersionName},
};
use std::sync::Arc;

/// A version, for what is kept with it (tags, owner, access control list).
#[derive(Clone, Debug)]
pub struct KeptVersion {
    pub object: Arc<ObjectVersion>,
    /// What clients are told of its name.
    pub version: Option<VersionName>,
    /// What its bucket says about access control lists.
    pub acl_rules: AclRules,
}

impl Objects {
    pub async fn version_of(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionSelector,
        permit: Permit,
    ) -> Result<KeptVersion, ObjectError> {
        let found = self.find_version(bucket, key, version, ReadFrom::Nothing, permit).await?;
        let object = found.lookup.object;
        Ok(KeptVersion { version: object.shown(found.versioning), object, acl_rules: found.access.rules })
    }

    /// Replaces the whole set; an empty one removes it. What clients are told of the version's name.
    pub async fn set_object_tags(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionSelector,
        tags: TagSet,
    ) -> Result<Option<VersionName>, ObjectError> {
        let bucket = self.bucket(bucket).await?;
        let command = Command::SetObjectTags { bucket: bucket.id, key: key.clone(), version, tags };
        match self.metadata.propose(command).await {
            Ok(Outcome::Changed(changed)) => Ok(changed.version),
            Ok(other) => Err(unexpected(&other)),
            Err(ProposeError::Refused(CommandError::IsDeleteMarker)) => Err(missing(version)),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn bucket_tags(&self, bucket: &BucketName) -> Result<TagSet, ObjectError> {
        unless_overtaken(|| self.try_bucket_tags(bucket)).await
    }

    async fn try_bucket_tags(&self, bucket: &BucketName) -> Result<TagSet, ObjectError> {
        let bucket = self.bucket(bucket).await?;
        if let Some(tags) = self.metadata.bucket_tags(bucket.id).await? {
            return Ok(tags);
        }
        self.still_there(&bucket).await?;
        Err(ObjectError::NoSuchTagSet)
    }

    /// `None` removes the set.
    pub async fn set_bucket_tags(&self, bucket: &BucketName, tags: Option<TagSet>) -> Result<(), ObjectError> {
        let bucket = self.bucket(bucket).await?;
        match self.propose(Command::SetBucketTags { bucket: bucket.id, tags }).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

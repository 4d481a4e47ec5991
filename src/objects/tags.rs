//! Tags of objects and buckets. Source: Amazon S3 API Reference, "PutObjectTagging", "PutBucketTagging".

use super::{ObjectError, Objects, VersionSelector, handle::unexpected, overtaken::unless_overtaken};
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
        permit: Permit,
    ) -> Result<Option<VersionName>, ObjectError> {
        unless_overtaken(|| self.try_set_object_tags(bucket, key, version, &tags, permit)).await
    }

    async fn try_set_object_tags(
        &self,
        name: &BucketName,
        key: &ObjectKey,
        version: VersionSelector,
        tags: &TagSet,
        permit: Permit,
    ) -> Result<Option<VersionName>, ObjectError> {
        let (bucket, key) = (self.bucket(name).await?.id, key.clone());
        let command = Command::SetObjectTags { bucket, key: key.clone(), version, tags: tags.clone() };
        match self.metadata.propose(command).await {
            Ok(Outcome::Changed(changed)) => Ok(changed.version),
            Ok(other) => Err(unexpected(&other)),
            Err(ProposeError::Refused(CommandError::IsDeleteMarker)) => {
                Err(self.marker_refusal(name, &key, version, permit).await)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Of tags on a delete marker, which S3 refuses alike whether the marker was named or is the newest version. A read says
    /// what it is, unless it is gone by now.
    async fn marker_refusal(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionSelector,
        permit: Permit,
    ) -> ObjectError {
        match self.version_of(bucket, key, version, permit).await {
            Ok(_) => ObjectError::Overtaken,
            Err(ObjectError::CurrentIsDeleteMarker { version, modified }) => {
                ObjectError::VersionIsDeleteMarker { version, modified }
            }
            Err(error) => error,
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

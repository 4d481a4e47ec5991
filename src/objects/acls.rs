//! Access control lists of buckets and of versions, and what a bucket says about them. Whether a list may be set is
//! decided inside the commit (`metadata/apply/acls.rs`). Source: Amazon S3 API Reference, "PutBucketAcl",
//! "PutObjectAcl", "PutBucketOwnershipControls", "PutPublicAccessBlock" and their reading halves.

use super::{Bucket, ObjectError, Objects, VersionSelector, handle::unexpected, overtaken::unless_overtaken};
use crate::{
    identity::{BucketFacts, Permit},
    metadata::{
        Command, CommandError, Outcome, ProposeError,
        command::{SetBucketAcl, SetObjectAcl},
    },
    types::{Acl, AclRefused, BucketAccess, BucketName, ObjectKey, ObjectOwnership, PublicAccessBlock, VersionName},
};

/// A bucket's list as clients are shown it.
#[derive(Clone, Debug)]
pub struct BucketLists {
    pub owner: String,
    pub acl: Acl,
}

/// The list that a write is to give, private where it says nothing. What the bucket does not take is refused before the
/// body is read; the commit decides again.
pub(super) fn foresee_acl(bucket: &Bucket, asked: Option<Acl>) -> Result<Acl, ObjectError> {
    let acl = asked.unwrap_or_default();
    bucket.access.rules.check(acl).map_err(|refused| match refused {
        AclRefused::Disabled => ObjectError::AclsDisabled,
        AclRefused::Public => ObjectError::PublicAclsBlocked,
    })?;
    Ok(acl)
}

impl Objects {
    /// What decides whether somebody without credentials may do something to the bucket.
    pub async fn bucket_facts(&self, name: &BucketName) -> Result<BucketFacts, ObjectError> {
        let bucket = self.metadata.bucket(name).await?;
        Ok(bucket.map_or(BucketFacts::Absent, |bucket| BucketFacts::Present(bucket.access)))
    }

    pub async fn bucket_acl(&self, name: &BucketName) -> Result<BucketLists, ObjectError> {
        let bucket = self.bucket(name).await?;
        let BucketAccess { acl, rules } = bucket.access;
        Ok(BucketLists { owner: bucket.owner, acl: rules.shown(acl) })
    }

    pub async fn set_bucket_acl(&self, name: &BucketName, acl: Acl, permit: Permit) -> Result<(), ObjectError> {
        let bucket = self.bucket(name).await?.id;
        self.change_bucket(Command::SetBucketAcl(SetBucketAcl { bucket, acl, granted: permit.needs_grant() })).await
    }

    /// What clients are told of the version's name.
    pub async fn set_object_acl(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionSelector,
        acl: Acl,
        permit: Permit,
    ) -> Result<Option<VersionName>, ObjectError> {
        unless_overtaken(|| self.try_set_object_acl(bucket, key, version, acl, permit)).await
    }

    /// The version is looked at first, as by a read, for its refusals: who may not know what is there is not told by
    /// the commit.
    async fn try_set_object_acl(
        &self,
        name: &BucketName,
        key: &ObjectKey,
        version: VersionSelector,
        acl: Acl,
        permit: Permit,
    ) -> Result<Option<VersionName>, ObjectError> {
        self.version_of(name, key, version, permit).await?;
        let (bucket, key, granted) = (self.bucket(name).await?.id, key.clone(), permit.needs_grant());
        let command = Command::SetObjectAcl(SetObjectAcl { bucket, key, version, acl, granted });
        match self.metadata.propose(command).await {
            Ok(Outcome::Changed(changed)) => Ok(changed.version),
            Ok(other) => Err(unexpected(&other)),
            Err(ProposeError::Refused(
                CommandError::NoSuchBucket
                | CommandError::NoSuchKey
                | CommandError::NoSuchVersion
                | CommandError::IsDeleteMarker,
            )) => Err(ObjectError::Overtaken),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn ownership(&self, name: &BucketName) -> Result<ObjectOwnership, ObjectError> {
        self.bucket(name).await?.access.rules.ownership.ok_or(ObjectError::NoSuchOwnershipControls)
    }

    /// `None` removes it.
    pub async fn set_ownership(
        &self,
        name: &BucketName,
        ownership: Option<ObjectOwnership>,
    ) -> Result<(), ObjectError> {
        let bucket = self.bucket(name).await?.id;
        self.change_bucket(Command::SetBucketOwnership { bucket, ownership }).await
    }

    pub async fn public_access_block(&self, name: &BucketName) -> Result<PublicAccessBlock, ObjectError> {
        self.bucket(name).await?.access.rules.block.ok_or(ObjectError::NoSuchPublicAccessBlock)
    }

    /// `None` removes it.
    pub async fn set_public_access_block(
        &self,
        name: &BucketName,
        block: Option<PublicAccessBlock>,
    ) -> Result<(), ObjectError> {
        let bucket = self.bucket(name).await?.id;
        self.change_bucket(Command::SetPublicAccessBlock { bucket, block }).await
    }

    async fn change_bucket(&self, command: Command) -> Result<(), ObjectError> {
        match self.propose(command).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

//! DeleteObject and DeleteObjects. Deleting what is not there succeeds. Source: Amazon S3 API Reference,
//! "DeleteObject" and "DeleteObjects".

use super::{ObjectError, Objects, VersionSelector, WritePrecondition, handle::unexpected};
use crate::{
    identity::Permit,
    metadata::{Command, Outcome, command::DeleteObject, outcome::DeletedVersion},
    types::{BucketId, BucketName, Bypass, ObjectKey},
};
use futures_util::future::join_all;

/// Keys of one DeleteObjects. Amazon S3 API Reference: 1000.
pub const DELETE_MANY_MAX: usize = 1000;

/// One key to delete, or one of its versions.
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteEntry {
    pub key: ObjectKey,
    pub version: VersionSelector,
    pub precondition: WritePrecondition,
    pub bypass: Bypass,
}

impl Objects {
    pub async fn delete(
        &self,
        bucket: &BucketName,
        entry: DeleteEntry,
        owner: &str,
        permit: Permit,
    ) -> Result<DeletedVersion, ObjectError> {
        let bucket = self.bucket(bucket).await?;
        self.delete_entry(bucket.id, entry, owner, permit).await
    }

    /// One outcome an entry, in order. The commands are proposed together, so that they share commits; each stands for
    /// itself. At most `DELETE_MANY_MAX` entries.
    pub async fn delete_many(
        &self,
        bucket: &BucketName,
        entries: Vec<DeleteEntry>,
        owner: &str,
        permit: Permit,
    ) -> Result<Vec<Result<DeletedVersion, ObjectError>>, ObjectError> {
        if entries.len() > DELETE_MANY_MAX {
            return Err(ObjectError::InvalidRequest(format!("more than {DELETE_MANY_MAX} keys")));
        }
        let bucket = self.bucket(bucket).await?;
        Ok(join_all(entries.into_iter().map(|entry| self.delete_entry(bucket.id, entry, owner, permit))).await)
    }

    async fn delete_entry(
        &self,
        bucket: BucketId,
        entry: DeleteEntry,
        owner: &str,
        permit: Permit,
    ) -> Result<DeletedVersion, ObjectError> {
        let precondition = entry.precondition.clone();
        let command = Command::DeleteObject(DeleteObject {
            bucket,
            key: entry.key,
            version: entry.version,
            marker: self.new_version_id(),
            owner: owner.to_owned(),
            at: self.now(),
            precondition: entry.precondition,
            bypass: entry.bypass,
            granted: permit.needs_grant(),
        });
        match self.propose(command).await {
            Ok(Outcome::Deleted(deleted)) => Ok(deleted),
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(precondition.name_failure(error)),
        }
    }
}

//! Access control lists inside the commit: whether a bucket takes a list, and changes of lists and of what buckets say
//! about them. A list that is there already is never refused: renames and appends keep theirs, and so do completed uploads
//! but where lists are disabled by then.
//! Source: Amazon S3 API Reference, PutBucketAcl, PutObjectAcl, PutBucketOwnershipControls, PutPublicAccessBlock.

use super::{
    kept,
    transaction::{ApplyError, Transaction},
    versions,
};
use crate::{
    metadata::{
        columns::{Columns, acl_code, number, ownership_code, public_access_block_code},
        command::{SetBucketAcl, SetObjectAcl},
        outcome::{ChangedVersion, CommandError, Outcome},
        script::Script,
    },
    types::{
        Acl, AclRefused, AclRules, BucketAccess, BucketId, ObjectOwnership, Permission, PublicAccessBlock, VersionName,
    },
};

/// Whether the list may be set in a bucket with these rules.
pub(super) fn check(acl: Acl, rules: AclRules) -> Result<(), CommandError> {
    rules.check(acl).map_err(|refused| match refused {
        AclRefused::Disabled => CommandError::AclsDisabled,
        AclRefused::Public => CommandError::PublicAclsBlocked,
    })
}

/// A list that is more than the owner's full control does not go with an enforced owner.
pub(super) fn check_together(acl: Acl, ownership: Option<ObjectOwnership>) -> Result<(), CommandError> {
    AclRules { ownership, block: None }.check(acl).map_err(|_| CommandError::AclAgainstOwnership)
}

fn check_granted(acl: Acl, rules: AclRules, asked: Option<Permission>) -> Result<(), CommandError> {
    match asked {
        Some(permission) if !rules.give_everybody(acl, permission) => Err(CommandError::NotGranted),
        Some(_) | None => Ok(()),
    }
}

/// Whether the bucket's list still gives everybody what the write of somebody without credentials needs. Its body may have taken long.
pub(super) async fn check_write(
    bucket: BucketId,
    granted: Option<Permission>,
    tx: &mut Transaction<'_>,
) -> Result<(), ApplyError> {
    if granted.is_some() {
        let BucketAccess { acl, rules } = read_access(bucket, tx).await?;
        check_granted(acl, rules, granted)?;
    }
    Ok(())
}

const READ_ACCESS: &str = "SELECT acl, ownership, public_access_block FROM buckets WHERE bucket = $1";

async fn read_access(bucket: BucketId, tx: &mut Transaction<'_>) -> Result<BucketAccess, ApplyError> {
    let row = tx.fetch_optional(Script::of(READ_ACCESS).with(number(bucket.0))).await?;
    let row = row.ok_or(CommandError::NoSuchBucket)?;
    Ok(BucketAccess { acl: row.acl(0)?, rules: row.acl_rules(1)? })
}

const SET_BUCKET_ACL: &str = "UPDATE buckets SET acl = $2 WHERE bucket = $1";

/// Afterwards the bucket has this list, or its rules about lists refuse it.
pub(super) async fn set_of_bucket(command: &SetBucketAcl, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let BucketAccess { acl, rules } = read_access(command.bucket, tx).await?;
    check_granted(acl, rules, command.granted)?;
    check(command.acl, rules)?;
    let script = Script::of(SET_BUCKET_ACL).with(number(command.bucket.0)).with(acl_code(command.acl));
    tx.execute(script).await?;
    Ok(Outcome::Done)
}

const SET_OBJECT_ACL: &str = "UPDATE versions SET acl = $4 WHERE bucket = $1 AND key = $2 AND sequence = $3";

/// Afterwards the version has this list, or the bucket's rules about lists refuse it.
pub(super) async fn set_of_object(command: &SetObjectAcl, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let SetObjectAcl { bucket, key, version, acl, granted } = command;
    let state = versions::read(*bucket, key, *version, tx).await?;
    let row = state.version.ok_or_else(|| versions::not_found(*version))?;
    if row.is_delete_marker {
        return Err(CommandError::IsDeleteMarker.into());
    }
    let present = kept::read(*bucket, key, &row, tx).await?.acl;
    check_granted(present, state.acl_rules, *granted)?;
    check(*acl, state.acl_rules)?;
    let script = Script::of(SET_OBJECT_ACL).with(number(bucket.0)).with(key.as_bytes()).with(number(row.sequence.0));
    tx.execute(script.with(acl_code(*acl))).await?;
    let version = state.versioning.shows_versions().then(|| VersionName::of(row.version, row.is_null));
    Ok(Outcome::Changed(ChangedVersion { version }))
}

const SET_OWNERSHIP: &str = "UPDATE buckets SET ownership = $2 WHERE bucket = $1";

/// Afterwards the bucket has this Object Ownership, or none. Lists of objects stay as they are; disabled, they have no
/// effect.
pub(super) async fn set_ownership(
    bucket: BucketId,
    ownership: Option<ObjectOwnership>,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    check_together(read_access(bucket, tx).await?.acl, ownership)?;
    tx.execute(Script::of(SET_OWNERSHIP).with(number(bucket.0)).with(ownership.map(ownership_code))).await?;
    Ok(Outcome::Done)
}

const SET_BLOCK: &str = "UPDATE buckets SET public_access_block = $2 WHERE bucket = $1";

/// Afterwards the bucket has these flags, or none. Lists that are there stay as they are.
pub(super) async fn set_public_access_block(
    bucket: BucketId,
    block: Option<PublicAccessBlock>,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let script = Script::of(SET_BLOCK).with(number(bucket.0)).with(block.map(public_access_block_code));
    match tx.execute(script).await? {
        0 => Err(CommandError::NoSuchBucket.into()),
        _ => Ok(Outcome::Done),
    }
}

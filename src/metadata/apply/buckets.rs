//! Buckets. Source: Amazon S3 API Reference, CreateBucket, DeleteBucket, PutBucketTagging, PutBucketCors,
//! PutBucketVersioning, PutBucketWebsite, PutObjectLockConfiguration.

use super::{
    acls, lifecycle,
    transaction::{ApplyError, Transaction},
};
use crate::{
    metadata::{
        columns::{Columns, acl_code, number, object_lock_text, ownership_code, time, versioning_code, versioning_of},
        command::CreateBucket,
        outcome::{CommandError, Outcome},
        script::Script,
    },
    types::{BucketId, CorsConfiguration, ObjectLockConfiguration, TagSet, Versioning, WebsiteConfiguration},
};

const READ_OWNER: &str = "SELECT owner FROM buckets WHERE name = $1";
const COUNT_BUCKETS: &str = "SELECT count(*) FROM buckets";
const INSERT_BUCKET: &str = "
    INSERT INTO buckets (bucket, name, region, owner, created, tags, versioning, object_lock, acl, ownership)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

pub(super) async fn create(command: &CreateBucket, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let name = command.name.as_str();
    if let Some(row) = tx.fetch_optional(Script::of(READ_OWNER).with(name)).await? {
        return Err(match row.text(0)? == command.owner {
            true => CommandError::BucketAlreadyOwnedByYou.into(),
            false => CommandError::BucketAlreadyExists.into(),
        });
    }
    if tx.fetch_number(Script::of(COUNT_BUCKETS)).await? >= Some(command.buckets_max.into()) {
        return Err(CommandError::TooManyBuckets.into());
    }
    acls::check_together(command.acl, command.ownership)?;
    let bucket = BucketId(tx.sequence().0);
    let mut script = Script::of(INSERT_BUCKET);
    script.bind(number(bucket.0)).bind(name).bind(&command.region).bind(&command.owner);
    script.bind(time(command.created)).bind(command.tags.as_ref().map(tags_text));
    let versioning = if command.object_lock.is_some() { Versioning::Enabled } else { Versioning::Never };
    script.bind(versioning_code(versioning)).bind(command.object_lock.map(object_lock_text));
    script.bind(acl_code(command.acl)).bind(command.ownership.map(ownership_code));
    tx.execute(script).await?;
    Ok(Outcome::BucketCreated { bucket })
}

/// Unlike an object's tags, an empty set is kept: it was set.
fn tags_text(tags: &TagSet) -> String {
    serde_json::to_string(tags).expect("maps of strings always serialise")
}

const READ_EMPTINESS: &str = "
    SELECT EXISTS (SELECT 1 FROM versions v WHERE v.bucket = b.bucket) FROM buckets b WHERE b.bucket = $1";
const DELETE_BUCKET: &str = "DELETE FROM buckets WHERE bucket = $1";
const QUEUE_UPLOADS: &str = "
    INSERT INTO ended_buckets (bucket)
    SELECT $1 + 0 WHERE EXISTS (SELECT 1 FROM uploads u WHERE u.bucket = $1)";

/// Afterwards the bucket is gone and the uploads that were open in it are queued to end, or it had versions and nothing
/// changed. Open uploads don't keep a bucket, as in S3.
pub(super) async fn delete(bucket: BucketId, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    match tx.fetch_number(Script::of(READ_EMPTINESS).with(number(bucket.0))).await? {
        None => return Err(CommandError::NoSuchBucket.into()),
        Some(0) => {}
        Some(_) => return Err(CommandError::BucketNotEmpty.into()),
    }
    let mut script = Script::of(QUEUE_UPLOADS).with(number(bucket.0));
    lifecycle::end_bucket(bucket, &mut script);
    script.add(DELETE_BUCKET).bind(number(bucket.0));
    tx.execute(script).await?;
    Ok(Outcome::Done)
}

const SET_TAGS: &str = "UPDATE buckets SET tags = $2 WHERE bucket = $1";

pub(super) async fn set_tags(
    bucket: BucketId,
    tags: Option<&TagSet>,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let script = Script::of(SET_TAGS).with(number(bucket.0)).with(tags.map(tags_text));
    match tx.execute(script).await? {
        0 => Err(CommandError::NoSuchBucket.into()),
        _ => Ok(Outcome::Done),
    }
}

const SET_CORS: &str = "UPDATE buckets SET cors = $2 WHERE bucket = $1";

pub(super) async fn set_cors(
    bucket: BucketId,
    cors: Option<&CorsConfiguration>,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let text = cors.map(|cors| serde_json::to_string(cors).expect("lists of strings always serialise"));
    match tx.execute(Script::of(SET_CORS).with(number(bucket.0)).with(text)).await? {
        0 => Err(CommandError::NoSuchBucket.into()),
        _ => Ok(Outcome::Done),
    }
}

const SET_WEBSITE: &str = "UPDATE buckets SET website = $2 WHERE bucket = $1";

pub(super) async fn set_website(
    bucket: BucketId,
    website: Option<&WebsiteConfiguration>,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let text = website.map(|website| serde_json::to_string(website).expect("texts and numbers always serialise"));
    match tx.execute(Script::of(SET_WEBSITE).with(number(bucket.0)).with(text)).await? {
        0 => Err(CommandError::NoSuchBucket.into()),
        _ => Ok(Outcome::Done),
    }
}

const READ_VERSIONING: &str = "SELECT versioning, object_lock IS NOT NULL FROM buckets WHERE bucket = $1";
const SET_VERSIONING: &str = "UPDATE buckets SET versioning = $2 WHERE bucket = $1";

/// Afterwards writes to the bucket keep versions, or no longer do. A bucket with Object Lock keeps them for good.
pub(super) async fn set_versioning(
    bucket: BucketId,
    versioning: Versioning,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    if versioning == Versioning::Never {
        let reason = "a bucket can't be made one that never kept versions".to_owned();
        return Err(CommandError::Malformed { reason }.into());
    }
    let row = tx.fetch_optional(Script::of(READ_VERSIONING).with(number(bucket.0))).await?;
    let has_lock = row.ok_or(CommandError::NoSuchBucket)?.flag(1)?;
    if has_lock && !versioning.keeps_versions() {
        return Err(CommandError::VersioningIsLocked.into());
    }
    tx.execute(Script::of(SET_VERSIONING).with(number(bucket.0)).with(versioning_code(versioning))).await?;
    Ok(Outcome::Done)
}

const SET_OBJECT_LOCK: &str = "UPDATE buckets SET object_lock = $2 WHERE bucket = $1";

/// Afterwards the bucket has Object Lock, for good, with this default and no other.
pub(super) async fn set_object_lock(
    bucket: BucketId,
    configuration: ObjectLockConfiguration,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let row = tx.fetch_optional(Script::of(READ_VERSIONING).with(number(bucket.0))).await?;
    let versioning = versioning_of(row.ok_or(CommandError::NoSuchBucket)?.number(0)?)?;
    if !versioning.keeps_versions() {
        return Err(CommandError::VersionsNotKept.into());
    }
    tx.execute(Script::of(SET_OBJECT_LOCK).with(number(bucket.0)).with(object_lock_text(configuration))).await?;
    Ok(Outcome::Done)
}

//! Multipart uploads: begin, abort, forget. Source: Amazon S3 API Reference, CreateMultipartUpload, AbortMultipartUpload.
//!
//! An upload that ends leaves its parts to `deletions`, which releases them in bounded steps.

use super::{
    acls,
    lifecycle::Watch,
    locks,
    transaction::{ApplyError, Transaction},
};
use crate::{
    metadata::{
        columns::{
            Columns, acl_code, algorithm_code, kind_code, number, object_lock_of, other_headers, tags_text, time,
        },
        command::CreateUpload,
        outcome::{CommandError, Outcome},
        script::Script,
    },
    types::{BucketId, ObjectKey, Timestamp, UploadId},
};

const BUCKET_EXISTS: &str = "SELECT 1 FROM buckets WHERE bucket = $1";
const READ_BUCKET: &str =
    "SELECT object_lock, lifecycle_soonest, ownership, public_access_block FROM buckets WHERE bucket = $1";
const INSERT_UPLOAD: &str = "
    INSERT INTO uploads (bucket, key, upload, initiated, owner, content_type, headers, tags, checksum_algorithm,
        checksum_kind, retention_mode, retain_until, legal_hold, acl)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

pub(super) async fn create(command: &CreateUpload, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let bucket = tx.fetch_optional(Script::of(READ_BUCKET).with(number(command.bucket.0))).await?;
    let bucket = bucket.ok_or(CommandError::NoSuchBucket)?;
    locks::check_possible(command.lock, object_lock_of(bucket.optional_text(0)?)?)?;
    let watch = Watch::from_column(&bucket, 1)?;
    acls::check(command.acl, bucket.acl_rules(2)?)?;
    let mut script = Script::of(INSERT_UPLOAD);
    script.bind(number(command.bucket.0)).bind(command.key.as_bytes()).bind(&command.upload.as_bytes()[..]);
    script.bind(time(command.initiated)).bind(&command.owner);
    script.bind(command.headers.system.content_type.as_deref()).bind(other_headers(&command.headers));
    script.bind(tags_text(&command.tags));
    script.bind(command.checksum.map(|(algorithm, _)| algorithm_code(algorithm)));
    script.bind(command.checksum.map(|(_, kind)| kind_code(kind)));
    locks::bind(command.lock, &mut script);
    script.bind(acl_code(command.acl));
    watch.note_write(command.bucket, &command.key, command.initiated, &mut script, tx);
    tx.execute(script).await?;
    Ok(Outcome::Done)
}

const DELETE_UPLOAD: &str = "DELETE FROM uploads WHERE bucket = $1 AND key = $2 AND upload = $3";
const INSERT_ENDED: &str = "INSERT INTO ended_uploads (upload, sequence) VALUES ($1, $2)";

/// What is missing where an upload is: it alone, or its bucket with it.
pub(super) async fn absent(bucket: BucketId, tx: &mut Transaction<'_>) -> ApplyError {
    match tx.fetch_number(Script::of(BUCKET_EXISTS).with(number(bucket.0))).await {
        Ok(Some(_)) => CommandError::NoSuchUpload.into(),
        Ok(None) => CommandError::NoSuchBucket.into(),
        Err(error) => error,
    }
}

/// Afterwards the upload is gone and its parts wait to be released. Of an upload already gone: as `absent` says.
pub(super) async fn abort(
    bucket: BucketId,
    key: &ObjectKey,
    upload: UploadId,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let mut delete = Script::of(DELETE_UPLOAD);
    delete.bind(number(bucket.0)).bind(key.as_bytes()).bind(&upload.as_bytes()[..]);
    if tx.execute(delete).await? == 0 {
        return Err(absent(bucket, tx).await);
    }
    let ended = Script::of(INSERT_ENDED).with(&upload.as_bytes()[..]).with(number(tx.sequence().0));
    tx.execute(ended).await?;
    Ok(Outcome::Done)
}

/// Adds to `script` the end of an upload that is there.
pub(super) fn end(bucket: BucketId, key: &ObjectKey, upload: UploadId, script: &mut Script, tx: &Transaction<'_>) {
    script.add(DELETE_UPLOAD).bind(number(bucket.0)).bind(key.as_bytes()).bind(&upload.as_bytes()[..]);
    script.add(INSERT_ENDED).bind(&upload.as_bytes()[..]).bind(number(tx.sequence().0));
}

const FORGET_COMPLETED: &str = "
    DELETE FROM completed_uploads WHERE upload IN
        (SELECT upload FROM completed_uploads WHERE completed < $1 ORDER BY completed, upload LIMIT $2 + 0)";

const FORGET_TOKENS: &str = "
    DELETE FROM rename_tokens WHERE (bucket, token) IN
        (SELECT bucket, token FROM rename_tokens WHERE renamed < $1 ORDER BY renamed, bucket, token LIMIT $2 + 0)";

/// Afterwards at most `limit` outcomes, and as many tokens of renames, from before `before` are forgotten.
pub(super) async fn forget_completed(
    before: Timestamp,
    limit: u32,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let rows = tx.execute(Script::of(FORGET_COMPLETED).with(time(before)).with(i64::from(limit))).await?;
    let tokens = tx.execute(Script::of(FORGET_TOKENS).with(time(before)).with(i64::from(limit))).await?;
    Ok(Outcome::Progress { rows: rows.max(tokens) })
}

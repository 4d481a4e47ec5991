//! Everything that is known of one key, for an operator: its versions, uploads that are open for it, and which copies of
//! its blobs are on the repair list.

use super::lookup;
use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, missing_reason_of, number},
        rows::{KeyVersion, MissingCopy},
        script::Script,
    },
    types::{BlobId, BucketId, CommitSequence, ContentId, NodeId, ObjectKey, VersionId},
};
use sqlx::sqlite::SqliteRow;

const LIST_VERSIONS: &str = "
    SELECT sequence, version, is_null, is_latest, is_delete_marker, created, size, etag, part_count, content,
        retention_mode, retain_until, legal_hold, acl
    FROM versions WHERE bucket = $1 AND key = $2 ORDER BY sequence DESC LIMIT $3 + 0";
const COUNT_UPLOADS: &str = "SELECT count(*) FROM (SELECT 1 FROM uploads WHERE bucket = $1 AND key = $2 LIMIT $3 + 0)";
const LIST_MISSING: &str = "
    SELECT u.blob, u.node, u.reason, u.sequence
    FROM (SELECT unhex(value) AS id FROM json_each($1)) wanted CROSS JOIN under_replicated u ON u.blob = wanted.id";

impl Metadata {
    /// Versions and delete markers of the key, the newest first.
    pub async fn versions_of_key(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        limit: u32,
    ) -> Result<Vec<KeyVersion>, QueryError> {
        let script = Script::of(LIST_VERSIONS).with(number(bucket.0)).with(key.as_bytes()).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(key_version).collect()
    }

    /// How many multipart uploads are open for the key, counted up to `limit`.
    pub async fn uploads_of_key(&self, bucket: BucketId, key: &ObjectKey, limit: u32) -> Result<u64, QueryError> {
        let script = Script::of(COUNT_UPLOADS).with(number(bucket.0)).with(key.as_bytes()).with(i64::from(limit));
        script.fetch_one(&mut *self.reader().await?).await?.number(0)
    }

    /// What the repair list says of these blobs: at most a row for each member of each.
    pub async fn missing_copies_of(&self, blobs: &[BlobId]) -> Result<Vec<MissingCopy>, QueryError> {
        let ids: Vec<String> = blobs.iter().map(BlobId::to_string).collect();
        let script = Script::of(LIST_MISSING).with(serde_json::to_string(&ids)?);
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(missing_copy).collect()
    }
}

fn key_version(row: &SqliteRow) -> Result<KeyVersion, QueryError> {
    let is_delete_marker = row.flag(4)?;
    Ok(KeyVersion {
        sequence: CommitSequence(row.number(0)?),
        version: VersionId::from_slice(row.bytes(1)?)?,
        is_null: row.flag(2)?,
        is_latest: row.flag(3)?,
        is_delete_marker,
        created: row.time(5)?,
        size: row.number(6)?,
        etag: lookup::etag(row.text(7)?, is_delete_marker)?,
        part_count: row.part_count(8)?,
        content: row.optional_number(9)?.map(ContentId),
        lock: row.lock(10)?,
        acl: row.acl(13)?,
    })
}

fn missing_copy(row: &SqliteRow) -> Result<MissingCopy, QueryError> {
    Ok(MissingCopy {
        blob: BlobId::from_slice(row.bytes(0)?)?,
        node: NodeId::from_slice(row.bytes(1)?)?,
        reason: missing_reason_of(row.number(2)?)?,
        sequence: CommitSequence(row.number(3)?),
    })
}

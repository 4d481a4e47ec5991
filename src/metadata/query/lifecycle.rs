//! What goes by itself: the rules of a bucket, keys to ask them about, and what the rules are asked with. A version is
//! read here without headers and checksums, which no rule names.

use super::walk::successor;
use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, number, time, versioning_of, walk_stage_of},
        command::WalkPlace,
        rows::{DueKey, JudgedUpload, JudgedVersion, LifecycleWalk, WatchedBucket},
        script::Script,
    },
    types::{
        BucketId, BucketName, CommitSequence, LifecycleConfiguration, ObjectKey, Timestamp, UploadId, VersionId,
        VersionName,
    },
};
use sqlx::sqlite::SqliteRow;
use std::sync::Arc;

const READ_RULES: &str = "SELECT lifecycle FROM buckets WHERE name = $1";
const READ_WATCHED: &str = "
    SELECT name, owner, versioning, lifecycle_sequence, lifecycle FROM buckets
    WHERE bucket = $1 AND lifecycle_soonest IS NOT NULL";
const READ_WALK: &str = "SELECT bucket, stage, prefix, after FROM lifecycle_walks ORDER BY bucket LIMIT 1";
const LIST_DUE: &str = "
    SELECT bucket, key, at, sequence FROM lifecycle_due WHERE at <= $1 ORDER BY at, bucket, key LIMIT $2 + 0";
const COUNT_DUE: &str = "SELECT count(*) FROM (SELECT 1 FROM lifecycle_due WHERE at <= $1 LIMIT $2 + 0)";
const READ_DUE: &str = "SELECT bucket, key, at, sequence FROM lifecycle_due WHERE bucket = $1 AND key = $2";

/// In the order of `ListObjectVersions`.
const VERSIONS_OF_RANGE: &str = "
    SELECT key, sequence, version, is_null, is_latest, is_delete_marker, created, size, tags
    FROM versions WHERE bucket = $1 AND key >= $2 AND key < $3 ORDER BY key, sequence DESC LIMIT $4 + 0";
const VERSIONS_OF_KEY: &str = "
    SELECT key, sequence, version, is_null, is_latest, is_delete_marker, created, size, tags
    FROM versions WHERE bucket = $1 AND key = $2 AND sequence < $3 ORDER BY sequence DESC LIMIT $4 + 0";
const UPLOADS_OF_RANGE: &str = "
    SELECT key, upload, initiated FROM uploads WHERE bucket = $1 AND key >= $2 AND key < $3 ORDER BY key, upload LIMIT $4 + 0";
const UPLOADS_OF_KEY: &str = "
    SELECT key, upload, initiated FROM uploads WHERE bucket = $1 AND key = $2 AND upload > $3 ORDER BY upload LIMIT $4 + 0";

impl Metadata {
    /// The bucket's rules. `None` when it has none, or isn't there.
    pub async fn bucket_lifecycle(&self, name: &BucketName) -> Result<Option<Arc<LifecycleConfiguration>>, QueryError> {
        if let Some(rules) = self.bucket_cache().lifecycle(name) {
            return Ok(rules);
        }
        let read_at = self.committed();
        let row = Script::of(READ_RULES).with(name.as_str()).fetch_optional(&mut *self.reader().await?).await?;
        let Some(row) = row else { return Ok(None) };
        let rules = row.optional_text(0)?.map(serde_json::from_str).transpose()?.map(Arc::new);
        self.bucket_cache().fill_lifecycle(name, &rules, read_at);
        Ok(rules)
    }

    /// The bucket with its rules, when there is one and one of its rules is enabled.
    pub async fn watched_bucket(&self, bucket: BucketId) -> Result<Option<WatchedBucket>, QueryError> {
        let script = Script::of(READ_WATCHED).with(number(bucket.0));
        let Some(row) = script.fetch_optional(&mut *self.reader().await?).await? else { return Ok(None) };
        Ok(Some(WatchedBucket {
            bucket,
            name: row.text(0)?.parse()?,
            owner: row.string(1)?,
            versioning: versioning_of(row.number(2)?)?,
            rules_set_at: CommitSequence(row.number(3)?),
            rules: Arc::new(serde_json::from_str(row.text(4)?)?),
        }))
    }

    /// The first bucket whose keys are to be gone through.
    pub async fn lifecycle_walk(&self) -> Result<Option<LifecycleWalk>, QueryError> {
        let row = Script::of(READ_WALK).fetch_optional(&mut *self.reader().await?).await?;
        let walk = |row: SqliteRow| {
            let after = row.optional_bytes(3)?.map(|key| ObjectKey::from_utf8(key.to_vec())).transpose()?;
            let place = WalkPlace { stage: walk_stage_of(row.number(1)?)?, prefix: row.small_number(2)?, after };
            Ok(LifecycleWalk { bucket: BucketId(row.number(0)?), place })
        };
        row.map(walk).transpose()
    }

    /// Keys that the rules are to be asked about by `now`, those that have waited longest first.
    pub async fn due_keys(&self, now: Timestamp, limit: u32) -> Result<Vec<DueKey>, QueryError> {
        let script = Script::of(LIST_DUE).with(time(now)).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        // A key that can't be read is the doctor's affair: it holds up no other.
        Ok(rows.iter().filter_map(|row| due_key(row).ok()).collect())
    }

    /// How many there are, counted up to `limit`.
    pub async fn count_due_keys(&self, now: Timestamp, limit: u32) -> Result<u64, QueryError> {
        let script = Script::of(COUNT_DUE).with(time(now)).with(i64::from(limit));
        script.fetch_one(&mut *self.reader().await?).await?.number(0)
    }

    /// When the rules are to be asked about the key again, if at all.
    pub async fn due_key(&self, bucket: BucketId, key: &ObjectKey) -> Result<Option<DueKey>, QueryError> {
        let script = Script::of(READ_DUE).with(number(bucket.0)).with(key.as_bytes());
        let row = script.fetch_optional(&mut *self.reader().await?).await?;
        row.as_ref().map(due_key).transpose()
    }

    /// Versions of the keys that begin with `prefix`, behind `after`, by key, the newest of a key first.
    pub async fn versions_to_judge(
        &self,
        bucket: BucketId,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: u32,
    ) -> Result<Vec<JudgedVersion>, QueryError> {
        let script = range(VERSIONS_OF_RANGE, bucket, prefix, after).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(judged_version).collect()
    }

    /// Versions of one key that are older than `below`, the newest first.
    pub async fn key_versions_to_judge(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        below: Option<CommitSequence>,
        limit: u32,
    ) -> Result<Vec<JudgedVersion>, QueryError> {
        let below = below.map_or(i64::MAX, |sequence| number(sequence.0));
        let script = Script::of(VERSIONS_OF_KEY).with(number(bucket.0)).with(key.as_bytes());
        let script = script.with(below).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(judged_version).collect()
    }

    /// Open uploads of the keys that begin with `prefix`, behind `after`, by key and id.
    pub async fn uploads_to_judge(
        &self,
        bucket: BucketId,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: u32,
    ) -> Result<Vec<JudgedUpload>, QueryError> {
        let script = range(UPLOADS_OF_RANGE, bucket, prefix, after).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(judged_upload).collect()
    }

    /// Open uploads of one key behind `after`, by id.
    pub async fn key_uploads_to_judge(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        after: Option<UploadId>,
        limit: u32,
    ) -> Result<Vec<JudgedUpload>, QueryError> {
        let after = after.map_or_else(Vec::new, |upload| upload.as_bytes().to_vec());
        let script = Script::of(UPLOADS_OF_KEY).with(number(bucket.0)).with(key.as_bytes());
        let rows = script.with(after).with(i64::from(limit)).fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(judged_upload).collect()
    }
}

fn range(statement: &'static str, bucket: BucketId, prefix: &str, after: Option<&ObjectKey>) -> Script {
    let mut first = prefix.as_bytes().to_vec();
    if let Some(after) = after {
        // The key with a zero byte behind it is the first that is greater.
        first = first.max([after.as_bytes(), &[0]].concat());
    }
    Script::of(statement).with(number(bucket.0)).with(first).with(successor(prefix.as_bytes()))
}

fn due_key(row: &SqliteRow) -> Result<DueKey, QueryError> {
    Ok(DueKey {
        bucket: BucketId(row.number(0)?),
        key: row.key(1)?,
        at: row.time(2)?,
        changed_at: CommitSequence(row.number(3)?),
    })
}

fn judged_version(row: &SqliteRow) -> Result<JudgedVersion, QueryError> {
    Ok(JudgedVersion {
        key: row.key(0)?,
        sequence: CommitSequence(row.number(1)?),
        name: VersionName::of(VersionId::from_slice(row.bytes(2)?)?, row.flag(3)?),
        is_latest: row.flag(4)?,
        is_delete_marker: row.flag(5)?,
        created: row.time(6)?,
        size: row.number(7)?,
        tags: row.tags(8)?,
    })
}

fn judged_upload(row: &SqliteRow) -> Result<JudgedUpload, QueryError> {
    Ok(JudgedUpload { key: row.key(0)?, upload: UploadId::from_slice(row.bytes(1)?)?, initiated: row.time(2)? })
}

//! Queries about buckets.

use crate::{
    metadata::{
        Metadata, QueryError,
        bucket_cache::BucketBrief,
        columns::{Columns, object_lock_of, versioning_of},
        rows::Bucket,
        script::Script,
    },
    types::{BucketAccess, BucketId, BucketName, CorsConfiguration, TagSet, WebsiteConfiguration},
};
use sqlx::sqlite::SqliteRow;
use std::sync::Arc;

const READ: &str = "
    SELECT bucket, name, region, owner, created, versioning, object_lock, acl, ownership, public_access_block
    FROM buckets WHERE name = $1";
/// Names are ASCII: the last character there is ends every prefix.
const LIST: &str = "
    SELECT bucket, name, region, owner, created, versioning, object_lock, acl, ownership, public_access_block FROM buckets
    WHERE name >= $1 AND name < $1 || char(1114111) AND name > $2 ORDER BY name LIMIT $3 + 0";
const READ_TAGS: &str = "SELECT tags FROM buckets WHERE bucket = $1";
const READ_CORS: &str = "SELECT cors FROM buckets WHERE name = $1";

const READ_WEBSITE: &str = "SELECT website FROM buckets WHERE name = $1";

impl Metadata {
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<Bucket>, QueryError> {
        if let Some(bucket) = self.bucket_cache().get(name) {
            return Ok(Some(bucket));
        }
        let read_at = self.committed();
        let row = Script::of(READ).with(name.as_str()).fetch_optional(&mut *self.reader().await?).await?;
        let bucket = row.map(|row| from_row(&row)).transpose()?;
        if let Some(bucket) = &bucket {
            self.bucket_cache().fill(bucket, read_at);
        }
        Ok(bucket)
    }

    pub(super) async fn bucket_brief(&self, name: &BucketName) -> Result<Option<BucketBrief>, QueryError> {
        match self.bucket_cache().brief(name) {
            Some(brief) => Ok(Some(brief)),
            None => Ok(self.bucket(name).await?.as_ref().map(BucketBrief::of)),
        }
    }

    /// In order of their names, from behind `after` on.
    pub async fn buckets(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Bucket>, QueryError> {
        let script = Script::of(LIST).with(prefix).with(after.unwrap_or("")).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(from_row).collect()
    }

    /// `None` when the bucket has none, or isn't there.
    pub async fn bucket_tags(&self, bucket: BucketId) -> Result<Option<TagSet>, QueryError> {
        let script = Script::of(READ_TAGS).with(bucket.0.cast_signed());
        let Some(row) = script.fetch_optional(&mut *self.reader().await?).await? else { return Ok(None) };
        Ok(row.optional_text(0)?.map(serde_json::from_str).transpose()?)
    }

    /// The bucket's rules for other origins. `None` when it has none, or isn't there.
    pub async fn bucket_cors(&self, name: &BucketName) -> Result<Option<Arc<CorsConfiguration>>, QueryError> {
        if let Some(cors) = self.bucket_cache().cors(name) {
            return Ok(cors);
        }
        let read_at = self.committed();
        let row = Script::of(READ_CORS).with(name.as_str()).fetch_optional(&mut *self.reader().await?).await?;
        let Some(row) = row else { return Ok(None) };
        let cors = row.optional_text(0)?.map(serde_json::from_str).transpose()?.map(Arc::new);
        self.bucket_cache().fill_cors(name, &cors, read_at);
        Ok(cors)
    }

    /// What the bucket is as a website. `None` when it is none, or isn't there.
    pub async fn bucket_website(&self, name: &BucketName) -> Result<Option<WebsiteConfiguration>, QueryError> {
        let row = Script::of(READ_WEBSITE).with(name.as_str()).fetch_optional(&mut *self.reader().await?).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(row.optional_text(0)?.map(serde_json::from_str).transpose()?)
    }
}

fn from_row(row: &SqliteRow) -> Result<Bucket, QueryError> {
    Ok(Bucket {
        id: BucketId(row.number(0)?),
        name: row.text(1)?.parse()?,
        region: row.string(2)?,
        owner: row.string(3)?,
        created: row.time(4)?,
        versioning: versioning_of(row.number(5)?)?,
        object_lock: object_lock_of(row.optional_text(6)?)?,
        access: BucketAccess { acl: row.acl(7)?, rules: row.acl_rules(8)? },
    })
}

//! Parts: of completed objects, and of uploads that are still open.

use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, number},
        rows::{UploadPart, VersionPart},
        script::Script,
    },
    types::{BucketId, ObjectKey, UploadId, VersionId},
};
use sqlx::sqlite::SqliteRow;

/// The version's content, whether it was written with versioning or without, each by its index.
macro_rules! content_of_version {
    () => {
        "(SELECT content FROM versions WHERE bucket = $1 AND key = $2 AND is_null = 1 AND version = $3
            UNION ALL SELECT content FROM versions WHERE bucket = $1 AND key = $2 AND is_null = 0 AND version = $3)"
    };
}

const LIST_OF_VERSION: &str = concat!(
    "SELECT part_number, content_offset, size, checksum_algorithm, checksum FROM version_parts WHERE content = ",
    content_of_version!(),
    " AND part_number > $4 ORDER BY part_number LIMIT $5 + 0"
);
const READ_OF_VERSION: &str = concat!(
    "SELECT part_number, content_offset, size, checksum_algorithm, checksum FROM version_parts WHERE content = ",
    content_of_version!(),
    " AND part_number = $4"
);
const LIST_OF_UPLOAD: &str = "
    SELECT part_number, size, etag, modified, checksum_algorithm, checksum FROM parts
    WHERE upload = $1 AND part_number > $2 ORDER BY part_number LIMIT $3 + 0";

impl Metadata {
    /// Parts of a completed object in order, behind part `after_part`. None of an object that was put in one piece.
    pub async fn version_parts(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: VersionId,
        after_part: u32,
        limit: u32,
    ) -> Result<Vec<VersionPart>, QueryError> {
        let mut script = Script::of(LIST_OF_VERSION);
        script.bind(number(bucket.0)).bind(key.as_bytes()).bind(&version.as_bytes()[..]);
        script.bind(i64::from(after_part)).bind(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(version_part).collect()
    }

    pub async fn version_part(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: VersionId,
        part_number: u32,
    ) -> Result<Option<VersionPart>, QueryError> {
        let mut script = Script::of(READ_OF_VERSION);
        script.bind(number(bucket.0)).bind(key.as_bytes()).bind(&version.as_bytes()[..]).bind(i64::from(part_number));
        let row = script.fetch_optional(&mut *self.reader().await?).await?;
        row.map(|row| version_part(&row)).transpose()
    }

    /// Parts of an open upload in order, behind part `after_part`.
    pub async fn upload_parts(
        &self,
        upload: UploadId,
        after_part: u32,
        limit: u32,
    ) -> Result<Vec<UploadPart>, QueryError> {
        let script = Script::of(LIST_OF_UPLOAD).with(&upload.as_bytes()[..]);
        let script = script.with(i64::from(after_part)).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(upload_part).collect()
    }
}

fn version_part(row: &SqliteRow) -> Result<VersionPart, QueryError> {
    Ok(VersionPart {
        part_number: row.small_number(0)?,
        offset: row.number(1)?,
        size: row.number(2)?,
        checksum: row.checksum(3)?,
    })
}

fn upload_part(row: &SqliteRow) -> Result<UploadPart, QueryError> {
    Ok(UploadPart {
        part_number: row.small_number(0)?,
        size: row.number(1)?,
        etag: row.text(2)?.parse()?,
        modified: row.time(3)?,
        checksum: row.checksum(4)?,
    })
}

//! Parts: of completed objects, and of uploads that are still open.

use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, number},
        rows::{UploadPart, VersionPart},
        script::Script,
    },
    types::{ContentId, UploadId},
};
use sqlx::sqlite::SqliteRow;

/// No row: nothing names the content. Its parts may be gone then, all or some; a count that reached 0 never rises again.
const LIST_OF_CONTENT: &str = "
    SELECT p.part_number, p.content_offset, p.size, p.checksum_algorithm, p.checksum
    FROM contents c LEFT JOIN version_parts p ON p.content = c.content AND p.part_number > $2
    WHERE c.content = $1 AND c.count > 0 ORDER BY p.part_number LIMIT $3 + 0";
const LIST_OF_UPLOAD: &str = "
    SELECT part_number, size, etag, modified, checksum_algorithm, checksum FROM parts
    WHERE upload = $1 AND part_number > $2 ORDER BY part_number LIMIT $3 + 0";

impl Metadata {
    /// Parts of a completed object in order, behind part `after_part`; none of one that was put in one piece. `None` when
    /// nothing names the content any more. `limit` is 1 at least.
    pub async fn content_parts(
        &self,
        content: ContentId,
        after_part: u32,
        limit: u32,
    ) -> Result<Option<Vec<VersionPart>>, QueryError> {
        let script = Script::of(LIST_OF_CONTENT).with(number(content.0)).with(i64::from(after_part));
        let rows = script.with(i64::from(limit)).fetch_all(&mut *self.reader().await?).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        if first.optional_number(0)?.is_none() {
            return Ok(Some(Vec::new()));
        }
        rows.iter().map(version_part).collect::<Result<_, _>>().map(Some)
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

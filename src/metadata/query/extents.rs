//! Extents, a page at a time: of a content, for reads that go on behind the look-up's first page; and of all contents.

use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, number, roots_of},
        rows::{ExtentCursor, NamedBlob, PlacedExtent},
        script::Script,
    },
    types::{BlobId, ContentId, Extent, GroupId},
};
use sqlx::sqlite::SqliteRow;

/// Extents of a page: 64 of a multipart upload with parts of 8 MiB are half a gigabyte of reading.
const PAGE: usize = 64;

const READ: &str = "
    SELECT e.content_offset, e.blob, e.blob_offset, e.length, g.placement_group, g.size, g.chunk_size,
        e.blob_offset / g.chunk_size,
        substr(g.roots, 1 + 32 * (e.blob_offset / g.chunk_size),
            32 * ((e.blob_offset + e.length - 1) / g.chunk_size - e.blob_offset / g.chunk_size + 1))
    FROM extents e CROSS JOIN blobs g ON g.blob = e.blob
    WHERE e.content = $1 AND e.content_offset >= coalesce(
        (SELECT max(f.content_offset) FROM extents f WHERE f.content = $1 AND f.content_offset <= $2), 0)
    ORDER BY e.content_offset LIMIT $3 + 0";

const LIST_ALL: &str = "
    SELECT content, content_offset, blob FROM extents
    WHERE (content, content_offset) > ($1, $2) ORDER BY content, content_offset LIMIT $3 + 0";

impl Metadata {
    /// All extents in the order of their contents, from behind `after` on, whether or not their blobs are there.
    pub async fn extents_in_order(
        &self,
        after: Option<ExtentCursor>,
        limit: u32,
    ) -> Result<Vec<NamedBlob>, QueryError> {
        // Nothing stands before the smallest number, whatever was damaged.
        let (content, offset) =
            after.map_or((i64::MIN, i64::MIN), |after| (number(after.content.0), number(after.content_offset)));
        let script = Script::of(LIST_ALL).with(content).with(offset).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        let decode = |row: &SqliteRow| {
            let place = ExtentCursor { content: ContentId(row.number(0)?), content_offset: row.number(1)? };
            Ok(NamedBlob { place, blob: BlobId::from_slice(row.bytes(2)?)? })
        };
        rows.iter().map(decode).collect()
    }

    /// The extents from the one that holds byte `from_offset` on, and where the next page begins. Of a content that was
    /// unrolled meanwhile: none, or those behind. (The blobs stay for a read that registered before its look-up.)
    pub async fn extents(
        &self,
        content: ContentId,
        from_offset: u64,
    ) -> Result<(Vec<PlacedExtent>, Option<u64>), QueryError> {
        let script = Script::of(READ).with(number(content.0)).with(number(from_offset)).with(PAGE as i64 + 1);
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        let next = rows.get(PAGE).map(|row| row.number(0)).transpose()?;
        let page = rows.iter().take(PAGE).map(|row| from_row(row, 0)).collect::<Result<_, _>>()?;
        Ok((page, next))
    }
}

/// The extent's columns stand from `column` on.
pub(super) fn from_row(row: &SqliteRow, column: usize) -> Result<PlacedExtent, QueryError> {
    Ok(PlacedExtent {
        content_offset: row.number(column)?,
        extent: Extent {
            blob: BlobId::from_slice(row.bytes(column + 1)?)?,
            offset: row.number(column + 2)?,
            length: row.number(column + 3)?,
        },
        group: GroupId(row.number(column + 4)?),
        blob_size: row.number(column + 5)?,
        chunk_size: row.small_number(column + 6)?,
        first_chunk: row.small_number(column + 7)?,
        roots: roots_of(row.bytes(column + 8)?)?.into(),
    })
}

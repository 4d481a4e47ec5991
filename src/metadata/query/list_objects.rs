//! ListObjects: current versions that are no delete markers, from their partial index alone.
//! Source: Amazon S3 API Reference, ListObjects, ListObjectsV2.

use super::walk::{self, List, PlaceInKey, Span, Start, hop};
use crate::metadata::{
    Metadata, QueryError,
    columns::Columns,
    rows::{ListPage, ListQuery, ListedObject},
};
use sqlx::sqlite::SqliteRow;

struct Objects;

impl List for Objects {
    type Item = ListedObject;

    const RUN: &'static str = "
        SELECT key, size, etag, created, owner, checksum_algorithm, checksum_kind
        FROM versions INDEXED BY current_objects
        WHERE is_latest = 1 AND is_delete_marker = 0 AND bucket = $1 AND key >= $2 AND key < $3 ORDER BY key LIMIT $4 + 0";
    const REST_OF_KEY: Option<&'static str> = None;
    const HOP: &'static str = hop!("versions INDEXED BY current_objects WHERE is_latest = 1 AND is_delete_marker = 0");

    fn item(&self, row: &SqliteRow) -> Result<ListedObject, QueryError> {
        Ok(ListedObject {
            key: row.key(0)?,
            size: row.number(1)?,
            etag: row.text(2)?.parse()?,
            modified: row.time(3)?,
            owner: row.string(4)?,
            checksum: row.checksum_type(5)?,
        })
    }

    fn place_in_key(_row: &SqliteRow) -> Result<PlaceInKey, QueryError> {
        Ok(PlaceInKey::Only)
    }
}

impl Metadata {
    pub async fn list_objects(&self, query: &ListQuery) -> Result<ListPage<ListedObject>, QueryError> {
        let span = Span {
            bucket: query.bucket,
            prefix: &query.prefix,
            delimiter: &query.delimiter,
            start: Start::after(query.after.as_ref()),
            limit: query.limit,
        };
        walk::page(&Objects, &span, &mut *self.reader().await?).await
    }
}

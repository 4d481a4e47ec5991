//! ListObjects: current versions that are no delete markers, from their partial index alone.
//! Source: Amazon S3 API Reference, ListObjects, ListObjectsV2.

//!
//! A page comes back as one row of JSON: the engine hands every row to another thread, value by value, which costs more
//! than finding it.

use super::walk::{self, Found, List, PlaceInKey, Span, Start, hop};
use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, checksum_type_of},
        rows::{ListPage, ListQuery, ListedObject},
    },
    types::{ObjectKey, Timestamp},
};
use serde::Deserialize;
use sqlx::sqlite::SqliteRow;
use std::borrow::Cow;

struct Objects;

/// An object as `RUN` writes it: a list of values in this order.
#[derive(Deserialize)]
struct Values<'a> {
    key: String,
    size: u64,
    #[serde(borrow)]
    etag: Cow<'a, str>,
    created: i64,
    owner: String,
    checksum_algorithm: Option<u64>,
    checksum_kind: Option<u64>,
}

impl Values<'_> {
    fn into_object(self) -> Result<ListedObject, QueryError> {
        Ok(ListedObject {
            key: ObjectKey::new(self.key)?,
            size: self.size,
            etag: self.etag.parse()?,
            modified: Timestamp::from_unix_millis(self.created),
            owner: self.owner,
            checksum: checksum_type_of(self.checksum_algorithm, self.checksum_kind)?,
        })
    }
}

impl List for Objects {
    type Item = ListedObject;

    const RUN: &'static str = "
        SELECT json_group_array(json_array(CAST(key AS TEXT), size, etag, created, owner, checksum_algorithm,
            checksum_kind))
        FROM (SELECT key, size, etag, created, owner, checksum_algorithm, checksum_kind
            FROM versions INDEXED BY current_objects
            WHERE is_latest = 1 AND is_delete_marker = 0 AND bucket = $1 AND key >= $2 AND key < $3
            ORDER BY key LIMIT $4 + 0)";
    const REST_OF_KEY: Option<&'static str> = None;
    const HOP: &'static str = hop!("versions INDEXED BY current_objects WHERE is_latest = 1 AND is_delete_marker = 0");

    fn found(&self, rows: &[SqliteRow]) -> Result<Vec<Found<ListedObject>>, QueryError> {
        let Some(row) = rows.first() else { return Ok(Vec::new()) };
        let objects: Vec<Values<'_>> = serde_json::from_str(row.text(0)?)?;
        let found = |values: Values<'_>| Ok(Found { item: values.into_object()?, place: PlaceInKey::Only });
        objects.into_iter().map(found).collect()
    }

    fn key(item: &ListedObject) -> &ObjectKey {
        &item.key
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

//! ListMultipartUploads: by key, then by upload id, which carries the time that it was made.
//! Source: Amazon S3 API Reference, ListMultipartUploads.

use super::walk::{self, Found, List, PlaceInKey, Span, Start, hop};
use crate::{
    metadata::{
        Metadata, QueryError,
        columns::Columns,
        rows::{ListMarker, ListPage, Upload},
    },
    types::{BucketId, ObjectKey, UploadId},
};
use sqlx::sqlite::SqliteRow;

struct Uploads {
    bucket: BucketId,
}

impl List for Uploads {
    type Item = Upload;

    const RUN: &'static str = "
        SELECT key, upload, initiated, owner, content_type, headers, tags, checksum_algorithm, checksum_kind
        FROM uploads WHERE bucket = $1 AND key >= $2 AND key < $3 ORDER BY key, upload LIMIT $4 + 0";
    const REST_OF_KEY: Option<&'static str> = Some(
        "SELECT key, upload, initiated, owner, content_type, headers, tags, checksum_algorithm, checksum_kind
        FROM uploads WHERE bucket = $1 AND key = $2 AND key < $3 AND upload > $5 ORDER BY upload LIMIT $4 + 0",
    );
    const HOP: &'static str = hop!("uploads WHERE true");

    fn found(&self, rows: &[SqliteRow]) -> Result<Vec<Found<Upload>>, QueryError> {
        let found = |row| {
            let item = from_row(self.bucket, row)?;
            let place = PlaceInKey::Id(*item.upload.as_bytes());
            Ok(Found { item, place })
        };
        rows.iter().map(found).collect()
    }

    fn key(item: &Upload) -> &ObjectKey {
        &item.key
    }
}

pub(super) fn from_row(bucket: BucketId, row: &SqliteRow) -> Result<Upload, QueryError> {
    Ok(Upload {
        upload: UploadId::from_slice(row.bytes(1)?)?,
        bucket,
        key: row.key(0)?,
        initiated: row.time(2)?,
        owner: row.string(3)?,
        headers: row.headers(4)?,
        tags: row.tags(6)?,
        checksum: row.checksum_type(7)?,
    })
}

impl Metadata {
    /// `after` is a key marker, or a key and the upload of it that was listed last. A key marker that is a common prefix
    /// of this list, as the page before gave it, ends what lies under it.
    pub async fn list_uploads(
        &self,
        bucket: BucketId,
        prefix: &str,
        delimiter: &str,
        after: Option<(String, Option<UploadId>)>,
        limit: u32,
    ) -> Result<ListPage<Upload>, QueryError> {
        let start = match after {
            None => Start::after(None),
            Some((key, Some(upload))) => Start::InKey(key.into_bytes(), PlaceInKey::Id(*upload.as_bytes())),
            Some((key, None)) => Start::after(Some(&ListMarker::of_text(key, prefix, delimiter))),
        };
        walk::page(&Uploads { bucket }, &Span { bucket, prefix, delimiter, start, limit }, &mut *self.reader().await?)
            .await
    }
}

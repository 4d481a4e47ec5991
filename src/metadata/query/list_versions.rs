//! ListObjectVersions: all versions and delete markers, by key, the newest of a key first.
//! Source: Amazon S3 API Reference, ListObjectVersions.

use super::{
    lookup,
    walk::{self, Found, List, PlaceInKey, Span, Start, hop},
};
use crate::{
    metadata::{
        Metadata, QueryError,
        columns::Columns,
        command::VersionSelector,
        rows::{ListMarker, ListPage, ListedObject, ListedVersion, VersionMarker},
        script::Script,
    },
    types::{BucketId, ObjectKey, VersionId},
};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

struct Versions;

impl List for Versions {
    type Item = ListedVersion;

    const RUN: &'static str = "
        SELECT key, size, etag, created, owner, checksum_algorithm, checksum_kind, version, is_null, is_latest,
            is_delete_marker, sequence
        FROM versions WHERE bucket = $1 AND key >= $2 AND key < $3 ORDER BY key, sequence DESC LIMIT $4 + 0";
    const REST_OF_KEY: Option<&'static str> = Some(
        "SELECT key, size, etag, created, owner, checksum_algorithm, checksum_kind, version, is_null, is_latest,
            is_delete_marker, sequence
        FROM versions WHERE bucket = $1 AND key = $2 AND key < $3 AND sequence < $5 ORDER BY sequence DESC LIMIT $4 + 0",
    );
    const HOP: &'static str = hop!("versions WHERE true");

    fn found(&self, rows: &[SqliteRow]) -> Result<Vec<Found<ListedVersion>>, QueryError> {
        let found = |row: &SqliteRow| Ok(Found { item: version(row)?, place: PlaceInKey::Sequence(row.number(11)?) });
        rows.iter().map(found).collect()
    }

    fn key(item: &ListedVersion) -> &ObjectKey {
        &item.object.key
    }
}

fn version(row: &SqliteRow) -> Result<ListedVersion, QueryError> {
    let is_delete_marker = row.flag(10)?;
    Ok(ListedVersion {
        object: ListedObject {
            key: row.key(0)?,
            size: row.number(1)?,
            etag: lookup::etag(row.text(2)?, is_delete_marker)?,
            modified: row.time(3)?,
            owner: row.string(4)?,
            checksum: row.checksum_type(5)?,
        },
        version: VersionId::from_slice(row.bytes(7)?)?,
        is_null: row.flag(8)?,
        is_latest: row.flag(9)?,
        is_delete_marker,
    })
}

/// Where the marker's version stands. When it was deleted meanwhile, its place is in front of the first that is older by
/// its id, which carries the time that it was made: nothing that the client has not seen is left out.
const PLACE_OF_ID: &str = "
    SELECT coalesce(
        (SELECT sequence FROM versions WHERE bucket = $1 AND key = $2 AND is_null = 0 AND version = $3),
        (SELECT max(sequence) + 1 FROM versions WHERE bucket = $1 AND key = $2 AND version < $3))";
const PLACE_OF_NULL: &str = "SELECT sequence FROM versions WHERE bucket = $1 AND key = $2 AND is_null = 1";

async fn start(
    bucket: BucketId,
    after: Option<&VersionMarker>,
    connection: &mut SqliteConnection,
) -> Result<Start, QueryError> {
    let Some(VersionMarker { after: ListMarker::Key(key), version: Some(version) }) = after else {
        return Ok(Start::after(after.map(|marker| &marker.after)));
    };
    let script = |statement| Script::of(statement).with(bucket.0.cast_signed()).with(key.as_bytes());
    let script = match version {
        VersionSelector::Latest => return Ok(Start::after(after.map(|marker| &marker.after))),
        VersionSelector::Null => script(PLACE_OF_NULL),
        VersionSelector::Id(version) => script(PLACE_OF_ID).with(&version.as_bytes()[..]),
    };
    let place = match script.fetch_optional(connection).await? {
        Some(row) => row.optional_number(0)?,
        None => None,
    };
    // Without a place nothing of the key is older: it goes on with the keys behind, or, of a `null` version that is gone,
    // with all that is left of the key.
    Ok(match (place, version) {
        (Some(sequence), _) => Start::InKey(key.as_bytes().to_vec(), PlaceInKey::Sequence(sequence)),
        (None, VersionSelector::Null) => Start::Key(key.as_bytes().to_vec()),
        (None, _) => Start::after(after.map(|marker| &marker.after)),
    })
}

impl Metadata {
    pub async fn list_versions(
        &self,
        bucket: BucketId,
        prefix: &str,
        delimiter: &str,
        after: Option<&VersionMarker>,
        limit: u32,
    ) -> Result<ListPage<ListedVersion>, QueryError> {
        let mut reader = self.reader().await?;
        let start = start(bucket, after, &mut reader).await?;
        walk::page(&Versions, &Span { bucket, prefix, delimiter, start, limit }, &mut reader).await
    }
}

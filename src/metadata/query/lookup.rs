//! The look-up behind GET and HEAD: a cached object, or one statement that gives the version and the first page of its
//! extents with what a read must know of their blobs.

use super::extents;
use crate::{
    metadata::{
        Metadata, QueryError,
        bucket_cache::BucketBrief,
        columns::{Columns, number},
        command::VersionSelector,
        rows::{ObjectLookup, ObjectVersion, PlacedExtent, ReadFrom},
        script::Script,
    },
    types::{BucketAccess, BucketId, BucketName, ContentId, ETag, ObjectKey, VersionId, Versioning},
};
use sqlx::sqlite::SqliteRow;
use std::sync::Arc;

/// Extents of the first page. A read of a small piece needs one; a read of more asks for pages of their own.
const FIRST_PAGE: usize = 16;

/// What a look-up by the bucket's name finds.
#[derive(Clone, Debug, PartialEq)]
pub enum BucketLookup {
    NoSuchBucket,
    /// The bucket is there; the key, or the version that was asked for, is not.
    NoSuchKey {
        access: BucketAccess,
    },
    Found(FoundVersion),
}

/// A version, and what its bucket says about versions and access.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundVersion {
    pub versioning: Versioning,
    pub access: BucketAccess,
    pub lookup: ObjectLookup,
}

/// What a look-up by the bucket's id finds.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::metadata) enum Answer {
    NoSuchBucket,
    NoSuchKey,
    Found(ObjectLookup),
}

/// `$1` bucket, `$2` key, `$3` version id. No row: there is no such bucket. At most one row, which the engine knows from the unique keys alone: so the
/// extents behind it need no sorting.
macro_rules! object {
    ($version:literal, $more_columns:literal, $more_tables:literal, $end:literal) => {
        concat!(
            "SELECT b.bucket, v.version, v.is_null, v.is_latest, v.is_delete_marker, v.created, v.owner, v.size, v.etag,
                v.checksum_algorithm, v.checksum_kind, v.checksum, v.part_count, v.content_type, v.headers, v.tags,
                v.content, v.retention_mode, v.retain_until, v.legal_hold, v.acl",
            $more_columns,
            " FROM buckets b LEFT JOIN versions v ON v.bucket = b.bucket AND v.key = $2 AND ",
            $version,
            $more_tables,
            " WHERE b.bucket = $1",
            $end
        )
    };
}

macro_rules! object_alone {
    ($version:literal) => {
        object!($version, "", "", "")
    };
}

/// The object's columns, then an extent's, in one row per extent. `$4` the first byte wanted, or minus the number of last
/// bytes wanted; `$5` the number of extents. An object without extents: one row without them.
macro_rules! object_with_extents {
    ($version:literal) => {
        object!(
            $version,
            ", e.content_offset, e.blob, e.blob_offset, e.length, g.placement_group, g.size, g.chunk_size,
                e.blob_offset / g.chunk_size,
                substr(g.roots, 1 + 32 * (e.blob_offset / g.chunk_size),
                    32 * ((e.blob_offset + e.length - 1) / g.chunk_size - e.blob_offset / g.chunk_size + 1))",
            " LEFT JOIN extents e ON e.content = v.content AND e.content_offset >= coalesce(
                (SELECT max(f.content_offset) FROM extents f WHERE f.content = v.content
                    AND f.content_offset <= iif($4 >= 0, $4, max(v.size + $4, 0))), 0)
            LEFT JOIN blobs g ON g.blob = e.blob",
            " ORDER BY e.content_offset LIMIT $5 + 0"
        )
    };
}

/// The same question by the selector's kind: current, null, by id.
struct Statements([&'static str; 3]);

const CURRENT: usize = 0;
const NULL: usize = 1;
const BY_ID: usize = 2;

macro_rules! statements {
    ($kind:ident) => {
        Statements([
            $kind!("v.sequence = (SELECT max(h.sequence) FROM versions h WHERE h.bucket = b.bucket AND h.key = $2)"),
            $kind!("v.is_null = 1"),
            $kind!("v.is_null = 0 AND v.version = $3"),
        ])
    };
}

const ALONE: Statements = statements!(object_alone);
const WITH_EXTENTS: Statements = statements!(object_with_extents);

impl Statements {
    fn of(&self, selector: VersionSelector) -> &'static str {
        match selector {
            VersionSelector::Latest => self.0[CURRENT],
            VersionSelector::Null => self.0[NULL],
            VersionSelector::Id(_) => self.0[BY_ID],
        }
    }
}

/// Where the extent's columns begin.
const EXTENT: usize = 21;

impl Metadata {
    /// Delete markers are returned as such.
    pub async fn lookup(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: VersionSelector,
        from: ReadFrom,
    ) -> Result<Option<ObjectLookup>, QueryError> {
        match self.find(bucket, key, version, from).await? {
            Answer::Found(found) => Ok(Some(found)),
            Answer::NoSuchBucket | Answer::NoSuchKey => Ok(None),
        }
    }

    /// The same by the bucket's name, which is what a request has.
    pub async fn lookup_in(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionSelector,
        from: ReadFrom,
    ) -> Result<BucketLookup, QueryError> {
        let Some(BucketBrief { id, versioning, access }) = self.bucket_brief(bucket).await? else {
            return Ok(BucketLookup::NoSuchBucket);
        };
        Ok(match self.find(id, key, version, from).await? {
            Answer::Found(lookup) => BucketLookup::Found(FoundVersion { versioning, access, lookup }),
            Answer::NoSuchBucket => BucketLookup::NoSuchBucket,
            Answer::NoSuchKey => BucketLookup::NoSuchKey { access },
        })
    }

    async fn find(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: VersionSelector,
        from: ReadFrom,
    ) -> Result<Answer, QueryError> {
        if version != VersionSelector::Latest {
            return self.read(bucket, key, version, from).await;
        }
        if let Some(cached) = self.object_cache().get(bucket, key) {
            return Ok(Answer::Found(cached));
        }
        let read_at = self.committed();
        let answer = self.read(bucket, key, version, from).await?;
        if let Answer::Found(found) = &answer
            && begins_at_the_first_byte(found, from)
        {
            self.object_cache().fill(bucket, found, read_at);
        }
        Ok(answer)
    }

    /// What the database says.
    pub(in crate::metadata) async fn read(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: VersionSelector,
        from: ReadFrom,
    ) -> Result<Answer, QueryError> {
        let statements = match from {
            ReadFrom::Nothing => &ALONE,
            ReadFrom::Offset(_) | ReadFrom::Suffix(_) => &WITH_EXTENTS,
        };
        let mut script = Script::of(statements.of(version)).with(number(bucket.0)).with(key.as_bytes());
        script.bind(match &version {
            VersionSelector::Id(version) => Some(&version.as_bytes()[..]),
            VersionSelector::Latest | VersionSelector::Null => None,
        });
        let first_byte = match from {
            ReadFrom::Nothing => {
                let row = script.fetch_optional(&mut *self.reader().await?).await?;
                return decode(key, row.as_slice(), Extents::Unread);
            }
            ReadFrom::Offset(offset) => i64::try_from(offset).unwrap_or(i64::MAX),
            ReadFrom::Suffix(length) => -i64::try_from(length).unwrap_or(i64::MAX),
        };
        // One more than a page shows where the next begins.
        script.bind(first_byte).bind(FIRST_PAGE as i64 + 1);
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        decode(key, &rows, Extents::Read)
    }
}

/// Whether the look-up serves reads from any byte on: its page of extents is the content's first.
fn begins_at_the_first_byte(found: &ObjectLookup, from: ReadFrom) -> bool {
    match found.extents.first() {
        Some(extent) => extent.content_offset == 0,
        None => from != ReadFrom::Nothing,
    }
}

/// Whether rows carry an extent's columns.
enum Extents {
    Unread,
    Read,
}

fn decode(key: &ObjectKey, rows: &[SqliteRow], extents: Extents) -> Result<Answer, QueryError> {
    let Some(first) = rows.first() else { return Ok(Answer::NoSuchBucket) };
    if first.optional_bytes(1)?.is_none() {
        return Ok(Answer::NoSuchKey);
    }
    let object = object_from_row(key, first)?;
    let (mut page, mut next_offset): (Vec<PlacedExtent>, _) = (Vec::new(), None);
    if matches!(extents, Extents::Read) && first.optional_number(EXTENT)?.is_some() {
        next_offset = rows.get(FIRST_PAGE).map(|row| row.number(EXTENT)).transpose()?;
        page = rows.iter().take(FIRST_PAGE).map(|row| extents::from_row(row, EXTENT)).collect::<Result<_, _>>()?;
    }
    Ok(Answer::Found(ObjectLookup { object: Arc::new(object), extents: page.into(), next_offset }))
}

fn object_from_row(key: &ObjectKey, row: &SqliteRow) -> Result<ObjectVersion, QueryError> {
    let is_delete_marker = row.flag(4)?;
    Ok(ObjectVersion {
        key: key.clone(),
        version: VersionId::from_slice(row.bytes(1)?)?,
        is_null: row.flag(2)?,
        is_latest: row.flag(3)?,
        is_delete_marker,
        created: row.time(5)?,
        owner: row.string(6)?,
        size: row.number(7)?,
        etag: etag(row.text(8)?, is_delete_marker)?,
        checksum: row.object_checksum(9)?,
        part_count: row.part_count(12)?,
        headers: row.headers(13)?,
        tags: row.tags(15)?,
        content: row.optional_number(16)?.map(ContentId),
        lock: row.lock(17)?,
        acl: row.acl(20)?,
    })
}

/// A delete marker has no tag; its column is empty.
pub(super) fn etag(text: &str, is_delete_marker: bool) -> Result<ETag, QueryError> {
    if is_delete_marker { Ok(ETag::from_md5([0; 16])) } else { Ok(text.parse()?) }
}

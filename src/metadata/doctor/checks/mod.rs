//! Checks that are one statement each. A row is a finding: what is wrong, then the bucket and the key of an object that it
//! is about, or nulls. What a statement says must not depend on what it looks at: `total()` in the place of `sum()`, which
//! fails when numbers are too large, and `coalesce` around what may be null. Statements run over the doctor's copy, whose indexes they use; none of them ever runs over the
//! living database.

mod blobs;
mod contents;
mod lifecycle;
mod uploads;
mod versions;

use super::{Examination, FINDINGS_MAX, Finding, Severity, copy::Copy, lossy_text, or_finding};
use crate::{
    metadata::{
        columns::Columns,
        error::{MetadataError, QueryError},
    },
    types::{BucketName, ObjectKey},
};
use sqlx::sqlite::SqliteRow;

pub(super) struct Check {
    pub name: &'static str,
    pub severity: Severity,
    /// Rows of (text, bucket's number or null, key or null), at most `$1`.
    pub statement: &'static str,
    pub remedy: &'static str,
}

/// The bucket and key of a version that names the content, or of the upload that it is a part of. Its aliases are its own:
/// what it is compared with is a column of the statement around it.
macro_rules! owner {
    ($content:literal) => {
        concat!(
            "coalesce((SELECT own_v.bucket FROM versions own_v WHERE own_v.content = ",
            $content,
            " LIMIT 1), (SELECT own_u.bucket FROM parts own_p CROSS JOIN uploads own_u ON own_u.upload = own_p.upload
                WHERE own_p.content = ",
            $content,
            " LIMIT 1)), coalesce((SELECT own_v.key FROM versions own_v WHERE own_v.content = ",
            $content,
            " LIMIT 1), (SELECT own_u.key FROM parts own_p CROSS JOIN uploads own_u ON own_u.upload = own_p.upload
                WHERE own_p.content = ",
            $content,
            " LIMIT 1))"
        )
    };
}

/// The same of a content that has the blob.
macro_rules! owner_of_blob {
    ($blob:literal) => {
        concat!(
            "(SELECT own_v.bucket FROM extents own_e CROSS JOIN versions own_v ON own_v.content = own_e.content
                WHERE own_e.blob = ",
            $blob,
            " LIMIT 1), (SELECT own_v.key FROM extents own_e CROSS JOIN versions own_v ON own_v.content = own_e.content
                WHERE own_e.blob = ",
            $blob,
            " LIMIT 1)"
        )
    };
}

/// Every object of these rows of (bucket, key), each once, the first 10 by name; text that ends what a finding says. Where a
/// remedy has to be carried out for all of them.
macro_rules! list_objects {
    ($($rows:tt)*) => {
        concat!(
            "coalesce((SELECT ': ' || group_concat('s3://' || coalesce((SELECT list_b.name FROM buckets list_b
                    WHERE list_b.bucket = list_o.bucket), '?') || '/' || CAST(list_o.key AS TEXT), ', ')
                || CASE WHEN max(list_o.total) > 10 THEN ' and ' || (max(list_o.total) - 10) || ' more' ELSE '' END
                FROM (SELECT bucket, key, count(*) OVER () AS total FROM (",
            $($rows)*,
            ") ORDER BY bucket, key LIMIT 10) list_o), '')"
        )
    };
}

/// Those that have the content; the object of an open upload too.
macro_rules! objects_of_content {
    ($content:literal) => {
        list_objects!(
            "SELECT v.bucket, v.key FROM versions v WHERE v.content = ",
            $content,
            " UNION SELECT u.bucket, u.key FROM parts p CROSS JOIN uploads u ON u.upload = p.upload WHERE p.content = ",
            $content
        )
    };
}

/// Those that have the blob.
macro_rules! objects_of_blob {
    ($blob:literal) => {
        list_objects!(
            "SELECT v.bucket, v.key FROM extents e CROSS JOIN versions v ON v.content = e.content WHERE e.blob = ",
            $blob,
            " UNION SELECT u.bucket, u.key FROM extents e CROSS JOIN parts p ON p.content = e.content
                CROSS JOIN uploads u ON u.upload = p.upload WHERE e.blob = ",
            $blob
        )
    };
}

/// Whether something that is named has the blob. What is merely not released yet is no object's any more.
macro_rules! is_needed {
    ($blob:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM extents need_e WHERE need_e.blob = ",
            $blob,
            " AND (EXISTS (SELECT 1 FROM versions need_v WHERE need_v.content = need_e.content)
                OR EXISTS (SELECT 1 FROM parts need_p WHERE need_p.content = need_e.content
                    AND NOT EXISTS (SELECT 1 FROM ended_uploads need_u WHERE need_u.upload = need_p.upload))))"
        )
    };
}
use {is_needed, list_objects, objects_of_blob, objects_of_content, owner, owner_of_blob};

/// What to do where data can't be read.
pub(super) const LOST: &str = "`larder admin explain` shows what is left of the object; put it again or delete it, or restore a backup from \
    before the damage (`--restore FILE`, docs/recovering.md)";
/// What to do where the data is there and what says where is not.
const UNPLACED: &str = "its data is spared as long as the extent is there (the job `clear-orphans` looks): restore a backup from before the \
    damage (`--restore FILE`, docs/recovering.md); without one, put the object again or delete it";
/// What to do where rows may be taken away that are needed.
const AT_RISK: &str = "first stop what deletes: `larder admin jobs pause release-contents` and `jobs pause delete-blobs` (with `--offline \
    DATA` while the gateway of that data directory is off: it releases as soon as it runs); then get each object named here and put it \
    again, all of them, and abort uploads of them that are open; run the doctor again, until it does not find this any more; only then \
    `jobs resume` both. Or restore a backup from before the damage (`--restore FILE`, docs/recovering.md)";
/// What to do where that which is named is incomplete.
const INCOMPLETE: &str = "restore a backup from before the damage (`--restore FILE`, docs/recovering.md); without one, put the object again or \
    delete it, after `larder admin explain` has shown what is left: the space of what the lost rows named is then never freed (the \
    finding `blob-count-high`), but for that all is well";
/// What to do where nobody can say any more what it was.
const UNNAMED: &str = "the row that named it is lost: of an object or a part, or of what was deleted. Its data is kept; a backup from \
    before the damage knows its name (`--restore FILE`, docs/recovering.md)";
/// What to do where something is only kept for too long.
const KEPT: &str = "no data is at risk, only its space is not freed; a backup from before the damage does not have it \
    (`--restore FILE`, docs/recovering.md)";
/// What to do where a row says something odd.
const ODD: &str = "put the object again, or delete it; a backup from before the damage does not have it (`--restore FILE`, \
    docs/recovering.md)";

pub(super) async fn run(copy: &mut Copy, examination: &mut Examination) -> Result<(), MetadataError> {
    for check in
        [contents::CHECKS, blobs::CHECKS, versions::CHECKS, uploads::CHECKS, lifecycle::CHECKS].into_iter().flatten()
    {
        let findings = or_finding(check.name, find(check, copy).await)?;
        examination.note(check.name, findings);
    }
    Ok(())
}

async fn find(check: &Check, copy: &mut Copy) -> Result<Vec<Finding>, QueryError> {
    let rows = sqlx::query(check.statement).bind(FINDINGS_MAX as i64 + 1).fetch_all(copy.connection()).await?;
    let mut findings = Vec::with_capacity(rows.len());
    for row in rows {
        findings.push(finding(check, &row, copy).await?);
    }
    Ok(findings)
}

async fn finding(check: &Check, row: &SqliteRow, copy: &mut Copy) -> Result<Finding, QueryError> {
    let object = match (row.optional_number(1)?, row.optional_bytes(2)?) {
        (Some(bucket), Some(key)) => named(bucket, key, copy).await?,
        _ => None,
    };
    let Check { name, severity, remedy, .. } = *check;
    Ok(Finding { check: name, severity, what: lossy_text(row, 0)?, object, remedy })
}

/// `None` where the bucket is gone, or one of the names is none.
pub(super) async fn named(
    bucket: u64,
    key: &[u8],
    copy: &mut Copy,
) -> Result<Option<(BucketName, ObjectKey)>, QueryError> {
    let query = sqlx::query("SELECT name FROM buckets WHERE bucket = $1").bind(bucket.cast_signed());
    let Some(row) = query.fetch_optional(copy.connection()).await? else { return Ok(None) };
    let (name, key) = (lossy_text(&row, 0)?.parse().ok(), ObjectKey::from_utf8(key.to_vec()).ok());
    Ok(name.zip(key))
}

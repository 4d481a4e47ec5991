//! Columns of which only decoding tells right from wrong: keys, headers, tags and lifecycle rules, read as queries read
//! them. One pass over the rows of each table. A list stops at a key that can't be read, and so nothing of its bucket
//! is listed.

use super::{Examination, FINDINGS_MAX, Finding, Severity, checks, copy::Copy, lossy_text, or_finding};
use crate::{
    metadata::{
        columns::{Columns, object_lock_of, versioning_of},
        error::{MetadataError, QueryError},
    },
    types::{LifecycleConfiguration, ObjectKey},
};
use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;

/// Whose row, bucket, key, headers, tags.
const VERSIONS: &str = "
    SELECT 'the version of commit ' || sequence, bucket, key, content_type, headers, tags FROM versions";
const UPLOADS: &str = "
    SELECT 'upload ' || lower(hex(upload)), bucket, key, content_type, headers, tags FROM uploads";
const BUCKETS: &str = "SELECT name, tags, lifecycle FROM buckets WHERE tags IS NOT NULL OR lifecycle IS NOT NULL";
const DUE_KEYS: &str = "SELECT 'a key that lifecycle rules are to be asked about', bucket, key FROM lifecycle_due";
const LOCKED_BUCKETS: &str = "SELECT name, object_lock, versioning FROM buckets WHERE object_lock IS NOT NULL";

/// Where the names of columns stand that rows of both kinds have.
const BUCKET: usize = 1;
const KEY: usize = 2;
const HEADERS: usize = 3;
const TAGS: usize = 5;

const NAMELESS: &str = "lists of the bucket fail, and no request can name the row: restore a backup from before the damage \
    (`--restore FILE`, docs/recovering.md)";
const TAGS_OF_BUCKET: &str = "set the bucket's tags again, or delete them";
const LOCK_OF_BUCKET: &str = "nobody can reach the bucket, nor list buckets: restore a backup from before the damage \
    (`--restore FILE`, docs/recovering.md)";
const VERSIONING_OF_LOCKED: &str =
    "enable the bucket's versioning (PutBucketVersioning): until then writes replace null versions";
const KEY_OF_RULES: &str = "delete the bucket's lifecycle rules, wait until the job `expire-objects` has nothing left to do, \
    and set them again";
const RULES_OF_BUCKET: &str = "set the bucket's lifecycle rules again, or delete them";
const BEGIN_AGAIN: &str = "abort the upload and begin it again";

/// A table, and the names of its two checks.
struct Kind {
    statement: &'static str,
    keys: &'static str,
    values: &'static str,
    severity: Severity,
    remedy: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        statement: VERSIONS,
        keys: "version-key",
        values: "version-unreadable",
        severity: Severity::Danger,
        remedy: checks::LOST,
    },
    Kind {
        statement: UPLOADS,
        keys: "upload-key",
        values: "upload-unreadable",
        severity: Severity::Wrong,
        remedy: BEGIN_AGAIN,
    },
];

pub(super) async fn run(copy: &mut Copy, examination: &mut Examination) -> Result<(), MetadataError> {
    for kind in &KINDS {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let looked = look_at(kind, copy, &mut keys, &mut values).await;
        values.extend(or_finding(kind.values, looked.map(|()| Vec::new()))?);
        examination.note(kind.keys, keys);
        examination.note(kind.values, values);
    }
    let (mut tags, mut rules) = (Vec::new(), Vec::new());
    let looked = look_at_buckets(copy, &mut tags, &mut rules).await;
    tags.extend(or_finding("bucket-tags", looked.map(|()| Vec::new()))?);
    examination.note("bucket-tags", tags);
    examination.note("bucket-lifecycle", rules);
    let found = or_finding("lifecycle-key", look_at_due_keys(copy).await)?;
    examination.note("lifecycle-key", found);
    let found = or_finding("bucket-object-lock", look_at_locked_buckets(copy).await)?;
    examination.note("bucket-object-lock", found);
    Ok(())
}

async fn look_at(
    kind: &Kind,
    copy: &mut Copy,
    keys: &mut Vec<Finding>,
    values: &mut Vec<Finding>,
) -> Result<(), QueryError> {
    let mut unreadable = Vec::new();
    let mut rows = sqlx::query(kind.statement).fetch(copy.connection());
    while let Some(row) = rows.try_next().await? {
        if let Err(error) = ObjectKey::from_utf8(row.bytes(KEY)?.to_vec())
            && keys.len() <= FINDINGS_MAX
        {
            keys.push(nameless(kind, &row, &error.to_string())?);
        }
        if let Some(what) = fault_of_values(&row)
            && unreadable.len() <= FINDINGS_MAX
        {
            let what = format!("the {what} of {} can't be read", lossy_text(&row, 0)?);
            unreadable.push((what, row.number(BUCKET)?, row.bytes(KEY)?.to_vec()));
        }
    }
    drop(rows);
    for (what, bucket, key) in unreadable {
        let object = checks::named(bucket, &key, copy).await?;
        values.push(Finding { check: kind.values, severity: kind.severity, what, object, remedy: kind.remedy });
    }
    Ok(())
}

fn nameless(kind: &Kind, row: &SqliteRow, fault: &str) -> Result<Finding, QueryError> {
    let (whose, bucket, length) = (lossy_text(row, 0)?, row.number(BUCKET)?, row.bytes(KEY)?.len());
    let what = format!("the key of {whose} in bucket number {bucket} is none: {fault} ({length} bytes)");
    Ok(Finding { check: kind.keys, severity: Severity::Danger, what, object: None, remedy: NAMELESS })
}

fn fault_of_values(row: &SqliteRow) -> Option<&'static str> {
    if row.headers(HEADERS).is_err() {
        return Some("headers");
    }
    row.tags(TAGS).is_err().then_some("tags")
}

async fn look_at_buckets(copy: &mut Copy, tags: &mut Vec<Finding>, rules: &mut Vec<Finding>) -> Result<(), QueryError> {
    let mut rows = sqlx::query(BUCKETS).fetch(copy.connection());
    while let Some(row) = rows.try_next().await? {
        let finding = |check, what, remedy| {
            let what = format!("the {what} of bucket {} can't be read", lossy_text(&row, 0)?);
            Ok::<_, QueryError>(Finding { check, severity: Severity::Wrong, what, object: None, remedy })
        };
        if row.tags(1).is_err() && tags.len() <= FINDINGS_MAX {
            tags.push(finding("bucket-tags", "tags", TAGS_OF_BUCKET)?);
        }
        let lifecycle = row.optional_text(2).map(|text| text.map(serde_json::from_str::<LifecycleConfiguration>));
        if !matches!(lifecycle, Ok(None | Some(Ok(_)))) && rules.len() <= FINDINGS_MAX {
            rules.push(finding("bucket-lifecycle", "lifecycle rules", RULES_OF_BUCKET)?);
        }
    }
    Ok(())
}

async fn look_at_due_keys(copy: &mut Copy) -> Result<Vec<Finding>, QueryError> {
    let mut findings = Vec::new();
    let mut rows = sqlx::query(DUE_KEYS).fetch(copy.connection());
    while let Some(row) = rows.try_next().await? {
        if let Err(error) = ObjectKey::from_utf8(row.bytes(KEY)?.to_vec())
            && findings.len() <= FINDINGS_MAX
        {
            let what = format!("{} in bucket number {} is none: {error}", lossy_text(&row, 0)?, row.number(BUCKET)?);
            let (check, severity) = ("lifecycle-key", Severity::Wrong);
            findings.push(Finding { check, severity, what, object: None, remedy: KEY_OF_RULES });
        }
    }
    Ok(findings)
}

/// A bucket with Object Lock keeps versions, and its configuration can be read.
async fn look_at_locked_buckets(copy: &mut Copy) -> Result<Vec<Finding>, QueryError> {
    let mut findings = Vec::new();
    let mut rows = sqlx::query(LOCKED_BUCKETS).fetch(copy.connection());
    while let Some(row) = rows.try_next().await? {
        let is_readable = object_lock_of(row.optional_text(1)?).is_ok();
        let keeps_versions = versioning_of(row.number(2)?).is_ok_and(|versioning| versioning.keeps_versions());
        if (!is_readable || !keeps_versions) && findings.len() <= FINDINGS_MAX {
            let (fault, remedy) = match is_readable {
                true => ("is there, and versions are not kept", VERSIONING_OF_LOCKED),
                false => ("can't be read", LOCK_OF_BUCKET),
            };
            let what = format!("the Object Lock of bucket {} {fault}", lossy_text(&row, 0)?);
            let (check, severity) = ("bucket-object-lock", Severity::Danger);
            findings.push(Finding { check, severity, what, object: None, remedy });
        }
    }
    Ok(findings)
}

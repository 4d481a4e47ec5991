//! What the metadata knows of itself: ids, the last commit, the term, names of buckets.

use super::{Examination, FINDINGS_MAX, Finding, Severity, copy::Copy};
use crate::{
    metadata::{
        columns::Columns,
        error::{MetadataError, QueryError},
    },
    types::{BucketName, ClusterId, HistoryId},
};

const READ: &str = "
    SELECT (SELECT value FROM settings WHERE name = 'cluster_id' AND typeof(value) = 'blob'),
        (SELECT value FROM settings WHERE name = 'history_id' AND typeof(value) = 'blob'),
        (SELECT value FROM settings WHERE name = 'commit_sequence' AND typeof(value) = 'integer'),
        (SELECT count(*) FROM settings WHERE name IN ('term', 'commit_sequence', 'term_began')
            AND (typeof(value) <> 'integer' OR value < 0))";
const LIST_BUCKETS: &str = "SELECT name FROM buckets ORDER BY name";

const RESTORE: &str = "restore the newest backup (`--restore FILE`, docs/recovering.md)";

pub(super) async fn run(copy: &mut Copy, examination: &mut Examination) -> Result<(), MetadataError> {
    let row = sqlx::query(READ).fetch_one(copy.connection()).await.map_err(QueryError::from)?;
    let mut wrong = Vec::new();
    if row.optional_bytes(0)?.is_none_or(|id| ClusterId::from_slice(id).is_err()) {
        wrong.push("the metadata does not know its cluster's id".to_owned());
    }
    if row.optional_bytes(1)?.is_none_or(|id| HistoryId::from_slice(id).is_err()) {
        wrong.push("the metadata does not know its history's id".to_owned());
    }
    // The copy may be newer.
    if row.optional_number(2)?.unwrap_or(0) < examination.committed.0 {
        wrong.push(format!("the last commit was {} and is not noted", examination.committed));
    }
    if row.number(3)? > 0 {
        wrong.push("the last commit, the term or its begin is no number".to_owned());
    }
    let odd = |what| Finding { check: "settings", severity: Severity::Danger, what, object: None, remedy: RESTORE };
    examination.note("settings", wrong.into_iter().map(odd).collect());
    check_bucket_names(copy, examination).await
}

/// Operators and clients could not name such a bucket.
async fn check_bucket_names(copy: &mut Copy, examination: &mut Examination) -> Result<(), MetadataError> {
    let rows = sqlx::query(LIST_BUCKETS).fetch_all(copy.connection()).await.map_err(QueryError::from)?;
    let mut findings = Vec::new();
    for row in rows {
        let name = row.text(0)?;
        if name.parse::<BucketName>().is_err() && findings.len() <= FINDINGS_MAX {
            findings.push(Finding {
                check: "bucket-name",
                severity: Severity::Wrong,
                what: format!("a bucket has the name {name:?}, which is none"),
                object: None,
                remedy: RESTORE,
            });
        }
    }
    examination.note("bucket-name", findings);
    Ok(())
}

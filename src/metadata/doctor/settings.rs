//! What the metadata knows of itself: ids, the last commit, the term, names of buckets.

use super::{Examination, FINDINGS_MAX, Finding, Severity, copy::Copy, lossy_text, or_finding};
use crate::{
    metadata::{
        columns::Columns,
        error::{MetadataError, QueryError},
    },
    types::{BucketName, ClusterId, CommitSequence, HistoryId},
};

const READ: &str = "
    SELECT (SELECT value FROM settings WHERE name = 'cluster_id' AND typeof(value) = 'blob'),
        (SELECT value FROM settings WHERE name = 'history_id' AND typeof(value) = 'blob'),
        (SELECT value FROM settings WHERE name = 'commit_sequence' AND typeof(value) = 'integer'),
        (SELECT count(*) FROM settings WHERE name IN ('term', 'commit_sequence', 'term_began')
            AND (typeof(value) <> 'integer' OR value < 0)),
        EXISTS (SELECT 1 FROM settings WHERE name = 'term_began')
            AND NOT EXISTS (SELECT 1 FROM settings WHERE name = 'term')";
const LIST_BUCKETS: &str = "SELECT name FROM buckets ORDER BY name";

const RESTORE: &str = "restore the newest backup (`--restore FILE`, docs/recovering.md)";

pub(super) async fn run(copy: &mut Copy, examination: &mut Examination) -> Result<(), MetadataError> {
    let committed = examination.committed;
    let findings = or_finding("settings", look_at_settings(copy, committed).await)?;
    examination.note("settings", findings);
    let findings = or_finding("bucket-name", look_at_bucket_names(copy).await)?;
    examination.note("bucket-name", findings);
    Ok(())
}

async fn look_at_settings(copy: &mut Copy, committed: CommitSequence) -> Result<Vec<Finding>, QueryError> {
    let row = sqlx::query(READ).fetch_one(copy.connection()).await?;
    let mut wrong = Vec::new();
    if row.optional_bytes(0)?.is_none_or(|id| ClusterId::from_slice(id).is_err()) {
        wrong.push("the metadata does not know its cluster's id".to_owned());
    }
    if row.optional_bytes(1)?.is_none_or(|id| HistoryId::from_slice(id).is_err()) {
        wrong.push("the metadata does not know its history's id".to_owned());
    }
    // The copy may be newer.
    if row.optional_number(2)?.unwrap_or(0) < committed.0 {
        wrong.push(format!("the last commit was {committed} and is not noted"));
    }
    if row.number(3)? > 0 {
        wrong.push("the last commit, the term or its begin is no number".to_owned());
    }
    if row.flag(4)? {
        wrong.push("the term of the gateway's reign is gone".to_owned());
    }
    let odd = |what| Finding { check: "settings", severity: Severity::Danger, what, object: None, remedy: RESTORE };
    Ok(wrong.into_iter().map(odd).collect())
}

/// Operators and clients could not name such a bucket.
async fn look_at_bucket_names(copy: &mut Copy) -> Result<Vec<Finding>, QueryError> {
    let rows = sqlx::query(LIST_BUCKETS).fetch_all(copy.connection()).await?;
    let mut findings = Vec::new();
    for row in rows {
        let name = lossy_text(&row, 0)?;
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
    Ok(findings)
}

//! Totals for status and metrics. They count rows, so whoever shows them often keeps them a while.

use crate::metadata::{Metadata, QueryError, columns::Columns, rows::Totals, script::Script};

const READ: &str = "
    SELECT (SELECT count(*) FROM buckets), (SELECT count(*) FROM blobs), (SELECT coalesce(sum(size), 0) FROM blobs),
        (SELECT count(*) FROM under_replicated), (SELECT count(*) FROM deletions), (SELECT count(*) FROM uploads),
        (SELECT count(*) FROM contents WHERE count = 0)
        + (SELECT count(*) FROM contents c JOIN extents e ON e.content = c.content WHERE c.count = 0)
        + (SELECT count(*) FROM contents c JOIN version_parts p ON p.content = c.content WHERE c.count = 0)
        + (SELECT count(*) FROM ended_uploads u JOIN parts p ON p.upload = u.upload)";

impl Metadata {
    pub async fn totals(&self) -> Result<Totals, QueryError> {
        let row = Script::of(READ).fetch_one(&mut *self.reader().await?).await?;
        Ok(Totals {
            buckets: row.number(0)?,
            blobs: row.number(1)?,
            blob_bytes: row.number(2)?,
            under_replicated: row.number(3)?,
            deletions: row.number(4)?,
            uploads: row.number(5)?,
            to_release: row.number(6)?,
        })
    }
}

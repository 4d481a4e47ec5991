//! What a bucket holds, counted on request: a page of its rows at a time, so that no reader is held for long.

use crate::{
    metadata::{Metadata, QueryError, columns::Columns, rows::BucketUsage, script::Script},
    types::{BucketId, ObjectKey},
};

/// `$2` is the key before the page, empty at first; no key is as great as 0xff, which UTF-8 does not have.
const COUNT: &str = "
    WITH page (last) AS (
        SELECT key FROM versions WHERE bucket = $1 AND key > $2 ORDER BY key LIMIT 1 OFFSET $3 + 0)
    SELECT count(*), coalesce(sum(size), 0), (SELECT last FROM page) FROM versions
    WHERE bucket = $1 AND key > $2 AND key <= coalesce((SELECT last FROM page), x'ff') AND is_delete_marker = 0";

impl Metadata {
    /// Of the keys behind `after`, with some `rows` of the table or, where a key has more, with all of its. And the key after
    /// which to go on.
    pub async fn bucket_usage(
        &self,
        bucket: BucketId,
        after: Option<&ObjectKey>,
        rows: u32,
    ) -> Result<(BucketUsage, Option<ObjectKey>), QueryError> {
        let after = after.map_or(&b""[..], |key| key.as_str().as_bytes());
        let script = Script::of(COUNT).with(bucket.0.cast_signed()).with(after).with(i64::from(rows.saturating_sub(1)));
        let row = script.fetch_one(&mut *self.reader().await?).await?;
        let next = row.optional_bytes(2)?.map(|key| ObjectKey::from_utf8(key.to_vec())).transpose()?;
        Ok((BucketUsage { objects: row.number(0)?, bytes: row.number(1)? }, next))
    }
}

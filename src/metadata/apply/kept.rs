//! What stands beside the bytes of a version that is there, for commands that give it on: copies, appends, renames.

use super::{
    existing::Existing,
    transaction::{ApplyError, Transaction},
};
use crate::{
    metadata::{
        columns::{Columns, number},
        outcome::CommandError,
        script::Script,
    },
    types::{Acl, BucketId, ObjectChecksum, ObjectHeaders, ObjectKey, TagSet},
};

pub(super) struct Kept {
    pub owner: String,
    pub checksum: Option<ObjectChecksum>,
    pub headers: ObjectHeaders,
    pub tags: TagSet,
    pub part_count: Option<u32>,
    pub acl: Acl,
}

const READ_KEPT: &str = "
    SELECT checksum_algorithm, checksum_kind, checksum, part_count, content_type, headers, tags, owner, acl
    FROM versions WHERE bucket = $1 AND key = $2 AND sequence = $3";

/// Of a row that was read in this transaction and is no delete marker.
pub(super) async fn read(
    bucket: BucketId,
    key: &ObjectKey,
    row: &Existing,
    tx: &mut Transaction<'_>,
) -> Result<Kept, ApplyError> {
    let script = Script::of(READ_KEPT).with(number(bucket.0)).with(key.as_bytes()).with(number(row.sequence.0));
    let row = tx.fetch_optional(script).await?.ok_or(CommandError::NoSuchVersion)?;
    Ok(Kept {
        checksum: row.object_checksum(0)?,
        part_count: row.part_count(3)?,
        headers: row.headers(4)?,
        tags: row.tags(6)?,
        owner: row.string(7)?,
        acl: row.acl(8)?,
    })
}

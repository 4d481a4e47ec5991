//! Appends. Source: Amazon S3 User Guide, "Appending data to objects in directory buckets".
//!
//! A content grows in place while the version that is appended to is all that names it, and nothing else about a content ever
//! changes: what lies below a size that somebody once looked up stays what it was, and nobody reads behind the size that he looked
//! up. So a reader needs no warning. A content that something else names too (a copy, a part) is left as it is: the version
//! gets one of its own first, of the same extents, and grows that.
//!
//! So an append costs as many rows as it brings, however long the object is; only the first one behind a copy costs the object's extents.
//! Each append is a part of the object, as in S3: parts bound how many there can be.

use super::{
    contents::{self, CheckedContent},
    copy,
    kept::{self, Kept},
    preconditions,
    transaction::{ApplyError, Transaction},
    versions::{self, NewVersion},
};
use crate::{
    metadata::{
        columns::{Columns, algorithm_code, number},
        command::{AppendObject, VersionSelector},
        outcome::{CommandError, Outcome},
        script::Script,
    },
    types::{Checksum, ChecksumKind, ContentId, VersionLock},
};

/// Parts of one object, and the highest number of one. Source: as above.
const PARTS_MAX: u32 = 10_000;

/// Bound of one object (S3).
const OBJECT_SIZE_MAX_BYTES: u64 = 5 << 40;

/// Afterwards the object is longer by the command's content. Of racing appends to one offset exactly one is carried out.
pub(super) async fn append(command: &AppendObject, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let put = &command.put;
    let state = versions::read(put.bucket, &put.key, VersionSelector::Latest, tx).await?;
    if state.versioning.shows_versions() {
        return Err(CommandError::BucketKeepsVersions.into());
    }
    preconditions::check_write(&put.precondition, state.validators())?;
    let size = state.validators().map_or(0, |found| found.size);
    if size != command.offset {
        return Err(CommandError::WrongWriteOffset { size }.into());
    }
    if state.version.as_ref().map(|row| row.version) != command.expected {
        return Err(CommandError::ObjectChanged.into());
    }
    let Some(row) = &state.version else { return versions::put(put, tx).await };
    let content = row.content.ok_or(CommandError::ObjectChanged)?;
    let kept = kept::read(put.bucket, &put.key, row, tx).await?;
    let added = contents::check(&put.content, tx).await?;
    let total = check_size(size, added.size())?;
    let parts = Parts::read(content, size, &kept, tx).await?;

    let mut script = Script::default();
    let content = own_content(content, total, &mut script, tx).await?;
    added.insert_behind(content, size, &mut script, tx).await?;
    let part_count = parts.add(content, &kept, command.part_checksum.as_ref(), &added, &mut script);
    let version = NewVersion {
        bucket: put.bucket,
        key: &put.key,
        version: put.attributes.version,
        created: put.attributes.created,
        owner: &kept.owner,
        size: total,
        etag: &put.etag,
        checksum: put.checksum.as_ref(),
        headers: &kept.headers,
        tags: &kept.tags,
        part_count: Some(part_count),
        content,
        // Locks need versions.
        lock: VersionLock::default(),
        acl: kept.acl,
    };
    let written = version.replace(state, &mut script, tx).await?;
    tx.execute(script).await?;
    Ok(Outcome::Written(written))
}

fn check_size(size: u64, added: u64) -> Result<u64, CommandError> {
    if added == 0 {
        return Err(CommandError::Malformed { reason: "an append of nothing".to_owned() });
    }
    size.checked_add(added).filter(|total| *total <= OBJECT_SIZE_MAX_BYTES).ok_or(CommandError::TooLarge)
}

const READ_COUNT: &str = "SELECT count FROM contents WHERE content = $1";
const COPY_EXTENTS: &str = "
    INSERT INTO extents (content, content_offset, blob, blob_offset, length)
    SELECT $2 + 0, content_offset, blob, blob_offset, length FROM extents WHERE content = $1";
const COPY_PARTS: &str = "
    INSERT INTO version_parts (content, part_number, content_offset, size, checksum_algorithm, checksum)
    SELECT $2 + 0, part_number, content_offset, size, checksum_algorithm, checksum FROM version_parts WHERE content = $1";

/// Adds to `script` what makes the content `total` bytes long and named once more than now: the row that names it now goes, and a
/// count must not pass through 0. One that something else names too stays, and the content is a new one with the same extents.
async fn own_content(
    content: ContentId,
    total: u64,
    script: &mut Script,
    tx: &mut Transaction<'_>,
) -> Result<ContentId, ApplyError> {
    if tx.fetch_number(Script::of(READ_COUNT).with(number(content.0))).await? == Some(1) {
        contents::raise_count(content, script);
        contents::set_size(content, total, script);
        return Ok(content);
    }
    let own = ContentId(tx.sequence().0);
    let mut copied = Script::default();
    contents::insert_row(own, total, &mut copied);
    copied.add(COPY_EXTENTS).bind(number(content.0)).bind(number(own.0));
    copied.add(COPY_PARTS).bind(number(content.0)).bind(number(own.0));
    copy::raise_extent_counts(own, &mut copied);
    tx.execute(copied).await?;
    Ok(own)
}

/// The parts that an object has before an append.
struct Parts {
    count: u32,
    next_number: u32,
    size: u64,
    /// The object was put whole: its bytes become the first part.
    is_whole: bool,
}

const READ_LAST_PART: &str = "SELECT max(part_number) FROM version_parts WHERE content = $1";
const INSERT_PART: &str = "
    INSERT INTO version_parts (content, part_number, content_offset, size, checksum_algorithm, checksum)
    VALUES ($1, $2, $3, $4, $5, $6)";

impl Parts {
    async fn read(content: ContentId, size: u64, kept: &Kept, tx: &mut Transaction<'_>) -> Result<Self, ApplyError> {
        let Some(count) = kept.part_count else {
            // Nothing is no part.
            let is_whole = size > 0;
            return Ok(Self { count: u32::from(is_whole), next_number: 1 + u32::from(is_whole), size, is_whole });
        };
        let last = tx.fetch_optional(Script::of(READ_LAST_PART).with(number(content.0))).await?;
        let last = last.map(|row| row.optional_number(0)).transpose()?.flatten().unwrap_or(0);
        if count >= PARTS_MAX || last >= u64::from(PARTS_MAX) {
            return Err(CommandError::TooManyParts { limit: PARTS_MAX }.into());
        }
        Ok(Self { count, next_number: last as u32 + 1, size, is_whole: false })
    }

    /// Adds the part that is appended to `script`; returns how many there are then.
    fn add(
        &self,
        content: ContentId,
        kept: &Kept,
        checksum: Option<&Checksum>,
        added: &CheckedContent<'_>,
        script: &mut Script,
    ) -> u32 {
        let mut insert = |part_number: u32, offset: u64, size: u64, checksum: Option<&Checksum>| {
            script.add(INSERT_PART).bind(number(content.0)).bind(i64::from(part_number)).bind(number(offset));
            script.bind(number(size)).bind(checksum.map(|checksum| algorithm_code(checksum.algorithm())));
            script.bind(checksum.map(Checksum::value));
        };
        if self.is_whole {
            let of_whole = kept.checksum.as_ref().filter(|known| known.kind == ChecksumKind::FullObject);
            insert(1, 0, self.size, of_whole.map(|known| &known.checksum));
        }
        insert(self.next_number, self.size, added.size(), checksum);
        self.count + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_grows_up_to_its_bound_and_by_something() {
        assert_eq!(check_size(OBJECT_SIZE_MAX_BYTES - 1, 1), Ok(OBJECT_SIZE_MAX_BYTES));
        assert_eq!(check_size(OBJECT_SIZE_MAX_BYTES, 1), Err(CommandError::TooLarge));
        assert_eq!(check_size(1, u64::MAX), Err(CommandError::TooLarge));
        assert!(matches!(check_size(1, 0), Err(CommandError::Malformed { .. })));
    }
}

//! Contents, extents, blobs: what versions and parts are made of.
//!
//! Afterwards every blob is named by an extent or queued for deletion, never neither; a content's count is the number of
//! versions and parts that name it, a blob's count the number of extents. Changing or deleting a huge object changes one
//! count; `deletions` does the rest in bounded steps.

use super::transaction::{ApplyError, Transaction};
use crate::{
    metadata::{
        columns::{Columns, missing_reason_code, node_ids_of, number, roots_bytes},
        command::{MissingReason, NewBlob, NewContent},
        outcome::CommandError,
        script::Script,
    },
    types::{BlobId, ContentId, GroupId, NodeId},
};
use std::collections::HashMap;

/// Bound of one content (DESIGN.md): what completing an upload copies in one command.
pub(super) const EXTENTS_MAX: u64 = 100_000;

const INSERT_CONTENT: &str = "INSERT INTO contents (content, count, size) VALUES ($1, $2, $3)";
const INSERT_EXTENT: &str =
    "INSERT INTO extents (content, content_offset, blob, blob_offset, length) VALUES ($1, $2, $3, $4, $5)";
const INSERT_BLOB: &str = "
    INSERT INTO blobs (blob, placement_group, size, chunk_size, extent_count, roots) VALUES ($1, $2, $3, $4, $5, $6)";
const INSERT_MISSING: &str = "INSERT INTO under_replicated (blob, node, reason, sequence) VALUES ($1, $2, $3, $4)";
const SET_SIZE: &str = "UPDATE contents SET size = $2 WHERE content = $1";
const RAISE_COUNT: &str = "UPDATE contents SET count = count + 1 WHERE content = $1 AND count > 0";
/// A count that was damaged stops at 0: the names are gone all the same, and a command that fails ends the gateway.
const LOWER_COUNT: &str = "UPDATE contents SET count = max(count - 1, 0) WHERE content = $1";

/// Extents that travel in one script: more make a text that the statement cache should not hold in every length.
const EXTENTS_PER_SCRIPT: usize = 8;

/// A new content that was checked, ready to be written: the command can no longer be refused for its sake.
pub(super) struct CheckedContent<'a> {
    content: &'a NewContent,
    /// Members of the blobs' groups that lack them.
    missing: Vec<(BlobId, NodeId)>,
}

/// Checks the content's own rules, then each blob against its group as it is now (invariant 8).
pub(super) async fn check<'a>(
    content: &'a NewContent,
    tx: &mut Transaction<'_>,
) -> Result<CheckedContent<'a>, ApplyError> {
    check_shape(content)?;
    let mut missing = Vec::new();
    for blob in &content.blobs {
        let members = members_of(blob.group, tx).await?;
        let members = members.ok_or(CommandError::NoSuchGroup { blob: blob.blob })?;
        let absent = members_without(blob, &members, content.copies_required)?;
        missing.extend(absent.into_iter().map(|node| (blob.blob, node)));
    }
    Ok(CheckedContent { content, missing })
}

const READ_GROUP: &str = "SELECT members FROM placement_groups WHERE placement_group = $1";

/// The group's members as they are now; `None` when there is no such group.
async fn members_of(group: GroupId, tx: &mut Transaction<'_>) -> Result<Option<Vec<NodeId>>, ApplyError> {
    if let Some(members) = tx.known_groups().members(group) {
        return Ok(Some(members.clone()));
    }
    let Some(row) = tx.fetch_optional(Script::of(READ_GROUP).with(number(group.0))).await? else {
        return Ok(None);
    };
    let members = node_ids_of(row.bytes(0)?)?;
    tx.known_groups().keep(group, members.clone());
    Ok(Some(members))
}

/// The current members that don't hold the blob; too few that do: `GroupMoved`. A blob that no member holds would be
/// lost, whatever was asked for.
fn members_without(blob: &NewBlob, members: &[NodeId], copies_required: u8) -> Result<Vec<NodeId>, CommandError> {
    let absent: Vec<NodeId> = members.iter().filter(|member| !blob.durable_on.contains(member)).copied().collect();
    let present = members.len() - absent.len();
    if present < usize::from(copies_required.max(1)) {
        return Err(CommandError::GroupMoved { blob: blob.blob });
    }
    Ok(absent)
}

fn check_shape(content: &NewContent) -> Result<(), CommandError> {
    let malformed = |reason: String| Err(CommandError::Malformed { reason });
    if content.extents.len() as u64 > EXTENTS_MAX {
        return Err(CommandError::TooManyExtents { limit: EXTENTS_MAX });
    }
    let mut sizes = HashMap::new();
    for blob in &content.blobs {
        let chunks = blob.size.div_ceil(u64::from(blob.chunk_size.max(1)));
        if blob.size == 0 || blob.chunk_size == 0 || chunks != blob.roots.len() as u64 {
            return malformed(format!("blob {} of {} bytes has {} roots", blob.blob, blob.size, blob.roots.len()));
        }
        if sizes.insert(blob.blob, (blob.size, 0_u64)).is_some() {
            return malformed(format!("blob {} stands twice", blob.blob));
        }
    }
    for extent in &content.extents {
        let Some((size, named)) = sizes.get_mut(&extent.blob) else {
            return malformed(format!("an extent names blob {}, which the command does not bring", extent.blob));
        };
        let end = extent.offset.checked_add(extent.length);
        if extent.length == 0 || end.is_none_or(|end| end > *size) {
            return malformed(format!("an extent lies outside blob {}", extent.blob));
        }
        *named += 1;
    }
    match sizes.iter().find(|(_, (_, named))| *named == 0) {
        Some((blob, _)) => malformed(format!("no extent names blob {blob}")),
        None => Ok(()),
    }
}

impl CheckedContent<'_> {
    pub fn size(&self) -> u64 {
        self.content.size()
    }

    /// Adds the content's rows to `script`. A content of many extents is written at once in several scripts instead, so
    /// that `script` keeps one of few shapes.
    pub async fn insert(&self, id: ContentId, script: &mut Script, tx: &mut Transaction<'_>) -> Result<(), ApplyError> {
        insert_row(id, self.size(), script);
        self.insert_behind(id, 0, script, tx).await
    }

    /// Adds the rows of the bytes that stand from `offset` on in a content that has a row already.
    pub async fn insert_behind(
        &self,
        id: ContentId,
        mut offset: u64,
        script: &mut Script,
        tx: &mut Transaction<'_>,
    ) -> Result<(), ApplyError> {
        let is_small = self.content.extents.len() + self.content.blobs.len() + self.missing.len() <= EXTENTS_PER_SCRIPT;
        let mut own = Script::default();
        let target = if is_small { script } else { &mut own };
        let mut rows = 0;
        for blob in &self.content.blobs {
            self.insert_blob(blob, target);
            rows = flush_when_long(rows, is_small, target, tx).await?;
        }
        for extent in &self.content.extents {
            target.add(INSERT_EXTENT).bind(number(id.0)).bind(number(offset)).bind(&extent.blob.as_bytes()[..]);
            target.bind(number(extent.offset)).bind(number(extent.length));
            offset += extent.length;
            rows = flush_when_long(rows, is_small, target, tx).await?;
        }
        for (blob, node) in &self.missing {
            target.add(INSERT_MISSING).bind(&blob.as_bytes()[..]).bind(&node.as_bytes()[..]);
            target.bind(missing_reason_code(MissingReason::NotWritten)).bind(number(tx.sequence().0));
            rows = flush_when_long(rows, is_small, target, tx).await?;
        }
        tx.execute(own).await?;
        Ok(())
    }

    fn insert_blob(&self, blob: &NewBlob, script: &mut Script) {
        let extents = self.content.extents.iter().filter(|extent| extent.blob == blob.blob).count();
        script.add(INSERT_BLOB).bind(&blob.blob.as_bytes()[..]).bind(number(blob.group.0)).bind(number(blob.size));
        script.bind(i64::from(blob.chunk_size)).bind(number(extents as u64)).bind(roots_bytes(&blob.roots));
    }
}

async fn flush_when_long(
    rows: usize,
    is_small: bool,
    script: &mut Script,
    tx: &mut Transaction<'_>,
) -> Result<usize, ApplyError> {
    if is_small || rows + 1 < EXTENTS_PER_SCRIPT {
        return Ok(rows + 1);
    }
    tx.execute(std::mem::take(script)).await?;
    Ok(0)
}

/// The content itself, named once.
pub(super) fn insert_row(id: ContentId, size: u64, script: &mut Script) {
    script.add(INSERT_CONTENT).bind(number(id.0)).bind(1_i64).bind(number(size));
}

/// The content is as long as this now.
pub(super) fn set_size(content: ContentId, size: u64, script: &mut Script) {
    script.add(SET_SIZE).bind(number(content.0)).bind(number(size));
}

/// One more version or part names the content. A count that reached 0 stays there: what is named is never at 0, and the
/// statement says so once more.
pub(super) fn raise_count(content: ContentId, script: &mut Script) {
    script.add(RAISE_COUNT).bind(number(content.0));
}

/// One version or part less names the content.
pub(super) fn lower_count(content: ContentId, script: &mut Script) {
    script.add(LOWER_COUNT).bind(number(content.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ChunkRoot, Epoch, Extent, GroupId};

    fn blob(byte: u8, size: u64, durable_on: &[u8]) -> NewBlob {
        NewBlob {
            blob: BlobId::from_bytes([byte; 16]),
            group: GroupId(1),
            epoch: Epoch(1),
            size,
            chunk_size: 10,
            roots: vec![ChunkRoot::from_bytes([byte; 32]); size.div_ceil(10) as usize],
            durable_on: nodes(durable_on),
        }
    }

    fn nodes(bytes: &[u8]) -> Vec<NodeId> {
        bytes.iter().map(|byte| NodeId::from_bytes([*byte; 16])).collect()
    }

    #[test]
    fn members_that_were_not_named_are_missing_and_too_few_named_means_moved() {
        let members = nodes(&[1, 2, 3]);
        assert_eq!(members_without(&blob(7, 5, &[1, 2, 3]), &members, 2), Ok(vec![]));
        assert_eq!(members_without(&blob(7, 5, &[1, 3]), &members, 2), Ok(nodes(&[2])));
        let moved = Err(CommandError::GroupMoved { blob: BlobId::from_bytes([7; 16]) });
        assert_eq!(members_without(&blob(7, 5, &[1, 8, 9]), &members, 2), moved, "8 and 9 are members no more");
        assert_eq!(members_without(&blob(7, 5, &[]), &members, 0), moved, "a blob on no member would be lost");
    }

    #[test]
    fn a_content_that_breaks_its_own_rules_is_refused() {
        let extent = |byte, offset, length| Extent { blob: BlobId::from_bytes([byte; 16]), offset, length };
        let content = |blobs, extents| NewContent { blobs, extents, copies_required: 1 };
        assert_eq!(check_shape(&content(vec![blob(1, 15, &[1])], vec![extent(1, 0, 15)])), Ok(()));
        assert_eq!(check_shape(&NewContent::default()), Ok(()), "an empty object");
        for wrong in [
            content(vec![blob(1, 15, &[1])], vec![]),
            content(vec![blob(1, 15, &[1])], vec![extent(1, 0, 16)]),
            content(vec![blob(1, 15, &[1])], vec![extent(1, u64::MAX, 1)]),
            content(vec![blob(1, 15, &[1])], vec![extent(1, 0, 0)]),
            content(vec![], vec![extent(1, 0, 1)]),
            content(vec![blob(1, 15, &[1]), blob(1, 15, &[1])], vec![extent(1, 0, 15)]),
            content(vec![NewBlob { chunk_size: 15, ..blob(1, 15, &[1]) }], vec![extent(1, 0, 15)]),
            content(vec![blob(1, 0, &[1])], vec![]),
        ] {
            assert!(matches!(check_shape(&wrong), Err(CommandError::Malformed { .. })), "{wrong:?}");
        }
    }
}

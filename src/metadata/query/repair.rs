//! What the reconciler works off: the repair list, committed deletions, and which blobs are known at all.

use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, number, roots_of},
        command::BlobCopy,
        rows::{CountedBlob, DeletedBlob, SurplusBlob, UnderReplicatedBlob, WantedCopy},
        script::Script,
    },
    types::{BlobId, CommitSequence, GroupId, NodeId},
};
use sqlx::sqlite::SqliteRow;

const LIST_MISSING: &str = "
    SELECT m.blob, m.node, b.placement_group, b.size, b.chunk_size, b.roots
    FROM under_replicated m CROSS JOIN blobs b ON b.blob = m.blob
    WHERE (m.blob, m.node) > ($1, $2) ORDER BY m.blob, m.node LIMIT $3 + 0";
const LIST_MISSING_OF_NODE: &str = "
    SELECT m.blob, m.node, b.placement_group, b.size, b.chunk_size, b.roots
    FROM under_replicated m INDEXED BY under_replicated_by_node CROSS JOIN blobs b ON b.blob = m.blob
    WHERE m.node = $2 AND m.blob > $1 ORDER BY m.blob LIMIT $3 + 0";
const LIST_COPIES: &str = "
    SELECT blob, node FROM under_replicated WHERE (blob, node) > ($1, $2) ORDER BY blob, node LIMIT $3 + 0";
const LIST_BLOBS_OF_NODE: &str = "
    SELECT blob FROM under_replicated INDEXED BY under_replicated_by_node WHERE node = $1 AND blob > $2
    ORDER BY blob LIMIT $3 + 0";
const LIST_DELETIONS: &str = "
    SELECT blob, placement_group, chunk_count, size, deleted_at FROM deletions
    WHERE (deleted_at, blob) > ($1, $2) ORDER BY deleted_at, blob LIMIT $3 + 0";
const LIST_COUNTED: &str = "
    SELECT blob, placement_group, (size + chunk_size - 1) / chunk_size FROM blobs
    WHERE blob > $1 ORDER BY blob LIMIT $2 + 0";
const READ_KNOWN: &str = "
    SELECT id FROM (SELECT unhex(value) AS id FROM json_each($1))
    WHERE EXISTS (SELECT 1 FROM blobs WHERE blob = id) OR EXISTS (SELECT 1 FROM deletions WHERE blob = id)";

const READ_ARRIVING: &str = "SELECT 1 FROM under_replicated WHERE node = $1 AND reason = 5 LIMIT 1";
/// `$2` the group, `$3` the node.
const READ_SURPLUS: &str = "
    SELECT b.blob, b.size, b.chunk_size, b.roots
    FROM (SELECT unhex(value) AS id FROM json_each($1)) wanted CROSS JOIN blobs b ON b.blob = wanted.id
        CROSS JOIN placement_groups g ON g.placement_group = b.placement_group
    WHERE b.placement_group = $2 AND g.arriving IS NULL AND instr(g.members, $3) = 0
        AND NOT EXISTS (SELECT 1 FROM under_replicated u WHERE u.blob = b.blob)";
/// `$2` the node.
const READ_WANTED: &str = "
    SELECT b.blob, length(b.roots) / 32, EXISTS (SELECT 1 FROM under_replicated u WHERE u.blob = b.blob AND u.node = $2)
    FROM (SELECT unhex(value) AS id FROM json_each($1)) wanted CROSS JOIN blobs b ON b.blob = wanted.id
        CROSS JOIN placement_groups g ON g.placement_group = b.placement_group
    WHERE instr(g.members, $2) > 0";

impl Metadata {
    /// The repair list, of one node or of all, in order of (blob, node) from behind `after` on.
    pub async fn under_replicated(
        &self,
        after: Option<BlobCopy>,
        node: Option<NodeId>,
        limit: u32,
    ) -> Result<Vec<UnderReplicatedBlob>, QueryError> {
        let statement = if node.is_some() { LIST_MISSING_OF_NODE } else { LIST_MISSING };
        // Empty bytes stand before every id.
        let mut script = Script::of(statement);
        script.bind(after.as_ref().map_or(&[][..], |copy| copy.blob.as_bytes()));
        let after_node = after.as_ref().map(|copy| copy.node);
        script.bind(node.or(after_node).as_ref().map_or(&[][..], |node| node.as_bytes()));
        script.bind(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(under_replicated).collect()
    }

    /// The repair list by its keys alone, in order from behind `after` on.
    pub async fn missing_copies(&self, after: Option<BlobCopy>, limit: u32) -> Result<Vec<BlobCopy>, QueryError> {
        let mut script = Script::of(LIST_COPIES);
        script.bind(after.as_ref().map_or(&[][..], |copy| copy.blob.as_bytes()));
        script.bind(after.as_ref().map_or(&[][..], |copy| copy.node.as_bytes()));
        script.bind(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        let copy = |row: &SqliteRow| {
            Ok(BlobCopy { blob: BlobId::from_slice(row.bytes(0)?)?, node: NodeId::from_slice(row.bytes(1)?)? })
        };
        rows.iter().map(copy).collect()
    }

    /// Blobs of a node's repair list, in order from behind `after` on.
    pub async fn missing_blobs_of(
        &self,
        node: NodeId,
        after: Option<BlobId>,
        limit: u32,
    ) -> Result<Vec<BlobId>, QueryError> {
        let after = after.as_ref().map_or(&[][..], |blob| blob.as_bytes());
        let script = Script::of(LIST_BLOBS_OF_NODE).with(&node.as_bytes()[..]).with(after).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| Ok(BlobId::from_slice(row.bytes(0)?)?)).collect()
    }

    /// Committed deletions in the order of their commits, from behind `after` on.
    pub async fn deletions(&self, after: Option<&DeletedBlob>, limit: u32) -> Result<Vec<DeletedBlob>, QueryError> {
        // No commit has a sequence below 0.
        let (sequence, blob) = after.map_or((-1, &[][..]), |row| (number(row.deleted_at.0), &row.blob.as_bytes()[..]));
        let script = Script::of(LIST_DELETIONS).with(sequence).with(blob).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(deletion).collect()
    }

    /// Blobs in their order, from behind `after` on.
    pub async fn counted_blobs(&self, after: Option<BlobId>, limit: u32) -> Result<Vec<CountedBlob>, QueryError> {
        let after = after.as_ref().map_or(&[][..], |blob| blob.as_bytes());
        let script = Script::of(LIST_COUNTED).with(after).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter()
            .map(|row| {
                let blob = BlobId::from_slice(row.bytes(0)?)?;
                Ok(CountedBlob { blob, group: GroupId(row.number(1)?), chunk_count: row.number(2)? })
            })
            .collect()
    }

    /// Whether the node still lacks something of a group that it came into.
    pub async fn has_arriving_copies(&self, node: NodeId) -> Result<bool, QueryError> {
        let script = Script::of(READ_ARRIVING).with(&node.as_bytes()[..]);
        Ok(script.fetch_optional(&mut *self.reader().await?).await?.is_some())
    }

    /// Those of `blobs` of which the node, that is no member of their group any more, holds a copy too many: the group is
    /// settled, and no member is known to lack the blob.
    pub async fn surplus_blobs(
        &self,
        node: NodeId,
        group: GroupId,
        blobs: &[BlobId],
    ) -> Result<Vec<SurplusBlob>, QueryError> {
        let ids: Vec<String> = blobs.iter().map(BlobId::to_string).collect();
        let mut script = Script::of(READ_SURPLUS).with(serde_json::to_string(&ids)?);
        script.bind(number(group.0)).bind(&node.as_bytes()[..]);
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        let decode = |row: &SqliteRow| {
            Ok(SurplusBlob {
                blob: BlobId::from_slice(row.bytes(0)?)?,
                size: row.number(1)?,
                chunk_size: row.small_number(2)?,
                roots: roots_of(row.bytes(3)?)?,
            })
        };
        rows.iter().map(decode).collect()
    }

    /// Those of `blobs` that the node is to hold, as a member of their group; and whether the repair list says that it lacks
    /// them.
    pub async fn wanted_copies(&self, node: NodeId, blobs: &[BlobId]) -> Result<Vec<WantedCopy>, QueryError> {
        let ids: Vec<String> = blobs.iter().map(BlobId::to_string).collect();
        let mut script = Script::of(READ_WANTED).with(serde_json::to_string(&ids)?);
        script.bind(&node.as_bytes()[..]);
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        let decode = |row: &SqliteRow| {
            Ok(WantedCopy {
                blob: BlobId::from_slice(row.bytes(0)?)?,
                chunk_count: row.small_number(1)?,
                is_missing: row.number(2)? == 1,
            })
        };
        rows.iter().map(decode).collect()
    }

    /// Those of `blobs` that `blobs` or `deletions` name: the fresh read before orphans are dropped.
    pub async fn known_blobs(&self, blobs: &[BlobId]) -> Result<Vec<BlobId>, QueryError> {
        let ids: Vec<String> = blobs.iter().map(BlobId::to_string).collect();
        let script = Script::of(READ_KNOWN).with(serde_json::to_string(&ids)?);
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| Ok(BlobId::from_slice(row.bytes(0)?)?)).collect()
    }
}

fn under_replicated(row: &SqliteRow) -> Result<UnderReplicatedBlob, QueryError> {
    Ok(UnderReplicatedBlob {
        blob: BlobId::from_slice(row.bytes(0)?)?,
        node: NodeId::from_slice(row.bytes(1)?)?,
        group: GroupId(row.number(2)?),
        size: row.number(3)?,
        chunk_size: row.small_number(4)?,
        roots: roots_of(row.bytes(5)?)?,
    })
}

fn deletion(row: &SqliteRow) -> Result<DeletedBlob, QueryError> {
    Ok(DeletedBlob {
        blob: BlobId::from_slice(row.bytes(0)?)?,
        group: GroupId(row.number(1)?),
        chunk_count: row.small_number(2)?,
        size: row.number(3)?,
        deleted_at: CommitSequence(row.number(4)?),
    })
}

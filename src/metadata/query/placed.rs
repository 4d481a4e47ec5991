//! Where data is, a page at a time: for walks over all of it that say what a loss of nodes would mean. Each page is one
//! statement, so no reader stays open while a walk goes on.

use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, number, roots_of},
        rows::{BlobRoots, PieceCursor, PlacedBlob, PlacedPiece},
        script::Script,
    },
    types::{BlobId, BucketId, CommitSequence, GroupId, NodeId, VersionId},
};
use sqlx::sqlite::SqliteRow;

const LIST_BLOBS: &str = "
    SELECT b.blob, b.placement_group, b.size,
        (SELECT group_concat(hex(u.node), '') FROM under_replicated u WHERE u.blob = b.blob)
    FROM blobs b WHERE b.blob > $1 ORDER BY b.blob LIMIT $2 + 0";
const COUNT_BYTES: &str = "
    SELECT placement_group, sum(size), max(blob), count(*)
    FROM (SELECT blob, placement_group, size FROM blobs WHERE blob > $1 ORDER BY blob LIMIT $2 + 0)
    GROUP BY placement_group";
const READ_ROOTS: &str = "
    SELECT b.blob, b.placement_group, b.size, b.chunk_size, b.roots
    FROM (SELECT unhex(value) AS id FROM json_each($1)) wanted CROSS JOIN blobs b ON b.blob = wanted.id";

/// Extents of versions in order of keys. `$1` is the bucket.
macro_rules! pieces {
    ($from:literal, $order:literal) => {
        concat!(
            "SELECT v.key, v.sequence, v.version, v.is_null, v.size, e.content_offset, b.blob, b.placement_group,
                (SELECT group_concat(hex(u.node), '') FROM under_replicated u WHERE u.blob = b.blob)
            FROM versions v CROSS JOIN extents e ON e.content = v.content CROSS JOIN blobs b ON b.blob = e.blob
            WHERE v.bucket = $1 AND ",
            $from,
            " ORDER BY ",
            $order,
            "e.content_offset LIMIT $2 + 0"
        )
    };
}

const LIST_FIRST: &str = pieces!("v.key >= x''", "v.key, v.sequence DESC, ");
const LIST_REST_OF_VERSION: &str = pieces!("v.key = $3 AND v.sequence = $4 AND e.content_offset > $5", "");
const LIST_REST_OF_KEY: &str = pieces!("v.key = $3 AND v.sequence < $4", "v.sequence DESC, ");
const LIST_BEHIND_KEY: &str = pieces!("v.key > $3", "v.key, v.sequence DESC, ");

impl Metadata {
    /// Blobs in their order, from behind `after` on, each with the members that are on the repair list for it.
    pub async fn placed_blobs(&self, after: Option<BlobId>, limit: u32) -> Result<Vec<PlacedBlob>, QueryError> {
        let after = after.as_ref().map_or(&[][..], |blob| blob.as_bytes());
        let script = Script::of(LIST_BLOBS).with(after).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        let decode = |row: &SqliteRow| {
            Ok(PlacedBlob {
                blob: BlobId::from_slice(row.bytes(0)?)?,
                group: GroupId(row.number(1)?),
                size: row.number(2)?,
                missing: nodes_of_hex(row.optional_text(3)?)?,
            })
        };
        rows.iter().map(decode).collect()
    }

    /// Bytes that each group has in the next `limit` blobs behind `after`, and the last of them, if there may be more.
    pub async fn group_bytes(
        &self,
        after: Option<BlobId>,
        limit: u32,
    ) -> Result<(Vec<(GroupId, u64)>, Option<BlobId>), QueryError> {
        let after = after.as_ref().map_or(&[][..], |blob| blob.as_bytes());
        let script = Script::of(COUNT_BYTES).with(after).with(i64::from(limit));
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        let (mut groups, mut last, mut blobs) = (Vec::new(), None, 0);
        for row in &rows {
            groups.push((GroupId(row.number(0)?), row.number(1)?));
            last = last.max(Some(BlobId::from_slice(row.bytes(2)?)?));
            blobs += row.number(3)?;
        }
        Ok((groups, last.filter(|_| blobs == u64::from(limit))))
    }

    /// What it takes to ask nodes for these blobs. Those that are gone are left out.
    pub async fn blob_roots(&self, blobs: &[BlobId]) -> Result<Vec<BlobRoots>, QueryError> {
        let ids: Vec<String> = blobs.iter().map(BlobId::to_string).collect();
        let script = Script::of(READ_ROOTS).with(serde_json::to_string(&ids)?);
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        let decode = |row: &SqliteRow| {
            Ok(BlobRoots {
                blob: BlobId::from_slice(row.bytes(0)?)?,
                group: GroupId(row.number(1)?),
                size: row.number(2)?,
                chunk_size: row.small_number(3)?,
                roots: roots_of(row.bytes(4)?)?,
            })
        };
        rows.iter().map(decode).collect()
    }

    /// The extents of all versions in the bucket, in order of keys, the newest version of a key first, from behind `after`
    /// on. A page may be shorter than the limit; only an empty one is the end.
    pub async fn placed_pieces(
        &self,
        bucket: BucketId,
        after: Option<&PieceCursor>,
        limit: u32,
    ) -> Result<Vec<PlacedPiece>, QueryError> {
        let begin = |statement| Script::of(statement).with(number(bucket.0)).with(i64::from(limit));
        let Some(PieceCursor { key, sequence, content_offset }) = after else {
            let rows = begin(LIST_FIRST).fetch_all(&mut *self.reader().await?).await?;
            return rows.iter().map(piece).collect();
        };
        let in_key = |statement| begin(statement).with(key.as_bytes()).with(number(sequence.0));
        let scripts = [
            in_key(LIST_REST_OF_VERSION).with(number(*content_offset)),
            in_key(LIST_REST_OF_KEY),
            begin(LIST_BEHIND_KEY).with(key.as_bytes()),
        ];
        for script in scripts {
            let rows = script.fetch_all(&mut *self.reader().await?).await?;
            if !rows.is_empty() {
                return rows.iter().map(piece).collect();
            }
        }
        Ok(Vec::new())
    }
}

fn piece(row: &SqliteRow) -> Result<PlacedPiece, QueryError> {
    Ok(PlacedPiece {
        place: PieceCursor {
            key: row.key(0)?,
            sequence: CommitSequence(row.number(1)?),
            content_offset: row.number(5)?,
        },
        version: if row.flag(3)? { None } else { Some(VersionId::from_slice(row.bytes(2)?)?) },
        size: row.number(4)?,
        blob: BlobId::from_slice(row.bytes(6)?)?,
        group: GroupId(row.number(7)?),
        missing: nodes_of_hex(row.optional_text(8)?)?,
    })
}

/// Ids in hexadecimal digits, one behind the other.
fn nodes_of_hex(text: Option<&str>) -> Result<Vec<NodeId>, QueryError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let bytes = const_hex::decode(text).map_err(|error| QueryError::Damaged(error.to_string()))?;
    bytes.chunks(NodeId::LENGTH).map(|id| Ok(NodeId::from_slice(id)?)).collect()
}

//! Reads what the commands of a batch are going to ask for: the current rows of keys that are about to be written or
//! deleted.

use super::{
    existing::KeyState,
    transaction::{ApplyError, Transaction},
};
use crate::{
    metadata::{
        columns::{Columns, number},
        command::{Command, DeleteObject, PutObject, VersionSelector},
        script::{Argument, Script},
    },
    types::{BucketId, ObjectKey},
};

/// The key whose current row the command reads and then changes, and no other.
pub(super) fn key_of(command: &Command) -> Option<(BucketId, &ObjectKey)> {
    match command {
        Command::PutObject(PutObject { bucket, key, .. })
        | Command::DeleteObject(DeleteObject { bucket, key, version: VersionSelector::Latest, .. }) => {
            Some((*bucket, key))
        }
        _ => None,
    }
}

/// Keys of one statement; fewer leave their places empty.
const PLACES: usize = 16;

/// The place, then the columns of `KeyState`; no row for a key whose bucket is gone.
const READ_CURRENT: &str = "
    WITH wanted (place, bucket, key) AS (VALUES
        (0, $1, $2), (1, $3, $4), (2, $5, $6), (3, $7, $8), (4, $9, $10), (5, $11, $12), (6, $13, $14), (7, $15, $16),
        (8, $17, $18), (9, $19, $20), (10, $21, $22), (11, $23, $24), (12, $25, $26), (13, $27, $28), (14, $29, $30),
        (15, $31, $32))
    SELECT w.place, v.sequence, v.content, v.is_null, v.is_delete_marker, v.is_latest, v.version, v.etag, v.size,
        v.created, v.retention_mode, v.retain_until, v.legal_hold, b.versioning, b.object_lock, b.lifecycle_soonest,
        b.ownership, b.public_access_block
    FROM wanted w CROSS JOIN buckets b ON b.bucket = w.bucket
        LEFT JOIN versions v ON v.bucket = w.bucket AND v.key = w.key
            AND v.sequence = (SELECT max(h.sequence) FROM versions h WHERE h.bucket = w.bucket AND h.key = w.key)";

/// Afterwards the current rows that the batch is going to ask for are known. One command alone reads for itself.
pub(crate) async fn foresee<'b>(
    batch: impl Iterator<Item = &'b Command>,
    tx: &mut Transaction<'_>,
) -> Result<(), ApplyError> {
    let keys: Vec<(BucketId, &ObjectKey)> = batch.filter_map(key_of).collect();
    if keys.len() < 2 {
        return Ok(());
    }
    for keys in keys.chunks(PLACES) {
        let mut script = Script::of(READ_CURRENT);
        for place in 0..PLACES {
            match keys.get(place) {
                Some((bucket, key)) => script.bind(number(bucket.0)).bind(key.as_bytes()),
                None => script.bind(Argument::Null).bind(Argument::Null),
            };
        }
        for row in tx.fetch_all(script).await? {
            let place = row.small_number(0)? as usize;
            let Some((bucket, key)) = keys.get(place) else { continue };
            tx.foreseen().keep(*bucket, key, KeyState::from_row(&row)?);
        }
    }
    Ok(())
}

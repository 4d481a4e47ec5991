//! The repair list: which member lacks which blob. A put adds to it by itself (`contents`); here what is found later.

use super::transaction::{ApplyError, Transaction};
use crate::{
    metadata::{
        columns::{missing_reason_code, number},
        command::{BlobCopy, MissingReason},
        outcome::Outcome,
        script::Script,
    },
    types::CommitSequence,
};

/// Copies as `json_each` rows: a list of [blob, node], both hexadecimal. What has yet to arrive stays marked so (5), whoever
/// else misses it: its group's change is finished when nothing is marked so any more.
const MARK_MISSING: &str = "
    INSERT INTO under_replicated (blob, node, reason, sequence)
    SELECT b.blob, unhex(copy.value ->> 1), $2, $3
    FROM json_each($1) AS copy CROSS JOIN blobs b ON b.blob = unhex(copy.value ->> 0)
        CROSS JOIN placement_groups g ON g.placement_group = b.placement_group
    WHERE instr(g.members, unhex(copy.value ->> 1)) > 0
    ON CONFLICT (blob, node) DO UPDATE SET sequence = excluded.sequence,
        reason = CASE under_replicated.reason WHEN 5 THEN 5 ELSE excluded.reason END";

/// Afterwards the copies are on the repair list. A blob that was deleted meanwhile needs no repair, and a node that left
/// the blob's group no copy.
pub(super) async fn mark_missing(
    copies: &[BlobCopy],
    reason: MissingReason,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let script = Script::of(MARK_MISSING).with(hex_pairs(copies)).with(missing_reason_code(reason));
    let rows = tx.execute(script.with(number(tx.sequence().0))).await?;
    Ok(Outcome::Progress { rows })
}

const MARK_REPAIRED: &str = "
    DELETE FROM under_replicated WHERE sequence <= $2 AND (blob, node) IN
        (SELECT unhex(copy.value ->> 0), unhex(copy.value ->> 1) FROM json_each($1) AS copy)";

/// Afterwards the copies are off the repair list, but for those that were marked after `as_of`.
pub(super) async fn mark_repaired(
    copies: &[BlobCopy],
    as_of: CommitSequence,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let rows = tx.execute(Script::of(MARK_REPAIRED).with(hex_pairs(copies)).with(number(as_of.0))).await?;
    Ok(Outcome::Progress { rows })
}

fn hex_pairs(copies: &[BlobCopy]) -> String {
    let pairs: Vec<[String; 2]> = copies.iter().map(|copy| [copy.blob.to_string(), copy.node.to_string()]).collect();
    serde_json::to_string(&pairs).expect("text always serialises")
}

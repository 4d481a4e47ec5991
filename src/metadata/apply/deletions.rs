//! Deletion in bounded steps: uploads of deleted buckets end, ended uploads release their parts, contents that nothing names release their extents, blobs
//! that no extent names are queued in `deletions`, for their nodes to drop. Counts that somebody damaged stop at 0, and what is queued already
//! stays so: otherwise the remedies of the doctor could not be carried out.

use super::transaction::{ApplyError, Transaction};
use crate::{
    metadata::{
        columns::{Columns, number},
        outcome::Outcome,
        script::Script,
    },
    types::BlobId,
};

/// Bound of one step, whatever the command asks for: a few milliseconds.
const STEP_ROWS_MAX: u32 = 1000;

/// Afterwards at most `limit` parts or extents have released what they named; a blob without extents is a row of
/// `deletions` that carries this command's sequence. The outcome is 0 when nothing is left to do.
pub(super) async fn unroll(limit: u32, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let limit = limit.clamp(1, STEP_ROWS_MAX);
    let ended = end_uploads_of_buckets(limit, tx).await?;
    if ended > 0 {
        return Ok(Outcome::Progress { rows: ended });
    }
    let rows = match release_parts(limit, tx).await? {
        0 => unroll_contents(limit, tx).await?,
        released => released,
    };
    Ok(Outcome::Progress { rows })
}

const READ_ENDED_BUCKET: &str = "SELECT bucket FROM ended_buckets ORDER BY bucket LIMIT 1";
const READ_UPLOADS: &str = "
    SELECT count(*) FROM (SELECT 1 FROM uploads WHERE bucket = $1 LIMIT $2 + 0)";
const END_UPLOADS: &str = "
    INSERT INTO ended_uploads (upload, sequence)
    SELECT upload, $3 + 0 FROM uploads WHERE bucket = $1 ORDER BY key, upload LIMIT $2 + 0";
const DELETE_UPLOADS: &str = "
    DELETE FROM uploads WHERE bucket = $1 AND (key, upload) IN
        (SELECT key, upload FROM uploads WHERE bucket = $1 ORDER BY key, upload LIMIT $2 + 0)";
const DELETE_ENDED_BUCKET: &str = "DELETE FROM ended_buckets WHERE bucket = $1";

/// One step of one deleted bucket: up to `limit` of its uploads end. The step that reaches the last forgets the bucket.
async fn end_uploads_of_buckets(limit: u32, tx: &mut Transaction<'_>) -> Result<u64, ApplyError> {
    let Some(bucket) = tx.fetch_number(Script::of(READ_ENDED_BUCKET)).await? else { return Ok(0) };
    let (bucket, step) = (number(bucket), i64::from(limit));
    let found = tx.fetch_number(Script::of(READ_UPLOADS).with(bucket).with(step)).await?.unwrap_or(0);
    let mut script = Script::of(END_UPLOADS).with(bucket).with(step).with(number(tx.sequence().0));
    script.add(DELETE_UPLOADS).bind(bucket).bind(step);
    if found < u64::from(limit) {
        script.add(DELETE_ENDED_BUCKET).bind(bucket);
    }
    tx.execute(script).await?;
    Ok(found.max(1))
}

const READ_ENDED: &str = "SELECT upload FROM ended_uploads ORDER BY upload LIMIT 1";
const READ_LAST_PART: &str = "
    SELECT max(part_number), count(*)
    FROM (SELECT part_number FROM parts WHERE upload = $1 ORDER BY part_number LIMIT $2 + 0)";
const RELEASE_PARTS: &str = "
    UPDATE contents SET count = max(count - released.parts, 0)
    FROM (SELECT content, count(*) AS parts FROM parts WHERE upload = $1 AND part_number <= $2 GROUP BY content)
        AS released
    WHERE contents.content = released.content";
const DELETE_PARTS: &str = "DELETE FROM parts WHERE upload = $1 AND part_number <= $2";
const DELETE_ENDED: &str = "DELETE FROM ended_uploads WHERE upload = $1";

/// One step of one ended upload. The step that finds no parts left forgets the upload, and counts as one row.
async fn release_parts(limit: u32, tx: &mut Transaction<'_>) -> Result<u64, ApplyError> {
    let Some(row) = tx.fetch_optional(Script::of(READ_ENDED)).await? else { return Ok(0) };
    let upload = row.bytes(0)?.to_vec();
    let last = Script::of(READ_LAST_PART).with(&upload).with(i64::from(limit));
    let Some(row) = tx.fetch_optional(last).await? else { return Ok(0) };
    let (last_part, parts) = (row.optional_number(0)?, row.number(1)?);
    let mut script = Script::default();
    if let Some(last_part) = last_part {
        script.add(RELEASE_PARTS).bind(&upload).bind(number(last_part));
        script.add(DELETE_PARTS).bind(&upload).bind(number(last_part));
    }
    if parts < u64::from(limit) {
        script.add(DELETE_ENDED).bind(&upload);
    }
    tx.execute(script).await?;
    Ok(parts.max(1))
}

/// Dead contents in order, each with its number of rows below, counted up to the limit.
const READ_DEAD: &str = "
    SELECT content,
        (SELECT count(*) FROM (SELECT 1 FROM extents e WHERE e.content = c.content LIMIT $1 + 0)),
        (SELECT count(*) FROM (SELECT 1 FROM version_parts p WHERE p.content = c.content LIMIT $1 + 0))
    FROM contents c WHERE count = 0 ORDER BY content LIMIT $1 + 0";

async fn unroll_contents(limit: u32, tx: &mut Transaction<'_>) -> Result<u64, ApplyError> {
    let dead = tx.fetch_all(Script::of(READ_DEAD).with(i64::from(limit))).await?;
    let (mut rows, mut last_whole) = (0, None);
    for row in &dead {
        let content = row.number(0)?;
        let of_content = 1 + row.number(1)? + row.number(2)?;
        if rows + of_content > u64::from(limit) {
            break;
        }
        rows += of_content;
        last_whole = Some(content);
    }
    match (last_whole, dead.first()) {
        (Some(last), _) => {
            unroll_whole(last, tx).await?;
            Ok(rows)
        }
        (None, Some(row)) => unroll_piece(row.number(0)?, limit, tx).await,
        (None, None) => Ok(0),
    }
}

const RELEASE_WHOLE: &str = "
    UPDATE blobs SET extent_count = max(extent_count - released.extents, 0)
    FROM (SELECT blob, count(*) AS extents FROM extents
        WHERE content IN (SELECT content FROM contents WHERE count = 0 AND content <= $1) GROUP BY blob) AS released
    WHERE blobs.blob = released.blob";
const DELETE_WHOLE_EXTENTS: &str =
    "DELETE FROM extents WHERE content IN (SELECT content FROM contents WHERE count = 0 AND content <= $1)";
const DELETE_WHOLE_PARTS: &str =
    "DELETE FROM version_parts WHERE content IN (SELECT content FROM contents WHERE count = 0 AND content <= $1)";
const DELETE_CONTENTS: &str = "DELETE FROM contents WHERE count = 0 AND content <= $1";

/// All dead contents up to `last`, which together are within the limit.
async fn unroll_whole(last: u64, tx: &mut Transaction<'_>) -> Result<(), ApplyError> {
    let mut script = Script::of(RELEASE_WHOLE).with(number(last));
    script.add(DELETE_WHOLE_EXTENTS).bind(number(last));
    script.add(DELETE_WHOLE_PARTS).bind(number(last));
    script.add(DELETE_CONTENTS).bind(number(last));
    queue_dead_blobs(&mut script, tx);
    tx.execute(script).await?;
    Ok(())
}

const DELETE_SOME_PARTS: &str = "
    DELETE FROM version_parts WHERE content = $1 AND part_number IN
        (SELECT part_number FROM version_parts WHERE content = $1 ORDER BY part_number LIMIT $2 + 0)";
const READ_LAST_EXTENT: &str = "
    SELECT max(content_offset), count(*)
    FROM (SELECT content_offset FROM extents WHERE content = $1 ORDER BY content_offset LIMIT $2 + 0)";
const RELEASE_EXTENTS: &str = "
    UPDATE blobs SET extent_count = max(extent_count - released.extents, 0)
    FROM (SELECT blob, count(*) AS extents FROM extents WHERE content = $1 AND content_offset <= $2 GROUP BY blob)
        AS released
    WHERE blobs.blob = released.blob";
const DELETE_EXTENTS: &str = "DELETE FROM extents WHERE content = $1 AND content_offset <= $2";

/// Up to `limit` rows of one dead content that has more: its parts first, then its extents in order.
async fn unroll_piece(content: u64, limit: u32, tx: &mut Transaction<'_>) -> Result<u64, ApplyError> {
    let parts = tx.execute(Script::of(DELETE_SOME_PARTS).with(number(content)).with(i64::from(limit))).await?;
    if parts > 0 {
        return Ok(parts);
    }
    let last = Script::of(READ_LAST_EXTENT).with(number(content)).with(i64::from(limit));
    let Some(row) = tx.fetch_optional(last).await? else { return Ok(0) };
    let Some(last) = row.optional_number(0)? else { return Ok(0) };
    let mut script = Script::of(RELEASE_EXTENTS).with(number(content)).with(number(last));
    script.add(DELETE_EXTENTS).bind(number(content)).bind(number(last));
    queue_dead_blobs(&mut script, tx);
    tx.execute(script).await?;
    row.number(1).map_err(ApplyError::from)
}

const QUEUE_BLOBS: &str = "
    INSERT INTO deletions (blob, placement_group, chunk_count, size, deleted_at)
    SELECT blob, placement_group, length(roots) / 32, size, $1 FROM blobs WHERE extent_count = 0
    ON CONFLICT (blob) DO NOTHING";
const FORGET_REPAIRS: &str =
    "DELETE FROM under_replicated WHERE blob IN (SELECT blob FROM blobs WHERE extent_count = 0)";
const DELETE_BLOBS: &str = "DELETE FROM blobs WHERE extent_count = 0";

/// Adds to `script` the move of blobs without extents from `blobs` to `deletions`.
fn queue_dead_blobs(script: &mut Script, tx: &Transaction<'_>) {
    script.add(QUEUE_BLOBS).bind(number(tx.sequence().0));
    script.add(FORGET_REPAIRS).add(DELETE_BLOBS);
}

const DELETE_DELETIONS: &str = "DELETE FROM deletions WHERE blob IN (SELECT unhex(value) FROM json_each($1))";

/// Afterwards nothing is known of these blobs any more: every member has dropped them.
pub(super) async fn finish(blobs: &[BlobId], tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let rows = tx.execute(Script::of(DELETE_DELETIONS).with(hex_list(blobs))).await?;
    Ok(Outcome::Progress { rows })
}

/// Ids as a JSON list of hexadecimal text, for `unhex(value)` over `json_each`.
fn hex_list(blobs: &[BlobId]) -> String {
    let ids: Vec<String> = blobs.iter().map(BlobId::to_string).collect();
    serde_json::to_string(&ids).expect("text always serialises")
}

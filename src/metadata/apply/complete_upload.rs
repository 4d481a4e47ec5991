//! Completing an upload: its parts, one behind the other, become the key's current version in one command.
//! Source: Amazon S3 API Reference, CompleteMultipartUpload.
//!
//! The content's extents are made by one INSERT..SELECT over the parts, 100 000 of them at most: that is this command's
//! bound. The parts themselves are left to `deletions`, which releases them in steps.

use super::{
    contents::{self, EXTENTS_MAX},
    copy, preconditions,
    transaction::{ApplyError, Transaction},
    uploads,
    versions::{self, NewVersion},
};
use crate::{
    metadata::{
        columns::{Columns, number, time},
        command::{CompleteUpload, CompletedPart, VersionSelector},
        outcome::{CommandError, CompletedUpload, KeptCompletion, Outcome, PartRuns},
        script::Script,
    },
    types::{
        Acl, Checksum, ChecksumAlgorithm, ChecksumKind, ContentId, ETag, ObjectHeaders, TagSet, UploadId, VersionLock,
    },
};

/// A part that is not the last has at least this many bytes.
const PART_SIZE_MIN_BYTES: u64 = 5 << 20;

/// Bound of one object (S3).
const OBJECT_SIZE_MAX_BYTES: u64 = 5 << 40;

/// What the upload said when it began.
struct Upload {
    owner: String,
    headers: ObjectHeaders,
    tags: TagSet,
    checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
    lock: VersionLock,
    acl: Acl,
}

/// A part as the table has it.
#[derive(Clone, Debug)]
struct StoredPart {
    part_number: u32,
    size: u64,
    etag: ETag,
    checksum: Option<Checksum>,
}

/// Afterwards the key's current version is the parts one behind the other, parts that were not named are released, the
/// upload is gone, and its outcome is kept so that a repeated Complete gets the same answer.
pub(super) async fn complete(command: &CompleteUpload, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let Some(upload) = read_upload(command, tx).await? else { return repeat(command, tx).await };
    let state = versions::read(command.bucket, &command.key, VersionSelector::Latest, tx).await?;
    preconditions::check_write(&command.precondition, state.validators())?;
    let stored = read_parts(command.upload, tx).await?;
    let size = check_parts(command, upload.checksum, &stored)?;
    let content = ContentId(tx.sequence().0);
    join_parts(command, content, tx).await?;
    let version = NewVersion {
        bucket: command.bucket,
        key: &command.key,
        version: command.version,
        created: command.created,
        owner: &upload.owner,
        size,
        etag: &command.etag,
        checksum: command.checksum.as_ref(),
        headers: &upload.headers,
        tags: &upload.tags,
        part_count: Some(command.parts.len() as u32),
        content,
        lock: upload.lock,
        // What is made while lists are disabled has none, or it would be public once they are enabled again.
        acl: state.acl_rules.shown(upload.acl),
    };
    let mut script = Script::default();
    contents::insert_row(content, size, &mut script);
    let written = version.replace(state, &mut script, tx).await?;
    uploads::end(command.bucket, &command.key, command.upload, &mut script, tx);
    let parts = PartRuns::of(command.parts.iter().map(|part| part.part_number));
    let kept = KeptCompletion { written, parts: Some(parts) };
    keep_outcome(command, &kept, &mut script);
    tx.execute(script).await?;
    Ok(Outcome::Completed(CompletedUpload { kept, repeated: false }))
}

const READ_UPLOAD: &str = "
    SELECT owner, content_type, headers, tags, checksum_algorithm, checksum_kind, retention_mode, retain_until, legal_hold,
        acl
    FROM uploads WHERE bucket = $1 AND key = $2 AND upload = $3";

async fn read_upload(command: &CompleteUpload, tx: &mut Transaction<'_>) -> Result<Option<Upload>, ApplyError> {
    let script = Script::of(READ_UPLOAD).with(number(command.bucket.0)).with(command.key.as_bytes());
    let Some(row) = tx.fetch_optional(script.with(&command.upload.as_bytes()[..])).await? else { return Ok(None) };
    Ok(Some(Upload {
        owner: row.string(0)?,
        headers: row.headers(1)?,
        tags: row.tags(3)?,
        checksum: row.checksum_type(4)?,
        lock: row.lock(6)?,
        acl: row.acl(9)?,
    }))
}

const READ_OUTCOME: &str = "SELECT outcome FROM completed_uploads WHERE upload = $1 AND bucket = $2 AND key = $3";
const INSERT_OUTCOME: &str =
    "INSERT INTO completed_uploads (upload, bucket, key, completed, outcome) VALUES ($1, $2, $3, $4, $5)";

/// The upload is gone: the kept outcome, whatever became of the object since.
async fn repeat(command: &CompleteUpload, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let script = Script::of(READ_OUTCOME).with(&command.upload.as_bytes()[..]).with(number(command.bucket.0));
    let Some(row) = tx.fetch_optional(script.with(command.key.as_bytes())).await? else {
        return Err(uploads::absent(command.bucket, tx).await);
    };
    let kept = serde_json::from_str(row.text(0)?).map_err(crate::metadata::QueryError::from)?;
    Ok(Outcome::Completed(CompletedUpload { kept, repeated: true }))
}

fn keep_outcome(command: &CompleteUpload, kept: &KeptCompletion, script: &mut Script) {
    let outcome = serde_json::to_string(kept).expect("an outcome has no maps with odd keys");
    script.add(INSERT_OUTCOME).bind(&command.upload.as_bytes()[..]).bind(number(command.bucket.0));
    script.bind(command.key.as_bytes()).bind(time(command.created)).bind(outcome);
}

const READ_PARTS: &str = "
    SELECT part_number, size, etag, checksum_algorithm, checksum FROM parts WHERE upload = $1 ORDER BY part_number";

async fn read_parts(upload: UploadId, tx: &mut Transaction<'_>) -> Result<Vec<StoredPart>, ApplyError> {
    let rows = tx.fetch_all(Script::of(READ_PARTS).with(&upload.as_bytes()[..])).await?;
    let mut parts = Vec::with_capacity(rows.len());
    for row in rows {
        parts.push(StoredPart {
            part_number: row.small_number(0)?,
            size: row.number(1)?,
            etag: row.text(2)?.parse().map_err(crate::metadata::QueryError::from)?,
            checksum: row.checksum(3)?,
        });
    }
    Ok(parts)
}

/// S3's rules on the list of parts, in the order in which S3 finds fault. `stored` is in order of part numbers. Returns
/// the size of the whole.
fn check_parts(
    command: &CompleteUpload,
    algorithm: Option<(ChecksumAlgorithm, ChecksumKind)>,
    stored: &[StoredPart],
) -> Result<u64, CommandError> {
    if command.parts.is_empty() {
        return Err(CommandError::Malformed { reason: "no parts".to_owned() });
    }
    if !command.parts.is_sorted_by(|a, b| a.part_number < b.part_number) {
        return Err(CommandError::InvalidPartOrder);
    }
    let mut size = 0_u64;
    for (index, named) in command.parts.iter().enumerate() {
        let part = check_part(named, algorithm, stored)?;
        let is_last = index + 1 == command.parts.len();
        if part.size < PART_SIZE_MIN_BYTES && !is_last {
            let (part_number, size, etag) = (part.part_number, part.size, part.etag.clone());
            return Err(CommandError::EntityTooSmall { part_number, size, etag });
        }
        size = size.saturating_add(part.size);
    }
    if let Some(expected) = command.expected_size.filter(|expected| *expected != size) {
        return Err(CommandError::SizeMismatch { expected, actual: size });
    }
    if size > OBJECT_SIZE_MAX_BYTES { Err(CommandError::TooLarge) } else { Ok(size) }
}

fn check_part<'a>(
    named: &CompletedPart,
    algorithm: Option<(ChecksumAlgorithm, ChecksumKind)>,
    stored: &'a [StoredPart],
) -> Result<&'a StoredPart, CommandError> {
    let part_number = named.part_number;
    let invalid = CommandError::InvalidPart { part_number };
    let found = stored.binary_search_by_key(&part_number, |part| part.part_number);
    let Some(part) = found.ok().and_then(|index| stored.get(index)) else { return Err(invalid) };
    if part.etag != named.etag {
        return Err(invalid);
    }
    if named.checksum.as_ref().is_some_and(|named| part.checksum.as_ref() != Some(named)) {
        return Err(invalid);
    }
    match algorithm {
        // A composite checksum is made of the parts' own: S3 wants each of them named again.
        Some((algorithm, ChecksumKind::Composite)) if named.checksum.is_none() => {
            Err(CommandError::PartChecksumMissing { part_number, algorithm })
        }
        _ => Ok(part),
    }
}

const RELEASE_UNNAMED: &str = "
    UPDATE contents SET count = max(count - unnamed.parts, 0)
    FROM (SELECT content, count(*) AS parts FROM parts
        WHERE upload = $1 AND part_number NOT IN (SELECT value FROM json_each($2)) GROUP BY content) AS unnamed
    WHERE contents.content = unnamed.content";
const DELETE_UNNAMED: &str =
    "DELETE FROM parts WHERE upload = $1 AND part_number NOT IN (SELECT value FROM json_each($2))";
const INSERT_VERSION_PARTS: &str = "
    INSERT INTO version_parts (content, part_number, content_offset, size, checksum_algorithm, checksum)
    SELECT $1, part_number, sum(size) OVER (ORDER BY part_number) - size, size, checksum_algorithm, checksum
    FROM parts WHERE upload = $2";
const COUNT_EXTENTS: &str = "
    SELECT count(*) FROM (SELECT 1 FROM parts p CROSS JOIN extents e ON e.content = p.content
        WHERE p.upload = $1 LIMIT $2 + 0)";
const INSERT_EXTENTS: &str = "
    INSERT INTO extents (content, content_offset, blob, blob_offset, length)
    SELECT $1, v.content_offset + e.content_offset, e.blob, e.blob_offset, e.length
    FROM version_parts v
        CROSS JOIN parts p ON p.upload = $2 AND p.part_number = v.part_number
        CROSS JOIN extents e ON e.content = p.content
    WHERE v.content = $1";

/// Writes the new content's parts and extents. The upload's rows are left with exactly the parts that were named.
async fn join_parts(command: &CompleteUpload, content: ContentId, tx: &mut Transaction<'_>) -> Result<(), ApplyError> {
    let upload = || &command.upload.as_bytes()[..];
    let numbers: Vec<u32> = command.parts.iter().map(|part| part.part_number).collect();
    let numbers = serde_json::to_string(&numbers).expect("numbers always serialise");
    let mut script = Script::of(RELEASE_UNNAMED).with(upload()).with(&numbers);
    script.add(DELETE_UNNAMED).bind(upload()).bind(&numbers);
    tx.execute(script).await?;
    let count = Script::of(COUNT_EXTENTS).with(upload()).with(number(EXTENTS_MAX + 1));
    if tx.fetch_number(count).await? > Some(EXTENTS_MAX) {
        return Err(CommandError::TooManyExtents { limit: EXTENTS_MAX }.into());
    }
    let mut script = Script::of(INSERT_VERSION_PARTS).with(number(content.0)).with(upload());
    script.add(INSERT_EXTENTS).bind(number(content.0)).bind(upload());
    copy::raise_extent_counts(content, &mut script);
    tx.execute(script).await?;
    Ok(())
}

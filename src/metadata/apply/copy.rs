//! Copies without moving data: an object names its source's content, a part names a slice of its source's extents.
//! The source is read inside the transaction, so that a count that reached 0 never rises again (invariant 5).
//! Source: Amazon S3 API Reference, CopyObject, UploadPartCopy.

use super::{
    acls,
    contents::{self, EXTENTS_MAX},
    kept::{self, Kept},
    parts::{self, NewPart},
    preconditions::{self, Validators},
    transaction::{ApplyError, Transaction},
    versions::{self, NewVersion},
};
use crate::{
    metadata::{
        columns::number,
        command::{CopyObject, CopyPart, CopySource, Directive, VersionSelector},
        outcome::{CommandError, Outcome},
        script::Script,
    },
    types::{ContentId, ETag},
};

/// What a copy takes from its source.
struct Source {
    content: ContentId,
    size: u64,
    etag: ETag,
    kept: Kept,
}

/// The source as it is now, after its conditions were checked.
async fn read_source(source: &CopySource, tx: &mut Transaction<'_>) -> Result<Source, ApplyError> {
    let state = versions::read(source.bucket, &source.key, source.version, tx).await?;
    let row = state.version.ok_or_else(|| versions::not_found(source.version))?;
    let (Some(content), Some(validators)) = (row.content, row.validators.clone()) else {
        return Err(match source.version {
            VersionSelector::Latest => CommandError::NoSuchKey.into(),
            VersionSelector::Null | VersionSelector::Id(_) => CommandError::IsDeleteMarker.into(),
        });
    };
    if source.expected_version.is_some_and(|expected| expected != row.version) {
        return Err(CommandError::SourceChanged.into());
    }
    preconditions::check_source(&source.conditions, &validators)?;
    let Validators { etag, size, .. } = validators;
    let kept = kept::read(source.bucket, &source.key, &row, tx).await?;
    Ok(Source { content, size, etag, kept })
}

fn choose<'a, T>(directive: &'a Directive<T>, of_source: &'a T) -> &'a T {
    match directive {
        Directive::Copy => of_source,
        Directive::Replace(of_request) => of_request,
    }
}

/// Afterwards the destination's current version names the source's content, whose count has grown by one.
pub(super) async fn copy_object(command: &CopyObject, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let source = read_source(&command.source, tx).await?;
    let state = versions::read(command.bucket, &command.key, VersionSelector::Latest, tx).await?;
    preconditions::check_write(&command.precondition, state.validators())?;
    acls::check(command.acl, state.acl_rules)?;
    let version = NewVersion {
        bucket: command.bucket,
        key: &command.key,
        version: command.version,
        created: command.created,
        owner: &command.owner,
        size: source.size,
        etag: &source.etag,
        checksum: choose(&command.checksum, &source.kept.checksum).as_ref(),
        headers: choose(&command.headers, &source.kept.headers),
        tags: choose(&command.tags, &source.kept.tags),
        part_count: source.kept.part_count,
        content: source.content,
        lock: command.lock,
        acl: command.acl,
    };
    // First up, then down: a copy of a key onto itself must not pass through 0.
    let mut script = Script::default();
    contents::raise_count(source.content, &mut script);
    let written = version.replace(state, &mut script, tx).await?;
    tx.execute(script).await?;
    Ok(Outcome::Written(written))
}

/// Afterwards the part names a slice of the source's extents, no data moved; the whole source: its content.
pub(super) async fn copy_part(command: &CopyPart, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let upload = parts::read_target(command.bucket, &command.key, command.upload, command.part_number, tx).await?;
    let source = read_source(&command.source, tx).await?;
    let (first, length) = command.range.unwrap_or((0, source.size));
    if command.range.is_some() && (length == 0 || first.checked_add(length).is_none_or(|end| end > source.size)) {
        return Err(CommandError::SourceRangeInvalid.into());
    }
    let mut script = Script::default();
    let content = if length == source.size {
        contents::raise_count(source.content, &mut script);
        source.content
    } else {
        slice(source.content, first, length, &mut script, tx).await?
    };
    let part = NewPart {
        upload: command.upload,
        part_number: command.part_number,
        modified: command.modified,
        size: length,
        etag: &command.etag,
        checksum: command.checksum.as_ref(),
        content,
    };
    part.replace(upload, &mut script);
    tx.execute(script).await?;
    Ok(part.written())
}

const COUNT_SLICE: &str = "
    SELECT count(*) FROM (SELECT 1 FROM extents WHERE content = $1 AND content_offset < $3 AND content_offset >=
        (SELECT max(content_offset) FROM extents WHERE content = $1 AND content_offset <= $2) LIMIT $4 + 0)";
const INSERT_SLICE: &str = "
    INSERT INTO extents (content, content_offset, blob, blob_offset, length)
    SELECT $4, max(content_offset, $2) - $2, blob, blob_offset + max($2 - content_offset, 0),
        min(content_offset + length, $3) - max(content_offset, $2)
    FROM extents WHERE content = $1 AND content_offset < $3 AND content_offset >=
        (SELECT max(content_offset) FROM extents WHERE content = $1 AND content_offset <= $2)";
const RAISE_EXTENT_COUNTS: &str = "
    UPDATE blobs SET extent_count = extent_count + named.extents
    FROM (SELECT blob, count(*) AS extents FROM extents WHERE content = $1 GROUP BY blob) AS named
    WHERE blobs.blob = named.blob";

/// Adds to `script` a new content over `length` bytes of `source` from `first` on, which lie inside it.
async fn slice(
    source: ContentId,
    first: u64,
    length: u64,
    script: &mut Script,
    tx: &mut Transaction<'_>,
) -> Result<ContentId, ApplyError> {
    let range =
        |statement| Script::of(statement).with(number(source.0)).with(number(first)).with(number(first + length));
    if tx.fetch_number(range(COUNT_SLICE).with(number(EXTENTS_MAX + 1))).await? > Some(EXTENTS_MAX) {
        return Err(CommandError::TooManyExtents { limit: EXTENTS_MAX }.into());
    }
    let content = ContentId(tx.sequence().0);
    contents::insert_row(content, length, script);
    script.add(INSERT_SLICE).bind(number(source.0)).bind(number(first)).bind(number(first + length));
    script.bind(number(content.0));
    raise_extent_counts(content, script);
    Ok(content)
}

/// For a content whose extents came from others: its blobs are named once more by each of them.
pub(super) fn raise_extent_counts(content: ContentId, script: &mut Script) {
    script.add(RAISE_EXTENT_COUNTS).bind(number(content.0));
}

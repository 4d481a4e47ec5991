//! Versions of objects: put, delete, tags. Versioning is off for now, so a write replaces the key's `null` version; rows
//! and statements hold for histories too.

use super::{
    contents,
    existing::Existing,
    preconditions,
    transaction::{ApplyError, Transaction},
};
use crate::{
    metadata::{
        columns::{algorithm_code, kind_code, number, other_headers, tags_text, time},
        command::{DeleteObject, PutObject, VersionSelector},
        outcome::{CommandError, DeletedVersion, Outcome, WrittenVersion},
        script::Script,
    },
    types::{
        BucketId, ChecksumKind, CommitSequence, ContentId, ETag, ObjectChecksum, ObjectHeaders, ObjectKey, TagSet,
        Timestamp, VersionId,
    },
};

/// The bucket and the key's current row; no row at all when there is no such bucket.
const READ_CURRENT: &str = "
    SELECT b.bucket, v.sequence, v.content, v.is_null, v.is_delete_marker, v.is_latest, v.version, v.etag, v.size,
        v.created
    FROM buckets b LEFT JOIN versions v ON v.bucket = b.bucket AND v.key = $2
    WHERE b.bucket = $1 ORDER BY v.sequence DESC LIMIT 1";
const READ_NULL: &str = "
    SELECT b.bucket, v.sequence, v.content, v.is_null, v.is_delete_marker, v.is_latest, v.version, v.etag, v.size,
        v.created
    FROM buckets b LEFT JOIN versions v ON v.bucket = b.bucket AND v.key = $2 AND v.is_null = 1
    WHERE b.bucket = $1";
const READ_BY_ID: &str = "
    SELECT b.bucket, v.sequence, v.content, v.is_null, v.is_delete_marker, v.is_latest, v.version, v.etag, v.size,
        v.created
    FROM buckets b LEFT JOIN versions v ON v.bucket = b.bucket AND v.key = $2 AND v.is_null = 0 AND v.version = $3
    WHERE b.bucket = $1";

/// The row that the selector means, or `NoSuchBucket`.
pub(super) async fn read(
    bucket: BucketId,
    key: &ObjectKey,
    selector: VersionSelector,
    tx: &mut Transaction<'_>,
) -> Result<Option<Existing>, ApplyError> {
    if selector == VersionSelector::Latest
        && let Some(foreseen) = tx.foreseen().take(bucket, key)
    {
        return Ok(foreseen);
    }
    let mut script = Script::of(match selector {
        VersionSelector::Latest => READ_CURRENT,
        VersionSelector::Null => READ_NULL,
        VersionSelector::Id(_) => READ_BY_ID,
    });
    script.bind(number(bucket.0)).bind(key.as_bytes());
    if let VersionSelector::Id(version) = selector {
        script.bind(&version.as_bytes()[..]);
    }
    let row = tx.fetch_optional(script).await?.ok_or(CommandError::NoSuchBucket)?;
    Ok(Existing::from_row(&row)?)
}

/// A version on its way into the table.
pub(super) struct NewVersion<'a> {
    pub bucket: BucketId,
    pub key: &'a ObjectKey,
    pub version: VersionId,
    pub created: Timestamp,
    pub owner: &'a str,
    pub size: u64,
    pub etag: &'a ETag,
    pub checksum: Option<&'a ObjectChecksum>,
    pub headers: &'a ObjectHeaders,
    pub tags: &'a TagSet,
    pub part_count: Option<u32>,
    pub content: ContentId,
}

const INSERT_VERSION: &str = "
    INSERT INTO versions (bucket, key, sequence, version, is_null, is_latest, is_delete_marker, created, owner, size,
        etag, checksum_algorithm, checksum_kind, checksum, content_type, headers, tags, part_count, content)
    VALUES ($1, $2, $3, $4, 1, 1, 0, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
const DELETE_VERSION: &str = "DELETE FROM versions WHERE bucket = $1 AND key = $2 AND sequence = $3";
const CLEAR_LATEST: &str = "UPDATE versions SET is_latest = 0 WHERE bucket = $1 AND key = $2 AND sequence = $3";

impl NewVersion<'_> {
    /// Adds to `script` what makes this the key's current and `null` version: the former `null` version is gone, its
    /// content named once less. `current` was read in this transaction.
    pub async fn replace(
        &self,
        current: Option<Existing>,
        script: &mut Script,
        tx: &mut Transaction<'_>,
    ) -> Result<(), ApplyError> {
        let replaced = match current {
            Some(current) if !current.is_null => {
                script.add(CLEAR_LATEST).bind(number(self.bucket.0)).bind(self.key.as_bytes());
                script.bind(number(current.sequence.0));
                read(self.bucket, self.key, VersionSelector::Null, tx).await?
            }
            current => current,
        };
        if let Some(replaced) = replaced {
            delete_row(self.bucket, self.key, &replaced, script);
        }
        self.insert(CommitSequence(tx.sequence().0), script)
    }

    fn insert(&self, sequence: CommitSequence, script: &mut Script) -> Result<(), ApplyError> {
        let checksum = self.checksum;
        if let Some(ObjectChecksum { kind: ChecksumKind::Composite, part_count, .. }) = checksum
            && *part_count != self.part_count
        {
            let reason = "a composite checksum over another number of parts than the object has".to_owned();
            return Err(CommandError::Malformed { reason }.into());
        }
        script.add(INSERT_VERSION).bind(number(self.bucket.0)).bind(self.key.as_bytes()).bind(number(sequence.0));
        script.bind(&self.version.as_bytes()[..]).bind(time(self.created)).bind(self.owner).bind(number(self.size));
        script.bind(self.etag.as_str());
        script.bind(checksum.map(|checksum| algorithm_code(checksum.checksum.algorithm())));
        script.bind(checksum.map(|checksum| kind_code(checksum.kind)));
        script.bind(checksum.map(|checksum| checksum.checksum.value()));
        script.bind(self.headers.system.content_type.as_deref()).bind(other_headers(self.headers));
        script.bind(tags_text(self.tags)).bind(self.part_count.map(i64::from)).bind(number(self.content.0));
        Ok(())
    }

    pub fn written(&self) -> WrittenVersion {
        WrittenVersion {
            version: self.version,
            versioned: false,
            etag: self.etag.clone(),
            size: self.size,
            created: self.created,
            checksum: self.checksum.cloned(),
        }
    }
}

fn delete_row(bucket: BucketId, key: &ObjectKey, row: &Existing, script: &mut Script) {
    script.add(DELETE_VERSION).bind(number(bucket.0)).bind(key.as_bytes()).bind(number(row.sequence.0));
    if let Some(content) = row.content {
        contents::lower_count(content, script);
    }
}

/// Afterwards the key's current version is this one, and what it replaced has one count less.
pub(super) async fn put(command: &PutObject, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let current = read(command.bucket, &command.key, VersionSelector::Latest, tx).await?;
    preconditions::check_write(&command.precondition, current.as_ref().and_then(|row| row.validators.as_ref()))?;
    let content = contents::check(&command.content, tx).await?;
    let attributes = &command.attributes;
    let version = NewVersion {
        bucket: command.bucket,
        key: &command.key,
        version: attributes.version,
        created: attributes.created,
        owner: &attributes.owner,
        size: content.size(),
        etag: &command.etag,
        checksum: command.checksum.as_ref(),
        headers: &attributes.headers,
        tags: &attributes.tags,
        part_count: None,
        content: ContentId(tx.sequence().0),
    };
    let mut script = Script::default();
    version.replace(current, &mut script, tx).await?;
    content.insert(version.content, &mut script, tx).await?;
    tx.write_later(script).await?;
    Ok(Outcome::Written(version.written()))
}

/// The newest row that is left becomes current.
const PROMOTE_LATEST: &str = "
    UPDATE versions SET is_latest = 1 WHERE bucket = $1 AND key = $2
        AND sequence = (SELECT max(sequence) FROM versions WHERE bucket = $1 AND key = $2)";

/// Afterwards the version is gone and its content has one count less. Deleting what is not there succeeds.
pub(super) async fn delete(command: &DeleteObject, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let row = read(command.bucket, &command.key, command.version, tx).await?;
    preconditions::check_delete(&command.precondition, row.as_ref().and_then(|row| row.validators.as_ref()))?;
    let Some(row) = row else {
        return Ok(Outcome::Deleted(DeletedVersion { version: None, is_delete_marker: false, existed: false }));
    };
    let mut script = Script::default();
    delete_row(command.bucket, &command.key, &row, &mut script);
    if row.is_latest {
        script.add(PROMOTE_LATEST).bind(number(command.bucket.0)).bind(command.key.as_bytes());
    }
    tx.write_later(script).await?;
    Ok(Outcome::Deleted(DeletedVersion {
        version: (!row.is_null).then_some(row.version),
        is_delete_marker: row.is_delete_marker,
        existed: true,
    }))
}

const SET_TAGS: &str = "UPDATE versions SET tags = $4 WHERE bucket = $1 AND key = $2 AND sequence = $3";

pub(super) async fn set_tags(
    bucket: BucketId,
    key: &ObjectKey,
    selector: VersionSelector,
    tags: &TagSet,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let row = read(bucket, key, selector, tx).await?.ok_or_else(|| not_found(selector))?;
    if row.is_delete_marker {
        return Err(CommandError::IsDeleteMarker.into());
    }
    let mut script = Script::of(SET_TAGS);
    script.bind(number(bucket.0)).bind(key.as_bytes()).bind(number(row.sequence.0)).bind(tags_text(tags));
    tx.execute(script).await?;
    Ok(Outcome::Done)
}

/// What a version that isn't there is called.
pub(super) fn not_found(selector: VersionSelector) -> CommandError {
    match selector {
        VersionSelector::Latest => CommandError::NoSuchKey,
        VersionSelector::Null | VersionSelector::Id(_) => CommandError::NoSuchVersion,
    }
}

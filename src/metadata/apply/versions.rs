//! Versions of objects: reading the one that is meant, putting a new one, tags. Where the bucket keeps versions, a write gets
//! an id and replaces nothing; else it is the key's null version and replaces the null version that was there.
//! Source: Amazon S3 User Guide, "How S3 Versioning works".

use super::{
    acls, contents,
    existing::KeyState,
    locks::{self, Removable},
    preconditions,
    transaction::{ApplyError, Transaction},
};
use crate::{
    metadata::{
        columns::{acl_code, algorithm_code, kind_code, number, other_headers, tags_text, time},
        command::{PutObject, VersionSelector},
        outcome::{ChangedVersion, CommandError, Outcome, WrittenVersion},
        script::Script,
    },
    types::{
        Acl, BucketId, Bypass, ChecksumKind, CommitSequence, ContentId, ETag, ObjectChecksum, ObjectHeaders, ObjectKey,
        TagSet, Timestamp, VersionId, VersionLock, VersionName, Versioning,
    },
};

/// The bucket and the key's current row; no row at all when there is no such bucket.
const READ_CURRENT: &str = "
    SELECT b.bucket, v.sequence, v.content, v.is_null, v.is_delete_marker, v.is_latest, v.version, v.etag, v.size,
        v.created, v.retention_mode, v.retain_until, v.legal_hold, b.versioning, b.object_lock, b.lifecycle_soonest,
        b.ownership, b.public_access_block
    FROM buckets b LEFT JOIN versions v ON v.bucket = b.bucket AND v.key = $2
    WHERE b.bucket = $1 ORDER BY v.sequence DESC LIMIT 1";
const READ_NULL: &str = "
    SELECT b.bucket, v.sequence, v.content, v.is_null, v.is_delete_marker, v.is_latest, v.version, v.etag, v.size,
        v.created, v.retention_mode, v.retain_until, v.legal_hold, b.versioning, b.object_lock, b.lifecycle_soonest,
        b.ownership, b.public_access_block
    FROM buckets b LEFT JOIN versions v ON v.bucket = b.bucket AND v.key = $2 AND v.is_null = 1
    WHERE b.bucket = $1";
const READ_BY_ID: &str = "
    SELECT b.bucket, v.sequence, v.content, v.is_null, v.is_delete_marker, v.is_latest, v.version, v.etag, v.size,
        v.created, v.retention_mode, v.retain_until, v.legal_hold, b.versioning, b.object_lock, b.lifecycle_soonest,
        b.ownership, b.public_access_block
    FROM buckets b LEFT JOIN versions v ON v.bucket = b.bucket AND v.key = $2 AND v.is_null = 0 AND v.version = $3
    WHERE b.bucket = $1";

/// The key with the row that the selector means, or `NoSuchBucket`.
pub(super) async fn read(
    bucket: BucketId,
    key: &ObjectKey,
    selector: VersionSelector,
    tx: &mut Transaction<'_>,
) -> Result<KeyState, ApplyError> {
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
    Ok(KeyState::from_row(&row)?)
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
    /// What was asked for; the bucket's default comes to it.
    pub lock: VersionLock,
    /// Whoever makes up a list asks `acls::check` first.
    pub acl: Acl,
}

const INSERT_VERSION: &str = "
    INSERT INTO versions (bucket, key, sequence, version, is_null, is_latest, is_delete_marker, created, owner, size,
        etag, checksum_algorithm, checksum_kind, checksum, content_type, headers, tags, part_count, content,
        retention_mode, retain_until, legal_hold, acl)
    VALUES ($1, $2, $3, $4, $5, 1, 0, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";
const DELETE_VERSION: &str = "DELETE FROM versions WHERE bucket = $1 AND key = $2 AND sequence = $3";
const CLEAR_LATEST: &str = "UPDATE versions SET is_latest = 0 WHERE bucket = $1 AND key = $2 AND sequence = $3";

/// Adds to `script` what lets a row in that becomes the key's newest: the one that was is that no more, and where versions
/// are not kept the null version is gone, since the new one takes its name, unless it is locked at the time `at`. `state` is of the
/// current version, read in this transaction.
/// Who adds the row notes the change of the key (`Watch`).
pub(super) async fn make_way(
    bucket: BucketId,
    key: &ObjectKey,
    state: KeyState,
    at: Timestamp,
    script: &mut Script,
    tx: &mut Transaction<'_>,
) -> Result<(), ApplyError> {
    let replaced = match state.version {
        Some(current) if state.versioning.keeps_versions() || !current.is_null => {
            script.add(CLEAR_LATEST).bind(number(bucket.0)).bind(key.as_bytes()).bind(number(current.sequence.0));
            match state.versioning.keeps_versions() {
                true => None,
                false => read(bucket, key, VersionSelector::Null, tx).await?.version,
            }
        }
        current => current,
    };
    if let Some(replaced) = replaced {
        delete_row(bucket, key, &locks::removable(&replaced, at, Bypass::None)?, script);
    }
    Ok(())
}

impl NewVersion<'_> {
    /// Adds to `script` what makes this the key's current version. `state` is of the current one, read in this transaction.
    pub async fn replace(
        &self,
        state: KeyState,
        script: &mut Script,
        tx: &mut Transaction<'_>,
    ) -> Result<WrittenVersion, ApplyError> {
        let (versioning, watch) = (state.versioning, state.watch);
        let lock = locks::of_new_version(self.lock, state.object_lock, self.created)?;
        make_way(self.bucket, self.key, state, self.created, script, tx).await?;
        self.insert(CommitSequence(tx.sequence().0), !versioning.keeps_versions(), lock, script)?;
        watch.note_write(self.bucket, self.key, self.created, script, tx);
        Ok(self.written(versioning))
    }

    fn insert(
        &self,
        sequence: CommitSequence,
        is_null: bool,
        lock: VersionLock,
        script: &mut Script,
    ) -> Result<(), ApplyError> {
        let checksum = self.checksum;
        if let Some(ObjectChecksum { kind: ChecksumKind::Composite, part_count, .. }) = checksum
            && *part_count != self.part_count
        {
            let reason = "a composite checksum over another number of parts than the object has".to_owned();
            return Err(CommandError::Malformed { reason }.into());
        }
        script.add(INSERT_VERSION).bind(number(self.bucket.0)).bind(self.key.as_bytes()).bind(number(sequence.0));
        script.bind(&self.version.as_bytes()[..]).bind(i64::from(is_null));
        script.bind(time(self.created)).bind(self.owner).bind(number(self.size)).bind(self.etag.as_str());
        script.bind(checksum.map(|checksum| algorithm_code(checksum.checksum.algorithm())));
        script.bind(checksum.map(|checksum| kind_code(checksum.kind)));
        script.bind(checksum.map(|checksum| checksum.checksum.value()));
        script.bind(self.headers.system.content_type.as_deref()).bind(other_headers(self.headers));
        script.bind(tags_text(self.tags)).bind(self.part_count.map(i64::from)).bind(number(self.content.0));
        locks::bind(lock, script);
        script.bind(acl_code(self.acl));
        Ok(())
    }

    fn written(&self, versioning: Versioning) -> WrittenVersion {
        WrittenVersion {
            version: self.version,
            versioned: versioning.shows_versions(),
            is_null: !versioning.keeps_versions(),
            etag: self.etag.clone(),
            size: self.size,
            created: self.created,
            checksum: self.checksum.cloned(),
        }
    }
}

/// Adds to `script` what removes the row; its content is named once less.
pub(super) fn delete_row(bucket: BucketId, key: &ObjectKey, row: &Removable<'_>, script: &mut Script) {
    script.add(DELETE_VERSION).bind(number(bucket.0)).bind(key.as_bytes()).bind(number(row.row().sequence.0));
    if let Some(content) = row.row().content {
        contents::lower_count(content, script);
    }
}

/// Afterwards the key's current version is this one.
pub(super) async fn put(command: &PutObject, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    acls::check_write(command.bucket, command.granted, tx).await?;
    let state = read(command.bucket, &command.key, VersionSelector::Latest, tx).await?;
    preconditions::check_write(&command.precondition, state.validators())?;
    let attributes = &command.attributes;
    acls::check(attributes.acl, state.acl_rules)?;
    let content = contents::check(&command.content, tx).await?;
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
        lock: attributes.lock,
        acl: attributes.acl,
    };
    let mut script = Script::default();
    let written = version.replace(state, &mut script, tx).await?;
    content.insert(version.content, &mut script, tx).await?;
    tx.write_later(script).await?;
    Ok(Outcome::Written(written))
}

const SET_TAGS: &str = "UPDATE versions SET tags = $4 WHERE bucket = $1 AND key = $2 AND sequence = $3";

pub(super) async fn set_tags(
    bucket: BucketId,
    key: &ObjectKey,
    selector: VersionSelector,
    tags: &TagSet,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let state = read(bucket, key, selector, tx).await?;
    let row = state.version.ok_or_else(|| not_found(selector))?;
    if row.is_delete_marker {
        return Err(CommandError::IsDeleteMarker.into());
    }
    let mut script = Script::of(SET_TAGS);
    script.bind(number(bucket.0)).bind(key.as_bytes()).bind(number(row.sequence.0)).bind(tags_text(tags));
    state.watch.note_change(bucket, key, &mut script, tx);
    tx.execute(script).await?;
    let version = state.versioning.shows_versions().then(|| VersionName::of(row.version, row.is_null));
    Ok(Outcome::Changed(ChangedVersion { version }))
}

/// What a version that isn't there is called.
pub(super) fn not_found(selector: VersionSelector) -> CommandError {
    match selector {
        VersionSelector::Latest => CommandError::NoSuchKey,
        VersionSelector::Null | VersionSelector::Id(_) => CommandError::NoSuchVersion,
    }
}

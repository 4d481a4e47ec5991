//! Object Lock inside the commit: whether a version may go, what a new one gets, and changes of retentions and legal holds.
//! Source: Amazon S3 User Guide, "Locking objects with Object Lock".
//!
//! **Whatever removes or replaces a row of `versions` asks `removable` first**, with the time of its command: deletes of
//! clients and of background work, writes that replace a null version, whatever comes later. `versions::delete_row`, which alone
//! removes rows, takes nothing but its answer, so that no path can leave the question out. Work that has no client behind
//! it asks with `Bypass::None` and takes `ObjectLocked` as "not now". A row that is to carry another key, or other bytes under
//! its id, has to ask as well.
//!
//! The order of commands is the commit sequence, as everywhere; their times decide only whether a date has come.

use super::{
    existing::Existing,
    transaction::{ApplyError, Transaction},
    versions,
};
use crate::{
    metadata::{
        columns::{legal_hold_code, number, retention_mode_code, time},
        command::{SetObjectLegalHold, SetObjectRetention, VersionSelector},
        outcome::{ChangedVersion, CommandError, Outcome},
        script::Script,
    },
    types::{BucketId, Bypass, ObjectKey, ObjectLockConfiguration, Retention, Timestamp, VersionLock, VersionName},
};

/// A row that may go. Only `removable` makes one.
pub(super) struct Removable<'a>(&'a Existing);

impl Removable<'_> {
    pub fn row(&self) -> &Existing {
        self.0
    }
}

/// Whether the row may leave the table, or lose its place to another one, by a command of the time `at`.
pub(super) fn removable(row: &Existing, at: Timestamp, bypass: Bypass) -> Result<Removable<'_>, CommandError> {
    if row.lock.keeps(at, bypass) { Err(CommandError::ObjectLocked) } else { Ok(Removable(row)) }
}

/// What a version gets that is made at `created`: what was asked for, else the bucket's default.
pub(super) fn of_new_version(
    asked: VersionLock,
    bucket: Option<ObjectLockConfiguration>,
    created: Timestamp,
) -> Result<VersionLock, CommandError> {
    let Some(configuration) = bucket else { return check_possible(asked, None).map(|()| asked) };
    let default = configuration.default_retention.map(|default| default.from(created));
    Ok(VersionLock { retention: asked.retention.or(default), ..asked })
}

/// A lock can't be asked for in a bucket that has none.
pub(super) fn check_possible(asked: VersionLock, bucket: Option<ObjectLockConfiguration>) -> Result<(), CommandError> {
    if bucket.is_none() && asked != VersionLock::default() { Err(CommandError::NoObjectLock) } else { Ok(()) }
}

/// Binds the three columns of a lock.
pub(super) fn bind(lock: VersionLock, script: &mut Script) {
    bind_retention(lock.retention, script);
    script.bind(lock.legal_hold.map(legal_hold_code));
}

fn bind_retention(retention: Option<Retention>, script: &mut Script) {
    script.bind(retention.map(|retention| retention_mode_code(retention.mode)));
    script.bind(retention.map(|retention| time(retention.until)));
}

const SET_RETENTION: &str =
    "UPDATE versions SET retention_mode = $4, retain_until = $5 WHERE bucket = $1 AND key = $2 AND sequence = $3";

/// Afterwards the version has this retention, or it was to be weakened and nothing changed.
pub(super) async fn set_retention(
    command: &SetObjectRetention,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let (row, version) = read(command.bucket, &command.key, command.version, tx).await?;
    if !row.lock.may_become(command.retention, command.at, command.bypass) {
        return Err(CommandError::ObjectLocked.into());
    }
    let mut script = change(SET_RETENTION, command.bucket, &command.key, &row);
    bind_retention(command.retention, &mut script);
    changed(script, version, tx).await
}

const SET_LEGAL_HOLD: &str = "UPDATE versions SET legal_hold = $4 WHERE bucket = $1 AND key = $2 AND sequence = $3";

/// Afterwards the version has this legal hold.
pub(super) async fn set_legal_hold(
    command: &SetObjectLegalHold,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let SetObjectLegalHold { bucket, key, version, legal_hold } = command;
    let (row, version) = read(*bucket, key, *version, tx).await?;
    let mut script = change(SET_LEGAL_HOLD, *bucket, key, &row);
    script.bind(legal_hold_code(*legal_hold));
    changed(script, version, tx).await
}

/// The version that is to be locked or freed. Delete markers carry no lock.
async fn read(
    bucket: BucketId,
    key: &ObjectKey,
    selector: VersionSelector,
    tx: &mut Transaction<'_>,
) -> Result<(Existing, VersionName), ApplyError> {
    let state = versions::read(bucket, key, selector, tx).await?;
    if state.object_lock.is_none() {
        return Err(CommandError::NoObjectLock.into());
    }
    let row = state.version.ok_or_else(|| versions::not_found(selector))?;
    if row.is_delete_marker {
        return Err(CommandError::IsDeleteMarker.into());
    }
    let name = VersionName::of(row.version, row.is_null);
    Ok((row, name))
}

fn change(statement: &'static str, bucket: BucketId, key: &ObjectKey, row: &Existing) -> Script {
    Script::of(statement).with(number(bucket.0)).with(key.as_bytes()).with(number(row.sequence.0))
}

async fn changed(script: Script, version: VersionName, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    tx.execute(script).await?;
    Ok(Outcome::Changed(ChangedVersion { version: Some(version) }))
}

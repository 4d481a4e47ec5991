//! Deleting: the current version of a key, where versions are kept by a delete marker in front of it; or one version for good.
//! Source: Amazon S3 User Guide, "Deleting object versions from a versioning-enabled bucket".

use super::{
    acls,
    existing::{Existing, KeyState},
    lifecycle::Watch,
    locks, preconditions,
    transaction::{ApplyError, Transaction},
    versions,
};
use crate::{
    metadata::{
        columns::{number, time},
        command::{DeleteObject, VersionSelector, WritePrecondition},
        outcome::{DeletedVersion, Outcome},
        script::Script,
    },
    types::VersionName,
};

/// Deleting what is not there succeeds.
pub(super) async fn delete(command: &DeleteObject, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    acls::check_write(command.bucket, command.granted, tx).await?;
    let state = versions::read(command.bucket, &command.key, command.version, tx).await?;
    preconditions::check_delete(&command.precondition, &state.delete_target())?;
    // A condition is about something that is there: where nothing is, nothing happens.
    let is_moot = state.version.is_none() && command.precondition != WritePrecondition::None;
    let leaves_marker = command.version == VersionSelector::Latest && state.versioning.shows_versions() && !is_moot;
    let watch = state.watch;
    let deleted = match (leaves_marker, state.version) {
        (true, version) => mark(command, KeyState { version, ..state }, tx).await?,
        (false, Some(row)) => remove(command, &row, watch, tx).await?,
        (false, None) => DeletedVersion { version: command.version.name(), is_delete_marker: false, existed: false },
    };
    Ok(Outcome::Deleted(deleted))
}

const INSERT_MARKER: &str = "
    INSERT INTO versions (bucket, key, sequence, version, is_null, is_latest, is_delete_marker, created, owner, size, etag)
    VALUES ($1, $2, $3, $4, $5, 1, 1, $6, $7, 0, '')";

/// Afterwards the key's current version is a delete marker, also where there was nothing.
async fn mark(command: &DeleteObject, state: KeyState, tx: &mut Transaction<'_>) -> Result<DeletedVersion, ApplyError> {
    let (is_null, watch) = (!state.versioning.keeps_versions(), state.watch);
    let mut script = Script::default();
    versions::make_way(command.bucket, &command.key, state, command.at, &mut script, tx).await?;
    script.add(INSERT_MARKER).bind(number(command.bucket.0)).bind(command.key.as_bytes());
    script.bind(number(tx.sequence().0)).bind(&command.marker.as_bytes()[..]).bind(i64::from(is_null));
    script.bind(time(command.at)).bind(&command.owner);
    watch.note_change(command.bucket, &command.key, &mut script, tx);
    tx.write_later(script).await?;
    let version = Some(VersionName::of(command.marker, is_null));
    Ok(DeletedVersion { version, is_delete_marker: true, existed: true })
}

/// The newest row that is left becomes current.
const PROMOTE_LATEST: &str = "
    UPDATE versions SET is_latest = 1 WHERE bucket = $1 AND key = $2
        AND sequence = (SELECT max(sequence) FROM versions WHERE bucket = $1 AND key = $2)";

/// Afterwards the version is gone and its content has one count less, or it is locked and stays.
async fn remove(
    command: &DeleteObject,
    row: &Existing,
    watch: Watch,
    tx: &mut Transaction<'_>,
) -> Result<DeletedVersion, ApplyError> {
    let mut script = Script::default();
    let removable = locks::removable(row, command.at, command.bypass)?;
    versions::delete_row(command.bucket, &command.key, &removable, &mut script);
    if row.is_latest {
        script.add(PROMOTE_LATEST).bind(number(command.bucket.0)).bind(command.key.as_bytes());
    }
    watch.note_removal(command.bucket, &command.key, &mut script, tx);
    tx.write_later(script).await?;
    Ok(DeletedVersion { version: command.version.name(), is_delete_marker: row.is_delete_marker, existed: true })
}

//! The doctor's visit to metadata that no gateway has open: a gateway's directory, a backup, or a plain copy of a database. For
//! a database that is so damaged that no gateway starts on it, and for a backup before it is needed.
//!
//! Nothing of it is changed: file and log are copied to a folder of their own, and the log is played into the copy there.

use super::{
    Examination, Patient,
    copy::{length_of, require_room},
    damage,
};
use crate::{
    metadata::{
        MetadataSettings,
        columns::Columns,
        connection,
        directory::{Directory, database_in, log_of},
        error::{MetadataError, QueryError},
        reserve, schema,
        script::Script,
    },
    types::CommitSequence,
};
use sqlx::Connection;
use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// Directory of the metadata in a gateway's data directory.
const IN_DATA: &str = "metadata";

/// The file and its log, the copy of both that the doctor looks at, and its indexes.
const ROOM_IN_LENGTHS: u64 = 3;

/// Checks everything in `path`: a gateway's data directory, a metadata directory, or a file. `scratch` is made, and gone
/// afterwards, also when the future is dropped.
pub async fn examine_offline(path: &Path, scratch: &Path) -> Result<Examination, MetadataError> {
    let (database, _locked) = find(path)?;
    let folder = scratch.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let log = log_of(&database);
    let log_length = if log.exists() { length_of(&log)? } else { 0 };
    let length = length_of(&database)?.saturating_add(log_length);
    require_room(folder, length.saturating_mul(ROOM_IN_LENGTHS), &reserve::free_space())?;
    let scratch = Scratch::make(scratch)?;
    let copy = scratch.0.join("database");
    for (from, to) in [(&database, copy.clone()), (&log, log_of(&copy))] {
        if from.exists() {
            fs::copy(from, &to).map_err(MetadataError::io(from))?;
        }
    }
    match examine_copy(&copy, &scratch.0.join("examined")).await {
        Err(error) if error.is_damage() => Ok(Examination {
            checks: 1,
            findings: vec![damage(format!("nothing else could be looked at: {error}"))],
            ..Examination::default()
        }),
        // Of the copy's place nobody knows.
        Err(MetadataError::NotOurs { reason, .. }) => Err(MetadataError::NotOurs { path: database, reason }),
        other => other,
    }
}

async fn examine_copy(copy: &Path, scratch: &Path) -> Result<Examination, MetadataError> {
    let settings = MetadataSettings::default();
    let mut connection = connection::writer(copy, &settings).await?;
    if schema::check(&mut connection, copy, &schema::known()).await? == 0 {
        return Err(MetadataError::NotOurs { path: copy.to_owned(), reason: "it is empty".to_owned() });
    }
    schema::bring_up_to_date(&mut connection, copy, schema::known()).await?;
    let committed = last_commit(&mut connection).await.unwrap_or_default();
    // The last connection that closes brings the log into the file.
    connection.close().await?;
    Patient { database: copy, settings: &settings, committed }.examine(scratch).await
}

/// As it is noted; where it is not, there was at least the newest version's.
const READ_LAST_COMMIT: &str = "
    SELECT coalesce((SELECT value FROM settings WHERE name = 'commit_sequence' AND typeof(value) = 'integer'),
        (SELECT max(sequence) FROM versions), 0)";

async fn last_commit(connection: &mut sqlx::SqliteConnection) -> Result<CommitSequence, QueryError> {
    Ok(CommitSequence(Script::of(READ_LAST_COMMIT).fetch_one(connection).await?.number(0)?))
}

/// The database, and the lock that keeps gateways away from its directory meanwhile.
fn find(path: &Path) -> Result<(PathBuf, Option<Directory>), MetadataError> {
    if fs::metadata(path).map_err(MetadataError::io(path))?.is_file() {
        return Ok((path.to_owned(), None));
    }
    for folder in [path.join(IN_DATA), path.to_owned()] {
        let database = database_in(&folder);
        if database.exists() {
            return Ok((database, Some(Directory::lock(&folder)?)));
        }
    }
    Err(MetadataError::NotOurs { path: path.to_owned(), reason: "there is no metadata in it".to_owned() })
}

/// A folder that only its owner reads, as the database is; removed with all that is in it when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn make(path: &Path) -> Result<Self, MetadataError> {
        DirBuilder::new().mode(0o700).create(path).map_err(MetadataError::io(path))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "the doctor's copy of the metadata can't be removed");
        }
    }
}

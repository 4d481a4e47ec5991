//! Backup and restore of the metadata.
//!
//! A backup is taken while everything runs, is one moment's state, and is read back whole before it gets its name. A
//! restore begins a history of its own: nodes have seen later sequences of the old one, so nothing may be reclaimed until
//! an operator confirms (invariant 5).

use super::{
    Metadata, connection,
    directory::{self, Directory},
    error::MetadataError,
    identity::{self, Identity},
    schema,
    settings::MetadataSettings,
};
use crate::{
    runtime::{Clock, Random},
    types::{ClusterId, CommitSequence, HistoryId},
};
use sqlx::Connection;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    pub file: PathBuf,
    pub bytes: u64,
    pub cluster: ClusterId,
    pub history: HistoryId,
    /// Everything up to this command is in it.
    pub committed: CommitSequence,
}

impl Metadata {
    /// Writes a copy to `file`, which must not exist. Dropped in between, a file with the ending `.partial` is left.
    pub async fn backup(&self, file: &Path) -> Result<BackupReport, MetadataError> {
        if file.exists() {
            return Err(MetadataError::Exists(file.to_owned()));
        }
        // A connection of its own: a copy takes long, and queries go on.
        let mut source = connection::copier(self.database(), self.settings()).await?;
        schema::vacuum_into(&mut source, file).await?;
        source.close().await?;
        verify_backup(file).await
    }

    /// Puts the backup `file` in the place of the metadata in `path`, which must hold none. Later it is opened as ever. A
    /// plain copy of a database may have its log beside it: what is only there is restored with it.
    pub async fn restore(
        file: &Path,
        path: &Path,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<HistoryId, MetadataError> {
        let directory = Directory::lock(path)?;
        let database = directory.database();
        if database.exists() {
            return Err(MetadataError::Exists(database));
        }
        let log = directory::log_of(file);
        let has_log = fs::metadata(&log).is_ok_and(|log| log.len() > 0);
        if !has_log {
            verify_backup(file).await?;
        }
        let restoring = database.with_extension("restoring");
        // What an interrupted restore, or a database that is gone, left beside: a log would be played into the new file.
        directory.clear_former()?;
        for partial in [&restoring, &directory::rebuilt_in(directory.path())] {
            directory::clear_partial(partial)?;
        }
        fs::copy(file, &restoring).map_err(MetadataError::io(&restoring))?;
        if has_log {
            take_in_log(&log, &restoring).await?;
        }
        let mut connection = connection::writer(&restoring, &MetadataSettings::default()).await?;
        let history = identity::begin_history(&mut connection, clock, random).await?;
        // The last connection that closes brings the log into the file.
        connection.close().await?;
        fs::File::open(&restoring).and_then(|file| file.sync_all()).map_err(MetadataError::io(&restoring))?;
        fs::rename(&restoring, &database).map_err(MetadataError::io(&database))?;
        directory::sync(directory.path())?;
        Ok(history)
    }
}

/// Afterwards all is in the file, and it was read back.
async fn take_in_log(log: &Path, restoring: &Path) -> Result<(), MetadataError> {
    let beside = directory::log_of(restoring);
    fs::copy(log, &beside).map_err(MetadataError::io(&beside))?;
    tracing::info!(log = %log.display(), "the log beside the file is restored with it");
    // The last connection that closes brings the log into the file.
    connection::writer(restoring, &MetadataSettings::default()).await?.close().await?;
    verify_backup(restoring).await.map(drop)
}

/// Reads the file back: every page and index, and whose it is.
async fn verify_backup(file: &Path) -> Result<BackupReport, MetadataError> {
    let bytes = fs::metadata(file).map_err(MetadataError::io(file))?.len();
    let mut connection = connection::backup(file).await?;
    if schema::check(&mut connection, file, &schema::known()).await? == 0 {
        return Err(MetadataError::NotOurs { path: file.to_owned(), reason: "it is empty".to_owned() });
    }
    schema::verify(&mut connection).await?;
    let Identity { cluster, history, committed, .. } = Identity::read(&mut connection).await?;
    connection.close().await?;
    Ok(BackupReport { file: file.to_owned(), bytes, cluster, history, committed })
}

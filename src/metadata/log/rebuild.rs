//! Makes a database of a snapshot and of the batches behind it. It has its name only when it is whole: a recovery that is
//! broken off leaves a file that nobody takes for metadata, and that the next one clears.
//!
//! The history goes on: what nodes have seen of it is in the database. Where something of it is known to be missing, a
//! history of its own begins, as after a restore (invariant 5).

use super::LoggedBatch;
use crate::{
    metadata::{
        apply::{KnownGroups, Pace},
        command::CommandRecord,
        connection,
        directory::{self, Directory},
        error::MetadataError,
        identity::{self, Identity},
        query::nodes_in,
        replay::{Unapplied, apply_batch},
        rows::Node,
        schema,
        script::Script,
        settings::MetadataSettings,
    },
    runtime::{Clock, Random},
    types::{ClusterId, CommitSequence, HistoryId},
};
use sqlx::{Connection, SqliteConnection};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// Commands in one transaction, at least those of one batch: enough that its own cost does not count, and few enough that
/// what is read ahead for them stays small.
const COMMANDS_TOGETHER: usize = 1024;

/// Where a database is going to be made: a directory that holds none and that nobody else uses meanwhile.
pub struct RebuildPlace {
    directory: Directory,
    file: PathBuf,
}

impl RebuildPlace {
    /// Fails with `Exists` when there is a database, or a part of one: what is there may be what is missed.
    pub fn claim(path: &Path) -> Result<Self, MetadataError> {
        let directory = Directory::lock(path)?;
        for present in [directory.database(), directory.log()] {
            if present.exists() {
                return Err(MetadataError::Exists(present));
            }
        }
        let file = directory::rebuilt_in(directory.path());
        directory::clear_partial(&file)?;
        Ok(Self { directory, file })
    }

    /// Where the snapshot has to be put. It becomes the database.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Leaves nothing behind.
    pub fn abandon(self) -> Result<(), MetadataError> {
        directory::clear_partial(&self.file)
    }
}

/// A database that is being made.
pub struct Rebuilding {
    place: RebuildPlace,
    connection: SqliteConnection,
    groups: KnownGroups,
    identity: Identity,
    newest: CommitSequence,
}

impl Rebuilding {
    /// Goes on from the snapshot in the place's file, which is read whole and brought to this release's format. The place
    /// is given back with the error.
    pub async fn begin(place: RebuildPlace) -> Result<Self, (RebuildPlace, MetadataError)> {
        match open(place.file()).await {
            Ok((connection, identity)) => {
                let newest = identity.committed;
                Ok(Self { place, connection, groups: KnownGroups::default(), identity, newest })
            }
            Err(error) => Err((place, error)),
        }
    }

    pub fn cluster(&self) -> ClusterId {
        self.identity.cluster
    }

    pub fn history(&self) -> HistoryId {
        self.identity.history
    }

    /// How far it has come.
    pub fn newest(&self) -> CommitSequence {
        self.newest
    }

    /// Carries out batches that follow one behind the other. After an error it can only be abandoned.
    pub async fn apply(&mut self, batches: &[LoggedBatch]) -> Result<(), MetadataError> {
        let mut waiting = Vec::new();
        for batch in batches {
            waiting.extend(batch.records()?);
            if waiting.len() >= COMMANDS_TOGETHER {
                self.apply_records(&std::mem::take(&mut waiting)).await?;
            }
        }
        self.apply_records(&waiting).await
    }

    async fn apply_records(&mut self, records: &[CommandRecord]) -> Result<(), MetadataError> {
        if records.is_empty() {
            return Ok(());
        }
        let Self { connection, groups, newest, .. } = self;
        let applied = match apply_batch(records, connection, groups, *newest, Pace::Together).await {
            Err(Unapplied::Entangled) => {
                Script::of("ROLLBACK").execute(connection).await?;
                groups.forget();
                apply_batch(records, connection, groups, *newest, Pace::EachAlone).await
            }
            decided => decided,
        };
        self.newest = applied.map_err(Unapplied::into_error)?;
        Ok(())
    }

    /// The nodes that the database names by now.
    pub async fn nodes(&mut self) -> Result<Vec<Node>, MetadataError> {
        Ok(nodes_in(&mut self.connection).await?)
    }

    /// The database is in its place, durably, and its history goes on.
    pub async fn finish(self) -> Result<(), MetadataError> {
        self.put_in_place().await
    }

    /// The same, but with a history of its own: nothing is reclaimed by it before an operator's word.
    pub async fn finish_anew(mut self, clock: &dyn Clock, random: &dyn Random) -> Result<HistoryId, MetadataError> {
        let history = identity::begin_history(&mut self.connection, clock, random).await?;
        self.put_in_place().await?;
        Ok(history)
    }

    async fn put_in_place(self) -> Result<(), MetadataError> {
        let Self { place: RebuildPlace { directory, file }, connection, .. } = self;
        connection.close().await?;
        let database = directory.database();
        directory.clear_former()?;
        File::open(&file).and_then(|file| file.sync_all()).map_err(MetadataError::io(&file))?;
        fs::rename(&file, &database).map_err(MetadataError::io(&database))?;
        directory.sync()
    }

    /// The place, with the database as far as it had come.
    pub async fn stop(self) -> RebuildPlace {
        let Self { place, connection, .. } = self;
        // What it holds is not wanted, so how it closes does not matter.
        let _ = connection.close().await;
        place
    }
}

async fn open(file: &Path) -> Result<(SqliteConnection, Identity), MetadataError> {
    let mut connection = connection::rebuilder(file, &MetadataSettings::default()).await?;
    if schema::check(&mut connection, file, &schema::known()).await? == 0 {
        return Err(MetadataError::NotOurs { path: file.to_owned(), reason: "it is empty".to_owned() });
    }
    schema::verify(&mut connection).await?;
    schema::migrate(&mut connection, file, schema::known()).await?;
    let identity = Identity::read(&mut connection).await?;
    Ok((connection, identity))
}

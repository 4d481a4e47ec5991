//! Which cluster, which history, and how far: read when the database is opened, made when it is new.
//!
//! These rows are no command's: a replay of the commands in another database leaves its own. They are made once, in an empty
//! database: one that has lost them, alone or with all settings, would begin as another cluster, which its nodes refuse.

use super::{
    columns::Columns,
    error::{MetadataError, QueryError},
    script::Script,
};
use crate::{
    runtime::{Clock, Random},
    types::{ClusterId, CommitSequence, HistoryId},
};
use sqlx::SqliteConnection;

#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub cluster: ClusterId,
    pub history: HistoryId,
    pub committed: CommitSequence,
    pub needs_confirmation: bool,
}

const MAKE_IF_NEW: &str = "
    INSERT INTO settings (name, value)
    SELECT column1, column2 FROM (VALUES ('cluster_id', $1), ('history_id', $2), ('history_began', $3))
    WHERE NOT EXISTS
        (SELECT 1 FROM settings WHERE name IN ('cluster_id', 'history_id', 'commit_sequence', 'term', 'term_began'))
    AND coalesce((SELECT max(bucket) FROM buckets), (SELECT max(bucket) FROM versions), (SELECT max(content) FROM contents),
        (SELECT max(blob) FROM blobs), (SELECT max(bucket) FROM uploads), (SELECT max(node) FROM nodes),
        (SELECT max(placement_group) FROM placement_groups), (SELECT max(access_key) FROM access_keys)) IS NULL";
const READ: &str = "
    SELECT (SELECT value FROM settings WHERE name = 'cluster_id'),
        (SELECT value FROM settings WHERE name = 'history_id'),
        (SELECT value FROM settings WHERE name = 'commit_sequence'),
        (SELECT value FROM settings WHERE name = 'restored_history'),
        (SELECT value FROM settings WHERE name = 'confirmed_history')";

impl Identity {
    pub async fn read_or_make(
        connection: &mut SqliteConnection,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, MetadataError> {
        let mut script = Script::of(MAKE_IF_NEW);
        script.bind(&new_id(random)[..]).bind(&new_id(random)[..]).bind(clock.now().unix_millis());
        script.execute(connection).await?;
        Ok(Self::read(connection).await?)
    }

    pub async fn read(connection: &mut SqliteConnection) -> Result<Self, QueryError> {
        let row = Script::of(READ).fetch_one(connection).await?;
        let id = |column, whose: &str| {
            let unknown = || QueryError::Damaged(format!("it does not know its {whose}'s id"));
            row.optional_bytes(column).ok().flatten().ok_or_else(unknown)
        };
        let history = HistoryId::from_slice(id(1, "history")?)?;
        let is_history = |column| Ok::<_, QueryError>(row.optional_bytes(column)? == Some(&history.as_bytes()[..]));
        Ok(Self {
            cluster: ClusterId::from_slice(id(0, "cluster")?)?,
            history,
            committed: CommitSequence(row.optional_number(2)?.unwrap_or(0)),
            needs_confirmation: is_history(3)? && !is_history(4)?,
        })
    }
}

const BEGIN_HISTORY: &str = "
    INSERT INTO settings (name, value) VALUES ('history_id', $1), ('restored_history', $1), ('history_began', $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// After a restore: what nodes have seen of the old history may be newer than this database, so it begins its own.
pub(super) async fn begin_history(
    connection: &mut SqliteConnection,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<HistoryId, QueryError> {
    let history = HistoryId::from_bytes(new_id(random));
    let script = Script::of(BEGIN_HISTORY).with(&history.as_bytes()[..]).with(clock.now().unix_millis());
    script.execute(connection).await?;
    Ok(history)
}

fn new_id(random: &dyn Random) -> [u8; 16] {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    *uuid::Builder::from_random_bytes(bytes).as_uuid().as_bytes()
}

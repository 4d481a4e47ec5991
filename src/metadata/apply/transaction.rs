//! The writer's transaction: the only way in which rows change.
//!
//! `BEGIN`, `SAVEPOINT` and `RELEASE` cost no trip to the engine's thread of their own: they wait and travel in front of
//! the next statement. A transaction that is dropped without `commit` leaves its connection inside it: the writer then
//! gives the connection up, which takes everything back.

use super::known_groups::KnownGroups;
use crate::{
    metadata::{
        columns::{Columns, number},
        error::QueryError,
        outcome::CommandError,
        script::Script,
    },
    types::CommitSequence,
};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

/// Why a command was not applied.
#[derive(Debug)]
pub(crate) enum ApplyError {
    /// The command's own fault: its savepoint is rolled back, the batch goes on.
    Refused(CommandError),
    /// The database's: the batch is lost.
    Storage(QueryError),
}

impl From<CommandError> for ApplyError {
    fn from(error: CommandError) -> Self {
        Self::Refused(error)
    }
}

impl From<QueryError> for ApplyError {
    /// A row that exists already is the command's fault: whoever made its ids made one twice.
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Database(error) if error.is_duplicate() => {
                Self::Refused(CommandError::Malformed { reason: format!("an id is in use: {error}") })
            }
            other => Self::Storage(other),
        }
    }
}

pub(crate) struct Transaction<'c> {
    connection: &'c mut SqliteConnection,
    /// Statements that travel in front of the next one.
    waiting: String,
    sequence: CommitSequence,
    groups: &'c mut KnownGroups,
}

const SET_COMMIT_SEQUENCE: &str = "
    INSERT INTO settings (name, value) VALUES ('commit_sequence', $1)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

impl<'c> Transaction<'c> {
    /// Begins after `newest`, the sequence that the database holds.
    pub fn begin(connection: &'c mut SqliteConnection, groups: &'c mut KnownGroups, newest: CommitSequence) -> Self {
        Self { connection, waiting: "BEGIN IMMEDIATE;".to_owned(), sequence: newest, groups }
    }

    /// The sequence of the command that is being applied; after `commit`, the newest in the database.
    pub fn sequence(&self) -> CommitSequence {
        self.sequence
    }

    pub fn begin_command(&mut self) -> CommitSequence {
        self.sequence = self.sequence.next();
        self.waiting.push_str("SAVEPOINT command;");
        self.sequence
    }

    pub fn keep_command(&mut self) {
        self.waiting.push_str("RELEASE command;");
    }

    /// Nothing of the command remains but its number.
    pub fn undo_command(&mut self) {
        self.groups.forget();
        self.waiting.push_str("ROLLBACK TO command;RELEASE command;");
    }

    /// Durable when it returns: `synchronous` is FULL.
    pub async fn commit(mut self) -> Result<CommitSequence, QueryError> {
        let mut script = Script::of(SET_COMMIT_SEQUENCE).with(number(self.sequence.0));
        script.add("COMMIT");
        self.execute(script).await?;
        Ok(self.sequence)
    }

    pub async fn fetch_optional(&mut self, script: Script) -> Result<Option<SqliteRow>, QueryError> {
        let script = script.after(&std::mem::take(&mut self.waiting));
        script.fetch_optional(self.connection).await
    }

    pub async fn fetch_all(&mut self, script: Script) -> Result<Vec<SqliteRow>, QueryError> {
        let script = script.after(&std::mem::take(&mut self.waiting));
        script.fetch_all(self.connection).await
    }

    /// Rows changed. An empty script changes none.
    pub async fn execute(&mut self, script: Script) -> Result<u64, QueryError> {
        if script.is_empty() {
            return Ok(0);
        }
        let script = script.after(&std::mem::take(&mut self.waiting));
        script.execute(self.connection).await
    }

    /// The number in the first column of the first row.
    pub async fn fetch_number(&mut self, script: Script) -> Result<Option<u64>, QueryError> {
        self.fetch_optional(script).await?.map(|row| row.number(0)).transpose()
    }

    pub fn known_groups(&mut self) -> &mut KnownGroups {
        self.groups
    }
}

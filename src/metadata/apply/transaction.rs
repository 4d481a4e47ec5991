//! The writer's transaction: the only way in which rows change.
//!
//! A trip to the engine's thread costs as much as a row, so a batch makes few of them. What a command writes at its end,
//! `BEGIN`, `SAVEPOINT` and `RELEASE` wait and travel in front of what comes next (`write_later`); and what most commands
//! read is read for the whole batch at once (`foresee`).
//!
//! What is written later can fail later, in another command's time: an id that is in use is the only reason that
//! leaves the batch whole. Then nobody can say whose it is, and the batch is run again, one command at a time
//! (`Pace::EachAlone`). It never happens to ids that are drawn as they should be.
//!
//! A transaction that is dropped without `commit` leaves its connection inside it: the writer then gives the
//! connection up, which takes everything back.

use super::{foreseen::Foreseen, known_groups::KnownGroups};
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
    /// Some command of the batch's own fault: the batch has to be run again, each command alone.
    Entangled,
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
    groups: &'c mut KnownGroups,
    pace: Pace,
    sequence: CommitSequence,
    /// Whether the command has yet to get its savepoint: one that is refused before it ran anything needs none.
    is_savepoint_due: bool,
    /// Travels in front of what comes next.
    waiting: Script,
    /// Commands whose writes are in `waiting`: all of one form, so that few forms have to be kept prepared.
    waiting_commands: usize,
    waiting_form: String,
    foreseen: Foreseen,
}

/// Whether commands may be carried out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Together,
    EachAlone,
}

/// Commands whose writes wait at most: more save little, and each number of them is a script that is kept prepared.
const WAITING_COMMANDS_MAX: usize = 8;

const SET_COMMIT_SEQUENCE: &str = "
    INSERT INTO settings (name, value) VALUES ('commit_sequence', $1)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

impl<'c> Transaction<'c> {
    /// Begins after `newest`, the sequence that the database holds.
    pub fn begin(
        connection: &'c mut SqliteConnection,
        groups: &'c mut KnownGroups,
        newest: CommitSequence,
        pace: Pace,
    ) -> Self {
        Self {
            connection,
            groups,
            pace,
            sequence: newest,
            is_savepoint_due: false,
            waiting: Script::of("BEGIN IMMEDIATE"),
            waiting_commands: 0,
            waiting_form: String::new(),
            foreseen: Foreseen::default(),
        }
    }

    /// The sequence of the command that is being applied; after `commit`, the newest in the database.
    pub fn sequence(&self) -> CommitSequence {
        self.sequence
    }

    pub fn begin_command(&mut self) -> CommitSequence {
        self.sequence = self.sequence.next();
        self.is_savepoint_due = true;
        self.sequence
    }

    pub fn keep_command(&mut self) {
        if !std::mem::take(&mut self.is_savepoint_due) {
            self.waiting.add("RELEASE command");
        }
    }

    /// Nothing of the command remains but its number.
    pub fn undo_command(&mut self) {
        self.groups.forget();
        if !std::mem::take(&mut self.is_savepoint_due) {
            self.waiting.add("ROLLBACK TO command").add("RELEASE command");
        }
    }

    /// Durable when it returns: `synchronous` is FULL.
    pub async fn commit(mut self) -> Result<CommitSequence, ApplyError> {
        let mut script = Script::of(SET_COMMIT_SEQUENCE).with(number(self.sequence.0));
        script.add("COMMIT");
        self.execute(script).await?;
        Ok(self.sequence)
    }

    pub async fn fetch_optional(&mut self, script: Script) -> Result<Option<SqliteRow>, ApplyError> {
        let (script, before) = self.behind_waiting(script);
        script.fetch_optional(self.connection).await.map_err(|error| before.blame(error))
    }

    pub async fn fetch_all(&mut self, script: Script) -> Result<Vec<SqliteRow>, ApplyError> {
        let (script, before) = self.behind_waiting(script);
        script.fetch_all(self.connection).await.map_err(|error| before.blame(error))
    }

    /// Rows changed. An empty script changes none.
    pub async fn execute(&mut self, script: Script) -> Result<u64, ApplyError> {
        if script.is_empty() {
            return Ok(0);
        }
        let (script, before) = self.behind_waiting(script);
        script.execute(self.connection).await.map_err(|error| before.blame(error))
    }

    /// The last that a command does: it writes, and does not need to know how many rows that changes.
    pub async fn write_later(&mut self, script: Script) -> Result<(), ApplyError> {
        if self.pace == Pace::EachAlone {
            self.execute(script).await?;
            return Ok(());
        }
        let is_of_another_form = self.waiting_commands > 0 && self.waiting_form != script.text();
        if is_of_another_form || self.waiting_commands >= WAITING_COMMANDS_MAX {
            let is_savepoint_due = std::mem::take(&mut self.is_savepoint_due);
            self.write_waiting().await?;
            self.is_savepoint_due = is_savepoint_due;
        }
        self.add_due_savepoint();
        script.text().clone_into(&mut self.waiting_form);
        self.waiting.append(script);
        self.waiting_commands += 1;
        Ok(())
    }

    /// Writes what waits, between two commands.
    pub async fn write_waiting(&mut self) -> Result<(), ApplyError> {
        let (script, before) = self.behind_waiting(Script::default());
        script.execute(self.connection).await.map_err(|error| before.blame(error))?;
        Ok(())
    }

    fn behind_waiting(&mut self, script: Script) -> (Script, WrittenBefore) {
        self.add_due_savepoint();
        let before = WrittenBefore { is_any: self.waiting_commands > 0 };
        self.waiting_commands = 0;
        let mut whole = std::mem::take(&mut self.waiting);
        whole.append(script);
        (whole, before)
    }

    fn add_due_savepoint(&mut self) {
        if std::mem::take(&mut self.is_savepoint_due) {
            self.waiting.add("SAVEPOINT command");
        }
    }

    /// The number in the first column of the first row.
    pub async fn fetch_number(&mut self, script: Script) -> Result<Option<u64>, ApplyError> {
        Ok(self.fetch_optional(script).await?.map(|row| row.number(0)).transpose()?)
    }

    pub fn known_groups(&mut self) -> &mut KnownGroups {
        self.groups
    }

    pub(super) fn foreseen(&mut self) -> &mut Foreseen {
        &mut self.foreseen
    }
}

/// Whether a script began with what earlier commands wrote.
#[derive(Clone, Copy)]
struct WrittenBefore {
    is_any: bool,
}

impl WrittenBefore {
    fn blame(self, error: QueryError) -> ApplyError {
        match ApplyError::from(error) {
            ApplyError::Refused(_) if self.is_any => ApplyError::Entangled,
            other => other,
        }
    }
}

//! Replaying recorded commands into an empty database, and comparing rows: any history of commands must give the same rows
//! again (invariant 7). Tests of every layer record what they do (`record_commands`) and call this at their end.

use super::{
    apply::{ApplyError, KnownGroups, Pace, Transaction, apply, foresee},
    columns::Columns,
    command::CommandRecord,
    connection,
    directory::{Directory, database_in},
    error::{MetadataError, QueryError},
    identity::Identity,
    recorder, schema,
    script::Script,
    settings::MetadataSettings,
};
use crate::{
    runtime::{SystemClock, SystemRandom},
    types::CommitSequence,
};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::path::Path;

/// Commands in one transaction: as many as a busy writer takes.
const BATCH: usize = 256;

/// The records of a file that `record_commands` named.
pub fn read_records(path: &Path) -> Result<Vec<CommandRecord>, MetadataError> {
    recorder::read(path)
}

/// Applies the records to a new database in `directory`, which must not hold one.
pub async fn replay(records: &[CommandRecord], directory: &Path) -> Result<(), MetadataError> {
    let directory = Directory::lock(directory)?;
    let database = directory.database();
    if database.exists() {
        return Err(MetadataError::Exists(database));
    }
    let mut connection = connection::writer(&database, &MetadataSettings::default()).await?;
    schema::bring_up_to_date(&mut connection, &database, schema::known()).await?;
    Identity::read_or_make(&mut connection, &SystemClock::new(), &SystemRandom).await?;
    let mut groups = KnownGroups::default();
    let mut newest = CommitSequence(0);
    for batch in records.chunks(BATCH) {
        let applied = apply_batch(batch, &mut connection, &mut groups, newest, Pace::EachAlone).await;
        newest = applied.map_err(Unapplied::into_error)?;
    }
    Ok(())
}

/// Why records were not applied. The transaction is still open.
#[derive(Debug)]
pub(super) enum Unapplied {
    /// They have to be applied again, each command alone.
    Entangled,
    Failed(MetadataError),
}

impl Unapplied {
    /// For those that were applied alone.
    pub fn into_error(self) -> MetadataError {
        match self {
            Self::Entangled => MetadataError::Damaged("commands that ran alone were entangled".to_owned()),
            Self::Failed(error) => error,
        }
    }
}

impl From<ApplyError> for Unapplied {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Entangled => Self::Entangled,
            ApplyError::Storage(error) => Self::Failed(error.into()),
            ApplyError::Refused(error) => Self::Failed(MetadataError::Damaged(error.to_string())),
        }
    }
}

/// One transaction. Commands that were refused when they were recorded are refused again: their numbers alone remain.
/// Afterwards the database holds everything up to the returned sequence.
pub(super) async fn apply_batch(
    records: &[CommandRecord],
    connection: &mut SqliteConnection,
    groups: &mut KnownGroups,
    newest: CommitSequence,
    pace: Pace,
) -> Result<CommitSequence, Unapplied> {
    let mut tx = Transaction::begin(connection, groups, newest, pace);
    if pace == Pace::Together {
        foresee(records.iter().map(|record| &record.command), &mut tx).await?;
    }
    for record in records {
        let sequence = tx.begin_command();
        if record.format != CommandRecord::FORMAT || record.sequence != sequence {
            let found = format!("a record of format {} and sequence {}", record.format, record.sequence);
            return Err(Unapplied::Failed(MetadataError::Damaged(format!("{found} where {sequence} was next"))));
        }
        match apply(&record.command, &mut tx).await {
            Ok(_) => tx.keep_command(),
            Err(ApplyError::Refused(_)) => tx.undo_command(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(tx.commit().await?)
}

/// Tables that hold what commands made.
const LIST_TABLES: &str = "
    SELECT name FROM sqlite_schema
    WHERE type = 'table' AND substr(name, 1, 1) <> '_' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name";
const LIST_COLUMNS: &str = "SELECT name FROM pragma_table_info($1) ORDER BY cid";

/// Rows of `settings` that are no command's: each database has its own.
const OWN_SETTINGS: &str = "'cluster_id', 'history_id', 'history_began', 'restored_history'";

/// Every row of every table as a line of text, in order. The database may be open.
pub async fn dump(directory: &Path) -> Result<Vec<String>, MetadataError> {
    let mut connection = connection::reader(&database_in(directory), &MetadataSettings::default()).await?;
    let mut lines = Vec::new();
    for table in Script::of(LIST_TABLES).fetch_all(&mut connection).await? {
        dump_table(table.text(0)?, &mut connection, &mut lines).await?;
    }
    Ok(lines)
}

async fn dump_table(table: &str, connection: &mut SqliteConnection, lines: &mut Vec<String>) -> Result<(), QueryError> {
    let columns = Script::of(LIST_COLUMNS).with(table).fetch_all(connection).await?;
    let mut quoted = Vec::new();
    for column in &columns {
        quoted.push(format!("quote({})", column.text(0)?));
    }
    let rows = if table == "settings" { format!("WHERE name NOT IN ({OWN_SETTINGS})") } else { String::new() };
    // Names of our own tables and columns.
    let statement = format!("SELECT {} FROM {table} {rows} ORDER BY 1", quoted.join(" || ', ' || "));
    for row in sqlx::query(AssertSqlSafe(statement)).fetch_all(connection).await? {
        lines.push(format!("{table}: {}", row.text(0)?));
    }
    Ok(())
}

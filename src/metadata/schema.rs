//! The format of the database: made by the files in `migrations/`, of which each is applied once, in order. The format's
//! number is that of the last one.
//!
//! A database of a newer format is refused. An older one is first copied beside itself, then migrated; each migration is
//! one transaction, so a crash in between leaves the old format or the new one, and the copy.

use super::{
    columns::Columns,
    error::{MetadataError, QueryError},
    script::Script,
};
use sqlx::{
    SqlSafeStr, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
};
use std::path::{Path, PathBuf};

/// "LRDR" in SQLite's header: tells our databases from others'.
const APPLICATION_ID: u64 = 0x4C52_4452;

/// Every migration, in order. One that was released is never edited.
const MIGRATIONS: [(i64, &str, &str); 11] = [
    (1, "schema", include_str!("../../migrations/0001_schema.sql")),
    (2, "group changes", include_str!("../../migrations/0002_group_changes.sql")),
    (3, "job states", include_str!("../../migrations/0003_job_states.sql")),
    (4, "bucket cors", include_str!("../../migrations/0004_bucket_cors.sql")),
    (5, "bucket versioning", include_str!("../../migrations/0005_bucket_versioning.sql")),
    (6, "object lock", include_str!("../../migrations/0006_object_lock.sql")),
    (7, "rename tokens", include_str!("../../migrations/0007_rename_tokens.sql")),
    (8, "lifecycle", include_str!("../../migrations/0008_lifecycle.sql")),
    (9, "bucket website", include_str!("../../migrations/0009_bucket_website.sql")),
    (10, "access control lists", include_str!("../../migrations/0010_access_control_lists.sql")),
    (11, "rename token conditions", include_str!("../../migrations/0011_rename_token_conditions.sql")),
];

fn migration((version, name, sql): (i64, &'static str, &'static str)) -> Migration {
    Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
}

/// The migrations that this version of larder knows.
pub(super) fn known() -> Vec<Migration> {
    MIGRATIONS.into_iter().map(migration).collect()
}

const READ_APPLICATION_ID: &str = "SELECT application_id FROM pragma_application_id";
const READ_TABLE_COUNT: &str = "SELECT count(*) FROM sqlite_schema";
const READ_FORMAT: &str = "SELECT max(version) FROM _sqlx_migrations";

/// Whether the database is ours; its format, 0 when it is empty. Refuses a newer one than `migrations` know.
pub(super) async fn check(
    connection: &mut SqliteConnection,
    database: &Path,
    migrations: &[Migration],
) -> Result<i64, MetadataError> {
    let known = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    if Script::of(READ_TABLE_COUNT).fetch_one(connection).await?.number(0)? == 0 {
        return Ok(0);
    }
    if Script::of(READ_APPLICATION_ID).fetch_one(connection).await?.number(0)? != APPLICATION_ID {
        let reason = "its application id is another's".to_owned();
        return Err(MetadataError::NotOurs { path: database.to_owned(), reason });
    }
    let found = Script::of(READ_FORMAT).fetch_one(connection).await?.optional_number(0)?;
    let found = found.map_or(0, u64::cast_signed);
    if found > known { Err(MetadataError::NewerFormat { found, known }) } else { Ok(found) }
}

/// Brings the database to the newest format of `migrations`. Returns where the copy of an older one was put.
pub(super) async fn bring_up_to_date(
    connection: &mut SqliteConnection,
    database: &Path,
    migrations: Vec<Migration>,
) -> Result<Option<PathBuf>, MetadataError> {
    let found = check(connection, database, &migrations).await?;
    let newest = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    let copy = match found {
        0 => None,
        format if format == newest => return Ok(None),
        format => Some(copy_aside(connection, database, format).await?),
    };
    migrate(connection, database, migrations).await?;
    Ok(copy)
}

/// Brings a database that nobody would miss to the newest format of `migrations`: of an older one no copy is kept.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    database: &Path,
    migrations: Vec<Migration>,
) -> Result<(), MetadataError> {
    sqlx::query("PRAGMA application_id = 0x4C524452").execute(&mut *connection).await?;
    Migrator::with_migrations(migrations).run_direct(None, &mut *connection, false).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => MetadataError::from(error),
        other => MetadataError::NotOurs { path: database.to_owned(), reason: other.to_string() },
    })
}

/// A copy that a crash left half made has another name and is made anew.
async fn copy_aside(connection: &mut SqliteConnection, database: &Path, format: i64) -> Result<PathBuf, MetadataError> {
    let copy = database.with_extension(format!("format-{format}.sqlite"));
    if copy.exists() {
        return Ok(copy);
    }
    vacuum_into(connection, &copy).await?;
    tracing::info!(copy = %copy.display(), format, "the metadata is of an older format: copied before the migration");
    Ok(copy)
}

/// Writes a copy of the database as it is now, durably and under its name only when it is whole.
pub(super) async fn vacuum_into(connection: &mut SqliteConnection, copy: &Path) -> Result<(), MetadataError> {
    let partial = copy.with_extension("partial");
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(MetadataError::io(&partial)(error)),
        _ => {}
    }
    let name = partial.to_str().ok_or_else(|| {
        MetadataError::io(&partial)(std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path is not UTF-8"))
    })?;
    Script::of("VACUUM INTO $1").with(name).execute(connection).await?;
    std::fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(MetadataError::io(&partial))?;
    std::fs::rename(&partial, copy).map_err(MetadataError::io(copy))?;
    super::directory::sync(copy.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

const CHECK_INTEGRITY: &str = "PRAGMA integrity_check(1)";

/// Reads every page and index of the database.
pub(super) async fn verify(connection: &mut SqliteConnection) -> Result<(), QueryError> {
    let row = Script::of(CHECK_INTEGRITY).fetch_one(connection).await?;
    match row.text(0)? {
        "ok" => Ok(()),
        problem => Err(QueryError::Damaged(problem.to_owned())),
    }
}

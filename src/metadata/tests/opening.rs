//! Opening: locks, formats, migrations, restarts.

use super::fixture::*;
use crate::{
    metadata::{
        Ending, Metadata, MetadataError, MetadataSettings, columns::Columns, connection, directory::database_in,
        identity::Identity, schema, script::Script,
    },
    runtime::{SeededRandom, SystemClock},
    types::CommitSequence,
};
use sqlx::{SqlSafeStr, migrate::Migration};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

async fn try_open(folder: &Path) -> Result<Metadata, MetadataError> {
    Metadata::open(folder, &settings(), Arc::new(SystemClock::new()), Arc::new(SeededRandom::new(3))).await
}

#[tokio::test]
async fn a_directory_is_open_once_and_again_after_closing() {
    let fixture = Fixture::new().await;
    let folder = fixture.folder.path().join("metadata");
    fixture.put("a", &[5]).await;
    assert!(matches!(try_open(&folder).await, Err(MetadataError::InUse(_))));
    let (cluster, history, committed) =
        (fixture.metadata.cluster_id(), fixture.metadata.history(), fixture.metadata.committed());
    fixture.metadata.close().await;
    let again = try_open(&folder).await.unwrap();
    assert_eq!((again.cluster_id(), again.history(), again.committed()), (cluster, history, committed));
    assert!(!again.needs_confirmation());
}

#[tokio::test]
async fn what_is_closed_refuses() {
    let fixture = Fixture::new().await;
    fixture.metadata.close().await;
    assert!(matches!(fixture.metadata.totals().await, Err(crate::metadata::QueryError::Closed)));
    let proposed = fixture.metadata.propose(register(4)).await;
    assert!(matches!(proposed, Err(crate::metadata::ProposeError::Unavailable(_))));
}

#[tokio::test]
async fn a_database_of_a_newer_format_is_refused() {
    let fixture = Fixture::new().await;
    fixture
        .prepare(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (99, 'from the future', 1, x'00', 0)",
        )
        .await;
    fixture.metadata.close().await;
    let error = try_open(&fixture.folder.path().join("metadata")).await.unwrap_err();
    assert!(matches!(error, MetadataError::NewerFormat { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn a_database_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = connection::writer(&database_in(folder.path()), &settings()).await.unwrap();
    sqlx::query("CREATE TABLE theirs (x)").execute(&mut connection).await.unwrap();
    drop(connection);
    assert!(matches!(try_open(folder.path()).await, Err(MetadataError::NotOurs { .. })));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(database_in(folder.path()), vec![7; 8192]).unwrap();
    assert!(try_open(folder.path()).await.is_err());
}

fn migration(version: i64, sql: &'static str) -> Migration {
    let kind = sqlx::migrate::MigrationType::Simple;
    Migration::new(version, "made up".into(), kind, sql.into_sql_str(), false)
}

#[tokio::test]
async fn an_older_format_is_copied_and_then_migrated() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    fixture.metadata.close().await;
    let database = database_in(&fixture.folder.path().join("metadata"));
    let mut newer = schema::known();
    let older = newer.len() as i64;
    newer.push(migration(older + 1, "ALTER TABLE buckets ADD COLUMN colour TEXT"));
    let mut connection = connection::writer(&database, &settings()).await.unwrap();
    let copy = schema::bring_up_to_date(&mut connection, &database, newer.clone()).await.unwrap().unwrap();
    let colour = "SELECT count(*) FROM buckets WHERE colour IS NULL";
    assert_eq!(Script::of(colour).fetch_one(&mut connection).await.unwrap().number(0).unwrap(), 1);
    let mut copied = connection::backup(&copy).await.unwrap();
    assert_eq!(schema::check(&mut copied, &copy, &schema::known()).await.unwrap(), older);
    schema::verify(&mut copied).await.unwrap();
    assert!(Script::of(colour).fetch_one(&mut copied).await.is_err(), "the copy is of the older format");
    let again = schema::bring_up_to_date(&mut connection, &database, newer).await.unwrap();
    assert_eq!(again, None, "what is up to date is not copied");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_older_format() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_in(folder.path());
    let mut connection = connection::writer(&database, &settings()).await.unwrap();
    schema::bring_up_to_date(&mut connection, &database, schema::known()).await.unwrap();
    Identity::read_or_make(&mut connection, &SystemClock::new(), &SeededRandom::new(1)).await.unwrap();
    let mut newer = schema::known();
    newer.push(migration(98, "CREATE TABLE half (x); CREATE TABLE buckets (x)"));
    assert!(schema::bring_up_to_date(&mut connection, &database, newer).await.is_err());
    drop(connection);
    assert!(try_open(folder.path()).await.is_ok());
}

/// It began as another cluster, with an empty doctor's report, and no object could be read.
#[tokio::test]
async fn a_database_that_lost_its_ids_is_refused_and_not_given_others() {
    for (statement, words) in [
        ("DELETE FROM settings WHERE name = 'cluster_id'", "its cluster's id"),
        ("DELETE FROM settings WHERE name = 'history_id'", "its history's id"),
        ("DELETE FROM settings", "its history's id"),
    ] {
        let fixture = Fixture::new().await;
        fixture.prepare(statement).await;
        fixture.metadata.close().await;
        for _ in 0..2 {
            let error = try_open(&fixture.folder.path().join("metadata")).await.unwrap_err();
            assert!(error.is_damage() && error.to_string().contains(words), "{error}");
        }
    }
}

#[tokio::test]
async fn a_row_that_can_not_be_read_is_named() {
    let fixture = Fixture::new().await;
    fixture.prepare("UPDATE placement_groups SET members = x'01'").await;
    fixture.prepare("UPDATE nodes SET volumes = x'01' WHERE name = 'node-2'").await;
    let (groups, nodes) = (fixture.metadata.groups().await.unwrap_err(), fixture.metadata.nodes().await.unwrap_err());
    assert!(groups.to_string().contains("placement group 1: "), "{groups}");
    assert!(nodes.to_string().contains("node node-2: "), "{nodes}");
}

/// It would serve what was there before the last changes, as if they had never been acknowledged.
#[tokio::test]
async fn a_database_that_a_crash_left_without_its_log_is_refused() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let (metadata, crashed) = (fixture.folder.path().join("metadata"), fixture.folder.path().join("crashed"));
    let copy = |name: &str| std::fs::copy(metadata.join(name), crashed.join(name)).unwrap();
    std::fs::create_dir(&crashed).unwrap();
    for name in ["metadata.sqlite", "open"] {
        copy(name);
    }
    let error = try_open(&crashed).await.unwrap_err();
    assert!(matches!(&error, MetadataError::LogGone(log) if log.ends_with("metadata.sqlite-wal")), "{error}");
    assert!(error.is_damage());
    // Nothing in the log, or in the database: another cluster would begin.
    for (emptied, length) in [("metadata.sqlite-wal", 0), ("metadata.sqlite", 0)] {
        copy("metadata.sqlite-wal");
        std::fs::File::options().write(true).open(crashed.join(emptied)).unwrap().set_len(length).unwrap();
        let is_refused = matches!(try_open(&crashed).await, Err(MetadataError::Emptied(_)));
        let in_one_page = crashed.join("metadata.sqlite").metadata().unwrap().len() <= 4096;
        assert!(is_refused || !in_one_page, "{emptied}");
        copy("metadata.sqlite");
    }
    copy("metadata.sqlite-wal");
    let whole = try_open(&crashed).await.unwrap();
    assert_eq!(whole.committed(), fixture.metadata.committed());
    whole.trust_end();
    whole.close().await;
    // However it ends, as long as it ends by itself, it may be opened again.
    for ending in ["closed", "dropped"] {
        let again = try_open(&crashed).await.unwrap();
        again.trust_end();
        match ending {
            "closed" => again.close().await,
            _ => drop(again),
        }
        // The log goes behind it, unless another connection was closed at the same moment.
        while crashed.join("open").exists() {
            tokio::task::yield_now().await;
        }
    }
}

/// An ending that was not orderly stays so, whatever comes in between, until the end of the database was looked for.
#[tokio::test]
async fn an_ending_stays_what_it_was_until_the_end_is_trusted() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let crashed = crashed_copy(&fixture, "crashed");
    for _ in 0..3 {
        let opened = try_open(&crashed).await.unwrap();
        assert_eq!(opened.last_ending(), Ending::BrokenOff);
        assert_eq!(opened.committed(), fixture.metadata.committed());
        opened.close().await;
        assert!(crashed.join("left").exists() && !crashed.join("open").exists());
    }
    let opened = try_open(&crashed).await.unwrap();
    opened.trust_end();
    opened.close().await;
    assert!(!crashed.join("left").exists() && !crashed.join("open").exists());
    assert_ne!(try_open(&crashed).await.unwrap().last_ending(), Ending::BrokenOff);
}

/// All that it came from is beyond the end of what can be read: it must not become another cluster's.
#[tokio::test]
async fn a_database_in_use_that_does_not_know_its_cluster_any_more_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (young, crashed) = (folder.path().join("young"), folder.path().join("crashed"));
    for folder in [&young, &crashed] {
        std::fs::create_dir(folder).unwrap();
    }
    let database = database_in(&young);
    let mut connection = connection::writer(&database, &settings()).await.unwrap();
    schema::bring_up_to_date(&mut connection, &database, schema::known()).await.unwrap();
    for name in ["metadata.sqlite", "metadata.sqlite-wal"] {
        std::fs::copy(young.join(name), crashed.join(name)).unwrap();
    }
    std::fs::write(crashed.join("open"), "").unwrap();
    let error = try_open(&crashed).await.unwrap_err();
    assert!(error.is_damage(), "{error}");
    std::fs::remove_file(crashed.join("left")).unwrap();
    assert_eq!(try_open(&crashed).await.unwrap().committed(), CommitSequence(0), "it was new");
}

/// As a SIGKILL leaves it, with SQLite's index beside the log.
fn crashed_copy(fixture: &Fixture, name: &str) -> PathBuf {
    let (metadata, crashed) = (fixture.folder.path().join("metadata"), fixture.folder.path().join(name));
    std::fs::create_dir(&crashed).unwrap();
    for name in ["metadata.sqlite", "metadata.sqlite-wal", "metadata.sqlite-shm", "open"] {
        std::fs::copy(metadata.join(name), crashed.join(name)).unwrap();
    }
    crashed
}

#[tokio::test]
async fn a_log_that_is_shorter_than_its_index_says_is_refused_for_good() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    fixture.put("b", &[5]).await;
    let (crashed, whole) = (crashed_copy(&fixture, "crashed"), crashed_copy(&fixture, "whole"));
    let log = std::fs::File::options().write(true).open(crashed.join("metadata.sqlite-wal")).unwrap();
    log.set_len(log.metadata().unwrap().len() - 1).unwrap();
    for _ in 0..3 {
        let error = try_open(&crashed).await.unwrap_err();
        assert!(matches!(error, MetadataError::Lacking { .. }) && error.is_damage(), "{error}");
    }
    // The right one is put in its place.
    for name in ["metadata.sqlite", "metadata.sqlite-wal"] {
        std::fs::copy(whole.join(name), crashed.join(name)).unwrap();
    }
    let opened = try_open(&crashed).await.unwrap();
    assert_eq!(opened.committed(), fixture.metadata.committed());
    assert!(!crashed.join("lacking").exists());
}

#[tokio::test]
async fn what_it_is_known_to_lack_keeps_a_database_shut() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let crashed = crashed_copy(&fixture, "crashed");
    let opened = try_open(&crashed).await.unwrap();
    let own = opened.committed();
    opened.note_lacking(own.next());
    opened.trust_end();
    opened.close().await;
    for _ in 0..2 {
        let error = try_open(&crashed).await.unwrap_err();
        assert!(matches!(error, MetadataError::Lacking { own: told, .. } if told == own), "{error}");
    }
    crate::metadata::lacking::note(&crashed.join("lacking"), fixture.metadata.history(), own).unwrap();
    assert_eq!(try_open(&crashed).await.unwrap().committed(), own, "it has that one");
}

/// From outside: the log went with the connection of a start that failed, and the mark said that it must be there.
#[tokio::test]
async fn a_start_that_fails_after_a_crash_does_not_make_the_next_one_fail() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let crashed = crashed_copy(&fixture, "crashed");
    let nowhere = MetadataSettings { record_commands: Some("/nonexistent/records".into()), ..settings() };
    for _ in 0..2 {
        let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(SeededRandom::new(3)));
        let error = Metadata::open(&crashed, &nowhere, clock, random).await.unwrap_err();
        assert!(!error.is_damage(), "{error}");
    }
    let opened = try_open(&crashed).await.unwrap();
    assert_eq!((opened.last_ending(), opened.committed()), (Ending::BrokenOff, fixture.metadata.committed()));
}

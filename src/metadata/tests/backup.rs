//! Backup while commands run, restore into a history of its own.

use super::fixture::*;
use crate::{
    metadata::{Command, Metadata, MetadataError, command::VersionSelector, replay::dump, rows::ReadFrom},
    runtime::{SeededRandom, SystemClock},
    types::HistoryId,
};
use std::path::Path;

async fn restore(file: &Path, folder: &Path) -> Result<HistoryId, MetadataError> {
    Metadata::restore(file, folder, &SystemClock::new(), &SeededRandom::new(99)).await
}

fn rows_without_sequence(rows: Vec<String>) -> Vec<String> {
    rows.into_iter().filter(|row| !row.starts_with("settings")).collect()
}

#[tokio::test]
async fn a_backup_is_one_moments_state_and_names_how_far_it_goes() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let file = fixture.folder.path().join("backup");
    let report = fixture.metadata.backup(&file).await.unwrap();
    assert_eq!(report.committed, fixture.metadata.committed());
    assert_eq!((report.cluster, report.history), (fixture.metadata.cluster_id(), fixture.metadata.history()));
    assert_eq!(report.bytes, std::fs::metadata(&file).unwrap().len());
    assert!(matches!(fixture.metadata.backup(&file).await, Err(MetadataError::Exists(_))));
}

#[tokio::test]
async fn a_restored_database_has_the_rows_and_waits_for_confirmation() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let file = fixture.folder.path().join("backup");
    fixture.metadata.backup(&file).await.unwrap();
    let before = dump(&fixture.folder.path().join("metadata")).await.unwrap();
    fixture.put("later", &[5]).await;
    let folder = fixture.folder.path().join("restored");
    let history = restore(&file, &folder).await.unwrap();
    assert_eq!(rows_without_sequence(dump(&folder).await.unwrap()), rows_without_sequence(before));
    let restored = open(&folder, &settings(), hooks()).await;
    assert_eq!(restored.history(), history);
    assert_ne!(history, fixture.metadata.history());
    assert_eq!(restored.cluster_id(), fixture.metadata.cluster_id());
    assert!(restored.needs_confirmation());
    let other = Command::ConfirmHistory { history: fixture.metadata.history(), at: at(1) };
    restored.propose(other).await.unwrap();
    assert!(restored.needs_confirmation(), "the confirmation of another history is not this one's");
    restored.propose(Command::ConfirmHistory { history, at: at(1) }).await.unwrap();
    assert!(!restored.needs_confirmation());
    restored.close().await;
    assert!(!open(&folder, &settings(), hooks()).await.needs_confirmation());
}

#[tokio::test]
async fn a_restore_never_overwrites_and_never_takes_a_damaged_file() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let file = fixture.folder.path().join("backup");
    fixture.metadata.backup(&file).await.unwrap();
    fixture.metadata.close().await;
    let in_place = restore(&file, &fixture.folder.path().join("metadata")).await;
    assert!(matches!(in_place, Err(MetadataError::Exists(_))));
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 4096] {
        *byte ^= 0xA5;
    }
    let damaged = fixture.folder.path().join("damaged");
    std::fs::write(&damaged, bytes).unwrap();
    let folder = fixture.folder.path().join("restored");
    assert!(restore(&damaged, &folder).await.is_err());
    assert!(restore(&fixture.folder.path().join("none"), &folder).await.is_err());
    assert!(restore(&file, &folder).await.is_ok(), "what was refused before is not in the way");
}

#[tokio::test]
async fn the_log_of_a_lost_database_is_not_played_into_the_restored_one() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let file = fixture.folder.path().join("backup");
    fixture.metadata.backup(&file).await.unwrap();
    let folder = fixture.folder.path().join("restored");
    std::fs::create_dir(&folder).unwrap();
    let log = fixture.folder.path().join("metadata/metadata.sqlite-wal");
    std::fs::copy(log, folder.join("metadata.sqlite-wal")).unwrap();
    restore(&file, &folder).await.unwrap();
    let restored = open(&folder, &settings(), hooks()).await;
    assert!(restored.needs_confirmation());
    assert_eq!(restored.totals().await.unwrap().blobs, 1);
}

/// The log beside a plain copy was passed over, and with it all that was committed last.
#[tokio::test]
async fn a_plain_copy_is_restored_with_the_log_beside_it() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[10]).await;
    fixture.put("b", &[10]).await;
    let (live, copy) = (fixture.folder.path().join("metadata"), fixture.folder.path().join("copy"));
    std::fs::create_dir(&copy).unwrap();
    for file in ["metadata.sqlite", "metadata.sqlite-wal"] {
        assert!(std::fs::copy(live.join(file), copy.join(file)).unwrap() > 0, "{file}");
    }
    let folder = fixture.folder.path().join("restored");
    restore(&copy.join("metadata.sqlite"), &folder).await.unwrap();
    let restored = open(&folder, &settings(), hooks()).await;
    for name in ["a", "b"] {
        let found = restored.lookup(fixture.bucket, &key(name), VersionSelector::Latest, ReadFrom::Nothing).await;
        assert!(found.unwrap().is_some(), "{name}");
    }
    restored.close().await;
}

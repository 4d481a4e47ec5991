//! A database that is made of a snapshot and the batches behind it.

use super::fixture::*;
use crate::{
    metadata::{
        Command, Metadata, MetadataError,
        command::CommandRecord,
        log::{LoggedBatch, RebuildPlace, Rebuilding},
        replay::{dump, read_records},
    },
    runtime::{SeededRandom, SystemClock},
    types::CommitSequence,
};
use std::path::Path;

/// The commands behind the sequence, in batches of up to so many.
pub fn batches(fixture: &Fixture, behind: CommitSequence, length: usize) -> Vec<LoggedBatch> {
    let records = read_records(&fixture.folder.path().join("commands.jsonl")).unwrap();
    let behind: Vec<CommandRecord> = records.into_iter().filter(|record| record.sequence > behind).collect();
    let batch =
        |records: &[CommandRecord]| LoggedBatch::new(records[0].sequence, records.iter().map(|record| &record.command));
    behind.chunks(length).map(batch).collect()
}

pub async fn begin(snapshot: &Path, folder: &Path) -> Rebuilding {
    let place = RebuildPlace::claim(folder).unwrap();
    std::fs::copy(snapshot, place.file()).unwrap();
    Rebuilding::begin(place).await.map_err(|(_, error)| error).unwrap()
}

/// Objects put, overwritten and deleted, and commands that were refused, before and behind the snapshot that is named.
async fn lived(fixture: &Fixture) -> (std::path::PathBuf, CommitSequence) {
    for round in 0..3 {
        for name in ["a", "b", "c"] {
            fixture.put(name, &[5 + round]).await;
        }
    }
    let snapshot = fixture.folder.path().join("snapshot");
    let taken = fixture.metadata.backup(&snapshot).await.unwrap().committed;
    for round in 0..20 {
        fixture.put("a", &[100 + round]).await;
        fixture.put(&format!("new {round}"), &[7]).await;
        fixture.metadata.propose(Command::DeleteBucket { bucket: fixture.bucket }).await.unwrap_err();
        fixture.metadata.propose(Command::FinishDeletions { blobs: vec![] }).await.unwrap();
        let nameless = Command::SetBucketTags { bucket: crate::types::BucketId(999), tags: None };
        fixture.metadata.propose(nameless).await.unwrap_err();
    }
    fixture.delete("b").await;
    (snapshot, taken)
}

#[tokio::test]
async fn a_snapshot_and_the_batches_behind_it_are_the_metadata_again() {
    let fixture = Fixture::new().await;
    let (snapshot, taken) = lived(&fixture).await;
    let expected = dump(&fixture.folder.path().join("metadata")).await.unwrap();
    for length in [1, 7, 1000] {
        let folder = fixture.folder.path().join(format!("rebuilt-{length}"));
        let mut rebuilding = begin(&snapshot, &folder).await;
        assert_eq!(rebuilding.newest(), taken);
        assert_eq!(rebuilding.nodes().await.unwrap().len(), 3);
        let batches = batches(&fixture, taken, length);
        rebuilding.apply(&batches).await.unwrap();
        assert_eq!(rebuilding.newest(), fixture.metadata.committed());
        assert!(!Metadata::is_in(&folder), "it has no name before it is whole");
        rebuilding.finish().await.unwrap();
        assert_eq!(dump(&folder).await.unwrap(), expected);
        let rebuilt = open(&folder, &settings(), hooks()).await;
        assert_eq!(rebuilt.history(), fixture.metadata.history(), "the history goes on");
        assert_eq!(rebuilt.cluster_id(), fixture.metadata.cluster_id());
        assert!(!rebuilt.needs_confirmation());
    }
}

#[tokio::test]
async fn what_was_accepted_as_incomplete_begins_a_history() {
    let fixture = Fixture::new().await;
    let (snapshot, taken) = lived(&fixture).await;
    let folder = fixture.folder.path().join("rebuilt");
    let mut rebuilding = begin(&snapshot, &folder).await;
    rebuilding.apply(&batches(&fixture, taken, 5)[..2]).await.unwrap();
    let history = rebuilding.finish_anew(&SystemClock::new(), &SeededRandom::new(3)).await.unwrap();
    let rebuilt = open(&folder, &settings(), hooks()).await;
    assert_eq!((rebuilt.history(), rebuilt.committed()), (history, CommitSequence(taken.0 + 10)));
    assert_ne!(history, fixture.metadata.history());
    assert!(rebuilt.needs_confirmation());
}

#[tokio::test]
async fn batches_that_do_not_follow_are_refused_and_nothing_gets_a_name() {
    let fixture = Fixture::new().await;
    let (snapshot, taken) = lived(&fixture).await;
    let folder = fixture.folder.path().join("rebuilt");
    let batches = batches(&fixture, taken, 4);
    let mut rebuilding = begin(&snapshot, &folder).await;
    let error = rebuilding.apply(&[batches[0].clone(), batches[2].clone()]).await.unwrap_err();
    assert!(matches!(error, MetadataError::Damaged(_)), "{error}");
    let short = LoggedBatch { last: batches[0].last.next(), ..batches[0].clone() };
    rebuilding.stop().await.abandon().unwrap();
    let mut rebuilding = begin(&snapshot, &folder).await;
    assert!(rebuilding.apply(&[short]).await.is_err(), "it has fewer commands than it says");
    let place = rebuilding.stop().await;
    let file = place.file().to_owned();
    place.abandon().unwrap();
    assert!(!file.exists() && !Metadata::is_in(&folder));
}

#[tokio::test]
async fn a_place_with_a_database_or_its_log_is_not_taken_and_a_damaged_snapshot_neither() {
    let fixture = Fixture::new().await;
    let (snapshot, _) = lived(&fixture).await;
    assert!(matches!(RebuildPlace::claim(&fixture.folder.path().join("metadata")), Err(MetadataError::InUse(_))));
    let folder = fixture.folder.path().join("rebuilt");
    std::fs::create_dir(&folder).unwrap();
    for present in ["metadata.sqlite", "metadata.sqlite-wal"] {
        std::fs::write(folder.join(present), b"rows").unwrap();
        assert!(matches!(RebuildPlace::claim(&folder), Err(MetadataError::Exists(file)) if file.ends_with(present)));
        std::fs::remove_file(folder.join(present)).unwrap();
    }
    let place = RebuildPlace::claim(&folder).unwrap();
    let mut bytes = std::fs::read(&snapshot).unwrap();
    let half = bytes.len() / 2;
    bytes.truncate(half);
    std::fs::write(place.file(), bytes).unwrap();
    let (place, error) = Rebuilding::begin(place).await.err().unwrap();
    assert!(error.is_damage(), "{error}");
    place.abandon().unwrap();
}

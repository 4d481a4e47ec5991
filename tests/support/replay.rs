//! Invariant 7: the commands that a test caused, replayed into an empty database, give the same rows.

use larder::metadata::replay::{dump, read_records, replay};
use std::path::Path;

/// Panics when the replayed rows differ. The process that wrote `metadata` has ended in order.
pub async fn assert_replay_gives_the_same_rows(records: &Path, metadata: &Path) {
    let directory = tempfile::tempdir().expect("a directory for the replay");
    let records = read_records(records).expect("the records can be read");
    assert!(!records.is_empty(), "a start is a command already");
    replay(&records, directory.path()).await.expect("the records can be replayed");
    let found = dump(metadata).await.expect("the rows can be read");
    let replayed = dump(directory.path()).await.expect("the replayed rows can be read");
    let difference = found.iter().zip(&replayed).find(|(found, replayed)| found != replayed);
    assert_eq!(difference, None, "(in the database, by the replay)");
    assert_eq!(found.len(), replayed.len(), "one has rows that the other lacks");
}

//! A batch that nodes kept is one transaction again, whatever the settings and the room.

use super::{fixture::*, rebuild::batches};
use crate::{
    metadata::{MetadataError, MetadataHooks, MetadataSettings, replay::dump},
    types::CommitSequence,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[tokio::test]
async fn a_batch_is_one_transaction_again_also_without_room() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let (directory, file) = (fixture.folder.path().join("behind"), "metadata.sqlite");
    std::fs::create_dir(&directory).unwrap();
    let at = fixture.metadata.backup(&directory.join(file)).await.unwrap().committed;
    for round in 0..6 {
        fixture.put(&format!("new {round}"), &[7]).await;
        fixture.delete("a").await;
    }
    let newest = fixture.metadata.committed();
    let [batch] = &batches(&fixture, at, 1000)[..] else { panic!("there is one") };

    let free = Arc::new(AtomicU64::new(1 << 40));
    let told = Arc::clone(&free);
    let hooks = MetadataHooks { free_space: Arc::new(move |_| Ok(told.load(Ordering::Relaxed))), ..hooks() };
    let few = MetadataSettings { metadata_batch: 2, metadata_queue: 4, ..settings() };
    let metadata = open(&directory, &few, hooks).await;
    free.store(0, Ordering::Relaxed);
    metadata.carry_out(batch).await.unwrap();
    assert_eq!((metadata.committed(), metadata.stats().batches), (newest, 1));
    assert!(metadata.is_full(), "there was no room");
    let again = metadata.carry_out(batch).await;
    assert!(matches!(again, Err(MetadataError::Damaged(_))), "{again:?}");
    assert_eq!(metadata.committed(), newest);
    metadata.close().await;
    assert_eq!(dump(&directory).await.unwrap(), dump(&fixture.folder.path().join("metadata")).await.unwrap());
    assert!(newest > CommitSequence(at.0 + 4), "more than a batch of these settings has");
}

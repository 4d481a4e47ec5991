//! A cached object is what the newest acknowledged command has left.

use super::fixture::*;
use crate::metadata::{
    Command, LookupStats,
    command::{DeleteObject, PutObject, VersionSelector},
    rows::ReadFrom,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[tokio::test]
async fn an_object_is_read_from_the_database_once_until_it_changes() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[2500]).await;
    let first = fixture.look("a").await.unwrap();
    let before = fixture.metadata.lookup_stats();
    assert_eq!(fixture.look("a").await.unwrap(), first);
    assert_eq!(fixture.metadata.lookup_stats(), LookupStats { hits: before.hits + 1, ..before });
    fixture.put("b", &[1]).await;
    fixture.put("a", &[700]).await;
    assert_eq!(fixture.look("a").await.unwrap().object.size, 700);
    fixture.delete("a").await;
    assert_eq!(fixture.look("a").await, None);
}

#[tokio::test]
async fn a_look_up_from_the_middle_is_kept_only_when_it_holds_the_beginning() {
    let fixture = Fixture::new().await;
    fixture.put("many extents", &[100; 40]).await;
    let look = async |from| {
        let selector = VersionSelector::Latest;
        fixture.metadata.lookup(fixture.bucket, &key("many extents"), selector, from).await.unwrap().unwrap()
    };
    assert_eq!(look(ReadFrom::Nothing).await.extents.len(), 0);
    assert_eq!(look(ReadFrom::Offset(2050)).await.extents[0].content_offset, 2000);
    let whole = look(ReadFrom::Offset(0)).await;
    assert_eq!((whole.extents.len(), whole.next_offset), (16, Some(1600)));
    assert_eq!(look(ReadFrom::Suffix(10)).await, whole, "the reader goes on from where the page ends");
}

#[tokio::test]
async fn a_bucket_made_anew_does_not_show_the_objects_of_the_old_one() {
    let fixture = Fixture::new().await;
    let put = fixture.put_of("a", fixture.content(&[10]));
    let old = fixture.create_bucket("again").await;
    fixture.done(Command::PutObject(PutObject { bucket: old, ..put })).await;
    let look = async |bucket| {
        let selector = VersionSelector::Latest;
        fixture.metadata.lookup(bucket, &key("a"), selector, ReadFrom::Offset(0)).await.unwrap()
    };
    assert!(look(old).await.is_some());
    let delete = DeleteObject { bucket: old, ..fixture.delete_of("a") };
    fixture.done(Command::DeleteObject(delete)).await;
    fixture.done(Command::DeleteBucket { bucket: old }).await;
    let new = fixture.create_bucket("again").await;
    assert_eq!((look(old).await, look(new).await), (None, None));
}

/// One writer makes an object longer and longer while others look at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_up_never_shows_less_than_what_was_acknowledged_before_it_began() {
    const WRITES: u64 = 300;
    let fixture = Arc::new(Fixture::new().await);
    fixture.put("a", &[1]).await;
    let acknowledged = Arc::new(AtomicU64::new(1));
    let looks: Vec<_> = (0..4)
        .map(|_| {
            let (fixture, acknowledged) = (Arc::clone(&fixture), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                while acknowledged.load(Ordering::Acquire) < WRITES {
                    let at_least = acknowledged.load(Ordering::Acquire);
                    let size = fixture.look("a").await.unwrap().object.size;
                    assert!(size >= at_least, "{size} bytes were found after {at_least} had been acknowledged");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for size in 2..=WRITES {
        fixture.put("a", &[size]).await;
        acknowledged.store(size, Ordering::Release);
    }
    for look in looks {
        look.await.unwrap();
    }
}

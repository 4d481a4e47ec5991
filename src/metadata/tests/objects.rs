//! Put, look-up, overwrite, delete, tags.

use super::fixture::*;
use crate::{
    metadata::{
        BucketLookup, Command, CommandError, MetadataSettings, Outcome,
        command::*,
        outcome::DeletedVersion,
        rows::{ObjectLookup, ReadFrom},
    },
    types::*,
};

fn full_put(fixture: &Fixture) -> PutObject {
    let mut put = fixture.put_of("all/of it", fixture.content(&[2500, 700]));
    put.attributes.headers.system.content_type = Some("text/plain".into());
    put.attributes.headers.system.cache_control = Some("no-store".into());
    put.attributes.headers.user.insert("colour".into(), "grün".into());
    put.attributes.tags = TagSet::new([("k".to_owned(), "v".to_owned())], TagLimit::Object).unwrap();
    let checksum = Checksum::new(ChecksumAlgorithm::Crc64nvme, vec![9; 8]).unwrap();
    put.checksum = Some(ObjectChecksum::full_object(checksum));
    put
}

async fn look(fixture: &Fixture, name: &str, from: ReadFrom) -> BucketLookup {
    let bucket = "bucket".parse().unwrap();
    fixture.metadata.lookup_in(&bucket, &key(name), VersionSelector::Latest, from).await.unwrap()
}

fn found(lookup: BucketLookup) -> ObjectLookup {
    match lookup {
        BucketLookup::Found(found) => found.lookup,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_put_is_looked_up_whole() {
    let fixture = Fixture::new().await;
    let put = full_put(&fixture);
    fixture.done(Command::PutObject(put.clone())).await;
    let ObjectLookup { object, extents, next_offset } = found(look(&fixture, "all/of it", ReadFrom::Offset(0)).await);
    assert_eq!(object.version, put.attributes.version);
    assert_eq!((object.is_null, object.is_latest, object.is_delete_marker), (true, true, false));
    assert_eq!((object.size, object.part_count), (3200, None));
    assert_eq!(object.etag, put.etag);
    assert_eq!(object.checksum, put.checksum);
    assert_eq!(object.headers, put.attributes.headers);
    assert_eq!(object.tags, put.attributes.tags);
    assert_eq!((object.created, object.owner.as_str()), (at(10), "root"));
    assert_eq!(next_offset, None);
    let placed: Vec<_> = extents.iter().map(|extent| (extent.content_offset, extent.extent)).collect();
    assert_eq!(placed, [(0, put.content.extents[0]), (2500, put.content.extents[1])]);
    assert_eq!(*extents[0].roots, *put.content.blobs[0].roots);
    assert_eq!((extents[0].blob_size, extents[0].chunk_size, extents[0].first_chunk), (2500, CHUNK, 0));
    assert_eq!(extents[0].group, GroupId(1));
}

#[tokio::test]
async fn a_look_up_begins_with_the_extent_that_holds_the_wanted_byte() {
    let fixture = Fixture::with(MetadataSettings { object_cache: ByteSize::mib(0), ..settings() }).await;
    fixture.put("a", &[100, 200, 300]).await;
    let offsets = async |from| {
        let found = found(look(&fixture, "a", from).await);
        found.extents.iter().map(|extent| extent.content_offset).collect::<Vec<_>>()
    };
    assert_eq!(offsets(ReadFrom::Offset(0)).await, [0, 100, 300]);
    assert_eq!(offsets(ReadFrom::Offset(99)).await, [0, 100, 300]);
    assert_eq!(offsets(ReadFrom::Offset(100)).await, [100, 300]);
    assert_eq!(offsets(ReadFrom::Offset(599)).await, [300]);
    assert_eq!(offsets(ReadFrom::Suffix(300)).await, [300]);
    assert_eq!(offsets(ReadFrom::Suffix(301)).await, [100, 300]);
    assert_eq!(offsets(ReadFrom::Suffix(u64::MAX)).await, [0, 100, 300]);
    assert_eq!(offsets(ReadFrom::Nothing).await, [0; 0]);
}

#[tokio::test]
async fn extents_come_in_pages() {
    let fixture = Fixture::new().await;
    let content = fixture.content(&[10; 200]);
    fixture.done(Command::PutObject(fixture.put_of("a", content.clone()))).await;
    assert_eq!(fixture.extents("a").await, content.extents);
    let first = found(look(&fixture, "a", ReadFrom::Offset(0)).await);
    assert_eq!(first.next_offset, Some(160));
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn a_missing_bucket_and_a_missing_key_are_told_apart() {
    let fixture = Fixture::new().await;
    for from in [ReadFrom::Nothing, ReadFrom::Offset(0)] {
        assert_eq!(look(&fixture, "none", from).await, BucketLookup::NoSuchKey { access: Default::default() });
        let none = "no-such-bucket".parse().unwrap();
        let lookup = fixture.metadata.lookup_in(&none, &key("a"), VersionSelector::Latest, from).await.unwrap();
        assert_eq!(lookup, BucketLookup::NoSuchBucket);
    }
}

#[tokio::test]
async fn an_empty_object_has_no_extents() {
    let fixture = Fixture::new().await;
    fixture.put("empty", &[]).await;
    let found = found(look(&fixture, "empty", ReadFrom::Offset(0)).await);
    assert_eq!((found.object.size, found.extents.len(), found.next_offset), (0, 0, None));
    fixture.delete("empty").await;
    fixture.unroll().await;
    assert_eq!(fixture.count("SELECT count(*) FROM contents").await, 0);
}

#[tokio::test]
async fn versions_are_selected_as_latest_as_null_and_by_id() {
    let fixture = Fixture::new().await;
    let written = fixture.put("a", &[1]).await;
    let select = async |version| {
        fixture.metadata.lookup(fixture.bucket, &key("a"), version, ReadFrom::Nothing).await.unwrap().is_some()
    };
    assert!(select(VersionSelector::Latest).await);
    assert!(select(VersionSelector::Null).await);
    assert!(!select(VersionSelector::Id(written.version)).await, "what was written without versioning has no id");
    fixture.prepare("UPDATE versions SET is_null = 0").await;
    assert!(!select(VersionSelector::Null).await);
    assert!(select(VersionSelector::Id(written.version)).await);
}

#[tokio::test]
async fn an_overwrite_queues_what_it_replaced() {
    let fixture = Fixture::new().await;
    let first = fixture.content(&[10, 20]);
    fixture.done(Command::PutObject(fixture.put_of("a", first.clone()))).await;
    fixture.put("a", &[30]).await;
    assert_eq!(fixture.look("a").await.unwrap().object.size, 30);
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap(), []);
    fixture.unroll().await;
    let deleted = fixture.metadata.deletions(None, 10).await.unwrap();
    let blobs: Vec<BlobId> = deleted.iter().map(|deleted| deleted.blob).collect();
    assert_eq!(blobs, [first.blobs[0].blob, first.blobs[1].blob]);
    assert_eq!(deleted[0].group, GroupId(1));
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn deleting_what_is_not_there_succeeds() {
    let fixture = Fixture::new().await;
    let outcome = |existed| Outcome::Deleted(DeletedVersion { version: None, is_delete_marker: false, existed });
    assert_eq!(fixture.delete("a").await, outcome(false));
    fixture.put("a", &[10]).await;
    assert_eq!(fixture.delete("a").await, outcome(true));
    assert_eq!(fixture.look("a").await, None);
}

#[tokio::test]
async fn deleting_the_newest_of_a_history_makes_the_one_below_current() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[1]).await;
    // As versioning leaves it: an older version with an id.
    fixture.prepare("UPDATE versions SET is_null = 0, is_latest = 0").await;
    fixture.put("a", &[2]).await;
    assert_eq!(names(&fixture.list("", "", None, 10).await), ["a"]);
    assert_eq!(fixture.look("a").await.unwrap().object.size, 2);
    fixture.delete("a").await;
    assert_eq!(fixture.look("a").await.unwrap().object.size, 1);
    assert_eq!(names(&fixture.list("", "", None, 10).await), ["a"]);
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn tags_of_an_object_are_replaced() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[1]).await;
    let set = |name: &str, version| Command::SetObjectTags {
        bucket: fixture.bucket,
        key: key(name),
        version,
        tags: TagSet::new([("k".to_owned(), "v".to_owned())], TagLimit::Object).unwrap(),
    };
    fixture.done(set("a", VersionSelector::Latest)).await;
    assert_eq!(fixture.look("a").await.unwrap().object.tags.len(), 1);
    assert_eq!(fixture.propose(set("b", VersionSelector::Latest)).await, Err(CommandError::NoSuchKey));
    assert_eq!(fixture.propose(set("b", VersionSelector::Null)).await, Err(CommandError::NoSuchVersion));
}

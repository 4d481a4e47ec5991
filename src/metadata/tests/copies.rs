//! Copies of objects and parts: no data moves, counts hold.

use super::fixture::*;
use crate::{
    metadata::{Command, CommandError, Outcome, command::*},
    types::*,
};

#[tokio::test]
async fn a_copy_shares_the_content_and_outlives_its_source() {
    let fixture = Fixture::new().await;
    fixture.put("from", &[10, 20]).await;
    let extents = fixture.extents("from").await;
    assert!(matches!(fixture.done(Command::CopyObject(fixture.copy_of("from", "to"))).await, Outcome::Written(_)));
    fixture.delete("from").await;
    fixture.unroll().await;
    assert_eq!(fixture.extents("to").await, extents);
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap(), []);
    fixture.delete("to").await;
    fixture.unroll().await;
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 2);
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn a_copy_onto_itself_changes_headers_and_keeps_the_content() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[10]).await;
    let before = fixture.extents("a").await;
    let mut copy = fixture.copy_of("a", "a");
    let mut headers = ObjectHeaders::default();
    headers.user.insert("mtime".into(), "1".into());
    copy.headers = Directive::Replace(headers.clone());
    fixture.done(Command::CopyObject(copy)).await;
    fixture.unroll().await;
    assert_eq!(fixture.extents("a").await, before);
    assert_eq!(fixture.look("a").await.unwrap().object.headers, headers);
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn a_copy_takes_tags_and_checksum_from_the_source_unless_told_otherwise() {
    let fixture = Fixture::new().await;
    let mut put = fixture.put_of("from", fixture.content(&[10]));
    put.attributes.tags = TagSet::new([("k".to_owned(), "v".to_owned())], TagLimit::Object).unwrap();
    put.checksum = Some(ObjectChecksum::full_object(Checksum::new(ChecksumAlgorithm::Sha1, vec![1; 20]).unwrap()));
    fixture.done(Command::PutObject(put.clone())).await;
    fixture.done(Command::CopyObject(fixture.copy_of("from", "same"))).await;
    let same = fixture.look("same").await.unwrap().object;
    assert_eq!((&same.tags, &same.checksum, &same.etag), (&put.attributes.tags, &put.checksum, &put.etag));
    let mut other = fixture.copy_of("from", "other");
    other.tags = Directive::Replace(TagSet::default());
    other.checksum = Directive::Replace(None);
    fixture.done(Command::CopyObject(other)).await;
    let other = fixture.look("other").await.unwrap().object;
    assert!(other.tags.is_empty() && other.checksum.is_none());
}

#[tokio::test]
async fn a_source_that_is_gone_or_changed_or_fails_its_conditions_is_refused() {
    let fixture = Fixture::new().await;
    let copy = |change: fn(&mut CopySource)| {
        let mut copy = fixture.copy_of("from", "to");
        change(&mut copy.source);
        fixture.propose(Command::CopyObject(copy))
    };
    assert_eq!(copy(|_| {}).await, Err(CommandError::NoSuchKey));
    assert_eq!(copy(|source| source.version = VersionSelector::Null).await, Err(CommandError::NoSuchVersion));
    fixture.put("from", &[10]).await;
    let stale = |source: &mut CopySource| source.expected_version = Some(VersionId::from_bytes([7; 16]));
    assert_eq!(copy(stale).await, Err(CommandError::SourceChanged));
    let wrong_tag = |source: &mut CopySource| source.conditions.if_match = Some(vec![etag(9)]);
    assert_eq!(copy(wrong_tag).await, Err(CommandError::SourcePreconditionFailed));
    assert_eq!(copy(|source| source.bucket = BucketId(99)).await, Err(CommandError::NoSuchBucket));
    assert!(copy(|_| {}).await.is_ok());
}

/// Uploads `from` bytes `first..first + length` as part 1 and returns its extents, through a completed object.
async fn slice(fixture: &Fixture, first: u64, length: u64) -> Vec<Extent> {
    let upload = super::multipart::begin(fixture, "sliced").await;
    let copy = CopyPart {
        source: fixture.source("from"),
        range: Some((first, length)),
        bucket: fixture.bucket,
        key: key("sliced"),
        upload,
        part_number: 1,
        modified: at(40),
        etag: etag(4),
        checksum: None,
    };
    fixture.done(Command::CopyPart(copy)).await;
    fixture.assert_counts_are_references().await;
    fixture.done(Command::CompleteUpload(super::multipart::complete(fixture, "sliced", upload, &[(1, 4)]))).await;
    fixture.assert_counts_are_references().await;
    fixture.extents("sliced").await
}

#[tokio::test]
async fn a_copied_part_names_a_slice_of_the_sources_extents() {
    let fixture = Fixture::new().await;
    fixture.put("from", &[100, 200, 300]).await;
    let whole = fixture.extents("from").await;
    let piece = |index: usize, offset, length| Extent { blob: whole[index].blob, offset, length };
    assert_eq!(slice(&fixture, 0, 600).await, whole);
    assert_eq!(slice(&fixture, 0, 1).await, [piece(0, 0, 1)]);
    assert_eq!(slice(&fixture, 99, 2).await, [piece(0, 99, 1), piece(1, 0, 1)]);
    assert_eq!(slice(&fixture, 100, 200).await, [piece(1, 0, 200)]);
    assert_eq!(slice(&fixture, 50, 400).await, [piece(0, 50, 50), piece(1, 0, 200), piece(2, 0, 150)]);
    assert_eq!(slice(&fixture, 599, 1).await, [piece(2, 299, 1)]);
    fixture.delete("from").await;
    fixture.delete("sliced").await;
    fixture.unroll().await;
    fixture.assert_counts_are_references().await;
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 3);
    assert_eq!(fixture.count("SELECT count(*) FROM extents").await, 0);
}

#[tokio::test]
async fn a_range_outside_the_source_is_refused() {
    let fixture = Fixture::new().await;
    fixture.put("from", &[100]).await;
    let upload = super::multipart::begin(&fixture, "to").await;
    for range in [(0, 101), (100, 1), (u64::MAX, 1), (5, 0)] {
        let copy = CopyPart {
            source: fixture.source("from"),
            range: Some(range),
            bucket: fixture.bucket,
            key: key("to"),
            upload,
            part_number: 1,
            modified: at(40),
            etag: etag(4),
            checksum: None,
        };
        assert_eq!(fixture.propose(Command::CopyPart(copy)).await, Err(CommandError::SourceRangeInvalid), "{range:?}");
    }
}

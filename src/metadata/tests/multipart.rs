//! Multipart uploads: parts, completion with its rules, abort, repetition.

use super::fixture::*;
use crate::{
    metadata::{
        Command, CommandError, Outcome,
        command::*,
        outcome::{CompletedUpload, PartRuns},
    },
    types::*,
};

pub async fn begin(fixture: &Fixture, name: &str) -> UploadId {
    begin_with(fixture, name, None).await
}

async fn begin_with(fixture: &Fixture, name: &str, checksum: Option<(ChecksumAlgorithm, ChecksumKind)>) -> UploadId {
    let upload = UploadId::from_bytes(fixture.unique());
    let create = CreateUpload { checksum, ..create(fixture, name, upload, VersionLock::default()) };
    fixture.done(Command::CreateUpload(create)).await;
    upload
}

pub fn create(fixture: &Fixture, name: &str, upload: UploadId, lock: VersionLock) -> CreateUpload {
    let mut headers = ObjectHeaders::default();
    headers.system.content_type = Some("video/mp4".into());
    CreateUpload {
        bucket: fixture.bucket,
        key: key(name),
        upload,
        initiated: at(3),
        owner: "root".into(),
        headers,
        tags: TagSet::default(),
        checksum: None,
        lock,
        acl: Default::default(),
    }
}

pub fn part_of(fixture: &Fixture, name: &str, upload: UploadId, part_number: u32, size: u64) -> PutPart {
    PutPart {
        bucket: fixture.bucket,
        key: key(name),
        upload,
        part_number,
        modified: at(4),
        etag: etag(part_number as u8),
        checksum: None,
        content: fixture.content(&[size]),
    }
}

pub async fn put_part(fixture: &Fixture, name: &str, upload: UploadId, part_number: u32, size: u64) {
    fixture.done(Command::PutPart(part_of(fixture, name, upload, part_number, size))).await;
}

/// Parts as (number, byte of the tag).
pub fn complete(fixture: &Fixture, name: &str, upload: UploadId, parts: &[(u32, u8)]) -> CompleteUpload {
    let part =
        |(part_number, tag): &(u32, u8)| CompletedPart { part_number: *part_number, etag: etag(*tag), checksum: None };
    CompleteUpload {
        bucket: fixture.bucket,
        key: key(name),
        upload,
        version: VersionId::from_bytes(fixture.unique()),
        created: at(50),
        parts: parts.iter().map(part).collect(),
        etag: ETag::multipart([5; 16], parts.len()),
        checksum: None,
        expected_size: None,
        precondition: WritePrecondition::None,
    }
}

fn completed(outcome: Outcome) -> CompletedUpload {
    match outcome {
        Outcome::Completed(completed) => completed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_completed_upload_is_its_named_parts_one_behind_the_other() {
    let fixture = Fixture::new().await;
    let upload = begin(&fixture, "big").await;
    for (part_number, size) in [(3, 7), (1, 5 * MIB), (2, 6 * MIB), (9, 1)] {
        put_part(&fixture, "big", upload, part_number, size).await;
    }
    let parts = fixture.metadata.upload_parts(upload, 1, 2).await.unwrap();
    assert_eq!(parts.iter().map(|part| (part.part_number, part.size)).collect::<Vec<_>>(), [(2, 6 * MIB), (3, 7)]);
    let command = complete(&fixture, "big", upload, &[(1, 1), (2, 2), (3, 3)]);
    let outcome = completed(fixture.done(Command::CompleteUpload(command.clone())).await);
    assert!(!outcome.repeated);
    assert_eq!(outcome.kept.written.size, 11 * MIB + 7);
    let object = fixture.look("big").await.unwrap().object;
    assert_eq!((object.part_count, &object.etag), (Some(3), &command.etag));
    assert_eq!(object.headers.system.content_type.as_deref(), Some("video/mp4"));
    assert_eq!(fixture.extents("big").await.len(), 3);
    let content = object.content.unwrap();
    let parts = fixture.metadata.content_parts(content, 0, 10).await.unwrap().unwrap();
    let places: Vec<_> = parts.iter().map(|part| (part.part_number, part.offset, part.size)).collect();
    assert_eq!(places, [(1, 0, 5 * MIB), (2, 5 * MIB, 6 * MIB), (3, 11 * MIB, 7)]);
    assert_eq!(fixture.metadata.content_parts(content, 2, 1).await.unwrap().as_deref(), Some(&parts[2..]));
    assert_eq!(fixture.metadata.content_parts(content, 3, 1).await.unwrap(), Some(Vec::new()), "it has no other");
    fixture.assert_counts_are_references().await;
    fixture.unroll().await;
    fixture.assert_counts_are_references().await;
    assert_eq!(fixture.extents("big").await.len(), 3, "the parts are released, the object's extents stay");
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 1, "part 9 was not named");
    fixture.delete("big").await;
    assert_eq!(fixture.metadata.content_parts(content, 0, 10).await.unwrap(), None, "nothing names it");
    fixture.unroll().await;
    assert_eq!(fixture.metadata.content_parts(content, 0, 10).await.unwrap(), None, "it is gone");
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 4);
    assert_eq!(fixture.count("SELECT (SELECT count(*) FROM contents) + (SELECT count(*) FROM version_parts)").await, 0);
}

#[tokio::test]
async fn a_repeated_complete_gets_the_same_answer_whatever_became_of_the_object() {
    let fixture = Fixture::new().await;
    let upload = begin(&fixture, "a").await;
    put_part(&fixture, "a", upload, 1, 10).await;
    let mut command = complete(&fixture, "a", upload, &[(1, 1)]);
    command.precondition = WritePrecondition::Absent;
    let first = completed(fixture.done(Command::CompleteUpload(command.clone())).await);
    fixture.delete("a").await;
    fixture.unroll().await;
    let again = completed(fixture.done(Command::CompleteUpload(command.clone())).await);
    assert_eq!(again.kept, first.kept);
    assert!(again.repeated && !first.repeated);
    assert_eq!(first.kept.parts, Some(PartRuns::of([1])));
    let kept = fixture.metadata.completed_upload(fixture.bucket, &key("a"), upload).await.unwrap();
    assert_eq!(kept, Some(again));
    assert_eq!(fixture.look("a").await, None, "the answer brings nothing back");
    let other_key = CompleteUpload { key: key("b"), ..command.clone() };
    assert_eq!(fixture.propose(Command::CompleteUpload(other_key)).await, Err(CommandError::NoSuchUpload));
    fixture.done(Command::ForgetCompletedUploads { before: at(50), limit: 10 }).await;
    assert!(fixture.propose(Command::CompleteUpload(command.clone())).await.is_ok());
    fixture.done(Command::ForgetCompletedUploads { before: at(51), limit: 10 }).await;
    assert_eq!(fixture.propose(Command::CompleteUpload(command)).await, Err(CommandError::NoSuchUpload));
}

#[tokio::test]
async fn order_size_tags_and_totals_of_parts_are_checked() {
    let fixture = Fixture::new().await;
    let upload = begin(&fixture, "a").await;
    for (part_number, size) in [(1, 5 * MIB), (2, 5 * MIB - 1), (3, 1)] {
        put_part(&fixture, "a", upload, part_number, size).await;
    }
    let try_with = |parts: &[(u32, u8)], change: fn(&mut CompleteUpload)| {
        let mut command = complete(&fixture, "a", upload, parts);
        change(&mut command);
        fixture.propose(Command::CompleteUpload(command))
    };
    assert!(matches!(try_with(&[], |_| {}).await, Err(CommandError::Malformed { .. })));
    assert_eq!(try_with(&[(2, 2), (1, 1)], |_| {}).await, Err(CommandError::InvalidPartOrder));
    assert_eq!(try_with(&[(1, 1), (1, 1)], |_| {}).await, Err(CommandError::InvalidPartOrder));
    assert_eq!(try_with(&[(1, 1), (4, 4)], |_| {}).await, Err(CommandError::InvalidPart { part_number: 4 }));
    assert_eq!(try_with(&[(1, 9)], |_| {}).await, Err(CommandError::InvalidPart { part_number: 1 }));
    let too_small = CommandError::EntityTooSmall { part_number: 2, size: 5 * MIB - 1, etag: etag(2) };
    assert_eq!(try_with(&[(1, 1), (2, 2), (3, 3)], |_| {}).await, Err(too_small));
    let mismatch = CommandError::SizeMismatch { expected: 5, actual: 5 * MIB + 1 };
    assert_eq!(try_with(&[(1, 1), (3, 3)], |command| command.expected_size = Some(5)).await, Err(mismatch));
    let conditional = |command: &mut CompleteUpload| command.precondition = WritePrecondition::Present;
    assert_eq!(try_with(&[(1, 1)], conditional).await, Err(CommandError::NoSuchKey));
    assert!(try_with(&[(1, 1), (3, 3)], |_| {}).await.is_ok());
}

#[tokio::test]
async fn a_composite_checksum_needs_each_parts_own() {
    let fixture = Fixture::new().await;
    let algorithm = ChecksumAlgorithm::Sha256;
    let upload = begin_with(&fixture, "a", Some((algorithm, ChecksumKind::Composite))).await;
    let value = |byte| Checksum::new(algorithm, vec![byte; 32]).unwrap();
    let mut part = part_of(&fixture, "a", upload, 1, 10);
    part.checksum = Some(value(1));
    fixture.done(Command::PutPart(part)).await;
    let mut command = complete(&fixture, "a", upload, &[(1, 1)]);
    let missing = CommandError::PartChecksumMissing { part_number: 1, algorithm };
    assert_eq!(fixture.propose(Command::CompleteUpload(command.clone())).await, Err(missing));
    command.parts[0].checksum = Some(value(2));
    let wrong = fixture.propose(Command::CompleteUpload(command.clone())).await;
    assert_eq!(wrong, Err(CommandError::InvalidPart { part_number: 1 }));
    command.parts[0].checksum = Some(value(1));
    let composite = ObjectChecksum { checksum: value(8), kind: ChecksumKind::Composite, part_count: Some(1) };
    command.checksum = Some(composite.clone());
    fixture.done(Command::CompleteUpload(command)).await;
    assert_eq!(fixture.look("a").await.unwrap().object.checksum, Some(composite));
}

#[tokio::test]
async fn a_part_uploaded_twice_keeps_the_last() {
    let fixture = Fixture::new().await;
    let upload = begin(&fixture, "a").await;
    put_part(&fixture, "a", upload, 1, 10).await;
    put_part(&fixture, "a", upload, 1, 20).await;
    fixture.unroll().await;
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 1);
    let outcome = completed(fixture.done(Command::CompleteUpload(complete(&fixture, "a", upload, &[(1, 1)]))).await);
    assert_eq!(outcome.kept.written.size, 20);
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn an_aborted_upload_releases_its_parts_in_steps() {
    let fixture = Fixture::new().await;
    let upload = begin(&fixture, "a").await;
    for part_number in 1..=5 {
        put_part(&fixture, "a", upload, part_number, 10).await;
    }
    let abort = || Command::AbortUpload { bucket: fixture.bucket, key: key("a"), upload };
    fixture.done(abort()).await;
    assert_eq!(fixture.propose(abort()).await, Err(CommandError::NoSuchUpload));
    let late = part_of(&fixture, "a", upload, 6, 10);
    assert_eq!(fixture.propose(Command::PutPart(late)).await, Err(CommandError::NoSuchUpload));
    assert_eq!(fixture.done(Command::UnrollDeletedContents { limit: 3 }).await, Outcome::Progress { rows: 3 });
    fixture.assert_counts_are_references().await;
    fixture.unroll().await;
    fixture.assert_counts_are_references().await;
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 5);
    assert_eq!(fixture.count("SELECT count(*) FROM parts").await, 0);
}

#[tokio::test]
async fn ten_thousand_parts_are_completed_and_deleted_in_bounded_steps() {
    let fixture = Fixture::new().await;
    fixture.put("from", &[5 * MIB, 5 * MIB]).await;
    let upload = begin(&fixture, "huge").await;
    let copy = |part_number: u32| CopyPart {
        source: fixture.source("from"),
        // Each part two extents, but a slice of its own.
        range: Some((0, 10 * MIB - u64::from(part_number))),
        bucket: fixture.bucket,
        key: key("huge"),
        upload,
        part_number,
        modified: at(4),
        etag: etag(1),
        checksum: None,
    };
    let copies = (1..=10_000).map(|part_number| fixture.propose(Command::CopyPart(copy(part_number))));
    for outcome in futures_util::future::join_all(copies).await {
        outcome.unwrap();
    }
    let parts: Vec<(u32, u8)> = (1..=10_000).map(|part_number| (part_number, 1)).collect();
    fixture.done(Command::CompleteUpload(complete(&fixture, "huge", upload, &parts))).await;
    assert_eq!(fixture.count("SELECT count(*) FROM version_parts").await, 10_000);
    fixture.delete("huge").await;
    fixture.delete("from").await;
    // Parts 10, their extents and contents 30, the object's parts and extents 30, and the ends.
    assert!((70..=75).contains(&fixture.unroll().await));
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 2);
    fixture.assert_counts_are_references().await;
    assert_eq!(fixture.count("SELECT count(*) FROM contents").await, 0);
}

#[tokio::test]
async fn part_numbers_are_bounded() {
    let fixture = Fixture::new().await;
    let upload = begin(&fixture, "a").await;
    for part_number in [0, 10_001] {
        let part = part_of(&fixture, "a", upload, part_number, 10);
        assert!(matches!(fixture.propose(Command::PutPart(part)).await, Err(CommandError::Malformed { .. })));
    }
}

//! Appends: a content that one version names grows in place, any other stays what it is; parts, counts and offsets hold.

use super::{fixture::*, multipart};
use crate::{
    metadata::{Command, CommandError, Outcome, command::*},
    types::*,
};

async fn size(fixture: &Fixture, name: &str) -> u64 {
    fixture.look(name).await.unwrap().object.size
}

async fn parts(fixture: &Fixture, name: &str) -> Vec<(u32, u64, u64)> {
    let object = fixture.look(name).await.unwrap().object;
    let parts = fixture.metadata.content_parts(object.content.unwrap(), 0, 100).await.unwrap().unwrap();
    assert_eq!(object.part_count.unwrap_or(0) as usize, parts.len());
    parts.into_iter().map(|part| (part.part_number, part.offset, part.size)).collect()
}

#[tokio::test]
async fn an_append_lies_behind_what_was_there_and_is_a_part() {
    let fixture = Fixture::new().await;
    let mut first = fixture.append_of("log", &[10]).await;
    first.put.attributes.headers.user.insert("a".into(), "1".into());
    assert!(matches!(fixture.done(Command::AppendObject(first.clone())).await, Outcome::Written(_)));
    let (object, extents) = (fixture.look("log").await.unwrap().object, fixture.extents("log").await);
    assert_eq!((&object.etag, object.part_count, object.size), (&first.put.etag, None, 10));
    let written = fixture.append("log", &[20, 5]).await;
    assert_eq!((written.size, written.versioned), (35, false));
    let after = fixture.look("log").await.unwrap().object;
    assert_eq!(after.content, object.content, "it grew in place");
    assert_ne!(after.version, object.version);
    assert_eq!((&after.headers, after.etag.as_str().ends_with("-a2")), (&first.put.attributes.headers, true));
    assert_eq!(parts(&fixture, "log").await, [(1, 0, 10), (2, 10, 25)]);
    assert_eq!(fixture.extents("log").await[..1], extents[..]);
    fixture.append("log", &[1]).await;
    assert_eq!(parts(&fixture, "log").await, [(1, 0, 10), (2, 10, 25), (3, 35, 1)]);
    fixture.assert_counts_are_references().await;
    fixture.delete("log").await;
    fixture.unroll().await;
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 4);
}

/// A reader has looked the object up, and asks for its later extents only after the append.
#[tokio::test]
async fn what_was_looked_up_before_stays_readable_and_as_long_as_it_was() {
    let fixture = Fixture::new().await;
    fixture.put("log", &[10; 40]).await;
    let before = fixture.look("log").await.unwrap();
    fixture.append("log", &[7]).await;
    let (page, _) =
        fixture.metadata.extents(before.object.content.unwrap(), before.next_offset.unwrap()).await.unwrap();
    let known: Vec<_> = before.extents.iter().chain(&page).filter(|extent| extent.content_offset < 400).collect();
    assert_eq!((before.object.size, known.len()), (400, 40));
    assert!(known.iter().enumerate().all(|(at, extent)| extent.content_offset == 10 * at as u64));
    assert_eq!(size(&fixture, "log").await, 407);
}

#[tokio::test]
async fn a_copy_does_not_grow_with_its_source_nor_its_source_with_it() {
    let fixture = Fixture::new().await;
    fixture.put("log", &[10]).await;
    fixture.append("log", &[20]).await;
    fixture.done(Command::CopyObject(fixture.copy_of("log", "copy"))).await;
    fixture.append("log", &[1]).await;
    assert_eq!((size(&fixture, "log").await, size(&fixture, "copy").await), (31, 30));
    fixture.append("copy", &[2]).await;
    fixture.append("log", &[3]).await;
    assert_eq!(parts(&fixture, "log").await, [(1, 0, 10), (2, 10, 20), (3, 30, 1), (4, 31, 3)]);
    assert_eq!(parts(&fixture, "copy").await, [(1, 0, 10), (2, 10, 20), (3, 30, 2)]);
    assert_eq!(fixture.extents("log").await[..2], fixture.extents("copy").await[..2]);
    fixture.assert_counts_are_references().await;
    fixture.delete("log").await;
    fixture.unroll().await;
    assert_eq!(fixture.extents("copy").await.len(), 3);
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn a_part_that_shares_the_content_does_not_grow() {
    let fixture = Fixture::new().await;
    fixture.put("log", &[10]).await;
    let upload = multipart::begin(&fixture, "big").await;
    let copy = CopyPart {
        source: fixture.source("log"),
        range: None,
        bucket: fixture.bucket,
        key: key("big"),
        upload,
        part_number: 1,
        modified: at(4),
        etag: etag(1),
        checksum: None,
    };
    fixture.done(Command::CopyPart(copy)).await;
    fixture.append("log", &[5]).await;
    fixture.done(Command::CompleteUpload(multipart::complete(&fixture, "big", upload, &[(1, 1)]))).await;
    assert_eq!((size(&fixture, "log").await, size(&fixture, "big").await), (15, 10));
    fixture.append("big", &[7]).await;
    assert_eq!(parts(&fixture, "big").await, [(1, 0, 10), (2, 10, 7)]);
    fixture.unroll().await;
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn of_appends_to_one_offset_one_is_carried_out() {
    let fixture = Fixture::new().await;
    fixture.put("log", &[10]).await;
    let mut appends = Vec::new();
    for _ in 0..6 {
        appends.push(Command::AppendObject(fixture.append_of("log", &[3]).await));
    }
    let outcomes = futures_util::future::join_all(appends.into_iter().map(|append| fixture.propose(append))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = Err(CommandError::WrongWriteOffset { size: 13 });
    assert!(outcomes.iter().filter(|outcome| outcome.is_err()).all(|outcome| *outcome == refused), "{outcomes:?}");
    assert_eq!(size(&fixture, "log").await, 13);
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    fixture.put("log", &[10]).await;
    let good = fixture.append_of("log", &[3]).await;
    let other = VersionId::from_bytes([9; 16]);
    let absent = AppendObject { offset: 1, expected: None, ..fixture.append_of("none", &[3]).await };
    let empty = AppendObject { put: PutObject { content: NewContent::default(), ..good.put.clone() }, ..good.clone() };
    let tagged = PutObject { precondition: WritePrecondition::Matches(vec![etag(7)]), ..good.put.clone() };
    for (append, error) in [
        (AppendObject { offset: 9, ..good.clone() }, CommandError::WrongWriteOffset { size: 10 }),
        (AppendObject { offset: 11, ..good.clone() }, CommandError::WrongWriteOffset { size: 10 }),
        (absent, CommandError::WrongWriteOffset { size: 0 }),
        (AppendObject { expected: Some(other), ..good.clone() }, CommandError::ObjectChanged),
        (AppendObject { expected: None, ..good.clone() }, CommandError::ObjectChanged),
        (AppendObject { put: tagged, ..good.clone() }, CommandError::PreconditionFailed),
        (empty, CommandError::Malformed { reason: "an append of nothing".into() }),
    ] {
        assert_eq!(fixture.propose(Command::AppendObject(append)).await, Err(error));
    }
    fixture.set_versioning(Versioning::Suspended).await;
    assert_eq!(fixture.propose(Command::AppendObject(good)).await, Err(CommandError::BucketKeepsVersions));
    assert_eq!(size(&fixture, "log").await, 10);
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn an_object_has_at_most_ten_thousand_parts() {
    let fixture = Fixture::new().await;
    fixture.put("log", &[10]).await;
    fixture.append("log", &[1]).await;
    fixture.prepare("UPDATE version_parts SET part_number = 9998 WHERE part_number = 2").await;
    fixture.prepare("UPDATE versions SET part_count = 9999").await;
    fixture.append("log", &[1]).await;
    let refused = fixture.propose(Command::AppendObject(fixture.append_of("log", &[1]).await)).await;
    assert_eq!(refused, Err(CommandError::TooManyParts { limit: 10_000 }));
    fixture.prepare("UPDATE versions SET part_count = 3").await;
    fixture.append("log", &[1]).await;
    let refused = fixture.propose(Command::AppendObject(fixture.append_of("log", &[1]).await)).await;
    assert_eq!(refused, Err(CommandError::TooManyParts { limit: 10_000 }), "no part has a higher number");
}

#[tokio::test]
async fn an_empty_object_may_be_appended_to() {
    let fixture = Fixture::new().await;
    fixture.put("log", &[]).await;
    fixture.append("log", &[4]).await;
    assert_eq!(parts(&fixture, "log").await, [(1, 0, 4)]);
    fixture.append("log", &[5]).await;
    assert_eq!(parts(&fixture, "log").await, [(1, 0, 4), (2, 4, 5)]);
    fixture.assert_counts_are_references().await;
}

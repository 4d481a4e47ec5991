//! Deletion in steps, and what reclaiming asks.

use super::fixture::*;
use crate::{
    metadata::{Command, Outcome},
    types::BlobId,
};

#[tokio::test]
async fn a_step_unrolls_at_most_its_limit_and_says_when_nothing_is_left() {
    let fixture = Fixture::new().await;
    for name in ["a", "b", "c"] {
        fixture.put(name, &[10, 10]).await;
        fixture.delete(name).await;
    }
    let step = async |limit| match fixture.done(Command::UnrollDeletedContents { limit }).await {
        Outcome::Progress { rows } => rows,
        other => panic!("{other:?}"),
    };
    assert_eq!(step(7).await, 6, "two contents of two extents; a third would be too many");
    fixture.assert_counts_are_references().await;
    assert_eq!(step(1).await, 1, "a content with more rows than the limit goes piece by piece");
    fixture.assert_counts_are_references().await;
    assert_eq!(step(1).await, 1);
    assert_eq!(step(1).await, 1);
    assert_eq!(step(1).await, 0);
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 6);
}

#[tokio::test]
async fn a_deletion_carries_the_sequence_at_which_its_last_extent_went() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[2500]).await;
    fixture.delete("a").await;
    fixture.unroll().await;
    let deleted = fixture.metadata.deletions(None, 10).await.unwrap();
    // The step after the one that did it found nothing.
    assert_eq!(deleted[0].deleted_at.next(), fixture.metadata.committed());
    assert_eq!((deleted[0].chunk_count, deleted[0].size), (3, 2500));
}

#[tokio::test]
async fn deletions_are_paged_and_finished() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[1, 2, 3]).await;
    fixture.delete("a").await;
    fixture.unroll().await;
    let first = fixture.metadata.deletions(None, 2).await.unwrap();
    let rest = fixture.metadata.deletions(Some(&first[1]), 2).await.unwrap();
    assert_eq!((first.len(), rest.len()), (2, 1));
    let blobs = vec![first[0].blob, rest[0].blob];
    assert_eq!(fixture.done(Command::FinishDeletions { blobs }).await, Outcome::Progress { rows: 2 });
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap(), [first[1].clone()]);
}

#[tokio::test]
async fn known_blobs_are_those_that_blobs_or_deletions_name() {
    let fixture = Fixture::new().await;
    let live = fixture.content(&[1]);
    let dead = fixture.content(&[1]);
    let asked = [live.blobs[0].blob, dead.blobs[0].blob, BlobId::from_bytes([0xEE; 16])];
    fixture.done(Command::PutObject(fixture.put_of("live", live))).await;
    fixture.done(Command::PutObject(fixture.put_of("dead", dead))).await;
    fixture.delete("dead").await;
    fixture.unroll().await;
    assert_eq!(fixture.metadata.known_blobs(&asked).await.unwrap(), asked[..2]);
    fixture.done(Command::FinishDeletions { blobs: vec![asked[1]] }).await;
    assert_eq!(fixture.metadata.known_blobs(&asked).await.unwrap(), asked[..1]);
    assert_eq!(fixture.metadata.known_blobs(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn all_extents_are_walked_page_by_page_also_those_whose_blobs_have_no_rows() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[1, 2, 3]).await;
    fixture.put("b", &[4, 5]).await;
    let mut named: Vec<BlobId> = fixture.extents("a").await.iter().map(|extent| extent.blob).collect();
    named.extend(fixture.extents("b").await.iter().map(|extent| extent.blob));
    fixture.prepare("DELETE FROM blobs WHERE size IN (2, 5)").await;
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.metadata.extents_in_order(after, 2).await.unwrap();
        walked.extend(page.iter().map(|extent| extent.blob));
        let Some(last) = page.last() else { break };
        after = Some(last.place);
    }
    assert_eq!((walked.len(), walked), (5, named));
}

#[tokio::test]
async fn totals_count_what_there_is() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[100, 200]).await;
    super::multipart::begin(&fixture, "u").await;
    let totals = fixture.metadata.totals().await.unwrap();
    assert_eq!((totals.buckets, totals.blobs, totals.blob_bytes, totals.uploads), (1, 2, 300, 1));
}

//! Conditional writes: decided inside the commit.

use super::fixture::*;
use crate::metadata::{Command, CommandError, Outcome, command::*};
use futures_util::future::join_all;

#[tokio::test(flavor = "multi_thread")]
async fn of_any_number_of_racing_creators_exactly_one_wins() {
    let fixture = Fixture::new().await;
    let puts = (0..200).map(|_| {
        let mut put = fixture.put_of("lock", fixture.content(&[1]));
        put.precondition = WritePrecondition::Absent;
        fixture.propose(Command::PutObject(put))
    });
    let outcomes = join_all(puts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(CommandError::PreconditionFailed)).count(), 199);
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn a_compare_and_swap_loses_no_update() {
    let fixture = Fixture::new().await;
    let swap = |from: u8, to: u8| {
        let mut put = fixture.put_of("counter", fixture.content(&[1]));
        put.etag = etag(to);
        put.precondition = WritePrecondition::Matches(vec![etag(from)]);
        Command::PutObject(put)
    };
    assert_eq!(fixture.propose(swap(1, 2)).await, Err(CommandError::NoSuchKey));
    fixture.put("counter", &[1]).await;
    let racing = join_all((2..10).map(|to| fixture.propose(swap(1, to)))).await;
    assert_eq!(racing.iter().filter(|outcome| outcome.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_conditional_delete_compares_and_forgives_absence() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let delete = |size| {
        let mut delete = fixture.delete_of("a");
        delete.precondition =
            WritePrecondition::MatchesAll { etags: vec![etag(1)], size: Some(size), last_modified_seconds: None };
        fixture.propose(Command::DeleteObject(delete))
    };
    assert_eq!(delete(6).await, Err(CommandError::PreconditionFailed));
    assert!(matches!(delete(5).await, Ok(Outcome::Deleted(deleted)) if deleted.existed));
    assert!(matches!(delete(5).await, Ok(Outcome::Deleted(deleted)) if !deleted.existed));
}

#[tokio::test]
async fn a_refused_command_leaves_nothing_but_its_number() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    let before = crate::metadata::replay::dump(&fixture.folder.path().join("metadata")).await.unwrap();
    let committed = fixture.metadata.committed();
    let mut put = fixture.put_of("a", fixture.content(&[7]));
    put.precondition = WritePrecondition::Absent;
    assert!(fixture.propose(Command::PutObject(put)).await.is_err());
    assert_eq!(fixture.metadata.committed(), committed.next());
    let after = crate::metadata::replay::dump(&fixture.folder.path().join("metadata")).await.unwrap();
    let without_sequence =
        |rows: Vec<String>| rows.into_iter().filter(|row| !row.contains("commit_sequence")).collect::<Vec<_>>();
    assert_eq!(without_sequence(before), without_sequence(after));
}

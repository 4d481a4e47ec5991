//! The feed alone: a test is the writer or the keeper.

use super::*;
use futures_util::FutureExt;

fn command() -> Command {
    Command::UnrollDeletedContents { limit: 1 }
}

fn offer(feed: &LogFeed, first: u64) -> Option<BatchNumber> {
    feed.offer(CommitSequence(first), [&command()].into_iter())
}

fn in_force() -> (LogFeed, Seat) {
    let feed = LogFeed::default();
    let seat = feed.begin(CommitSequence(1));
    feed.note_snapshot(CommitSequence(0));
    assert_eq!(feed.standing(), LogStanding::InForce);
    (feed, seat)
}

#[test]
fn without_a_keeper_nothing_waits() {
    let feed = LogFeed::default();
    let number = offer(&feed, 1);
    assert_eq!(number, None);
    assert_eq!(feed.kept(number).now_or_never(), Some(Ok(())));
}

#[tokio::test]
async fn in_force_a_batch_waits_until_it_is_kept() {
    let (feed, seat) = in_force();
    let number = offer(&feed, 1);
    assert_eq!(feed.kept(number).now_or_never(), None);
    let (offered, batches) = feed.next(seat).await.unwrap();
    let [batch] = &batches[..] else { panic!("one was offered") };
    assert_eq!((Some(offered), batch.first, batch.last), (number, CommitSequence(1), CommitSequence(1)));
    feed.settle(offered);
    assert_eq!(feed.kept(number).now_or_never(), Some(Ok(())));
    assert!(feed.next(seat).now_or_never().is_none());
}

#[tokio::test]
async fn behind_nobody_waits_and_all_that_gathered_brings_it_into_force() {
    let (feed, seat) = in_force();
    let first = offer(&feed, 1);
    feed.fall_behind();
    assert_eq!(feed.kept(first).now_or_never(), Some(Ok(())));
    let second = offer(&feed, 2);
    assert_eq!(feed.kept(second).now_or_never(), Some(Ok(())));
    let (both, batches) = feed.next(seat).await.unwrap();
    assert_eq!((batches.len(), Some(both)), (2, second));
    let third = offer(&feed, 3);
    assert_eq!(feed.kept(third).now_or_never(), Some(Ok(())));
    feed.settle(both);
    assert_eq!(feed.standing(), LogStanding::Behind);
    feed.settle(feed.next(seat).await.unwrap().0);
    assert_eq!(feed.standing(), LogStanding::InForce);
}

/// From the fault suite: a keeper that was slower than the writer never came into force, for as long as clients wrote.
#[tokio::test]
async fn it_comes_into_force_though_batches_never_cease_to_come() {
    let (feed, seat) = in_force();
    feed.fall_behind();
    let mut newest = 0;
    let mut more = |count: u64| {
        (0..count)
            .map(|_| {
                newest += 1;
                offer(&feed, newest)
            })
            .last()
            .flatten()
    };
    more(200);
    for expected in [136 + 10, 82 + 10, 28 + 10] {
        let (last, _) = feed.next(seat).await.unwrap();
        let number = more(10);
        feed.settle(last);
        assert_eq!(feed.state().waiting.len(), expected);
        let waits = expected <= TOGETHER_MAX;
        assert_eq!(feed.kept(number).now_or_never().is_none(), waits);
    }
    // The writer waits for its batch, so no more come.
    let (last, _) = feed.next(seat).await.unwrap();
    feed.settle(last);
    assert_eq!(feed.standing(), LogStanding::InForce);
    // Where nodes are away again it does not wait for ever.
    feed.fall_behind();
    more(1);
    let (last, _) = feed.next(seat).await.unwrap();
    let number = more(1);
    feed.settle(last);
    assert_eq!(feed.kept_or_behind(number, Duration::from_millis(1)).await, Ok(()));
    assert_eq!(feed.kept(number).now_or_never(), Some(Ok(())), "nobody waits any more");
}

#[test]
fn what_is_kept_together_is_bounded_and_never_nothing() {
    let (feed, seat) = in_force();
    feed.fall_behind();
    let long = Command::SaveJobState(crate::metadata::command::SaveJobState { name: "x".repeat(5 << 20), state: None });
    feed.offer(CommitSequence(1), [&long].into_iter());
    (2..200).for_each(|first| _ = offer(&feed, first));
    let (mut counts, mut next) = (Vec::new(), 1);
    while let Some((last, batches)) = feed.next(seat).now_or_never().flatten() {
        counts.push(batches.len());
        for batch in batches {
            assert_eq!(batch.first.0, next);
            next += 1;
        }
        feed.settle(last);
    }
    assert_eq!(counts, [1, 64, 64, 64, 6]);
}

#[test]
fn when_too_much_gathers_only_a_snapshot_helps() {
    let (feed, seat) = in_force();
    feed.fall_behind();
    let tags = "x".repeat(1 << 20);
    let long = Command::SaveJobState(crate::metadata::command::SaveJobState { name: tags, state: None });
    let mut first = 0;
    while !feed.needs_snapshot() {
        first += 1;
        feed.offer(CommitSequence(first), [&long].into_iter());
    }
    assert!(first > 15);
    let (number, kept) = feed.next(seat).now_or_never().flatten().unwrap();
    assert_eq!(kept[0].first, CommitSequence(first), "the newest, which may not have committed");
    feed.settle(number);
    feed.note_snapshot(CommitSequence(first - 2));
    assert_eq!(feed.standing(), LogStanding::Behind, "a command is neither in the snapshot nor behind it");
    feed.note_snapshot(CommitSequence(first - 1));
    assert_eq!(feed.standing(), LogStanding::InForce);
}

#[test]
fn settling_what_was_let_go_of_settles_nothing_else() {
    let (feed, seat) = in_force();
    feed.fall_behind();
    offer(&feed, 1);
    let (sent, _) = feed.next(seat).now_or_never().flatten().unwrap();
    let next = feed.begin(CommitSequence(2));
    offer(&feed, 2);
    feed.settle(sent);
    assert!(feed.next(seat).now_or_never().flatten().is_none(), "another has its seat");
    feed.depose(seat);
    let seat = next;
    assert_eq!(feed.next(seat).now_or_never().flatten().unwrap().1[0].first, CommitSequence(2));
}

#[tokio::test]
async fn once_another_reigns_nothing_commits() {
    let (feed, seat) = in_force();
    let number = offer(&feed, 1);
    feed.depose(seat);
    assert_eq!(feed.kept(number).now_or_never(), Some(Err(Deposed)));
    feed.close();
}

#[tokio::test]
async fn a_commit_waits_for_a_bounded_time() {
    let (feed, _) = in_force();
    let number = offer(&feed, 1);
    assert_eq!(feed.kept_or_behind(number, Duration::from_millis(1)).await, Ok(()));
    assert_eq!(feed.standing(), LogStanding::Behind);
}

/// A write that was refused for want of room was carried out by the next start.
#[tokio::test]
async fn only_what_is_kept_is_surely_kept() {
    let (feed, seat) = in_force();
    assert_eq!(feed.surely_kept(None).now_or_never(), Some(true), "nobody keeps batches");
    let number = offer(&feed, 1);
    feed.fall_behind();
    assert_eq!(feed.kept(number).now_or_never(), Some(Ok(())));
    assert_eq!(feed.surely_kept(number).now_or_never(), None, "being behind is no answer");
    assert!(!feed.surely_kept_within(number, Duration::from_millis(1)).await);
    feed.settle(feed.next(seat).await.unwrap().0);
    assert_eq!(feed.surely_kept(number).now_or_never(), Some(true));
    let lost = offer(&feed, 2);
    let seat = feed.begin(CommitSequence(3));
    assert_eq!(feed.surely_kept(lost).now_or_never(), None, "it was let go of");
    feed.depose(seat);
    assert_eq!(feed.surely_kept(lost).now_or_never(), Some(false));
}

/// A start on a full disk proposes before anybody keeps batches.
#[tokio::test]
async fn what_nobody_began_to_keep_is_taken_back_without_a_trace() {
    let (feed, seat) = in_force();
    feed.fall_behind();
    offer(&feed, 1);
    assert_eq!(feed.take_back(CommitSequence(1), &command()), None);
    assert_eq!(feed.state().waiting_bytes, 0);
    assert_eq!(feed.standing(), LogStanding::InForce, "nothing waits");
    let begun = offer(&feed, 1);
    assert_eq!(feed.next(seat).await.unwrap().0, begun.unwrap());
    let instead = feed.take_back(CommitSequence(1), &command());
    assert!(instead > begun);
    assert_eq!(feed.state().waiting.len(), 2);
    feed.settle(begun.unwrap());
    offer(&feed, 1);
    feed.next(seat).await.unwrap();
    feed.settle(instead.unwrap());
    assert_eq!(feed.state().waiting.len(), 1, "the next batch goes its own way");
}

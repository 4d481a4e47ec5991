//! Where the writer hands its batches to whoever keeps them on storage nodes, and waits until they are kept.
//!
//! While the log is *in force*, no batch is answered before it is kept, and as a rule none commits: what a client is told, and
//! what any reader sees, outlives the disk of the database. When it can't be kept within `KEPT_WITHIN`, nodes being away, the log falls *behind*: the
//! writer goes on without waiting (the database alone keeps what is acknowledged, as it does without a log), batches gather
//! here, and the log is in force again once all of them are kept. So that this comes to pass though batches never cease to come, the writer
//! waits again as soon as those that wait may be kept at once. When too many gather, the older ones are let go of: then
//! only a snapshot of the database brings the log into force.

use super::LoggedBatch;
use crate::{metadata::command::Command, types::CommitSequence};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// How long a commit waits for the log. Service may stand still for 5 s while nodes fail; what else a write waits for is
/// over by then.
const KEPT_WITHIN: Duration = Duration::from_secs(3);

/// Bytes of batches that gather: memory of the gateway.
const WAITING_BYTES_MAX: usize = 16 << 20;

/// Batches that are kept together, and their bytes: a keeper that is behind has many.
const TOGETHER_MAX: usize = 64;
const TOGETHER_BYTES_MAX: usize = 4 << 20;

/// How far what is committed outlives the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStanding {
    /// Nobody keeps batches.
    Off,
    /// Some of what is committed may be in the database alone.
    Behind,
    /// All that is committed is kept on nodes as well.
    InForce,
}

/// When a batch has to be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeptWhen {
    /// Nobody sees what the loss of the database's disk would take back.
    #[default]
    BeforeCommit,
    /// Before it is answered. Enough where the log lies on the disk of the database: whatever takes that disk takes both, and
    /// what damages the database alone leaves the process to finish.
    BeforeAnswer,
}

/// The batches of a newer reign count, not ours: nothing may commit any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another gateway has begun to write the command log")]
pub struct Deposed;

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LogFeed {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the keeper.
    offered: Notify,
    /// Wakes the writer.
    decided: Notify,
}

#[derive(Debug)]
struct State {
    standing: LogStanding,
    /// Behind, but the writer waits: what it hands over is kept next.
    is_catching_up: bool,
    waiting: VecDeque<(BatchNumber, LoggedBatch)>,
    waiting_bytes: usize,
    newest: BatchNumber,
    /// From this command on every batch is kept or waits. What is before it only a snapshot shows.
    whole_from: Option<CommitSequence>,
    kept_when: KeptWhen,
    /// Of the keeper.
    seat: Seat,
    is_deposed: bool,
    is_closed: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            standing: LogStanding::Off,
            is_catching_up: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            newest: BatchNumber(0),
            whole_from: None,
            kept_when: KeptWhen::default(),
            seat: Seat(0),
            is_deposed: false,
            is_closed: false,
        }
    }
}

/// Counts the batches that were handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchNumber(u64);

/// Whose turn it is to keep batches: who sat there before gets none any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat(u64);

/// The writer's side.
impl LogFeed {
    /// Hands a batch over before it is carried out: it is kept meanwhile. `None` when nobody keeps batches.
    pub(in crate::metadata) fn offer<'a>(
        &self,
        first: CommitSequence,
        commands: impl Iterator<Item = &'a Command>,
    ) -> Option<BatchNumber> {
        if self.standing() == LogStanding::Off {
            return None;
        }
        let batch = LoggedBatch::new(first, commands);
        let mut state = self.state();
        if state.waiting_bytes + batch.bytes.len() > WAITING_BYTES_MAX && !state.waiting.is_empty() {
            // Those are committed: the writer hands over one at a time.
            state.waiting.clear();
            state.waiting_bytes = 0;
            state.whole_from = Some(batch.first);
            state.fall_behind();
        }
        state.newest.0 += 1;
        let number = state.newest;
        state.waiting_bytes += batch.bytes.len();
        state.waiting.push_back((number, batch));
        drop(state);
        self.shared.offered.notify_one();
        Some(number)
    }

    /// Returns when the batch may commit, or be answered (`kept_when`).
    pub(in crate::metadata) async fn kept(&self, number: Option<BatchNumber>) -> Result<(), Deposed> {
        self.kept_or_behind(number, KEPT_WITHIN).await
    }

    async fn kept_or_behind(&self, number: Option<BatchNumber>, within: Duration) -> Result<(), Deposed> {
        let Some(number) = number else { return Ok(()) };
        if timeout(within, self.decided(number)).await.is_err() {
            tracing::warn!("the command log can't be kept on enough nodes: commits go on without it");
            self.fall_behind();
        }
        if self.state().is_deposed { Err(Deposed) } else { Ok(()) }
    }

    async fn decided(&self, number: BatchNumber) {
        loop {
            let notified = self.shared.decided.notified();
            if self.state().is_decided(number) {
                return;
            }
            notified.await;
        }
    }

    /// The writer has ended: no batch comes any more.
    pub(in crate::metadata) fn close(&self) {
        self.state().is_closed = true;
        self.shared.offered.notify_one();
    }
}

/// The keeper's side.
impl LogFeed {
    /// Batches are kept from now on, of which the first has the sequence `next`. Called before anything is proposed.
    pub fn begin(&self, next: CommitSequence) -> Seat {
        let mut state = self.state();
        state.seat.0 += 1;
        state.fall_behind();
        state.whole_from = Some(next);
        state.waiting.clear();
        state.waiting_bytes = 0;
        let seat = state.seat;
        drop(state);
        self.shared.offered.notify_waiters();
        seat
    }

    /// The batches that wait, the oldest first, and the number of the last of them; as many as may be kept together, for one by
    /// one a keeper that is behind would never catch up with a writer that does not wait. `None` when none comes any more.
    /// Cancelled, nothing is lost.
    pub async fn next(&self, seat: Seat) -> Option<(BatchNumber, Vec<LoggedBatch>)> {
        loop {
            let notified = self.shared.offered.notified();
            {
                let state = self.state();
                match state.oldest() {
                    _ if state.seat != seat => return None,
                    Some(oldest) => return Some(oldest),
                    None if state.is_closed => return None,
                    None => {}
                }
            }
            notified.await;
        }
    }

    /// The batch, and what came before it, is kept.
    pub fn settle(&self, number: BatchNumber) {
        let mut state = self.state();
        while let Some((_, batch)) = state.waiting.pop_front_if(|(front, _)| *front <= number) {
            state.waiting_bytes -= batch.bytes.len();
        }
        state.come_into_force();
        drop(state);
        self.shared.decided.notify_waiters();
    }

    /// A snapshot up to and with `last` is kept.
    pub fn note_snapshot(&self, last: CommitSequence) {
        let mut state = self.state();
        if state.whole_from.is_some_and(|from| from <= last.next()) {
            state.whole_from = None;
        }
        state.come_into_force();
        drop(state);
        self.shared.decided.notify_waiters();
    }

    /// Whether batches were let go of that no snapshot has shown since.
    pub fn needs_snapshot(&self) -> bool {
        self.state().whole_from.is_some()
    }

    /// The writer waits no longer.
    pub fn fall_behind(&self) {
        let mut state = self.state();
        if state.standing == LogStanding::InForce || state.is_catching_up {
            state.fall_behind();
        }
        drop(state);
        self.shared.decided.notify_waiters();
    }

    /// Another gateway reigns: what waits must not commit.
    pub fn depose(&self, seat: Seat) {
        let mut state = self.state();
        state.is_deposed |= state.seat == seat;
        drop(state);
        self.shared.decided.notify_waiters();
    }

    /// Returns when the log is not behind, or not any more.
    pub async fn not_behind(&self) {
        loop {
            let notified = self.shared.decided.notified();
            if self.standing() != LogStanding::Behind {
                return;
            }
            notified.await;
        }
    }

    pub fn set_kept_when(&self, when: KeptWhen) {
        self.state().kept_when = when;
    }

    pub(in crate::metadata) fn kept_when(&self) -> KeptWhen {
        self.state().kept_when
    }

    /// Whether nobody waits for the keeper any more.
    pub fn is_over(&self, seat: Seat) -> bool {
        let state = self.state();
        state.is_closed || state.seat != seat
    }

    pub fn standing(&self) -> LogStanding {
        self.state().standing
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn oldest(&self) -> Option<(BatchNumber, Vec<LoggedBatch>)> {
        let mut bytes = 0;
        let few_enough = self.waiting.iter().take(TOGETHER_MAX).take_while(|(_, batch)| {
            let is_first = bytes == 0;
            bytes += batch.bytes.len();
            is_first || bytes <= TOGETHER_BYTES_MAX
        });
        let mut last = None;
        let batches = few_enough.inspect(|(number, _)| last = Some(*number)).map(|(_, batch)| batch.clone()).collect();
        last.map(|last| (last, batches))
    }

    fn is_decided(&self, number: BatchNumber) -> bool {
        let is_waiting = self.waiting.front().is_some_and(|(front, _)| *front <= number);
        self.is_deposed || !is_waiting || (self.standing != LogStanding::InForce && !self.is_catching_up)
    }

    fn fall_behind(&mut self) {
        (self.standing, self.is_catching_up) = (LogStanding::Behind, false);
    }

    /// As far as it can: something was kept.
    fn come_into_force(&mut self) {
        if self.standing != LogStanding::Behind || self.whole_from.is_some() {
            return;
        }
        self.is_catching_up = !self.waiting.is_empty() && self.waiting.len() <= TOGETHER_MAX;
        if self.waiting.is_empty() {
            self.standing = LogStanding::InForce;
            tracing::info!("the command log is in force");
        }
    }
}

#[cfg(test)]
mod tests {
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
        let long =
            Command::SaveJobState(crate::metadata::command::SaveJobState { name: "x".repeat(5 << 20), state: None });
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
}

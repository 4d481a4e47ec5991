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
    /// The newest one that the keeper has begun with.
    begun: BatchNumber,
    /// The newest one that is kept.
    settled: BatchNumber,
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
            begun: BatchNumber(0),
            settled: BatchNumber(0),
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

    /// The newest batch did not commit. Where the keeper has begun with it, `instead`, which changes nothing, takes its place:
    /// that has to be kept before anybody may rely on it (`surely_kept`).
    pub(in crate::metadata) fn take_back(&self, first: CommitSequence, instead: &Command) -> Option<BatchNumber> {
        if self.state().withdraw_newest() {
            self.shared.decided.notify_waiters();
            return None;
        }
        self.offer(first, std::iter::once(instead))
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
        self.until(|state| state.is_decided(number)).await;
    }

    /// Whether the batch is kept, which takes as long as a commit waits at most. Unlike `kept`, being behind is no answer.
    pub(in crate::metadata) async fn surely_kept(&self, number: Option<BatchNumber>) -> bool {
        self.surely_kept_within(number, KEPT_WITHIN).await
    }

    async fn surely_kept_within(&self, number: Option<BatchNumber>, within: Duration) -> bool {
        let Some(number) = number else { return true };
        let settled = self.until(|state| state.is_deposed || state.settled >= number);
        timeout(within, settled).await.is_ok() && !self.state().is_deposed
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        loop {
            let notified = self.shared.decided.notified();
            if is_so(&self.state()) {
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
                let mut state = self.state();
                match state.oldest() {
                    _ if state.seat != seat => return None,
                    Some((last, batches)) => {
                        state.begun = last;
                        return Some((last, batches));
                    }
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
        state.settled = state.settled.max(number);
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
        self.until(|state| state.standing != LogStanding::Behind).await;
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

    /// As if a keeper had begun with whatever comes: none of it can be withdrawn.
    #[cfg(test)]
    pub(in crate::metadata) fn begin_with_what_comes(&self) {
        self.state().begun = BatchNumber(u64::MAX);
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

    /// Whether it could be withdrawn: nobody has begun to keep it.
    fn withdraw_newest(&mut self) -> bool {
        let begun = self.begun;
        let Some((_, batch)) = self.waiting.pop_back_if(|(number, _)| *number > begun) else { return false };
        self.waiting_bytes -= batch.bytes.len();
        self.come_into_force();
        true
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
mod tests;

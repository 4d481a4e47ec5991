//! The upload share of the memory budget: how chunks that are being filled share pieces without a deadlock.
//!
//! A chunk is filled piece by piece, and gives its pieces back when it is durable as a whole. If all pieces lay in chunks
//! that each wait for their next one, nothing would ever come back. Therefore:
//!
//! - Three quarters of the share are general: any chunk's pieces come from there, next pieces before first ones.
//! - The last quarter, the reserve, serves only chunks already begun, and of these only a few *privileged* ones at a time:
//!   as many as the reserve can complete even if each still lacks all but its first piece. The oldest chunk that waits
//!   becomes privileged first, and stays so until it gives its pieces back.
//!
//! So whenever chunks wait, some are privileged, and those never wait for memory, only for their clients and the nodes.
//! A client that sends nothing while it holds pieces is the one case left: `starves` tells its writer to send the
//! part that it has (the chunk is cut there), so that its memory comes back. What counts is how long somebody has
//! waited, not how long this client was silent: a thousand silent clients are met a few privileged ones at a time, and
//! each of them costs a newcomer that patience.

use super::{error::ClusterError, plain_share::pieces_of};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

/// How long a piece is waited for before silent clients have to give theirs back. Longer than a chunk takes to its nodes
/// when they are well, so that memory which is about to come back anyway is not asked for.
const STARVING_AFTER: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub struct UploadShare {
    state: Mutex<State>,
    /// Told when a piece has to be waited for.
    waited_for: Notify,
    general_total: u32,
}

#[derive(Debug)]
struct State {
    general_free: u32,
    /// Chunks that may draw on the reserve now.
    privileged: u32,
    privileged_max: u32,
    reserved_used: u32,
    next_chunk: u64,
    /// By the order in which the chunks began: the oldest first.
    waiting_for_next: BTreeMap<u64, Request>,
    waiting_for_first: BTreeMap<u64, Request>,
}

/// A piece that is waited for.
#[derive(Debug)]
struct Request {
    since: Instant,
    answer: oneshot::Sender<Grant>,
}

/// Where a piece came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    General,
    /// The chunk became privileged, and this is its first piece of the reserve.
    Privileged,
}

impl UploadShare {
    /// A share of `total` pieces for chunks of at most `chunk_pieces`; never too small for one chunk.
    pub fn new(total: u32, chunk_pieces: u32) -> Self {
        let total = total.max(chunk_pieces).max(1);
        let lacking_max = chunk_pieces.saturating_sub(1);
        let reserve = (total / 4).max(lacking_max);
        let general_total = total - reserve;
        let state = State {
            general_free: general_total,
            privileged: 0,
            privileged_max: reserve / lacking_max.max(1),
            reserved_used: 0,
            next_chunk: 0,
            waiting_for_next: BTreeMap::new(),
            waiting_for_first: BTreeMap::new(),
        };
        Self { state: Mutex::new(state), waited_for: Notify::new(), general_total }
    }

    pub fn has_waiters(&self) -> bool {
        let state = self.lock();
        !state.waiting_for_first.is_empty() || !state.waiting_for_next.is_empty()
    }

    pub fn used(&self) -> u32 {
        let state = self.lock();
        self.general_total - state.general_free + state.reserved_used
    }

    /// Returns when `silence` has passed since the call and somebody has waited for a piece for `STARVING_AFTER`.
    pub async fn starves(&self, silence: Duration) {
        let silent_until = Instant::now() + silence;
        loop {
            let mut told = std::pin::pin!(self.waited_for.notified());
            told.as_mut().enable();
            let Some(since) = self.lock().longest_wait() else {
                told.await;
                continue;
            };
            let due = silent_until.max(since + STARVING_AFTER);
            if Instant::now() >= due {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters and maps are changed together without a call that can panic, so a poisoned lock is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Serves whoever can be served, the oldest chunk first. Called after pieces or a privilege came back.
    fn hand_out(&mut self) {
        while let Some(grant) = self.grant_for_next().or_else(|| self.grant_for_first()) {
            let waiters = match grant {
                (Waiter::Next, _) => &mut self.waiting_for_next,
                (Waiter::First, _) => &mut self.waiting_for_first,
            };
            let Some((_, request)) = waiters.pop_first() else { return };
            self.charge(grant.1);
            if request.answer.send(grant.1).is_err() {
                self.give_back(grant.1);
            }
        }
    }

    /// Since when the oldest chunks that wait do so.
    fn longest_wait(&self) -> Option<Instant> {
        let oldest = |waiters: &BTreeMap<u64, Request>| waiters.first_key_value().map(|(_, request)| request.since);
        oldest(&self.waiting_for_next).into_iter().chain(oldest(&self.waiting_for_first)).min()
    }

    fn grant_for_next(&self) -> Option<(Waiter, Grant)> {
        if self.waiting_for_next.is_empty() {
            None
        } else if self.general_free > 0 {
            Some((Waiter::Next, Grant::General))
        } else if self.privileged < self.privileged_max {
            Some((Waiter::Next, Grant::Privileged))
        } else {
            None
        }
    }

    fn grant_for_first(&self) -> Option<(Waiter, Grant)> {
        let can = self.waiting_for_next.is_empty() && !self.waiting_for_first.is_empty() && self.general_free > 0;
        can.then_some((Waiter::First, Grant::General))
    }

    fn charge(&mut self, grant: Grant) {
        match grant {
            Grant::General => self.general_free -= 1,
            Grant::Privileged => {
                self.privileged += 1;
                self.reserved_used += 1;
            }
        }
    }

    fn give_back(&mut self, grant: Grant) {
        match grant {
            Grant::General => self.general_free += 1,
            Grant::Privileged => {
                self.privileged -= 1;
                self.reserved_used -= 1;
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Waiter {
    First,
    Next,
}

/// The pieces that one chunk holds. Dropping it gives them back.
#[derive(Debug)]
pub struct ChunkMemory {
    share: Arc<UploadShare>,
    wait: Duration,
    /// Position in the order of beginnings; given out with the first piece that is asked for.
    chunk: Option<u64>,
    general: u32,
    reserved: u32,
    is_privileged: bool,
}

impl ChunkMemory {
    pub(super) fn new(share: Arc<UploadShare>, wait: Duration) -> Self {
        Self { share, wait, chunk: None, general: 0, reserved: 0, is_privileged: false }
    }

    /// Holds pieces for `bytes` when it returns. Dropping the future keeps what was taken so far.
    pub async fn grow_to(&mut self, bytes: usize) -> Result<(), ClusterError> {
        while self.general + self.reserved < pieces_of(bytes) {
            if !self.try_grow() {
                self.wait_for_piece().await?;
            }
        }
        Ok(())
    }

    fn try_grow(&mut self) -> bool {
        let mut state = self.share.lock();
        if self.is_privileged {
            // The reserve has room for all that its privileged chunks lack.
            state.reserved_used += 1;
            self.reserved += 1;
            return true;
        }
        let is_first = self.general == 0;
        let nobody_is_before = state.waiting_for_next.is_empty() && (!is_first || state.waiting_for_first.is_empty());
        if state.general_free == 0 || !nobody_is_before {
            return false;
        }
        state.general_free -= 1;
        self.general += 1;
        true
    }

    async fn wait_for_piece(&mut self) -> Result<(), ClusterError> {
        let (sender, receiver) = oneshot::channel();
        let is_first = self.general == 0;
        {
            let mut state = self.share.lock();
            let chunk = *self.chunk.get_or_insert_with(|| {
                state.next_chunk += 1;
                state.next_chunk
            });
            let waiters = if is_first { &mut state.waiting_for_first } else { &mut state.waiting_for_next };
            waiters.insert(chunk, Request { since: Instant::now(), answer: sender });
            state.hand_out();
        }
        self.share.waited_for.notify_waiters();
        let mut queued = Queued { memory: self, receiver };
        match tokio::time::timeout(queued.memory.wait, &mut queued.receiver).await {
            Ok(Ok(grant)) => {
                queued.memory.keep(grant);
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(ClusterError::Busy),
        }
    }

    fn keep(&mut self, grant: Grant) {
        match grant {
            Grant::General => self.general += 1,
            Grant::Privileged => {
                self.reserved += 1;
                self.is_privileged = true;
            }
        }
    }
}

/// A place in the queue. Dropped before its turn it leaves the queue; dropped after it, the chunk keeps the piece.
struct Queued<'a> {
    memory: &'a mut ChunkMemory,
    receiver: oneshot::Receiver<Grant>,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if let Some(chunk) = self.memory.chunk {
            let mut state = self.memory.share.lock();
            state.waiting_for_first.remove(&chunk);
            state.waiting_for_next.remove(&chunk);
        }
        if let Ok(grant) = self.receiver.try_recv() {
            self.memory.keep(grant);
        }
    }
}

impl Drop for ChunkMemory {
    fn drop(&mut self) {
        if self.general == 0 && self.reserved == 0 {
            return;
        }
        let mut state = self.share.lock();
        state.general_free += self.general;
        state.reserved_used -= self.reserved;
        state.privileged -= u32::from(self.is_privileged);
        state.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::PIECE_LENGTH_BYTES;
    use proptest::prelude::*;

    fn memory(share: &Arc<UploadShare>) -> ChunkMemory {
        ChunkMemory::new(share.clone(), Duration::from_secs(600))
    }

    /// For those that are meant to wait in vain.
    fn impatient(share: &Arc<UploadShare>) -> ChunkMemory {
        ChunkMemory::new(share.clone(), Duration::from_millis(1))
    }

    #[tokio::test]
    async fn chunks_that_wait_for_each_other_all_get_done() {
        // 64 chunks of 16 pieces, filled side by side, in a share that holds 24 of them.
        let share = Arc::new(UploadShare::new(384, 16));
        let mut chunks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let mut memory = memory(&share);
            chunks.spawn(async move {
                for piece in 1..=16 {
                    memory.grow_to(piece * PIECE_LENGTH_BYTES).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
        }
        while let Some(done) = chunks.join_next().await {
            done.unwrap();
        }
        assert_eq!(share.used(), 0);
    }

    #[tokio::test]
    async fn first_pieces_never_come_from_the_reserve() {
        let share = Arc::new(UploadShare::new(16, 4));
        let mut held: Vec<ChunkMemory> = Vec::new();
        for _ in 0..12 {
            let mut memory = memory(&share);
            memory.grow_to(1).await.unwrap();
            held.push(memory);
        }
        let mut late = impatient(&share);
        assert_eq!(late.grow_to(1).await, Err(ClusterError::Busy));
        held[5].grow_to(4 * PIECE_LENGTH_BYTES).await.unwrap();
        assert_eq!(share.used(), 15);
        assert!(!share.has_waiters(), "who gave up left the queue");
        held.pop();
        late.grow_to(1).await.unwrap();
    }

    #[tokio::test]
    async fn a_dropped_waiter_leaves_no_piece_behind() {
        let share = Arc::new(UploadShare::new(4, 2));
        let mut holders: Vec<ChunkMemory> = (0..3).map(|_| memory(&share)).collect();
        for holder in &mut holders {
            holder.grow_to(1).await.unwrap();
        }
        let waiting = tokio::spawn({
            let mut memory = memory(&share);
            async move { memory.grow_to(1).await }
        });
        tokio::task::yield_now().await;
        assert!(share.has_waiters());
        waiting.abort();
        assert!(waiting.await.is_err());
        drop(holders);
        assert_eq!(share.used(), 0);
        assert!(!share.has_waiters());
    }

    #[tokio::test]
    async fn silent_uploads_are_told_when_new_ones_starve() {
        let share = Arc::new(UploadShare::new(1, 1));
        let mut holder = memory(&share);
        holder.grow_to(1).await.unwrap();
        let told = tokio::spawn({
            let share = share.clone();
            async move { share.starves(Duration::from_millis(1)).await }
        });
        let starving = tokio::spawn({
            let mut memory = memory(&share);
            async move { memory.grow_to(1).await }
        });
        told.await.unwrap();
        drop(holder);
        assert_eq!(starving.await.unwrap(), Ok(()));
    }

    /// Silent clients held all that the reserve lends out, and nobody asked for a first piece: those that waited for their
    /// next one waited until the slow-body rule ended somebody.
    #[tokio::test]
    async fn silent_uploads_are_told_when_others_wait_for_their_next_piece() {
        let share = Arc::new(UploadShare::new(8, 3));
        let mut chunks: Vec<ChunkMemory> = (0..6).map(|_| memory(&share)).collect();
        for chunk in &mut chunks {
            chunk.grow_to(1).await.unwrap();
        }
        let mut waiting = chunks.pop().unwrap();
        let privileged_max = share.lock().privileged_max as usize;
        for silent in chunks.iter_mut().take(privileged_max) {
            silent.grow_to(PIECE_LENGTH_BYTES + 1).await.unwrap();
        }
        let starved = tokio::spawn(async move { waiting.grow_to(PIECE_LENGTH_BYTES + 1).await });
        share.starves(Duration::from_millis(1)).await;
        drop(chunks);
        assert_eq!(starved.await.unwrap(), Ok(()));
    }

    proptest! {
        /// Whatever chunks begin, grow and end, no more pieces are out than there are, and all come back.
        #[test]
        fn the_share_is_never_overdrawn(total in 4_u32..40, steps in proptest::collection::vec((0_usize..6, 1_usize..5), 1..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let share = Arc::new(UploadShare::new(total, 4));
                let mut chunks: Vec<Option<ChunkMemory>> = (0..6).map(|_| None).collect();
                for (slot, pieces) in steps {
                    let mut chunk = chunks[slot].take().unwrap_or_else(|| impatient(&share));
                    let grown = chunk.grow_to(pieces * PIECE_LENGTH_BYTES).await;
                    assert!(share.used() <= total);
                    if grown.is_ok() && pieces < 4 {
                        chunks[slot] = Some(chunk);
                    }
                }
                drop(chunks);
                assert_eq!(share.used(), 0);
            });
        }
    }
}

//! Small chunks on their way to one node. Each would cost an exchange of its own, which is dearer than the chunk; so those
//! that come while others are under way wait, and go together as soon as these were answered: no chunk waits for a clock,
//! and a chunk that comes alone goes alone.

use super::{
    connection::{Outgoing, unreachable},
    pool::Pool,
};
use crate::{
    node::{
        NodeError,
        api::PutChunk,
        protocol::{
            chunk_batch::{self, BATCH_CHUNKS_MAX, BATCH_LENGTH_MAX},
            documents::from_json,
            route::Route,
        },
    },
    runtime::RequestScope,
    types::{RequestId, Term},
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

/// Batches under way: one travels while another is being synced.
const LANES: usize = 2;

/// A batch that takes longer keeps nobody waiting: its connection may be dead, or the disk slow and better served by many.
const LANE_PATIENCE: Duration = Duration::from_millis(100);

pub(super) struct PutBatches {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Arc<Pool>,
    request_timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// When each batch under way was sent.
    lanes: Vec<(u64, Instant)>,
    next_lane: u64,
}

/// A chunk that waits to be sent, and who waits for it.
struct Waiting {
    put: PutChunk,
    request: Option<RequestId>,
    answer: oneshot::Sender<Result<(), NodeError>>,
}

/// Of one who waits for an answer. Whoever leaves without one takes the chunk along: a node that hangs must not keep the memory of
/// all that was meant for it.
struct Place {
    shared: Arc<Shared>,
    answered: oneshot::Receiver<Result<(), NodeError>>,
    is_answered: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_answered {
            self.answered.close();
            self.shared.state().waiting.retain(|next| !next.answer.is_closed());
        }
    }
}

impl PutBatches {
    pub(super) fn new(pool: Arc<Pool>, request_timeout: Duration) -> Self {
        Self { shared: Arc::new(Shared { pool, request_timeout, state: Mutex::default() }) }
    }

    /// Resolves when the node has the chunk durable. Cancelled, it lets go of the chunk; one that was sent may become durable.
    pub(super) fn put(&self, put: PutChunk) -> impl Future<Output = Result<(), NodeError>> + use<> {
        let (shared, request) = (Arc::clone(&self.shared), RequestScope::current_id());
        async move {
            let (answer, answered) = oneshot::channel();
            let mut place = Place { shared, answered, is_answered: false };
            if let Some(lane) = place.shared.enter(Waiting { put, request, answer }) {
                tokio::spawn(Arc::clone(&place.shared).work(lane));
            }
            let Ok(answer) = timeout(place.shared.request_timeout, &mut place.answered).await else {
                return Err(unreachable("no answer in time"));
            };
            place.is_answered = true;
            answer.map_err(unreachable)?
        }
    }
}

impl Shared {
    /// Puts a chunk in line. A lane when it has to be opened for it.
    fn enter(&self, waiting: Waiting) -> Option<u64> {
        let mut state = self.state();
        state.waiting.push_back(waiting);
        let busy = state.lanes.iter().filter(|(_, since)| since.elapsed() < LANE_PATIENCE).count();
        if busy >= LANES || state.lanes.len() >= self.pool.connections_max() {
            return None;
        }
        let lane = state.next_lane;
        state.next_lane += 1;
        state.lanes.push((lane, Instant::now()));
        Some(lane)
    }

    /// Sends one batch after the other until nobody waits.
    async fn work(self: Arc<Self>, lane: u64) {
        while let Some(batch) = self.next_batch(lane) {
            self.send(batch).await;
        }
    }

    /// What goes together next; the lane ends when there is nothing.
    fn next_batch(&self, lane: u64) -> Option<Vec<Waiting>> {
        let mut state = self.state();
        let batch = take_batch(&mut state.waiting);
        if batch.is_empty() {
            state.lanes.retain(|(number, _)| *number != lane);
            return None;
        }
        if let Some((_, since)) = state.lanes.iter_mut().find(|(number, _)| *number == lane) {
            *since = Instant::now();
        }
        Some(batch)
    }

    async fn send(&self, batch: Vec<Waiting>) {
        let term = batch.first().map_or(Term::default(), |waiting| waiting.put.term);
        let head = chunk_batch::encode(batch.iter().map(|waiting| (&waiting.put, waiting.request)));
        let (mut pieces, mut answers) = (Vec::new(), Vec::with_capacity(batch.len()));
        for Waiting { put, answer, .. } in batch {
            pieces.extend(put.data.pieces);
            answers.push(answer);
        }
        let count = answers.len();
        let results = tokio::select! {
            biased;
            results = self.exchange(term, head.into(), pieces, count) => results,
            // Cancels the exchange, and with it goes the memory.
            () = nobody_waits(&mut answers) => return,
        };
        for (position, answer) in answers.into_iter().enumerate() {
            let result = match &results {
                Ok(refusals) => refusals.get(position).cloned().flatten().map_or(Ok(()), Err),
                Err(error) => Err(error.clone()),
            };
            // Who no longer waits was told so, or went away.
            let _ = answer.send(result);
        }
    }

    /// What became of each chunk: `None` when it is durable.
    async fn exchange(
        &self,
        term: Term,
        head: Bytes,
        pieces: Vec<Bytes>,
        count: usize,
    ) -> Result<Vec<Option<NodeError>>, NodeError> {
        let outgoing = Outgoing { route: Route::PutChunks, term, head, pieces };
        let answer = self.pool.ask(outgoing, self.request_timeout).await?;
        let refusals: Vec<Option<NodeError>> = from_json(&answer.head)?;
        // Nothing is called durable by a list that does not name it.
        if refusals.len() == count { Ok(refusals) } else { Err(unreachable("an answer to other chunks")) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn nobody_waits(answers: &mut [oneshot::Sender<Result<(), NodeError>>]) {
    for answer in answers {
        answer.closed().await;
    }
}

/// The longest waiting chunks of one term, as many as a batch holds. Those that nobody waits for any more are let go.
fn take_batch(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    waiting.retain(|next| !next.answer.is_closed());
    let (term, mut length) = (waiting.front().map(|first| first.put.term), 0);
    let fitting = waiting.iter().take(BATCH_CHUNKS_MAX).take_while(|next| {
        length += next.put.data.length;
        length <= BATCH_LENGTH_MAX && Some(next.put.term) == term
    });
    let count = fitting.count();
    waiting.drain(..count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BlobId, BlockTable, ChunkData, ChunkKey, ChunkRoot, GroupId};

    type Answered = oneshot::Receiver<Result<(), NodeError>>;

    fn waiting(index: u32, length: u32, term: u64) -> (Waiting, Answered) {
        let put = PutChunk {
            term: Term(term),
            group: GroupId(1),
            key: ChunkKey { blob: BlobId::from_bytes([1; 16]), index },
            data: ChunkData { pieces: Vec::new(), length, table: BlockTable::new(Vec::new()) },
            root: ChunkRoot::from_bytes([1; 32]),
        };
        let (answer, answered) = oneshot::channel();
        (Waiting { put, request: None, answer }, answered)
    }

    fn queue(entries: impl IntoIterator<Item = (u32, u64)>) -> (VecDeque<Waiting>, Vec<Answered>) {
        (0..).zip(entries).map(|(index, (length, term))| waiting(index, length, term)).unzip()
    }

    fn taken(waiting: &mut VecDeque<Waiting>) -> Vec<u32> {
        take_batch(waiting).iter().map(|next| next.put.key.index).collect()
    }

    #[test]
    fn a_batch_is_bounded_in_number_and_length_and_of_one_term() {
        let (mut waiting, _answered) = queue(vec![(1, 1); BATCH_CHUNKS_MAX + 3]);
        assert_eq!(taken(&mut waiting).len(), BATCH_CHUNKS_MAX);
        assert_eq!(taken(&mut waiting), [64, 65, 66]);
        assert_eq!(taken(&mut waiting), [0_u32; 0]);

        let half = BATCH_LENGTH_MAX / 2;
        let (mut waiting, _answered) = queue([(half, 1), (half, 1), (1, 1)]);
        assert_eq!([taken(&mut waiting), taken(&mut waiting)], [vec![0, 1], vec![2]]);

        let (mut waiting, _answered) = queue([(1, 1), (1, 2), (1, 2), (1, 1)]);
        assert_eq!([taken(&mut waiting), taken(&mut waiting), taken(&mut waiting)], [vec![0], vec![1, 2], vec![3]]);
    }

    #[test]
    fn who_no_longer_waits_is_not_sent() {
        let (mut waiting, mut answered) = queue(vec![(1, 1); 4]);
        answered.remove(2);
        answered.remove(0);
        assert_eq!(taken(&mut waiting), [1, 3]);
        assert!(waiting.is_empty());
    }
}

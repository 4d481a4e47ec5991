//! A few threads that do nothing but hash. A lane is one running hash with the slices that wait for it; a thread takes
//! the lane at the head of the queue, hashes one slice and puts the lane back at the end, so that a 5 GiB upload does
//! not hold up a small one. The number of threads caps concurrent hash work below the cores: with every core
//! hashing, the log writers wait a scheduler tick for each sync.
//!
//! Lock order: a lane's state is never held while the queue's lock is taken, and the other way round.

use super::stream_hash::StreamHash;
use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};
use tokio::sync::{Semaphore, oneshot};

/// Slices that a lane holds unhashed: one that is being gathered beside one that is hashed keeps both sides busy, and
/// an upload pins at most 512 KiB more memory than its chunk.
const LANE_SLICES_MAX: usize = 2;

/// Cheap to clone; the threads end when the last clone is dropped.
#[derive(Clone)]
pub struct HashPool {
    owner: Arc<PoolOwner>,
}

struct PoolOwner {
    queue: Arc<WorkQueue>,
}

#[derive(Default)]
struct WorkQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    ready: VecDeque<Arc<Lane>>,
    is_closed: bool,
}

struct Lane {
    state: Mutex<LaneState>,
    /// One permit for each slice that may still be handed in.
    room: Semaphore,
}

struct LaneState {
    /// Absent while a thread works on it.
    hash: Option<Box<dyn StreamHash>>,
    slices: VecDeque<Vec<Bytes>>,
    /// Whether the lane stands in the queue or a thread works on it.
    is_scheduled: bool,
    finished: Option<oneshot::Sender<Box<dyn StreamHash>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

impl HashPool {
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let queue = Arc::new(WorkQueue::default());
        // Made before the threads, so that those already started end when a later one can't be.
        let owner = Arc::new(PoolOwner { queue: queue.clone() });
        for index in 0..threads.max(1) {
            let queue = queue.clone();
            thread::Builder::new().name(format!("hash-{index}")).spawn(move || queue.work())?;
        }
        Ok(Self { owner })
    }

    pub(super) fn lane(&self, hash: Box<dyn StreamHash>) -> LaneHandle {
        let state = LaneState { hash: Some(hash), slices: VecDeque::new(), is_scheduled: false, finished: None };
        let lane = Arc::new(Lane { state: Mutex::new(state), room: Semaphore::new(LANE_SLICES_MAX) });
        LaneHandle { lane, pool: self.clone() }
    }
}

impl Drop for PoolOwner {
    fn drop(&mut self) {
        lock(&self.queue.state).is_closed = true;
        self.queue.changed.notify_all();
    }
}

impl WorkQueue {
    fn push(&self, lane: Arc<Lane>) {
        lock(&self.state).ready.push_back(lane);
        self.changed.notify_one();
    }

    fn pop(&self) -> Option<Arc<Lane>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(lane) = state.ready.pop_front() {
                return Some(lane);
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).expect("no holder of this lock panics");
        }
    }

    fn work(&self) {
        while let Some(lane) = self.pop() {
            if lane.hash_one_slice() {
                self.push(lane);
            }
        }
    }
}

impl Lane {
    /// Says whether the lane has to go back into the queue.
    fn hash_one_slice(&self) -> bool {
        let Some((mut hash, slice)) = self.take_slice() else { return false };
        for bytes in &slice {
            hash.update(bytes);
        }
        drop(slice);
        self.room.add_permits(1);
        self.put_back(hash)
    }

    fn take_slice(&self) -> Option<(Box<dyn StreamHash>, Vec<Bytes>)> {
        let mut state = lock(&self.state);
        match state.slices.pop_front() {
            Some(slice) => state.hash.take().map(|hash| (hash, slice)),
            None => {
                state.is_scheduled = false;
                None
            }
        }
    }

    fn put_back(&self, hash: Box<dyn StreamHash>) -> bool {
        let mut state = lock(&self.state);
        if !state.slices.is_empty() {
            state.hash = Some(hash);
            return true;
        }
        state.is_scheduled = false;
        match state.finished.take() {
            // The receiver is gone when the upload was dropped: nobody wants the value.
            Some(finished) => drop(finished.send(hash)),
            None => state.hash = Some(hash),
        }
        false
    }
}

/// The sending side of a lane. Dropped, it takes the waiting slices with it.
pub struct LaneHandle {
    lane: Arc<Lane>,
    pool: HashPool,
}

impl LaneHandle {
    /// Waits until the lane has room. Dropped while it waits, the slice is not hashed.
    pub async fn update(&self, slice: Vec<Bytes>) {
        let permit = self.lane.room.acquire().await.expect("the semaphore is never closed");
        permit.forget();
        let mut state = lock(&self.lane.state);
        state.slices.push_back(slice);
        let must_schedule = !std::mem::replace(&mut state.is_scheduled, true);
        drop(state);
        if must_schedule {
            self.pool.owner.queue.push(self.lane.clone());
        }
    }

    /// The running hash after every slice went in.
    pub async fn finish(self) -> Box<dyn StreamHash> {
        let receiver = {
            let mut state = lock(&self.lane.state);
            let idle_hash = if state.is_scheduled { None } else { state.hash.take() };
            if let Some(hash) = idle_hash {
                return hash;
            }
            let (sender, receiver) = oneshot::channel();
            state.finished = Some(sender);
            receiver
        };
        receiver.await.expect("the pool lives while a handle holds it, and works off every scheduled lane")
    }
}

impl Drop for LaneHandle {
    fn drop(&mut self) {
        lock(&self.lane.state).slices.clear();
    }
}

//! A few threads that do nothing but hash. A lane is one running hash with the slices that wait for it; a thread takes
//! its turn from the queue (`hash_queue.rs`): one lane, or several MD5 lanes that go side by side. It hashes one slice of
//! each and puts the lanes back at the end, so that a 5 GiB upload does not hold up a small one. The number of threads caps
//! concurrent hash work below the cores: with every core hashing, the log writers wait a scheduler tick for each sync.
//!
//! Lock order: a lane's state, then the queue. A lane goes back into the queue under its state's lock: an upload that begins
//! to wait finds it either there, and hurries it, or not yet, and it goes there as one in a hurry.

use super::{
    hash_queue::{Company, HashQueue, Urgency},
    md5_stream::{Feed, update_side_by_side},
    stream_hash::StreamHash,
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
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
    queue: Arc<HashQueue<Arc<Lane>>>,
}

struct Lane {
    company: Company,
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

/// A lane's hash and the slice that it is to take in, while a thread has them.
struct Work {
    lane: Arc<Lane>,
    hash: Box<dyn StreamHash>,
    slice: Vec<Bytes>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

impl HashPool {
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let queue = Arc::new(HashQueue::new());
        // Made before the threads, so that those already started end when a later one can't be.
        let owner = Arc::new(PoolOwner { queue: queue.clone() });
        for index in 0..threads.max(1) {
            let queue = queue.clone();
            thread::Builder::new().name(format!("hash-{index}")).spawn(move || work(&queue))?;
        }
        Ok(Self { owner })
    }

    pub(super) fn lane(&self, mut hash: Box<dyn StreamHash>) -> LaneHandle {
        let company = if hash.as_md5().is_some() { Company::SideBySide } else { Company::Alone };
        let state = LaneState { hash: Some(hash), slices: VecDeque::new(), is_scheduled: false, finished: None };
        let lane = Arc::new(Lane { company, state: Mutex::new(state), room: Semaphore::new(LANE_SLICES_MAX) });
        if company == Company::SideBySide {
            self.owner.queue.open_side_by_side();
        }
        LaneHandle { lane, pool: self.clone() }
    }
}

impl Drop for PoolOwner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn work(queue: &HashQueue<Arc<Lane>>) {
    while let Some(turn) = queue.take_turn() {
        let mut works: Vec<_> = turn.into_iter().filter_map(Lane::take_slice).collect();
        hash_slices(&mut works);
        works.into_iter().for_each(|work| work.put_back(queue));
    }
}

/// Several of them are MD5s: only those share a turn.
fn hash_slices(works: &mut [Work]) {
    if let [Work { hash, slice, .. }] = works {
        return slice.iter().for_each(|bytes| hash.update(bytes));
    }
    let feeds = works.iter_mut().filter_map(|Work { hash, slice, .. }| Some(Feed::new(hash.as_md5()?, slice)));
    update_side_by_side(feeds.collect());
}

impl Lane {
    fn take_slice(self: Arc<Self>) -> Option<Work> {
        let mut state = lock(&self.state);
        let Some(slice) = state.slices.pop_front() else {
            state.is_scheduled = false;
            return None;
        };
        let hash = state.hash.take()?;
        drop(state);
        Some(Work { lane: self, hash, slice })
    }
}

impl LaneState {
    /// Whether its upload waits, or will when it has gathered another slice.
    fn urgency(&self) -> Urgency {
        if self.slices.len() >= LANE_SLICES_MAX || self.finished.is_some() {
            Urgency::Hurried
        } else {
            Urgency::CanWait
        }
    }

    /// Whether it stands in the queue, and no thread works on it.
    fn is_queued(&self) -> bool {
        self.is_scheduled && self.hash.is_some()
    }
}

impl Work {
    /// The lane goes back into the queue if there is more to hash.
    fn put_back(self, queue: &HashQueue<Arc<Lane>>) {
        let Self { lane, hash, slice } = self;
        drop(slice);
        lane.room.add_permits(1);
        let mut state = lock(&lane.state);
        if !state.slices.is_empty() {
            state.hash = Some(hash);
            queue.push(lane.clone(), lane.company, state.urgency());
            return;
        }
        state.is_scheduled = false;
        match state.finished.take() {
            // The receiver is gone when the upload was dropped: nobody wants the value.
            Some(finished) => drop(finished.send(hash)),
            None => state.hash = Some(hash),
        }
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
        let urgency = state.urgency();
        let must_hurry = self.must_hurry(&state);
        let must_schedule = !std::mem::replace(&mut state.is_scheduled, true);
        drop(state);
        if must_schedule {
            self.pool.owner.queue.push(self.lane.clone(), self.lane.company, urgency);
        } else if must_hurry {
            self.pool.owner.queue.hurry();
        }
    }

    fn must_hurry(&self, state: &LaneState) -> bool {
        self.lane.company == Company::SideBySide && state.is_queued() && state.urgency() == Urgency::Hurried
    }

    /// The running hash after every slice went in.
    pub async fn finish(self) -> Box<dyn StreamHash> {
        let (receiver, must_hurry) = {
            let mut state = lock(&self.lane.state);
            let idle_hash = if state.is_scheduled { None } else { state.hash.take() };
            if let Some(hash) = idle_hash {
                return hash;
            }
            let (sender, receiver) = oneshot::channel();
            state.finished = Some(sender);
            (receiver, self.must_hurry(&state))
        };
        if must_hurry {
            self.pool.owner.queue.hurry();
        }
        receiver.await.expect("the pool lives while a handle holds it, and works off every scheduled lane")
    }
}

impl Drop for LaneHandle {
    fn drop(&mut self) {
        lock(&self.lane.state).slices.clear();
        if self.lane.company == Company::SideBySide {
            self.pool.owner.queue.close_side_by_side();
        }
    }
}

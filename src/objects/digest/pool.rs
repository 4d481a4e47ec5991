//! A few threads that do nothing but hash. A lane is one running hash with the slices that wait for it; a thread takes
//! its turn from the queue (`hash_queue.rs`): one lane, or several of one kind that go side by side. It hashes one slice
//! of each and puts the lanes back at the end, so that a 5 GiB upload does not hold up a small one. The number of threads caps
//! concurrent hash work below the cores: with every core hashing, the log writers wait a scheduler tick for each sync.
//!
//! Lock order: a lane's state, then the queue. A lane goes back into the queue under its state's lock: an upload that begins
//! to wait finds it either there, and hurries it, or not yet, and it goes there as one in a hurry.

use super::{
    block_stream::{Feed, update_side_by_side},
    hash_queue::{Company, HashQueue, Kind, Urgency},
    stream_hash::{SideBySide, StreamHash},
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
        let company = company_of(hash.as_mut());
        let state = LaneState { hash: Some(hash), slices: VecDeque::new(), is_scheduled: false, finished: None };
        let lane = Arc::new(Lane { company, state: Mutex::new(state), room: Semaphore::new(LANE_SLICES_MAX) });
        if let Company::SideBySide(kind) = company {
            self.owner.queue.open_lane(kind);
        }
        LaneHandle { lane, pool: self.clone() }
    }
}

impl Drop for PoolOwner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn company_of(hash: &mut dyn StreamHash) -> Company {
    match hash.side_by_side() {
        Some(SideBySide::Md5(_)) => Company::SideBySide(Kind::Md5),
        Some(SideBySide::Sha256(_)) => Company::SideBySide(Kind::Sha256),
        None => Company::Alone,
    }
}

fn work(queue: &HashQueue<Arc<Lane>>) {
    while let Some(turn) = queue.take_turn() {
        let mut works: Vec<_> = turn.into_iter().filter_map(Lane::take_slice).collect();
        hash_slices(&mut works);
        works.into_iter().for_each(|work| work.put_back(queue));
    }
}

/// Those that share a turn are of one kind.
fn hash_slices(works: &mut [Work]) {
    if let [Work { hash, slice, .. }] = works {
        return slice.iter().for_each(|bytes| hash.update(bytes));
    }
    let (mut md5s, mut sha256s) = (Vec::new(), Vec::new());
    for Work { hash, slice, .. } in works {
        match hash.side_by_side() {
            Some(SideBySide::Md5(stream)) => md5s.push(Feed::new(stream, slice)),
            Some(SideBySide::Sha256(stream)) => sha256s.push(Feed::new(stream, slice)),
            None => unreachable!("only lanes that go side by side share a turn"),
        }
    }
    update_side_by_side(md5s);
    update_side_by_side(sha256s);
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
        let hurried_kind = self.hurried_kind(&state);
        let must_schedule = !std::mem::replace(&mut state.is_scheduled, true);
        drop(state);
        if must_schedule {
            self.pool.owner.queue.push(self.lane.clone(), self.lane.company, urgency);
        } else if let Some(kind) = hurried_kind {
            self.pool.owner.queue.hurry(kind);
        }
    }

    /// The kind of lane whose queue has to learn that this one waits for company no longer.
    fn hurried_kind(&self, state: &LaneState) -> Option<Kind> {
        match self.lane.company {
            Company::SideBySide(kind) if state.is_queued() && state.urgency() == Urgency::Hurried => Some(kind),
            Company::SideBySide(_) | Company::Alone => None,
        }
    }

    /// The running hash after every slice went in.
    pub async fn finish(self) -> Box<dyn StreamHash> {
        let (receiver, hurried_kind) = {
            let mut state = lock(&self.lane.state);
            let idle_hash = if state.is_scheduled { None } else { state.hash.take() };
            if let Some(hash) = idle_hash {
                return hash;
            }
            let (sender, receiver) = oneshot::channel();
            state.finished = Some(sender);
            (receiver, self.hurried_kind(&state))
        };
        if let Some(kind) = hurried_kind {
            self.pool.owner.queue.hurry(kind);
        }
        receiver.await.expect("the pool lives while a handle holds it, and works off every scheduled lane")
    }
}

impl Drop for LaneHandle {
    fn drop(&mut self) {
        lock(&self.lane.state).slices.clear();
        if let Company::SideBySide(kind) = self.lane.company {
            self.pool.owner.queue.close_lane(kind);
        }
    }
}

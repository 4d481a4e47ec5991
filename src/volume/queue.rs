//! What waits for the writer. Whatever gathers here while one group commit runs goes into the next.

use super::{AppendChunk, VolumeError, format::RecordKind, index::Place};
use crate::types::ChunkKey;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Called once, when it is known whether the work is durable; from the writer's thread, so it must be quick.
pub type Done = Box<dyn FnOnce(Result<(), VolumeError>) + Send>;

pub enum Job {
    Append {
        chunk: AppendChunk,
        done: Done,
    },
    /// Writes a mark of `kind` for each key that is held. The place is where the caller found the record.
    Mark {
        kind: RecordKind,
        keys: Vec<(ChunkKey, Option<Place>)>,
        done: Done,
    },
}

impl Job {
    /// What the job counts for in the queue's bound and in a batch.
    fn bytes(&self) -> u64 {
        match self {
            Self::Append { chunk, .. } => u64::from(chunk.data.length) + 512,
            Self::Mark { keys, .. } => keys.len() as u64 * 512,
        }
    }

    pub fn refuse(self, error: VolumeError) {
        match self {
            Self::Append { done, .. } | Self::Mark { done, .. } => done(Err(error)),
        }
    }
}

#[derive(Default)]
struct State {
    jobs: Vec<Job>,
    bytes: u64,
    closed: bool,
    /// The writer sleeps: only then does an arrival cost a system call.
    writer_waits: bool,
}

pub struct JobQueue {
    state: Mutex<State>,
    arrived: Condvar,
    /// More payload than this doesn't wait here: the caller's memory is bounded by it.
    bytes_max: u64,
    batch_bytes_max: u64,
}

/// Jobs in one batch: each costs two or three slices of a vectored write, and one call back while the others wait.
const BATCH_JOBS_MAX: usize = 1024;

impl JobQueue {
    pub fn new(bytes_max: u64, batch_bytes_max: u64) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), bytes_max, batch_bytes_max }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues the job, or calls its `done` with the reason why not.
    pub fn push(&self, job: Job) {
        let mut state = self.state();
        let bytes = job.bytes();
        let refusal = match () {
            () if state.closed => VolumeError::Closed,
            () if !state.jobs.is_empty() && state.bytes + bytes > self.bytes_max => VolumeError::Busy,
            () => {
                state.bytes += bytes;
                state.jobs.push(job);
                let wake = std::mem::take(&mut state.writer_waits);
                drop(state);
                if wake {
                    self.arrived.notify_one();
                }
                return;
            }
        };
        drop(state);
        job.refuse(refusal);
    }

    /// Moves the next batch into `batch`, which is empty, waiting until there is something. `false`: closed and empty.
    pub fn wait_for_batch(&self, batch: &mut Vec<Job>) -> bool {
        let mut state = self.state();
        while state.jobs.is_empty() {
            if state.closed {
                return false;
            }
            state.writer_waits = true;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.take(&mut state, batch);
        true
    }

    /// Moves the next batch into `batch`, which is empty, if there is something.
    #[cfg(test)]
    pub fn take_batch(&self, batch: &mut Vec<Job>) -> bool {
        let mut state = self.state();
        self.take(&mut state, batch);
        !batch.is_empty()
    }

    fn take(&self, state: &mut State, batch: &mut Vec<Job>) {
        if state.bytes <= self.batch_bytes_max && state.jobs.len() <= BATCH_JOBS_MAX {
            // The usual case: both vectors keep their memory.
            std::mem::swap(&mut state.jobs, batch);
            state.bytes = 0;
            return;
        }
        let (mut count, mut bytes) = (0, 0);
        for job in state.jobs.iter().take(BATCH_JOBS_MAX) {
            if count > 0 && bytes + job.bytes() > self.batch_bytes_max {
                break;
            }
            (count, bytes) = (count + 1, bytes + job.bytes());
        }
        batch.extend(state.jobs.drain(..count));
        state.bytes -= bytes;
    }

    /// Takes nothing more, and refuses what waits: nobody is there to do it.
    pub fn close_refusing(&self, error: &VolumeError) {
        self.close();
        let jobs = std::mem::take(&mut self.state().jobs);
        jobs.into_iter().for_each(|job| job.refuse(error.clone()));
    }

    /// Takes nothing more; what waits is still handed out.
    pub fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_all();
    }
}

impl std::fmt::Debug for JobQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_struct("JobQueue").field("jobs", &state.jobs.len()).field("bytes", &state.bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    fn marks(keys: usize, done: Done) -> Job {
        let key = ChunkKey { blob: crate::types::BlobId::from_bytes([0; 16]), index: 0 };
        Job::Mark { kind: RecordKind::Tombstone, keys: vec![(key, None); keys], done }
    }

    #[test]
    fn a_batch_ends_at_its_bound_and_the_queue_at_its_own() {
        let queue = JobQueue::new(4096, 1024);
        let refused = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let refused = refused.clone();
            queue.push(marks(
                1,
                Box::new(move |result| {
                    assert_eq!(result, Err(VolumeError::Busy));
                    refused.fetch_add(1, Ordering::Relaxed);
                }),
            ));
        }
        assert_eq!(refused.load(Ordering::Relaxed), 2);
        let mut batch = Vec::new();
        for _ in 0..4 {
            assert!(queue.wait_for_batch(&mut batch));
            assert_eq!(batch.drain(..).count(), 2);
        }
        queue.close();
        assert!(!queue.wait_for_batch(&mut batch));
        queue.push(marks(1, Box::new(|result| assert_eq!(result, Err(VolumeError::Closed)))));
    }

    #[test]
    fn a_job_above_the_bounds_is_taken_alone() {
        let queue = JobQueue::new(1024, 512);
        queue.push(marks(100, Box::new(|_| {})));
        let mut batch = Vec::new();
        assert!(queue.wait_for_batch(&mut batch));
        assert_eq!(batch.len(), 1);
    }
}

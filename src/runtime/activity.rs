//! How busy a process is with what clients ask of it, for background work that gives way to them.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Counts pieces of work for clients, and says how dense they are.
#[derive(Debug, Default)]
pub struct Activity {
    done: AtomicU64,
    sample: Mutex<Sample>,
}

#[derive(Debug, Default)]
struct Sample {
    at: Duration,
    done: u64,
    busyness: f64,
}

/// A shorter time would take a pause between two requests for quiet.
const WINDOW: Duration = Duration::from_millis(200);
/// So many pieces of work a second make a busy process: a disk does not do many more syncs than that beside a repair.
const BUSY_FROM_PER_SECOND: f64 = 50.0;
/// A piece of work for each so many bytes: moving them takes about as long as a small request.
const BYTES_PER_PIECE: u64 = 1 << 20;
/// Of a busy process background work takes a fifth of the time that it would have alone, so that queues drain.
const REST_PERCENT_MAX: f64 = 400.0;

impl Activity {
    /// A request for so many bytes.
    pub fn note(&self, bytes: u64) {
        self.note_all(1, bytes);
    }

    /// So many requests, for so many bytes together.
    pub fn note_all(&self, requests: u64, bytes: u64) {
        self.done.fetch_add(requests + bytes / BYTES_PER_PIECE, Ordering::Relaxed);
    }

    /// From 0, nobody asks anything, to 1. `now` is the monotonic clock.
    pub fn busyness(&self, now: Duration) -> f64 {
        let mut sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_sub(sample.at);
        if passed >= WINDOW {
            let done = self.done.load(Ordering::Relaxed);
            let per_second = (done - sample.done) as f64 / passed.as_secs_f64();
            *sample = Sample { at: now, done, busyness: (per_second / BUSY_FROM_PER_SECOND).min(1.0) };
        }
        sample.busyness
    }
}

/// How long background work rests after a piece of work, in percent of the time that it took.
pub fn rest_percent(busyness: f64) -> u32 {
    (busyness.clamp(0.0, 1.0) * REST_PERCENT_MAX) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_requests_or_many_bytes_make_a_busy_process_and_quiet_ends_it() {
        let activity = Activity::default();
        let at = Duration::from_secs;
        assert_eq!(activity.busyness(at(1)), 0.0);
        (0..25).for_each(|_| activity.note(0));
        assert_eq!(activity.busyness(at(1)), 0.0, "too soon to tell");
        assert_eq!(activity.busyness(at(2)), 0.5);
        activity.note_all(2, 1 << 30);
        assert_eq!(activity.busyness(at(3)), 1.0);
        assert_eq!(activity.busyness(at(4)), 0.0);
    }

    #[test]
    fn rest_follows_busyness_and_leaves_background_work_a_fifth() {
        let rests: Vec<u32> = [-1.0, 0.0, 0.25, 1.0, 7.0].map(rest_percent).into();
        assert_eq!(rests, [0, 0, 100, 400, 400]);
    }
}

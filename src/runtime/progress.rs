//! What a background job has done so far, shared between the job and whoever reports it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    items: AtomicU64,
    bytes: AtomicU64,
    /// One more than what is left, or 0 where nobody has said.
    left: AtomicU64,
}

/// Since the process's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub items: u64,
    pub bytes: u64,
}

impl Progress {
    pub fn add(&self, items: usize, bytes: u64) {
        self.counters.items.fetch_add(items as u64, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says how many items are left, as far as the job knows; `None` when it no longer does.
    pub fn set_left(&self, items: Option<u64>) {
        self.counters.left.store(items.map_or(0, |items| items.saturating_add(1)), Ordering::Relaxed);
    }

    /// What is left, if the job says so.
    pub fn left(&self) -> Option<u64> {
        self.counters.left.load(Ordering::Relaxed).checked_sub(1)
    }

    pub fn done(&self) -> Done {
        Done { items: self.counters.items.load(Ordering::Relaxed), bytes: self.counters.bytes.load(Ordering::Relaxed) }
    }
}

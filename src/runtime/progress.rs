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

    pub fn done(&self) -> Done {
        Done { items: self.counters.items.load(Ordering::Relaxed), bytes: self.counters.bytes.load(Ordering::Relaxed) }
    }
}

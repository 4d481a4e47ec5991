//! How much was done and how long nothing succeeded: counted by all clients, printed at the end.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

#[derive(Debug, Default)]
pub struct Totals {
    /// Writes, deletes and completed uploads that were acknowledged.
    pub acknowledged: AtomicU64,
    /// Changes without an answer, or with a 5xx.
    pub unanswered: AtomicU64,
    pub reads: AtomicU64,
    pub failed_reads: AtomicU64,
    pub lists: AtomicU64,
    /// Conditional requests that met others.
    pub races: AtomicU64,
    pub uploads: AtomicU64,
    pub faults: AtomicU64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (&self.acknowledged, "acknowledged writes"),
            (&self.unanswered, "unanswered"),
            (&self.reads, "verified reads"),
            (&self.failed_reads, "failed reads"),
            (&self.lists, "lists"),
            (&self.races, "conditional races"),
            (&self.uploads, "multipart uploads"),
            (&self.faults, "faults"),
        ];
        let texts: Vec<String> = counts.iter().map(|(count, name)| format!("{} {name}", count.load(Relaxed))).collect();
        f.write_str(&texts.join(", "))
    }
}

/// The longest time without a success, of writes and of reads. A measurement: no test fails by it.
#[derive(Debug)]
pub struct Gaps {
    inner: Mutex<[Gap; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Write,
    Read,
}

#[derive(Clone, Copy, Debug)]
struct Gap {
    last: Instant,
    longest: Duration,
}

impl Gaps {
    pub fn new() -> Self {
        Self { inner: Mutex::new([Gap { last: Instant::now(), longest: Duration::ZERO }; 2]) }
    }

    pub fn succeeded(&self, service: Service) {
        self.with(|gaps| gaps[service as usize].close());
    }

    /// The longest gaps of writes and reads so far, the ones that are open now included.
    pub fn longest(&self) -> [Duration; 2] {
        self.with(|gaps| {
            gaps.iter_mut().for_each(Gap::close);
            gaps.map(|gap| gap.longest)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut [Gap; 2]) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Gap {
    fn close(&mut self) {
        let now = Instant::now();
        self.longest = self.longest.max(now - self.last);
        self.last = now;
    }
}

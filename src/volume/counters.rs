//! Counters of one volume, since it was opened.

use super::api::VolumeStats;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub struct Counters {
    pub appends: Counter,
    pub appended_bytes: Counter,
    pub batches: Counter,
    pub syncs: Counter,
    pub tombstones: Counter,
    pub quarantined: Counter,
    pub reads: Counter,
    pub punched_bytes: Counter,
    pub compacted_segments: Counter,
    pub recycled_segments: Counter,
    pub copied_bytes: Counter,
    pub scrubbed_bytes: Counter,
    pub scrub_found: Counter,
}

impl Counters {
    pub fn snapshot(&self) -> VolumeStats {
        VolumeStats {
            appends: self.appends.get(),
            appended_bytes: self.appended_bytes.get(),
            batches: self.batches.get(),
            syncs: self.syncs.get(),
            tombstones: self.tombstones.get(),
            quarantined: self.quarantined.get(),
            reads: self.reads.get(),
            punched_bytes: self.punched_bytes.get(),
            compacted_segments: self.compacted_segments.get(),
            recycled_segments: self.recycled_segments.get(),
            copied_bytes: self.copied_bytes.get(),
            scrubbed_bytes: self.scrubbed_bytes.get(),
            scrub_found: self.scrub_found.get(),
        }
    }
}

//! Settings of the object layer.

use super::BUCKETS_PAGE_MAX;
use crate::types::HumanDuration;
use serde::{Deserialize, Serialize};
use std::{thread, time::Duration};

/// Most hash threads that make sense to ask for: more than any machine has cores for.
const HASH_THREADS_MAX: u32 = 256;

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectsSettings {
    /// Threads that hash the bodies of uploads larger than 64 KiB. 0, the default, means one fewer than the machine has
    /// cores, at least one. Too few: one big upload is held to the speed of MD5 on a thread, about 500 MiB/s, and several
    /// together to three or four times that, because their MD5s are computed side by side.
    /// As many as cores: while all of them hash, every write of a log waits for a core, and small writes take
    /// milliseconds.
    pub hash_threads: u32,
    /// How long a day of the lifecycle rules is: 1d, the default, or for tests alone a shorter one, down to 10ms. Days that are
    /// shorter are over when they have passed, real ones at the next midnight (UTC). Objects go accordingly sooner, and with
    /// no way back; what answers say of it (`x-amz-expiration`) stays in real days. A change counts for what is written, and
    /// for rules that are set, after it.
    pub lifecycle_day: HumanDuration,
    /// More buckets than this can't be made: 10000, the default quota of an AWS account, or fewer. Those that are there stay.
    pub buckets_max: u32,
}

const REAL_DAY: Duration = Duration::from_secs(86_400);

impl Default for ObjectsSettings {
    fn default() -> Self {
        Self { hash_threads: 0, lifecycle_day: HumanDuration(REAL_DAY), buckets_max: BUCKETS_PAGE_MAX }
    }
}

impl ObjectsSettings {
    pub fn validate(&self) -> Result<(), String> {
        if self.hash_threads > HASH_THREADS_MAX {
            let more = self.hash_threads;
            return Err(format!("hash_threads is {more}; at most {HASH_THREADS_MAX} make sense"));
        }
        if !(Duration::from_millis(10)..=REAL_DAY).contains(&self.lifecycle_day.0) {
            return Err(format!("lifecycle_day is {}; from 10ms to 1d is possible", self.lifecycle_day));
        }
        // Clients that don't page get all buckets on one page.
        if !(1..=BUCKETS_PAGE_MAX).contains(&self.buckets_max) {
            return Err(format!("buckets_max is {}; from 1 to {BUCKETS_PAGE_MAX} is possible", self.buckets_max));
        }
        Ok(())
    }

    pub(super) fn effective_hash_threads(&self) -> usize {
        match self.hash_threads {
            0 => thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1)),
            chosen => chosen as usize,
        }
    }
}

//! Settings of the object layer.

use serde::{Deserialize, Serialize};
use std::thread;

/// Most hash threads that make sense to ask for: more than any machine has cores for.
const HASH_THREADS_MAX: u32 = 256;

#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectsSettings {
    /// Threads that hash the bodies of uploads larger than 64 KiB. 0, the default, means one fewer than the machine has
    /// cores, at least one. Too few: one big upload is held to the speed of MD5 on a thread, about 500 MiB/s, and several
    /// together to three or four times that, because their MD5s are computed side by side.
    /// As many as cores: while all of them hash, every write of a log waits for a core, and small writes take
    /// milliseconds.
    pub hash_threads: u32,
}

impl ObjectsSettings {
    pub fn validate(&self) -> Result<(), String> {
        match self.hash_threads {
            0..=HASH_THREADS_MAX => Ok(()),
            more => Err(format!("hash_threads is {more}; at most {HASH_THREADS_MAX} make sense")),
        }
    }

    pub(super) fn effective_hash_threads(&self) -> usize {
        match self.hash_threads {
            0 => thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1)),
            chosen => chosen as usize,
        }
    }
}

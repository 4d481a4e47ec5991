//! Whether the volume takes writes. Fail-stop: once frozen it stays so until a restart, because after a failed sync
//! nobody knows what the disk holds, and asking it again would be answered from memory.

use super::VolumeError;
use crate::types::VolumeState;
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

#[derive(Debug, Default)]
pub struct Health {
    frozen: OnceLock<String>,
    full: AtomicBool,
    closed: AtomicBool,
}

/// Freezes the volume when it is dropped by a panic: half of a change may be in memory, and nobody goes on with it.
pub struct FreezeOnPanic<'a> {
    pub health: &'a Health,
    pub reason: &'static str,
}

impl Drop for FreezeOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.health.freeze(self.reason);
        }
    }
}

impl Health {
    /// Freezes the volume; the first reason stays.
    pub fn freeze(&self, reason: &str) -> VolumeError {
        if self.frozen.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the volume is frozen: it takes no more writes until a restart");
        }
        VolumeError::Frozen(self.frozen.get().cloned().unwrap_or_default())
    }

    /// An error that leaves it open what the disk holds freezes the volume; any other is returned as it is.
    pub fn judge(&self, error: VolumeError) -> VolumeError {
        match error {
            VolumeError::Disk { .. } => self.freeze(&error.to_string()),
            other => other,
        }
    }

    pub fn check_writable(&self) -> Result<(), VolumeError> {
        match self.frozen.get() {
            Some(reason) => Err(VolumeError::Frozen(reason.clone())),
            None if self.is_closed() => Err(VolumeError::Closed),
            None => Ok(()),
        }
    }

    pub fn is_frozen(&self) -> bool {
        self.frozen.get().is_some()
    }

    /// Nothing is written any more: the directory is given back.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// No room for a further segment: chunks are refused until there is.
    pub fn set_full(&self) {
        if !self.full.swap(true, Ordering::Relaxed) {
            tracing::warn!("the disk's reserve is reached: the volume refuses chunks until space is freed");
        }
    }

    pub fn clear_full(&self) {
        if self.full.swap(false, Ordering::Relaxed) {
            tracing::info!("there is room again: the volume takes chunks");
        }
    }

    pub fn state(&self) -> VolumeState {
        match self.frozen.get() {
            Some(reason) => VolumeState::Frozen { reason: reason.clone() },
            None if self.is_full() => VolumeState::Full,
            None => VolumeState::Writable,
        }
    }
}

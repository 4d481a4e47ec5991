//! What can go wrong in a volume. The variant says what the caller can do about it.

use rustix::io::Errno;
use std::io;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VolumeError {
    /// Ask another replica.
    #[error("the volume holds no such chunk")]
    NotFound,
    /// Ask another replica and have this one quarantined.
    #[error("the chunk's record is damaged: {0}")]
    Corrupt(&'static str),
    /// The key is held with another root. Chunks are immutable: who asks is wrong.
    #[error("the volume holds another chunk under this key")]
    Conflict,
    /// The request can't be carried out by any volume: refuse it.
    #[error("the volume refuses the request: {0}")]
    Invalid(&'static str),
    /// Write elsewhere. Reads and deletes go on.
    #[error("the disk is full: its reserve is reached")]
    Full,
    /// More than the volume, or its process, can take up now: write elsewhere, or later.
    #[error("the volume is busy: its write queue is full, or the process has no file descriptors left")]
    Busy,
    /// Fail-stop: nothing is written any more until a restart. Reads of what was durable go on.
    #[error("the volume is frozen: {0}")]
    Frozen(String),
    /// The volume was closed.
    #[error("the volume is closed")]
    Closed,
    /// Another process, or another volume of this one, has the directory open.
    #[error("the directory {0} is in use")]
    Locked(String),
    /// The directory belongs to another cluster or node, or can't be told to belong to this one.
    #[error("the directory {directory} is not ours: {reason}")]
    Foreign { directory: String, reason: String },
    /// Written by a newer Larder: upgrade.
    #[error("the directory {directory} has format {found}; this version knows formats up to {known}")]
    NewerFormat { directory: String, found: u32, known: u32 },
    /// The disk failed while the named thing was done.
    #[error("{during} failed: {reason}")]
    Disk { during: &'static str, reason: String },
}

impl VolumeError {
    /// For `map_err`: what was being done when the disk failed.
    pub(super) fn disk(during: &'static str) -> impl Fn(io::Error) -> VolumeError {
        move |error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => VolumeError::Full,
            _ if is_out_of_descriptors(&error) => VolumeError::Busy,
            _ => VolumeError::Disk { during, reason: error.to_string() },
        }
    }

    /// The same where no reason makes it harmless: after a sync, or a write of what others rely on already, nobody knows
    /// what the disk holds. A disk without room may say so in a sync as well.
    pub(super) fn doubt(during: &'static str) -> impl Fn(io::Error) -> VolumeError {
        move |error| VolumeError::Disk { during, reason: error.to_string() }
    }
}

/// It is the process that has none left: that says nothing about the disk.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

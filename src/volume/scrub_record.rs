//! How scrubs of the volume stand, kept in a small file so that a pass goes on after a restart. Losing it costs the
//! pass that was under way and the memory of earlier ones, nothing else.

use super::{
    Disk, VolumeError,
    durable_file::{NameSync, read_file, replace_file},
    scrub::ScrubPoint,
};
use crate::types::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::Path;

const FILE: &str = "scrub.json";
const FILE_LENGTH_MAX: u64 = 4096;
/// Another format is as good as none.
const FORMAT: u32 = 1;

/// Times are for people, and for when the next pass begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubRecord {
    /// Of the pass under way, or else of the last one.
    pub began: Option<Timestamp>,
    /// Of the pass under way, if one is.
    pub point: Option<ScrubPoint>,
    /// Whether an operator waits for it.
    pub is_hurried: bool,
    pub checked_bytes: u64,
    /// What there was to check when it began.
    pub total_bytes: u64,
    /// Damaged records of this pass, and of all.
    pub found: u64,
    pub found_ever: u64,
    /// Passes that came to their end, when the last one did, and what it had found.
    pub passes: u64,
    pub last_finished: Option<Timestamp>,
    pub last_found: u64,
}

#[derive(Serialize, Deserialize)]
struct ScrubFile {
    format: u32,
    record: ScrubRecord,
}

impl ScrubRecord {
    pub(super) fn read(disk: &dyn Disk, directory: &Path) -> Result<Option<Self>, VolumeError> {
        let bytes = match read_file(disk, &directory.join(FILE), FILE_LENGTH_MAX) {
            Err(VolumeError::Corrupt(_)) => None,
            read => read?,
        };
        let file = bytes.and_then(|bytes| serde_json::from_slice::<ScrubFile>(&bytes).ok());
        Ok(file.filter(|file| file.format == FORMAT).map(|file| file.record))
    }

    pub(super) fn write(&self, disk: &dyn Disk, directory: &Path) -> Result<(), VolumeError> {
        let file = ScrubFile { format: FORMAT, record: self.clone() };
        let bytes = serde_json::to_vec(&file).expect("numbers and times always serialise");
        replace_file(disk, directory, FILE, &bytes, NameSync::Later)
    }
}

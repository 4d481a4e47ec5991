//! Opens the volumes of a node at its start. One that can't be opened is as good as frozen, whatever is wrong with its disk or
//! with what lies on it: the others go on. Only when none can be opened the node does not start, nor where a process is wrong
//! and not a volume: nothing is to be written before somebody has looked.

use super::{
    one_volume::{OneVolume, open_one},
    parts::{NodeParts, OpenError},
};
use crate::volume::{RecoveryReport, VolumeError};
use std::path::{Path, PathBuf};

/// At least one is open.
pub struct OpenVolumes {
    pub open: Vec<OneVolume>,
    /// Directories that could not be opened, and why.
    pub lost: Vec<(PathBuf, String)>,
    pub reports: Vec<RecoveryReport>,
}

/// Opens or makes a volume in each directory. Blocks for as long as recovery takes.
pub fn open_all(parts: &NodeParts, directories: &[PathBuf]) -> Result<OpenVolumes, OpenError> {
    let mut volumes = OpenVolumes { open: Vec::new(), lost: Vec::new(), reports: Vec::new() };
    let mut first_error = None;
    for directory in directories {
        let opened = open_one(parts, directory).and_then(|opened| not_a_second_time(&volumes.open, opened, directory));
        match opened {
            Ok((volume, report)) => {
                volumes.open.push(volume);
                volumes.reports.push(report);
            }
            Err(OpenError::Volume(error)) if is_the_volumes_own(&error) => {
                tracing::error!(directory = %directory.display(), %error, "a volume can't be opened: the node goes on without it");
                volumes.lost.push((directory.clone(), error.to_string()));
                first_error = first_error.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    match first_error {
        Some(error) if volumes.open.is_empty() => Err(error.into()),
        _ => Ok(volumes),
    }
}

/// Whether another volume would have opened in its place.
fn is_the_volumes_own(error: &VolumeError) -> bool {
    match error {
        VolumeError::Disk { .. }
        | VolumeError::Foreign { .. }
        | VolumeError::Corrupt(_)
        | VolumeError::Full
        | VolumeError::Frozen(_) => true,
        // Another process has it, this one has no descriptors left, or is older than the data.
        VolumeError::Locked(_) | VolumeError::Busy | VolumeError::NewerFormat { .. } => false,
        VolumeError::NotFound | VolumeError::Conflict | VolumeError::Invalid(_) | VolumeError::Closed => false,
    }
}

/// A copy of a volume that is open already, as an image of a disk put into the place of another, would make two of one.
fn not_a_second_time(
    open: &[OneVolume],
    (volume, report): (OneVolume, RecoveryReport),
    directory: &Path,
) -> Result<(OneVolume, RecoveryReport), OpenError> {
    let Some(twin) = open.iter().position(|other| other.volume.id() == volume.volume.id()) else {
        return Ok((volume, report));
    };
    volume.close()?;
    let reason = format!("it is a copy of the node's volume {} (counted from 1)", twin + 1);
    Err(VolumeError::Foreign { directory: directory.display().to_string(), reason }.into())
}

//! A node's volume looked at while the node is off.

use crate::volume::{self, RealDisk};
use anyhow::Context;
use std::path::{Path, PathBuf};

pub use crate::volume::{DamagedRecord, Successor, VolumeInspection, VolumeVerification};

/// Lists the segments of the volume in `path`, which is a volume's directory or a node's.
pub fn inspect_volume(path: &Path) -> anyhow::Result<VolumeInspection> {
    let directory = volume_directory(path);
    volume::inspect(&RealDisk, &directory).with_context(|| format!("cannot inspect {}", directory.display()))
}

/// Reads every chunk of the volume in `path` and checks it.
pub fn verify_volume(path: &Path) -> anyhow::Result<VolumeVerification> {
    let directory = volume_directory(path);
    volume::verify(&RealDisk, &directory).with_context(|| format!("cannot verify {}", directory.display()))
}

/// A node's directory holds its volume below.
fn volume_directory(path: &Path) -> PathBuf {
    let below = path.join("volume");
    if below.is_dir() { below } else { path.to_owned() }
}

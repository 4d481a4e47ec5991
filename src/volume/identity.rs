//! Whose directory it is, and how often it was opened.
//!
//! `volume.json` is written once, when the volume is made, and names its id, cluster and node. A directory of another
//! cluster or node is refused, and so is one that holds segments but no identity: what they belong to can't be known.
//! While the volume is open the file must stay as it is; when it changes, somebody else uses the directory: the volume
//! freezes. `starts.json` counts the starts; a count or a sequence that is lower than one that was reported before
//! tells the cluster that the directory was rolled back, from a snapshot for example.

use super::{
    Disk, VolumeError, VolumeOwner,
    durable_file::{NameSync, overwrite_file, read_file, replace_file},
};
use crate::{runtime::Random, types::VolumeId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the directory as a whole. Higher ones are refused.
pub const DIRECTORY_FORMAT: u32 = 1;
const IDENTITY_FILE: &str = "volume.json";
const STARTS_FILE: &str = "starts.json";
pub const LOCK_FILE: &str = "volume.lock";
pub const SEGMENT_DIRECTORY: &str = "segments";
/// The count is written with spaces behind it, so that no later one is longer, and the file can be overwritten in its place.
const STARTS_FILE_LENGTH: usize = 64;
/// Both files are well below it.
const FILE_LENGTH_MAX: u64 = 4096;

#[derive(Debug, Serialize, Deserialize)]
struct IdentityFile {
    format: u32,
    volume: VolumeId,
    cluster: crate::types::ClusterId,
    node: crate::types::NodeId,
}

/// For a look at the format alone, whatever else a newer version wrote.
#[derive(Debug, Deserialize)]
struct FormatOnly {
    format: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct StartsFile {
    start_count: u64,
}

/// Who a volume is, and the bytes that its file must keep.
#[derive(Debug)]
pub struct Identity {
    pub volume: VolumeId,
    pub owner: VolumeOwner,
    directory: PathBuf,
    bytes: Vec<u8>,
}

impl Identity {
    /// Reads the identity of a directory, or gives it one when it is new.
    pub fn open_or_create(
        disk: &dyn Disk,
        directory: &Path,
        owner: VolumeOwner,
        random: &dyn Random,
    ) -> Result<Self, VolumeError> {
        if let Some(identity) = Self::read(disk, directory)? {
            if identity.owner != owner {
                let reason =
                    format!("it belongs to node {} of cluster {}", identity.owner.node, identity.owner.cluster);
                return Err(foreign(directory, reason));
            }
            return Ok(identity);
        }
        if holds_segments(disk, directory)? {
            return Err(foreign(directory, format!("it holds segments but no {IDENTITY_FILE}")));
        }
        let mut id = [0; VolumeId::LENGTH];
        random.fill(&mut id);
        let volume = VolumeId::from_uuid(uuid::Builder::from_random_bytes(id).into_uuid());
        let file = IdentityFile { format: DIRECTORY_FORMAT, volume, cluster: owner.cluster, node: owner.node };
        let bytes = to_json(&file);
        replace_file(disk, directory, IDENTITY_FILE, &bytes, NameSync::Now)?;
        Ok(Self { volume, owner, directory: directory.to_owned(), bytes })
    }

    /// The identity that a directory has, if any.
    pub fn read(disk: &dyn Disk, directory: &Path) -> Result<Option<Self>, VolumeError> {
        let Some(bytes) = read_file(disk, &directory.join(IDENTITY_FILE), FILE_LENGTH_MAX)? else { return Ok(None) };
        let unreadable = |_| foreign(directory, format!("its {IDENTITY_FILE} is damaged"));
        let FormatOnly { format } = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if format > DIRECTORY_FORMAT {
            let directory = directory.display().to_string();
            return Err(VolumeError::NewerFormat { directory, found: format, known: DIRECTORY_FORMAT });
        }
        let file: IdentityFile = serde_json::from_slice(&bytes).map_err(unreadable)?;
        let owner = VolumeOwner { cluster: file.cluster, node: file.node };
        Ok(Some(Self { volume: file.volume, owner, directory: directory.to_owned(), bytes }))
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// In words what is wrong with the identity file, if it is not as it was when the volume was opened.
    pub fn changed(&self, disk: &dyn Disk) -> Option<String> {
        match read_file(disk, &self.directory.join(IDENTITY_FILE), FILE_LENGTH_MAX) {
            Ok(Some(bytes)) if bytes == self.bytes => None,
            Ok(Some(_)) => Some(format!("{IDENTITY_FILE} changed while the volume was open")),
            Ok(None) => Some(format!("{IDENTITY_FILE} disappeared while the volume was open")),
            // The process can't look now, which says nothing about the file.
            Err(VolumeError::Busy) => None,
            Err(error) => Some(format!("{IDENTITY_FILE} can't be read any more: {error}")),
        }
    }
}

/// Counts one more start, durably, and returns the number. A lost file starts anew: the cluster takes that for a
/// rollback and looks closely.
pub fn count_start(disk: &dyn Disk, directory: &Path) -> Result<u64, VolumeError> {
    let before = read_file(disk, &directory.join(STARTS_FILE), FILE_LENGTH_MAX)?;
    let before = before.and_then(|bytes| serde_json::from_slice::<StartsFile>(&bytes).ok());
    let start_count = before.map_or(0, |file| file.start_count).saturating_add(1);
    let mut bytes = to_json(&StartsFile { start_count });
    bytes.resize(STARTS_FILE_LENGTH.max(bytes.len()), b' ');
    match replace_file(disk, directory, STARTS_FILE, &bytes, NameSync::Now) {
        // A full disk must still be read from and deleted from.
        Err(VolumeError::Full) => overwrite_file(disk, &directory.join(STARTS_FILE), &bytes)?,
        replaced => replaced?,
    }
    Ok(start_count)
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("numbers and ids always serialise");
    bytes.push(b'\n');
    bytes
}

fn foreign(directory: &Path, reason: String) -> VolumeError {
    VolumeError::Foreign { directory: directory.display().to_string(), reason }
}

fn holds_segments(disk: &dyn Disk, directory: &Path) -> Result<bool, VolumeError> {
    let listing = VolumeError::disk("listing a directory");
    let names = disk.list(directory).map_err(&listing)?;
    if !names.iter().any(|name| name == SEGMENT_DIRECTORY) {
        return Ok(false);
    }
    let segments = disk.list(&directory.join(SEGMENT_DIRECTORY)).map_err(&listing)?;
    Ok(segments.iter().any(|name| !name.ends_with(super::durable_file::TEMPORARY_ENDING)))
}

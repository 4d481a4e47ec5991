//! Small files that are there whole or not at all: written under another name, synced, renamed.

use super::{
    Disk, VolumeError,
    disk::{Access, DiskFile},
};
use std::{
    io::{self, IoSlice},
    path::Path,
    sync::Arc,
};

/// Files with this ending are leftovers of a crash and are removed when the volume is opened.
pub const TEMPORARY_ENDING: &str = ".new";

/// Whether the new name has to survive a power cut before the caller goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameSync {
    Now,
    /// Losing the file costs only time.
    Later,
}

/// Afterwards the file holds `bytes`; after a crash it holds the old ones or the new ones.
pub fn replace_file(
    disk: &dyn Disk,
    directory: &Path,
    name: &str,
    bytes: &[u8],
    name_sync: NameSync,
) -> Result<(), VolumeError> {
    let file = create_temporary(disk, directory, name)?;
    file.write_vectored_at(0, &[IoSlice::new(bytes)]).map_err(VolumeError::disk("writing a file"))?;
    file.sync_data().map_err(VolumeError::disk("syncing a file"))?;
    install(disk, directory, name, name_sync)
}

/// Afterwards the file, which is there, holds `bytes` at its start; a crash may leave a mixture. For where there is no room for
/// a second file.
pub fn overwrite_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), VolumeError> {
    let file = disk.open(path, Access::ReadWrite).map_err(VolumeError::disk("opening a file"))?;
    file.write_vectored_at(0, &[IoSlice::new(bytes)]).map_err(VolumeError::disk("writing a file"))?;
    file.sync_data().map_err(VolumeError::doubt("syncing a file"))
}

/// A new empty file that `install` gives its name.
pub fn create_temporary(disk: &dyn Disk, directory: &Path, name: &str) -> Result<Arc<dyn DiskFile>, VolumeError> {
    let path = directory.join(format!("{name}{TEMPORARY_ENDING}"));
    match disk.create(&path) {
        // Left by an attempt that failed half way.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(&path).map_err(VolumeError::disk("removing a leftover file"))?;
            disk.create(&path).map_err(VolumeError::disk("creating a file"))
        }
        result => result.map_err(VolumeError::disk("creating a file")),
    }
}

/// Gives a temporary file, whose bytes are durable, its name.
pub fn install(disk: &dyn Disk, directory: &Path, name: &str, name_sync: NameSync) -> Result<(), VolumeError> {
    let temporary = directory.join(format!("{name}{TEMPORARY_ENDING}"));
    disk.rename(&temporary, &directory.join(name)).map_err(VolumeError::disk("renaming a file"))?;
    match name_sync {
        NameSync::Now => disk.sync_dir(directory).map_err(VolumeError::doubt("syncing a directory")),
        NameSync::Later => Ok(()),
    }
}

/// All bytes of a file, `None` when there is none. Longer than `limit` is an error: none of ours is.
pub fn read_file(disk: &dyn Disk, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, VolumeError> {
    let file = match disk.open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(VolumeError::disk("opening a file")(error)),
    };
    let length = file.status().map_err(VolumeError::disk("asking for a file's size"))?.length;
    if length > limit {
        return Err(VolumeError::Corrupt("a file is longer than any that a volume writes"));
    }
    let mut bytes = Vec::new();
    file.read_at(0, length as usize, &mut bytes).map_err(VolumeError::disk("reading a file"))?;
    Ok(Some(bytes))
}

//! The seam between a volume and its disk. `RealDisk` is the file system; tests put a disk there that tears writes,
//! fails syncs, fills up and crashes.
//!
//! What the volume relies on, and nothing more: what was written is durable after `sync_data` on the file, a file's
//! name after `sync_dir` on its directory; anything else may be lost, in any order and in pieces of one sector, when
//! the machine loses power; `rename` replaces atomically.

use std::{
    fmt,
    io::{self, IoSlice},
    path::Path,
    sync::Arc,
};

/// Smallest piece that a disk writes whole or not at all, in bytes.
pub const SECTOR: u64 = 512;

/// Boundary in bytes that direct writes keep to, in memory and in the file: what all file systems accept.
pub const DIRECT_ALIGNMENT: u64 = 4096;

/// A file system as far as a volume uses one. Every call may block.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes the directory and its parents where they are missing; durable when it returns.
    fn create_dir(&self, directory: &Path) -> io::Result<()>;

    /// A new empty file, open for reading and writing; an error when the name is taken.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>>;

    /// Names of the directory's entries, in no order.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the directory's entries durable.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;

    /// Locks the file, which is made if missing, against every other holder; `WouldBlock` when there is one. The lock
    /// ends with the value, or with the process.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Size and free space of the file system that holds the path.
    fn space(&self, path: &Path) -> io::Result<DiskSpace>;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    ReadWrite,
    /// Writes and reads pass the page cache by. An error where the file system can't.
    Direct,
}

/// Held while a volume is open.
pub trait DiskLock: Send + Sync + fmt::Debug {}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Size of the file system in bytes.
    pub total: u64,
    /// Bytes that this process may still use.
    pub available: u64,
    /// The same text for two paths means the same file system.
    pub device: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    pub length: u64,
    /// Bytes that the file occupies: less than the length when it has holes.
    pub allocated: u64,
    /// Number of names: 0 when somebody removed the file.
    pub links: u64,
}

/// An open file; shared by the writer and all readers.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Appends up to `length` bytes from `offset` on to `into`; fewer only at the end of the file. Returns how many.
    fn read_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize>;

    /// The same without waiting for the disk: `None` when not all of it is in memory.
    fn read_cached_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<Option<usize>>;

    /// Reads into a slice; less than fills it only at the end of the file. Returns how much. Of a file opened with
    /// `Access::Direct` the slice must lie on, and begin and end at, whole blocks of `DIRECT_ALIGNMENT`.
    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let read = self.read_at(offset, into.len(), &mut bytes)?;
        into[..read].copy_from_slice(&bytes);
        Ok(read)
    }

    /// Writes all slices one behind the other. After an error any part of them may have been written.
    fn write_vectored_at(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<()>;

    /// Makes the file's bytes and length durable. After an error nobody knows what is durable: never call it again.
    fn sync_data(&self) -> io::Result<()>;

    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Reserves space; the file's length grows to `length`, reading as zeros.
    fn allocate(&self, length: u64) -> io::Result<()>;

    /// Gives back the space of the range, which reads as zeros from then on. The file's length stays.
    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()>;

    fn status(&self) -> io::Result<FileStatus>;
}

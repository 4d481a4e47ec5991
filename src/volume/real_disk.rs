//! The disk of production: the operating system's files, by system calls with explicit offsets.

use super::disk::{Access, Disk, DiskFile, DiskLock, DiskSpace, FileStatus};
use crate::runtime::make_durable_directory;
use rustix::{
    fs::{self, FallocateFlags, FlockOperation},
    io::{Errno, ReadWriteFlags},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, IoSlice, IoSliceMut},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

#[derive(Debug, Default)]
pub struct RealDisk;

impl RealDisk {
    pub fn shared() -> Arc<dyn Disk> {
        Arc::new(Self)
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        make_durable_directory(directory)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read);
        if access == Access::Direct {
            options.custom_flags(fs::OFlags::DIRECT.bits() as i32);
        }
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name()));
        // A name that isn't UTF-8 isn't ours.
        names.filter_map(|name| name.map(|name| name.into_string().ok()).transpose()).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(RealLock(file)))
    }

    fn space(&self, path: &Path) -> io::Result<DiskSpace> {
        let space = fs::statvfs(path)?;
        Ok(DiskSpace {
            total: space.f_blocks.saturating_mul(space.f_frsize),
            available: space.f_bavail.saturating_mul(space.f_frsize),
            device: format!("{:x}", std::fs::metadata(path)?.dev()),
        })
    }
}

/// The lock belongs to the open file and ends with it.
#[derive(Debug)]
struct RealLock(#[expect(dead_code, reason = "held for its lock, never read")] File);

impl DiskLock for RealLock {}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize> {
        let (before, mut done) = (into.len(), 0);
        into.reserve_exact(length);
        while done < length {
            // Reads into the vector's spare room, which need not be cleared first.
            match rustix::io::pread(&self.0, rustix::buffer::spare_capacity(into), offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // The spare room may be larger than what was asked for.
        done = done.min(length);
        into.truncate(before + done);
        Ok(done)
    }

    fn read_cached_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let before = into.len();
        into.resize(before + length, 0);
        let slice = &mut into[before..];
        match rustix::io::preadv2(&self.0, &mut [IoSliceMut::new(slice)], offset, ReadWriteFlags::NOWAIT) {
            Ok(read) if read == length => Ok(Some(read)),
            // Less than asked for: the rest is on the disk, or the file ends here; or the system can't say. All of it is for the
            // waiting path, which also finds out what is wrong with the disk.
            Ok(_) | Err(_) => {
                into.truncate(before);
                Ok(None)
            }
        }
    }

    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match rustix::io::pread(&self.0, &mut into[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(Errno::INTR) => continue,
                // A direct read that ended inside of a block can't go on there: it is at the end of the file.
                Err(Errno::INVAL) if done > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    fn write_vectored_at(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let (mut done, mut first) = (0, 0);
        // The kernel takes at most 1024 slices at once, and may write less than it was given.
        let mut within_first = 0;
        while done < total {
            let written = match within_first {
                0 => rustix::io::pwritev(&self.0, &slices[first..], offset + done as u64),
                skip => rustix::io::pwrite(&self.0, &slices[first][skip..], offset + done as u64),
            };
            let mut written = match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            done += written;
            while first < slices.len() && written >= slices[first].len() - within_first {
                written -= slices[first].len() - within_first;
                (first, within_first) = (first + 1, 0);
            }
            within_first += written;
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        // Not std's: a sync that was interrupted must not be repeated behind our back either.
        Ok(fs::fdatasync(&self.0)?)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        match fs::fallocate(&self.0, FallocateFlags::empty(), 0, length) {
            // Where space can't be reserved the writes themselves will find out whether there is any.
            Err(Errno::OPNOTSUPP) => self.0.set_len(length),
            result => Ok(result?),
        }
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        Ok(fs::fallocate(&self.0, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, length)?)
    }

    fn status(&self) -> io::Result<FileStatus> {
        let stat = fs::fstat(&self.0)?;
        Ok(FileStatus {
            length: u64::try_from(stat.st_size).unwrap_or(0),
            // POSIX counts st_blocks in units of 512 bytes, whatever the block size.
            allocated: u64::try_from(stat.st_blocks).unwrap_or(0) * 512,
            links: stat.st_nlink as u64,
        })
    }
}

//! The calls of a volume, answered from memory.

use super::{
    FaultyDisk,
    contents::{Change, File},
    machine::{BeforeRead, Fault, Machine, NameChange, Power, power_is_off},
};
use crate::volume::disk::{Access, Disk, DiskFile, DiskLock, DiskSpace, FileStatus};
use std::{
    collections::HashSet,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, MutexGuard},
};

impl FaultyDisk {
    fn handle(&self, file: usize) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile { disk: self.clone(), run: self.machine().run, file })
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, _directory: &Path) -> io::Result<()> {
        if self.power_is_off() { Err(power_is_off()) } else { Ok(()) }
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let number = {
            let mut machine = self.machine();
            let power = machine.change()?;
            if machine.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            machine.files.push(File::default());
            let number = machine.files.len() - 1;
            machine.names.insert(path.to_owned(), number);
            machine.unsynced_names.push(NameChange::Create(path.to_owned(), number));
            power.then(number)?
        };
        Ok(self.handle(number))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        if access == Access::Direct {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let number = {
            let machine = self.machine();
            if machine.power_is_off {
                return Err(power_is_off());
            }
            if let Some(number) = machine.open_error {
                return Err(io::Error::from_raw_os_error(number));
            }
            *machine.names.get(path).ok_or(io::ErrorKind::NotFound)?
        };
        Ok(self.handle(number))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let machine = self.machine();
        if machine.power_is_off {
            return Err(power_is_off());
        }
        let below = machine.names.keys().filter_map(|path| path.strip_prefix(directory).ok()?.iter().next()?.to_str());
        let names: HashSet<String> = below.map(str::to_owned).collect();
        Ok(names.into_iter().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut machine = self.machine();
        let power = machine.change()?;
        let change = NameChange::Rename(from.to_owned(), to.to_owned());
        change.clone().apply(&mut machine.names);
        machine.unsynced_names.push(change);
        power.then(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut machine = self.machine();
        if !machine.names.contains_key(path) && !machine.power_is_off {
            return Err(io::ErrorKind::NotFound.into());
        }
        let power = machine.change()?;
        let change = NameChange::Remove(path.to_owned());
        change.clone().apply(&mut machine.names);
        machine.unsynced_names.push(change);
        power.then(())
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let mut machine = self.machine();
        let power = machine.change()?;
        let in_directory = |change: &NameChange| match change {
            NameChange::Create(path, _) | NameChange::Rename(path, _) | NameChange::Remove(path) => {
                path.parent() == Some(directory)
            }
        };
        let (synced, rest) = std::mem::take(&mut machine.unsynced_names).into_iter().partition(in_directory);
        machine.unsynced_names = rest;
        let synced: Vec<NameChange> = synced;
        synced.into_iter().for_each(|change| change.apply(&mut machine.durable_names));
        power.then(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut machine = self.machine();
        if machine.power_is_off {
            return Err(power_is_off());
        }
        if !machine.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(FaultyLock { disk: self.clone(), run: machine.run, path: path.to_owned() }))
    }

    fn space(&self, _path: &Path) -> io::Result<DiskSpace> {
        let machine = self.machine();
        let available = machine.capacity.saturating_sub(machine.used());
        Ok(DiskSpace { total: machine.capacity, available, device: "faulty".to_owned() })
    }
}

#[derive(Debug)]
struct FaultyLock {
    disk: FaultyDisk,
    run: u64,
    path: PathBuf,
}

impl DiskLock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        let mut machine = self.disk.machine();
        if machine.run == self.run {
            machine.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    run: u64,
    file: usize,
}

impl FaultyFile {
    fn machine(&self) -> io::Result<MutexGuard<'_, Machine>> {
        let machine = self.disk.machine();
        if machine.power_is_off || machine.run != self.run { Err(power_is_off()) } else { Ok(machine) }
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut machine = self.machine()?;
        let power = machine.change()?;
        let grown = match &change {
            Change::Write { offset, bytes } => offset + bytes.len(),
            Change::Grow(length) => *length,
            Change::Cut(_) | Change::Punch { .. } => 0,
        };
        let more = grown.saturating_sub(machine.files[self.file].data.len()) as u64;
        if more > 0 && machine.used() + more > machine.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let fault = match &change {
            Change::Write { .. } => Fault::check(&mut machine.write_fault),
            _ => Ok(()),
        };
        machine.files[self.file].apply(change);
        power.then(())?;
        fault
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize> {
        let before_read = self.machine()?.before_read.take();
        if let Some(BeforeRead(act)) = before_read {
            act();
        }
        let machine = self.machine()?;
        if machine.reads_fail {
            return Err(io::Error::other("the disk can't be read"));
        }
        let data = &machine.files[self.file].data;
        let start = (offset as usize).min(data.len());
        let end = (start + length).min(data.len());
        into.extend_from_slice(&data[start..end]);
        Ok(end - start)
    }

    fn read_cached_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<Option<usize>> {
        self.read_at(offset, length, into).map(Some)
    }

    fn write_vectored_at(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(slices.iter().map(|slice| slice.len()).sum());
        slices.iter().for_each(|slice| bytes.extend_from_slice(slice));
        self.change(Change::Write { offset: offset as usize, bytes })
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut machine = self.machine()?;
        let power = machine.change()?;
        let fault = Fault::check(&mut machine.sync_fault);
        let file = &mut machine.files[self.file];
        let unsynced = std::mem::take(&mut file.unsynced);
        fault?;
        if power == Power::GoesOff {
            // The sync was under way: any part of it may have happened.
            file.unsynced = unsynced;
            return power.then(());
        }
        unsynced.into_iter().for_each(|change| change.apply(&mut file.durable));
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Change::Cut(length as usize))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.change(Change::Grow(length as usize))
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        self.change(Change::Punch { offset: offset as usize, length: length as usize })
    }

    fn status(&self) -> io::Result<FileStatus> {
        let machine = self.machine()?;
        let file = &machine.files[self.file];
        let links = machine.names.values().filter(|number| **number == self.file).count() as u64;
        Ok(FileStatus { length: file.data.len() as u64, allocated: file.allocated(), links })
    }
}

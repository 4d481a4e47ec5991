//! A disk in memory that fails, for tests. Everything it does follows from its seed.
//!
//! What is written is seen at once by readers, and durable only after a sync. A power cut keeps of each unsynced write any of its
//! sectors, and of each directory's unsynced changes the first so many. A process that is killed loses nothing. A sync
//! that fails marks what it should have made durable as clean, as Linux does: it is read, and is lost at the next power
//! cut unless it is written again.

use super::disk::{Access, Disk, DiskFile, DiskLock, DiskSpace, FileStatus, SECTOR};
use crate::runtime::{Random, SeededRandom};
use std::{
    collections::{BTreeMap, HashSet},
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Clone, Debug)]
pub struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: SeededRandom,
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<NameChange>,
    locks: HashSet<PathBuf>,
    /// Number of restarts: handles of earlier runs are dead.
    run: u64,
    /// Changing calls until the power goes off.
    calls_left: Option<u64>,
    power_is_off: bool,
    /// Syncs until one fails.
    syncs_left: Option<u64>,
    reads_fail: bool,
    capacity: u64,
}

#[derive(Debug, Default)]
struct File {
    data: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// What is read may differ from what is durable.
    differs: bool,
    punched: HashSet<u64>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Grow(usize),
    Cut(usize),
    Punch { offset: usize, length: usize },
}

#[derive(Clone, Debug)]
enum NameChange {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl FaultyDisk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: SeededRandom::new(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            locks: HashSet::new(),
            run: 0,
            calls_left: None,
            power_is_off: false,
            syncs_left: None,
            reads_fail: false,
            capacity: 1 << 40,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the power fail at the changing call after the next `calls`.
    pub fn cut_power_after(&self, calls: Option<u64>) {
        self.state().calls_left = calls;
    }

    /// Lets the sync after the next `syncs` fail, and those after it.
    pub fn fail_sync_after(&self, syncs: Option<u64>) {
        self.state().syncs_left = syncs;
    }

    pub fn fail_reads(&self, fail: bool) {
        self.state().reads_fail = fail;
    }

    pub fn set_capacity(&self, capacity: u64) {
        self.state().capacity = capacity;
    }

    pub fn power_is_off(&self) -> bool {
        self.state().power_is_off
    }

    /// The machine starts again after a power cut.
    pub fn restart_machine(&self) {
        let mut state = self.state();
        state.lose_unsynced();
        state.restart();
    }

    /// The process was killed and starts again: nothing that was written is lost.
    pub fn restart_process(&self) {
        self.state().restart();
    }

    /// Flips one bit of what is durable.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u8) {
        let mut state = self.state();
        let number = *state.names.get(path).expect("the test names a file that is there");
        let file = &mut state.files[number];
        for bytes in [&mut file.data, &mut file.durable] {
            if let Some(byte) = bytes.get_mut(offset as usize) {
                *byte ^= 1 << bit;
            }
        }
    }

    /// Removes a name, as somebody else would.
    pub fn remove_behind_its_back(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    /// Replaces what a file holds, as somebody else would.
    pub fn overwrite_behind_its_back(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let number = *state.names.get(path).expect("the test names a file that is there");
        state.files[number].data = bytes.to_vec();
        state.files[number].durable = bytes.to_vec();
    }

    /// Names of the files in a directory, whole paths.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    fn handle(&self, file: usize) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile { disk: self.clone(), run: self.state().run, file })
    }
}

impl State {
    /// Counts a changing call. When the power goes off at it, the call has its effect, which nobody learns.
    fn change(&mut self) -> io::Result<Power> {
        if self.power_is_off {
            return Err(power_is_off());
        }
        match &mut self.calls_left {
            Some(0) => {
                self.power_is_off = true;
                Ok(Power::GoesOff)
            }
            Some(left) => {
                *left -= 1;
                Ok(Power::StaysOn)
            }
            None => Ok(Power::StaysOn),
        }
    }

    fn restart(&mut self) {
        self.run += 1;
        self.locks.clear();
        self.calls_left = None;
        self.syncs_left = None;
        self.reads_fail = false;
        self.power_is_off = false;
    }

    fn lose_unsynced(&mut self) {
        // Some cuts lose nearly all, some nearly nothing.
        let kept_of_8 = self.random.below(9);
        let kept_names = self.random.below(self.unsynced_names.len() as u64 + 1) as usize;
        let changes: Vec<NameChange> = self.unsynced_names.drain(..).take(kept_names).collect();
        for change in changes {
            change.apply(&mut self.durable_names);
        }
        self.names = self.durable_names.clone();
        for file in self.files.iter_mut().filter(|file| file.differs) {
            file.differs = false;
            for change in std::mem::take(&mut file.unsynced) {
                change.apply_in_pieces(&mut file.durable, &self.random, kept_of_8);
            }
            file.data.clone_from(&file.durable);
        }
    }

    fn used(&self) -> u64 {
        let files: HashSet<usize> = self.names.values().copied().collect();
        files.iter().map(|number| self.files[*number].allocated()).sum()
    }
}

/// Whether a changing call is the last one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Power {
    StaysOn,
    GoesOff,
}

impl Power {
    fn then<T>(self, value: T) -> io::Result<T> {
        match self {
            Self::StaysOn => Ok(value),
            Self::GoesOff => Err(power_is_off()),
        }
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

impl File {
    fn allocated(&self) -> u64 {
        (self.data.len() as u64).next_multiple_of(SECTOR).saturating_sub(self.punched.len() as u64 * SECTOR)
    }

    fn apply(&mut self, change: Change) {
        match &change {
            Change::Write { offset, bytes } if !self.punched.is_empty() => {
                let sectors = *offset as u64 / SECTOR..(offset + bytes.len()) as u64 / SECTOR;
                self.punched.retain(|sector| !sectors.contains(sector));
            }
            Change::Cut(length) => self.punched.retain(|sector| (sector + 1) * SECTOR <= *length as u64),
            Change::Punch { offset, length } => {
                let end = (offset + length).min(self.data.len()) as u64;
                self.punched.extend(*offset as u64 / SECTOR..end / SECTOR);
            }
            _ => {}
        }
        change.apply(&mut self.data);
        self.differs = true;
        self.unsynced.push(change);
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                grow(to, offset + bytes.len());
                to[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Self::Grow(length) => grow(to, *length),
            Self::Cut(length) => to.resize(*length, 0),
            Self::Punch { offset, length } => {
                let end = (offset + length).min(to.len());
                if *offset < end {
                    to[*offset..end].fill(0);
                }
            }
        }
    }

    /// What a power cut leaves of the change: of what covers sectors any of them, of the rest all or nothing.
    fn apply_in_pieces(&self, to: &mut Vec<u8>, random: &SeededRandom, kept_of_8: u64) {
        let kept = || random.below(8) < kept_of_8;
        let sector = SECTOR as usize;
        match self {
            Self::Write { offset, bytes } => {
                let mut at = *offset;
                while at < offset + bytes.len() {
                    let end = ((at / sector + 1) * sector).min(offset + bytes.len());
                    if kept() {
                        let piece = bytes[at - offset..end - offset].to_vec();
                        Self::Write { offset: at, bytes: piece }.apply(to);
                    }
                    at = end;
                }
            }
            Self::Punch { offset, length } => {
                for at in (*offset..offset + length).step_by(sector).filter(|_| kept()) {
                    Self::Punch { offset: at, length: sector }.apply(to);
                }
            }
            Self::Grow(_) | Self::Cut(_) if kept() => self.apply(to),
            Self::Grow(_) | Self::Cut(_) => {}
        }
    }
}

fn grow(bytes: &mut Vec<u8>, length: usize) {
    if bytes.len() < length {
        bytes.resize(length, 0);
    }
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Create(path, file) => drop(names.insert(path, file)),
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(&from) {
                    names.insert(to, file);
                }
            }
            Self::Remove(path) => drop(names.remove(&path)),
        }
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, _directory: &Path) -> io::Result<()> {
        if self.power_is_off() { Err(power_is_off()) } else { Ok(()) }
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let number = {
            let mut state = self.state();
            let power = state.change()?;
            if state.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.files.push(File::default());
            let number = state.files.len() - 1;
            state.names.insert(path.to_owned(), number);
            state.unsynced_names.push(NameChange::Create(path.to_owned(), number));
            power.then(number)?
        };
        Ok(self.handle(number))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        if access == Access::Direct {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let number = {
            let state = self.state();
            if state.power_is_off {
                return Err(power_is_off());
            }
            *state.names.get(path).ok_or(io::ErrorKind::NotFound)?
        };
        Ok(self.handle(number))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if state.power_is_off {
            return Err(power_is_off());
        }
        let below = state.names.keys().filter_map(|path| path.strip_prefix(directory).ok()?.iter().next()?.to_str());
        let names: HashSet<String> = below.map(str::to_owned).collect();
        Ok(names.into_iter().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let power = state.change()?;
        let change = NameChange::Rename(from.to_owned(), to.to_owned());
        change.clone().apply(&mut state.names);
        state.unsynced_names.push(change);
        power.then(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.contains_key(path) && !state.power_is_off {
            return Err(io::ErrorKind::NotFound.into());
        }
        let power = state.change()?;
        let change = NameChange::Remove(path.to_owned());
        change.clone().apply(&mut state.names);
        state.unsynced_names.push(change);
        power.then(())
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.state();
        let power = state.change()?;
        let in_directory = |change: &NameChange| match change {
            NameChange::Create(path, _) | NameChange::Rename(path, _) | NameChange::Remove(path) => {
                path.parent() == Some(directory)
            }
        };
        let (synced, rest) = std::mem::take(&mut state.unsynced_names).into_iter().partition(in_directory);
        state.unsynced_names = rest;
        let synced: Vec<NameChange> = synced;
        synced.into_iter().for_each(|change| change.apply(&mut state.durable_names));
        power.then(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.state();
        if state.power_is_off {
            return Err(power_is_off());
        }
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(FaultyLock { disk: self.clone(), run: state.run, path: path.to_owned() }))
    }

    fn space(&self, _path: &Path) -> io::Result<DiskSpace> {
        let state = self.state();
        let available = state.capacity.saturating_sub(state.used());
        Ok(DiskSpace { total: state.capacity, available, device: "faulty".to_owned() })
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
        let mut state = self.disk.state();
        if state.run == self.run {
            state.locks.remove(&self.path);
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
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.power_is_off || state.run != self.run { Err(power_is_off()) } else { Ok(state) }
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.state()?;
        let power = state.change()?;
        let grown = match &change {
            Change::Write { offset, bytes } => offset + bytes.len(),
            Change::Grow(length) => *length,
            Change::Cut(_) | Change::Punch { .. } => 0,
        };
        let more = grown.saturating_sub(state.files[self.file].data.len()) as u64;
        if more > 0 && state.used() + more > state.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.files[self.file].apply(change);
        power.then(())
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize> {
        let state = self.state()?;
        if state.reads_fail {
            return Err(io::Error::other("the disk can't be read"));
        }
        let data = &state.files[self.file].data;
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
        let mut state = self.state()?;
        let power = state.change()?;
        let fails = match &mut state.syncs_left {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        let file = &mut state.files[self.file];
        let unsynced = std::mem::take(&mut file.unsynced);
        if fails {
            return Err(io::Error::other("the disk can't be written"));
        }
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
        let state = self.state()?;
        let file = &state.files[self.file];
        let links = state.names.values().filter(|number| **number == self.file).count() as u64;
        Ok(FileStatus { length: file.data.len() as u64, allocated: file.allocated(), links })
    }
}

//! The machine below the disk: the names of files, when which call fails, and what restarts do.

use super::contents::File;
use crate::runtime::{Random, SeededRandom};
use std::{
    collections::{BTreeMap, HashSet},
    fmt, io, mem,
    path::PathBuf,
};

#[derive(Debug)]
pub struct Machine {
    random: SeededRandom,
    pub files: Vec<File>,
    pub names: BTreeMap<PathBuf, usize>,
    pub durable_names: BTreeMap<PathBuf, usize>,
    pub unsynced_names: Vec<NameChange>,
    pub locks: HashSet<PathBuf>,
    /// Number of restarts: handles of earlier runs are dead.
    pub run: u64,
    /// Changing calls until the power goes off.
    pub calls_left: Option<u64>,
    pub power_is_off: bool,
    pub sync_fault: Option<Fault>,
    pub write_fault: Option<Fault>,
    pub open_error: Option<i32>,
    pub before_read: Option<BeforeRead>,
    pub reads_fail: bool,
    pub capacity: u64,
}

#[derive(Clone, Debug)]
pub enum NameChange {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// A kind of call that fails: the one after so many, or all from that one on.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    calls_left: u64,
    kind: io::ErrorKind,
    lasts: bool,
}

impl Fault {
    pub fn lasting(calls: u64, kind: io::ErrorKind) -> Self {
        Self { calls_left: calls, kind, lasts: true }
    }

    pub fn passing(calls: u64, kind: io::ErrorKind) -> Self {
        Self { calls_left: calls, kind, lasts: false }
    }

    /// Counts a call; an error if it is to fail. A fault that passes is gone then.
    pub fn check(fault: &mut Option<Self>) -> io::Result<()> {
        let Some(armed) = fault else { return Ok(()) };
        if armed.calls_left > 0 {
            armed.calls_left -= 1;
            return Ok(());
        }
        let kind = armed.kind;
        if !armed.lasts {
            *fault = None;
        }
        Err(io::Error::new(kind, "the disk can't be written"))
    }
}

/// What happens before a read.
pub struct BeforeRead(pub Box<dyn FnOnce() + Send>);

impl fmt::Debug for BeforeRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BeforeRead(..)")
    }
}

impl Machine {
    pub fn new(seed: u64) -> Self {
        Self {
            random: SeededRandom::new(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            locks: HashSet::new(),
            run: 0,
            calls_left: None,
            power_is_off: false,
            sync_fault: None,
            write_fault: None,
            open_error: None,
            before_read: None,
            reads_fail: false,
            capacity: 1 << 40,
        }
    }

    /// Counts a changing call. When the power goes off at it, the call has its effect, which nobody learns.
    pub fn change(&mut self) -> io::Result<Power> {
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

    pub fn restart(&mut self) {
        self.run += 1;
        self.locks.clear();
        self.calls_left = None;
        self.sync_fault = None;
        self.write_fault = None;
        self.open_error = None;
        self.before_read = None;
        self.reads_fail = false;
        self.power_is_off = false;
    }

    pub fn lose_unsynced(&mut self) {
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
            for change in mem::take(&mut file.unsynced) {
                change.apply_in_pieces(&mut file.durable, &self.random, kept_of_8);
            }
            file.data.clone_from(&file.durable);
        }
    }

    pub fn used(&self) -> u64 {
        let files: HashSet<usize> = self.names.values().copied().collect();
        files.iter().map(|number| self.files[*number].allocated()).sum()
    }
}

/// Whether a changing call is the last one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Power {
    StaysOn,
    GoesOff,
}

impl Power {
    pub fn then<T>(self, value: T) -> io::Result<T> {
        match self {
            Self::StaysOn => Ok(value),
            Self::GoesOff => Err(power_is_off()),
        }
    }
}

pub fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

impl NameChange {
    pub fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
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

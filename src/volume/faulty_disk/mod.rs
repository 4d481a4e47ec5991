//! A disk in memory that fails, for tests. Everything it does follows from its seed.
//!
//! What is written is seen at once by readers, and durable only after a sync. A power cut keeps of each unsynced write any of its
//! sectors, and of each directory's unsynced changes the first so many. A process that is killed loses nothing. A sync
//! that fails marks what it should have made durable as clean, as Linux does: it is read, and is lost at the next power
//! cut unless it is written again.
//!
//! `calls` answers the volume's calls, `machine` knows what is named and what fails when, `contents` what a file holds and what
//! of it a power cut leaves. Here is what a test does to the disk.

mod calls;
mod contents;
mod machine;

use self::machine::{BeforeRead, Fault, Machine};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Clone, Debug)]
pub struct FaultyDisk(Arc<Mutex<Machine>>);

impl FaultyDisk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Machine::new(seed))))
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the power fail at the changing call after the next `calls`.
    pub fn cut_power_after(&self, calls: Option<u64>) {
        self.machine().calls_left = calls;
    }

    /// Lets the sync after the next `syncs` fail, and those after it.
    pub fn fail_sync_after(&self, syncs: Option<u64>) {
        self.machine().sync_fault = syncs.map(|syncs| Fault::lasting(syncs, io::ErrorKind::Other));
    }

    /// Lets one sync fail, that after the next `syncs`, for want of space: as thin disks and network file systems do.
    pub fn lack_space_in_sync_after(&self, syncs: u64) {
        self.machine().sync_fault = Some(Fault::passing(syncs, io::ErrorKind::StorageFull));
    }

    /// Lets one write fail, that after the next `writes`, for want of space, although its bytes arrived: nobody may rely
    /// on either.
    pub fn lack_space_in_write_after(&self, writes: u64) {
        self.machine().write_fault = Some(Fault::passing(writes, io::ErrorKind::StorageFull));
    }

    /// Whether a fault that was asked for is still to come.
    pub fn has_fault_ahead(&self) -> bool {
        let machine = self.machine();
        machine.sync_fault.is_some() || machine.write_fault.is_some()
    }

    /// Lets opening a file fail with this error number of the operating system.
    pub fn fail_opens(&self, error_number: Option<i32>) {
        self.machine().open_error = error_number;
    }

    /// Calls `act` before the next read: what happens at the same time as that read.
    pub fn before_next_read(&self, act: impl FnOnce() + Send + 'static) {
        self.machine().before_read = Some(BeforeRead(Box::new(act)));
    }

    pub fn fail_reads(&self, fail: bool) {
        self.machine().reads_fail = fail;
    }

    pub fn set_capacity(&self, capacity: u64) {
        self.machine().capacity = capacity;
    }

    /// Bytes that the files occupy.
    pub fn used(&self) -> u64 {
        self.machine().used()
    }

    pub fn power_is_off(&self) -> bool {
        self.machine().power_is_off
    }

    /// The machine starts again after a power cut.
    pub fn restart_machine(&self) {
        let mut machine = self.machine();
        machine.lose_unsynced();
        machine.restart();
    }

    /// The process was killed and starts again: nothing that was written is lost.
    pub fn restart_process(&self) {
        self.machine().restart();
    }

    /// Flips one bit of what is durable.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u8) {
        let mut machine = self.machine();
        let number = *machine.names.get(path).expect("the test names a file that is there");
        let file = &mut machine.files[number];
        for bytes in [&mut file.data, &mut file.durable] {
            if let Some(byte) = bytes.get_mut(offset as usize) {
                *byte ^= 1 << bit;
            }
        }
    }

    /// Removes a name, as somebody else would.
    pub fn remove_behind_its_back(&self, path: &Path) {
        let mut machine = self.machine();
        machine.names.remove(path);
        machine.durable_names.remove(path);
    }

    /// Cuts the file to `length` bytes.
    pub fn cut_behind_its_back(&self, path: &Path, length: u64) {
        let mut machine = self.machine();
        let number = *machine.names.get(path).expect("the test names a file that is there");
        let file = &mut machine.files[number];
        for bytes in [&mut file.data, &mut file.durable] {
            bytes.truncate(length as usize);
        }
    }

    /// Replaces what a file holds, as somebody else would.
    pub fn overwrite_behind_its_back(&self, path: &Path, bytes: &[u8]) {
        let mut machine = self.machine();
        let number = *machine.names.get(path).expect("the test names a file that is there");
        machine.files[number].data = bytes.to_vec();
        machine.files[number].durable = bytes.to_vec();
    }

    /// Names of the files in a directory, whole paths.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.machine().names.keys().cloned().collect()
    }
}

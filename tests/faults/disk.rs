//! A small disk of one process: an ext4 file system in a file, mounted where the process keeps its data. It loses power
//! (everything that was not synced is gone, and until then every call fails), and it fills up.
//!
//! Needs root and loop devices; where they are missing, the tests that use it say so and are skipped.

use crate::support::command::text;
use rustix::{
    fs::{FallocateFlags, fallocate, statvfs},
    ioctl::{Setter, ioctl, opcode},
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// `EXT4_IOC_SHUTDOWN` of Linux, with `EXT4_GOING_FLAGS_NOLOGFLUSH`: no journal, no dirty page is written any more.
const SHUTDOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);
const WITHOUT_FLUSH: u32 = 2;
/// Room for the data of a long test of a whole server, its segments made ahead and a reserve. What is not written costs nothing.
const IMAGE_LENGTH: u64 = 2 << 30;

pub struct SmallDisk {
    image: PathBuf,
    mounted_at: PathBuf,
}

impl SmallDisk {
    /// Makes and mounts it; the error says what this machine lacks.
    pub fn mount(image: &Path, at: &Path) -> Result<Self, String> {
        let file = File::create(image).map_err(|error| error.to_string())?;
        file.set_len(IMAGE_LENGTH).map_err(|error| error.to_string())?;
        // No blocks that root alone may use: full is full.
        run("mkfs.ext4", &["-q", "-F", "-m", "0", text(image)])?;
        fs::create_dir_all(at).map_err(|error| error.to_string())?;
        let disk = Self { image: image.to_owned(), mounted_at: at.to_owned() };
        disk.mount_again()?;
        Ok(disk)
    }

    /// Whether this machine lets a test have such disks.
    pub fn try_one() -> Result<(), String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        Self::mount(&directory.path().join("image"), &directory.path().join("disk")).map(drop)
    }

    fn mount_again(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", text(&self.image), text(&self.mounted_at)])
    }

    /// From now on nothing is written, and every call fails. The process that uses it lives on. Calls that are under way may say that
    /// they succeeded though what they wrote is lost (of 25 rounds of appends with fdatasync alone 5 lost some that were told
    /// so): let none be under way, or nobody hear of it.
    pub fn lose_power(&self) {
        let root = File::open(&self.mounted_at).expect("the disk's root can be opened");
        // SAFETY: the call takes a pointer to 32 bits, which it reads, and which live until it returns.
        unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(WITHOUT_FLUSH)) }.expect("ext4 shuts down");
    }

    /// After the process ended: what the journal says is what there is.
    pub fn regain_power(&self) {
        run("umount", &[text(&self.mounted_at)]).expect("nobody uses the disk");
        self.mount_again().expect("the journal is good");
    }

    /// Afterwards nothing is free.
    pub fn fill(&self) {
        let file = File::create(self.filler()).expect("there is room for a name");
        for block in [1 << 20, 64 << 10, 4 << 10] {
            loop {
                let space = statvfs(&self.mounted_at).expect("the disk can be asked");
                let length = space.f_bavail * space.f_frsize / block * block;
                let at = file.metadata().expect("the file is open").len();
                if length == 0 || fallocate(&file, FallocateFlags::empty(), at, length).is_err() {
                    break;
                }
            }
        }
    }

    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("the disk was filled");
    }

    fn filler(&self) -> PathBuf {
        self.mounted_at.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Err(error) = run("umount", &[text(&self.mounted_at)]) {
            eprintln!("{error}");
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim())),
    }
}

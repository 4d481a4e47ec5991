//! Wall clocks that jump: a shim between each process and the system's library adds what a file says to every reading. Where
//! it can't be made, the rounds that would need it say so.

use crate::{party::Party, shims};
use std::{
    collections::BTreeMap,
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

pub struct Clocks {
    directory: PathBuf,
    shim: Result<PathBuf, String>,
    set: BTreeMap<Party, File>,
}

impl Clocks {
    pub fn new(directory: &Path) -> Self {
        let shim = shims::make("clock_shim.c", &directory.join("clock.so"));
        Self { directory: directory.to_owned(), shim, set: BTreeMap::new() }
    }

    /// The shim for the process to be started, whose clock can be set.
    pub fn equip(&mut self, party: Party, command: &mut Command) -> Option<&Path> {
        let shim = self.shim.as_deref().ok()?;
        let path = self.directory.join(format!("{party:?}.clock"));
        self.set.entry(party).or_insert_with(|| {
            let file = File::create(&path).expect("the directory can be written to");
            file.write_all_at(&0_i64.to_ne_bytes(), 0).expect("eight bytes fit");
            file
        });
        command.env("FAULT_CLOCK", path);
        Some(shim)
    }

    /// From now on its wall clock is off by so much, also after a restart.
    pub fn set(&self, party: Party, off_by_seconds: i64) {
        match (&self.shim, self.set.get(&party)) {
            (Ok(_), Some(file)) => file.write_all_at(&off_by_seconds.to_ne_bytes(), 0).expect("eight bytes fit"),
            (Ok(_), None) => panic!("{party:?} has never run"),
            (Err(lack), _) => println!("  skipped: no clock can be set on this machine: {lack}"),
        }
    }
}

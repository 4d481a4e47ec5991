//! Wall clocks that jump: a shim between each process and the system's library, made by the C compiler that Larder's own
//! build needs, adds what a file says to every reading. Where there is none, the rounds that would need it say so.

use crate::{party::Party, support::command::text};
use std::{
    collections::BTreeMap,
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/clock_shim.c");

pub struct Clocks {
    directory: PathBuf,
    shim: Result<PathBuf, String>,
    set: BTreeMap<Party, File>,
}

impl Clocks {
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), shim: make_shim(&directory.join("clock.so")), set: BTreeMap::new() }
    }

    /// Gives the process to be started a clock that can be set.
    pub fn equip(&mut self, party: Party, command: &mut Command) {
        let Ok(shim) = &self.shim else { return };
        let path = self.directory.join(format!("{party:?}.clock"));
        self.set.entry(party).or_insert_with(|| {
            let file = File::create(&path).expect("the directory can be written to");
            file.write_all_at(&0_i64.to_ne_bytes(), 0).expect("eight bytes fit");
            file
        });
        command.env("LD_PRELOAD", shim).env("FAULT_CLOCK", path);
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

fn make_shim(to: &Path) -> Result<PathBuf, String> {
    let arguments = ["-shared", "-fPIC", "-O1", "-o", text(to), SOURCE, "-ldl"];
    let output = Command::new("cc").args(arguments).output().map_err(|error| format!("cc: {error}"))?;
    match output.status.success() {
        true => Ok(to.to_owned()),
        false => Err(format!("cc: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

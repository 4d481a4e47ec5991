//! Syncs that fail while all else works, as on a disk that loses what it was given: a shim between each process and the
//! system answers fsync and fdatasync with EIO and syncs nothing. Where it can't be made, or the kernel does not let it stand
//! in the way, the rounds that would need it say so.

use crate::{party::Party, shims, support::command::text};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

pub struct Syncs {
    directory: PathBuf,
    shim: Result<PathBuf, String>,
    /// What is said to each process.
    orders: BTreeMap<Party, File>,
}

impl Syncs {
    pub fn new(directory: &Path) -> Self {
        let shim = shims::make("sync_shim.c", &directory.join("sync.so"));
        let shim = shim.and_then(|shim| try_one(&shim, directory).map(|()| shim));
        Self { directory: directory.to_owned(), shim, orders: BTreeMap::new() }
    }

    /// The shim for the process to be started, whose syncs can be made to fail.
    pub fn equip(&mut self, party: Party, command: &mut Command) -> Option<&Path> {
        let shim = self.shim.as_deref().ok()?;
        let path = self.directory.join(format!("{party:?}.sync"));
        self.orders.entry(party).or_insert_with(|| {
            let file = File::create(&path).expect("the directory can be written to");
            order(&file, Order::Sync);
            file
        });
        command.env("FAULT_SYNC", path).env("FAULT_SYNC_REPORT", self.report_of(party));
        Some(shim)
    }

    /// From now on every sync of these fails, also after a restart. False where this machine can't do that.
    pub fn fail(&self, parties: &[Party]) -> bool {
        if let Err(lack) = &self.shim {
            println!("  skipped: no sync can be made to fail on this machine: {lack}");
            return false;
        }
        parties.iter().for_each(|party| order(&self.orders[party], Order::Fail));
        true
    }

    /// From now on syncs of this one work; what failed is forgotten.
    pub fn mend(&self, party: Party) {
        if let Some(file) = self.orders.get(&party) {
            order(file, Order::Sync);
            // There is none where nothing was ever synced.
            let _ = fs::remove_file(self.report_of(party));
        }
    }

    /// The files whose sync failed, as often as it did.
    pub fn failed(&self, party: Party) -> Vec<PathBuf> {
        let report = fs::read_to_string(self.report_of(party)).unwrap_or_default();
        report.lines().map(PathBuf::from).collect()
    }

    fn report_of(&self, party: Party) -> PathBuf {
        self.directory.join(format!("{party:?}.unsynced"))
    }
}

#[derive(Clone, Copy)]
enum Order {
    Sync,
    Fail,
}

fn order(file: &File, order: Order) {
    file.write_all_at(&(order as u32).to_ne_bytes(), 0).expect("four bytes fit");
}

/// Whether the shim does on this machine what it should.
fn try_one(shim: &Path, directory: &Path) -> Result<(), String> {
    let (path, report) = (directory.join("try.sync"), directory.join("try.unsynced"));
    let file = File::create(&path).map_err(|error| error.to_string())?;
    let is_synced = |wanted| {
        order(&file, wanted);
        let mut command = Command::new("sync");
        command.args(["--data", text(&path)]).env("FAULT_SYNC", &path).env("FAULT_SYNC_REPORT", &report);
        shims::preload([shim], &mut command);
        command.output().map(|output| output.status.success()).map_err(|error| format!("sync: {error}"))
    };
    match (is_synced(Order::Sync)?, is_synced(Order::Fail)?) {
        (true, false) => Ok(()),
        (works, fails) => Err(format!("a sync that should work: {works}, one that should not: {fails}")),
    }
}

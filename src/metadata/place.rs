//! Where the database lies, in words that a copy of it does not fit: its path, the number of its file and when that was made.
//! A database that was copied, restored from a backup or moved says where it was, and is elsewhere.
//!
//! What this can't tell apart: a machine and its clone, with all that is on its disks. The number of the device is left out,
//! because disks change theirs when a machine starts.

use super::Metadata;
use std::{fs, io, os::unix::fs::MetadataExt, path::Path, time::UNIX_EPOCH};

impl Metadata {
    pub fn place(&self) -> io::Result<String> {
        place_of(self.database())
    }
}

fn place_of(database: &Path) -> io::Result<String> {
    let path = fs::canonicalize(database)?;
    let file = fs::metadata(&path)?;
    // Some file systems don't keep it.
    let made = file.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let made = made.map_or_else(|| "unknown".to_owned(), |made| made.as_nanos().to_string());
    Ok(format!("{} file {} made {made}", path.display(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_was_written_is_where_it_was_and_a_copy_in_its_place_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (database, other) = (folder.path().join("metadata.sqlite"), folder.path().join("other"));
        fs::write(&database, "one").unwrap();
        let place = place_of(&database).unwrap();
        fs::write(&database, "another").unwrap();
        assert_eq!(place_of(&database).unwrap(), place);
        fs::copy(&database, &other).unwrap();
        assert_ne!(place_of(&other).unwrap(), place);
        fs::rename(&other, &database).unwrap();
        assert_ne!(place_of(&database).unwrap(), place);
        assert!(place_of(&other).is_err());
    }
}

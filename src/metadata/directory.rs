//! The metadata's directory: its files, and the lock that keeps a second process out.

use super::error::MetadataError;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

const DATABASE: &str = "metadata.sqlite";
const BALLAST: &str = "ballast";
const LOCK: &str = "lock";
const OPEN_MARK: &str = "open";
/// As long a name as the former: one becomes the other on a full disk too.
const LEFT_MARK: &str = "left";
pub(super) const LACKING: &str = "lacking";

/// Locked while this lives.
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes the directory when it isn't there, and locks it.
    pub fn lock(path: &Path) -> Result<Self, MetadataError> {
        fs::create_dir_all(path).map_err(MetadataError::io(path))?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync(parent)?;
        }
        let lock_path = path.join(LOCK);
        let lock = File::create(&lock_path).map_err(MetadataError::io(&lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => MetadataError::InUse(path.to_owned()),
            error => MetadataError::io(&lock_path)(error.into()),
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn database(&self) -> PathBuf {
        database_in(&self.path)
    }

    /// The database's write-ahead log.
    pub fn log(&self) -> PathBuf {
        log_of(&self.database())
    }

    /// There while the database is open (`OpenMark`).
    pub fn open_mark(&self) -> PathBuf {
        self.path.join(OPEN_MARK)
    }

    /// There when the database was closed in order before anybody knew that its end is there (`OpenMark`).
    pub fn left_mark(&self) -> PathBuf {
        self.path.join(LEFT_MARK)
    }

    /// What the database is known to lack.
    pub fn lacking(&self) -> PathBuf {
        self.path.join(LACKING)
    }

    /// SQLite's index of the log.
    pub fn log_index(&self) -> PathBuf {
        beside(&self.database(), "-shm")
    }

    /// Before another database takes the place of one that is gone: its marks, and what SQLite put beside it.
    pub fn clear_former(&self) -> Result<(), MetadataError> {
        clear_beside(&self.database())?;
        [self.open_mark(), self.left_mark(), self.lacking()].iter().try_for_each(|mark| remove_if_there(mark))
    }

    pub fn ballast(&self) -> PathBuf {
        self.path.join(BALLAST)
    }

    /// After files were made or renamed in it: without this a power cut may forget their names.
    pub fn sync(&self) -> Result<(), MetadataError> {
        sync(&self.path)
    }
}

pub(super) fn database_in(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// A database that is being made of the command log.
pub(super) fn rebuilt_in(directory: &Path) -> PathBuf {
    database_in(directory).with_extension("rebuilding")
}

/// Removes a database that is not whole, with what SQLite put beside it.
pub(super) fn clear_partial(file: &Path) -> Result<(), MetadataError> {
    clear_beside(file)?;
    remove_if_there(file)
}

/// Removes what SQLite put beside a database: a log would be played into another one.
fn clear_beside(database: &Path) -> Result<(), MetadataError> {
    for ending in ["-wal", "-shm", "-journal"] {
        remove_if_there(&beside(database, ending))?;
    }
    Ok(())
}

pub(super) fn remove_if_there(file: &Path) -> Result<(), MetadataError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(MetadataError::io(file)(error)),
        _ => Ok(()),
    }
}

/// As SQLite names it.
pub(super) fn log_of(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Makes the entry of a file durable, or that it is gone.
pub(super) fn sync_parent(file: &Path) -> Result<(), MetadataError> {
    file.parent().map_or(Ok(()), sync)
}

/// Makes a directory's entries durable.
pub(super) fn sync(directory: &Path) -> Result<(), MetadataError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(MetadataError::io(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_while_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/metadata");
        let first = Directory::lock(&path).unwrap();
        assert!(matches!(Directory::lock(&path), Err(MetadataError::InUse(_))));
        drop(first);
        assert!(Directory::lock(&path).is_ok());
    }
}

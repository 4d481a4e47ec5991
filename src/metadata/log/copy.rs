//! A copy of the database for the command log: what was in the log before it is not needed any more.

use crate::{
    metadata::{BackupReport, Metadata, MetadataError},
    types::ByteSize,
};
use std::{
    fs::{self, File},
    io,
};

/// In the database's directory while it is made.
const NAME: &str = "log-snapshot";

/// A copy that has no name any more: it goes when the file is closed.
#[derive(Debug)]
pub struct DatabaseCopy {
    pub file: File,
    pub report: BackupReport,
}

impl Metadata {
    /// Copies the database as it is now, and reads the copy back. Takes as much room on its disk as the database for as long as the
    /// file is open; `None` where that would leave less than the reserve. One at a time.
    pub async fn copy_for_log(&self) -> Result<Option<DatabaseCopy>, MetadataError> {
        let path = self.database().with_file_name(NAME);
        // Of a process that was killed.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(MetadataError::io(&path)(error)),
            _ => {}
        }
        let size = fs::metadata(self.database()).map_err(MetadataError::io(self.database()))?.len();
        let free = (self.free_space())(&path.with_file_name("")).unwrap_or(u64::MAX);
        let reserve: ByteSize = self.settings().metadata_reserve;
        if free.saturating_sub(size) < reserve.bytes().saturating_mul(2) {
            return Ok(None);
        }
        let report = self.backup(&path).await?;
        let file = File::open(&path).map_err(MetadataError::io(&path))?;
        fs::remove_file(&path).map_err(MetadataError::io(&path))?;
        Ok(Some(DatabaseCopy { file, report }))
    }
}

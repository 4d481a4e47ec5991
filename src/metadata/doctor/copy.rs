//! The copy of the database that the doctor looks at.

use crate::{
    metadata::{
        Metadata, connection,
        error::{MetadataError, QueryError},
        reserve::FreeSpace,
        schema,
        settings::MetadataSettings,
    },
    types::ByteSize,
};
use sqlx::{Connection, SqliteConnection};
use std::path::{Path, PathBuf};

/// What the checks look up and the living database never has to.
const INDEXES: [&str; 3] = [
    "CREATE INDEX doctor_versions ON versions (content)",
    "CREATE INDEX doctor_parts ON parts (content)",
    "CREATE INDEX doctor_extents ON extents (blob)",
];

/// Room that stays free beside the copy, in reserves of the metadata: below one of them only deletes are carried out.
const SPARE_RESERVES: u64 = 2;

pub(super) struct Copy {
    connection: SqliteConnection,
    _file: Scratch,
}

/// Removes the files when it is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        for path in [self.0.clone(), self.0.with_extension("partial")] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(%error, path = %path.display(), "the doctor's copy of the metadata can't be removed");
                }
                _ => {}
            }
        }
    }
}

impl Copy {
    pub async fn make(database: &Path, settings: &MetadataSettings, scratch: &Path) -> Result<Self, MetadataError> {
        if scratch.exists() {
            return Err(MetadataError::Exists(scratch.to_owned()));
        }
        let file = Scratch(scratch.to_owned());
        let mut source = connection::copier(database, settings).await?;
        schema::vacuum_into(&mut source, scratch).await?;
        source.close().await?;
        let mut connection = connection::scratch(scratch).await?;
        for index in INDEXES {
            sqlx::query(index).execute(&mut connection).await.map_err(QueryError::from)?;
        }
        Ok(Self { connection, _file: file })
    }

    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Closes it; the files go with the value.
    pub async fn discard(self) {
        let Self { connection, _file } = self;
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "the doctor's copy of the metadata did not close in order");
        }
    }
}

/// A copy with its indexes must not fill the disk that the database may be on.
pub(super) fn check_room(metadata: &Metadata, scratch: &Path) -> Result<(), MetadataError> {
    let folder = scratch.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let spare = metadata.settings().metadata_reserve.bytes().saturating_mul(SPARE_RESERVES);
    let needed = length_of(metadata.database())?.saturating_mul(2).saturating_add(spare);
    require_room(folder, needed, metadata.free_space())
}

pub(super) fn length_of(file: &Path) -> Result<u64, MetadataError> {
    Ok(std::fs::metadata(file).map_err(MetadataError::io(file))?.len())
}

pub(super) fn require_room(folder: &Path, needed: u64, free_space: &FreeSpace) -> Result<(), MetadataError> {
    let free = free_space(folder).map_err(MetadataError::io(folder))?;
    if free >= needed {
        return Ok(());
    }
    let (needed, free, lacking) = (ByteSize(needed), ByteSize(free), ByteSize(needed - free));
    Err(MetadataError::NoRoomForCopy { folder: folder.to_owned(), needed, free, lacking })
}

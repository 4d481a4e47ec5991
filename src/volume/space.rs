//! How much room there is: the file system's free space or the configured capacity, whichever ends first, less the
//! reserve that deletes and compaction live on.

use super::{
    Disk, VolumeError, VolumeSettings, catalog::Catalog, disk::DiskSpace, segment_files::SegmentFiles,
    segment_header::SegmentClass,
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

#[derive(Debug)]
pub struct Space {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    catalog: Arc<Catalog>,
    files: Arc<SegmentFiles>,
    capacity: Option<u64>,
    reserve: u64,
    /// The last answer of the file system, for when it gives none.
    last: Mutex<DiskSpace>,
}

/// What was measured, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub capacity: u64,
    pub used: u64,
    /// What further segments for chunks may take.
    pub for_chunks: u64,
    /// What compaction may take: the reserve as well.
    pub for_compaction: u64,
    pub device: String,
}

/// A file system with one or more volumes on it, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRoom {
    pub device: String,
    pub total: u64,
    /// What chunks may still take, above the reserve.
    pub free: u64,
}

impl Space {
    pub fn new(
        disk: Arc<dyn Disk>,
        directory: PathBuf,
        catalog: Arc<Catalog>,
        files: Arc<SegmentFiles>,
        settings: &VolumeSettings,
    ) -> Result<Self, VolumeError> {
        let last = disk.space(&directory).map_err(VolumeError::disk("asking for free space"))?;
        let capacity = settings.capacity.map(|size| size.bytes());
        let reserve = settings.disk_reserve.bytes();
        Ok(Self { disk, directory, catalog, files, capacity, reserve, last: Mutex::new(last) })
    }

    /// Bytes that the volume's files occupy.
    pub fn used(&self) -> u64 {
        let segments: u64 = self.catalog.segments().iter().map(|segment| segment.allocated()).sum();
        segments + self.files.idle_bytes()
    }

    pub fn measure(&self) -> Room {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(space) = self.disk.space(&self.directory) {
            *last = space;
        }
        let used = self.used();
        let capacity = self.capacity.map_or(last.total, |capacity| capacity.min(last.total));
        let for_compaction = last.available.min(capacity.saturating_sub(used));
        let for_chunks = for_compaction.saturating_sub(self.reserve);
        Room { capacity, used, for_chunks, for_compaction, device: last.device.clone() }
    }

    /// Of the file system, as last measured, whatever the volume's own limit is.
    pub fn device_room(&self) -> DeviceRoom {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let free = last.available.saturating_sub(self.reserve);
        DeviceRoom { device: last.device.clone(), total: last.total, free }
    }

    /// Bytes that the open segments still take.
    pub fn open_room(&self, class: SegmentClass) -> u64 {
        let segments = self.catalog.segments();
        let open = segments.iter().filter(|segment| segment.class == class && !segment.is_sealed());
        open.map(|segment| segment.capacity.saturating_sub(segment.end())).sum()
    }
}

//! Settings of a volume.

use crate::types::ByteSize;
use serde::{Deserialize, Serialize};

/// How space is made ready for small records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmallSpace {
    /// Zeros are written ahead, in the background: a sync into written space costs no file-system journal.
    #[default]
    Written,
    /// Space is allocated only: less written, slower syncs. For file systems that never write in place.
    Allocated,
}

/// How big records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BigWrites {
    /// Past the page cache where the file system can, else through it.
    #[default]
    Direct,
    /// Through the page cache: dearer to write, and just-written chunks are read from memory.
    Cached,
}

/// Each field is a key of the configuration file; its doc comment is its reference.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct VolumeSettings {
    /// Most bytes that the volume's files may occupy. Default: none, the file system's size. Must be more than `disk_reserve`.
    /// Too low: writes are refused early. Too high: no harm, the file system's free space counts as well.
    pub capacity: Option<ByteSize>,
    /// Free space of the file system that chunks may not use, so that deletes and compaction always have room.
    /// Default 128MiB. Too low: a full disk can't be emptied. Too high: space lies idle.
    pub disk_reserve: ByteSize,
    /// Size of a volume's first segments. Default 16MiB. Segments grow with what the volume holds. Too low: many small
    /// files at first. Too high: an empty volume takes much space.
    pub segment_size_min: ByteSize,
    /// Size that segments grow to. Default 256MiB. Too low: many files and frequent rolls. Too high: compaction works in
    /// big steps and recovery has more to scan.
    pub segment_size_max: ByteSize,
    /// Records with at least so much payload go to segments of their own, block by block. Default 256KiB. Too low: small
    /// writes lose the fast sync. Too high: big writes are copied through the page cache.
    pub big_record_size: ByteSize,
    /// `direct` (default) or `cached`: whether big records pass the page cache by.
    pub big_writes: BigWrites,
    /// `written` (default) or `allocated`: how space for small records is made ready.
    pub small_space: SmallSpace,
    /// Most payload that one group commit takes. Default 8MiB. Too low: less shared by each sync. Too high: the
    /// first of a batch waits longer.
    pub write_batch_size: ByteSize,
    /// Most payload that may wait for the writer; more is refused as busy. Default 128MiB.
    pub write_queue_size: ByteSize,
    /// Dead bytes that are left alone, in percent of what the volume's records occupy. Default 10. Too low: compaction copies
    /// much to gain little. Too high: deleted space comes back late.
    pub compact_dead_percent: u8,
    /// Segments scanned at the same time when a volume is opened. Default 4.
    pub recovery_threads: u32,
}

impl Default for VolumeSettings {
    fn default() -> Self {
        Self {
            capacity: None,
            disk_reserve: ByteSize::mib(128),
            segment_size_min: ByteSize::mib(16),
            segment_size_max: ByteSize::mib(256),
            big_record_size: ByteSize::kib(256),
            big_writes: BigWrites::Direct,
            small_space: SmallSpace::Written,
            write_batch_size: ByteSize::mib(8),
            write_queue_size: ByteSize::mib(128),
            compact_dead_percent: 10,
            recovery_threads: 4,
        }
    }
}

/// A segment's own header and one record: less than this is no segment.
const SEGMENT_SIZE_FLOOR: u64 = 32 << 10;
/// A record's place is kept in 24 bits of 512 bytes (`index.rs`).
const SEGMENT_SIZE_CEILING: u64 = 4 << 30;

impl VolumeSettings {
    /// In words what is wrong with the settings, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        let (min, max) = (self.segment_size_min.bytes(), self.segment_size_max.bytes());
        if min < SEGMENT_SIZE_FLOOR {
            return Err(format!("segment_size_min must be at least {SEGMENT_SIZE_FLOOR} bytes"));
        }
        if max < min || max > SEGMENT_SIZE_CEILING {
            return Err(format!("segment_size_max must lie between segment_size_min and {SEGMENT_SIZE_CEILING} bytes"));
        }
        if self.big_record_size.bytes() < 4096 {
            return Err("big_record_size must be at least 4KiB: smaller records would be mostly padding".to_owned());
        }
        if self.capacity.is_some_and(|capacity| capacity <= self.disk_reserve) {
            return Err("capacity must be more than disk_reserve, which chunks may not use".to_owned());
        }
        if !(1..=90).contains(&self.compact_dead_percent) {
            return Err("compact_dead_percent must lie between 1 and 90".to_owned());
        }
        if !(1..=64).contains(&self.recovery_threads) {
            return Err("recovery_threads must lie between 1 and 64".to_owned());
        }
        if self.write_batch_size.bytes() == 0 || self.write_queue_size < self.write_batch_size {
            return Err("write_queue_size must not be less than write_batch_size, which must not be 0".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_contradictions_are_refused() {
        assert_eq!(VolumeSettings::default().validate(), Ok(()));
        let wrong = [
            VolumeSettings { segment_size_min: ByteSize(100), ..VolumeSettings::default() },
            VolumeSettings { segment_size_max: ByteSize::mib(1), ..VolumeSettings::default() },
            VolumeSettings { segment_size_max: ByteSize::gib(5), ..VolumeSettings::default() },
            VolumeSettings { capacity: Some(ByteSize::mib(128)), ..VolumeSettings::default() },
            VolumeSettings { compact_dead_percent: 0, ..VolumeSettings::default() },
            VolumeSettings { recovery_threads: 0, ..VolumeSettings::default() },
            VolumeSettings { write_queue_size: ByteSize(1), ..VolumeSettings::default() },
        ];
        for settings in wrong {
            assert!(settings.validate().is_err(), "{settings:?}");
        }
    }
}

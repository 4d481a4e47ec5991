//! The append-only storage engine of one data directory.

mod api;
pub mod disk;
mod error;
mod real_disk;
mod settings;

pub use api::{
    AppendChunk, CHUNK_LENGTH_MAX, HeldChunk, RecoveryReport, Step, VolumeCondition, VolumeOwner, VolumeStats,
    VolumeUsage,
};
pub use disk::Disk;
pub use error::VolumeError;
pub use real_disk::RealDisk;
pub use settings::{BigWrites, SmallSpace, VolumeSettings};

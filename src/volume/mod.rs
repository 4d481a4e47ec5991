//! The append-only storage engine of one data directory; synchronous.

mod api;
mod background;
mod catalog;
mod compaction;
mod counters;
pub mod disk;
mod durable_file;
mod error;
#[cfg(test)]
mod faulty_disk;
mod format;
mod health;
mod hint;
#[cfg(test)]
mod history_tests;
mod identity;
mod index;
mod inventory;
mod lane;
mod load;
mod punch;
mod queue;
mod reader;
mod real_disk;
mod recovery;
mod scan;
mod segment;
mod segment_files;
mod segment_header;
mod settings;
mod space;
mod switch;
mod victims;
#[expect(clippy::module_inception, reason = "the handle is what a stranger looks for under this name")]
mod volume;
mod writer;

pub use api::{
    AppendChunk, CHUNK_LENGTH_MAX, HeldChunk, RecoveryReport, Step, VolumeCondition, VolumeOwner, VolumeStats,
    VolumeUsage,
};
pub use disk::Disk;
pub use error::VolumeError;
pub use real_disk::RealDisk;
pub use settings::{BigWrites, SmallSpace, VolumeSettings};
pub use volume::Volume;

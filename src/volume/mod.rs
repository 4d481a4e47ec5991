//! The append-only storage engine of one data directory. Synchronous: it has a thread of its own for writing, and is called
//! from threads that may wait for the disk.
//!
//! # How it works
//!
//! A volume appends records (`format`) to segment files (`segment_header`, `segment_files`). One writer (`writer`) takes whatever gathered
//! in its queue (`queue`), lays it out in the open segments of small and of big records (`lane`, `direct_write`), writes, syncs once, enters
//! the chunks into the index (`index`, `catalog`), and calls back. Reads (`reader`) look the place up and read it; nothing that
//! they hold is ever overwritten under them. A dropped chunk gets a tombstone; its payload is punched out (`punch`), or its
//! segment is compacted (`victims`, `compaction`, `switch`) and the file recycled. Opening a volume reads hint files
//! (`hint`) or scans segments (`scan`, `load`); the head of `recovery` explains what counts after a crash, and why. `scrub` reads
//! all that counts again, and takes what is damaged out of use (`quarantine_list`).
//!
//! # The directory
//!
//! | file | |
//! | --- | --- |
//! | `volume.json` | whose directory it is (`identity`) |
//! | `volume.lock` | locked while the volume is open |
//! | `starts.json` | how often it was opened |
//! | `scrub.json` | how far a scrub has come (`scrub_record`) |
//! | `segments/segment-00000000` | a segment; numbers are file numbers and are used again |
//! | `segments/segment-00000000.hint` | what a sealed segment holds |
//! | `*.new` | a file being made; removed at the next start |
//!
//! # Who may do what, and the order of locks
//!
//! Only the holder of the writer's lock changes the index, writes to open segments, or writes a switch; background steps
//! (`background`) hold their own lock first and take the writer's for the switch. Below these: the catalog's list of segments, a
//! shard of the index, its overflow, in this order; none of them is held while the disk is waited for. The files' lock is
//! taken alone. Calls back run under the writer's lock: they may append, but must not wait for anything.
//!
//! # When something goes wrong
//!
//! A write that fails for lack of space refuses the batch and seals the segment; chunks are refused until there is room, reads
//! and drops go on. Anything that leaves it open what the disk holds (a failed sync above all) freezes the volume
//! (`health`): it takes no writes until a restart, and still serves reads, whose bytes are verified by who asked.

mod api;
mod background;
mod catalog;
mod compaction;
mod counters;
mod direct_write;
pub mod disk;
mod durable_file;
mod error;
#[cfg(test)]
mod exhaustion_tests;
#[cfg(test)]
mod faulty_disk;
mod format;
mod health;
mod hint;
#[cfg(test)]
mod history_tests;
mod identity;
mod index;
mod inspect;
mod inventory;
mod lane;
mod load;
#[cfg(test)]
mod measurements;
mod punch;
mod quarantine_list;
mod queue;
mod reader;
mod real_disk;
mod recovery;
mod scan;
mod scrub;
mod scrub_record;
#[cfg(test)]
mod scrub_tests;
mod segment;
mod segment_files;
mod segment_header;
mod set_aside;
mod settings;
mod space;
mod switch;
#[cfg(test)]
mod tests;
mod uncached_read;
mod victims;
#[expect(clippy::module_inception, reason = "the handle is what a stranger looks for under this name")]
mod volume;
mod writer;

pub use api::{
    AppendChunk, CHUNK_LENGTH_MAX, HeldChunk, InventoryCursor, InventoryPage, QuarantineCounts, RecoveryReport, Step,
    VolumeOwner, VolumeStats,
};
pub use disk::Disk;
pub use error::VolumeError;
pub use inspect::{
    DamagedRecord, SegmentInspection, SetAsideRecord, VolumeInspection, VolumeVerification, inspect, verify,
};
pub use real_disk::RealDisk;
pub use scrub::{ScrubPass, ScrubPoint, ScrubStep};
pub use scrub_record::ScrubRecord;
pub use set_aside::Successor;
pub use settings::{BigWrites, SmallSpace, VolumeSettings};
pub use space::DeviceRoom;
pub use volume::Volume;

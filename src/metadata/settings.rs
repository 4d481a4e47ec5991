//! Settings of the metadata.

use crate::types::ByteSize;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct MetadataSettings {
    /// Connections that answer queries, each with a thread and a page cache of its own. Too few: queries wait for each
    /// other. Too many: memory, and no gain beyond the number of cores. Default 4.
    pub metadata_readers: u32,
    /// Page cache of each connection. Too small: look-ups read from the file, which the system's page cache mostly holds.
    /// Too large: memory, once per reader and once for the writer. Default 4MiB.
    pub metadata_cache: ByteSize,
    /// Memory for objects that were looked up, about 1 KiB each: a GET of one of them does not ask the database. Too small:
    /// look-ups cost more. 0 keeps none. Default 16MiB.
    pub object_cache: ByteSize,
    /// Commands that may wait for the writer; further ones wait outside. Too small: bursts are throttled before the
    /// disk is. Too large: memory, and long waits instead of early refusals. Default 1024.
    pub metadata_queue: u32,
    /// Most commands in one transaction. Too small: more syncs than needed under load. Too large: the first command
    /// of a batch waits for the last. Default 256.
    pub metadata_batch: u32,
    /// Length of the write-ahead log at which a checkpoint begins. Too small: pages are written again and again. Too
    /// large: a longer recovery, more disk. Default 8MiB.
    pub metadata_checkpoint_at: ByteSize,
    /// Length of the write-ahead log above which the writer waits for checkpoints. Must be above
    /// `metadata_checkpoint_at`. Default 256MiB.
    pub metadata_log_limit: ByteSize,
    /// Room on the disk kept for deletes. With less than this free, commands that need room are refused. Too small: a
    /// full disk can't be cleared by deleting. Default 16MiB.
    pub metadata_reserve: ByteSize,
    /// Records every command as a line of JSON in this file, for replaying it in a test. Costs a write a batch; grows
    /// without bound. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_commands: Option<PathBuf>,
}

impl Default for MetadataSettings {
    fn default() -> Self {
        Self {
            metadata_readers: 4,
            metadata_cache: ByteSize::mib(4),
            object_cache: ByteSize::mib(16),
            metadata_queue: 1024,
            metadata_batch: 256,
            metadata_checkpoint_at: ByteSize::mib(8),
            metadata_log_limit: ByteSize::mib(256),
            metadata_reserve: ByteSize::mib(16),
            record_commands: None,
        }
    }
}

impl MetadataSettings {
    pub fn validate(&self) -> Result<(), String> {
        if !(1..=64).contains(&self.metadata_readers) {
            return Err("metadata_readers must be between 1 and 64".to_owned());
        }
        if !(1..=1_000_000).contains(&self.metadata_queue) {
            return Err("metadata_queue must be between 1 and 1000000".to_owned());
        }
        if !(1..=10_000).contains(&self.metadata_batch) {
            return Err("metadata_batch must be between 1 and 10000".to_owned());
        }
        if self.metadata_cache < ByteSize::mib(1) || self.metadata_cache > ByteSize::gib(64) {
            return Err("metadata_cache must be between 1MiB and 64GiB".to_owned());
        }
        if self.object_cache > ByteSize::gib(64) {
            return Err("object_cache must be at most 64GiB".to_owned());
        }
        if self.metadata_checkpoint_at < ByteSize::kib(64) {
            return Err("metadata_checkpoint_at must be at least 64KiB".to_owned());
        }
        if self.metadata_log_limit <= self.metadata_checkpoint_at {
            return Err("metadata_log_limit must be above metadata_checkpoint_at".to_owned());
        }
        if self.metadata_reserve < ByteSize::mib(1) {
            return Err("metadata_reserve must be at least 1MiB".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_contradictions_are_named() {
        assert_eq!(MetadataSettings::default().validate(), Ok(()));
        let contradicting = MetadataSettings { metadata_log_limit: ByteSize::mib(1), ..Default::default() };
        assert!(contradicting.validate().unwrap_err().contains("metadata_log_limit"));
        let none = MetadataSettings { metadata_readers: 0, ..Default::default() };
        assert!(none.validate().is_err());
    }
}

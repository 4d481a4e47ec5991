//! How a volume is: what it says of itself, and what its node passes on.

use super::VolumeId;
use serde::{Deserialize, Serialize};

/// One data directory. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeStatus {
    pub volume: VolumeId,
    /// Bytes that may be used in all: the configured capacity or the file system's size.
    pub capacity: u64,
    /// Bytes that the volume's files occupy, space made ready included.
    pub used: u64,
    /// Bytes of chunks that still find room before the reserve is reached.
    pub free: u64,
    pub chunks: u64,
    /// Bytes of records that are live.
    pub live: u64,
    pub index_bytes: u64,
    /// Identity of the file system that it stands on.
    pub device: String,
    /// Highest sequence known durable, and number of starts: lower than seen before means rolled back.
    pub durable_sequence: u64,
    pub start_count: u64,
    pub state: VolumeState,
}

impl VolumeStatus {
    /// Of a volume that could not be opened: nothing is known of it.
    pub fn lost(state: VolumeState) -> Self {
        Self { state, ..Self::empty(VolumeId::from_bytes([0; 16])) }
    }

    /// Of a volume that holds nothing, and has room for nothing.
    pub fn empty(volume: VolumeId) -> Self {
        Self {
            volume,
            capacity: 0,
            used: 0,
            free: 0,
            chunks: 0,
            live: 0,
            index_bytes: 0,
            device: String::new(),
            durable_sequence: 0,
            start_count: 0,
            state: VolumeState::Writable,
        }
    }

    pub fn is_frozen(&self) -> bool {
        matches!(self.state, VolumeState::Frozen { .. })
    }
}

/// Whether the volume takes chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeState {
    Writable,
    /// The reserve is reached: reads and drops go on.
    Full,
    /// Fail-stop: the reason is for people.
    Frozen {
        reason: String,
    },
}

//! What a volume's errors mean to who asked the node.

use crate::{node::NodeError, volume::VolumeError};

impl From<VolumeError> for NodeError {
    fn from(error: VolumeError) -> Self {
        match error {
            VolumeError::NotFound => Self::NotFound,
            VolumeError::Corrupt(_) => Self::Corrupt,
            VolumeError::Full => Self::Full,
            VolumeError::Frozen(reason) => Self::Frozen(reason),
            // The disk can't be relied on, whether or not the volume froze over it.
            VolumeError::Disk { .. } => Self::Frozen(error.to_string()),
            // Passes by itself, or never answers again: either way another node is asked.
            VolumeError::Busy | VolumeError::Closed => Self::Unreachable(error.to_string()),
            VolumeError::Conflict
            | VolumeError::Invalid(_)
            | VolumeError::Locked(_)
            | VolumeError::Foreign { .. }
            | VolumeError::NewerFormat { .. } => Self::Refused(error.to_string()),
        }
    }
}

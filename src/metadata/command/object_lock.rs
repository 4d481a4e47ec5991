//! Commands of Object Lock. Their times are the proposer's, never a client's.

use crate::metadata::version_selector::VersionSelector;
use crate::types::{BucketId, Bypass, LegalHold, ObjectKey, Retention, Timestamp};
use serde::{Deserialize, Serialize};

/// Afterwards the version has this retention, or it was to be weakened and nothing changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetObjectRetention {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub version: VersionSelector,
    /// `None` removes it.
    pub retention: Option<Retention>,
    /// Whether the present retention is over is told by it.
    pub at: Timestamp,
    pub bypass: Bypass,
}

/// Afterwards the version has this legal hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetObjectLegalHold {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub version: VersionSelector,
    pub legal_hold: LegalHold,
}

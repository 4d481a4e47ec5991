//! How the scrub of a node stands: what the node says of it, and what operators are shown.

use super::Timestamp;
use serde::{Deserialize, Serialize};

/// Sizes in bytes. What a node of an older version does not say is as if nothing had happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScrubStatus {
    pub state: ScrubState,
    /// Of the pass under way, or else of the last one.
    pub began: Option<Timestamp>,
    pub checked_bytes: u64,
    /// What there was to check when the pass began.
    pub total_bytes: u64,
    /// Since the pass began or the node started.
    pub bytes_per_second: u64,
    /// Damaged records of this pass, and of all.
    pub found: u64,
    pub found_ever: u64,
    /// Passes that came to their end, when the last one did, and what it had found.
    pub passes: u64,
    pub last_finished: Option<Timestamp>,
    pub last_found: u64,
    /// Chunks that are quarantined and not yet replaced.
    pub quarantined: u64,
    /// Chunks quarantined since the node's start, whoever found them.
    pub quarantined_since_start: u64,
    /// Damaged records since the node's start of which nobody can say whose they were.
    pub unidentified_since_start: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScrubState {
    /// For the next pass to be due.
    #[default]
    Waiting,
    /// Spread over the period.
    Running,
    /// As fast as it may: an operator waits for it.
    Hurried,
    /// Until the node starts again. The reason is for people.
    Stopped { reason: String },
}

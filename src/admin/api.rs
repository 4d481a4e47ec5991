//! What the operator's API says, as JSON: shared by the routes and the client. Sizes are bytes, ages are milliseconds.

use serde::{Deserialize, Serialize};

pub const CHALLENGE_PATH: &str = "/admin/v1/challenge";
pub const STATUS_PATH: &str = "/admin/v1/status";
pub const NODES_PATH: &str = "/admin/v1/nodes";
pub const JOBS_PATH: &str = "/admin/v1/jobs";
pub const SCRUB_PATH: &str = "/admin/v1/scrub";
pub const KEYS_PATH: &str = "/admin/v1/keys";
pub const BACKUP_PATH: &str = "/admin/v1/metadata/backup";
pub const CONFIRM_PATH: &str = "/admin/v1/metadata/confirm";

/// Header of a backup's answer: SHA-256 of the file in hexadecimal digits, checked by who stores it.
pub const BACKUP_SHA256_HEADER: &str = "larder-sha256";

/// How the cluster is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Everything that was written has all its copies on healthy nodes, and writes are served.
    pub fully_redundant: bool,
    /// What keeps it from being so, in words.
    pub concerns: Vec<String>,
    pub version: String,
    pub cluster: String,
    pub term: u64,
    pub commit_sequence: u64,
    pub replicas: u32,
    pub write_acks: String,
    pub nodes: NodeCounts,
    pub buckets: u64,
    pub blobs: u64,
    /// Bytes in all blobs, one copy.
    pub blob_bytes: u64,
    /// Copies on the repair list.
    pub under_replicated: u64,
    /// Blobs of which no right copy is left, as far as it was found out.
    #[serde(default)]
    pub lost_blobs: u64,
    /// Blobs that are deleted and still occupy space.
    pub deletions: u64,
    pub uploads: u64,
    /// The metadata came from a backup and nobody has confirmed it: nothing is reclaimed.
    pub needs_confirmation: bool,
    /// Drains that don't go on, and why. No copy is missing for that.
    #[serde(default)]
    pub waiting_drains: Vec<String>,
    /// Background jobs that an operator has paused: what they would do waits.
    #[serde(default)]
    pub paused_jobs: Vec<String>,
    /// How the metadata is kept on nodes.
    #[serde(default)]
    pub metadata_log: MetadataLogReport,
}

/// The command log, from which lost metadata is recovered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataLogReport {
    /// `off`, `behind` or `in force`: then every change is on nodes before it is acknowledged.
    pub standing: String,
    /// Names of the nodes that get what is committed now.
    pub nodes: Vec<String>,
    /// The newest change in the newest snapshot there, and its bytes; none yet since the gateway's start.
    pub snapshot_sequence: Option<u64>,
    pub snapshot_bytes: u64,
    /// Bytes of changes besides it.
    pub log_bytes: u64,
    /// Chunks that all nodes together hold of the log at most; they count among the nodes' chunks.
    pub chunks: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCounts {
    pub healthy: u32,
    pub suspect: u32,
    pub failed: u32,
}

/// A storage node as the gateway sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    pub name: String,
    pub node: String,
    /// `None` for a node inside the gateway's process.
    pub address: Option<String>,
    pub zone: String,
    /// `joining`, `healthy`, `degraded`, `recovering`, `suspect`, `failed`; `draining` and, when nothing is left on it,
    /// `drained`.
    pub state: String,
    /// What it comes from: of `degraded`, `full`, `nearly full`, `frozen`, `a volume is frozen` or `slow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub capacity: u64,
    pub used: u64,
    pub free: u64,
    /// Bytes of live payload.
    pub live: u64,
    /// Requests under way on the node.
    pub load: u32,
    pub chunks: u64,
    /// Memory of the node's index.
    pub index_bytes: u64,
    /// Placement groups that it is a member of.
    pub groups: u32,
    /// Groups that it left and of which it may still hold copies.
    pub groups_left: u32,
    /// Time since the node was last heard of; `None` before the first time.
    pub last_heartbeat_age_ms: Option<u64>,
    /// `writable`, `full`, or `frozen: ` and why.
    pub volumes: Vec<String>,
    /// How often a volume of it was found to have gone back in time, since the gateway's start: put back from an image, or on a
    /// disk that lied about a sync.
    #[serde(default)]
    pub rolled_back: u64,
    /// Why its drain does not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_waits_for: Option<String>,
}

impl NodeReport {
    /// Groups of which the node may hold something.
    pub fn all_groups(&self) -> u32 {
        self.groups + self.groups_left
    }
}

/// What an operator wants of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeDuty {
    Serving,
    Draining,
    Removed,
}

/// Changes what a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeChange {
    pub duty: NodeDuty,
}

/// How a node's scrub stands: of the pass under way, or else of the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScrubReport {
    /// The node's name.
    pub node: String,
    /// `waiting`, `running`, `hurried` (an operator asked for it), `stopped: ` or `not asked: ` and why.
    pub state: String,
    /// In RFC 3339.
    pub began: Option<String>,
    pub checked_bytes: u64,
    pub total_bytes: u64,
    pub bytes_per_second: u64,
    /// Of a pass under way, as far as its rate tells.
    pub seconds_left: Option<u64>,
    /// Damaged records, of this pass and of all.
    pub found: u64,
    pub found_ever: u64,
    /// Passes that came to their end.
    pub passes: u64,
    pub last_finished: Option<String>,
    pub last_found: u64,
    /// Chunks that are quarantined and not yet replaced.
    pub quarantined: u64,
}

impl ScrubReport {
    pub fn is_asked(&self) -> bool {
        !self.state.starts_with("not asked")
    }
}

/// A background task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobReport {
    pub name: String,
    /// What it is doing now.
    pub state: String,
    pub steps: u64,
    pub failures: u64,
    /// What it has done since the gateway's start: copies, blobs or groups, and their bytes.
    pub done: Option<u64>,
    pub done_bytes: Option<u64>,
    /// Of the last minute.
    pub per_second: Option<f64>,
    pub bytes_per_second: Option<f64>,
    pub remaining: Option<u64>,
    /// When nothing remains, at the speed of the last minute.
    pub ends_in_ms: Option<u64>,
    pub last_error: Option<String>,
    /// What it can't do for now, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<String>,
}

/// What an operator wants of a background task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobOrder {
    /// It finishes the step that it is in, and rests until it is resumed, also after a restart of the gateway.
    Pause,
    Resume,
}

/// Changes a background task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobChange {
    pub order: JobOrder,
}

/// An access key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReport {
    pub access_key: String,
    pub name: String,
    pub enabled: bool,
    /// When it was made, in RFC 3339; `None` for the root key, which comes from the settings.
    pub created: Option<String>,
}

/// Asks for a new access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// For people; need not be unique.
    pub name: String,
}

/// The only time that a secret key is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedKey {
    pub access_key: String,
    pub secret_key: String,
    pub name: String,
}

impl std::fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// What an access key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    Enabled,
    Disabled,
}

/// Changes an access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    pub state: KeyState,
}

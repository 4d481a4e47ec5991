//! What `larder admin lifecycle` says, as JSON: what the rules of a bucket would have go now.

use serde::{Deserialize, Serialize};

pub const LIFECYCLE_PREVIEW_PATH: &str = "/admin/v1/lifecycle/preview";

/// Asks what would go of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifecyclePreviewRequest {
    pub bucket: String,
    /// How many are named, at most `what_if::NAMES_MAX`.
    pub list: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecyclePreviewReport {
    pub bucket: String,
    /// Of each rule that would have something go now, and of each kind.
    pub counts: Vec<ExpiryCount>,
    /// The first of them by key, uploads behind all others.
    pub first: Vec<ExpiringObject>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiryCount {
    /// The rule's id.
    pub rule: String,
    /// `object`, `current version`, `noncurrent version`, `delete marker` or `upload`.
    pub kind: String,
    pub count: u64,
    /// Of uploads it is not counted.
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiringObject {
    pub key: String,
    pub kind: String,
    /// The version, or the upload.
    pub id: Option<String>,
    pub size: u64,
    pub rule: String,
}

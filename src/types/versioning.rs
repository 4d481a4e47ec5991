//! Versioning of a bucket, and how versions are named to clients. Source: Amazon S3 User Guide, "Using versioning in S3
//! buckets".

use super::ids::VersionId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether a bucket keeps the versions that are overwritten or deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Versioning {
    /// It never did. There is no way back here.
    #[default]
    Never,
    Enabled,
    /// What was kept stays; new writes replace the null version.
    Suspended,
}

impl Versioning {
    /// Whether a write gets an id of its own and replaces nothing.
    pub fn keeps_versions(self) -> bool {
        self == Self::Enabled
    }

    /// Whether clients are told the ids of versions.
    pub fn shows_versions(self) -> bool {
        self != Self::Never
    }
}

/// A version as clients name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum VersionName {
    /// The one that was written while versions were not kept: at most one a key.
    Null,
    Id(VersionId),
}

impl VersionName {
    pub fn of(version: VersionId, is_null: bool) -> Self {
        if is_null { Self::Null } else { Self::Id(version) }
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Id(id) => id.fmt(f),
        }
    }
}

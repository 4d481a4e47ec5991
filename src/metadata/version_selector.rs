//! Which version of a key is meant.

use crate::types::{VersionId, VersionName};
use serde::{Deserialize, Serialize};

/// Which version of a key a request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VersionSelector {
    /// The current one.
    Latest,
    /// The one without a version id, as written while versioning was off.
    Null,
    Id(VersionId),
}

impl From<VersionName> for VersionSelector {
    fn from(name: VersionName) -> Self {
        match name {
            VersionName::Null => Self::Null,
            VersionName::Id(id) => Self::Id(id),
        }
    }
}

impl VersionSelector {
    /// `None` of the current one, whatever its name is.
    pub fn name(self) -> Option<VersionName> {
        match self {
            Self::Latest => None,
            Self::Null => Some(VersionName::Null),
            Self::Id(id) => Some(VersionName::Id(id)),
        }
    }
}

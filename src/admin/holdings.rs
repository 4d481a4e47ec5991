//! What a node lists when it is asked now, as JSON: the end of a drain.

use serde::{Deserialize, Serialize};

pub const HOLDINGS_PATH: &str = "/admin/v1/holdings";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldingsRequest {
    pub node: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldingsReport {
    /// Groups that the node is a member of.
    pub groups: u64,
    /// Groups that it left and that have not forgotten it.
    pub groups_left: u64,
    /// What its inventory lists, whoever it belongs to.
    pub chunks: u64,
    pub bytes: u64,
}

impl HoldingsReport {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

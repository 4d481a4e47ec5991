//! The small JSON documents of the wire, and how an answer says what went wrong.

use crate::{
    node::{
        NodeError,
        api::{InventoryCursor, MetadataWitness, VolumeMark},
    },
    types::{ChunkKey, ChunkRoot},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Body of `POST /node/v1/quarantine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    pub key: ChunkKey,
    pub root: ChunkRoot,
}

/// Body of `POST /node/v1/inventory`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    pub from: Option<InventoryCursor>,
    pub limit: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<VolumeMark>,
}

/// Body of `POST /node/v1/quarantined`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantined {
    pub after: Option<ChunkKey>,
    pub limit: u32,
}

/// Body of `POST /node/v1/forget-quarantined`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetQuarantined {
    pub keys: Vec<ChunkKey>,
}

/// Body of `POST /node/v1/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    pub witness: Option<MetadataWitness>,
}

/// The document as it travels.
pub fn to_json(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("these types have string keys and no failing serializer")
}

/// Reads a document that the other side sent.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NodeError> {
    serde_json::from_slice(bytes).map_err(|error| NodeError::Refused(format!("a document that can't be read: {error}")))
}

/// The HTTP status of an answer that carries this error. For people who look at the wire: the document decides.
pub fn status_of(error: &NodeError) -> u16 {
    match error {
        NodeError::NotFound => 404,
        NodeError::Corrupt => 410,
        NodeError::Full => 507,
        NodeError::Frozen(_) => 503,
        NodeError::StaleTerm { .. } | NodeError::StaleEpoch { .. } | NodeError::StaleMetadata { .. } => 409,
        NodeError::Garbled => 422,
        NodeError::Refused(_) => 400,
        NodeError::Unreachable(_) => 504,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{CommitSequence, Epoch, HistoryId, Term};

    #[test]
    fn every_error_travels_unchanged() {
        let seen = MetadataWitness { history: HistoryId::from_bytes([3; 16]), commit_sequence: CommitSequence(9) };
        for error in [
            NodeError::NotFound,
            NodeError::Corrupt,
            NodeError::Full,
            NodeError::Frozen("fsync failed".to_owned()),
            NodeError::StaleTerm { seen: Term(5) },
            NodeError::StaleEpoch { seen: Epoch(6) },
            NodeError::StaleMetadata { seen },
            NodeError::Garbled,
            NodeError::Refused("too many".to_owned()),
            NodeError::Unreachable("no answer".to_owned()),
        ] {
            assert_ne!(status_of(&error), 200);
            assert_eq!(from_json::<NodeError>(&to_json(&error)).unwrap(), error);
        }
    }
}

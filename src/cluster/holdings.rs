//! What a node lists when it is asked now: the proof that a drained node is empty.

use super::{Cluster, error::ClusterError};
use crate::{node::api::INVENTORY_CHUNKS_MAX, types::NodeId};

/// Everything that a node holds, whoever it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Groups that the node is a member of, and those that it left and that have not forgotten it.
    pub groups: usize,
    pub groups_left: usize,
    pub chunks: u64,
    pub bytes: u64,
}

impl Cluster {
    /// Goes through the node's inventory from its begin to its end. What is written meanwhile may be missing: of a node in no
    /// group nothing is.
    pub async fn holdings(&self, node: NodeId) -> Result<Holdings, ClusterError> {
        let topology = self.membership().topology().load_full();
        let asked = topology.node(node).ok_or(ClusterError::NoSuchNode)?;
        let mut holdings = Holdings {
            groups: topology.groups().filter(|group| group.has_member(node)).count(),
            groups_left: topology
                .groups()
                .filter(|group| group.former.iter().any(|former| former.id() == node))
                .count(),
            ..Holdings::default()
        };
        let mut next = None;
        loop {
            let page = asked.api.inventory(self.term(), next, INVENTORY_CHUNKS_MAX).await;
            let page = page.map_err(|error| ClusterError::Node(format!("{}: {error}", asked.row.name)))?;
            holdings.chunks += page.blobs.iter().map(|entry| u64::from(entry.chunk_count)).sum::<u64>();
            holdings.bytes += page.blobs.iter().map(|entry| entry.bytes).sum::<u64>();
            next = page.next;
            if next.is_none() {
                return Ok(holdings);
            }
        }
    }
}

//! Background step: what nodes have found damaged goes on the repair list.
//!
//! A node scrubs by itself, and says in its status how many chunks it has quarantined. While there are any it is asked
//! which, page by page, again and again with a rest. Those that the metadata wants from it go on the repair list; those that
//! may yet be named, being in flight, stay for the next time. Of the rest (garbage, what its group keeps elsewhere since the
//! group moved on, and a chunk behind the last of its blob, which too few members took) nobody needs this node's copies: it
//! forgets them. Of a record whose head is damaged the node can't say
//! whose it was: then it is another incarnation of itself, and is counted (`head_count`), which finds what is missing.

use super::{Cluster, cluster_node::ClusterNode, error::ClusterError, topology::Topology};
use crate::{
    metadata::{
        Command,
        command::{BlobCopy, MissingReason},
        rows::WantedCopy,
    },
    node::api::QUARANTINED_CHUNKS_MAX,
    runtime::Step,
    types::{BlobId, ChunkKey, NodeId},
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Rest of a node after each page of its list, counted once the list is at its end, or once it could not be asked.
const REST: Duration = Duration::from_secs(5);

/// The step's memory; a restart begins anew.
#[derive(Debug)]
pub struct ListQuarantined {
    cluster: Cluster,
    rests_until: HashMap<NodeId, Duration>,
    walk: Option<Walk>,
}

/// Through one node's list.
#[derive(Debug)]
struct Walk {
    node: NodeId,
    after: Option<ChunkKey>,
    pages: u32,
}

impl ListQuarantined {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, rests_until: HashMap::new(), walk: None }
    }

    /// One page of one node's list.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let topology = self.cluster.membership().topology().load_full();
        let Some(mut walk) = self.walk.take().or_else(|| self.begin(&topology)) else { return Ok(Step::Idle) };
        let Some(node) = topology.node(walk.node) else { return Ok(Step::Busy) };
        walk.pages += 1;
        let asked = node.api.quarantined(self.cluster.term(), walk.after, QUARANTINED_CHUNKS_MAX).await;
        let page = match asked {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(node = %node.row.name, %error, "the node could not be asked what it has quarantined");
                self.rest(&walk);
                return Ok(Step::Busy);
            }
        };
        self.sort_out(node, &page).await?;
        if page.len() == QUARANTINED_CHUNKS_MAX as usize {
            walk.after = page.last().copied();
            self.walk = Some(walk);
        } else {
            self.rest(&walk);
        }
        Ok(Step::Busy)
    }

    /// The next node that has a list and has rested.
    fn begin(&mut self, topology: &Topology) -> Option<Walk> {
        let now = self.cluster.clock().monotonic();
        for (node, standing) in topology.nodes() {
            let Some(status) = node.vitals.status().filter(|_| standing.is_reachable()) else { continue };
            let id = node.id();
            if self.rests_until.get(&id).is_some_and(|until| now < *until) {
                continue;
            }
            if status.scrub.quarantined > 0 {
                return Some(Walk { node: id, after: None, pages: 0 });
            }
        }
        None
    }

    fn rest(&mut self, walk: &Walk) {
        self.rests_until.insert(walk.node, self.cluster.clock().monotonic() + REST * walk.pages);
    }

    /// Has repaired what is wanted from the node, and the node forget what nobody wants from it.
    async fn sort_out(&self, node: &ClusterNode, page: &[ChunkKey]) -> Result<(), ClusterError> {
        let mut blobs: Vec<BlobId> = page.iter().map(|key| key.blob).collect();
        blobs.dedup();
        // Before the metadata: what is not in flight any more is named there by now, or never will be.
        let in_flight: HashSet<BlobId> =
            blobs.iter().copied().filter(|blob| self.cluster.in_flight().contains(*blob)).collect();
        let wanted = self.cluster.metadata().wanted_copies(node.id(), &blobs).await?;
        let wanted: HashMap<BlobId, WantedCopy> = wanted.into_iter().map(|copy| (copy.blob, copy)).collect();
        let wanted_as = |key: &ChunkKey| wanted.get(&key.blob).filter(|copy| key.index < copy.chunk_count);
        let unlisted = page.iter().filter(|key| wanted_as(key).is_some_and(|copy| !copy.is_missing));
        let mut copies: Vec<BlobCopy> = unlisted.map(|key| BlobCopy { blob: key.blob, node: node.id() }).collect();
        copies.dedup();
        if !copies.is_empty() {
            tracing::warn!(node = %node.row.name, blobs = copies.len(), "the node has quarantined chunks of blobs");
            self.cluster.metadata().propose(Command::MarkMissing { copies, reason: MissingReason::Corrupt }).await?;
        }
        // A restored backup does not know all names.
        if self.cluster.metadata().needs_confirmation() {
            return Ok(());
        }
        let is_kept = |key: &ChunkKey| in_flight.contains(&key.blob) || wanted_as(key).is_some();
        let unwanted: Vec<ChunkKey> = page.iter().filter(|key| !is_kept(key)).copied().collect();
        for key in &unwanted {
            self.cluster.command_log().note_damaged(key.blob);
        }
        if !unwanted.is_empty() {
            // They come again with the next walk; a node of an older release can't forget any.
            if let Err(error) = node.api.forget_quarantined(self.cluster.term(), unwanted).await {
                tracing::debug!(node = %node.row.name, %error, "the node did not forget what nobody wants from it");
            }
        }
        Ok(())
    }
}

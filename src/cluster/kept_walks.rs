//! How far nodes' inventories were gone through (`inventory_walks`), kept with the metadata, so that a start of the gateway does
//! not begin with all of each inventory.
//!
//! What a gateway remembers of a walk ends with it: the blobs in flight that it passed over, and the suspects that wait out the
//! grace period. Behind marks that are kept nothing of the kind may lie. So a walk's marks are kept only when everything that
//! it showed and nothing named then (it is pending) has found its end: a name, or its place among what the node has dropped.
//! By induction that holds for all that lies behind the marks, because a walk builds on marks or shows everything.
//!
//! Kept marks hold for the run of the node that gave them out, and for the history of the metadata: what a restored backup does
//! not name has to be shown again. So has what another gateway wrote while it had the nodes (`kept_findings`).

use super::{
    Cluster,
    error::ClusterError,
    in_flight::InFlight,
    incarnation::Incarnation,
    inventory_walks::{Base, InventoryWalks, NextPage},
};
use crate::{
    metadata::{Command, command::SaveJobState},
    node::api::VolumeMark,
    types::{BlobId, HistoryId, NodeId},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// A job's state for each node, named by it.
pub const JOBS: &str = "inventory/";

/// Pending blobs of a node that are remembered, 2 MB. Beyond it no marks are kept until everything was gone through again.
const PENDING_MAX: usize = 100_000;

/// As it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptWalk {
    history: HistoryId,
    incarnation: Incarnation,
    marks: Vec<VolumeMark>,
    whole_due_in_seconds: u64,
}

/// The step's memory of it.
#[derive(Debug, Default)]
pub struct KeptWalks {
    is_read: bool,
    nodes: HashMap<NodeId, OfNode>,
}

#[derive(Debug, Default)]
struct OfNode {
    /// What walks have shown while nothing named it, and that has not found its end since.
    pending: HashSet<BlobId>,
    /// Something pending is not remembered.
    has_forgotten: bool,
    /// Of the last walk that has ended, to be kept once nothing is pending.
    base: Option<Base>,
    is_kept: bool,
}

/// Pending blobs that are in flight no more, on each node.
pub type Landed = HashMap<NodeId, Vec<BlobId>>;

impl KeptWalks {
    /// Reads what was kept, the first time.
    pub async fn read(&mut self, cluster: &Cluster, walks: &mut InventoryWalks) -> Result<(), ClusterError> {
        if self.is_read {
            return Ok(());
        }
        let now = cluster.clock().monotonic();
        for (name, state) in cluster.metadata().job_states(JOBS).await? {
            let node = name.strip_prefix(JOBS).and_then(|node| node.parse::<NodeId>().ok());
            let Some(node) = node else { continue };
            self.nodes.entry(node).or_default().is_kept = true;
            // What another version has written is as if it had not been.
            let Ok(kept) = serde_json::from_str::<KeptWalk>(&state) else { continue };
            if kept.history == cluster.metadata().history() {
                let whole_due = now.saturating_add(Duration::from_secs(kept.whole_due_in_seconds));
                walks.resume(node, Base::kept(kept.incarnation, kept.marks, whole_due));
            }
        }
        self.is_read = true;
        Ok(())
    }

    /// This page is about to be shown.
    pub fn note_asked(&mut self, node: NodeId, page: &NextPage) {
        if page.from.is_none() && page.after.is_empty() {
            let of_node = self.nodes.entry(node).or_default();
            *of_node = OfNode { is_kept: of_node.is_kept, ..OfNode::default() };
        }
    }

    /// The page has shown these, and nothing names them yet.
    pub fn note_pending(&mut self, node: NodeId, unnamed: Vec<BlobId>) {
        let of_node = self.nodes.entry(node).or_default();
        of_node.pending.extend(unnamed);
        of_node.has_forgotten |= of_node.pending.len() > PENDING_MAX;
        if of_node.has_forgotten {
            of_node.pending.clear();
        }
    }

    /// The walk has ended; with what the next one can build on, if with anything.
    pub fn note_end(&mut self, node: NodeId, base: Option<&Base>) {
        let of_node = self.nodes.entry(node).or_default();
        of_node.base = base.filter(|base| base.incarnation.is_unmistakable()).cloned();
    }

    /// Something of what is pending on the node was let go: nothing is kept until everything was shown again.
    pub fn needs_whole(&mut self, node: NodeId) {
        let of_node = self.nodes.entry(node).or_default();
        *of_node = OfNode { is_kept: of_node.is_kept, has_forgotten: true, ..OfNode::default() };
    }

    pub fn all_need_whole(&mut self) {
        let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        nodes.into_iter().for_each(|node| self.needs_whole(node));
    }

    /// What was pending and is in flight no more: named now, or abandoned. Asked before the abandoned are taken over, so that
    /// whatever of it was abandoned is a suspect afterwards.
    pub fn landed(&self, in_flight: &InFlight) -> Landed {
        let landed = |of_node: &OfNode| -> Vec<BlobId> {
            of_node.pending.iter().copied().filter(|blob| !in_flight.contains(*blob)).collect()
        };
        self.nodes.iter().map(|(node, of_node)| (*node, landed(of_node))).collect()
    }

    /// Of what has landed the suspects alone are still pending.
    pub fn settle(&mut self, landed: &Landed, is_suspect: impl Fn(NodeId, BlobId) -> bool) {
        for (node, blobs) in landed {
            let Some(of_node) = self.nodes.get_mut(node) else { continue };
            for blob in blobs.iter().filter(|blob| !is_suspect(*node, **blob)) {
                of_node.pending.remove(blob);
            }
        }
    }

    /// Keeps the marks behind which everything has found its end.
    pub async fn keep(&mut self, cluster: &Cluster) -> Result<(), ClusterError> {
        for (node, of_node) in &mut self.nodes {
            if of_node.has_forgotten || !of_node.pending.is_empty() || cluster.strays().has(*node) {
                continue;
            }
            let Some(base) = of_node.base.take() else { continue };
            let whole_due_in = base.whole_due.saturating_sub(cluster.clock().monotonic());
            let kept = KeptWalk {
                history: cluster.metadata().history(),
                incarnation: base.incarnation,
                marks: base.marks,
                whole_due_in_seconds: whole_due_in.as_secs(),
            };
            let state = serde_json::to_string(&kept).map_err(|error| ClusterError::Metadata(error.to_string()))?;
            of_node.is_kept = true;
            save(cluster, *node, Some(state)).await?;
        }
        Ok(())
    }

    /// The nodes are gone: when they are back everything is gone through, by another gateway too.
    pub async fn forget(&mut self, cluster: &Cluster, gone: Vec<NodeId>) -> Result<(), ClusterError> {
        for node in gone {
            if self.nodes.get(&node).is_some_and(|of_node| of_node.is_kept) {
                save(cluster, node, None).await?;
            }
            self.nodes.remove(&node);
        }
        Ok(())
    }
}

async fn save(cluster: &Cluster, node: NodeId, state: Option<String>) -> Result<(), ClusterError> {
    let job = SaveJobState { name: format!("{JOBS}{node}"), state };
    cluster.metadata().propose(Command::SaveJobState(job)).await?;
    Ok(())
}

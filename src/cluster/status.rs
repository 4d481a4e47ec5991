//! How the nodes stand, for the operator, and counters for metrics.

use super::{budget::Share, handle::Cluster, node_life::Standing};
use crate::{metadata::rows::Node, node::api::NodeStatus, types::NodeId};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// A node as the gateway sees it now.
#[derive(Clone, Debug)]
pub struct NodeView {
    pub row: Arc<Node>,
    pub standing: Standing,
    /// Time since it was last heard of; `None` when it was not since the gateway's start.
    pub silence: Option<Duration>,
    /// What it last said of itself.
    pub status: Option<Arc<NodeStatus>>,
    /// Where another process is that says it is this node, and was refused.
    pub refused_claim: Option<String>,
    /// Whether its copies are in doubt, or not yet counted since its start.
    pub is_in_doubt: bool,
    /// Volumes of it that were found to have gone back in time, since this gateway's start.
    pub rolled_back: u64,
    /// Groups that it is a member of.
    pub group_count: usize,
    /// Groups that it left and may still hold copies of.
    pub left_group_count: usize,
}

impl NodeView {
    /// Whether it has been heard of by this gateway, and is not silent or failed now.
    pub fn is_there(&self) -> bool {
        self.standing.is_alive() && self.silence.is_some()
    }
}

/// Counters since the start, and gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterStats {
    /// Pieces of memory (`runtime::PIECE_LENGTH_BYTES`) in use.
    pub upload_pieces: u32,
    pub download_pieces: u32,
    pub blobs_in_flight: u64,
    pub reads_under_way: u64,
    /// Fetches answered at once from the cache of a node in this process, and those that waited for nodes.
    pub inline_fetches: u64,
    pub waited_fetches: u64,
    pub hedged_fetches: u64,
    pub failed_over_fetches: u64,
    /// Copies that reads found missing or wrong.
    pub bad_copies_met: u64,
    /// Counted once a node.
    pub blobs_reclaimed: u64,
    /// Volumes found to have gone back in time.
    pub rolled_back_volumes: u64,
}

impl Cluster {
    pub fn stats(&self) -> ClusterStats {
        let reads = &self.reads().stats;
        ClusterStats {
            upload_pieces: self.budget().used(Share::Upload),
            download_pieces: self.budget().used(Share::Download),
            blobs_in_flight: self.in_flight().count() as u64,
            reads_under_way: self.registry().count(),
            inline_fetches: reads.inline.load(Ordering::Relaxed),
            waited_fetches: reads.waited.load(Ordering::Relaxed),
            hedged_fetches: reads.hedged.load(Ordering::Relaxed),
            failed_over_fetches: reads.failed_over.load(Ordering::Relaxed),
            bad_copies_met: self.reads().bad_copies.count(),
            blobs_reclaimed: self.reclaimer().dropped_count(),
            rolled_back_volumes: self.membership().rolled_back_count(),
        }
    }

    /// Every node that ever registered, in the order of their names.
    pub fn nodes(&self) -> Vec<NodeView> {
        let topology = self.membership().topology().load();
        let now = self.clock().monotonic();
        let mut group_counts = HashMap::new();
        for member in topology.groups().flat_map(|group| &group.members) {
            *group_counts.entry(member.id()).or_default() += 1;
        }
        let mut left_counts: HashMap<NodeId, usize> = HashMap::new();
        for former in topology.groups().flat_map(|group| &group.former) {
            *left_counts.entry(former.id()).or_default() += 1;
        }
        let mut views: Vec<NodeView> = topology
            .nodes()
            .map(|(node, standing)| NodeView {
                row: node.row.clone(),
                standing,
                silence: node.vitals.was_heard().then(|| node.vitals.silence(now)),
                refused_claim: node.vitals.refused_claim.standing(now, self.settings().suspect_after.0),
                is_in_doubt: node.vitals.status().is_some_and(|status| self.doubts().concern(&status)),
                rolled_back: self.doubts().rolled_back(node.id()),
                status: node.vitals.status(),
                group_count: group_counts.get(&node.id()).copied().unwrap_or(0),
                left_group_count: left_counts.get(&node.id()).copied().unwrap_or(0),
            })
            .collect();
        views.sort_by(|one, other| (&one.row.name, one.row.node).cmp(&(&other.row.name, other.row.node)));
        views
    }
}

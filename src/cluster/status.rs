//! How the nodes stand, for the operator.

use super::{handle::Cluster, topology::Standing};
use crate::{metadata::rows::Node, node::api::NodeStatus};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// A node as the gateway sees it now.
#[derive(Clone, Debug)]
pub struct NodeView {
    pub row: Arc<Node>,
    pub standing: Standing,
    /// Time since it was last heard of; `None` when it was not since the gateway's start.
    pub silence: Option<Duration>,
    /// What it last said of itself.
    pub status: Option<Arc<NodeStatus>>,
    /// Groups that it is a member of.
    pub group_count: usize,
}

impl Cluster {
    /// Every node that ever registered, in the order of their names.
    pub fn nodes(&self) -> Vec<NodeView> {
        let topology = self.membership().topology().load();
        let now = self.clock().monotonic();
        let mut group_counts = HashMap::new();
        for member in topology.groups().flat_map(|group| &group.members) {
            *group_counts.entry(member.id()).or_default() += 1;
        }
        let mut views: Vec<NodeView> = topology
            .nodes()
            .map(|(node, standing)| NodeView {
                row: node.row.clone(),
                standing,
                silence: node.vitals.was_heard().then(|| node.vitals.silence(now)),
                status: node.vitals.status(),
                group_count: group_counts.get(&node.id()).copied().unwrap_or(0),
            })
            .collect();
        views.sort_by(|one, other| (&one.row.name, one.row.node).cmp(&(&other.row.name, other.row.node)));
        views
    }
}

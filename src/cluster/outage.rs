//! What it would mean if some nodes went now, and of what a node has the last copy. Both are walks over the metadata
//! (`outage_walk`), with another view of what counts (`copies_left`).

use super::{
    Cluster,
    cluster_node::ClusterNode,
    copies_left::{Holders, Question, Scene},
    error::ClusterError,
    node_life::Standing,
    outage_toll::{Outage, WriteOutlook},
    outage_walk::{OutageWalk, WalkLimits},
    regroup,
    topology::Topology,
};
use crate::{metadata::command::NodeDuty, types::NodeId};
use std::{collections::HashSet, sync::Arc};

/// Blobs that nodes are asked for: some seconds of their work.
const ASKED_MAX: usize = 5000;

impl Cluster {
    /// What it would mean if the nodes `down` went now. Names at most `list` objects of each kind.
    pub async fn outage(&self, down: HashSet<NodeId>, list: usize) -> Result<Outage, ClusterError> {
        let topology = self.membership().topology().load_full();
        let writes = self.write_outlook(&topology, &down);
        let limits = WalkLimits { named: list, asked: ASKED_MAX };
        let outage = OutageWalk::new(self, scene(&topology, down), limits).run().await?;
        Ok(Outage { writes, ..outage })
    }

    /// What is nowhere else than on this node, as far as can be known: what it may have, and nobody else is known to have.
    /// Where it is silent it counts as having all that it may have. `now` is with the node, `then` without it; only what it
    /// has the last copy of is named.
    pub async fn last_copies_on(&self, node: NodeId, list: usize) -> Result<Outage, ClusterError> {
        self.last_copies_within(node, WalkLimits { named: list, asked: ASKED_MAX }).await
    }

    pub(super) async fn last_copies_within(&self, node: NodeId, limits: WalkLimits) -> Result<Outage, ClusterError> {
        let topology = self.membership().topology().load_full();
        let mut scene = scene(&topology, HashSet::from([node]));
        scene.question = Question::LastCopiesOn(node);
        scene.believed = scene.up.insert(node).then_some(node);
        let others = topology.nodes().filter(|(other, _)| other.id() != node);
        let is_doubtful = |(other, standing): &(&Arc<ClusterNode>, Standing)| {
            *standing == Standing::Frozen || other.vitals.status().is_some_and(|status| self.doubts().concern(&status))
        };
        scene.doubtful = others.filter(is_doubtful).map(|(other, _)| other.id()).collect();
        OutageWalk::new(self, scene, limits).run().await
    }

    fn write_outlook(&self, topology: &Topology, down: &HashSet<NodeId>) -> WriteOutlook {
        let mut outlook = WriteOutlook { replicas: usize::from(self.settings().replicas), ..WriteOutlook::default() };
        for group in topology.groups() {
            let members = group.writable.iter().filter_map(|position| group.members.get(position));
            let staying = members.filter(|member| !down.contains(&member.id())).count();
            outlook.groups += 1;
            outlook.writable_groups += usize::from(staying >= topology.required(group));
        }
        let staying = topology.nodes().filter(|(node, standing)| {
            standing.is_alive() && node.row.duty == NodeDuty::Serving && !down.contains(&node.id())
        });
        outlook.serving_nodes = staying.count();
        outlook.halt = regroup::halt_without(topology, down);
        outlook
    }
}

/// Silent nodes give nothing: what they hold is not there now.
fn scene(topology: &Topology, down: HashSet<NodeId>) -> Scene {
    let is_there = |(node, standing): &(&Arc<ClusterNode>, Standing)| standing.is_alive() && node.vitals.was_heard();
    let up = topology.nodes().filter(is_there).map(|(node, _)| node.id()).collect();
    let groups = topology.groups().map(|group| (group.group, Holders::of(group))).collect();
    Scene { groups, up, down, ..Scene::default() }
}

//! A storage node as the operator's API shows it.

use crate::{
    admin::NodeReport,
    cluster::{Cluster, NodeView, Standing},
    node::api::{VolumeState, VolumeStatus},
};

/// Sums the node's volumes; a node that has not spoken since the gateway's start has only what the metadata knows.
pub fn node_report(view: &NodeView, drain_waits_for: Option<String>) -> NodeReport {
    let volumes = view.status.as_ref().map_or(&[][..], |status| &status.volumes);
    let sum = |of: fn(&VolumeStatus) -> u64| volumes.iter().map(of).sum::<u64>();
    NodeReport {
        name: view.row.name.clone(),
        node: view.row.node.to_string(),
        address: view.row.address.clone(),
        zone: view.row.zone.clone(),
        state: view.standing.name().0.to_owned(),
        reason: view.standing.name().1.map(str::to_owned),
        capacity: if volumes.is_empty() { view.row.capacity } else { sum(|volume| volume.capacity) },
        used: sum(|volume| volume.used),
        free: sum(|volume| volume.free),
        live: sum(|volume| volume.live),
        load: view.status.as_ref().map_or(0, |status| status.load),
        chunks: sum(|volume| volume.chunks),
        index_bytes: sum(|volume| volume.index_bytes),
        groups: u32::try_from(view.group_count).unwrap_or(u32::MAX),
        groups_left: u32::try_from(view.left_group_count).unwrap_or(u32::MAX),
        last_heartbeat_age_ms: view.silence.map(|silence| u64::try_from(silence.as_millis()).unwrap_or(u64::MAX)),
        volumes: volumes.iter().map(|volume| describe(&volume.state)).collect(),
        rolled_back: view.rolled_back,
        drain_waits_for,
    }
}

/// Drains that don't go on, and why: a line each.
pub fn waiting_drains(cluster: &Cluster, nodes: &[NodeView]) -> Vec<String> {
    let waits = |node: &NodeView| {
        cluster.drain_waits_for(node).map(|obstacle| format!("the drain of {} waits: {obstacle}", node.row.name))
    };
    nodes.iter().filter_map(waits).collect()
}

/// Nodes that may still hold something of groups which they have left: a line each.
pub fn groups_left(nodes: &[NodeView]) -> Vec<String> {
    let has_left = nodes.iter().filter(|node| node.left_group_count > 0);
    has_left
        .map(|node| format!("{} may hold copies of {} groups that it has left", node.row.name, node.left_group_count))
        .collect()
}

/// The state's name, with what it comes from where that is not in the name.
pub fn standing_in_words(standing: Standing) -> String {
    match standing.name() {
        (state, None) => state.to_owned(),
        (state, Some(reason)) => format!("{state} ({reason})"),
    }
}

fn describe(state: &VolumeState) -> String {
    match state {
        VolumeState::Writable => "writable".into(),
        VolumeState::Full => "full".into(),
        VolumeState::Frozen { reason } => format!("frozen: {reason}"),
    }
}

//! Which groups of nodes there are, and which share of new writes each group gets. Pure functions.
//!
//! Fixed groups instead of random sets of nodes: with random sets on many nodes, almost any few nodes that fail together
//! hold some chunk alone ("Copysets: Reducing the Frequency of Data Loss in Cloud Storage", Cidon et al., 2013).
//!
//! A join makes new groups that all contain the newcomer, `groups_per_node` of them. Groups that existed stay as they
//! are, so no data moves. That alone would not give the newcomer its share of new writes: to have it by the number of groups,
//! their number would have to grow with the cube of the number of nodes. So groups carry weights: they are drawn for
//! writes in proportions by which each node's share of new copies follows its capacity.

use crate::types::NodeId;
use std::collections::{HashMap, HashSet};

/// What placement needs to know of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedNode {
    pub node: NodeId,
    pub zone: String,
    /// Bytes.
    pub capacity: u64,
    /// The file system that it stands on; nodes on one share its capacity.
    pub device: Option<String>,
}

/// How much of the cluster's new copies each node should get: in proportion to its capacity. Nodes on one file system share one
/// capacity. No node can hold more than one copy of a chunk, so none gets more than 1 / `replicas`; what a huge node
/// can't take is spread over the others. Sums to 1 when there are at least `replicas` nodes with capacity.
pub fn target_shares(nodes: &[PlacedNode], replicas: usize) -> Vec<f64> {
    let capacities = effective_capacities(nodes);
    let share_max = 1.0 / replicas.max(1) as f64;
    let mut shares = vec![0.0; nodes.len()];
    let mut is_capped = vec![false; nodes.len()];
    // Each round caps at least one node or is the last.
    for _ in 0..=nodes.len() {
        let capped_count = is_capped.iter().filter(|capped| **capped).count();
        let left = 1.0 - share_max * capped_count as f64;
        let open: f64 = capacities.iter().zip(&is_capped).filter(|(_, capped)| !**capped).map(|(c, _)| c).sum();
        let mut has_new_cap = false;
        for i in 0..nodes.len() {
            if is_capped[i] {
                continue;
            }
            shares[i] = if open > 0.0 { left * capacities[i] / open } else { 0.0 };
            if shares[i] > share_max {
                (shares[i], is_capped[i], has_new_cap) = (share_max, true, true);
            }
        }
        if !has_new_cap {
            break;
        }
    }
    shares
}

/// Nodes on one file system each count for their part of it. A node that says nothing of its capacity counts a byte.
fn effective_capacities(nodes: &[PlacedNode]) -> Vec<f64> {
    let mut on_device: HashMap<&str, u64> = HashMap::new();
    for device in nodes.iter().filter_map(|node| node.device.as_deref()) {
        *on_device.entry(device).or_insert(0) += 1;
    }
    let sharing = |node: &PlacedNode| node.device.as_deref().and_then(|device| on_device.get(device)).copied();
    nodes.iter().map(|node| node.capacity.max(1) as f64 / sharing(node).unwrap_or(1) as f64).collect()
}

/// The groups to create now: as many as it takes for each node to be in `groups_per_node`, none when all are, and never more
/// in all than that many for each node: nodes that come back after they were replaced would else bring new groups each time.
/// `groups` are the members of those that exist with the same number of replicas. Fewer nodes than replicas: none.
pub fn plan_groups(
    nodes: &[PlacedNode],
    groups: &[Vec<NodeId>],
    replicas: usize,
    groups_per_node: usize,
) -> Vec<Vec<NodeId>> {
    if replicas == 0 || nodes.len() < replicas {
        return Vec::new();
    }
    let groups_max = groups_per_node * nodes.len();
    let capacities = effective_capacities(nodes);
    let mut memberships: Vec<usize> =
        nodes.iter().map(|node| groups.iter().filter(|members| members.contains(&node.node)).count()).collect();
    let mut planned = Vec::new();
    for newcomer in 0..nodes.len() {
        // Partners follow capacity within each newcomer's own groups: a big newcomer is in most groups drawn, and then it
        // is these that must give the others their shares.
        let mut partnerships = vec![0; nodes.len()];
        while memberships[newcomer] < groups_per_node && groups.len() + planned.len() < groups_max {
            let members = choose_members(nodes, &capacities, &partnerships, newcomer, replicas);
            for &member in &members {
                memberships[member] += 1;
                partnerships[member] += 1;
            }
            planned.push(members.into_iter().map(|member| nodes[member].node).collect());
        }
    }
    planned
}

/// The newcomer and `replicas - 1` others: in zones that the group doesn't have yet where possible, on devices that it
/// doesn't have yet where possible, and of these the one that has the fewest partnerships for its capacity.
fn choose_members(
    nodes: &[PlacedNode],
    capacities: &[f64],
    partnerships: &[usize],
    newcomer: usize,
    replicas: usize,
) -> Vec<usize> {
    let mut members = vec![newcomer];
    while members.len() < replicas {
        let clashes = |candidate: usize| {
            let (mut zone, mut device) = (false, false);
            for &member in &members {
                zone |= nodes[member].zone == nodes[candidate].zone;
                device |= nodes[member].device.is_some() && nodes[member].device == nodes[candidate].device;
            }
            (zone, device)
        };
        let crowding = |candidate: usize| (partnerships[candidate] + 1) as f64 / capacities[candidate];
        let best = (0..nodes.len())
            .filter(|candidate| !members.contains(candidate))
            .min_by(|a, b| clashes(*a).cmp(&clashes(*b)).then(crowding(*a).total_cmp(&crowding(*b))));
        let Some(best) = best else { break };
        members.push(best);
    }
    members
}

/// Number of different zones among the members.
pub fn zone_count<'a>(zones: impl Iterator<Item = &'a str>) -> usize {
    zones.collect::<HashSet<_>>().len()
}

/// Bound of the rounds of `group_weights`. Most tables of the tests take ten; only where a group's weight goes to 0 does
/// the scaling creep.
const SCALING_ROUNDS_MAX: usize = 300;
/// A share this near to its target is near enough: less than the chance of the draws makes out over 10 000 writes.
const SHARE_ERROR_MAX: f64 = 0.002;

/// How often each group should be drawn, so that each node's share of all memberships drawn comes as near to its target as
/// these groups allow. Iterative proportional fitting: each round scales a group by how far its members are off. Sums
/// to 1. `groups` hold positions in `targets`; none of them is empty.
pub fn group_weights(groups: &[Vec<usize>], targets: &[f64]) -> Vec<f64> {
    let mut weights = vec![1.0 / groups.len().max(1) as f64; groups.len()];
    for _ in 0..SCALING_ROUNDS_MAX {
        let shares = node_shares(groups, &weights, targets.len());
        if shares.iter().zip(targets).all(|(share, target)| (share - target).abs() < SHARE_ERROR_MAX) {
            break;
        }
        for (weight, members) in weights.iter_mut().zip(groups) {
            let off = |node: &usize| if shares[*node] > 0.0 { targets[*node] / shares[*node] } else { 1.0 };
            let product: f64 = members.iter().map(off).product();
            *weight *= product.powf(1.0 / members.len() as f64);
        }
        let sum: f64 = weights.iter().sum();
        if !(sum.is_finite() && sum > 0.0) {
            return vec![1.0 / groups.len().max(1) as f64; groups.len()];
        }
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
    weights
}

/// Each node's share of the copies when groups are drawn by `weights`.
fn node_shares(groups: &[Vec<usize>], weights: &[f64], node_count: usize) -> Vec<f64> {
    let mut shares = vec![0.0; node_count];
    for (weight, members) in weights.iter().zip(groups) {
        for &member in members {
            shares[member] += weight / members.len() as f64;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> NodeId {
        NodeId::from_bytes([u8::try_from(number).unwrap(); 16])
    }

    /// (zone, capacity) of each node.
    fn nodes(table: &[(&str, u64)]) -> Vec<PlacedNode> {
        let node = |(i, (zone, capacity)): (usize, &(&str, u64))| PlacedNode {
            node: id(i),
            zone: (*zone).to_owned(),
            capacity: *capacity,
            device: None,
        };
        table.iter().enumerate().map(node).collect()
    }

    /// Lets the nodes join one after the other and returns the groups at the end.
    fn joined(nodes: &[PlacedNode], replicas: usize) -> Vec<Vec<NodeId>> {
        let mut groups = Vec::new();
        for count in 1..=nodes.len() {
            groups.extend(plan_groups(&nodes[..count], &groups, replicas, 64));
            assert!(plan_groups(&nodes[..count], &groups, replicas, 64).is_empty(), "a second plan has nothing to add");
        }
        groups
    }

    fn positions(groups: &[Vec<NodeId>], nodes: &[PlacedNode]) -> Vec<Vec<usize>> {
        let position = |id: &NodeId| nodes.iter().position(|node| node.node == *id).unwrap();
        groups.iter().map(|members| members.iter().map(position).collect()).collect()
    }

    fn assert_shares_follow_targets(nodes: &[PlacedNode], replicas: usize, case: &str) {
        let groups = positions(&joined(nodes, replicas), nodes);
        let targets = target_shares(nodes, replicas);
        assert!((targets.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{case}: {targets:?}");
        let shares = node_shares(&groups, &group_weights(&groups, &targets), nodes.len());
        for (share, target) in shares.iter().zip(&targets) {
            assert!((share - target).abs() < 0.01, "{case}: {shares:?} instead of {targets:?}");
        }
    }

    #[test]
    fn shares_of_new_writes_follow_capacity_after_every_join() {
        let even = |count: usize| nodes(&vec![("z", 100); count]);
        assert_shares_follow_targets(&even(3), 3, "3 nodes");
        assert_shares_follow_targets(&even(4), 3, "3 to 4");
        assert_shares_follow_targets(&even(7), 3, "4 to 7");
        assert_shares_follow_targets(&even(30), 3, "3 to 30");
        assert_shares_follow_targets(&even(5), 2, "two replicas");
        assert_shares_follow_targets(&even(5), 1, "one replica");
        assert_shares_follow_targets(&nodes(&[("z", 100), ("z", 100), ("z", 100), ("z", 200)]), 3, "a big newcomer");
        assert_shares_follow_targets(&nodes(&[("z", 100), ("z", 100), ("z", 100), ("z", 25)]), 3, "a small newcomer");
        assert_shares_follow_targets(&nodes(&[("z", 1), ("z", 1), ("z", 1), ("z", 900)]), 3, "more than it can take");
        let mixed = [("z", 100), ("z", 300), ("z", 200), ("z", 200), ("z", 50), ("z", 400)];
        assert_shares_follow_targets(&nodes(&mixed), 3, "unequal");
    }

    #[test]
    fn the_newcomer_is_in_every_new_group_and_old_groups_stay() {
        let nodes = nodes(&[("z", 100); 4]);
        let before = joined(&nodes[..3], 3);
        assert_eq!(before.len(), 64);
        let added = plan_groups(&nodes, &before, 3, 64);
        assert_eq!(added.len(), 64);
        assert!(added.iter().all(|members| members.contains(&id(3)) && members.len() == 3));
    }

    #[test]
    fn members_stand_in_different_zones_where_there_are_enough() {
        let zoned = nodes(&[("a", 100), ("b", 100), ("c", 100), ("a", 100), ("b", 100), ("c", 100)]);
        let zone_of = |id: &NodeId| zoned.iter().find(|node| node.node == *id).unwrap().zone.as_str();
        for members in joined(&zoned, 3) {
            assert_eq!(zone_count(members.iter().map(zone_of)), 3, "{members:?}");
        }
        assert_shares_follow_targets(&zoned, 3, "three zones of two");
        let two = nodes(&[("a", 100), ("a", 100), ("b", 100), ("b", 100)]);
        let zone_of = |id: &NodeId| two.iter().find(|node| node.node == *id).unwrap().zone.as_str();
        for members in joined(&two, 3) {
            assert_eq!(zone_count(members.iter().map(zone_of)), 2, "as many zones as there are");
        }
    }

    #[test]
    fn there_are_no_groups_before_there_are_enough_nodes() {
        assert!(joined(&nodes(&[("z", 100), ("z", 100)]), 3).is_empty());
        assert_eq!(joined(&nodes(&[("z", 100)]), 1).len(), 64);
    }

    #[test]
    fn nodes_on_one_device_share_its_capacity() {
        let mut shared = nodes(&[("z", 100), ("z", 100), ("z", 100), ("z", 100)]);
        shared[0].device = Some("disk".into());
        shared[1].device = Some("disk".into());
        let shares = target_shares(&shared, 2);
        let expected = [50.0 / 300.0, 50.0 / 300.0, 100.0 / 300.0, 100.0 / 300.0];
        assert!(shares.iter().zip(expected).all(|(share, expected)| (share - expected).abs() < 1e-9), "{shares:?}");
    }
}

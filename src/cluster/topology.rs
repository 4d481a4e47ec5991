//! The nodes and groups as they stand now: a snapshot, made anew whenever a node joins, falls silent, is shunned, fills up
//! or comes back, and the choice of a group for a write. Pure: what it is made of is passed in.

use super::{
    cluster_node::ClusterNode,
    error::ClusterError,
    member_set::MemberSet,
    node_life::Standing,
    placement::{PlacedNode, group_weights, target_shares, zone_count},
    settings::WriteAcks,
};
use crate::{
    metadata::rows::Group,
    runtime::Random,
    types::{Epoch, GroupId, NodeId},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// A placement group with its members as they stand.
#[derive(Clone, Debug)]
pub struct PlacedGroup {
    pub group: GroupId,
    pub epoch: Epoch,
    pub members: Vec<Arc<ClusterNode>>,
    /// Members that can be written to, as of this snapshot.
    pub writable: MemberSet,
    /// Members that came back and are not trusted yet: written to when there are not enough others.
    spare: MemberSet,
    /// Whether a member is being drained.
    has_draining: bool,
    /// Nodes that left it and may still hold copies of what was written before.
    pub former: Vec<Arc<ClusterNode>>,
    /// The member that does not hold everything yet.
    pub arriving: Option<Arrival>,
}

/// A member that came into its group after data was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub node: NodeId,
    /// Whether all that it lacks is on the repair list.
    pub is_listed: bool,
}

impl PlacedGroup {
    fn is_whole(&self) -> bool {
        self.writable.count() == self.members.len() && !self.has_draining
    }

    /// Whoever may hold a copy: the members, those that left behind them.
    pub fn holders(&self) -> impl Iterator<Item = &Arc<ClusterNode>> {
        self.members.iter().chain(&self.former)
    }

    pub fn has_member(&self, node: NodeId) -> bool {
        self.members.iter().any(|member| member.id() == node)
    }

    /// Whether the node should hold every blob of the group: one that arrives holds as much as was sent so far.
    pub fn should_be_whole_on(&self, node: NodeId) -> bool {
        self.has_member(node) && self.arriving.is_none_or(|arrival| arrival.node != node)
    }

    fn zones(&self) -> usize {
        zone_count(self.members.iter().map(|member| member.row.zone.as_str()))
    }

    /// The smaller the better: the busiest member's load, then the fullest member's fullness.
    fn burden(&self) -> (u32, u64) {
        let load = self.members.iter().map(|member| member.vitals.load()).max().unwrap_or(0);
        let fullness = self.members.iter().map(|member| member.vitals.fullness_twentieths()).max().unwrap_or(0);
        (load, fullness)
    }
}

/// Groups to draw from, by weight.
#[derive(Debug, Default)]
struct Urn {
    groups: Vec<Arc<PlacedGroup>>,
    /// Running sums of the weights; the last is 1.
    cumulative: Vec<f64>,
}

impl Urn {
    fn new(groups: Vec<Arc<PlacedGroup>>, nodes: &[PlacedNode], replicas: usize) -> Self {
        let position: HashMap<NodeId, usize> = nodes.iter().enumerate().map(|(i, node)| (node.node, i)).collect();
        let members = |group: &Arc<PlacedGroup>| -> Vec<usize> {
            group.members.iter().filter_map(|member| position.get(&member.id()).copied()).collect()
        };
        let members: Vec<Vec<usize>> = groups.iter().map(members).collect();
        let mut sum = 0.0;
        let weights = group_weights(&members, &target_shares(nodes, replicas));
        let cumulative = weights.iter().map(|weight| {
            sum += weight;
            sum
        });
        Self { cumulative: cumulative.collect(), groups }
    }

    fn draw(&self, random: &dyn Random) -> Option<&Arc<PlacedGroup>> {
        let at = random.next_u64() as f64 / u64::MAX as f64;
        let position = self.cumulative.partition_point(|sum| *sum < at);
        self.groups.get(position).or(self.groups.last())
    }

    /// Two random groups, the better of them (Mitzenmacher, "The power of two choices in randomized load balancing").
    fn draw_better(&self, random: &dyn Random) -> Option<&Arc<PlacedGroup>> {
        let (one, other) = (self.draw(random)?, self.draw(random)?);
        Some(if other.burden() < one.burden() { other } else { one })
    }
}

/// A snapshot.
#[derive(Debug, Default)]
pub struct Topology {
    nodes: HashMap<NodeId, (Arc<ClusterNode>, Standing)>,
    groups: HashMap<GroupId, Arc<PlacedGroup>>,
    /// Groups in which every member can be written to, spread over as many zones as any of these is.
    whole: Urn,
    /// Groups in which enough members can be written to.
    sufficient: Urn,
    replicas: usize,
    write_acks: WriteAcks,
}

impl Topology {
    /// `nodes` in the order in which they registered. Groups that name a node that isn't there are left out: their
    /// members can't all be called.
    pub fn new(
        nodes: Vec<(Arc<ClusterNode>, Standing)>,
        groups: &[Group],
        replicas: usize,
        write_acks: WriteAcks,
    ) -> Self {
        let placed_nodes: Vec<PlacedNode> =
            nodes.iter().filter(|(_, standing)| standing.keeps_groups()).map(|(node, _)| placed(node)).collect();
        let nodes: HashMap<_, _> = nodes.into_iter().map(|(node, standing)| (node.id(), (node, standing))).collect();
        let groups: Vec<Arc<PlacedGroup>> =
            groups.iter().filter_map(|group| place(group, &nodes)).map(Arc::new).collect();
        let enough = |group: &&Arc<PlacedGroup>| {
            group.writable.count() >= write_acks.required(group.members.len()) && !group.is_whole()
        };
        let sufficient = groups.iter().filter(enough).cloned().collect();
        let zones_max = groups.iter().filter(|group| group.is_whole()).map(|group| group.zones()).max().unwrap_or(0);
        let whole = groups.iter().filter(|group| group.is_whole() && group.zones() == zones_max).cloned().collect();
        Self {
            whole: Urn::new(whole, &placed_nodes, replicas),
            sufficient: Urn::new(sufficient, &placed_nodes, replicas),
            groups: groups.into_iter().map(|group| (group.group, group)).collect(),
            nodes,
            replicas,
            write_acks,
        }
    }

    /// A group for a write that does without `failed`: nodes that just failed under the writer, whatever they seem to be.
    /// Also says which members to write to.
    pub fn choose_group(
        &self,
        random: &dyn Random,
        failed: &[NodeId],
    ) -> Result<(Arc<PlacedGroup>, MemberSet), ClusterError> {
        for urn in [&self.whole, &self.sufficient] {
            for _ in 0..DRAWS_MAX {
                let Some(group) = urn.draw_better(random) else { break };
                let members = usable(group, failed);
                if members == group.writable {
                    return Ok((group.clone(), members));
                }
            }
        }
        self.least_damaged_group(failed)
    }

    /// The group that keeps the most members without the failed ones. Looks at all of them: this is the rare case.
    fn least_damaged_group(&self, failed: &[NodeId]) -> Result<(Arc<PlacedGroup>, MemberSet), ClusterError> {
        for reach in [usable, usable_in_need] {
            let sets = self.groups.values().map(|group| (group, reach(group, failed)));
            if let Some((group, members)) = sets.max_by_key(|(_, set)| set.count())
                && members.count() >= self.required(group)
            {
                return Ok((group.clone(), members));
            }
        }
        Err(self.why_not_writable())
    }

    /// How many members must have a chunk durable.
    pub fn required(&self, group: &PlacedGroup) -> usize {
        self.write_acks.required(group.members.len())
    }

    /// Whether a write of `length` bytes can succeed now.
    pub fn can_write(&self, length: u64) -> Result<(), ClusterError> {
        if self.whole.groups.is_empty() {
            self.least_damaged_group(&[])?;
        }
        if length >= ROOM_CHECKED_FROM_BYTES && self.room() < length {
            return Err(ClusterError::NoRoom);
        }
        Ok(())
    }

    /// About how many bytes of objects still find room: the free bytes of all file systems, by the number of copies. Nodes
    /// that have not said count as having room.
    fn room(&self) -> u64 {
        let mut by_device: HashMap<String, u64> = HashMap::new();
        for (node, _) in self.nodes.values() {
            let Some(status) = node.vitals.status() else { return u64::MAX };
            // A node's volumes share out what their file system has; each node speaks of all of it.
            let mut own: HashMap<&str, u64> = HashMap::new();
            for volume in &status.volumes {
                *own.entry(&volume.device).or_default() += volume.free;
            }
            for (device, own) in own {
                let free = by_device.entry(device.to_owned()).or_default();
                *free = (*free).max(own);
            }
        }
        by_device.values().sum::<u64>() / self.replicas.max(1) as u64
    }

    fn why_not_writable(&self) -> ClusterError {
        let alive = self.nodes.values().filter(|(_, standing)| standing.is_reachable());
        let (mut alive_count, mut has_full) = (0, false);
        for (_, standing) in alive {
            alive_count += 1;
            has_full |= *standing == Standing::Full;
        }
        let needed = if self.groups.is_empty() { self.replicas } else { self.write_acks.required(self.replicas) };
        if has_full && alive_count >= needed {
            return ClusterError::NoRoom;
        }
        ClusterError::NotEnoughNodes { needed, alive: alive_count }
    }

    pub fn node(&self, node: NodeId) -> Option<&Arc<ClusterNode>> {
        self.nodes.get(&node).map(|(node, _)| node)
    }

    pub fn standing(&self, node: NodeId) -> Option<Standing> {
        self.nodes.get(&node).map(|(_, standing)| *standing)
    }

    pub fn nodes(&self) -> impl Iterator<Item = (&Arc<ClusterNode>, Standing)> {
        self.nodes.values().map(|(node, standing)| (node, *standing))
    }

    pub fn group(&self, group: GroupId) -> Option<&Arc<PlacedGroup>> {
        self.groups.get(&group)
    }

    /// The groups of which the node should hold every blob.
    pub fn groups_held_by(&self, node: NodeId) -> HashSet<GroupId> {
        self.groups().filter(|group| group.should_be_whole_on(node)).map(|group| group.group).collect()
    }

    pub fn groups(&self) -> impl Iterator<Item = &Arc<PlacedGroup>> {
        self.groups.values()
    }
}

/// Shorter writes are not held against the room that is left: nodes say `Full` early enough.
const ROOM_CHECKED_FROM_BYTES: u64 = 64 << 20;

/// Draws before every group is looked at: with one node in three failed, eight draws miss once in 3 000 writes.
const DRAWS_MAX: u32 = 8;

fn usable(group: &PlacedGroup, failed: &[NodeId]) -> MemberSet {
    group.writable.iter().filter(|position| !failed.contains(&group.members[*position].id())).collect()
}

fn usable_in_need(group: &PlacedGroup, failed: &[NodeId]) -> MemberSet {
    let members = group.writable.iter().chain(group.spare.iter());
    members.filter(|position| !failed.contains(&group.members[*position].id())).collect()
}

/// What placement needs to know of the node.
pub fn placed(node: &ClusterNode) -> PlacedNode {
    PlacedNode {
        node: node.id(),
        zone: node.row.zone.clone(),
        capacity: node.row.capacity,
        device: node.row.device.clone(),
    }
}

fn place(group: &Group, nodes: &HashMap<NodeId, (Arc<ClusterNode>, Standing)>) -> Option<PlacedGroup> {
    let found: Option<Vec<_>> = group.members.iter().map(|member| nodes.get(member)).collect();
    let found = found?;
    let those = |is_one: fn(Standing) -> bool| -> MemberSet {
        let chosen = found.iter().enumerate().filter(|(_, (_, standing))| is_one(*standing));
        chosen.map(|(position, _)| position).collect()
    };
    let former = group.former.iter().filter_map(|former| nodes.get(former)).map(|(node, _)| node.clone());
    Some(PlacedGroup {
        group: group.group,
        epoch: group.epoch,
        writable: those(Standing::is_writable),
        spare: those(|standing| standing == Standing::Returning),
        has_draining: found.iter().any(|(_, standing)| *standing == Standing::Draining),
        members: found.into_iter().map(|(node, _)| node.clone()).collect(),
        former: former.collect(),
        arriving: group.arriving.map(|node| Arrival { node, is_listed: group.is_listed }),
    })
}

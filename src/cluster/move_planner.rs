//! What the planning of moves sees: nodes, groups, and who is in how many. Pure.

use super::placement::PlacedNode;
use crate::types::{Epoch, GroupId, NodeId};
use std::collections::HashMap;

/// What may become of a node's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It keeps its groups and may get more.
    Serving,
    /// It keeps its groups and gets more where nobody else can: nearly full.
    Crowded,
    /// It keeps its groups and gets none: silent for a while, full, frozen, slow.
    Resting,
    /// It gives its groups away, and is read from meanwhile.
    Draining,
    /// It counts as failed: others take its place.
    Lost,
}

#[derive(Clone, Debug)]
pub struct Candidate {
    pub node: PlacedNode,
    pub role: Role,
    /// Of records that are not dropped, those included that nothing names.
    pub live_bytes: u64,
    /// Lost, and certainly so: another node answers at its address (its disk was emptied, or its machine was put up anew), or
    /// it was inside of this process and is not any more; or an operator says so, who has it drained. No network that comes back
    /// brings it back.
    pub is_gone: bool,
}

#[derive(Clone, Debug)]
pub struct GroupNow {
    pub group: GroupId,
    pub epoch: Epoch,
    pub members: Vec<NodeId>,
    pub former: Vec<NodeId>,
    /// The member that a change under way has brought, and that does not hold everything yet.
    pub arriving: Option<NodeId>,
    /// One copy of all that it holds, where that was counted lately.
    pub bytes: Option<u64>,
}

impl GroupNow {
    pub fn is_settled(&self) -> bool {
        self.arriving.is_none()
    }
}

/// Why a member leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Lost,
    Drained,
    /// Its node is much fuller than another.
    Uneven,
    /// Its node is in a zone with another of the group's, and there is a zone without one.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub group: GroupId,
    pub epoch: Epoch,
    pub leaving: NodeId,
    pub arriving: NodeId,
    pub cause: Cause,
}

/// The state that moves are planned by; what plans them is in `moves` and `evenness`.
pub struct Planner<'a> {
    pub nodes: HashMap<NodeId, &'a Candidate>,
    pub groups: &'a [GroupNow],
    /// In how many groups each node is, those planned included.
    pub memberships: HashMap<NodeId, usize>,
}

impl<'a> Planner<'a> {
    pub fn new(nodes: &'a [Candidate], groups: &'a [GroupNow]) -> Self {
        let mut memberships = HashMap::new();
        for member in groups.iter().flat_map(|group| &group.members) {
            *memberships.entry(*member).or_insert(0) += 1;
        }
        Self { nodes: nodes.iter().map(|node| (node.node.node, node)).collect(), groups, memberships }
    }

    pub fn has_role(&self, node: NodeId, role: Role) -> bool {
        self.nodes.get(&node).is_some_and(|node| node.role == role)
    }

    /// The group's members without the one.
    pub fn staying(&self, group: &GroupNow, leaving: NodeId) -> impl Iterator<Item = &'a PlacedNode> {
        let others = group.members.iter().filter(move |member| **member != leaving);
        others.filter_map(|member| self.nodes.get(member)).map(|node| &node.node)
    }
}

/// Whether it is, or may still be, a holder of the group's data.
pub fn knows(candidate: &Candidate, group: &GroupNow) -> bool {
    let node = candidate.node.node;
    group.members.contains(&node) || group.former.contains(&node)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 16])
    }

    pub fn node(number: u8, role: Role) -> Candidate {
        let node = PlacedNode { node: id(number), zone: "z".into(), capacity: 1 << 40, device: None };
        Candidate { node, role, live_bytes: 1 << 30, is_gone: false }
    }

    pub fn in_zone(number: u8, zone: &str) -> Candidate {
        let mut node = node(number, Role::Serving);
        node.node.zone = zone.into();
        node
    }

    pub fn group(number: u64, members: &[u8]) -> GroupNow {
        let members = members.iter().map(|member| id(*member)).collect();
        GroupNow { group: GroupId(number), epoch: Epoch(1), members, former: Vec::new(), arriving: None, bytes: None }
    }

    pub fn serving(count: u8) -> Vec<Candidate> {
        (1..=count).map(|number| node(number, Role::Serving)).collect()
    }

    /// (group, who leaves, who comes) of each move.
    pub fn short(moves: &[Move]) -> Vec<(u64, u8, u8)> {
        let number = |node: NodeId| node.as_bytes()[0];
        moves.iter().map(|change| (change.group.0, number(change.leaving), number(change.arriving))).collect()
    }
}

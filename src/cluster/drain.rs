//! Whether the others can take over what a node holds, so that it can be drained; and why a drain that was begun waits, when one of
//! them was lost since.

use super::{
    Cluster,
    error::ClusterError,
    move_planner::{Candidate, GroupNow, Role},
    placement::zone_count,
    regroup::{candidates, group_now},
    status::NodeView,
};
use crate::{
    metadata::command::NodeDuty,
    types::{ByteSize, NodeId},
};
use std::fmt;

/// What a drain lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A group needs so many members, and fewer nodes stay.
    TooFewNodes { needed: usize, staying: usize },
    /// A group has copies in so many zones, and would have them in fewer.
    TooFewZones { now: usize, after: usize },
    /// Nodes outside of a group are there, and none of them takes more.
    NobodyTakes,
    /// The node holds more than the others have room for.
    NoRoom { held: ByteSize, free: ByteSize },
    /// The metadata is a restored backup that nobody has confirmed: no group changes its members.
    Unconfirmed,
    /// The node is cleared of all groups, but what lies on a frozen volume of it stays there.
    FrozenVolume,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewNodes { needed, staying } => write!(
                f,
                "{needed} storage nodes are needed, and {staying} would stay that are neither failed nor drained; let others join first"
            ),
            Self::TooFewZones { now, after } => {
                write!(f, "copies that are in {now} zones would be in {after}; let another node of its zone join first")
            }
            Self::NobodyTakes => f.write_str(
                "the other nodes are full, slow, frozen or silent, and none can take its place in one of its groups",
            ),
            Self::NoRoom { held, free } => {
                write!(f, "it holds {}, and the others have room for {}", held.to_human(), free.to_human())
            }
            Self::Unconfirmed => f.write_str(
                "the metadata was restored from a backup: no group changes its members before `larder admin metadata confirm`",
            ),
            Self::FrozenVolume => f.write_str(
                "it is cleared of all groups, but what lies on its frozen volume can't be cleared: start it again with a volume in its \
                 place, or remove the node as it is",
            ),
        }
    }
}

/// Why nobody takes the node's place in one of its groups. Pure. Where a node can, but is still to be cleared of what it holds of a
/// group that it left, that is no obstacle: it takes a while.
fn obstacle(nodes: &[Candidate], groups: &[GroupNow], leaving: NodeId) -> Option<Obstacle> {
    obstacles(nodes, groups, leaving).flatten().next()
}

/// Why a drain can't begin. That nobody takes the node's place is a reason only where that is so in all of its groups: a node that is
/// silent for a while holds up some of them.
fn refusal(nodes: &[Candidate], groups: &[GroupNow], leaving: NodeId) -> Option<Obstacle> {
    let lasts = |found: &Obstacle| *found != Obstacle::NobodyTakes;
    let lasting = obstacles(nodes, groups, leaving).flatten().find(lasts);
    let can_begin = obstacles(nodes, groups, leaving).any(|found| found.is_none());
    lasting.or_else(|| if can_begin { None } else { obstacle(nodes, groups, leaving) })
}

/// Of each of its groups.
fn obstacles(nodes: &[Candidate], groups: &[GroupNow], leaving: NodeId) -> impl Iterator<Item = Option<Obstacle>> {
    let own = groups.iter().filter(move |group| group.members.contains(&leaving));
    own.map(move |group| of_group(nodes, group, leaving))
}

fn of_group(nodes: &[Candidate], group: &GroupNow, leaving: NodeId) -> Option<Obstacle> {
    let stays = |node: &&Candidate| {
        node.node.node != leaving && matches!(node.role, Role::Serving | Role::Crowded | Role::Resting)
    };
    let is_member = |node: &&Candidate| group.members.contains(&node.node.node);
    let (members, others): (Vec<&Candidate>, Vec<&Candidate>) = nodes.iter().filter(stays).partition(is_member);
    let (needed, staying) = (group.members.len(), members.len() + others.len());
    if staying < needed {
        return Some(Obstacle::TooFewNodes { needed, staying });
    }
    let zone = |node: &Candidate| node.node.zone.clone();
    // A lost node has no copies in its zone any more.
    let own = nodes.iter().find(|node| node.node.node == leaving && node.role != Role::Lost).map(zone);
    let kept: Vec<String> = members.iter().map(|node| zone(node)).collect();
    let zones_with = |more: Option<&str>| zone_count(kept.iter().map(String::as_str).chain(more));
    let now = zones_with(own.as_deref());
    let after = others.iter().map(|node| zones_with(Some(&node.node.zone))).max().unwrap_or(0);
    if after < now {
        return Some(Obstacle::TooFewZones { now, after });
    }
    let takes = |node: &&Candidate| matches!(node.role, Role::Serving | Role::Crowded);
    (!others.iter().any(takes)).then_some(Obstacle::NobodyTakes)
}

fn keeps_frozen_data(view: &NodeView) -> bool {
    let mut volumes = view.status.iter().flat_map(|status| &status.volumes);
    volumes.any(|volume| volume.is_frozen() && volume.chunks > 0)
}

impl Cluster {
    /// Why the drain of the node waits, if it is being drained and does.
    pub fn drain_waits_for(&self, view: &NodeView) -> Option<Obstacle> {
        match view.row.duty {
            NodeDuty::Draining if self.metadata().needs_confirmation() => Some(Obstacle::Unconfirmed),
            NodeDuty::Draining if view.group_count > 0 => self.judge(view.row.node, obstacle),
            NodeDuty::Draining if view.left_group_count == 0 => {
                keeps_frozen_data(view).then_some(Obstacle::FrozenVolume)
            }
            _ => None,
        }
    }

    /// A drain that was begun is not refused: it is watched again.
    pub(super) fn refuse_drain(&self, view: &NodeView) -> Result<(), ClusterError> {
        if view.row.duty == NodeDuty::Draining {
            return Ok(());
        }
        let found = self.judge(view.row.node, refusal).or_else(|| self.lack_of_room(view));
        found.map_or(Ok(()), |obstacle| Err(ClusterError::CannotDrain(obstacle)))
    }

    fn judge(&self, node: NodeId, by: fn(&[Candidate], &[GroupNow], NodeId) -> Option<Obstacle>) -> Option<Obstacle> {
        let topology = self.membership().topology().load();
        let groups: Vec<GroupNow> = topology.groups().map(|group| group_now(group)).collect();
        by(&candidates(&topology), &groups, node)
    }

    /// Only before it begins: later the others have less room by what they have taken already.
    fn lack_of_room(&self, view: &NodeView) -> Option<Obstacle> {
        let volumes = |view: &NodeView| view.status.as_ref().map_or(Vec::new(), |status| status.volumes.clone());
        let held: u64 = volumes(view).iter().map(|volume| volume.live).sum();
        let stays = |other: &&NodeView| other.row.node != view.row.node && other.row.duty == NodeDuty::Serving;
        let free = |other: &NodeView| volumes(other).iter().map(|volume| volume.free).fold(0, u64::saturating_add);
        let free = self.nodes().iter().filter(stays).map(free).fold(0, u64::saturating_add);
        let is_short = view.group_count > 0 && held > free;
        is_short.then_some(Obstacle::NoRoom { held: ByteSize(held), free: ByteSize(free) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::move_planner::tests::{group, id, in_zone, serving};

    #[test]
    fn whoever_is_outside_of_each_group_can_take_the_place() {
        assert_eq!(obstacle(&serving(4), &[group(1, &[1, 2, 3]), group(2, &[4, 2, 3])], id(3)), None);
        assert_eq!(obstacle(&serving(3), &[group(1, &[1, 2])], id(3)), None, "it is in no group");
    }

    #[test]
    fn as_many_nodes_stay_as_a_group_has_members() {
        let too_few = |staying| Some(Obstacle::TooFewNodes { needed: 3, staying });
        let groups = [group(1, &[1, 2, 3])];
        assert_eq!(obstacle(&serving(3), &groups, id(3)), too_few(2));
        for (role, expected) in [(Role::Draining, too_few(2)), (Role::Lost, too_few(2)), (Role::Crowded, None)] {
            let mut nodes = serving(4);
            nodes[3].role = role;
            assert_eq!(obstacle(&nodes, &groups, id(3)), expected, "{role:?}");
            nodes[3].role = Role::Serving;
            nodes[0].role = role;
            assert_eq!(obstacle(&nodes, &groups, id(3)), expected, "a member is {role:?}");
        }
    }

    #[test]
    fn copies_do_not_come_to_stand_in_fewer_zones() {
        let nodes = [in_zone(1, "a"), in_zone(2, "b"), in_zone(3, "c"), in_zone(4, "a")];
        let groups = [group(1, &[1, 2, 3])];
        assert_eq!(obstacle(&nodes, &groups, id(1)), None, "node 4 is in its zone");
        assert_eq!(obstacle(&nodes, &groups, id(2)), Some(Obstacle::TooFewZones { now: 3, after: 2 }));
        let mut lost = nodes;
        lost[1].role = Role::Lost;
        assert_eq!(obstacle(&lost, &groups, id(2)), None, "its zone is lost with it");
        let nodes: Vec<Candidate> = (1..5).map(|number| in_zone(number, "a")).collect();
        assert_eq!(obstacle(&nodes, &groups, id(2)), None);
    }

    #[test]
    fn somebody_outside_must_take_groups_now() {
        let mut nodes = serving(4);
        nodes[3].role = Role::Resting;
        assert_eq!(obstacle(&nodes, &[group(1, &[1, 2, 3])], id(3)), Some(Obstacle::NobodyTakes));
        nodes[0].role = Role::Resting;
        nodes[3].role = Role::Serving;
        assert_eq!(obstacle(&nodes, &[group(1, &[1, 2, 3])], id(3)), None, "a member that rests keeps its groups");
    }

    #[test]
    fn a_drain_begins_where_some_of_its_groups_can_move_and_enough_nodes_stay() {
        let mut nodes = serving(4);
        nodes[3].role = Role::Resting;
        let (nobody, somebody) = (group(1, &[1, 2, 3]), group(2, &[4, 2, 3]));
        assert_eq!(refusal(&nodes, std::slice::from_ref(&nobody), id(3)), Some(Obstacle::NobodyTakes));
        let both = [nobody, somebody];
        assert_eq!(
            (refusal(&nodes, &both, id(3)), obstacle(&nodes, &both, id(3))),
            (None, Some(Obstacle::NobodyTakes))
        );
        nodes[3].role = Role::Lost;
        assert_eq!(refusal(&nodes, &both, id(3)), Some(Obstacle::TooFewNodes { needed: 3, staying: 2 }));
        assert_eq!(refusal(&nodes, &[], id(3)), None, "it is in no group");
    }
}

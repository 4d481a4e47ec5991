//! Which groups move so that nodes are about evenly full: part of the planning in `moves`, when nothing is lost or drained.
//! Pure.
//!
//! Each move changes what the next is decided by, so few are under way; and since a node that gave a group away still holds
//! its copies for a while, it gives no more away until some of those that it left are cleared. What fills a node need not
//! go with its groups (what dead uploads left, say), so it keeps half of them anyway.

use super::{
    move_planner::{Candidate, Cause, GroupNow, Move, Planner, Role, knows},
    placement::{PlacedNode, zone_count},
};
use crate::types::NodeId;
use std::{cmp::Reverse, collections::HashSet};

/// Changes for evenness that are under way at once.
pub(super) const EVENING_AT_ONCE: usize = 2;
/// Groups that a node has left and still holds something of, from which on it is not evened out.
const LEFT_MAX: usize = 8;
/// Of as many groups as are its share by capacity, a node keeps this part: what fills it even so does not go with groups.
const GROUPS_KEPT: f64 = 0.5;
/// A node is evened out from this much above the mean fullness on, to one this much below it.
const UNEVEN_FROM: f64 = 0.1;
/// Below it a node's data is not worth moving.
const UNEVEN_FROM_BYTES: u64 = 64 << 20;

impl Planner<'_> {
    /// A group for a node that is in none, or one of the fullest node for the emptiest.
    pub(super) fn even_out(&self) -> Option<Move> {
        self.welcome().or_else(|| self.relieve())
    }

    /// A node that was replaced everywhere and is back, when there are as many groups as there may be: whoever is in the
    /// most groups gives it a place. What else it should have follows from its emptiness.
    fn welcome(&self) -> Option<Move> {
        let groups_of = |node: &Candidate| self.memberships.get(&node.node.node).copied().unwrap_or(0);
        let outside = |node: &&&Candidate| node.role == Role::Serving && groups_of(node) == 0;
        let arriving = self.nodes.values().filter(outside).min_by_key(|node| node.node.node)?;
        let mut givers: Vec<&&Candidate> =
            self.nodes.values().filter(|node| matches!(node.role, Role::Serving | Role::Crowded)).collect();
        givers.sort_by_key(|giver| (Reverse(groups_of(giver)), giver.node.node));
        givers.into_iter().find_map(|giver| self.give(giver, arriving))
    }

    /// One group of the fullest node for the emptiest, where that brings them nearer to each other.
    fn relieve(&self) -> Option<Move> {
        let fullness = |node: &Candidate| node.live_bytes as f64 / node.node.capacity.max(1) as f64;
        let there =
            || self.nodes.values().filter(|node| matches!(node.role, Role::Serving | Role::Crowded | Role::Resting));
        let (live, capacity) = there().fold((0.0, 0.0), |(live, capacity), node| {
            (live + node.live_bytes as f64, capacity + node.node.capacity.max(1) as f64)
        });
        let mean = live / f64::max(capacity, 1.0);
        let by_fullness =
            |a: &&&Candidate, b: &&&Candidate| fullness(a).total_cmp(&fullness(b)).then(a.node.node.cmp(&b.node.node));
        let full = there().max_by(by_fullness)?;
        let empty = there().filter(|node| node.role == Role::Serving).min_by(by_fullness)?;
        let is_uneven = fullness(full) > mean * (1.0 + UNEVEN_FROM)
            && fullness(empty) < mean * (1.0 - UNEVEN_FROM)
            && full.live_bytes >= UNEVEN_FROM_BYTES;
        let left = self.groups.iter().filter(|group| group.former.contains(&full.node.node)).count();
        let groups = self.memberships.get(&full.node.node).copied().unwrap_or(0) as f64;
        let fair =
            self.memberships.values().sum::<usize>() as f64 * full.node.capacity as f64 / f64::max(capacity, 1.0);
        if !is_uneven || left >= LEFT_MAX || groups < fair * GROUPS_KEPT {
            return None;
        }
        let moved = full.live_bytes as f64 / groups.max(1.0);
        let after =
            |node: &Candidate, change: f64| (node.live_bytes as f64 + change) / node.node.capacity.max(1) as f64;
        if after(empty, moved) > after(full, -moved) {
            return None;
        }
        self.give(full, empty)
    }

    /// A group in which the one may take the other's place. One that nodes have left before is not moved on until they are
    /// cleared: they would pile up.
    fn give(&self, giver: &Candidate, taker: &Candidate) -> Option<Move> {
        let (leaving, arriving) = (giver.node.node, taker.node.node);
        let group = self.groups.iter().find(|group| {
            group.is_settled()
                && group.former.iter().all(|former| self.has_role(*former, Role::Lost))
                && group.members.contains(&leaving)
                && !knows(taker, group)
                && self.keeps_spread(group, leaving, &taker.node)
        })?;
        Some(Move { group: group.group, epoch: group.epoch, leaving, arriving, cause: Cause::Uneven })
    }

    /// Whether the group stands in as many zones and on as many devices with the newcomer as it does now.
    fn keeps_spread(&self, group: &GroupNow, leaving: NodeId, newcomer: &PlacedNode) -> bool {
        let spread = |members: Vec<&PlacedNode>| {
            let zones = zone_count(members.iter().map(|member| member.zone.as_str()));
            let devices: HashSet<_> = members.iter().filter_map(|member| member.device.as_ref()).collect();
            (zones, devices.len())
        };
        let before =
            spread(group.members.iter().filter_map(|member| self.nodes.get(member)).map(|n| &n.node).collect());
        let after = spread(self.staying(group, leaving).chain([newcomer]).collect());
        after.0 >= before.0 && after.1 >= before.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{
        move_planner::tests::{group, id, in_zone, serving, short},
        placement::plan_groups,
    };

    fn evened_out(nodes: &[Candidate], groups: &[GroupNow]) -> Vec<Move> {
        Planner::new(nodes, groups).even_out().into_iter().collect()
    }

    #[test]
    fn a_newcomer_gets_groups_of_the_fullest_until_they_are_even() {
        let mut nodes = serving(4);
        nodes[3].live_bytes = 1 << 20;
        let mut groups: Vec<GroupNow> = (1..=8).map(|number| group(number, &[1, 2, 3])).collect();
        groups.push(group(9, &[1, 2, 4]));
        assert_eq!(short(&evened_out(&nodes, &groups)), [(1, 3, 4)]);
        nodes[3].live_bytes = 900 << 20;
        assert_eq!(evened_out(&nodes, &groups), [], "near enough");
        nodes.iter_mut().for_each(|node| node.live_bytes >>= 10);
        nodes[3].live_bytes = 0;
        assert_eq!(evened_out(&nodes, &groups), [], "too little to move");
    }

    #[test]
    fn evening_out_never_costs_a_zone() {
        let mut nodes = vec![in_zone(1, "a"), in_zone(2, "b"), in_zone(3, "c"), in_zone(4, "a")];
        nodes[3].live_bytes = 0;
        nodes[2].live_bytes = 2 << 30;
        let own = group(9, &[2, 3, 4]);
        let groups = [group(1, &[1, 2, 3]), own.clone()];
        assert_eq!(evened_out(&nodes, &groups), [], "only node 1 could give a place to node 4");
        nodes[0].live_bytes = 4 << 30;
        let two = [group(1, &[1, 2, 3]), group(2, &[1, 2, 3]), group(3, &[1, 2, 3]), own];
        assert_eq!(short(&evened_out(&nodes, &two)), [(1, 1, 4)]);
    }

    #[test]
    fn a_node_that_is_in_no_group_is_given_a_place_however_little_there_is_to_even_out() {
        let mut nodes = serving(4);
        nodes.iter_mut().for_each(|node| node.live_bytes = 0);
        let mut groups = vec![group(1, &[1, 2, 3]), group(2, &[1, 2, 5])];
        assert_eq!(short(&evened_out(&nodes, &groups)), [(1, 1, 4)], "node 1 is in the most groups");
        groups[0].members[0] = id(4);
        assert_eq!(evened_out(&nodes, &groups), []);
    }

    /// A node held much that nothing named. It gave its groups away for it, was given new ones because it was in so few,
    /// and gave those away, a group a second, for ever.
    #[test]
    fn data_that_does_not_go_with_its_groups_costs_a_node_few_of_them() {
        let mut nodes = serving(4);
        nodes.iter_mut().for_each(|node| node.live_bytes = 1 << 20);
        nodes[0].live_bytes = 1 << 30;
        // The last that is taken into a new group: so there is always one more to give away.
        nodes[3].live_bytes = 0;
        let mut groups: Vec<GroupNow> = Vec::new();
        let moved: Vec<Move> = (0..1000).flat_map(|_| change(&nodes, &mut groups)).collect();
        assert!((1..=LEFT_MAX).contains(&moved.len()), "{moved:?}");

        // Nothing of them is on it, so they forget it at once.
        for round in 0..1000 {
            groups.iter_mut().for_each(|group| group.former.clear());
            let changes = change(&nodes, &mut groups);
            assert!(round < 500 || changes.is_empty(), "round {round}: {changes:?}");
        }
        assert!(groups.len() <= PER_NODE * nodes.len(), "{}", groups.len());
    }

    const PER_NODE: usize = 16;

    /// Creates the groups that are wanting, and carries out what is planned.
    fn change(nodes: &[Candidate], groups: &mut Vec<GroupNow>) -> Vec<Move> {
        let placed: Vec<PlacedNode> = nodes.iter().map(|node| node.node.clone()).collect();
        let members: Vec<Vec<NodeId>> = groups.iter().map(|group| group.members.clone()).collect();
        for members in plan_groups(&placed, &members, 3, PER_NODE) {
            groups.push(GroupNow { members, ..group(groups.len() as u64 + 1, &[]) });
        }
        let moves = evened_out(nodes, groups);
        for change in &moves {
            let group = groups.iter_mut().find(|group| group.group == change.group).unwrap();
            group.members.retain(|member| *member != change.leaving);
            group.members.push(change.arriving);
            group.former.push(change.leaving);
        }
        moves
    }
}

//! Which groups move so that their copies stand in more zones, as when the first node of another zone has joined: part of the
//! planning in `moves`, when nothing is lost or drained. Pure.
//!
//! Each move puts a group into one more zone, and no other kind of move takes it back: so they come to an end. Nobody gets a
//! copy from a node that is emptier: a zone with one small node does not fill for it.

use super::{
    move_planner::{Candidate, Cause, GroupNow, Move, Planner, Role, knows},
    placement::zone_count,
};
use std::collections::HashSet;

impl<'a> Planner<'a> {
    /// One member that shares its zone with another of its group, for a node of a zone where the group has none.
    pub(super) fn move_apart(&self) -> Option<Move> {
        let serving = || self.nodes.values().filter(|node| node.role == Role::Serving);
        let zones = zone_count(serving().map(|node| node.node.zone.as_str()));
        if zones < 2 {
            return None;
        }
        self.groups.iter().filter(|group| self.may_change(group)).find_map(|group| self.apart(group))
    }

    fn apart(&self, group: &GroupNow) -> Option<Move> {
        let members = || group.members.iter().filter_map(|member| self.nodes.get(member)).copied();
        let zones: HashSet<&str> = members().map(|member| member.node.zone.as_str()).collect();
        if zones.len() == group.members.len() {
            return None;
        }
        let takes = |node: &&Candidate| {
            node.role == Role::Serving && !knows(node, group) && !zones.contains(node.node.zone.as_str())
        };
        let emptiest =
            |a: &&Candidate, b: &&Candidate| fullness(a).total_cmp(&fullness(b)).then(a.node.node.cmp(&b.node.node));
        let taker = self.nodes.values().copied().filter(takes).min_by(emptiest)?;
        let gives = |member: &&Candidate| {
            fullness(taker) <= fullness(member) && self.keeps_spread(group, member.node.node, &taker.node)
        };
        let giver = members().filter(gives).max_by(emptiest)?;
        let (leaving, arriving) = (giver.node.node, taker.node.node);
        Some(Move { group: group.group, epoch: group.epoch, leaving, arriving, cause: Cause::Close })
    }
}

/// As the node says itself, whatever it is of.
fn fullness(node: &Candidate) -> f64 {
    node.live_bytes as f64 / node.node.capacity.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::move_planner::tests::{group, in_zone, short};

    fn apart(nodes: &[Candidate], groups: &[GroupNow]) -> Vec<(u64, u8, u8)> {
        short(&Planner::new(nodes, groups).move_apart().into_iter().collect::<Vec<_>>())
    }

    fn nodes(zones: &[&str], filled: &[u64]) -> Vec<Candidate> {
        let node =
            |((number, zone), filled): ((u8, &&str), &u64)| Candidate { live_bytes: *filled, ..in_zone(number, zone) };
        (1..).zip(zones).zip(filled).map(node).collect()
    }

    #[test]
    fn the_fuller_of_two_in_a_zone_goes_to_the_emptiest_node_of_another() {
        let nodes = nodes(&["a", "a", "b", "c", "c"], &[10, 20, 30, 5, 4]);
        assert_eq!(apart(&nodes, &[group(1, &[1, 2, 3])]), [(1, 2, 5)]);
        assert_eq!(apart(&nodes, &[group(1, &[1, 3, 5]), group(2, &[1, 2, 4])]), [], "node 3 is fuller than all");
        assert_eq!(apart(&nodes, &[group(1, &[1, 3, 5])]), [], "it is in all zones");
    }

    #[test]
    fn nobody_gets_a_copy_that_holds_it_or_is_not_fit_or_fuller() {
        let mut nodes = nodes(&["a", "a", "b", "c"], &[10, 10, 30, 5]);
        let settled = group(1, &[1, 2, 3]);
        let was_there = GroupNow { former: vec![nodes[3].node.node], ..settled.clone() };
        let changes = GroupNow { arriving: Some(nodes[3].node.node), ..settled.clone() };
        assert_eq!(apart(&nodes, &[was_there, changes]), []);
        assert_eq!(apart(&nodes, std::slice::from_ref(&settled)), [(1, 2, 4)]);
        for role in [Role::Crowded, Role::Resting, Role::Draining, Role::Lost] {
            nodes[3].role = role;
            assert_eq!(apart(&nodes, std::slice::from_ref(&settled)), [], "{role:?}");
        }
        nodes[3].role = Role::Serving;
        nodes[3].live_bytes = 11;
        assert_eq!(apart(&nodes, std::slice::from_ref(&settled)), []);
    }

    #[test]
    fn one_zone_is_as_far_apart_as_it_gets() {
        let nodes = nodes(&["a", "a", "a", "a"], &[10, 10, 30, 0]);
        assert_eq!(apart(&nodes, &[group(1, &[1, 2, 3])]), []);
    }
}

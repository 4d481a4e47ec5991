//! Which groups move so that nodes are about evenly full: part of the planning in `moves`, when nothing is lost or drained.
//! Pure.
//!
//! Nodes say how full they are, with all that does not go with groups: what nothing names, copies of groups that they have left.
//! So that is only the sign to count what each group holds (`group_weights`), and by this alone it is decided. A move
//! is made when it takes more from the fuller node than from the difference: so moves come to an end, however unequal groups are.

use super::{
    move_planner::{Candidate, Cause, GroupNow, Move, Planner, Role, knows},
    placement::{PlacedNode, zone_count},
};
use crate::types::NodeId;
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

/// Changes for evenness that are under way at once: each changes what the next is decided by.
pub(super) const EVENING_AT_ONCE: usize = 2;
/// Groups that a node has left and still holds something of, from which on it gives no more away.
const LEFT_MAX: usize = 8;
/// A node is evened out from this much above the mean fullness on, to one this much below it.
const UNEVEN_FROM: f64 = 0.1;
/// Below it a node's data is not worth moving.
const UNEVEN_FROM_BYTES: u64 = 64 << 20;
/// Of the emptiest nodes as many are tried for each of the fullest.
const TAKERS_MAX: usize = 4;

/// What is to be done for evenness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evening {
    Nothing,
    /// Nodes look uneven, and nobody has counted what the groups hold.
    Weigh,
    Move(Move),
}

/// What groups hold on the nodes that there are, one number for each.
struct Loads {
    bytes: HashMap<NodeId, u64>,
    /// Of all together, a part of their capacity.
    mean: f64,
}

impl Loads {
    fn bytes(&self, node: &Candidate) -> u64 {
        self.bytes.get(&node.node.node).copied().unwrap_or(0)
    }

    fn fullness(&self, node: &Candidate) -> f64 {
        part(self.bytes(node), node)
    }
}

fn part(bytes: u64, node: &Candidate) -> f64 {
    bytes as f64 / node.node.capacity.max(1) as f64
}

fn is_above(fullness: f64, mean: f64) -> bool {
    fullness > mean * (1.0 + UNEVEN_FROM)
}

fn is_below(fullness: f64, mean: f64) -> bool {
    fullness < mean * (1.0 - UNEVEN_FROM)
}

impl<'a> Planner<'a> {
    /// A group for a node that is in none, or one that gets into another zone, or one of a full node for an empty one.
    pub(super) fn even_out(&self) -> Evening {
        self.welcome().or_else(|| self.move_apart()).map_or_else(|| self.relieve(), Evening::Move)
    }

    /// A node that was replaced everywhere and is back, when there are as many groups as there may be: whoever is in the
    /// most groups gives it a place. What else it should have follows from its emptiness.
    fn welcome(&self) -> Option<Move> {
        let groups_of = |node: &Candidate| self.memberships.get(&node.node.node).copied().unwrap_or(0);
        let outside = |node: &&&Candidate| node.role == Role::Serving && groups_of(node) == 0;
        let arriving = self.nodes.values().filter(outside).min_by_key(|node| node.node.node)?;
        // Who has but one would be the next to be welcomed.
        let gives = |node: &&&Candidate| matches!(node.role, Role::Serving | Role::Crowded) && groups_of(node) > 1;
        let mut givers: Vec<&&Candidate> = self.nodes.values().filter(gives).collect();
        givers.sort_by_key(|giver| (Reverse(groups_of(giver)), giver.node.node));
        let first =
            |giver: &&Candidate| self.giveable(giver, arriving).next().map(|group| moved(group, giver, arriving));
        givers.into_iter().find_map(first)
    }

    /// One group of a full node for an empty one, the largest that brings them nearer to each other.
    fn relieve(&self) -> Evening {
        if !self.looks_uneven() {
            return Evening::Nothing;
        }
        let Some(loads) = self.loads() else { return Evening::Weigh };
        let by_fullness = |a: &&Candidate, b: &&Candidate| {
            loads.fullness(a).total_cmp(&loads.fullness(b)).then(a.node.node.cmp(&b.node.node))
        };
        let gives = |node: &&Candidate| {
            is_above(loads.fullness(node), loads.mean)
                && loads.bytes(node) >= UNEVEN_FROM_BYTES
                && self.left_by(node) < LEFT_MAX
        };
        let takes = |node: &&Candidate| node.role == Role::Serving && is_below(loads.fullness(node), loads.mean);
        let mut givers: Vec<&Candidate> = self.there().filter(gives).collect();
        givers.sort_by(|a, b| by_fullness(b, a));
        let mut takers: Vec<&Candidate> = self.there().filter(takes).collect();
        takers.sort_by(by_fullness);
        takers.truncate(TAKERS_MAX);
        let pairs = givers.iter().flat_map(|giver| takers.iter().map(move |taker| (*giver, *taker)));
        pairs
            .into_iter()
            .find_map(|(giver, taker)| self.largest(giver, taker, &loads))
            .map_or(Evening::Nothing, Evening::Move)
    }

    fn largest(&self, giver: &Candidate, taker: &Candidate, loads: &Loads) -> Option<Move> {
        let bytes = |group: &GroupNow| group.bytes.unwrap_or(0);
        let helps = |group: &&GroupNow| {
            let bytes = bytes(group);
            let (given, taken) = (loads.bytes(giver).saturating_sub(bytes), loads.bytes(taker).saturating_add(bytes));
            bytes > 0 && part(taken, taker) <= part(given, giver)
        };
        let largest =
            self.giveable(giver, taker).filter(helps).min_by_key(|group| (Reverse(bytes(group)), group.group))?;
        Some(moved(largest, giver, taker))
    }

    /// As nodes say themselves.
    fn looks_uneven(&self) -> bool {
        let (live, capacity) = self.there().fold((0.0, 0.0), |(live, capacity), node| {
            (live + node.live_bytes as f64, capacity + node.node.capacity.max(1) as f64)
        });
        let mean = live / f64::max(capacity, 1.0);
        let fullness = |node: &Candidate| part(node.live_bytes, node);
        self.there().any(|node| is_above(fullness(node), mean) && node.live_bytes >= UNEVEN_FROM_BYTES)
            && self.there().any(|node| node.role == Role::Serving && is_below(fullness(node), mean))
    }

    /// `None` where what some group holds is not known.
    fn loads(&self) -> Option<Loads> {
        let mut bytes: HashMap<NodeId, u64> = HashMap::new();
        for group in self.groups {
            for member in &group.members {
                *bytes.entry(*member).or_default() += group.bytes?;
            }
        }
        let (held, capacity) = self.there().fold((0.0, 0.0), |(held, capacity), node| {
            let own = bytes.get(&node.node.node).copied().unwrap_or(0);
            (held + own as f64, capacity + node.node.capacity.max(1) as f64)
        });
        Some(Loads { bytes, mean: held / f64::max(capacity, 1.0) })
    }

    fn there(&self) -> impl Iterator<Item = &'a Candidate> {
        let is_there = |node: &&Candidate| matches!(node.role, Role::Serving | Role::Crowded | Role::Resting);
        self.nodes.values().copied().filter(is_there)
    }

    fn left_by(&self, node: &Candidate) -> usize {
        self.groups.iter().filter(|group| group.former.contains(&node.node.node)).count()
    }

    /// Whether the group may be moved though nothing presses. One that nodes have left before is not moved on until they are
    /// cleared: they would pile up.
    pub(super) fn may_change(&self, group: &GroupNow) -> bool {
        group.is_settled() && group.former.iter().all(|former| self.has_role(*former, Role::Lost))
    }

    /// Groups in which the one may take the other's place.
    fn giveable(&self, giver: &Candidate, taker: &Candidate) -> impl Iterator<Item = &'a GroupNow> {
        let leaving = giver.node.node;
        self.groups.iter().filter(move |group| {
            self.may_change(group)
                && group.members.contains(&leaving)
                && !knows(taker, group)
                && self.keeps_spread(group, leaving, &taker.node)
        })
    }

    /// Whether the group stands in as many zones with the newcomer as it could, whoever left for it, and on as many devices as it
    /// does now.
    pub(super) fn keeps_spread(&self, group: &GroupNow, leaving: NodeId, newcomer: &PlacedNode) -> bool {
        let spread = |members: Vec<&PlacedNode>| {
            let zones = zone_count(members.iter().map(|member| member.zone.as_str()));
            let devices: HashSet<_> = members.iter().filter_map(|member| member.device.as_ref()).collect();
            (zones, devices.len())
        };
        let without = |leaving: NodeId| spread(self.staying(group, leaving).chain([newcomer]).collect());
        let before =
            spread(group.members.iter().filter_map(|member| self.nodes.get(member)).map(|n| &n.node).collect());
        let zones = group.members.iter().map(|member| without(*member).0).max().unwrap_or(0);
        let after = without(leaving);
        after.0 >= zones && after.1 >= before.1
    }
}

fn moved(group: &GroupNow, giver: &Candidate, taker: &Candidate) -> Move {
    let (leaving, arriving) = (giver.node.node, taker.node.node);
    Move { group: group.group, epoch: group.epoch, leaving, arriving, cause: Cause::Uneven }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{
        move_planner::tests::{group, id, in_zone, serving, short},
        placement::plan_groups,
    };
    use proptest::prelude::*;

    fn evened_out(nodes: &[Candidate], groups: &[GroupNow]) -> Vec<Move> {
        match Planner::new(nodes, groups).even_out() {
            Evening::Move(change) => vec![change],
            Evening::Nothing => Vec::new(),
            Evening::Weigh => panic!("every group's weight is known"),
        }
    }

    fn weighed(number: u64, members: &[u8], mib: u64) -> GroupNow {
        GroupNow { bytes: Some(mib << 20), ..group(number, members) }
    }

    fn carry_out(moves: &[Move], groups: &mut [GroupNow]) {
        for change in moves {
            let group = groups.iter_mut().find(|group| group.group == change.group).unwrap();
            group.members.retain(|member| *member != change.leaving);
            group.members.push(change.arriving);
        }
    }

    /// What nodes say when they hold nothing but what their groups have.
    fn fill(nodes: &mut [Candidate], groups: &[GroupNow]) {
        for node in nodes {
            let own = groups.iter().filter(|group| group.members.contains(&node.node.node));
            node.live_bytes = own.filter_map(|group| group.bytes).sum();
        }
    }

    #[test]
    fn a_newcomer_gets_groups_of_the_fullest_until_they_are_even() {
        let mut nodes = serving(4);
        let mut groups: Vec<GroupNow> = (1..=8).map(|number| weighed(number, &[1, 2, 3], 256)).collect();
        groups.push(weighed(9, &[1, 2, 4], 1));
        fill(&mut nodes, &groups);
        let mut moves = Vec::new();
        while let Some(change) = evened_out(&nodes, &groups).pop() {
            carry_out(&[change], &mut groups);
            fill(&mut nodes, &groups);
            moves.push(change);
        }
        assert_eq!(short(&moves), [(1, 2, 4), (2, 1, 4), (3, 3, 4), (4, 2, 4), (5, 1, 4)]);

        groups.iter_mut().for_each(|group| group.bytes = Some(1 << 20));
        nodes[3].live_bytes = 0;
        assert_eq!(evened_out(&nodes, &groups), [], "what nodes say decides nothing");
    }

    #[test]
    fn what_groups_hold_is_asked_for_only_where_nodes_look_uneven() {
        let mut nodes = serving(4);
        let groups = [group(1, &[1, 2, 3]), group(2, &[1, 2, 4])];
        assert_eq!(Planner::new(&nodes, &groups).even_out(), Evening::Nothing);
        nodes[3].live_bytes = 1 << 20;
        assert_eq!(Planner::new(&nodes, &groups).even_out(), Evening::Weigh);
        nodes.iter_mut().for_each(|node| node.live_bytes >>= 10);
        assert_eq!(Planner::new(&nodes, &groups).even_out(), Evening::Nothing, "too little to move");
    }

    #[test]
    fn evening_out_never_costs_a_zone() {
        let mut nodes = vec![in_zone(1, "a"), in_zone(2, "b"), in_zone(3, "c"), in_zone(4, "a")];
        let own = weighed(9, &[2, 3, 4], 0);
        let mut groups = vec![weighed(1, &[1, 2, 3], 500), weighed(2, &[2, 3, 1], 500), own];
        fill(&mut nodes, &groups);
        assert_eq!(short(&evened_out(&nodes, &groups)), [(1, 1, 4)], "only node 1 could give a place to node 4");
        carry_out(&evened_out(&nodes, &groups), &mut groups);
        fill(&mut nodes, &groups);
        assert_eq!(evened_out(&nodes, &groups), []);
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
    fn data_that_does_not_go_with_its_groups_costs_a_node_none_of_them() {
        let mut nodes = serving(4);
        nodes.iter_mut().for_each(|node| node.live_bytes = 1 << 20);
        nodes[0].live_bytes = 1 << 30;
        nodes[3].live_bytes = 0;
        let placed: Vec<PlacedNode> = nodes.iter().map(|node| node.node.clone()).collect();
        let members = plan_groups(&placed, &[], 3, 16);
        let group =
            |(number, members): (usize, Vec<NodeId>)| GroupNow { members, ..weighed(number as u64 + 1, &[], 1) };
        let groups: Vec<GroupNow> = members.into_iter().enumerate().map(group).collect();
        assert_eq!(evened_out(&nodes, &groups), []);
    }

    proptest! {
        /// One group held a third of everything: with the mean of all groups for its weight it went to and fro between two nodes,
        /// for ever.
        #[test]
        fn moves_come_to_an_end_however_unequal_groups_and_nodes_are(
            sizes in prop::collection::vec(prop_oneof![Just(0_u64), 1..64_u64, 1000..40_000_u64], 1..40),
            capacities in prop::collection::vec(1..8_u64, 4..8),
        ) {
            let mut nodes = serving(capacities.len() as u8);
            nodes.iter_mut().zip(&capacities).for_each(|(node, capacity)| node.node.capacity = capacity << 40);
            let member = |number: usize, step: usize| ((number + step) % 4) as u8 + 1;
            let group = |(number, mib): (usize, &u64)| {
                weighed(number as u64 + 1, &[member(number, 0), member(number, 1), member(number, 2)], *mib)
            };
            let mut groups: Vec<GroupNow> = sizes.iter().enumerate().map(group).collect();
            fill(&mut nodes, &groups);
            let unevenness = |nodes: &[Candidate]| {
                nodes.iter().map(|node| part(node.live_bytes, node) * node.live_bytes as f64).sum::<f64>()
            };
            let mut moves = 0;
            while let Some(change) = evened_out(&nodes, &groups).pop() {
                let before = unevenness(&nodes);
                carry_out(&[change], &mut groups);
                fill(&mut nodes, &groups);
                let is_welcome = change.cause == Cause::Uneven && moves < nodes.len();
                prop_assert!(unevenness(&nodes) < before || is_welcome, "{change:?}");
                moves += 1;
                prop_assert!(moves < 200, "it never comes to rest");
            }
        }
    }
}

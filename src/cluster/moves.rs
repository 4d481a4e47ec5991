//! Which groups change a member: those of lost nodes first, then those of nodes that are drained, then, when all of that is
//! done, some for evenness (`evenness`). Pure: what it decides follows from what it is shown.

use super::{
    evenness::{EVENING_AT_ONCE, Evening},
    move_planner::{Candidate, Cause, GroupNow, Move, Planner, Role, knows},
    placement::{PlacedNode, zone_count},
};
use crate::types::NodeId;
use std::{collections::HashSet, fmt};

/// Why lost nodes are not replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// So many of so many: more likely the network than the nodes, and the rest could not take their data.
    TooManyLost { lost: usize, of: usize },
    /// Lost nodes stand in more than one zone.
    SeveralZonesLost { zones: usize },
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyLost { lost, of } => {
                write!(f, "{lost} of {of} nodes would be lost at once, more than a third")
            }
            Self::SeveralZonesLost { zones } => write!(f, "nodes of {zones} zones would be lost at once"),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub moves: Vec<Move>,
    pub halt: Option<Halt>,
    /// What groups hold has to be counted before more can be said.
    pub wants_weights: bool,
}

/// The changes to begin now, so that at most `at_once` are under way.
pub fn plan_moves(nodes: &[Candidate], groups: &[GroupNow], at_once: usize) -> Plan {
    let mut planner = Planner::new(nodes, groups);
    let under_way = groups.iter().filter(|group| !group.is_settled()).count();
    let mut left = at_once.saturating_sub(under_way);
    let halt = planner.halt();
    let mut moves = Vec::new();
    let lost = if halt.is_none() { Leaving::Lost } else { Leaving::Gone };
    for leaving in [lost, Leaving::Draining] {
        for group in planner.groups_with(leaving) {
            if left == 0 {
                break;
            }
            // One change at a time: the second would not fit the group any more.
            if moves.iter().any(|change: &Move| change.group == group.group) {
                continue;
            }
            if let Some(change) = planner.replace_one(group, leaving) {
                moves.push(change);
                left -= 1;
            }
        }
    }
    let is_quiet = moves.is_empty() && under_way < EVENING_AT_ONCE && planner.groups_with(Leaving::Lost).is_empty();
    let mut wants_weights = false;
    if is_quiet {
        match planner.even_out() {
            Evening::Move(change) => moves.push(change),
            Evening::Weigh => wants_weights = true,
            Evening::Nothing => {}
        }
    }
    Plan { moves, halt, wants_weights }
}

/// Which members others take the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    Lost,
    /// Those of the lost that are gone for certain: they are replaced also while the halt holds for others.
    Gone,
    Draining,
}

impl<'a> Planner<'a> {
    fn is_leaving(&self, node: NodeId, which: Leaving) -> bool {
        self.nodes.get(&node).is_some_and(|node| match which {
            Leaving::Lost => node.role == Role::Lost,
            Leaving::Gone => node.role == Role::Lost && node.is_gone,
            Leaving::Draining => node.role == Role::Draining,
        })
    }

    /// Only nodes that groups still count on: what was replaced is no loss any more. And only where it may be the network:
    /// what is gone for certain is replaced, however much it is, since waiting would bring none of it back.
    fn halt(&self) -> Option<Halt> {
        let needed: HashSet<NodeId> = self.groups.iter().flat_map(|group| group.members.iter().copied()).collect();
        let is_lost = |node: &&&Candidate| node.role == Role::Lost && !node.is_gone && needed.contains(&node.node.node);
        let lost: Vec<&&Candidate> = self.nodes.values().filter(is_lost).collect();
        let zones = zone_count(lost.iter().map(|node| node.node.zone.as_str()));
        if lost.len() * 3 > self.nodes.len() {
            Some(Halt::TooManyLost { lost: lost.len(), of: self.nodes.len() })
        } else if zones > 1 {
            Some(Halt::SeveralZonesLost { zones })
        } else {
            None
        }
    }

    /// Groups with such a member, those with the most of them first. Where a change is under way it is waited for, but not
    /// when its newcomer is lost and lost ones are replaced: it would never end.
    fn groups_with(&self, which: Leaving) -> Vec<&'a GroupNow> {
        let count = |group: &&GroupNow| group.members.iter().filter(|member| self.is_leaving(**member, which)).count();
        let is_lost = |newcomer| which != Leaving::Draining && self.is_leaving(newcomer, which);
        let may_change = |group: &&GroupNow| group.arriving.is_none_or(is_lost);
        let mut found: Vec<&GroupNow> =
            self.groups.iter().filter(|group| may_change(group) && count(group) > 0).collect();
        found.sort_by_key(|group| (std::cmp::Reverse(count(group)), group.group));
        found
    }

    fn replace_one(&mut self, group: &GroupNow, which: Leaving) -> Option<Move> {
        let cause = if which == Leaving::Draining { Cause::Drained } else { Cause::Lost };
        let leaving = match group.arriving {
            Some(newcomer) => newcomer,
            None => *group.members.iter().find(|member| self.is_leaving(**member, which))?,
        };
        let arriving = self.newcomer(group, leaving, cause)?;
        *self.memberships.entry(leaving).or_insert(1) -= 1;
        *self.memberships.entry(arriving).or_insert(0) += 1;
        Some(Move { group: group.group, epoch: group.epoch, leaving, arriving, cause })
    }

    /// Who takes the place: in a zone, then on a device that the others don't have, and of these one that is not nearly
    /// full, with the fewest groups for its capacity. In a lost member's place a node that left the group comes back where
    /// there is no other: what it holds is not cleared before every member has shown its own copy, and a lost one never does.
    fn newcomer(&self, group: &GroupNow, leaving: NodeId, cause: Cause) -> Option<NodeId> {
        let staying: Vec<&PlacedNode> = self.staying(group, leaving).collect();
        let clashes = |node: &PlacedNode| {
            let zone = staying.iter().any(|member| member.zone == node.zone);
            let device = staying.iter().any(|member| member.device.is_some() && member.device == node.device);
            (zone, device)
        };
        let crowding = |node: &PlacedNode| {
            let groups = self.memberships.get(&node.node).copied().unwrap_or(0);
            (groups + 1) as f64 / node.capacity.max(1) as f64
        };
        let has_left = |node: &Candidate| group.former.contains(&node.node.node);
        let may_come = |node: &Candidate| !knows(node, group) || cause == Cause::Lost && has_left(node);
        self.nodes
            .values()
            .filter(|candidate| matches!(candidate.role, Role::Serving | Role::Crowded) && may_come(candidate))
            .min_by(|a, b| {
                let by_return = has_left(a).cmp(&has_left(b));
                let by_room = (a.role == Role::Crowded).cmp(&(b.role == Role::Crowded));
                let (a, b) = (&a.node, &b.node);
                let by_crowding = crowding(a).total_cmp(&crowding(b));
                by_return.then(clashes(a).cmp(&clashes(b))).then(by_room).then(by_crowding).then(a.node.cmp(&b.node))
            })
            .map(|candidate| candidate.node.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::move_planner::tests::{group, id, in_zone, serving, short as short_moves};

    fn short(plan: &Plan) -> Vec<(u64, u8, u8)> {
        short_moves(&plan.moves)
    }

    #[test]
    fn nothing_moves_while_all_is_well() {
        assert_eq!(plan_moves(&serving(4), &[group(1, &[1, 2, 3]), group(2, &[4, 2, 3])], 10), Plan::default());
    }

    #[test]
    fn a_lost_member_is_replaced_by_a_serving_node_outside_of_the_group() {
        let mut nodes = serving(6);
        nodes[0].role = Role::Lost;
        nodes[4].role = Role::Resting;
        let mut returning = group(3, &[1, 2, 3]);
        returning.former = vec![id(4)];
        let groups = [group(1, &[1, 2, 3]), group(2, &[2, 3, 4]), returning];
        let plan = plan_moves(&nodes, &groups, 10);
        assert_eq!(short(&plan), [(1, 1, 6), (3, 1, 6)], "node 4 is in more groups, and left one, and 5 rests");
        assert_eq!(plan.moves[0].cause, Cause::Lost);
    }

    /// With four nodes, and groups that were evened out before, every other node had left the group: nothing replaced the lost
    /// member, and since a lost member shows no copies, nothing was cleared either, for ever.
    #[test]
    fn a_lost_member_is_replaced_by_a_node_that_left_the_group_where_there_is_no_other() {
        let mut nodes = serving(5);
        nodes[0].role = Role::Lost;
        let mut left = group(1, &[1, 2, 3]);
        left.former = vec![id(4)];
        assert_eq!(short(&plan_moves(&nodes, &[left.clone()], 10)), [(1, 1, 5)], "node 5 never was a member");
        nodes.pop();
        assert_eq!(short(&plan_moves(&nodes, &[left.clone()], 10)), [(1, 1, 4)]);
        nodes[0].role = Role::Draining;
        assert_eq!(short(&plan_moves(&nodes, &[left], 10)), [], "it can wait until node 4 was cleared");
    }

    #[test]
    fn so_many_are_under_way_at_once_and_the_most_endangered_come_first() {
        let mut nodes = serving(9);
        nodes[0].role = Role::Lost;
        nodes[1].role = Role::Lost;
        let mut changing = group(5, &[1, 3, 4]);
        changing.arriving = Some(id(4));
        let groups = [group(1, &[1, 3, 4]), group(2, &[2, 3, 4]), group(3, &[3, 1, 2]), changing];
        assert_eq!(short(&plan_moves(&nodes, &groups, 3)), [(3, 1, 5), (1, 1, 6)]);
        assert_eq!(short(&plan_moves(&nodes, &groups, 1)), []);
    }

    /// The change was waited for, for ever.
    #[test]
    fn a_newcomer_that_is_lost_is_replaced_though_its_change_is_under_way() {
        let mut nodes = serving(6);
        nodes[3].role = Role::Lost;
        let mut changing = group(1, &[4, 2, 3]);
        changing.former = vec![id(1)];
        changing.arriving = Some(id(4));
        assert_eq!(short(&plan_moves(&nodes, &[changing.clone()], 10)), [(1, 4, 5)]);
        nodes[2].role = Role::Lost;
        nodes[3].role = Role::Serving;
        assert_eq!(short(&plan_moves(&nodes, &[changing], 10)), [], "node 4 first");
    }

    #[test]
    fn replacement_halts_when_too_much_is_lost_at_once() {
        let mut nodes = serving(5);
        nodes[0].role = Role::Lost;
        nodes[1].role = Role::Lost;
        let groups = [group(1, &[1, 2, 3])];
        assert_eq!(plan_moves(&nodes, &groups, 10).halt, Some(Halt::TooManyLost { lost: 2, of: 5 }));
        assert!(plan_moves(&nodes, &groups, 10).moves.is_empty());
        nodes.extend([in_zone(6, "z"), in_zone(7, "z")]);
        assert_eq!(short(&plan_moves(&nodes, &groups, 10)).len(), 1);
        nodes[1].node.zone = "y".into();
        assert_eq!(plan_moves(&nodes, &groups, 10).halt, Some(Halt::SeveralZonesLost { zones: 2 }));
        let replaced = [group(1, &[3, 4, 5])];
        assert_eq!(plan_moves(&nodes, &replaced, 10).halt, None, "nothing counts on them any more");
    }

    /// Two disks that were emptied at once: their nodes are back, as others, and nothing was ever replaced.
    #[test]
    fn nodes_that_are_gone_for_certain_are_replaced_however_many_they_are() {
        let mut nodes: Vec<Candidate> = (1..=6).map(|number| in_zone(number, &number.to_string())).collect();
        for node in &mut nodes[..2] {
            (node.role, node.is_gone) = (Role::Lost, true);
        }
        let plan = plan_moves(&nodes, &[group(1, &[1, 2, 3])], 10);
        assert_eq!((short(&plan), plan.halt), (vec![(1, 1, 4)], None));
        nodes[0].is_gone = false;
        nodes[2].role = Role::Lost;
        let plan = plan_moves(&nodes, &[group(1, &[1, 2, 3]), group(2, &[1, 3, 4])], 10);
        let expected = (vec![(1, 2, 5)], Some(Halt::SeveralZonesLost { zones: 2 }));
        assert_eq!((short(&plan), plan.halt), expected, "the one that is gone, and neither of the others");
    }

    #[test]
    fn a_drained_node_gives_its_groups_away_after_lost_ones_were_replaced() {
        let mut nodes = serving(5);
        nodes[0].role = Role::Draining;
        nodes[1].role = Role::Lost;
        let groups = [group(1, &[1, 3, 4]), group(2, &[2, 3, 4])];
        let plan = plan_moves(&nodes, &groups, 10);
        assert_eq!(plan.moves.iter().map(|change| change.cause).collect::<Vec<_>>(), [Cause::Lost, Cause::Drained]);
        assert_eq!(short(&plan), [(2, 2, 5), (1, 1, 5)]);
    }

    /// The drain took the lost newcomer for the one that leaves, a second time in the same plan, or though replacement halted.
    #[test]
    fn a_lost_newcomer_is_replaced_once_and_by_no_drain() {
        let mut nodes = serving(6);
        nodes[0].role = Role::Lost;
        nodes[1].role = Role::Draining;
        let mut changing = group(1, &[1, 2, 3]);
        changing.arriving = Some(id(1));
        let groups = [changing, group(2, &[1, 2, 4])];
        let plan = plan_moves(&nodes, &groups, 10);
        assert_eq!(
            plan.moves.iter().map(|change| (change.group.0, change.cause)).collect::<Vec<_>>(),
            [(1, Cause::Lost), (2, Cause::Lost)]
        );
        nodes[3].role = Role::Lost;
        nodes[4].role = Role::Lost;
        let halted = plan_moves(&nodes, &[groups[0].clone(), group(3, &[4, 5, 6])], 10);
        assert!(halted.halt.is_some() && halted.moves.is_empty(), "{halted:?}");
    }

    #[test]
    fn nobody_comes_when_there_is_nobody() {
        let mut nodes = serving(3);
        nodes[0].role = Role::Draining;
        assert_eq!(plan_moves(&nodes, &[group(1, &[1, 2, 3])], 10), Plan::default());
    }

    #[test]
    fn the_newcomer_stands_in_a_zone_of_its_own_where_there_is_one() {
        let mut nodes = vec![in_zone(1, "a"), in_zone(2, "b"), in_zone(3, "c"), in_zone(4, "a"), in_zone(5, "c")];
        nodes[2].role = Role::Lost;
        assert_eq!(short(&plan_moves(&nodes, &[group(1, &[1, 2, 3])], 10)), [(1, 3, 5)]);
    }
}

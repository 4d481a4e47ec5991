//! Which nodes have a copy of a blob, as far as the metadata tells, and what is left of it when some nodes go. Pure.
//!
//! A member has a copy unless the repair list names it. What a former member still holds, and what a member has that arrives
//! and for which nothing is listed yet, the metadata does not tell: these have it *perhaps*, and would have to be asked.

use crate::types::{GroupId, NodeId};
use std::collections::{HashMap, HashSet};

/// Whoever may hold something of a group.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    pub members: Vec<NodeId>,
    /// The member that arrives, before all that it lacks is on the repair list.
    pub unlisted: Option<NodeId>,
    pub former: Vec<NodeId>,
}

/// The nodes that can be read from, and who may hold what.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub groups: HashMap<GroupId, Holders>,
    /// A copy on any other node counts for nothing.
    pub up: HashSet<NodeId>,
    /// Those of which it is asked what it would mean if they went.
    pub down: HashSet<NodeId>,
    /// A node that can't be asked and counts as having all that it may have.
    pub believed: Option<NodeId>,
}

/// Nodes that are up and have a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    pub sure: Vec<NodeId>,
    pub perhaps: Vec<NodeId>,
}

/// How many copies there are now, and how many when the nodes are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub now: usize,
    pub then: usize,
}

impl Left {
    /// Of what consists of both.
    pub fn worse(self, other: Self) -> Self {
        Self { now: self.now.min(other.now), then: self.then.min(other.then) }
    }
}

impl Scene {
    /// The copies of a blob of this group that is on the repair list for `missing`.
    pub fn copies(&self, group: GroupId, missing: &[NodeId]) -> Copies {
        let Some(holders) = self.groups.get(&group) else { return Copies::default() };
        let mut copies = Copies::default();
        for member in holders.members.iter().filter(|member| self.up.contains(member)) {
            match member {
                member if missing.contains(member) => {}
                member if holders.unlisted == Some(*member) => copies.perhaps.push(*member),
                member => copies.sure.push(*member),
            }
        }
        for former in holders.former.iter().filter(|former| self.up.contains(former)) {
            match self.believed == Some(*former) {
                true => copies.sure.push(*former),
                false => copies.perhaps.push(*former),
            }
        }
        copies
    }

    /// Whether it matters who really has it: by what is sure, one copy or none is left now or then.
    pub fn is_worth_asking(&self, copies: &Copies) -> bool {
        !copies.perhaps.is_empty() && self.then(&copies.sure) <= 1
    }

    /// `found`: those that have it perhaps, were asked, and do.
    pub fn left(&self, copies: &Copies, found: &[NodeId]) -> Left {
        Left { now: copies.sure.len() + found.len(), then: self.then(&copies.sure) + self.then(found) }
    }

    fn then(&self, nodes: &[NodeId]) -> usize {
        nodes.iter().filter(|node| !self.down.contains(node)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn nodes(bytes: &[u8]) -> Vec<NodeId> {
        bytes.iter().map(|byte| node(*byte)).collect()
    }

    /// Group 1 of nodes 1 to 3, of which 3 arrives and 4 left it; all are up but `away`.
    fn scene(unlisted: Option<u8>, away: &[u8], down: &[u8]) -> Scene {
        let holders = Holders { members: nodes(&[1, 2, 3]), unlisted: unlisted.map(node), former: nodes(&[4]) };
        Scene {
            groups: [(GroupId(1), holders)].into(),
            up: nodes(&[1, 2, 3, 4]).into_iter().filter(|node| !nodes(away).contains(node)).collect(),
            down: nodes(down).into_iter().collect(),
            believed: None,
        }
    }

    #[test]
    fn copies_follow_members_the_repair_list_and_who_is_up() {
        for (unlisted, away, missing, sure, perhaps) in [
            (None, &[][..], &[][..], &[1, 2, 3][..], &[4][..]),
            (None, &[1], &[], &[2, 3], &[4]),
            (None, &[4], &[2], &[1, 3], &[]),
            (Some(3), &[], &[], &[1, 2], &[3, 4]),
            (Some(3), &[], &[3], &[1, 2], &[4]),
            (None, &[1, 2, 3, 4], &[], &[], &[]),
        ] {
            let copies = scene(unlisted, away, &[]).copies(GroupId(1), &nodes(missing));
            assert_eq!(copies, Copies { sure: nodes(sure), perhaps: nodes(perhaps) }, "{away:?} {missing:?}");
        }
        let believed = Scene { believed: Some(node(4)), ..scene(None, &[], &[]) };
        assert_eq!(believed.copies(GroupId(1), &nodes(&[1])).sure, nodes(&[2, 3, 4]));
        assert_eq!(scene(None, &[], &[]).copies(GroupId(2), &[]), Copies::default(), "nobody has what no group holds");
    }

    #[test]
    fn what_is_left_counts_those_that_stay_and_those_that_were_found() {
        let scene = scene(None, &[], &[1, 2]);
        let copies = scene.copies(GroupId(1), &[]);
        assert_eq!(scene.left(&copies, &[]), Left { now: 3, then: 1 });
        assert_eq!(scene.left(&copies, &nodes(&[4])), Left { now: 4, then: 2 });
        assert!(scene.is_worth_asking(&copies));
        let lone = scene.copies(GroupId(1), &nodes(&[3]));
        assert_eq!(scene.left(&lone, &[]), Left { now: 2, then: 0 });
        assert_eq!(scene.left(&copies, &[]).worse(scene.left(&lone, &nodes(&[4]))), Left { now: 3, then: 1 });
    }

    #[test]
    fn nobody_is_asked_where_the_answer_changes_nothing() {
        let scene = scene(None, &[], &[1]);
        assert!(!scene.is_worth_asking(&scene.copies(GroupId(1), &[])), "two are left for sure");
        let without_former = Scene { up: nodes(&[1, 2, 3]).into_iter().collect(), down: scene.up.clone(), ..scene };
        assert!(!without_former.is_worth_asking(&without_former.copies(GroupId(1), &[])), "there is nobody to ask");
    }
}

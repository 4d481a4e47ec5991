//! Which nodes have a copy of a blob, as far as the metadata tells, and what is left of it when some nodes go. Pure.
//!
//! A member has a copy unless the repair list names it. What a former member still holds, and what a member has that arrives
//! and for which nothing is listed yet, the metadata does not tell: these have it *perhaps*, and would have to be asked.
//!
//! Whoever did not say that it has a copy has none. Only the node of which one wants to know whether it has the last copy is
//! believed to have one until it says that it hasn't: a mistake then keeps a node that could go, and loses nothing.

use super::{ask::CopyAnswer, topology::PlacedGroup};
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

impl Holders {
    pub fn of(group: &PlacedGroup) -> Self {
        Self {
            members: group.members.iter().map(|member| member.id()).collect(),
            unlisted: group.arriving.filter(|arrival| !arrival.is_listed).map(|arrival| arrival.node),
            former: group.former.iter().map(|former| former.id()).collect(),
        }
    }
}

/// What one wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Question {
    /// What it would mean if the nodes that are `down` went.
    #[default]
    WhatIf,
    /// Of what this node, the only one that is `down`, has the last copy.
    LastCopiesOn(NodeId),
}

/// The nodes that can be read from, and who may hold what.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub question: Question,
    pub groups: HashMap<GroupId, Holders>,
    /// A copy on any other node counts for nothing.
    pub up: HashSet<NodeId>,
    /// Those of which it is asked what it would mean if they went.
    pub down: HashSet<NodeId>,
    /// Nodes that may hold less than the metadata tells: as members they have a copy perhaps.
    pub doubtful: HashSet<NodeId>,
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
                member if holders.unlisted == Some(*member) || self.doubtful.contains(member) => {
                    copies.perhaps.push(*member);
                }
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

    /// Whether it matters who really has it, and somebody can be asked.
    pub fn is_worth_asking(&self, copies: &Copies) -> bool {
        let concerns_it = match self.question {
            Question::WhatIf => true,
            Question::LastCopiesOn(node) => copies.sure.contains(&node) || copies.perhaps.contains(&node),
        };
        !copies.perhaps.is_empty() && concerns_it && self.is_open(copies, &[])
    }

    /// Whether one more copy would change the answer. `found`: those that have it perhaps, were asked, and do.
    pub fn is_open(&self, copies: &Copies, found: &[NodeId]) -> bool {
        let enough = match self.question {
            Question::WhatIf => 2,
            Question::LastCopiesOn(_) => 1,
        };
        self.left(copies, found).then < enough
    }

    /// Of those that have it perhaps and were asked, the ones that count as having it, by what each said of every chunk.
    pub fn found(&self, said: &[(NodeId, Vec<CopyAnswer>)]) -> Vec<NodeId> {
        let is_whole = |(node, answers): &&(NodeId, Vec<CopyAnswer>)| {
            self.question != Question::LastCopiesOn(*node)
                && answers.iter().all(CopyAnswer::is_good)
                && !answers.is_empty()
        };
        let whole = said.iter().filter(is_whole).map(|(node, _)| *node);
        let alone = match self.question {
            Question::LastCopiesOn(node) if has_a_chunk_alone(node, said) => Some(node),
            _ => None,
        };
        whole.chain(alone).collect()
    }

    /// The same when nobody was asked.
    pub fn found_unasked(&self, copies: &Copies) -> Vec<NodeId> {
        match self.question {
            Question::LastCopiesOn(node) if copies.perhaps.contains(&node) => vec![node],
            _ => Vec::new(),
        }
    }

    /// What is left, with those that were `found` beside those that are sure.
    pub fn left(&self, copies: &Copies, found: &[NodeId]) -> Left {
        Left { now: copies.sure.len() + found.len(), then: self.then(&copies.sure) + self.then(found) }
    }

    fn then(&self, nodes: &[NodeId]) -> usize {
        nodes.iter().filter(|node| !self.down.contains(node)).count()
    }
}

/// Whether the node has, or may have, a chunk that none of the others said to have: they may have others of the blob's chunks.
fn has_a_chunk_alone(node: NodeId, said: &[(NodeId, Vec<CopyAnswer>)]) -> bool {
    let Some((_, own)) = said.iter().find(|(asked, _)| *asked == node) else { return false };
    let has_other = |at: usize| {
        let others = said.iter().filter(|(asked, _)| *asked != node);
        others.into_iter().any(|(_, answers)| answers.get(at).is_some_and(CopyAnswer::is_good))
    };
    own.iter().enumerate().any(|(at, answer)| {
        let may_have = match answer {
            CopyAnswer::Whole | CopyAnswer::Held | CopyAnswer::Silent(_) => true,
            CopyAnswer::Absent | CopyAnswer::Corrupt => false,
        };
        may_have && !has_other(at)
    })
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
            ..Scene::default()
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
    /// The same scene, to learn whether node 4, that left the group, may be removed.
    fn removal(doubtful: &[u8]) -> Scene {
        let question = Question::LastCopiesOn(node(4));
        Scene { question, doubtful: nodes(doubtful).into_iter().collect(), ..scene(None, &[], &[4]) }
    }

    #[test]
    fn for_a_removal_members_in_doubt_have_a_copy_perhaps_and_one_sure_copy_is_enough() {
        let copies = removal(&[3]).copies(GroupId(1), &nodes(&[1]));
        assert_eq!(copies, Copies { sure: nodes(&[2]), perhaps: nodes(&[3, 4]) });
        assert!(!removal(&[3]).is_worth_asking(&copies));
        let copies = removal(&[2, 3]).copies(GroupId(1), &nodes(&[1]));
        assert!(removal(&[2, 3]).is_worth_asking(&copies));
        let elsewhere = Copies { sure: Vec::new(), perhaps: nodes(&[2]) };
        assert!(!removal(&[2]).is_worth_asking(&elsewhere), "it has none to lose");
    }

    #[test]
    fn for_a_removal_the_node_has_what_it_does_not_deny_and_others_what_they_confirm() {
        use CopyAnswer::{Absent, Corrupt, Held};
        let silent = || CopyAnswer::Silent("no route".to_owned());
        let scene = removal(&[2]);
        let copies = Copies { sure: Vec::new(), perhaps: nodes(&[2, 4]) };
        for (other, own, found, is_last) in [
            (vec![Held, Held], vec![Held, Held], &[2][..], false),
            (vec![Held, Held], vec![silent(), silent()], &[2], false),
            (vec![Held, Absent], vec![Held, Held], &[4], true),
            (vec![Held, Absent], vec![Held, Absent], &[], false),
            (vec![Absent, Held], vec![Held, Absent], &[4], true),
            (vec![Held, silent()], vec![Absent, Held], &[4], true),
            (vec![silent(), silent()], vec![silent(), silent()], &[4], true),
            (vec![Corrupt, Absent], vec![Absent, Corrupt], &[], false),
        ] {
            let said = [(node(2), other), (node(4), own)];
            assert_eq!(scene.found(&said), nodes(found), "{said:?}");
            let left = scene.left(&copies, &nodes(found));
            assert_eq!(left.now > 0 && left.then == 0, is_last, "{said:?}");
        }
        assert_eq!(scene.found_unasked(&copies), nodes(&[4]), "what was not asked may be so");
        let what_if = Scene { question: Question::WhatIf, ..removal(&[]) };
        assert_eq!(what_if.found_unasked(&copies), []);
        let said = [(node(2), vec![silent()]), (node(4), vec![Held])];
        assert_eq!(what_if.found(&said), nodes(&[4]));
    }
}

//! What keeps the data from being fully redundant, in words. Empty means: everything that was written has all its
//! copies on nodes that are alive, and further writes will have them too.

use crate::cluster::{ClusterError, Loss, NodeView, Standing};

/// `missing_copies`: rows on the repair list.
pub fn concerns(
    nodes: &[NodeView],
    can_write: Result<(), ClusterError>,
    missing_copies: u64,
    loss: Loss,
    changing_groups: usize,
) -> Vec<String> {
    let mut concerns = Vec::new();
    if let Err(error) = can_write {
        concerns.push(format!("nothing can be written: {error}"));
    }
    // Each is counted by a look of its own.
    let repairable = missing_copies.saturating_sub(loss.copies);
    if repairable > 0 {
        concerns.push(format!("{repairable} copies of blobs are missing"));
    }
    if loss.blobs > 0 {
        concerns.push(format!(
            "{} blobs are lost: no node holds them right, and no repair can bring them back. `larder admin verify` names their \
             objects: put these again, or delete them",
            loss.blobs
        ));
    }
    if changing_groups > 0 {
        concerns.push(format!("{changing_groups} groups are changing a member"));
    }
    for node in nodes {
        let name = &node.row.name;
        if let Some(address) = &node.refused_claim {
            concerns.push(format!("two processes claim to be node {name}: the one at {address} is refused"));
        }
        // Nothing counts on it any more. What it holds is looked at should it ever come back.
        if matches!(node.standing, Standing::Suspect | Standing::Failed) && node.group_count == 0 {
            continue;
        }
        // What came of it is over when no copy is missing any more.
        if node.rolled_back > 0 && (node.is_in_doubt || missing_copies > 0) {
            concerns.push(format!("a volume of node {name} went back in time: what it lacks is sent to it"));
        } else if node.is_in_doubt {
            concerns.push(format!("what node {name} holds is being looked at"));
        }
        let damaged = node.status.as_ref().map_or(0, |status| status.scrub.quarantined);
        if damaged > 0 && node.standing.is_reachable() {
            concerns.push(format!("{damaged} damaged chunks that node {name} keeps apart are not replaced yet"));
        }
        match node.standing {
            Standing::Joining
            | Standing::Healthy
            | Standing::Recovering
            | Standing::Draining
            | Standing::Drained
            | Standing::NearlyFull => {}
            Standing::Full => concerns.push(format!("node {name} is full: it takes no new data")),
            Standing::Frozen => concerns.push(format!("node {name} is frozen after a disk error")),
            Standing::PartlyFrozen => concerns.push(format!("a volume of node {name} is frozen after a disk error")),
            Standing::Returning => concerns.push(format!("node {name} went and came repeatedly, and is on trial")),
            Standing::Slow => concerns.push(format!("node {name} answers too slowly and is avoided")),
            Standing::Suspect => concerns.push(format!("node {name} is silent")),
            Standing::Failed => concerns
                .push(format!("node {name} has failed: what it held in {} groups lacks a copy", node.group_count)),
        }
    }
    concerns
}

/// Lost nodes are not replaced, and what ends that.
pub fn replacement_halts(reason: &str) -> String {
    format!(
        "lost nodes are not replaced: {reason}. It goes on when they are back; of those that never will be, say so with \
         `larder admin node drain NAME`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metadata::{
            command::{NodeDuty, NodeState},
            rows::Node,
        },
        node::api::NodeStatus,
        types::{ClusterId, NodeId, ScrubStatus, Term, Timestamp},
    };
    use std::sync::Arc;

    const NONE: Loss = Loss { blobs: 0, copies: 0 };

    fn node(name: &str, standing: Standing) -> NodeView {
        let row = Node {
            node: NodeId::from_bytes([1; 16]),
            name: name.into(),
            address: None,
            zone: name.into(),
            capacity: 0,
            device: None,
            volumes: Vec::new(),
            state: NodeState::Healthy,
            duty: NodeDuty::Serving,
            registered: Timestamp::from_unix_millis(0),
        };
        NodeView {
            row: Arc::new(row),
            standing,
            silence: None,
            status: None,
            refused_claim: None,
            is_in_doubt: false,
            rolled_back: 0,
            group_count: 0,
            left_group_count: 0,
        }
    }

    #[test]
    fn healthy_nodes_with_every_copy_are_no_concern() {
        assert!(concerns(&[node("a", Standing::Healthy)], Ok(()), 0, NONE, 0).is_empty());
    }

    /// A loss looked like repair under way, for ever.
    #[test]
    fn what_is_lost_is_told_apart_from_what_is_being_repaired() {
        let nodes = [node("a", Standing::Healthy)];
        let told = concerns(&nodes, Ok(()), 5, Loss { blobs: 1, copies: 3 }, 0);
        assert_eq!((told.len(), &*told[0]), (2, "2 copies of blobs are missing"));
        assert!(told[1].starts_with("1 blobs are lost") && told[1].contains("delete them"), "{told:?}");
        assert_eq!(concerns(&nodes, Ok(()), 3, Loss { blobs: 1, copies: 3 }, 0).len(), 1);
    }

    /// The status said fully redundant while the scrub still listed damaged copies.
    #[test]
    fn damaged_chunks_are_a_concern_until_they_are_replaced() {
        let status = |quarantined| NodeStatus {
            node: NodeId::from_bytes([1; 16]),
            cluster: ClusterId::from_bytes([2; 16]),
            volumes: Vec::new(),
            scrub: ScrubStatus { quarantined, ..ScrubStatus::default() },
            load: 0,
            witness: None,
            term: Term(1),
            run: None,
        };
        let with = |quarantined, standing| NodeView {
            status: Some(Arc::new(status(quarantined))),
            group_count: 1,
            ..node("a", standing)
        };
        assert!(concerns(&[with(0, Standing::Healthy)], Ok(()), 0, NONE, 0).is_empty());
        let expected = "2 damaged chunks that node a keeps apart are not replaced yet";
        assert_eq!(concerns(&[with(2, Standing::Healthy)], Ok(()), 0, NONE, 0), [expected]);
        let silent = concerns(&[with(2, Standing::Suspect)], Ok(()), 0, NONE, 0);
        assert_eq!(silent, ["node a is silent"], "what it last said is old");
    }

    #[test]
    fn each_thing_that_is_wrong_is_told() {
        let nodes = [node("a", Standing::Suspect), node("b", Standing::Healthy), node("c", Standing::Frozen)];
        let nodes = nodes.map(|node| NodeView { group_count: 1, ..node });
        let told = concerns(&nodes, Err(ClusterError::NotEnoughNodes { needed: 3, alive: 1 }), 7, NONE, 2).join("; ");
        let in_doubt = NodeView { is_in_doubt: true, ..node("d", Standing::Healthy) };
        assert_eq!(concerns(&[in_doubt], Ok(()), 0, NONE, 0), ["what node d holds is being looked at"]);
        let put_back = || NodeView { rolled_back: 1, ..node("g", Standing::Healthy) };
        let expected = "a volume of node g went back in time: what it lacks is sent to it";
        assert_eq!(concerns(&[put_back()], Ok(()), 2, NONE, 0)[1..], [expected]);
        assert!(concerns(&[put_back()], Ok(()), 0, NONE, 0).is_empty(), "all is well again");
        let copied = NodeView { refused_claim: Some("host:1".to_owned()), ..node("f", Standing::Healthy) };
        let expected = "two processes claim to be node f: the one at host:1 is refused";
        assert_eq!(concerns(&[copied], Ok(()), 0, NONE, 0), [expected]);
        for expected in
            ["3 storage nodes are needed", "7 copies", "2 groups are changing", "node a is silent", "node c is frozen"]
        {
            assert!(told.contains(expected), "{expected} is not in: {told}");
        }
        assert!(!told.contains("node b"));
        let failed = NodeView { group_count: 8, ..node("h", Standing::Failed) };
        let expected = "node h has failed: what it held in 8 groups lacks a copy";
        assert_eq!(concerns(&[failed], Ok(()), 0, NONE, 0), [expected]);
        let replaced = NodeView { is_in_doubt: true, ..node("e", Standing::Failed) };
        let replaced = concerns(&[replaced], Ok(()), 0, NONE, 0);
        assert!(replaced.is_empty(), "no group counts on it: {replaced:?}");
    }
}

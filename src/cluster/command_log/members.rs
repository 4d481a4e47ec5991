//! Which nodes keep the command log. Pure.

use crate::types::NodeId;
use std::collections::HashSet;

/// A node that could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogNode {
    pub node: NodeId,
    pub zone: String,
    /// Nodes of this process on one device are one place: what takes one takes all of them, and each would sync it again.
    pub place: Place,
    /// Whether it takes data now.
    pub is_fit: bool,
}

/// Where a node lies, as far as it counts for copies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    OwnDevice(String),
    Node(NodeId),
}

/// How many copies there can be.
pub fn copies_wanted(nodes: &[LogNode], copies: usize) -> usize {
    let places: HashSet<&Place> = nodes.iter().map(|node| &node.place).collect();
    places.len().min(copies)
}

/// On how many of them a frame has to be durable: any two such sets have a node in common.
pub fn majority(wanted: usize) -> usize {
    wanted / 2 + 1
}

/// Up to `copies` fit nodes in different places, in different zones where there are such; of `current` whoever is still fit stays.
/// Sorted.
pub fn choose(nodes: &[LogNode], current: &[NodeId], copies: usize) -> Vec<NodeId> {
    let mut fit: Vec<&LogNode> = nodes.iter().filter(|node| node.is_fit).collect();
    fit.sort_by_key(|node| (!current.contains(&node.node), node.node));
    let (mut chosen, mut places, mut zones) = (Vec::new(), HashSet::new(), HashSet::new());
    let staying = fit.iter().filter(|node| current.contains(&node.node)).count();
    for may_share_zone in [false, true] {
        for (position, node) in fit.iter().enumerate() {
            let is_staying = position < staying;
            let is_welcome = may_share_zone || is_staying || !zones.contains(node.zone.as_str());
            if chosen.len() < copies && is_welcome && places.insert(&node.place) {
                zones.insert(node.zone.as_str());
                chosen.push(node.node);
            }
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 16])
    }

    fn node(number: u8, zone: &str) -> LogNode {
        LogNode { node: id(number), zone: zone.to_owned(), place: Place::Node(id(number)), is_fit: true }
    }

    fn ids(numbers: &[u8]) -> Vec<NodeId> {
        numbers.iter().map(|number| id(*number)).collect()
    }

    #[test]
    fn they_lie_in_different_zones_where_there_are_such() {
        let nodes = [node(1, "a"), node(2, "a"), node(3, "b"), node(4, "c")];
        assert_eq!(choose(&nodes, &[], 3), ids(&[1, 3, 4]));
        assert_eq!(choose(&nodes[..3], &[], 3), ids(&[1, 2, 3]));
        assert_eq!(choose(&nodes, &[], 1), ids(&[1]));
    }

    #[test]
    fn who_is_fit_stays_and_who_is_not_is_replaced() {
        let mut nodes = [node(1, "a"), node(2, "b"), node(3, "c"), node(4, "d")];
        assert_eq!(choose(&nodes, &ids(&[2, 3, 4]), 3), ids(&[2, 3, 4]));
        nodes[2].is_fit = false;
        assert_eq!(choose(&nodes, &ids(&[2, 3, 4]), 3), ids(&[1, 2, 4]));
        nodes[2].is_fit = true;
        assert_eq!(choose(&nodes, &ids(&[1, 2, 4]), 3), ids(&[1, 2, 4]), "it does not push out who came in its place");
    }

    #[test]
    fn nodes_of_this_process_on_one_device_keep_it_once() {
        let own = |number| LogNode { place: Place::OwnDevice("8:1".to_owned()), ..node(number, &number.to_string()) };
        let nodes = [own(1), own(2), own(3)];
        assert_eq!((copies_wanted(&nodes, 3), choose(&nodes, &[], 3)), (1, ids(&[1])));
        let with_another = [own(1), own(2), node(7, "x")];
        assert_eq!((copies_wanted(&with_another, 3), choose(&with_another, &[], 3)), (2, ids(&[1, 7])));
    }

    #[test]
    fn any_two_majorities_meet() {
        for wanted in 1..20 {
            assert!(2 * majority(wanted) > wanted && majority(wanted) <= wanted);
        }
    }
}

//! Placement groups as an operator sees them: who is in one, how these stand, and why they were chosen.

use super::node_report::standing_in_words;
use crate::{
    admin::explain::{GroupNode, GroupReport},
    cluster::{Cluster, NodeView},
    metadata::{
        Metadata, QueryError,
        rows::{Group, Node},
    },
    types::{GroupId, NodeId},
};
use std::collections::{BTreeSet, HashMap};

/// The groups and nodes as the metadata knows them, and how the nodes stand.
pub struct GroupBook {
    groups: HashMap<GroupId, Group>,
    rows: HashMap<NodeId, Node>,
    views: HashMap<NodeId, NodeView>,
}

impl GroupBook {
    pub async fn read(metadata: &Metadata, cluster: &Cluster) -> Result<Self, QueryError> {
        let groups = metadata.groups().await?.into_iter().map(|group| (group.group, group)).collect();
        let rows = metadata.nodes().await?.into_iter().map(|row| (row.node, row)).collect();
        let views = cluster.nodes().into_iter().map(|view| (view.row.node, view)).collect();
        Ok(Self { groups, rows, views })
    }

    pub fn group(&self, group: GroupId) -> Option<&Group> {
        self.groups.get(&group)
    }

    /// Members, then those that left and may still hold copies.
    pub fn holders(&self, group: GroupId) -> Vec<NodeId> {
        self.group(group).map_or_else(Vec::new, |group| [&group.members[..], &group.former[..]].concat())
    }

    pub fn name(&self, node: NodeId) -> String {
        self.rows.get(&node).map_or_else(|| node.to_string(), |row| row.name.clone())
    }

    /// `None` for a group that the metadata does not know.
    pub fn report(&self, group: GroupId) -> Option<GroupReport> {
        let row = self.group(group)?;
        let node = |node: NodeId| GroupNode {
            name: self.name(node),
            zone: self.zone(node).to_owned(),
            standing: self.views.get(&node).map_or("removed".into(), |view| standing_in_words(view.standing)),
            role: role_of(row, node).to_owned(),
            groups: self.views.get(&node).map_or(0, |view| u32::try_from(view.group_count).unwrap_or(u32::MAX)),
            last_verified: self.views.get(&node).and_then(last_verified),
        };
        Some(GroupReport {
            group: group.0,
            epoch: row.epoch.0,
            scheme: row.scheme.clone(),
            nodes: self.holders(group).into_iter().map(node).collect(),
            why: self.why(row),
        })
    }

    fn zone(&self, node: NodeId) -> &str {
        self.rows.get(&node).map_or("", |row| row.zone.as_str())
    }

    fn why(&self, group: &Group) -> String {
        let zones: BTreeSet<&str> = group.members.iter().map(|node| self.zone(*node)).collect();
        let all: BTreeSet<&str> = self.views.values().map(|view| view.row.zone.as_str()).collect();
        why(group, zones.len(), all.len())
    }
}

/// What the node said last of its scrub.
fn last_verified(view: &NodeView) -> Option<String> {
    let finished = view.status.as_ref()?.scrub.last_finished?;
    Some(finished.to_iso_8601())
}

/// What the node is to the group.
pub fn role_of(group: &Group, node: NodeId) -> &'static str {
    match node {
        node if group.arriving == Some(node) => "arriving",
        node if group.members.contains(&node) => "member",
        _ => "former",
    }
}

fn why(group: &Group, zones: usize, all_zones: usize) -> String {
    let changes = group.epoch.0.saturating_sub(1);
    let history = match changes {
        0 => "its members are those that it was made with".to_owned(),
        1 => "its members have changed once since it was made".to_owned(),
        more => format!("its members have changed {more} times since it was made"),
    };
    let possible = all_zones.min(group.members.len());
    let spread = match zones < possible {
        false => "as far apart as there are zones".to_owned(),
        true => format!(
            "where {possible} are possible: a copy moves when a node of another zone has room and is no fuller than its own"
        ),
    };
    format!(
        "{history}: {} nodes in {zones} of {all_zones} zones, {spread}, each node in as many groups as fits its capacity; the \
         write took the less burdened of two groups drawn from those it could use",
        group.members.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Epoch;

    #[test]
    fn roles_and_reasons_follow_the_groups_row() {
        let node = |byte: u8| NodeId::from_bytes([byte; 16]);
        let group = Group {
            group: GroupId(1),
            epoch: Epoch(3),
            members: vec![node(1), node(2), node(3)],
            scheme: "replica:3".into(),
            former: vec![node(4)],
            arriving: Some(node(3)),
            is_listed: false,
        };
        assert_eq!([1, 3, 4].map(|byte| role_of(&group, node(byte))), ["member", "arriving", "former"]);
        assert!(why(&group, 2, 3).starts_with("its members have changed 2 times since it was made: 3 nodes in 2 of 3"));
        assert!(why(&group, 2, 3).contains("where 3 are possible"));
        assert!(why(&group, 3, 4).contains("as far apart as there are zones"));
        let made = Group { epoch: Epoch(1), ..group };
        assert!(why(&made, 3, 3).starts_with("its members are those that it was made with"));
    }
}

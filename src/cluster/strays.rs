//! Groups of which a node holds something though it is neither a member nor a former one: copies that were away when the group
//! forgot the node (on a volume that was out, in an image that was put back), and are there again. The search through inventories
//! meets them (`orphans`), the step that trims surplus copies clears them (`surplus`). Kept in memory: marks of an inventory
//! are not kept while something of it is here, so that another gateway meets it again.

use super::topology::Topology;
use crate::types::{GroupId, NodeId};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Cheap to clone. At most as many entries as there are groups, for each node.
#[derive(Clone, Debug, Default)]
pub struct Strays(Arc<Mutex<HashMap<NodeId, HashSet<GroupId>>>>);

impl Strays {
    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, HashSet<GroupId>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node holds something of the group, which a row names. It counts when the group has nothing to do with the node.
    pub fn note(&self, node: NodeId, group: GroupId, topology: &Topology) {
        if is_foreign(node, group, topology) {
            self.lock().entry(node).or_default().insert(group);
        }
    }

    /// What was noted of the node and is still so.
    pub fn of(&self, node: NodeId, topology: &Topology) -> HashSet<GroupId> {
        let mut all = self.lock();
        let Some(groups) = all.get_mut(&node) else { return HashSet::new() };
        groups.retain(|group| is_foreign(node, *group, topology));
        groups.clone()
    }

    pub fn has(&self, node: NodeId) -> bool {
        self.lock().get(&node).is_some_and(|groups| !groups.is_empty())
    }

    /// Nothing of them is left on the node.
    pub fn forget<'a>(&self, node: NodeId, groups: impl Iterator<Item = &'a GroupId>) {
        if let Some(known) = self.lock().get_mut(&node) {
            groups.for_each(|group| _ = known.remove(group));
        }
    }
}

/// Of a group that changes nothing is said before it has changed.
fn is_foreign(node: NodeId, group: GroupId, topology: &Topology) -> bool {
    topology.group(group).is_some_and(|group| {
        let mut holders = group.members.iter().chain(&group.former);
        group.arriving.is_none() && !holders.any(|holder| holder.id() == node)
    })
}

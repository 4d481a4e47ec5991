//! Groups that commands named lately, so that a put need not read its group again and again. Only commands change
//! groups, and only the writer applies commands, so what is remembered is what the transaction would read.

use crate::types::{GroupId, NodeId};
use std::collections::HashMap;

/// Bound of the memory: 100 000 groups of three are 10 MB; then everything is forgotten and read again.
const REMEMBERED_MAX: usize = 100_000;

#[derive(Default)]
pub(crate) struct KnownGroups {
    members: HashMap<GroupId, Vec<NodeId>>,
}

impl KnownGroups {
    pub(super) fn members(&self, group: GroupId) -> Option<&Vec<NodeId>> {
        self.members.get(&group)
    }

    pub(super) fn keep(&mut self, group: GroupId, members: Vec<NodeId>) {
        if self.members.len() >= REMEMBERED_MAX {
            self.members.clear();
        }
        self.members.insert(group, members);
    }

    /// Called by every command that changes groups, and whenever a command is undone.
    pub fn forget(&mut self) {
        self.members.clear();
    }
}

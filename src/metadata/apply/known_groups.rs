//! Groups that commands named lately, so that a put need not read its group again and again. Only commands change
//! groups, and only the writer applies commands, so what is remembered is what the transaction would read.

use super::transaction::{ApplyError, Transaction};
use crate::{
    metadata::{columns, columns::Columns, script::Script},
    types::{GroupId, NodeId},
};
use std::collections::HashMap;

/// Bound of the memory: 100 000 groups of three are 10 MB; then everything is forgotten and read again.
const REMEMBERED_MAX: usize = 100_000;

#[derive(Default)]
pub(crate) struct KnownGroups {
    members: HashMap<GroupId, Vec<NodeId>>,
}

impl KnownGroups {
    /// Called by every command that changes groups, and whenever a command is undone.
    pub fn forget(&mut self) {
        self.members.clear();
    }
}

const READ_GROUP: &str = "SELECT members FROM placement_groups WHERE placement_group = $1";

/// The group's members as they are now; `None` when there is no such group.
pub(super) async fn members(group: GroupId, tx: &mut Transaction<'_>) -> Result<Option<Vec<NodeId>>, ApplyError> {
    if let Some(members) = tx.known_groups().members.get(&group) {
        return Ok(Some(members.clone()));
    }
    let Some(row) = tx.fetch_optional(Script::of(READ_GROUP).with(columns::number(group.0))).await? else {
        return Ok(None);
    };
    let members = columns::node_ids_of(row.bytes(0)?)?;
    let known = &mut tx.known_groups().members;
    if known.len() >= REMEMBERED_MAX {
        known.clear();
    }
    known.insert(group, members.clone());
    Ok(Some(members))
}

//! Storage nodes and placement groups.

use super::transaction::{ApplyError, Transaction};
use crate::{
    metadata::{
        columns::{
            Columns, node_duty_code, node_ids_bytes, node_ids_of, node_state_code, number, time, volume_ids_bytes,
        },
        command::{NewGroup, NodeDuty, NodeState, RegisterNode},
        outcome::{CommandError, Outcome},
        script::Script,
    },
    types::{Epoch, NodeId},
};

const READ_NAME_TAKEN: &str = "SELECT 1 FROM nodes WHERE name = $1 AND node <> $2";
const UPSERT_NODE: &str = "
    INSERT INTO nodes (node, name, address, zone, capacity, device, volumes, state, registered)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (node) DO UPDATE SET name = excluded.name, address = excluded.address, zone = excluded.zone,
        capacity = excluded.capacity, device = excluded.device, volumes = excluded.volumes";

/// Afterwards the node is known as it says it is. A node that comes back keeps its state and its first registration.
pub(super) async fn register(command: &RegisterNode, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let node = &command.node.as_bytes()[..];
    if tx.fetch_number(Script::of(READ_NAME_TAKEN).with(&command.name).with(node)).await?.is_some() {
        return Err(CommandError::NodeNameTaken.into());
    }
    let mut script = Script::of(UPSERT_NODE);
    script.bind(node).bind(&command.name).bind(command.address.as_deref()).bind(&command.zone);
    script.bind(number(command.capacity)).bind(command.device.as_deref()).bind(volume_ids_bytes(&command.volumes));
    script.bind(node_state_code(NodeState::Healthy)).bind(time(command.at));
    tx.execute(script).await?;
    Ok(Outcome::Done)
}

const SET_STATE: &str = "UPDATE nodes SET state = $2 WHERE node = $1";

pub(super) async fn set_state(node: NodeId, state: NodeState, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let script = Script::of(SET_STATE).with(&node.as_bytes()[..]).with(node_state_code(state));
    match tx.execute(script).await? {
        0 => Err(CommandError::NoSuchNode.into()),
        _ => Ok(Outcome::Done),
    }
}

const SET_DUTY: &str = "UPDATE nodes SET duty = $2 WHERE node = $1";
const LIST_GROUPS: &str = "SELECT members, former, arriving FROM placement_groups";

/// A node is removed only when no group counts on it: as a member, or as a source for one that arrives.
pub(super) async fn set_duty(node: NodeId, duty: NodeDuty, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    if duty == NodeDuty::Removed {
        for group in tx.fetch_all(Script::of(LIST_GROUPS)).await? {
            let is_source = group.optional_bytes(2)?.is_some() && node_ids_of(group.bytes(1)?)?.contains(&node);
            if is_source || node_ids_of(group.bytes(0)?)?.contains(&node) {
                return Err(CommandError::NodeInGroups.into());
            }
        }
    }
    let script = Script::of(SET_DUTY).with(&node.as_bytes()[..]).with(node_duty_code(duty));
    match tx.execute(script).await? {
        0 => Err(CommandError::NoSuchNode.into()),
        _ => Ok(Outcome::Done),
    }
}

const NODE_EXISTS: &str = "SELECT 1 FROM nodes WHERE node = $1";
const INSERT_GROUP: &str =
    "INSERT INTO placement_groups (placement_group, epoch, members, scheme) VALUES ($1, $2, $3, $4)";

/// Afterwards the groups exist at their first epoch, or one of them was wrong and none does.
pub(super) async fn create_groups(groups: &[NewGroup], tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    tx.known_groups().forget();
    for group in groups {
        check_members(group, tx).await?;
        let mut script = Script::of(INSERT_GROUP);
        script.bind(number(group.group.0)).bind(number(Epoch(1).0)).bind(node_ids_bytes(&group.members));
        script.bind(&group.scheme);
        tx.execute(script).await?;
    }
    Ok(Outcome::Done)
}

async fn check_members(group: &NewGroup, tx: &mut Transaction<'_>) -> Result<(), ApplyError> {
    let malformed = |reason: String| Err(CommandError::Malformed { reason }.into());
    if group.members.is_empty() {
        return malformed(format!("group {} has no members", group.group));
    }
    for (index, member) in group.members.iter().enumerate() {
        if group.members.iter().take(index).any(|earlier| earlier == member) {
            return malformed(format!("node {member} stands twice in group {}", group.group));
        }
        if tx.fetch_number(Script::of(NODE_EXISTS).with(&member.as_bytes()[..])).await?.is_none() {
            return Err(CommandError::NoSuchNode.into());
        }
    }
    Ok(())
}

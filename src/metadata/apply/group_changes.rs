//! A group's change of members, in two phases. At once the newcomer counts for what is written from now on, and who left
//! stays a source of what was written before. When the newcomer holds all of it, the change is finished; only then may
//! what the former members hold be cleared, and when that is done they are forgotten.
//!
//! A group changes one member at a time. Its epoch grows with every change of members, so a write that began under the
//! members from before finds out at its commit (invariant 8), and a node refuses to destroy under the older epoch.

use super::transaction::{ApplyError, Transaction};
use crate::{
    metadata::{
        columns::{Columns, node_ids_bytes, node_ids_of, number},
        command::ReplaceMember,
        error::QueryError,
        outcome::{CommandError, Outcome},
        script::Script,
    },
    types::{Epoch, GroupId, NodeId},
};

const READ: &str =
    "SELECT epoch, members, former, arriving, is_listed FROM placement_groups WHERE placement_group = $1";
const WRITE: &str = "
    UPDATE placement_groups SET epoch = $2, members = $3, former = $4, arriving = $5, is_listed = $6
    WHERE placement_group = $1";
const NODE_EXISTS: &str = "SELECT 1 FROM nodes WHERE node = $1";
/// One look into an index of what has arrived nowhere yet.
const ARRIVING_IS_LEFT: &str = "SELECT 1 FROM under_replicated WHERE node = $1 AND reason = 5 LIMIT 1";

/// A group as decisions need it.
struct Row {
    group: GroupId,
    epoch: Epoch,
    members: Vec<NodeId>,
    former: Vec<NodeId>,
    arriving: Option<NodeId>,
    is_listed: bool,
}

/// The group at this epoch; refused when it has moved on.
async fn read(group: GroupId, epoch: Epoch, tx: &mut Transaction<'_>) -> Result<Row, ApplyError> {
    let found = tx.fetch_optional(Script::of(READ).with(number(group.0))).await?;
    let found = found.ok_or(CommandError::GroupChanged { group })?;
    let row = Row {
        group,
        epoch: Epoch(found.number(0)?),
        members: node_ids_of(found.bytes(1)?)?,
        former: node_ids_of(found.bytes(2)?)?,
        arriving: found.optional_bytes(3)?.map(NodeId::from_slice).transpose().map_err(QueryError::from)?,
        is_listed: found.flag(4)?,
    };
    if row.epoch == epoch { Ok(row) } else { Err(CommandError::GroupChanged { group }.into()) }
}

async fn write(row: &Row, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    tx.known_groups().forget();
    let mut script = Script::of(WRITE).with(number(row.group.0)).with(number(row.epoch.0));
    script.bind(node_ids_bytes(&row.members)).bind(node_ids_bytes(&row.former));
    script.bind(row.arriving.as_ref().map(|node| &node.as_bytes()[..])).bind(i64::from(row.is_listed));
    tx.execute(script).await?;
    Ok(Outcome::Done)
}

/// Afterwards `arriving` stands in the place of `leaving`, which is a former member. Refused while an earlier change is
/// under way, unless it is its newcomer that leaves, and when the newcomer is a member. A former member may come back; that
/// no request from before takes away what it still holds is seen to before its copies are listed (`cluster::regroup`).
pub(super) async fn replace_member(change: &ReplaceMember, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let ReplaceMember { group, epoch, leaving, arriving } = *change;
    let mut row = read(group, epoch, tx).await?;
    if row.arriving.is_some_and(|earlier| earlier != leaving) || row.members.contains(&arriving) {
        return Err(CommandError::GroupChanged { group }.into());
    }
    if tx.fetch_number(Script::of(NODE_EXISTS).with(&arriving.as_bytes()[..])).await?.is_none() {
        return Err(CommandError::NoSuchNode.into());
    }
    let Some(place) = row.members.iter_mut().find(|member| **member == leaving) else {
        return Err(CommandError::GroupChanged { group }.into());
    };
    *place = arriving;
    row.former.retain(|former| *former != arriving);
    row.former.push(leaving);
    (row.arriving, row.is_listed) = (Some(arriving), false);
    row.epoch = Epoch(row.epoch.0 + 1);
    write(&row, tx).await
}

/// Everything that the arriving member lacks of what was written before it came is on the repair list.
pub(super) async fn note_listed(group: GroupId, epoch: Epoch, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let mut row = read(group, epoch, tx).await?;
    row.is_listed = row.arriving.is_some();
    write(&row, tx).await
}

/// The arriving member is whole. Refused while something of what it lacked is not listed or not repaired, in whichever of
/// its groups.
pub(super) async fn finish(group: GroupId, epoch: Epoch, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let mut row = read(group, epoch, tx).await?;
    let Some(arriving) = row.arriving.filter(|_| row.is_listed) else {
        return Err(CommandError::GroupChanged { group }.into());
    };
    if tx.fetch_number(Script::of(ARRIVING_IS_LEFT).with(&arriving.as_bytes()[..])).await?.is_some() {
        return Err(CommandError::GroupChanged { group }.into());
    }
    (row.arriving, row.is_listed) = (None, false);
    write(&row, tx).await
}

/// The former member holds nothing of the group any more, or was lost. Refused while a member that arrives may need it.
pub(super) async fn forget_former(
    group: GroupId,
    epoch: Epoch,
    node: NodeId,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let mut row = read(group, epoch, tx).await?;
    if row.arriving.is_some() {
        return Err(CommandError::GroupChanged { group }.into());
    }
    row.former.retain(|former| *former != node);
    write(&row, tx).await
}

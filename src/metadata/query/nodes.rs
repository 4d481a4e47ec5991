//! Nodes and placement groups: the topology, which the cluster keeps in memory.

use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, node_duty_of, node_ids_of, node_state_of, volume_ids_of},
        rows::{Group, Node},
        script::Script,
    },
    types::{Epoch, GroupId, NodeId},
};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

const LIST_NODES: &str = "
    SELECT node, name, address, zone, capacity, device, volumes, state, registered, duty FROM nodes ORDER BY node";
const LIST_GROUPS: &str = "
    SELECT placement_group, epoch, members, scheme, former, arriving, is_listed FROM placement_groups ORDER BY placement_group";

impl Metadata {
    pub async fn nodes(&self) -> Result<Vec<Node>, QueryError> {
        nodes_in(&mut *self.reader().await?).await
    }

    pub async fn groups(&self) -> Result<Vec<Group>, QueryError> {
        let rows = Script::of(LIST_GROUPS).fetch_all(&mut *self.reader().await?).await?;
        let number_of = |row: &SqliteRow| row.number(0).unwrap_or_default();
        let named = |row: &SqliteRow| format!("placement group {}", number_of(row));
        rows.iter().map(|row| group(row).map_err(|error| error.of(&named(row)))).collect()
    }
}

/// Of a database that is not open as metadata.
pub(in crate::metadata) async fn nodes_in(connection: &mut SqliteConnection) -> Result<Vec<Node>, QueryError> {
    let rows = Script::of(LIST_NODES).fetch_all(connection).await?;
    rows.iter().map(|row| node(row).map_err(|error| error.of(&format!("node {}", name_of(row))))).collect()
}

fn node(row: &SqliteRow) -> Result<Node, QueryError> {
    Ok(Node {
        node: NodeId::from_slice(row.bytes(0)?)?,
        name: row.string(1)?,
        address: row.optional_text(2)?.map(str::to_owned),
        zone: row.string(3)?,
        capacity: row.number(4)?,
        device: row.optional_text(5)?.map(str::to_owned),
        volumes: volume_ids_of(row.bytes(6)?)?,
        state: node_state_of(row.number(7)?)?,
        registered: row.time(8)?,
        duty: node_duty_of(row.number(9)?)?,
    })
}

/// For an error, of a row that can't be read.
fn name_of(row: &SqliteRow) -> &str {
    row.text(1).unwrap_or("without a name")
}

fn group(row: &SqliteRow) -> Result<Group, QueryError> {
    Ok(Group {
        group: GroupId(row.number(0)?),
        epoch: Epoch(row.number(1)?),
        members: node_ids_of(row.bytes(2)?)?,
        scheme: row.string(3)?,
        former: node_ids_of(row.bytes(4)?)?,
        arriving: row.optional_bytes(5)?.map(NodeId::from_slice).transpose()?,
        is_listed: row.flag(6)?,
    })
}

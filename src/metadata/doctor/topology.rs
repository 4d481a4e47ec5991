//! Nodes, placement groups and the repair list. What heals by itself is no finding: a row of the repair list for a node
//! that has left the blob's group goes with the next round of repair.

use super::{Examination, Finding, Severity, copy::Copy, lossy_text, or_finding};
use crate::{
    metadata::{
        columns::{Columns, missing_reason_of, node_duty_of, node_ids_of, node_state_of},
        command::NodeDuty,
        error::{MetadataError, QueryError},
    },
    types::{NodeId, VolumeId},
};
use sqlx::sqlite::SqliteRow;
use std::collections::{HashMap, HashSet};

const LIST_NODES: &str = "SELECT node, name, volumes, state, duty, address FROM nodes ORDER BY name";
const LIST_GROUPS: &str = "
    SELECT placement_group, epoch, members, scheme, former, arriving, is_listed FROM placement_groups
    ORDER BY placement_group";
/// Kinds of rows, not rows: few.
const LIST_REPAIRS: &str = "
    SELECT node, reason, count(*),
        coalesce(max(sequence) > (SELECT value FROM settings WHERE name = 'commit_sequence'), 0)
    FROM under_replicated GROUP BY node, reason";

const BY_HAND: &str = "the metadata was changed by hand or is damaged: restore the newest backup (`--restore FILE`, \
    docs/recovering.md)";

pub(super) async fn run(copy: &mut Copy, examination: &mut Examination) -> Result<(), MetadataError> {
    let mut duties = HashMap::new();
    let found = or_finding("node", look_at_nodes(copy, &mut duties).await)?;
    examination.note("node", found);
    let found = or_finding("group", look_at_groups(copy, &duties).await)?;
    examination.note("group", found);
    let found = or_finding("repair-list", look_at_repairs(copy, &duties).await)?;
    examination.note("repair-list", found);
    Ok(())
}

async fn look_at_nodes(copy: &mut Copy, duties: &mut HashMap<NodeId, NodeDuty>) -> Result<Vec<Finding>, QueryError> {
    let mut wrong = Vec::new();
    for row in &sqlx::query(LIST_NODES).fetch_all(copy.connection()).await? {
        wrong.extend(look_at_node(row, duties)?);
    }
    Ok(findings("node", Severity::Wrong, wrong))
}

async fn look_at_groups(copy: &mut Copy, duties: &HashMap<NodeId, NodeDuty>) -> Result<Vec<Finding>, QueryError> {
    let mut wrong = Vec::new();
    for row in &sqlx::query(LIST_GROUPS).fetch_all(copy.connection()).await? {
        let group = row.number(0)?;
        wrong.extend(faults_of_group(row, duties)?.into_iter().map(|fault| format!("group {group} {fault}")));
    }
    Ok(findings("group", Severity::Danger, wrong))
}

async fn look_at_repairs(copy: &mut Copy, duties: &HashMap<NodeId, NodeDuty>) -> Result<Vec<Finding>, QueryError> {
    let mut wrong = Vec::new();
    for row in &sqlx::query(LIST_REPAIRS).fetch_all(copy.connection()).await? {
        wrong.extend(fault_of_repairs(row, duties)?);
    }
    Ok(findings("repair-list", Severity::Wrong, wrong))
}

fn findings(check: &'static str, severity: Severity, wrong: Vec<String>) -> Vec<Finding> {
    wrong.into_iter().map(|what| Finding { check, severity, what, object: None, remedy: BY_HAND }).collect()
}

fn look_at_node(row: &SqliteRow, duties: &mut HashMap<NodeId, NodeDuty>) -> Result<Vec<String>, QueryError> {
    let (name, mut wrong) = (lossy_text(row, 1)?, Vec::new());
    if name.is_empty() {
        wrong.push("a node has no name".to_owned());
    }
    if !row.bytes(2)?.len().is_multiple_of(VolumeId::LENGTH) {
        wrong.push(format!("node {name}: its volumes are no list of ids"));
    }
    if node_state_of(row.number(3)?).is_err() {
        wrong.push(format!("node {name}: its state {} means nothing", row.number(3)?.cast_signed()));
    }
    let duty = node_duty_of(row.number(4)?);
    if duty.is_err() {
        wrong.push(format!("node {name}: its duty {} means nothing", row.number(4)?.cast_signed()));
    }
    if row.optional_bytes(5)?.is_some_and(|address| !is_address(address)) {
        let address = lossy_text(row, 5)?;
        wrong
            .push(format!("node {name}: its address {address:?} is none; it is noted anew when the node is restarted"));
    }
    match NodeId::from_slice(row.bytes(0)?) {
        Ok(node) => _ = duties.insert(node, duty.unwrap_or(NodeDuty::Serving)),
        Err(_) => wrong.push(format!("node {name}: its id is none")),
    }
    Ok(wrong)
}

/// `HOST:PORT`, as nodes register it.
fn is_address(address: &[u8]) -> bool {
    let parts = str::from_utf8(address).ok().and_then(|address| address.rsplit_once(':'));
    parts.is_some_and(|(host, port)| {
        let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn faults_of_group(row: &SqliteRow, duties: &HashMap<NodeId, NodeDuty>) -> Result<Vec<String>, QueryError> {
    let (Ok(members), Ok(former)) = (node_ids_of(row.bytes(2)?), node_ids_of(row.bytes(4)?)) else {
        return Ok(vec!["has members that are no list of ids".to_owned()]);
    };
    let mut faults = Vec::new();
    let mut fault = |is_so: bool, what: &str| {
        if is_so {
            faults.push(what.to_owned());
        }
    };
    fault(row.number(1)?.cast_signed() < 1, "has no epoch");
    fault(members.is_empty(), "has no members");
    let distinct: HashSet<&NodeId> = members.iter().chain(&former).collect();
    fault(distinct.len() < members.len() + former.len(), "has a node twice among its members and those that left");
    fault(distinct.iter().any(|node| !duties.contains_key(node)), "has a member, or one that left, that is no node");
    fault(members.iter().any(|node| duties.get(node) == Some(&NodeDuty::Removed)), "has a member that was removed");
    let arriving = row.optional_bytes(5)?.map(NodeId::from_slice);
    let arrives = match arriving {
        Some(Ok(node)) => members.contains(&node),
        Some(Err(_)) => false,
        None => true,
    };
    fault(!arrives, "has an arriving node that is no member");
    fault(row.flag(6)? && row.optional_bytes(5)?.is_none(), "has listed what an arriving node lacks, and none arrives");
    let scheme = lossy_text(row, 3)?;
    let replicas = scheme.strip_prefix("replica:").and_then(|count| count.parse::<usize>().ok());
    fault(replicas != Some(members.len()), &format!("has {} members and the scheme {scheme}", members.len()));
    Ok(faults)
}

fn fault_of_repairs(row: &SqliteRow, duties: &HashMap<NodeId, NodeDuty>) -> Result<Option<String>, QueryError> {
    let (id, reason, count, is_of_the_future) = (row.bytes(0)?, row.number(1)?, row.number(2)?, row.flag(3)?);
    let node = NodeId::from_slice(id).ok().filter(|node| duties.contains_key(node));
    Ok(match node {
        None => Some(format!("{count} copies are to be repaired on {}, which is no node", const_hex::encode(id))),
        Some(node) if missing_reason_of(reason).is_err() => {
            Some(format!("{count} copies are to be repaired on {node} for reason {}", reason.cast_signed()))
        }
        Some(node) if is_of_the_future => {
            Some(format!("copies are to be repaired on {node} since a commit that has not been"))
        }
        Some(_) => None,
    })
}

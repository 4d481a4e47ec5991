//! `larder admin what-if`: what the loss of nodes would cost.

use super::node_report::standing_in_words;
use crate::{
    admin::{
        OperationError,
        what_if::{NAMES_MAX, NodeNote, ObjectAtRisk, Toll, Tolls, WhatIfReport, WhatIfRequest, WriteOutlook},
    },
    cluster::{self, Cluster, NodeView},
    config::nearest,
    types::NodeId,
};
use std::collections::HashSet;

pub async fn what_if(cluster: &Cluster, request: WhatIfRequest) -> Result<WhatIfReport, OperationError> {
    let nodes = cluster.nodes();
    let down = chosen(&nodes, &request)?;
    let ids: HashSet<NodeId> = down.iter().map(|view| view.row.node).collect();
    let list = request.list.min(NAMES_MAX) as usize;
    let outage = cluster.outage(ids.clone(), list).await;
    let outage = outage.map_err(|error| OperationError::Unavailable(error.to_string()))?;
    let others = || nodes.iter().filter(|view| !ids.contains(&view.row.node));
    let away = others().filter(|view| !view.is_there());
    let in_doubt = others().filter(|view| view.is_there() && view.is_in_doubt);
    Ok(WhatIfReport {
        down: down.iter().map(|view| view.row.name.clone()).collect(),
        away: away
            .map(|view| NodeNote { name: view.row.name.clone(), standing: standing_in_words(view.standing) })
            .collect(),
        in_doubt: in_doubt.map(|view| view.row.name.clone()).collect(),
        now: tolls(outage.now),
        then: tolls(outage.then),
        unavailable: outage.unavailable.into_iter().map(object).collect(),
        one_copy: outage.one_copy.into_iter().map(object).collect(),
        unasked_blobs: outage.unasked + outage.unanswered,
        writes: writes(&outage.writes),
    })
}

/// The nodes that are named, and those of the zones that are.
fn chosen<'a>(nodes: &'a [NodeView], request: &WhatIfRequest) -> Result<Vec<&'a NodeView>, OperationError> {
    for name in &request.down {
        known("node", name, nodes.iter().map(|view| view.row.name.as_str()))?;
    }
    for zone in &request.zones {
        known("zone", zone, nodes.iter().map(|view| view.row.zone.as_str()))?;
    }
    let is_chosen = |view: &&NodeView| request.down.contains(&view.row.name) || request.zones.contains(&view.row.zone);
    Ok(nodes.iter().filter(is_chosen).collect())
}

fn known<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Result<(), OperationError> {
    if names.clone().any(|known| known == name) {
        return Ok(());
    }
    let hint = match nearest(name, names) {
        Some(near) => format!("; did you mean {near}?"),
        None => ": see `larder admin nodes`".to_owned(),
    };
    Err(OperationError::NotFound(format!("there is no {what} {name}{hint}")))
}

fn tolls(tolls: cluster::Tolls) -> Tolls {
    let toll = |toll: cluster::Toll| Toll {
        objects: toll.objects,
        object_bytes: toll.object_bytes,
        blobs: toll.blobs,
        blob_bytes: toll.blob_bytes,
    };
    Tolls { unavailable: toll(tolls.unavailable), one_copy: toll(tolls.one_copy) }
}

fn object(object: cluster::ObjectAtRisk) -> ObjectAtRisk {
    ObjectAtRisk {
        bucket: object.bucket.as_str().to_owned(),
        key: object.key.as_str().to_owned(),
        version: object.version.map(|version| version.to_string()),
        size: object.size,
    }
}

fn writes(outlook: &cluster::WriteOutlook) -> WriteOutlook {
    let too_few = (outlook.serving_nodes < outlook.replicas).then(|| {
        format!("{} nodes would be left to make groups of, {} are needed", outlook.serving_nodes, outlook.replicas)
    });
    let not_replaced_because = outlook.halt.clone().or(too_few);
    WriteOutlook {
        go_on: outlook.writable_groups > 0,
        groups: outlook.groups as u64,
        writable_groups: outlook.writable_groups as u64,
        serving_nodes: outlook.serving_nodes as u64,
        replicas: outlook.replicas as u64,
        would_be_replaced: not_replaced_because.is_none(),
        not_replaced_because,
    }
}

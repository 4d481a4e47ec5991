//! Part of the step that trims surplus copies: chunks that two volumes of one node hold. Such come to be while a volume of the
//! node is away, so a node of several volumes is looked through once in each of its incarnations.

use super::{Cluster, cluster_node::ClusterNode, error::ClusterError, incarnation::Incarnation, topology::Topology};
use crate::{
    node::api::InventoryCursor,
    runtime::{Progress, Step},
    types::NodeId,
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Rest of a node after it could not be asked.
const REST: Duration = Duration::from_secs(30);

/// The step's memory; a restart begins anew.
#[derive(Debug)]
pub struct Doubles {
    cluster: Cluster,
    searches: HashMap<NodeId, Search>,
    progress: Progress,
}

/// Through one incarnation of a node.
#[derive(Debug)]
struct Search {
    incarnation: Incarnation,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    From(Option<InventoryCursor>),
    RestsUntil(Duration, Option<InventoryCursor>),
    Over,
}

impl Doubles {
    pub fn new(cluster: Cluster, progress: Progress) -> Self {
        Self { cluster, searches: HashMap::new(), progress }
    }

    /// One piece of the way of each node that has one to go.
    pub async fn step(&mut self, topology: &Topology) -> Step {
        let mut is_busy = false;
        for (node, standing) in topology.nodes() {
            let Some(status) = node.vitals.status().filter(|_| standing.is_reachable()) else { continue };
            if status.volumes.len() < 2 || self.cluster.metadata().needs_confirmation() {
                continue;
            }
            if let Some(from) = self.due(node.id(), Incarnation::of(&status)) {
                self.go_on(node, from).await;
                is_busy = true;
            }
        }
        if is_busy { Step::Busy } else { Step::Idle }
    }

    /// Where the node is to be looked through now, if it is.
    fn due(&mut self, node: NodeId, incarnation: Incarnation) -> Option<Option<InventoryCursor>> {
        let known = self
            .searches
            .entry(node)
            .or_insert_with(|| Search { incarnation: incarnation.clone(), stage: Stage::From(None) });
        if known.incarnation != incarnation {
            *known = Search { incarnation, stage: Stage::From(None) };
        }
        match known.stage {
            Stage::From(from) => Some(from),
            Stage::RestsUntil(until, from) if until <= self.cluster.clock().monotonic() => Some(from),
            Stage::RestsUntil(..) | Stage::Over => None,
        }
    }

    async fn go_on(&mut self, node: &Arc<ClusterNode>, from: Option<InventoryCursor>) {
        let merged = self.cluster.reclaimer().merge_doubles(node, from).await;
        let stage = match merged {
            Ok(report) => {
                self.progress.add(report.dropped as usize, report.bytes);
                if report.dropped > 0 {
                    tracing::info!(node = %node.row.name, chunks = report.dropped, "chunks lay on two volumes of the node");
                }
                report.next.map_or(Stage::Over, |next| Stage::From(Some(next)))
            }
            Err(error) => self.rest(node, from, &error),
        };
        if let Some(search) = self.searches.get_mut(&node.id()) {
            search.stage = stage;
        }
    }

    fn rest(&self, node: &ClusterNode, from: Option<InventoryCursor>, error: &ClusterError) -> Stage {
        tracing::debug!(node = %node.row.name, %error, "chunks on two volumes of the node could not be looked for");
        Stage::RestsUntil(self.cluster.clock().monotonic() + REST, from)
    }
}

//! Has a node pull a blob from its peers, or, without sources, read and check what it holds of it. That may take minutes
//! (`node_pull_timeout`), so it is given up when the node falls ill meanwhile: one that hangs, or to which the connection is half
//! open, holds up neither the step nor the client that waits.

use super::{cluster_node::ClusterNode, node_life::Standing, topology::Topology};
use crate::node::{
    NodeError,
    api::{PullBlob, PullReport},
};
use arc_swap::ArcSwap;
use std::time::Duration;

const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The node writes what it lacks.
pub async fn pull(
    topology: &ArcSwap<Topology>,
    node: &ClusterNode,
    request: PullBlob,
) -> Result<PullReport, NodeError> {
    pull_while(Standing::is_writable, topology, node, request).await
}

/// The node only reads what it holds. Chunks of at most one request.
pub async fn check(
    topology: &ArcSwap<Topology>,
    node: &ClusterNode,
    request: PullBlob,
) -> Result<PullReport, NodeError> {
    pull_while(Standing::is_reachable, topology, node, PullBlob { sources: Vec::new(), ..request }).await
}

async fn pull_while(
    is_well: fn(Standing) -> bool,
    topology: &ArcSwap<Topology>,
    node: &ClusterNode,
    request: PullBlob,
) -> Result<PullReport, NodeError> {
    let mut pull = node.api.pull_blob(request);
    loop {
        tokio::select! {
            report = &mut pull => return report,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        if !topology.load().standing(node.id()).is_some_and(is_well) {
            return Err(NodeError::Unreachable("it fell ill during a pull".to_owned()));
        }
    }
}

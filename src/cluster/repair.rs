//! Background step: sends members what they missed. The member pulls the blob from its peers, and when it holds all of it,
//! checked, the copy leaves the repair list. Data does not pass the gateway.

use super::{
    Cluster,
    bad_copies::CopyFault,
    budget::pieces_of,
    cluster_node::ClusterNode,
    error::ClusterError,
    topology::{Standing, Topology},
};
use crate::{
    metadata::{Command, command::BlobCopy, rows::UnderReplicatedBlob},
    node::api::{PULL_CHUNKS_MAX, PeerAddress, PullBlob},
    runtime::Step,
    types::{BlobId, ChunkKey, NodeId},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use std::{collections::HashSet, sync::Arc};

/// Copies looked at in one step.
const ROWS_PER_STEP: u32 = 200;
/// Blobs that are pulled at once: enough to keep a disk busy, few enough to leave it to clients.
const PULLS_AT_ONCE: usize = 4;

#[derive(Debug)]
pub struct SendMissing {
    cluster: Cluster,
    cursor: Option<BlobCopy>,
    /// Whether the present round over the list has repaired anything.
    has_repaired: bool,
}

impl SendMissing {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, cursor: None, has_repaired: false }
    }

    /// One page of the repair list. What can't be repaired now stays on it for the next round.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let page = self.cluster.metadata().under_replicated(self.cursor, None, ROWS_PER_STEP).await?;
        let has_more = page.len() == ROWS_PER_STEP as usize;
        self.cursor = page.last().filter(|_| has_more).map(|row| BlobCopy { blob: row.blob, node: row.node });
        let lacking: HashSet<(BlobId, NodeId)> = page.iter().map(|row| (row.blob, row.node)).collect();
        let topology = self.cluster.membership().topology().load_full();
        let (cluster, topology, lacking) = (&self.cluster, &*topology, &lacking);
        let repairs: Vec<BoxFuture<'_, Option<BlobCopy>>> =
            page.iter().map(|row| repair(cluster, topology, lacking, row).boxed()).collect();
        let repaired: Vec<BlobCopy> =
            stream::iter(repairs).buffer_unordered(PULLS_AT_ONCE).filter_map(std::future::ready).collect().await;
        if !repaired.is_empty() {
            self.has_repaired = true;
            tracing::info!(copies = repaired.len(), "sent members what they had missed");
            self.cluster.metadata().propose(Command::MarkRepaired { copies: repaired }).await?;
        }
        if has_more {
            return Ok(Step::Busy);
        }
        Ok(if std::mem::take(&mut self.has_repaired) { Step::Busy } else { Step::Idle })
    }
}

/// Lets the member pull the blob; the copy when the member holds all of it.
async fn repair(
    cluster: &Cluster,
    topology: &Topology,
    lacking: &HashSet<(BlobId, NodeId)>,
    row: &UnderReplicatedBlob,
) -> Option<BlobCopy> {
    let node = topology.node(row.node).filter(|_| topology.standing(row.node) == Some(Standing::Healthy))?;
    let sources = sources(topology, lacking, row);
    // The node holds a chunk while it pulls; where it is in this process, that is our memory.
    let _memory = cluster.budget().repair().take(pieces_of(row.chunk_size as usize)).await.ok()?;
    let mut first_chunk = 0;
    for roots in row.roots.chunks(PULL_CHUNKS_MAX) {
        let request = PullBlob {
            term: cluster.term(),
            group: row.group,
            blob: row.blob,
            first_chunk,
            roots: roots.to_vec(),
            sources: sources.clone(),
        };
        let count = u32::try_from(roots.len()).unwrap_or(u32::MAX);
        let report = match node.api.pull_blob(request).await {
            Ok(report) => report,
            Err(error) => {
                cluster.reign().check(&error);
                tracing::debug!(node = %node.row.name, blob = %row.blob, %error, "a member could not pull a blob");
                return None;
            }
        };
        for (source, key) in &report.bad_sources {
            doubt(cluster, topology.node(*source), *key, row);
        }
        if report.held < count {
            return None;
        }
        first_chunk += count;
    }
    Some(BlobCopy { blob: row.blob, node: row.node })
}

/// The other members, those first that are well and not known to lack the blob.
fn sources(topology: &Topology, lacking: &HashSet<(BlobId, NodeId)>, row: &UnderReplicatedBlob) -> Vec<PeerAddress> {
    let Some(group) = topology.group(row.group) else { return Vec::new() };
    let mut others: Vec<&Arc<ClusterNode>> = group.members.iter().filter(|member| member.id() != row.node).collect();
    others.sort_by_key(|member| {
        let is_well = topology.standing(member.id()).is_some_and(Standing::is_reachable);
        (lacking.contains(&(row.blob, member.id())), !is_well)
    });
    others.into_iter().map(|member| member.peer_address()).collect()
}

/// A peer found the source's copy missing or wrong: the source looks for itself.
fn doubt(cluster: &Cluster, source: Option<&Arc<ClusterNode>>, key: ChunkKey, row: &UnderReplicatedBlob) {
    let root = row.roots.get(key.index as usize);
    if let (Some(source), Some(root)) = (source, root) {
        cluster.reads().bad_copies.report(source, key, *root, CopyFault::Wrong);
    }
}

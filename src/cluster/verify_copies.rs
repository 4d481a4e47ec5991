//! What a blob's holders really have of it: each reads its own copy and compares with the roots. A pull without sources does
//! that and nothing else.

use super::{
    Cluster, cluster_node::ClusterNode, node_life::Standing, plain_share::pieces_of, pulls, topology::PlacedGroup,
};
use crate::{
    metadata::{command::BlobCopy, rows::BlobRoots},
    node::api::{PULL_CHUNKS_MAX, PullBlob},
    types::{BlobId, ChunkRoot, NodeId},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use std::{sync::Arc, time::Duration};

/// A node that is believed to be there and did not answer is asked once more after so long: a connection may have been cut,
/// or the node restarted.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(300);

/// What was found out about one blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    pub blob: BlobId,
    pub intact: u64,
    /// Members that lack some of it.
    pub bad: Vec<BlobCopy>,
    pub silent: Vec<NodeId>,
    /// Some chunk of it is right nowhere, and everybody who may hold it was asked.
    pub is_lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Whole,
    Lacking,
    Silent,
}

/// Asks all members at once. One that only arrives in the group is passed over: what it lacks is on its way.
pub async fn check(cluster: &Cluster, blob: &BlobRoots) -> Findings {
    let mut findings = Findings { blob: blob.blob, intact: 0, bad: Vec::new(), silent: Vec::new(), is_lost: false };
    let topology = cluster.membership().topology().load_full();
    let Some(group) = topology.group(blob.group) else { return findings };
    let is_settled = |member: &&Arc<ClusterNode>| group.arriving.is_none_or(|arrival| arrival.node != member.id());
    let members: Vec<&Arc<ClusterNode>> = group.members.iter().filter(is_settled).collect();
    let asked: Vec<BoxFuture<'_, Answer>> =
        members.iter().map(|member| ask_twice(cluster, member, blob).boxed()).collect();
    for (member, answer) in members.iter().zip(join_all(asked).await) {
        match answer {
            Answer::Whole => findings.intact += 1,
            Answer::Lacking => findings.bad.push(BlobCopy { blob: blob.blob, node: member.id() }),
            Answer::Silent => findings.silent.push(member.id()),
        }
    }
    if findings.intact == 0 && !findings.bad.is_empty() {
        findings.is_lost = has_lost_chunk(cluster, group, blob).await;
    }
    findings
}

/// Whether some chunk is on no holder. Former members count: repair asks them too. One that is silent may have it.
async fn has_lost_chunk(cluster: &Cluster, group: &PlacedGroup, blob: &BlobRoots) -> bool {
    for (index, root) in (0..).zip(&blob.roots) {
        let mut is_anywhere = false;
        for holder in group.holders() {
            if ask(cluster, holder, blob, index, std::slice::from_ref(root)).await != Answer::Lacking {
                is_anywhere = true;
                break;
            }
        }
        if !is_anywhere {
            return true;
        }
    }
    false
}

/// For all of the blob. What is known to be away is not asked again: each blob would wait for it.
async fn ask_twice(cluster: &Cluster, node: &ClusterNode, blob: &BlobRoots) -> Answer {
    let first = ask(cluster, node, blob, 0, &blob.roots).await;
    let standing = cluster.membership().topology().load().standing(node.id());
    if first != Answer::Silent || !standing.is_some_and(Standing::is_reachable) {
        return first;
    }
    tokio::time::sleep(ASK_AGAIN_AFTER).await;
    ask(cluster, node, blob, 0, &blob.roots).await
}

async fn ask(cluster: &Cluster, node: &ClusterNode, blob: &BlobRoots, first: u32, roots: &[ChunkRoot]) -> Answer {
    // The node holds a chunk in memory; where it is in this process, that is our memory.
    let Ok(_memory) = cluster.budget().repair().take(pieces_of(blob.chunk_size as usize)).await else {
        return Answer::Silent;
    };
    let (mut first_chunk, mut is_whole) = (first, true);
    for roots in roots.chunks(PULL_CHUNKS_MAX) {
        let request = PullBlob {
            term: cluster.term(),
            group: blob.group,
            blob: blob.blob,
            first_chunk,
            roots: roots.to_vec(),
            sources: Vec::new(),
            rest_percent: cluster.rest_percent(),
        };
        let count = u32::try_from(roots.len()).unwrap_or(u32::MAX);
        match pulls::check(cluster.membership().topology(), node, request).await {
            // The rest is looked at as well: what is wrong there is quarantined.
            Ok(report) => is_whole &= report.held == count,
            Err(error) => {
                cluster.reign().check(&error);
                tracing::debug!(node = %node.row.name, blob = %blob.blob, %error, "a copy could not be verified");
                return Answer::Silent;
            }
        }
        first_chunk += count;
    }
    if is_whole { Answer::Whole } else { Answer::Lacking }
}

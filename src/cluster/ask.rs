//! What nodes really hold, asked now: for an operator who wants to know, not for reads. A chunk's table alone tells whether
//! the node has the chunk that the metadata means; whether its payload is intact, only reading it tells, which the
//! node does for itself. A bad copy that is met is treated as when a read meets it: it goes on the repair list.

use super::{
    Cluster,
    bad_copies::CopyFault,
    cluster_node::ClusterNode,
    plain_share::pieces_of,
    topology::{PlacedGroup, Topology},
};
use crate::{
    node::{NodeError, api::GetChunk},
    types::{BlobId, ChunkKey, ChunkRoot, GroupId, NodeId},
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Chunks of a blob, and the nodes to ask for them.
#[derive(Clone, Debug)]
pub struct AskedBlob {
    pub blob: BlobId,
    pub group: GroupId,
    pub chunk_size: u32,
    pub chunks: Vec<(u32, ChunkRoot)>,
    pub nodes: Vec<NodeId>,
}

/// How closely nodes look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// At the block table: a few kilobytes of each chunk.
    Tables,
    /// At the payload too.
    Payloads,
}

/// What a node says of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyAnswer {
    /// Its table is the right one, and its payload fits it.
    Whole,
    /// Its table is the right one; the payload was not read.
    Held,
    Absent,
    /// Damaged, or another chunk than the metadata means.
    Corrupt,
    Silent(String),
}

impl CopyAnswer {
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Whole | Self::Held)
    }
}

/// The answers of a node, in the order of the asked chunks, by the position of the asked blob.
pub type CopyAnswers = HashMap<(usize, NodeId), Vec<CopyAnswer>>;

impl Cluster {
    /// Asks all nodes at once, each for one chunk after the other. A node that does not answer is not asked again.
    pub async fn ask_copies(&self, blobs: &[AskedBlob], depth: Depth) -> CopyAnswers {
        let topology = self.membership().topology().load_full();
        let nodes: BTreeSet<NodeId> = blobs.iter().flat_map(|blob| blob.nodes.iter().copied()).collect();
        let asked = nodes.into_iter().map(|node| self.ask_node(&topology, node, blobs, depth));
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn ask_node(
        &self,
        topology: &Topology,
        node: NodeId,
        blobs: &[AskedBlob],
        depth: Depth,
    ) -> Vec<((usize, NodeId), Vec<CopyAnswer>)> {
        let (found, mut silence) = match topology.node(node) {
            Some(found) => (Some(found), None),
            None => (None, Some("it is not in the cluster".to_owned())),
        };
        let mut all = Vec::new();
        for (position, blob) in blobs.iter().enumerate().filter(|(_, blob)| blob.nodes.contains(&node)) {
            let mut answers = Vec::with_capacity(blob.chunks.len());
            for (index, root) in &blob.chunks {
                let answer = match (found, &silence) {
                    (Some(found), None) => {
                        let key = ChunkKey { blob: blob.blob, index: *index };
                        self.ask_chunk(found, topology.group(blob.group), key, *root, (blob.chunk_size, depth)).await
                    }
                    (_, reason) => CopyAnswer::Silent(reason.clone().unwrap_or_default()),
                };
                if let CopyAnswer::Silent(reason) = &answer {
                    silence.get_or_insert_with(|| reason.clone());
                }
                answers.push(answer);
            }
            all.push(((position, node), answers));
        }
        all
    }

    async fn ask_chunk(
        &self,
        node: &Arc<ClusterNode>,
        group: Option<&Arc<PlacedGroup>>,
        key: ChunkKey,
        root: ChunkRoot,
        (chunk_size, depth): (u32, Depth),
    ) -> CopyAnswer {
        let get = GetChunk { term: self.term(), key, first_block: 0, block_count: 0 };
        let (mut answer, mut fault) = match node.api.get_chunk(get).await {
            Ok(slice) if slice.is_intact(key, &root) => (CopyAnswer::Held, None),
            Ok(_) => (CopyAnswer::Corrupt, Some(CopyFault::Wrong)),
            Err(error) => of_error(error),
        };
        if answer == CopyAnswer::Held && depth == Depth::Payloads {
            (answer, fault) = self.compare_payload(node, key, root, chunk_size).await;
        }
        let Some(fault) = fault else { return answer };
        // Of a former member nothing is expected any more, of one that arrives not yet.
        if group.is_some_and(|group| group.should_be_whole_on(node.id())) {
            self.reads().bad_copies.report(node, key, root, fault);
        }
        answer
    }

    /// The node reads the chunk and compares; a wrong one is quarantined.
    async fn compare_payload(
        &self,
        node: &ClusterNode,
        key: ChunkKey,
        root: ChunkRoot,
        chunk_size: u32,
    ) -> (CopyAnswer, Option<CopyFault>) {
        // Where the node is in this process, what it reads is our memory.
        let _memory = match self.budget().repair().take(pieces_of(chunk_size as usize)).await {
            Ok(memory) => memory,
            Err(error) => return (CopyAnswer::Silent(error.to_string()), None),
        };
        match node.api.quarantine(self.term(), key, root).await {
            Ok(false) => (CopyAnswer::Whole, None),
            Ok(true) => (CopyAnswer::Corrupt, Some(CopyFault::Corrupt)),
            Err(error) => of_error(error),
        }
    }
}

fn of_error(error: NodeError) -> (CopyAnswer, Option<CopyFault>) {
    match error {
        NodeError::NotFound => (CopyAnswer::Absent, Some(CopyFault::Absent)),
        NodeError::Corrupt => (CopyAnswer::Corrupt, Some(CopyFault::Corrupt)),
        other => (CopyAnswer::Silent(other.to_string()), None),
    }
}

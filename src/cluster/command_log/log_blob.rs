//! A blob of the command log on its way to its members: pieces are put behind each other.

use super::format::LogHead;
use crate::{
    cluster::cluster_node::ClusterNode,
    node::{NodeError, api::PutChunk},
    types::{BlobId, ChunkData, ChunkKey, ChunkRoot, GroupId, NodeId, Term},
};
use bytes::Bytes;
use futures_util::future::try_join_all;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

/// The blob is open for as long as this lives.
#[derive(Debug)]
pub struct LogBlob {
    pub blob: BlobId,
    members: Vec<Member>,
    required: usize,
    next_index: u32,
    /// Who made the last pieces durable in time.
    prompt: Vec<NodeId>,
}

#[derive(Debug)]
struct Member {
    node: Arc<ClusterNode>,
    turns: Arc<Semaphore>,
}

/// Why a piece is not kept.
#[derive(Debug)]
pub enum NotKept {
    TooFew,
    /// Another gateway reigns.
    Deposed {
        seen: Term,
    },
}

impl LogBlob {
    /// `turns`: puts under way to one member. One that hangs is passed over; the next snapshot makes up for what it lacks.
    pub fn new(blob: BlobId, nodes: Vec<Arc<ClusterNode>>, required: usize, turns: usize) -> Self {
        let member = |node| Member { node, turns: Arc::new(Semaphore::new(turns)) };
        Self { blob, members: nodes.into_iter().map(member).collect(), required, next_index: 0, prompt: Vec::new() }
    }

    /// Chunks that were begun: an upper bound of what any member holds.
    pub fn chunk_limit(&self) -> u32 {
        self.next_index
    }

    /// Members that have not answered the last put, or refused it.
    pub fn silent(&self) -> Vec<NodeId> {
        let ids = self.members.iter().map(|member| member.node.id());
        ids.filter(|id| !self.prompt.contains(id)).collect()
    }

    /// Puts the pieces; returns when all of them are durable on enough members, the same ones. The others may still get them,
    /// and so may all of them when it takes longer than `within`.
    pub async fn put(&mut self, term: Term, pieces: &[(LogHead, Bytes)], within: Duration) -> Result<(), NotKept> {
        let mut sealed = Vec::with_capacity(pieces.len());
        for (head, payload) in pieces {
            let key = ChunkKey { blob: self.blob, index: self.next_index };
            self.next_index += 1;
            let (data, root) = head.seal(key, payload.clone());
            sealed.push((key, data, root));
        }
        let sealed: Arc<[(ChunkKey, ChunkData, ChunkRoot)]> = sealed.into();
        let (sender, mut answers) = mpsc::channel(self.members.len().max(1));
        for member in &self.members {
            // Without a turn it has not taken what it got before.
            let Ok(turn) = Arc::clone(&member.turns).try_acquire_owned() else { continue };
            let (node, sealed, sender) = (Arc::clone(&member.node), Arc::clone(&sealed), sender.clone());
            tokio::spawn(async move {
                let result = put_all(&node, term, &sealed).await;
                drop(turn);
                node.note(&result);
                let _ = sender.send((node.id(), result)).await;
            });
        }
        drop(sender);
        let (prompt, required) = (&mut self.prompt, self.required);
        prompt.clear();
        let enough = async {
            while prompt.len() < required {
                match answers.recv().await {
                    Some((node, Ok(()))) => prompt.push(node),
                    Some((_, Err(NodeError::StaleTerm { seen }))) => return Err(NotKept::Deposed { seen }),
                    Some((node, Err(error))) => {
                        tracing::debug!(%node, %error, "a node did not take a piece of the command log");
                    }
                    None => return Err(NotKept::TooFew),
                }
            }
            Ok(())
        };
        timeout(within, enough).await.unwrap_or(Err(NotKept::TooFew))
    }
}

/// Together: the node makes them durable by few syncs.
async fn put_all(node: &ClusterNode, term: Term, sealed: &[(ChunkKey, ChunkData, ChunkRoot)]) -> Result<(), NodeError> {
    let put = |(key, data, root): &(ChunkKey, ChunkData, ChunkRoot)| {
        let put = PutChunk { term, group: GroupId::COMMAND_LOG, key: *key, data: data.clone(), root: *root };
        node.api.put_chunk(put)
    };
    try_join_all(sealed.iter().map(put)).await.map(drop)
}

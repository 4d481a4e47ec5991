//! Reads the command log from the nodes: first what each piece says of itself, then, when it is needed, what is in it.
//!
//! No metadata says what is right, so the pieces do: a node's blocks are checked against its table, the whole against the
//! head's digest. What one node has lost or holds damaged is taken from the next. In memory are the heads (about 200 bytes
//! a piece), and the few payloads under way. Who has the metadata, but for its end, reads only what is newer.

use super::{
    LogHead, LogKind,
    selection::{FoundLog, Logged},
};
use crate::{
    node::{
        NodeApi, NodeError,
        api::{GetChunk, INVENTORY_CHUNKS_MAX},
    },
    types::{BLOCK_LENGTH, BlobId, BlockTable, ChunkKey, ChunkSlice, ClusterId, CommitSequence, GroupId, Term},
};
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// Pieces that are looked at at the same time, which is also how many connections a node may get: enough to hide the way to it.
const LOOKS_AT_ONCE: usize = 8;

/// How often a node is asked before it counts as one that does not answer. What it holds decides what is lost.
const ASKED_TIMES: u32 = 3;

/// Chunks of one blob of the log. A keeper begins another blob long before.
const BLOB_CHUNKS_MAX: u32 = 1 << 20;

/// A node that answers, and the term that it may be asked with: the newest that it has seen, so that asking changes nothing.
pub struct LogSource {
    pub name: String,
    pub node: Arc<dyn NodeApi>,
    pub term: Term,
}

/// What nodes hold of the log.
pub struct Collected {
    sources: Vec<LogSource>,
    /// By blob, the positions of the sources that hold chunks of it.
    holders: BTreeMap<BlobId, Vec<usize>>,
    pub log: FoundLog,
    /// Chunks of the log's group of which no node gave a piece that could be believed.
    pub unreadable: usize,
    /// Positions of the sources that did not answer to the end.
    failed: Mutex<BTreeSet<usize>>,
}

/// What a chunk of the log's group turned out to be.
enum Look {
    Piece(ChunkKey, LogHead),
    /// No node holds it.
    Absent,
    Unreadable,
}

impl Collected {
    /// All of it.
    pub async fn from(sources: Vec<LogSource>, cluster: ClusterId) -> Self {
        let (this, limits) = Self::holdings(sources).await;
        let keys = limits.into_iter().flat_map(|(blob, limit)| (0..limit).map(move |index| ChunkKey { blob, index }));
        let looks = stream::iter(keys).map(|key| this.look(key)).buffer_unordered(LOOKS_AT_ONCE).collect().await;
        this.with(looks, cluster)
    }

    /// What is newer than the command, and a little more. Pieces were put in their order, so of each blob only the end is looked at.
    pub async fn newer_than(command: CommitSequence, sources: Vec<LogSource>, cluster: ClusterId) -> Self {
        let (this, limits) = Self::holdings(sources).await;
        let ends = stream::iter(limits).map(|(blob, limit)| this.look_back(command, blob, limit));
        let looks: Vec<Vec<Look>> = ends.buffer_unordered(LOOKS_AT_ONCE).collect().await;
        this.with(looks.into_iter().flatten().collect(), cluster)
    }

    /// Asks all of them for their blobs of the log; with them, how far the chunks of each reach.
    async fn holdings(sources: Vec<LogSource>) -> (Self, BTreeMap<BlobId, u32>) {
        let failed = Mutex::default();
        let (mut holders, mut limits) = (BTreeMap::<BlobId, Vec<usize>>::new(), BTreeMap::<BlobId, u32>::new());
        for (position, held) in join_all(sources.iter().map(blobs_of)).await.into_iter().enumerate() {
            match held {
                Ok(held) => {
                    for (blob, limit) in held {
                        holders.entry(blob).or_default().push(position);
                        let known = limits.entry(blob).or_default();
                        *known = limit.max(*known);
                    }
                }
                Err(error) => note_failure(&failed, &sources, position, &error),
            }
        }
        (Self { sources, holders, log: FoundLog::default(), unreadable: 0, failed }, limits)
    }

    fn with(mut self, looks: Vec<Look>, cluster: ClusterId) -> Self {
        self.unreadable = looks.iter().filter(|look| matches!(look, Look::Unreadable)).count();
        let piece = |look| if let Look::Piece(key, head) = look { Some((key, head)) } else { None };
        self.log = FoundLog::new(looks.into_iter().filter_map(piece), cluster);
        self
    }

    /// Names of the nodes that did not answer to the end.
    pub fn failed(&self) -> Vec<String> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.iter().map(|position| self.sources[*position].name.clone()).collect()
    }

    /// One piece of what was found whole. `None` when no node has it any more as it was found.
    pub async fn piece(&self, logged: &Logged, piece: usize) -> Option<Bytes> {
        let expected = LogHead { piece: u32::try_from(piece).ok()?, ..logged.head };
        for key in logged.pieces.get(piece)? {
            for position in self.holders_of(*key) {
                let source = &self.sources[position];
                match whole(source, *key).await.map(|bytes| LogHead::open(*key, &bytes)) {
                    Ok(Ok((head, payload))) if head == expected => return Some(payload),
                    Ok(_) => tracing::warn!(node = source.name, %key, "a piece of the command log is damaged"),
                    Err(error) => self.note(position, &error),
                }
            }
        }
        None
    }

    /// All of it, in memory: for frames.
    pub async fn payload(&self, logged: &Logged) -> Option<Bytes> {
        let mut whole = Vec::with_capacity(logged.pieces.len());
        for piece in 0..logged.pieces.len() {
            whole.push(self.piece(logged, piece).await?);
        }
        Some(if whole.len() == 1 { whole.remove(0) } else { whole.concat().into() })
    }

    /// From the end of the blob back to what is not newer than the command.
    async fn look_back(&self, command: CommitSequence, blob: BlobId, limit: u32) -> Vec<Look> {
        let mut looks = Vec::new();
        for index in (0..limit).rev() {
            let look = self.look(ChunkKey { blob, index }).await;
            let is_newer = |head: &LogHead| head.kind == LogKind::Frame && head.last > command;
            let is_enough = matches!(&look, Look::Piece(_, head) if !is_newer(head));
            looks.push(look);
            if is_enough {
                break;
            }
        }
        looks
    }

    async fn look(&self, key: ChunkKey) -> Look {
        let mut is_held = false;
        for position in self.holders_of(key) {
            match head_of(&self.sources[position], key).await {
                Ok(Some(head)) => return Look::Piece(key, head),
                Ok(None) | Err(NodeError::Corrupt) => is_held = true,
                Err(error) => self.note(position, &error),
            }
        }
        if is_held { Look::Unreadable } else { Look::Absent }
    }

    /// In an order that spreads the pieces over the nodes.
    fn holders_of(&self, key: ChunkKey) -> Vec<usize> {
        let mut holders = self.holders.get(&key.blob).cloned().unwrap_or_default();
        let first = key.index as usize % holders.len().max(1);
        holders.rotate_left(first);
        holders
    }

    /// That a node does not hold a chunk is no failure.
    fn note(&self, position: usize, error: &NodeError) {
        if !matches!(error, NodeError::NotFound | NodeError::Corrupt) {
            note_failure(&self.failed, &self.sources, position, error);
        }
    }
}

fn note_failure(failed: &Mutex<BTreeSet<usize>>, sources: &[LogSource], position: usize, error: &NodeError) {
    if failed.lock().unwrap_or_else(PoisonError::into_inner).insert(position) {
        tracing::warn!(node = sources[position].name, %error, "a node was asked for the command log and failed");
    }
}

/// Asks again what did not answer.
async fn patient<T, F: Future<Output = Result<T, NodeError>>>(ask: impl Fn() -> F) -> Result<T, NodeError> {
    for _ in 1..ASKED_TIMES {
        match ask().await {
            Err(NodeError::Unreachable(reason)) => tracing::debug!(reason, "asking once more"),
            answered => return answered,
        }
    }
    ask().await
}

/// The blobs of the log that the node holds chunks of, each with the highest chunk index plus one.
async fn blobs_of(source: &LogSource) -> Result<BTreeMap<BlobId, u32>, NodeError> {
    let (mut held, mut from) = (BTreeMap::new(), None);
    loop {
        let page = patient(|| source.node.inventory(source.term, from, INVENTORY_CHUNKS_MAX)).await?;
        for entry in page.blobs.into_iter().filter(|entry| entry.group == GroupId::COMMAND_LOG) {
            let limit = held.entry(entry.blob).or_insert(0);
            *limit = entry.chunk_limit.min(BLOB_CHUNKS_MAX).max(*limit);
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(held),
        }
    }
}

/// What the node's copy says of itself; `None` when it can't be believed. A frame is read whole for that. A snapshot is
/// not: it is long, and its pieces are looked at again when they are taken.
async fn head_of(source: &LogSource, key: ChunkKey) -> Result<Option<LogHead>, NodeError> {
    let begin = slice(source, key, 0, 1).await?;
    if let Some(head) = LogHead::peek(&begin.bytes).filter(|head| head.kind == LogKind::Snapshot) {
        return Ok(Some(head));
    }
    let bytes = rest(source, key, begin).await?;
    let opened = LogHead::open(key, &bytes);
    if let Err(error) = &opened {
        tracing::warn!(node = source.name, %key, %error, "a chunk of the command log can't be used");
    }
    Ok(opened.ok().map(|(head, _)| head))
}

async fn whole(source: &LogSource, key: ChunkKey) -> Result<Bytes, NodeError> {
    let begin = slice(source, key, 0, 1).await?;
    rest(source, key, begin).await
}

/// The chunk's bytes, of which the first block is there already.
async fn rest(source: &LogSource, key: ChunkKey, begin: ChunkSlice) -> Result<Bytes, NodeError> {
    let blocks = u32::try_from(BlockTable::block_count(begin.chunk_length)).unwrap_or(u32::MAX);
    if blocks <= 1 {
        return Ok(begin.bytes);
    }
    let rest = slice(source, key, 1, blocks - 1).await?;
    Ok([begin.bytes, rest.bytes].concat().into())
}

/// Blocks that fit the table that the node gives with them.
async fn slice(source: &LogSource, key: ChunkKey, first_block: u32, block_count: u32) -> Result<ChunkSlice, NodeError> {
    debug_assert!(u64::from(block_count) * u64::from(BLOCK_LENGTH) <= u64::from(u32::MAX));
    let get = GetChunk { term: source.term, key, first_block, block_count };
    let slice = patient(|| source.node.get_chunk(get)).await?;
    let root = slice.table.root(key, slice.chunk_length);
    let is_right = slice.first_block == first_block && slice.is_intact(key, &root);
    if is_right { Ok(slice) } else { Err(NodeError::Corrupt) }
}

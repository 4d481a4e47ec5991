//! Keeps batches of commands on nodes in their order, each before it commits: what the writer waits for. Those that wait go together.

use super::{
    CommandLog,
    format::{LogHead, LogKind, pieces_of},
    holder,
    log_blob::{LogBlob, NotKept},
    register::{BLOB_CHUNKS_MAX, Holder, LaidBlob},
};
use crate::{
    cluster::{Cluster, topology::Topology},
    metadata::log::{KeptWhen, LoggedBatch, Seat},
    node::NodeError,
    types::{CommitSequence, NodeId},
};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How long enough members may take. A commit waits for it, and for one more try on others.
const ENOUGH_WITHIN: Duration = Duration::from_millis(1500);

/// Before the next try: nodes are away, and their standing changes by heartbeats.
const PAUSE: Duration = Duration::from_millis(200);

/// Puts under way to one member.
const TURNS: usize = 16;

/// A batch on its way.
struct Frame<'a> {
    number: u64,
    batch: &'a LoggedBatch,
    payloads: Vec<Bytes>,
}

pub struct Keeper {
    cluster: Cluster,
    log: CommandLog,
    seat: Seat,
    open: Option<LogBlob>,
    /// Whom the open blob was begun for, and in view of which topology.
    members: Vec<NodeId>,
    seen: Option<Arc<Topology>>,
    /// Frames so far.
    number: u64,
}

impl Keeper {
    pub fn new(cluster: Cluster, log: CommandLog, seat: Seat) -> Self {
        Self { cluster, log, seat, open: None, members: Vec::new(), seen: None, number: 0 }
    }

    /// Ends when the writer has, or another keeper has taken its seat, or when another gateway reigns.
    pub async fn run(mut self) {
        let feed = self.cluster.metadata().log_feed().clone();
        while let Some((last, batches)) = feed.next(self.seat).await {
            match self.keep(&batches).await {
                Some(()) => feed.settle(last),
                None => return,
            }
        }
    }

    /// `None` when it never will be.
    async fn keep(&mut self, batches: &[LoggedBatch]) -> Option<()> {
        let feed = self.cluster.metadata().log_feed().clone();
        let frames = self.frames(batches);
        let mut failed = Vec::new();
        loop {
            let term = self.cluster.term();
            let pieces = self.pieces(&frames);
            let kept = match self.blob_for(batches, &failed, pieces.len()) {
                Some(blob) => blob.put(term, &pieces, ENOUGH_WITHIN).await,
                None => Err(NotKept::TooFew),
            };
            match kept {
                Ok(()) => return Some(()),
                // Our own term may have grown meanwhile.
                Err(NotKept::Deposed { seen }) if seen <= self.cluster.term() => {}
                Err(NotKept::Deposed { seen }) => {
                    self.cluster.reign().check(&NodeError::StaleTerm { seen });
                    feed.depose(self.seat);
                    return None;
                }
                Err(NotKept::TooFew) if feed.is_over(self.seat) => return None,
                Err(NotKept::TooFew) => {
                    // Whoever did not answer is left out of the next try, when there are others.
                    failed = match self.open.take() {
                        Some(open) if failed.is_empty() => open.silent(),
                        _ => Vec::new(),
                    };
                    self.seen = None;
                    if failed.is_empty() {
                        sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    fn frames<'a>(&mut self, batches: &'a [LoggedBatch]) -> Vec<Frame<'a>> {
        let frame = |batch: &'a LoggedBatch| {
            self.number += 1;
            Frame { number: self.number, batch, payloads: pieces_of(&batch.bytes) }
        };
        batches.iter().map(frame).collect()
    }

    fn pieces(&self, frames: &[Frame<'_>]) -> Vec<(LogHead, Bytes)> {
        let metadata = self.cluster.metadata();
        let of_frame = |frame: &Frame<'_>| {
            let head = LogHead {
                kind: LogKind::Frame,
                cluster: metadata.cluster_id(),
                history: metadata.history(),
                term: self.cluster.term(),
                number: frame.number,
                first: frame.batch.first,
                last: frame.batch.last,
                piece: 0,
                pieces: u32::try_from(frame.payloads.len()).unwrap_or(u32::MAX),
            };
            let pieces =
                (0..).zip(&frame.payloads).map(|(piece, payload)| (LogHead { piece, ..head }, payload.clone()));
            pieces.collect::<Vec<_>>()
        };
        frames.iter().flat_map(of_frame).collect()
    }

    /// The open blob, when it may take the frames, or a new one; `None` while there are too few nodes.
    fn blob_for(&mut self, batches: &[LoggedBatch], failed: &[NodeId], pieces: usize) -> Option<&mut LogBlob> {
        let last = batches.last()?.last;
        let topology = self.cluster.membership().topology().load_full();
        let is_same_view = self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &topology));
        let chosen = (!is_same_view).then(|| self.log.choose(&topology, &self.members, failed));
        let bytes = batches.iter().map(|batch| batch.bytes.len() as u64).sum();
        if let Some(open) = &mut self.open {
            let limit = open.chunk_limit() + pieces as u32;
            let may_go_on = chosen.as_ref().is_none_or(|chosen| chosen.members == self.members)
                && limit <= BLOB_CHUNKS_MAX
                && self.log.register().extend(open.blob, limit, bytes, last);
            if !may_go_on {
                self.open = None;
            }
        }
        if self.open.is_none() {
            let chosen = chosen.unwrap_or_else(|| self.log.choose(&topology, &self.members, failed));
            if chosen.members.len() < chosen.required {
                return None;
            }
            self.begin_blob(&topology, chosen.members, chosen.required, last, bytes);
        }
        self.seen = Some(topology);
        self.open.as_mut()
    }

    fn begin_blob(
        &mut self,
        topology: &Topology,
        members: Vec<NodeId>,
        required: usize,
        last: CommitSequence,
        bytes: u64,
    ) {
        let blob = self.cluster.new_blob_id();
        let nodes: Vec<_> = members.iter().filter_map(|member| topology.node(*member).cloned()).collect();
        let holders: Vec<Holder> = nodes.iter().map(|node| holder(&self.cluster, node)).collect();
        let is_beside = !nodes.is_empty() && nodes.iter().all(|node| node.api.is_local());
        let kept_when = if is_beside { KeptWhen::BeforeAnswer } else { KeptWhen::BeforeCommit };
        self.cluster.metadata().log_feed().set_kept_when(kept_when);
        let kind = LogKind::Frame;
        self.log.register().lay(LaidBlob { blob, kind, holders, chunk_limit: 1, bytes, last });
        self.open = Some(LogBlob::new(blob, nodes, required, TURNS));
        self.members = members;
    }
}

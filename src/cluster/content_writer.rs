//! Writes a content: cuts the bytes into chunks, sends each to a placement group, and says in the end which blobs hold it.
//!
//! Invariants:
//! - Every chunk of a blob is durable on the same members, the blob's `durable` set, and they are at least as many as
//!   `write_acks` asks for. So one list of nodes a blob is enough for the commit.
//! - A chunk stays in memory until it was accepted. When a group fails under a blob, the blob ends at its last good chunk and
//!   the chunks behind it, still in memory, go on in a new blob in another group.
//! - A blob that some member does not get is closed early, so that what the member lacks stays small.
//!
//! At most `SENDING_MAX` chunks are on their way while the next is filled; each is sent by a task of its own, so it gets on
//! while the client is waited for. A content of one chunk is sent by the caller's own task: no hop.

use super::{
    budget::Budget,
    chunk_builder::{ChunkBuilder, FilledChunk},
    chunk_send::{Patience, SEND_DEADLINE, SendReport, send_chunk},
    error::ClusterError,
    in_flight::{InFlight, WriteInFlight},
    open_blob::OpenBlob,
    reign::Reign,
    topology::Topology,
};
use crate::{
    metadata::command::NewContent,
    node::{NodeError, api::PutChunk},
    runtime::{Activity, Clock, Random, in_current_request},
    types::{BlobId, Extent, NodeId},
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use std::{collections::VecDeque, future::Future, pin::pin, sync::Arc, time::Duration};
use tokio_util::task::AbortOnDropHandle;
use uuid::Builder;

/// Chunks of one writer on their way at once, beside the one being filled: enough to hide the nodes' latency, and a
/// writer holds at most three chunks of memory.
const SENDING_MAX: usize = 2;
/// Groups that may fail one after the other before the write does: three further ones are more than a cluster that works needs.
const FAILURES_MAX: u32 = 4;
/// How long a client may be silent while others wait for memory in vain, before its chunk is sent as far as it has come.
/// Short, since a thousand silent clients are met a few at a time. A client that was merely slow is given twice as long
/// after each cut, so that its object does not fall into crumbs.
const SILENCE_UNDER_PRESSURE: Duration = Duration::from_millis(50);
/// Cuts after which the silence that is allowed grows no more: 3.2 s.
const SILENCE_DOUBLINGS_MAX: u32 = 6;

/// What writers need of the cluster.
#[derive(Debug)]
pub struct Writes {
    pub topology: Arc<ArcSwap<Topology>>,
    pub budget: Budget,
    pub in_flight: InFlight,
    pub reign: Reign,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub chunk_size: u32,
    pub straggler_wait: Duration,
    pub quorum_wait: Duration,
    pub activity: Arc<Activity>,
}

impl Writes {
    fn new_blob_id(&self) -> BlobId {
        new_blob_id(&*self.clock, &*self.random)
    }
}

/// A UUIDv7.
pub(super) fn new_blob_id(clock: &dyn Clock, random: &dyn Random) -> BlobId {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    let millis = u64::try_from(clock.now().unix_millis()).unwrap_or(0);
    BlobId::from_uuid(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
}

/// A content on its way to the nodes. Dropped, its blobs are abandoned: `reclaim` clears them.
#[derive(Debug)]
pub struct ContentWriter {
    writes: Arc<Writes>,
    filling: Option<ChunkBuilder>,
    /// In the order of the content; all for the open blob.
    sending: VecDeque<SendingChunk>,
    blob: Option<OpenBlob>,
    content: NewContent,
    in_flight: WriteInFlight,
    /// Nodes that failed under this writer lately: not written to for the next blob.
    failed: Vec<NodeId>,
    failures_running: u32,
    /// Chunks that were sent before they were full because the client was silent.
    cuts: u32,
    /// A call failed or its future was dropped: bytes may be missing, so there is nothing to finish.
    is_broken: bool,
}

#[derive(Debug)]
struct SendingChunk {
    chunk: FilledChunk,
    answer: AbortOnDropHandle<SendReport>,
}

/// How a wait for the client ended.
#[derive(Debug)]
pub enum Waited<T> {
    Done(T),
    /// The client is still silent, and others wait for memory.
    Starving,
}

/// A content whose chunks are all durable, to be named by a commit (`Cluster::commit`). Dropped, it is garbage.
#[derive(Debug)]
pub struct WrittenContent {
    pub(super) content: NewContent,
    pub(super) in_flight: WriteInFlight,
}

impl WrittenContent {
    /// Bytes in the content.
    pub fn size(&self) -> u64 {
        self.content.size()
    }
}

impl ContentWriter {
    pub(super) fn new(writes: Arc<Writes>) -> Self {
        let in_flight = writes.in_flight.begin();
        Self {
            writes,
            filling: None,
            sending: VecDeque::new(),
            blob: None,
            content: NewContent::default(),
            in_flight,
            failed: Vec::new(),
            failures_running: 0,
            cuts: 0,
            is_broken: false,
        }
    }

    /// Takes the next bytes; returns when they are accepted. Here is the back-pressure: it waits for memory, and for room
    /// among the chunks on their way. After an error, or after dropping the future, the writer can only be dropped.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), ClusterError> {
        let was_broken = std::mem::replace(&mut self.is_broken, true);
        if was_broken {
            return Err(ClusterError::Malformed("a write after one that failed"));
        }
        while !bytes.is_empty() {
            let begin = || ChunkBuilder::new(&self.writes.budget, self.writes.chunk_size);
            let mut filling = self.filling.take().unwrap_or_else(begin);
            self.fill(&mut filling, &mut bytes).await?;
            if filling.is_full() {
                self.dispatch(filling.finish()).await?;
            } else {
                self.filling = Some(filling);
            }
        }
        self.is_broken = false;
        Ok(())
    }

    /// Fills the chunk. The memory that it waits for may lie in this writer's own chunks: they are settled meanwhile.
    async fn fill(&mut self, filling: &mut ChunkBuilder, bytes: &mut Bytes) -> Result<(), ClusterError> {
        loop {
            tokio::select! {
                biased;
                filled = filling.fill(bytes) => return filled,
                settled = self.settle_oldest(), if !self.sending.is_empty() => settled?,
            }
        }
    }

    /// Waits for `next`, the client's next bytes, and keeps the writer from holding memory while the client is silent:
    /// chunks on their way are settled, and when others wait for memory, the chunk being filled is sent as it is. Then it
    /// returns before `next` is done, so that the caller can give up what it holds, and is to be called again.
    pub async fn while_waiting<F: Future>(&mut self, next: F) -> Result<Waited<F::Output>, ClusterError> {
        let mut next = pin!(next);
        let writes = self.writes.clone();
        let silence = SILENCE_UNDER_PRESSURE * (1 << self.cuts.min(SILENCE_DOUBLINGS_MAX));
        loop {
            let holds_bytes = self.filling.as_ref().is_some_and(|filling| !filling.is_empty());
            tokio::select! {
                biased;
                output = &mut next => return Ok(Waited::Done(output)),
                settled = self.settle_oldest(), if !self.sending.is_empty() => settled?,
                () = writes.budget.uploads_starve(silence), if holds_bytes => {
                    self.cut().await?;
                    return Ok(Waited::Starving);
                }
            }
        }
    }

    /// Sends the chunk being filled as far as it has come.
    async fn cut(&mut self) -> Result<(), ClusterError> {
        self.cuts = self.cuts.saturating_add(1);
        match self.filling.take() {
            Some(filling) => self.dispatch(filling.finish()).await,
            None => Ok(()),
        }
    }

    /// Makes the rest durable.
    pub async fn finish(mut self) -> Result<WrittenContent, ClusterError> {
        if self.is_broken {
            return Err(ClusterError::Malformed("the end of a write that failed"));
        }
        let last = self.filling.take().map(ChunkBuilder::finish);
        match last {
            Some(chunk) if self.sending.is_empty() => self.send_here(chunk).await?,
            Some(chunk) => self.dispatch(chunk).await?,
            None => {}
        }
        while !self.sending.is_empty() {
            self.settle_oldest().await?;
        }
        self.close_blob();
        Ok(WrittenContent { content: self.content, in_flight: self.in_flight })
    }

    /// Sends the chunk in this task and waits for it.
    async fn send_here(&mut self, chunk: FilledChunk) -> Result<(), ClusterError> {
        if self.blob.as_ref().is_some_and(OpenBlob::is_closing) {
            self.close_blob();
        }
        loop {
            let (blob, put) = self.prepare(&chunk)?;
            let (group, targets, patience) = (blob.group().clone(), blob.targets(), self.patience());
            let report = send_chunk(&group, targets, put, patience).await;
            if self.accept(&chunk, &report) {
                return Ok(());
            }
            self.give_blob_up(&report)?;
        }
    }

    /// Sends the chunk in a task of its own, once there is room among those on their way.
    async fn dispatch(&mut self, chunk: FilledChunk) -> Result<(), ClusterError> {
        loop {
            let is_closing = self.blob.as_ref().is_some_and(OpenBlob::is_closing);
            if !is_closing && self.sending.len() < SENDING_MAX {
                return self.launch(chunk);
            }
            if self.sending.is_empty() {
                self.close_blob();
                return self.launch(chunk);
            }
            self.settle_oldest().await?;
        }
    }

    fn launch(&mut self, chunk: FilledChunk) -> Result<(), ClusterError> {
        let (blob, put) = self.prepare(&chunk)?;
        let (group, targets, patience) = (blob.group().clone(), blob.targets(), self.patience());
        let sending = tokio::spawn(in_current_request(async move { send_chunk(&group, targets, put, patience).await }));
        self.sending.push_back(SendingChunk { chunk, answer: AbortOnDropHandle::new(sending) });
        Ok(())
    }

    fn patience(&self) -> Patience {
        let required = self.blob.as_ref().map_or(1, OpenBlob::required);
        // Silence of several members at once is nothing that clients should wait out, if others can take the chunk.
        let is_first = self.failures_running == 0 && self.has_others();
        let deadline = if is_first { self.writes.quorum_wait } else { SEND_DEADLINE };
        Patience { required, straggler_wait: self.writes.straggler_wait, deadline }
    }

    /// Whether there are nodes beside the members of the open blob's group. Where there are none another group is the same nodes, and
    /// would write the chunk twice for nothing.
    fn has_others(&self) -> bool {
        let members = self.blob.as_ref().map_or(0, |blob| blob.group().members.len());
        self.writes.topology.load().nodes().filter(|(_, standing)| standing.is_writable()).count() > members
    }

    /// Gives the chunk its place in the open blob; opens one when there is none.
    fn prepare(&mut self, chunk: &FilledChunk) -> Result<(&OpenBlob, PutChunk), ClusterError> {
        let blob = match self.blob.take() {
            Some(blob) => self.blob.insert(blob),
            None => {
                let blob = self.open_blob()?;
                self.blob.insert(blob)
            }
        };
        let (key, root) = blob.place(&chunk.data);
        self.writes.activity.note(u64::from(chunk.data.length));
        self.in_flight.sends(key.index);
        let group = blob.group().group;
        let put = PutChunk { term: self.writes.reign.term(), group, key, data: chunk.data.clone(), root };
        Ok((blob, put))
    }

    fn open_blob(&mut self) -> Result<OpenBlob, ClusterError> {
        let topology = self.writes.topology.load();
        let random = &*self.writes.random;
        // When it does not work without those that failed, they get another chance: the failure may have been a moment's.
        let chosen = topology.choose_group(random, &self.failed).or_else(|_| topology.choose_group(random, &[]));
        let (group, targets) = chosen?;
        let (required, chunk_size) = (topology.required(&group), self.writes.chunk_size);
        let blob = self.writes.new_blob_id();
        self.in_flight.add(blob, group.group, group.epoch);
        Ok(OpenBlob::new(blob, group, targets, required, chunk_size))
    }

    /// Waits for the oldest chunk on its way, and accepts it or starts over from it. Dropping the future loses nothing.
    async fn settle_oldest(&mut self) -> Result<(), ClusterError> {
        let Some(oldest) = self.sending.front_mut() else { return Ok(()) };
        // A task that panicked has sent the chunk to nobody.
        let report = (&mut oldest.answer).await.unwrap_or_default();
        let Some(SendingChunk { chunk, .. }) = self.sending.pop_front() else { return Ok(()) };
        if self.accept(&chunk, &report) {
            return Ok(());
        }
        // The chunks behind it lie behind a hole now: they move to the new blob too.
        let behind: Vec<FilledChunk> = self.sending.drain(..).map(|sending| sending.chunk).collect();
        self.give_blob_up(&report)?;
        self.launch(chunk)?;
        for chunk in behind {
            self.launch(chunk)?;
        }
        Ok(())
    }

    /// Whether the oldest chunk is on enough members that have all the blob's chunks; then it is part of the blob.
    fn accept(&mut self, chunk: &FilledChunk, report: &SendReport) -> bool {
        report.refused.iter().for_each(|(_, error)| self.writes.reign.check(error));
        let Some(blob) = &mut self.blob else { return false };
        let failed = blob.failed(report);
        if !failed.is_empty() {
            self.failed = failed;
        }
        if !blob.accept(&chunk.data, report.durable) {
            return false;
        }
        self.failures_running = 0;
        if blob.is_long_without_a_member() {
            self.failed.clear();
        }
        true
    }

    /// Ends the open blob at its last good chunk. Fails when groups failed too often running.
    fn give_blob_up(&mut self, report: &SendReport) -> Result<(), ClusterError> {
        let required = self.patience().required;
        self.close_blob();
        self.failures_running += 1;
        if self.failures_running < FAILURES_MAX {
            return Ok(());
        }
        let is_room_missing = report.refused.iter().any(|(_, error)| *error == NodeError::Full);
        let stale = report.refused.iter().find_map(|(_, error)| match error {
            NodeError::StaleTerm { seen } => Some(*seen),
            _ => None,
        });
        Err(match stale {
            Some(seen) => ClusterError::Deposed { seen },
            None if is_room_missing => ClusterError::NoRoom,
            None => ClusterError::NotEnoughNodes { needed: required, alive: report.durable.count() },
        })
    }

    /// Enters the open blob, as far as its chunks were accepted, into the content.
    fn close_blob(&mut self) {
        let Some(blob) = self.blob.take().and_then(OpenBlob::close) else { return };
        let extent = Extent { blob: blob.blob, offset: 0, length: blob.size };
        // All groups are asked for the same, so the smallest is that of the smallest group.
        let (required, before) = (blob.required, self.content.copies_required);
        self.content.copies_required = if before == 0 { required } else { before.min(required) };
        self.content.blobs.push(blob.named);
        self.content.extents.push(extent);
    }
}

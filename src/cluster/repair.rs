//! Background step: sends members what they missed. The member pulls the blob from its peers, and when it holds all of it,
//! checked, the copy leaves the repair list. Data does not pass the gateway. Blobs that lack several copies come first.

use super::{
    Cluster,
    bad_copies::CopyFault,
    cluster_node::ClusterNode,
    endangered::{Endangered, endangered},
    error::ClusterError,
    member_set::MEMBERS_MAX,
    node_life::Standing,
    plain_share::pieces_of,
    pulls,
    topology::Topology,
};
use crate::{
    metadata::{Command, command::BlobCopy, rows::UnderReplicatedBlob},
    node::{
        NodeError,
        api::{PULL_CHUNKS_MAX, PULL_SOURCES_MAX, PeerAddress, PullBlob},
    },
    runtime::{Progress, Step},
    types::{BlobId, ChunkKey, CommitSequence, NodeId},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

/// Copies looked at in one step, and bytes of their blobs, so that a step takes seconds rather than minutes.
const ROWS_PER_STEP: u32 = 200;
const BYTES_PER_STEP: u64 = 256 << 20;
/// Chunks of one request to a node: a quarter of a gigabyte at the default chunk size. How long the next one rests
/// follows from how busy clients are then.
const CHUNKS_PER_PULL: usize = 64;
const _: () = assert!(CHUNKS_PER_PULL <= PULL_CHUNKS_MAX, "a node takes so many");
/// Blobs that are pulled at once: enough to keep a disk busy, few enough to leave it to clients.
const PULLS_AT_ONCE: usize = 4;

/// Copies of one window of the search for endangered blobs: some milliseconds of the database.
const SEARCH_WINDOW: u32 = 5000;
/// Pages between two searches: what became endangered meanwhile does not wait for the end of a long list.
const PAGES_BETWEEN_SEARCHES: u32 = 50;

/// A round over the repair list: first a search for the blobs that lack several copies, then all in order.
#[derive(Debug)]
pub struct SendMissing {
    cluster: Cluster,
    search: Search,
    /// Found by the search, not yet looked after.
    endangered: VecDeque<BlobId>,
    cursor: Option<BlobCopy>,
    /// Whether the present round over the list has repaired anything.
    has_repaired: bool,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    UnderWay { after: Option<BlobCopy> },
    Finished { pages_since: u32 },
}

impl SendMissing {
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            search: Search::UnderWay { after: None },
            endangered: VecDeque::new(),
            cursor: None,
            has_repaired: false,
            progress: Progress::default(),
        }
    }

    /// Copies that were repaired, and their bytes.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// One page of the repair list, or as many copies of endangered blobs. What can't be repaired now stays on the list for
    /// the next round.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        if self.endangered.is_empty() {
            self.search().await?;
        }
        if !self.endangered.is_empty() {
            self.repair_endangered().await?;
            return Ok(Step::Busy);
        }
        match self.search {
            Search::UnderWay { .. } => Ok(Step::Busy),
            Search::Finished { .. } => self.repair_page().await,
        }
    }

    /// One window of the search, unless it has come to its end.
    async fn search(&mut self) -> Result<(), ClusterError> {
        let Search::UnderWay { after } = self.search else { return Ok(()) };
        let window = self.cluster.metadata().missing_copies(after, SEARCH_WINDOW).await?;
        let Endangered { blobs, next } = endangered(&window, SEARCH_WINDOW as usize);
        self.endangered.extend(blobs);
        self.search = match next {
            Some(copy) => Search::UnderWay { after: Some(copy) },
            None => Search::Finished { pages_since: 0 },
        };
        Ok(())
    }

    async fn repair_endangered(&mut self) -> Result<(), ClusterError> {
        let as_of = self.cluster.metadata().committed();
        let mut rows = Vec::new();
        while rows.len() < ROWS_PER_STEP as usize
            && let Some(blob) = self.endangered.pop_front()
        {
            // In front of every node's id.
            let before = BlobCopy { blob, node: NodeId::from_bytes([0; 16]) };
            let of_blob = self.cluster.metadata().under_replicated(Some(before), None, MEMBERS_MAX as u32).await?;
            rows.extend(of_blob.into_iter().filter(|row| row.blob == blob));
        }
        self.repair_rows(&rows, as_of).await
    }

    async fn repair_page(&mut self) -> Result<Step, ClusterError> {
        let as_of = self.cluster.metadata().committed();
        let mut page = self.cluster.metadata().under_replicated(self.cursor, None, ROWS_PER_STEP).await?;
        let enough = one_step(&page);
        let has_more = enough < page.len() || page.len() == ROWS_PER_STEP as usize;
        page.truncate(enough);
        self.cursor = page.last().filter(|_| has_more).map(|row| BlobCopy { blob: row.blob, node: row.node });
        self.repair_rows(&page, as_of).await?;
        self.search = match self.search {
            Search::Finished { pages_since } if has_more && pages_since < PAGES_BETWEEN_SEARCHES => {
                Search::Finished { pages_since: pages_since + 1 }
            }
            _ => Search::UnderWay { after: None },
        };
        if has_more {
            return Ok(Step::Busy);
        }
        Ok(if std::mem::take(&mut self.has_repaired) { Step::Busy } else { Step::Idle })
    }

    /// `as_of` is the newest commit from before the rows were read: what is marked while they are repaired stays marked.
    async fn repair_rows(&mut self, rows: &[UnderReplicatedBlob], as_of: CommitSequence) -> Result<(), ClusterError> {
        let lacking: HashSet<(BlobId, NodeId)> = rows.iter().map(|row| (row.blob, row.node)).collect();
        let topology = self.cluster.membership().topology().load_full();
        let (cluster, topology, lacking) = (&self.cluster, &*topology, &lacking);
        let progress = &self.progress;
        let repairs: Vec<BoxFuture<'_, Option<BlobCopy>>> =
            rows.iter().map(|row| repair(cluster, topology, lacking, row, progress).boxed()).collect();
        let copies: Vec<BlobCopy> =
            stream::iter(repairs).buffer_unordered(PULLS_AT_ONCE).filter_map(std::future::ready).collect().await;
        progress.add(copies.len(), 0);
        let known_missing = &self.cluster.reads().known_missing;
        known_missing.note(rows.iter().map(|row| BlobCopy { blob: row.blob, node: row.node }));
        known_missing.forget(&copies);
        if !copies.is_empty() {
            self.has_repaired = true;
            tracing::info!(copies = copies.len(), "sent members what they had missed");
            self.cluster.metadata().propose(Command::MarkRepaired { copies, as_of }).await?;
        }
        Ok(())
    }
}

/// Lets the member pull the blob; the copy when the member holds all of it.
async fn repair(
    cluster: &Cluster,
    topology: &Topology,
    lacking: &HashSet<(BlobId, NodeId)>,
    row: &UnderReplicatedBlob,
    progress: &Progress,
) -> Option<BlobCopy> {
    if topology.group(row.group).is_some_and(|group| !group.has_member(row.node)) {
        // It left the group, and needs no copy any more.
        return Some(BlobCopy { blob: row.blob, node: row.node });
    }
    let node = topology.node(row.node).filter(|_| topology.standing(row.node).is_some_and(Standing::is_writable))?;
    let sources = sources(topology, lacking, row);
    // The node holds a chunk while it pulls; where it is in this process, that is our memory.
    let _memory = cluster.budget().repair().take(pieces_of(row.chunk_size as usize)).await.ok()?;
    let mut first_chunk = 0;
    for roots in row.roots.chunks(CHUNKS_PER_PULL) {
        let request = PullBlob {
            term: cluster.term(),
            group: row.group,
            blob: row.blob,
            first_chunk,
            roots: roots.to_vec(),
            sources: sources.clone(),
            rest_percent: cluster.rest_percent(),
        };
        let count = u32::try_from(roots.len()).unwrap_or(u32::MAX);
        let report = match pulls::pull(cluster.membership().topology(), node, request).await {
            Ok(report) => report,
            Err(error) => {
                cluster.reign().check(&error);
                match &error {
                    // Asked again it refuses again.
                    NodeError::Refused(_) => {
                        tracing::warn!(node = %node.row.name, blob = %row.blob, %error, "a member refused to pull a blob");
                    }
                    _ => {
                        tracing::debug!(node = %node.row.name, blob = %row.blob, %error, "a member could not pull a blob")
                    }
                }
                return None;
            }
        };
        progress.add(0, report.pulled_bytes);
        for (source, key) in &report.bad_sources {
            doubt(cluster, topology.node(*source), *key, row, CopyFault::Wrong);
        }
        // What a source is known to lack, or need not have, is no news.
        let is_news = |source: &NodeId| {
            !lacking.contains(&(row.blob, *source))
                && topology.group(row.group).is_some_and(|group| group.should_be_whole_on(*source))
        };
        for (source, key) in report.lacking_sources.iter().filter(|(source, _)| is_news(source)) {
            doubt(cluster, topology.node(*source), *key, row, CopyFault::Absent);
        }
        if report.held < count {
            return None;
        }
        first_chunk += count;
    }
    Some(BlobCopy { blob: row.blob, node: row.node })
}

/// How many of the rows make one step; at least one, however large its blob is.
fn one_step(rows: &[UnderReplicatedBlob]) -> usize {
    let mut bytes = 0_u64;
    let is_too_much = |row: &UnderReplicatedBlob| {
        bytes = bytes.saturating_add(row.size);
        bytes > BYTES_PER_STEP
    };
    rows.iter().position(is_too_much).map_or(rows.len(), |first_left| first_left.max(1))
}

/// The other members and those that left, those first that are well and not known to lack the blob. Nodes that were lost for
/// good without a word of the operator are among those that left for ever, so there may be more than a pull may name.
fn sources(topology: &Topology, lacking: &HashSet<(BlobId, NodeId)>, row: &UnderReplicatedBlob) -> Vec<PeerAddress> {
    let Some(group) = topology.group(row.group) else { return Vec::new() };
    let mut others: Vec<&Arc<ClusterNode>> = group.holders().filter(|holder| holder.id() != row.node).collect();
    others.sort_by_key(|member| {
        let is_well = topology.standing(member.id()).is_some_and(Standing::is_reachable);
        (lacking.contains(&(row.blob, member.id())), !is_well)
    });
    others.into_iter().take(PULL_SOURCES_MAX).map(|member| member.peer_address()).collect()
}

/// A peer found the source's copy missing or wrong. Where it is wrong the source looks for itself.
fn doubt(
    cluster: &Cluster,
    source: Option<&Arc<ClusterNode>>,
    key: ChunkKey,
    row: &UnderReplicatedBlob,
    fault: CopyFault,
) {
    let root = row.roots.get(key.index as usize);
    if let (Some(source), Some(root)) = (source, root) {
        cluster.reads().bad_copies.report(source, key, *root, fault);
    }
}

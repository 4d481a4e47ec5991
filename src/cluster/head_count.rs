//! Whether nodes hold every chunk that they should, chunk by chunk: what the mere number of chunks can't say, because garbage
//! that waits to be cleared counts too, and hides a loss of as many.
//!
//! The blobs of the metadata are gone through once for all nodes that are counted, a page a step. Each node is asked for those
//! of its groups whether it holds their chunks; it answers from the index in its memory, made at its start from what lies on
//! its disk, and reads no record. What it lacks goes on the repair list: these copies alone are looked at.
//!
//! What happens meanwhile hides no loss, and accuses nobody for long:
//!
//! - A node is asked about a blob after the blob was read from the metadata. By the commit that named the blob the node held it,
//!   or was put on the repair list. What is written later is not asked about.
//! - The repair list is read after the answer: what stands there is not put there again. What was repaired in between is looked at
//!   once more, in vain.
//! - A blob that is deleted and cleared in between is lacking; the repair list takes no blob that is not named any more, and
//!   none of a group that the node has left.
//! - Compaction moves a chunk from place to place by one change of the index.
//!
//! It says that records are there, not that their bytes are right: reads, repair and scrub check these.

use super::{Cluster, error::ClusterError, incarnation::Incarnation, topology::Topology};
use crate::{
    metadata::{
        Command,
        command::{BlobCopy, MissingReason},
    },
    node::api::{ASKED_CHUNKS_MAX, ChunkRun},
    types::{BlobId, NodeId},
};
use std::{collections::VecDeque, mem};

/// Blobs of one step in the metadata: a few milliseconds of the database.
const BLOBS_PER_STEP: u32 = 1000;
/// Runs that wait until there are enough of them for one request, of all nodes: 3 MB.
const QUEUED_RUNS_MAX: usize = 100_000;

/// How much is done in one step.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    pub blobs: u32,
    /// Of one request to a node.
    pub chunks: u32,
}

impl Default for Pages {
    fn default() -> Self {
        Self { blobs: BLOBS_PER_STEP, chunks: ASKED_CHUNKS_MAX }
    }
}

/// The count of some nodes; kept in memory between steps.
#[derive(Debug)]
pub struct HeadCount {
    pages: Pages,
    nodes: Vec<CountedNode>,
    /// How far the metadata was read.
    after: Option<BlobId>,
    has_all: bool,
    /// Why nodes are not counted any more.
    failure: Option<ClusterError>,
}

/// A node that is counted.
#[derive(Debug)]
struct CountedNode {
    node: NodeId,
    /// As it was when its count began.
    incarnation: Incarnation,
    /// It was asked about all blobs up to this one.
    asked_to: Option<BlobId>,
    to_ask: VecDeque<ChunkRun>,
    missing_count: usize,
}

/// What a step has done.
#[derive(Debug)]
pub enum Progress {
    Busy,
    /// This node has answered.
    Asked(CountedTo),
    /// What is missing on these is on the repair list. The others could not be asked.
    Finished {
        counted: Vec<(NodeId, Incarnation)>,
        failure: Option<ClusterError>,
    },
}

/// How far the count of a node has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedTo {
    pub node: NodeId,
    pub incarnation: Incarnation,
    pub blob: Option<BlobId>,
}

impl CountedNode {
    fn begin(from: CountedTo) -> Self {
        let CountedTo { node, incarnation, blob } = from;
        Self { node, incarnation, asked_to: blob, to_ask: VecDeque::new(), missing_count: 0 }
    }

    fn counted_to(&self) -> CountedTo {
        CountedTo { node: self.node, incarnation: self.incarnation.clone(), blob: self.asked_to }
    }

    fn queued_chunks(&self) -> u64 {
        self.to_ask.iter().map(|run| u64::from(run.count)).sum()
    }

    /// The first runs, of at most `chunks_max` chunks; the last one may be cut.
    fn request(&self, chunks_max: u32) -> Vec<ChunkRun> {
        let (mut request, mut left) = (Vec::new(), chunks_max);
        for run in &self.to_ask {
            if left == 0 {
                break;
            }
            let count = run.count.min(left);
            request.push(ChunkRun { count, ..*run });
            left -= count;
        }
        request
    }

    /// The request was answered.
    fn note_asked(&mut self, request: &[ChunkRun]) {
        for asked in request {
            let Some(run) = self.to_ask.front_mut() else { return };
            if asked.count < run.count {
                run.first += asked.count;
                run.count -= asked.count;
            } else {
                self.asked_to = Some(asked.blob);
                self.to_ask.pop_front();
            }
        }
    }
}

impl HeadCount {
    /// Each node goes on from where it stands.
    pub fn of(nodes: Vec<CountedTo>, pages: Pages) -> Self {
        let after = nodes.iter().map(|node| node.blob).min().flatten();
        let nodes = nodes.into_iter().map(CountedNode::begin).collect();
        Self { pages, nodes, after, has_all: false, failure: None }
    }

    /// One page of the metadata, or one request to a node. Dropping the future loses nothing: the page is asked for again.
    pub async fn step(&mut self, cluster: &Cluster) -> Result<Progress, ClusterError> {
        if let Some(at) = self.next_to_ask() {
            return self.ask(cluster, at).await;
        }
        if self.has_all || self.nodes.is_empty() {
            self.report();
            let counted = mem::take(&mut self.nodes).into_iter().map(|node| (node.node, node.incarnation)).collect();
            return Ok(Progress::Finished { counted, failure: self.failure.take() });
        }
        self.gather(cluster).await?;
        Ok(Progress::Busy)
    }

    /// The node with the most chunks to ask about, when they are enough for a request or too many are queued.
    fn next_to_ask(&self) -> Option<usize> {
        let queued = |at: &usize| self.nodes[*at].queued_chunks();
        let fullest = (0..self.nodes.len()).max_by_key(queued).filter(|at| queued(at) > 0)?;
        let runs: usize = self.nodes.iter().map(|node| node.to_ask.len()).sum();
        let is_due = self.has_all || queued(&fullest) >= u64::from(self.pages.chunks) || runs >= QUEUED_RUNS_MAX;
        is_due.then_some(fullest)
    }

    /// Puts the next page of blobs on the queues of those that should hold them.
    async fn gather(&mut self, cluster: &Cluster) -> Result<(), ClusterError> {
        let page = cluster.metadata().counted_blobs(self.after, self.pages.blobs).await?;
        let topology = cluster.membership().topology().load();
        for node in &mut self.nodes {
            let groups = topology.groups_held_by(node.node);
            let wanted = page.iter().filter(|blob| groups.contains(&blob.group) && Some(blob.blob) > node.asked_to);
            let runs = wanted.map(|blob| ChunkRun {
                blob: blob.blob,
                first: 0,
                count: u32::try_from(blob.chunk_count).unwrap_or(u32::MAX),
            });
            node.to_ask.extend(runs.filter(|run| run.count > 0));
        }
        self.after = page.last().map(|blob| blob.blob).or(self.after);
        self.has_all = page.len() < self.pages.blobs as usize;
        Ok(())
    }

    async fn ask(&mut self, cluster: &Cluster, at: usize) -> Result<Progress, ClusterError> {
        let node = &mut self.nodes[at];
        let request = node.request(self.pages.chunks);
        let topology = cluster.membership().topology().load_full();
        let lacking = match lacking(cluster, &topology, node.node, &request).await {
            Ok(lacking) => lacking,
            Err(error) => {
                tracing::warn!(%error, "the node could not be counted");
                self.nodes.swap_remove(at);
                self.failure.get_or_insert(error);
                return Ok(Progress::Busy);
            }
        };
        node.missing_count += mark(cluster, node.node, lacking).await?;
        node.note_asked(&request);
        Ok(Progress::Asked(node.counted_to()))
    }

    fn report(&self) {
        for CountedNode { node, missing_count: blobs, .. } in self.nodes.iter().filter(|node| node.missing_count > 0) {
            tracing::error!(%node, blobs, "the node holds less than it should: these copies are looked at");
        }
    }
}

async fn lacking(
    cluster: &Cluster,
    topology: &Topology,
    node: NodeId,
    request: &[ChunkRun],
) -> Result<Vec<BlobId>, ClusterError> {
    let node = topology.node(node).ok_or(ClusterError::NoSuchNode)?;
    let asked = node.api.lacking(cluster.term(), request.to_vec()).await;
    asked.map_err(|error| ClusterError::Node(format!("{}: {error}", node.row.name)))
}

/// Puts those on the repair list that are not there; how many.
async fn mark(cluster: &Cluster, node: NodeId, mut lacking: Vec<BlobId>) -> Result<usize, ClusterError> {
    lacking.sort_unstable();
    lacking.dedup();
    let mut marked = 0;
    for blobs in lacking.chunks(BLOBS_PER_STEP as usize) {
        let wanted = cluster.metadata().wanted_copies(node, blobs).await?;
        let unlisted = wanted.iter().filter(|copy| !copy.is_missing);
        let copies: Vec<BlobCopy> = unlisted.map(|copy| BlobCopy { blob: copy.blob, node }).collect();
        if !copies.is_empty() {
            marked += copies.len();
            let command = Command::MarkMissing { copies, reason: MissingReason::InDoubt };
            cluster.metadata().propose(command).await?;
        }
    }
    Ok(marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(blob: u8, first: u32, count: u32) -> ChunkRun {
        ChunkRun { blob: BlobId::from_bytes([blob; 16]), first, count }
    }

    #[test]
    fn a_blob_of_many_chunks_is_asked_about_in_parts() {
        let from = CountedTo { node: NodeId::from_bytes([1; 16]), incarnation: Incarnation::default(), blob: None };
        let mut node = CountedNode::begin(from);
        node.to_ask.extend([run(1, 0, 1), run(2, 0, 7), run(3, 0, 2)]);
        let mut asked = Vec::new();
        while !node.to_ask.is_empty() {
            let request = node.request(4);
            assert!(request.iter().map(|run| run.count).sum::<u32>() <= 4);
            node.note_asked(&request);
            asked.push((request, node.asked_to.map(|blob| blob.as_bytes()[0])));
        }
        assert_eq!(
            asked,
            [(vec![run(1, 0, 1), run(2, 0, 3)], Some(1)), (vec![run(2, 3, 4)], Some(2)), (vec![run(3, 0, 2)], Some(3)),]
        );
    }
}

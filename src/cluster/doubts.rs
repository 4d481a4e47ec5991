//! Background step: nodes whose copies are in doubt.
//!
//! A node that starts may hold less than the metadata believes: its directory was emptied, cut, or restored from a copy, or
//! its disk lied about a sync. So does one of which a volume of several froze. Two things raise a doubt: a volume went back
//! in time (`rollback`), or the node counts fewer chunks than the metadata, after a start of the node or of this gateway or
//! after a volume froze. Then every blob that the node should hold goes on the repair list; repair looks at each chunk and
//! fetches what is not there.
//!
//! That number is a cheap first look: data that nobody names any more counts too. A node that passes it is looked at chunk by
//! chunk (`head_count`), and only what it lacks goes on the list. Until all that is done, the cluster does not call itself
//! redundant.

use super::{
    Cluster,
    error::ClusterError,
    head_count::{HeadCount, Progress},
    incarnation::Incarnation,
    topology::Topology,
};
use crate::{
    metadata::{
        Command,
        command::{BlobCopy, MissingReason},
        rows::CountedBlob,
    },
    node::api::NodeStatus,
    runtime::Step,
    types::{BlobId, GroupId, NodeId},
};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Blobs of one step: a few milliseconds of the database.
const BLOBS_PER_STEP: u32 = 1000;

/// Which nodes are in doubt. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Doubts {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The doubt's number: one that is raised again while it is worked off is worked off again.
    doubted: BTreeMap<NodeId, u64>,
    raised: u64,
    /// What each node was at its last count: another one may hold less.
    counted: HashMap<NodeId, Incarnation>,
    /// Volumes of a node that were found to have gone back in time, since this gateway's start.
    rolled_back: HashMap<NodeId, u64>,
}

impl Doubts {
    pub fn raise(&self, node: NodeId) {
        let mut state = self.lock();
        state.raised += 1;
        let number = state.raised;
        state.doubted.insert(node, number);
    }

    /// A volume of the node has gone back in time.
    pub fn raise_for_rollback(&self, node: NodeId) {
        *self.lock().rolled_back.entry(node).or_default() += 1;
        self.raise(node);
    }

    /// How often that was so.
    pub fn rolled_back(&self, node: NodeId) -> u64 {
        self.lock().rolled_back.get(&node).copied().unwrap_or(0)
    }

    /// Something is missing on the node, nobody knows what: it is looked at chunk by chunk once more.
    pub fn count_again(&self, node: NodeId) {
        self.lock().counted.remove(&node);
    }

    /// Whether the node is in doubt, or has started and was not counted since.
    pub fn concern(&self, status: &NodeStatus) -> bool {
        self.lock().doubted.contains_key(&status.node) || !self.is_counted(status)
    }

    fn is_counted(&self, status: &NodeStatus) -> bool {
        self.lock().counted.get(&status.node) == Some(&Incarnation::of(status))
    }

    fn note_counted(&self, status: &NodeStatus) {
        self.lock().counted.insert(status.node, Incarnation::of(status));
    }

    fn doubted(&self) -> BTreeMap<NodeId, u64> {
        self.lock().doubted.clone()
    }

    fn settle(&self, settled: &BTreeMap<NodeId, u64>) {
        self.lock().doubted.retain(|node, number| settled.get(node) != Some(number));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The step's memory.
#[derive(Debug)]
pub struct QuestionCopies {
    cluster: Cluster,
    walk: Option<Walk>,
    /// Nodes to be looked at chunk by chunk, one after the other.
    head_counts: VecDeque<HeadCount>,
}

/// A walk over all blobs, a page a step.
#[derive(Debug)]
struct Walk {
    after: Option<BlobId>,
    purpose: Purpose,
}

#[derive(Debug)]
enum Purpose {
    /// To count the chunks of each group.
    Count { chunks: HashMap<GroupId, u64> },
    /// To put what these nodes should hold on the repair list.
    Mark { nodes: BTreeMap<NodeId, u64> },
}

impl QuestionCopies {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, walk: None, head_counts: VecDeque::new() }
    }

    /// One page of a walk or of a head count. An error ends either, dropping the future a walk; what began it begins another.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let has_doubts = !self.cluster.doubts().doubted().is_empty();
        if self.walk.is_none() && !has_doubts && !self.head_counts.is_empty() {
            return self.head_count().await;
        }
        let Some(mut walk) = self.walk.take().or_else(|| self.begin()) else { return Ok(Step::Idle) };
        let page = self.cluster.metadata().counted_blobs(walk.after, BLOBS_PER_STEP).await?;
        let topology = self.cluster.membership().topology().load_full();
        match &mut walk.purpose {
            Purpose::Count { chunks } => {
                for blob in &page {
                    *chunks.entry(blob.group).or_default() += blob.chunk_count;
                }
            }
            Purpose::Mark { nodes } => self.mark(&topology, nodes, &page).await?,
        }
        if page.len() == BLOBS_PER_STEP as usize {
            walk.after = page.last().map(|blob| blob.blob);
            self.walk = Some(walk);
            return Ok(Step::Busy);
        }
        match walk.purpose {
            Purpose::Count { chunks } => {
                self.compare(&topology, &chunks).await?;
                // A node that could not be asked is asked in the next round, which is not begun at once.
                let has_doubts = !self.cluster.doubts().doubted().is_empty();
                let is_busy = has_doubts || !self.head_counts.is_empty();
                return Ok(if is_busy { Step::Busy } else { Step::Idle });
            }
            Purpose::Mark { nodes } => {
                self.cluster.doubts().settle(&nodes);
                tracing::warn!(nodes = nodes.len(), "every copy of the nodes in doubt is looked at");
            }
        }
        Ok(Step::Busy)
    }

    async fn head_count(&mut self) -> Result<Step, ClusterError> {
        let Some(count) = self.head_counts.front_mut() else { return Ok(Step::Idle) };
        match count.step(&self.cluster).await {
            Ok(Progress::Busy) => return Ok(Step::Busy),
            // A node that started since then is not counted by this.
            Ok(Progress::Finished) => self.cluster.doubts().note_counted(count.status()),
            Err(error) => {
                self.head_counts.pop_front();
                return Err(error);
            }
        }
        self.head_counts.pop_front();
        Ok(Step::Busy)
    }

    fn begin(&self) -> Option<Walk> {
        let nodes = self.cluster.doubts().doubted();
        if !nodes.is_empty() {
            return Some(Walk { after: None, purpose: Purpose::Mark { nodes } });
        }
        let topology = self.cluster.membership().topology().load();
        let is_uncounted = |status: Arc<NodeStatus>| !self.cluster.doubts().is_counted(&status);
        let has_uncounted = topology
            .nodes()
            .filter(|(_, standing)| standing.is_reachable())
            .any(|(node, _)| node.vitals.status().is_some_and(is_uncounted));
        has_uncounted.then(|| Walk { after: None, purpose: Purpose::Count { chunks: HashMap::new() } })
    }

    async fn mark(
        &self,
        topology: &Topology,
        nodes: &BTreeMap<NodeId, u64>,
        page: &[CountedBlob],
    ) -> Result<(), ClusterError> {
        for node in nodes.keys() {
            let groups = topology.groups_held_by(*node);
            let in_doubt = page.iter().filter(|blob| groups.contains(&blob.group));
            let copies: Vec<BlobCopy> = in_doubt.map(|blob| BlobCopy { blob: blob.blob, node: *node }).collect();
            if !copies.is_empty() {
                let command = Command::MarkMissing { copies, reason: MissingReason::InDoubt };
                self.cluster.metadata().propose(command).await?;
            }
        }
        Ok(())
    }

    /// Asks each node that was not counted since its start; the metadata was counted before, so what was written meanwhile
    /// is on the node's side alone. Whoever has enough chunks is looked at chunk by chunk next.
    async fn compare(&mut self, topology: &Topology, chunks: &HashMap<GroupId, u64>) -> Result<(), ClusterError> {
        for (node, standing) in topology.nodes() {
            let is_due = node.vitals.status().is_some_and(|status| !self.cluster.doubts().is_counted(&status));
            if !is_due || !standing.is_reachable() {
                continue;
            }
            let lacking = self.lacking_chunks(node.id()).await?;
            let expected: u64 = topology.groups_held_by(node.id()).iter().filter_map(|group| chunks.get(group)).sum();
            let status = match node.api.status(self.cluster.term(), None).await {
                Ok(status) => status,
                Err(error) => {
                    tracing::warn!(node = %node.row.name, %error, "the node could not be counted");
                    continue;
                }
            };
            let held: u64 =
                status.volumes.iter().filter(|volume| !volume.is_frozen()).map(|volume| volume.chunks).sum();
            if held.saturating_add(lacking) < expected {
                tracing::error!(node = %node.row.name, held, lacking, expected, "the node holds less than it should");
                self.cluster.doubts().raise(node.id());
                self.cluster.doubts().note_counted(&status);
            } else {
                self.head_counts.push_back(HeadCount::of(status));
            }
        }
        Ok(())
    }

    /// Chunks of the blobs that the node is known to lack, wholly or in part.
    async fn lacking_chunks(&self, node: NodeId) -> Result<u64, ClusterError> {
        let (mut after, mut chunks) = (None, 0);
        loop {
            let page = self.cluster.metadata().under_replicated(after, Some(node), BLOBS_PER_STEP).await?;
            chunks += page.iter().map(|row| row.roots.len() as u64).sum::<u64>();
            match page.last() {
                Some(last) if page.len() == BLOBS_PER_STEP as usize => after = Some(BlobCopy { blob: last.blob, node }),
                _ => return Ok(chunks),
            }
        }
    }
}

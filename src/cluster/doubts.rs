//! Background step: nodes whose copies are in doubt.
//!
//! A node that starts may hold less than the metadata believes: its directory was emptied, cut, or restored from a copy, or
//! its disk lied about a sync. So does one of which a volume of several froze. Each is counted (`head_count`), and what it lacks
//! goes on the repair list. What was found out holds as long as the node is the same (`incarnation`), over starts of the gateway
//! too (`kept_counts`).
//!
//! A volume that went back in time (`rollback`) is not believed at all: every blob that its node should hold goes on the repair
//! list; repair looks at each chunk and fetches what is not there. Until all that is done, the cluster does not call itself
//! redundant.

use super::{
    Cluster,
    error::ClusterError,
    head_count::{CountedTo, HeadCount, Pages, Progress},
    incarnation::Incarnation,
    kept_counts::KeptCounts,
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
    types::{BlobId, NodeId},
};
use std::{
    collections::{BTreeMap, HashMap},
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
    /// A volume of the node has gone back in time.
    pub fn raise_for_rollback(&self, node: NodeId) {
        let mut state = self.lock();
        *state.rolled_back.entry(node).or_default() += 1;
        state.raised += 1;
        let number = state.raised;
        state.doubted.insert(node, number);
    }

    /// How often that was so.
    pub fn rolled_back(&self, node: NodeId) -> u64 {
        self.lock().rolled_back.get(&node).copied().unwrap_or(0)
    }

    /// Whether the node is in doubt, or has started and was not counted since.
    pub fn concern(&self, status: &NodeStatus) -> bool {
        self.lock().doubted.contains_key(&status.node) || !self.is_counted(status)
    }

    fn is_counted(&self, status: &NodeStatus) -> bool {
        self.lock().counted.get(&status.node) == Some(&Incarnation::of(status))
    }

    fn note_counted(&self, node: NodeId, incarnation: Incarnation) {
        self.lock().counted.insert(node, incarnation);
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
    kept: KeptCounts,
    pages: Pages,
    mark: Option<Mark>,
    head_count: Option<HeadCount>,
}

/// A walk over all blobs, a page a step, that puts what these nodes should hold on the repair list.
#[derive(Debug)]
struct Mark {
    after: Option<BlobId>,
    nodes: BTreeMap<NodeId, u64>,
}

impl QuestionCopies {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, kept: KeptCounts::default(), pages: Pages::default(), mark: None, head_count: None }
    }

    /// In many small steps.
    #[cfg(test)]
    pub fn in_pages(cluster: Cluster, pages: Pages) -> Self {
        Self { pages, ..Self::new(cluster) }
    }

    /// One page of a walk or of a head count. An error ends a walk, dropping the future too; what began it begins another.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let (cluster, doubts) = (&self.cluster, self.cluster.doubts());
        self.kept.read(cluster, |node, incarnation| doubts.note_counted(node, incarnation)).await?;
        let doubted = doubts.doubted();
        if self.mark.is_some() || !doubted.is_empty() {
            let mark = self.mark.take().unwrap_or(Mark { after: None, nodes: doubted });
            return self.mark_page(mark).await;
        }
        self.count().await
    }

    async fn mark_page(&mut self, mut mark: Mark) -> Result<Step, ClusterError> {
        let page = self.cluster.metadata().counted_blobs(mark.after, BLOBS_PER_STEP).await?;
        let topology = self.cluster.membership().topology().load_full();
        self.mark(&topology, &mark.nodes, &page).await?;
        if page.len() == BLOBS_PER_STEP as usize {
            mark.after = page.last().map(|blob| blob.blob);
            self.mark = Some(mark);
        } else {
            self.cluster.doubts().settle(&mark.nodes);
            tracing::warn!(nodes = mark.nodes.len(), "every copy of the nodes in doubt is looked at");
        }
        Ok(Step::Busy)
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

    /// A step of the count under way, or the begin of one.
    async fn count(&mut self) -> Result<Step, ClusterError> {
        if self.head_count.is_none() {
            self.head_count = self.begin_count();
        }
        let Some(count) = &mut self.head_count else { return Ok(Step::Idle) };
        match count.step(&self.cluster).await? {
            Progress::Busy => {}
            Progress::Asked(counted_to) => self.kept.keep_some(&self.cluster, counted_to).await?,
            Progress::Finished { counted, failure } => {
                self.head_count = None;
                // A node that is another one by now is not counted by this.
                for (node, incarnation) in &counted {
                    self.cluster.doubts().note_counted(*node, incarnation.clone());
                }
                for (node, incarnation) in counted {
                    self.kept.keep_all(&self.cluster, node, incarnation).await?;
                }
                // Those that could not be asked are asked again, after a while.
                return failure.map_or(Ok(Step::Busy), Err);
            }
        }
        Ok(Step::Busy)
    }

    /// Of all nodes that can be asked and were not counted as they are now.
    fn begin_count(&mut self) -> Option<HeadCount> {
        let topology = self.cluster.membership().topology().load();
        let reachable = topology.nodes().filter(|(_, standing)| standing.is_reachable());
        let statuses = reachable.filter_map(|(node, _)| node.vitals.status());
        let uncounted = statuses.filter(|status| !self.cluster.doubts().is_counted(status));
        let from = |status: Arc<NodeStatus>| {
            let incarnation = Incarnation::of(&status);
            let blob = self.kept.counted_to(status.node, &incarnation);
            CountedTo { node: status.node, incarnation, blob }
        };
        let nodes: Vec<CountedTo> = uncounted.map(from).collect();
        (!nodes.is_empty()).then(|| HeadCount::of(nodes, self.pages))
    }
}

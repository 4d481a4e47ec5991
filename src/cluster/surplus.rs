//! Background step: clears what nodes hold twice (`doubles`), what they still hold of groups that they left, and what has come
//! back to them of groups that have forgotten them (`strays`). A copy goes only when every member of its group
//! has just shown, by reading it and comparing with the root, that it holds the blob whole; `reclaim` then looks at the
//! metadata once more. When nothing is left on the node, the group forgets it.

use super::{
    Cluster,
    cluster_node::ClusterNode,
    doubles::Doubles,
    error::ClusterError,
    node_life::Standing,
    pulls,
    reclaim::{Candidate, Cause, OfGroup},
    topology::{PlacedGroup, Topology},
};
use crate::{
    metadata::{
        Command,
        command::{BlobCopy, MissingReason, NodeDuty},
        rows::SurplusBlob,
    },
    node::api::{InventoryCursor, InventoryEntry, PULL_CHUNKS_MAX, PullBlob},
    runtime::{Progress, Step},
    types::{BlobId, GroupId, NodeId},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Chunks of one page of an inventory. Each is read on every member before it goes, so a page is a good deal of work.
const PAGE_CHUNKS: u32 = 200;
/// Blobs that are looked at on the members at once: a disk's worth, that leaves it to clients.
const CHECKS_AT_ONCE: usize = 2;
/// Rest of a node between two walks, of which the first left something there: twice as long after each that cleared nothing.
const REST: Duration = Duration::from_secs(10);
const REST_MAX: Duration = Duration::from_secs(300);

/// The step's memory; a restart begins anew.
#[derive(Debug)]
pub struct TrimSurplus {
    cluster: Cluster,
    walks: HashMap<NodeId, Walk>,
    rests: HashMap<NodeId, Rest>,
    doubles: Doubles,
    progress: Progress,
}

/// A walk through what a node holds.
#[derive(Debug)]
struct Walk {
    next: Option<InventoryCursor>,
    /// Groups that it had left when the walk began, and of which no write from before was under way.
    groups: HashSet<GroupId>,
    /// Of these, the ones of which something stays there for now.
    kept: HashSet<GroupId>,
    has_cleared: bool,
}

/// From the end of a walk on.
#[derive(Debug)]
struct Rest {
    from: Duration,
    time: Duration,
    /// Of which it left something there: others are not waited with.
    kept: HashSet<GroupId>,
}

impl Rest {
    /// Somebody waits for a drain, and what is in its way goes at any moment: when its grace period is over, say.
    fn time(&self, node: &ClusterNode, groups: &HashSet<GroupId>) -> Duration {
        let is_waited_for = node.row.duty == NodeDuty::Draining;
        if self.kept == *groups && !is_waited_for { self.time } else { REST }
    }
}

impl TrimSurplus {
    pub fn new(cluster: Cluster) -> Self {
        let progress = Progress::default();
        let doubles = Doubles::new(cluster.clone(), progress.clone());
        Self { cluster, walks: HashMap::new(), rests: HashMap::new(), doubles, progress }
    }

    /// Blobs that were cleared, counted once a node, and their bytes there.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// One page of each walk that is due.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let topology = self.cluster.membership().topology().load_full();
        let mut is_busy = self.doubles.step(&topology).await == Step::Busy;
        let nodes: Vec<(Arc<ClusterNode>, Standing)> =
            topology.nodes().map(|(node, standing)| (node.clone(), standing)).collect();
        for (node, standing) in &nodes {
            if !standing.is_reachable() {
                self.walks.remove(&node.id());
                continue;
            }
            let Some(walk) = self.walks.remove(&node.id()).or_else(|| self.begin(node, &topology)) else { continue };
            match self.page(node, walk, &topology).await {
                Ok(walk) if walk.next.is_some() => _ = self.walks.insert(node.id(), walk),
                Ok(walk) => self.rest(node.id(), walk),
                Err(error) => tracing::warn!(node = %node.row.name, %error, "surplus copies could not be looked at"),
            }
            is_busy = true;
        }
        Ok(if is_busy { Step::Busy } else { Step::Idle })
    }

    fn begin(&self, node: &ClusterNode, topology: &Topology) -> Option<Walk> {
        let now = self.cluster.clock().monotonic();
        if self.cluster.metadata().needs_confirmation() {
            return None;
        }
        let strays = self.cluster.strays().of(node.id(), topology);
        let left = topology.groups().filter(|group| {
            group.arriving.is_none()
                && (is_former(group, node) || strays.contains(&group.group))
                && !self.cluster.in_flight().has_older(group.group, group.epoch)
        });
        let groups: HashSet<GroupId> = left.map(|group| group.group).collect();
        let has_rested =
            self.rests.get(&node.id()).is_none_or(|rest| now.saturating_sub(rest.from) >= rest.time(node, &groups));
        (has_rested && !groups.is_empty()).then(|| Walk {
            next: None,
            groups,
            kept: HashSet::new(),
            has_cleared: false,
        })
    }

    fn rest(&mut self, node: NodeId, walk: Walk) {
        let in_vain = |before: &&Rest| !walk.has_cleared && before.kept == walk.kept;
        let time = self.rests.get(&node).filter(in_vain).map_or(REST, |before| (before.time * 2).min(REST_MAX));
        self.rests.insert(node, Rest { from: self.cluster.clock().monotonic(), time, kept: walk.kept });
    }

    /// The walk as it goes on, without a next page at its end.
    async fn page(&self, node: &ClusterNode, mut walk: Walk, topology: &Topology) -> Result<Walk, ClusterError> {
        let asked = node.api.inventory(self.cluster.term(), walk.next, PAGE_CHUNKS).await;
        let page = asked.map_err(|error| ClusterError::Node(error.to_string()))?;
        let mut by_group: BTreeMap<GroupId, Vec<InventoryEntry>> = BTreeMap::new();
        for entry in page.blobs.into_iter().filter(|entry| walk.groups.contains(&entry.group)) {
            by_group.entry(entry.group).or_default().push(entry);
        }
        for (group, entries) in by_group {
            let Some(placed) = topology.group(group) else { continue };
            let dropped = self.trim(node, placed, &entries).await?;
            walk.has_cleared |= dropped > 0;
            if dropped < entries.len() {
                walk.kept.insert(group);
            }
        }
        walk.next = page.next;
        if walk.next.is_some() {
            return Ok(walk);
        }
        self.cluster.strays().forget(node.id(), walk.groups.difference(&walk.kept));
        let empty = walk.groups.difference(&walk.kept).filter_map(|group| topology.group(*group));
        let empty = empty.filter(|group| is_former(group, node));
        let forget = |group: &Arc<PlacedGroup>| Command::ForgetFormerMember {
            group: group.group,
            epoch: group.epoch,
            node: node.id(),
        };
        let changes: Vec<Command> = empty.map(forget).collect();
        if !changes.is_empty() {
            tracing::info!(node = %node.row.name, groups = changes.len(), "nothing of groups that it left is on the node");
            self.cluster.membership().change_groups(changes).await?;
            walk.has_cleared = true;
        }
        Ok(walk)
    }

    /// Drops those of the entries that are whole on every member; how many. What nothing names is not our business.
    async fn trim(
        &self,
        node: &ClusterNode,
        group: &Arc<PlacedGroup>,
        entries: &[InventoryEntry],
    ) -> Result<usize, ClusterError> {
        let blobs: Vec<BlobId> = entries.iter().map(|entry| entry.blob).collect();
        let surplus = self.cluster.metadata().surplus_blobs(node.id(), group.group, &blobs).await?;
        let checks: Vec<BoxFuture<'_, Option<BlobId>>> =
            surplus.iter().map(|blob| self.whole(group, blob).boxed()).collect();
        let whole: HashSet<BlobId> =
            stream::iter(checks).buffer_unordered(CHECKS_AT_ONCE).filter_map(std::future::ready).collect().await;
        let candidates: Vec<Candidate> = entries
            .iter()
            .filter(|entry| whole.contains(&entry.blob))
            .map(|entry| Candidate {
                blob: entry.blob,
                chunk_limit: entry.chunk_limit,
                cause: Cause::Surplus,
                first_seen: self.cluster.clock().monotonic(),
            })
            .collect();
        if candidates.is_empty() {
            return Ok(0);
        }
        let of_group = OfGroup { group: group.group, epoch: group.epoch };
        let reclaimed = self.cluster.reclaimer().reclaim(node, of_group, &candidates).await?;
        let dropped: HashSet<BlobId> = reclaimed.dropped.into_iter().collect();
        let bytes = entries.iter().filter(|entry| dropped.contains(&entry.blob)).map(|entry| entry.bytes).sum();
        self.progress.add(dropped.len(), bytes);
        Ok(dropped.len())
    }

    /// The blob, when every member holds every chunk of it: each reads its own and compares with the roots. A pull without
    /// sources does that and nothing else.
    async fn whole(&self, group: &PlacedGroup, blob: &SurplusBlob) -> Option<BlobId> {
        for member in &group.members {
            let mut first_chunk = 0;
            for roots in blob.roots.chunks(PULL_CHUNKS_MAX) {
                let count = u32::try_from(roots.len()).unwrap_or(u32::MAX);
                let request = PullBlob {
                    rest_percent: self.cluster.rest_percent(),
                    term: self.cluster.term(),
                    group: group.group,
                    blob: blob.blob,
                    first_chunk,
                    roots: roots.to_vec(),
                    sources: Vec::new(),
                };
                match pulls::check(self.cluster.membership().topology(), member, request).await {
                    Ok(report) if report.held == count => first_chunk += count,
                    Ok(_) => {
                        self.note_lacking(member, blob).await;
                        return None;
                    }
                    Err(_) => return None,
                }
            }
        }
        Some(blob.blob)
    }

    /// The member was believed to hold it: now it is on the repair list, and the surplus copy stays until it is repaired.
    async fn note_lacking(&self, member: &ClusterNode, blob: &SurplusBlob) {
        let copies = vec![BlobCopy { blob: blob.blob, node: member.id() }];
        tracing::warn!(node = %member.row.name, blob = %blob.blob, "a member lacks a blob that a node outside of its group holds");
        let command = Command::MarkMissing { copies, reason: MissingReason::Absent };
        if let Err(error) = self.cluster.metadata().propose(command).await {
            tracing::warn!(%error, blob = %blob.blob, "a missing copy could not be put on the repair list");
        }
    }
}

fn is_former(group: &PlacedGroup, node: &ClusterNode) -> bool {
    group.former.iter().any(|former| former.id() == node.id())
}

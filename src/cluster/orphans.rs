//! Background step: clears the data of dead uploads. Two sources tell of it: this gateway's own writers, when they end without
//! a commit; and the inventory of each node, which finds what earlier gateways left, and what came late. Both only raise a
//! suspicion; `reclaim` decides, after a walk over all extents (`extent_walk`) for all suspects together. One takes in those
//! too that have not waited yet, so there is at most one in a grace period, and none while nothing is suspected. How
//! much of an inventory is gone through is said in `inventory_walks`, what of that outlives the gateway in `kept_walks`.

use super::{
    Cluster,
    cluster_node::ClusterNode,
    command_log::Superseded,
    error::ClusterError,
    extent_walk::{ExtentWalk, Finding},
    incarnation::Incarnation,
    inventory_walks::{InventoryWalks, NodeNow},
    kept_walks::KeptWalks,
    reclaim::{Candidate, Cause, OfGroup},
    topology::{PlacedGroup, Topology},
};
use crate::{
    node::api::{DROP_BLOBS_MAX, InventoryEntry, NodeStatus, VolumeMark},
    runtime::{Progress, Step},
    types::{BlobId, GroupId, NodeId, Term},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Chunks of one page of an inventory: the node reads their headers, some milliseconds.
const INVENTORY_PAGE_CHUNKS: u32 = 1000;
/// Suspicions that are remembered while they wait out the grace period. Beyond it the next inventory raises them again.
const SUSPECTS_MAX: usize = 100_000;
/// Abandoned blobs taken over in one step.
const ABANDONED_PER_STEP: usize = 1000;

/// The step's memory; a restart begins anew, and the grace period with it.
#[derive(Debug)]
pub struct ClearOrphans {
    cluster: Cluster,
    suspects: BTreeMap<NodeId, HashMap<BlobId, Suspect>>,
    extent_walk: Option<ExtentWalk>,
    /// Named by extents, without rows of their own: told once.
    spared: HashSet<BlobId>,
    walks: InventoryWalks,
    kept: KeptWalks,
    progress: Progress,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    group: GroupId,
    term: Term,
    chunk_limit: u32,
    first_seen: Duration,
    /// As a walk over them has found.
    no_extent_since: Option<Duration>,
}

impl Suspect {
    fn has_waited(&self, now: Duration, grace: Duration) -> bool {
        now.saturating_sub(self.first_seen) >= grace
    }
}

impl ClearOrphans {
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            suspects: BTreeMap::new(),
            extent_walk: None,
            spared: HashSet::new(),
            walks: InventoryWalks::default(),
            kept: KeptWalks::default(),
            progress: Progress::default(),
        }
    }

    /// Blobs that were dropped, counted once a node.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Takes over what writers abandoned, goes on with one page of the extents, if something is to be cleared, and one of each
    /// inventory that is due, and reclaims what has waited.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let topology = self.cluster.membership().topology().load_full();
        self.kept.read(&self.cluster, &mut self.walks).await?;
        let landed = self.kept.landed(self.cluster.in_flight());
        let took = self.take_abandoned(&topology);
        let (mut has_more, mut gone) = (took == ABANDONED_PER_STEP, Vec::new());
        has_more |= self.walk_extents().await?;
        for (node, standing) in topology.nodes() {
            if standing.is_reachable() {
                has_more |= self.inventory_page(node, &topology).await;
                has_more |= self.reclaim_on(node, &topology).await?;
            } else {
                // What it misses while it is away is found by an inventory when it is back.
                self.walks.forget(node.id());
                gone.push(node.id());
            }
        }
        self.kept.forget(&self.cluster, gone).await?;
        if took < ABANDONED_PER_STEP {
            let suspects = &self.suspects;
            self.kept.settle(&landed, |node, blob| suspects.get(&node).is_some_and(|of| of.contains_key(&blob)));
            self.kept.keep(&self.cluster).await?;
        }
        self.progress.set_left(Some(self.suspects.values().map(|of_node| of_node.len() as u64).sum()));
        Ok(if has_more { Step::Busy } else { Step::Idle })
    }

    fn take_abandoned(&mut self, topology: &Topology) -> usize {
        if self.cluster.in_flight().take_has_forgotten() {
            self.walks.forget_all();
            self.kept.all_need_whole();
        }
        let abandoned = self.cluster.in_flight().take_abandoned(ABANDONED_PER_STEP);
        let (first_seen, term) = (self.cluster.clock().monotonic(), self.cluster.term());
        for blob in &abandoned {
            let Some(group) = topology.group(blob.group) else { continue };
            for member in &group.members {
                let (group, chunk_limit) = (blob.group, blob.chunk_limit);
                let suspect = Suspect { group, term, chunk_limit, first_seen, no_extent_since: None };
                self.suspect(member.id(), blob.blob, suspect);
            }
        }
        abandoned.len()
    }

    fn suspect(&mut self, node: NodeId, blob: BlobId, suspect: Suspect) {
        let count: usize = self.suspects.values().map(HashMap::len).sum();
        let of_node = self.suspects.entry(node).or_default();
        match of_node.get_mut(&blob) {
            Some(known) => {
                known.chunk_limit = known.chunk_limit.max(suspect.chunk_limit);
                known.term = known.term.max(suspect.term);
            }
            None if count < SUSPECTS_MAX => {
                of_node.insert(blob, suspect);
            }
            None => self.needs_whole(node),
        }
    }

    /// Looks at one page of the extents, if something that has waited was not asked for in a walk; whether there are more pages.
    async fn walk_extents(&mut self) -> Result<bool, ClusterError> {
        let walk = match self.extent_walk.take() {
            Some(walk) => walk,
            None => match self.next_walk() {
                Some(walk) => walk,
                None => return Ok(false),
            },
        };
        let walk = self.extent_walk.insert(walk);
        if !walk.page(self.cluster.metadata()).await? {
            return Ok(true);
        }
        if let Some(walk) = self.extent_walk.take() {
            self.note_walk(&walk);
        }
        Ok(false)
    }

    /// The walk for all that no walk has asked for, once something of it has waited.
    fn next_walk(&self) -> Option<ExtentWalk> {
        let (now, grace) = (self.cluster.clock().monotonic(), self.cluster.settings().grace_period.0);
        let is_open = |(_, suspect): &(&BlobId, &Suspect)| suspect.no_extent_since.is_none();
        let open = || self.suspects.values().flatten().filter(is_open);
        open().find(|(_, suspect)| suspect.has_waited(now, grace))?;
        ExtentWalk::begin(now, open().map(|(blob, _)| *blob).collect())
    }

    /// What extents name is no garbage; it is looked at again, in case that this changes.
    fn note_walk(&mut self, walk: &ExtentWalk) {
        let mut holders = Vec::new();
        for (node, suspects) in &mut self.suspects {
            let before = suspects.len();
            suspects.retain(|blob, suspect| match walk.finding(*blob) {
                Some(Finding::Named) => false,
                Some(Finding::UnnamedSince(began)) => {
                    suspect.no_extent_since = (began >= suspect.first_seen).then_some(began);
                    true
                }
                None => true,
            });
            holders.extend((suspects.len() < before).then_some(*node));
        }
        holders.into_iter().for_each(|node| self.needs_whole(node));
        let known = self.spared.len();
        let room = SUSPECTS_MAX.saturating_sub(known);
        self.spared.extend(walk.named().take(room));
        let blobs = self.spared.len() - known;
        if blobs > 0 {
            tracing::warn!(
                blobs,
                "extents name blobs whose rows are lost: their data is spared; `larder admin doctor` names the objects"
            );
        }
    }

    /// Looks at one page of the node's inventory, if one is due; whether there are more pages.
    async fn inventory_page(&mut self, node: &Arc<ClusterNode>, topology: &Topology) -> bool {
        let (id, at) = (node.id(), self.cluster.clock().monotonic());
        let Some(status) = node.vitals.status() else { return false };
        let now = self.node_now(&status, topology, at);
        if !self.walks.is_due(id, &now, self.cluster.settings().inventory_interval.0) {
            return false;
        }
        let next = self.walks.next_page(id, &now);
        self.kept.note_asked(id, &next);
        let term = self.cluster.term();
        let asked = node.api.inventory_after(term, next.after, next.from, INVENTORY_PAGE_CHUNKS).await;
        let page = match asked {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(node = %node.row.name, %error, "the node's inventory could not be read");
                return false;
            }
        };
        let unnamed = match self.look_at(id, &page.blobs, topology).await {
            Ok(unnamed) => unnamed,
            Err(error) => {
                tracing::warn!(node = %node.row.name, %error, "the node's inventory could not be compared");
                return false;
            }
        };
        self.kept.note_pending(id, unnamed);
        self.walks.note_page(id, &now, &page);
        if page.next.is_none() {
            self.kept.note_end(id, self.walks.base(id));
        }
        page.next.is_some()
    }

    fn node_now(&self, status: &NodeStatus, topology: &Topology, at: Duration) -> NodeNow {
        let volumes = || status.volumes.iter();
        let is_former = |group: &Arc<PlacedGroup>| group.former.iter().any(|former| former.id() == status.node);
        let durable = volumes().map(|of| VolumeMark { volume: of.volume, sequence: of.durable_sequence });
        NodeNow {
            at,
            incarnation: Incarnation::of(status),
            durable: durable.collect(),
            has_frozen: volumes().any(|volume| volume.is_frozen()),
            rolled_back: self.cluster.doubts().rolled_back(status.node),
            has_left_groups: topology.groups().any(is_former),
        }
    }

    /// What was shown has to be shown again.
    fn needs_whole(&mut self, node: NodeId) {
        self.walks.needs_whole(node);
        self.kept.needs_whole(node);
    }

    /// Suspects what the table of blobs in flight denies first and the metadata second; returns what is in flight, or suspected.
    async fn look_at(
        &mut self,
        node: NodeId,
        entries: &[InventoryEntry],
        topology: &Topology,
    ) -> Result<Vec<BlobId>, ClusterError> {
        let in_flight = self.cluster.in_flight();
        let (of_log, entries): (Vec<&InventoryEntry>, Vec<&InventoryEntry>) =
            entries.iter().partition(|entry| entry.group == GroupId::COMMAND_LOG);
        for entry in of_log.into_iter().filter(|entry| entry.term <= self.cluster.term()) {
            let InventoryEntry { blob, chunk_limit, .. } = *entry;
            self.cluster.command_log().note_seen(Superseded { node, blob, chunk_limit });
        }
        let (flying, settled): (Vec<&InventoryEntry>, Vec<&InventoryEntry>) =
            entries.into_iter().partition(|entry| in_flight.contains(entry.blob));
        let mut unnamed: Vec<BlobId> = flying.iter().map(|entry| entry.blob).collect();
        let blobs: Vec<BlobId> = settled.iter().map(|entry| entry.blob).collect();
        let known: HashSet<BlobId> = self.cluster.metadata().known_blobs(&blobs).await?.into_iter().collect();
        let first_seen = self.cluster.clock().monotonic();
        for entry in settled {
            if known.contains(&entry.blob) {
                self.cluster.strays().note(node, entry.group, topology);
            } else {
                let InventoryEntry { group, term, chunk_limit, .. } = *entry;
                let suspect = Suspect { group, term, chunk_limit, first_seen, no_extent_since: None };
                self.suspect(node, entry.blob, suspect);
                unnamed.push(entry.blob);
            }
        }
        Ok(unnamed)
    }

    /// Hands one request's worth of suspects that have waited to `reclaim`; whether there were more.
    async fn reclaim_on(&mut self, node: &Arc<ClusterNode>, topology: &Topology) -> Result<bool, ClusterError> {
        let (now, grace) = (self.cluster.clock().monotonic(), self.cluster.settings().grace_period.0);
        let Some(suspects) = self.suspects.get_mut(&node.id()) else { return Ok(false) };
        let has_waited = |suspect: &&Suspect| suspect.has_waited(now, grace) && suspect.no_extent_since.is_some();
        let Some(group) = suspects.values().find(has_waited).map(|suspect| suspect.group) else { return Ok(false) };
        let Some(placed) = topology.group(group) else {
            // A group that we don't know may be another's: reported, not deleted.
            tracing::warn!(node = %node.row.name, %group, "the node holds data of an unknown group");
            suspects.retain(|_, suspect| suspect.group != group);
            self.needs_whole(node.id());
            return Ok(true);
        };
        let is_due = |(_, suspect): &(&BlobId, &Suspect)| suspect.group == group && has_waited(suspect);
        let candidate = |(blob, suspect): (&BlobId, &Suspect)| Candidate {
            blob: *blob,
            chunk_limit: suspect.chunk_limit,
            cause: Cause::Unnamed { term: suspect.term, no_extent_since: suspect.no_extent_since },
            first_seen: suspect.first_seen,
        };
        let candidates: Vec<Candidate> = suspects.iter().filter(is_due).take(DROP_BLOBS_MAX).map(candidate).collect();
        let of_group = OfGroup { group, epoch: placed.epoch };
        let reclaimed = match self.cluster.reclaimer().reclaim(node, of_group, &candidates).await {
            Ok(reclaimed) => reclaimed,
            Err(ClusterError::Node(error)) => {
                tracing::warn!(%error, "orphans were not cleared");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if !reclaimed.dropped.is_empty() {
            self.progress.add(reclaimed.dropped.len(), 0);
            tracing::info!(node = %node.row.name, blobs = reclaimed.dropped.len(), "cleared data that nothing names");
        }
        for blob in reclaimed.dropped.iter().chain(&reclaimed.named) {
            suspects.remove(blob);
        }
        Ok(!reclaimed.dropped.is_empty())
    }
}

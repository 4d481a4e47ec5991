//! Background step: carries out committed deletions. Blobs that lost their last extent (`release_contents`) are dropped on
//! every member of their group, and on those that have left it and are there, through `reclaim`; then they are forgotten. (What
//! one that is away still holds is found by its inventory.) Nodes are asked side by side, and one that does not answer holds
//! up the others for some seconds, once a round.

use super::{
    Cluster,
    cluster_node::ClusterNode,
    error::ClusterError,
    first_seen::FirstSeen,
    reclaim::{Candidate, Cause, OfGroup, Reclaimer},
    topology::{PlacedGroup, Topology},
};
use crate::{
    metadata::{Command, rows::DeletedBlob},
    runtime::{Progress, Step},
    types::{BlobId, GroupId, NodeId},
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::timeout;

/// Rows of a page: a few milliseconds of the database.
const ROWS_PER_STEP: u32 = 1000;
/// Deletions that some members have carried out while others are away. Beyond it, members are asked again, which is harmless.
const PARTLY_DONE_MAX: usize = 200_000;
/// Chunks behind the end of a blob that its group may hold: those on their way when the group failed under the writer.
const CHUNKS_BEYOND_END_MAX: u32 = 3;
/// How long the others wait for a member that does not answer, in `straggler_wait`s: a thousand blobs are more work than a
/// write. What it does nevertheless is harmless, and it is asked again.
const STRAGGLER_WAITS: u32 = 4;

/// Rest after a round, for each page that it looked at in vain.
const REST: Duration = Duration::from_secs(1);
/// A deletion that could be carried out again waits at most a minute longer.
const PAGES_RESTED_FOR_MAX: u32 = 60;

/// The step's memory; a restart begins anew, and the grace period with it.
#[derive(Debug)]
pub struct CarryOutDeletions {
    cluster: Cluster,
    first_seen: FirstSeen,
    /// Where the round goes on; `None` between rounds.
    cursor: Option<DeletedBlob>,
    /// Pages that were looked at since something was done.
    pages_in_vain: u32,
    /// Which nodes have dropped a blob, while not all have.
    dropped_on: HashMap<BlobId, Vec<NodeId>>,
    /// Nodes that failed in this round: the next one asks them again.
    passed_over: HashSet<NodeId>,
    rest: Duration,
    progress: Progress,
}

/// What a node is to drop of a page, group by group.
struct Share {
    node: Arc<ClusterNode>,
    groups: Vec<(OfGroup, Vec<Candidate>)>,
}

/// What came of it.
struct Outcome {
    node: NodeId,
    dropped: Vec<BlobId>,
    is_whole: bool,
}

impl CarryOutDeletions {
    pub fn new(cluster: Cluster) -> Self {
        let first_seen = FirstSeen::new(cluster.settings().grace_period.0);
        Self {
            cluster,
            first_seen,
            cursor: None,
            pages_in_vain: 0,
            dropped_on: HashMap::new(),
            passed_over: HashSet::new(),
            rest: REST,
            progress: Progress::default(),
        }
    }

    /// Blobs that are gone from every member, and their bytes.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// One page of deletions.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        if self.cluster.metadata().needs_confirmation() {
            return Ok(Step::Idle);
        }
        self.first_seen.note(self.cluster.clock().monotonic(), self.cluster.metadata().committed());
        if self.cursor.is_none() {
            self.passed_over.clear();
        }
        let topology = self.cluster.membership().topology().load_full();
        let mut page = self.cluster.metadata().deletions(self.cursor.as_ref(), ROWS_PER_STEP).await?;
        let mut has_more = page.len() == ROWS_PER_STEP as usize;
        let hurries = is_short_of_room(&topology);
        if !hurries && let Some(first_young) = self.first_young(&page) {
            page.truncate(first_young);
            has_more = false;
        }
        self.cursor = page.last().filter(|_| has_more).cloned();
        let finished = self.drop_page(&topology, &page).await?;
        self.pages_in_vain = if finished > 0 || page.is_empty() { 0 } else { self.pages_in_vain.saturating_add(1) };
        if has_more || finished > 0 {
            return Ok(Step::Busy);
        }
        let pages = std::mem::take(&mut self.pages_in_vain).clamp(1, PAGES_RESTED_FOR_MAX);
        self.rest = if hurries { REST } else { REST * pages };
        Ok(Step::Idle)
    }

    /// How long to rest after a round: freed space should be seen soon, but a long list of deletions that wait for nodes
    /// which are away is not read through all the time.
    pub fn rest(&self) -> Duration {
        self.rest
    }

    /// Whether the list is longer than a page: clients delete and overwrite faster than it is worked off.
    pub fn is_behind(&self) -> bool {
        self.cursor.is_some()
    }

    /// The first row that has to wait; all behind it are younger.
    fn first_young(&self, page: &[DeletedBlob]) -> Option<usize> {
        let reclaimer = self.cluster.reclaimer();
        let is_old =
            |row: &DeletedBlob| self.first_seen.of(row.deleted_at).is_some_and(|at| reclaimer.is_old_enough(at));
        page.iter().position(|row| !is_old(row))
    }

    /// Drops what may be dropped of the page on every holder that is there; returns how many blobs are done with.
    async fn drop_page(&mut self, topology: &Topology, page: &[DeletedBlob]) -> Result<usize, ClusterError> {
        let mut by_group: BTreeMap<GroupId, Vec<&DeletedBlob>> = BTreeMap::new();
        for row in page {
            by_group.entry(row.group).or_default().push(row);
        }
        let shares = self.shares(topology, &by_group);
        let reclaimer = self.cluster.reclaimer();
        let patience = self.cluster.settings().straggler_wait.0 * STRAGGLER_WAITS;
        let outcomes = join_all(shares.iter().map(|share| carry_out(reclaimer, share, patience))).await;
        for outcome in outcomes {
            self.note(outcome);
        }
        let (mut finished, mut bytes) = (Vec::new(), 0);
        for (group, rows) in &by_group {
            let Some(group) = topology.group(*group) else { continue };
            for row in rows.iter().filter(|row| self.is_done(topology, group, row)) {
                finished.push(row.blob);
                bytes += row.size;
            }
        }
        if finished.is_empty() {
            return Ok(0);
        }
        self.cluster.metadata().propose(Command::FinishDeletions { blobs: finished.clone() }).await?;
        for blob in &finished {
            self.dropped_on.remove(blob);
        }
        self.progress.add(finished.len(), bytes);
        Ok(finished.len())
    }

    /// Each of those that are members now has dropped it, and those that have left the group, as far as they can: some that did
    /// as members may have left it since.
    fn is_done(&self, topology: &Topology, group: &PlacedGroup, row: &DeletedBlob) -> bool {
        let Some(dropped_on) = self.dropped_on.get(&row.blob) else { return false };
        let is_asked = |node: &Arc<ClusterNode>| {
            group.has_member(node.id()) || (self.can_be_asked(topology, node) && !node.vitals.has_frozen_volume())
        };
        group.holders().filter(|node| is_asked(node)).all(|node| dropped_on.contains(&node.id()))
    }

    fn can_be_asked(&self, topology: &Topology, node: &ClusterNode) -> bool {
        let is_there = topology.standing(node.id()).is_some_and(|standing| standing.is_reachable());
        is_there && !self.passed_over.contains(&node.id())
    }

    /// What each member that is there has left to drop, and each that was one.
    fn shares(&self, topology: &Topology, by_group: &BTreeMap<GroupId, Vec<&DeletedBlob>>) -> Vec<Share> {
        let mut shares: BTreeMap<NodeId, Share> = BTreeMap::new();
        for (group, rows) in by_group {
            let Some(group) = topology.group(*group) else { continue };
            for node in group.holders() {
                let candidates = self.candidates(node.id(), rows);
                if candidates.is_empty() || !self.can_be_asked(topology, node) {
                    continue;
                }
                let share = Share { node: node.clone(), groups: Vec::new() };
                let share = shares.entry(node.id()).or_insert(share);
                share.groups.push((OfGroup { group: group.group, epoch: group.epoch }, candidates));
            }
        }
        shares.into_values().collect()
    }

    fn candidates(&self, node: NodeId, rows: &[&DeletedBlob]) -> Vec<Candidate> {
        let is_left = |row: &&&DeletedBlob| !self.dropped_on.get(&row.blob).is_some_and(|on| on.contains(&node));
        let candidate = |row: &&DeletedBlob| {
            Some(Candidate {
                blob: row.blob,
                chunk_limit: row.chunk_count.saturating_add(CHUNKS_BEYOND_END_MAX),
                cause: Cause::Deleted { at: row.deleted_at },
                first_seen: self.first_seen.of(row.deleted_at)?,
            })
        };
        rows.iter().filter(is_left).filter_map(candidate).collect()
    }

    fn note(&mut self, outcome: Outcome) {
        if !outcome.is_whole {
            self.passed_over.insert(outcome.node);
        }
        if self.dropped_on.len() + outcome.dropped.len() > PARTLY_DONE_MAX {
            self.dropped_on.clear();
        }
        for blob in outcome.dropped {
            self.dropped_on.entry(blob).or_default().push(outcome.node);
        }
    }
}

/// Where room is short, no deletion waits.
fn is_short_of_room(topology: &Topology) -> bool {
    topology.nodes().any(|(node, _)| node.vitals.is_short_of_room())
}

/// Group by group, until the node fails or does not answer.
async fn carry_out(reclaimer: &Reclaimer, share: &Share, patience: Duration) -> Outcome {
    let node = &share.node;
    let mut outcome = Outcome { node: node.id(), dropped: Vec::new(), is_whole: false };
    for (of_group, candidates) in &share.groups {
        match timeout(patience, reclaimer.reclaim(node, *of_group, candidates)).await {
            Ok(Ok(reclaimed)) => outcome.dropped.extend(reclaimed.dropped),
            Ok(Err(error)) => {
                tracing::warn!(node = %node.row.name, %error, "deletions were not carried out");
                return outcome;
            }
            Err(_) => {
                tracing::warn!(node = %node.row.name, "no answer whether deletions were carried out");
                return outcome;
            }
        }
    }
    outcome.is_whole = true;
    outcome
}

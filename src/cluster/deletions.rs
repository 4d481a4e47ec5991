//! Background step: carries out committed deletions. Contents that nothing names are unrolled in bounded commands; the blobs
//! that lost their last extent are dropped on every member of their group, through `reclaim`; then they are forgotten.

use super::{
    Cluster,
    error::ClusterError,
    first_seen::FirstSeen,
    reclaim::{Candidate, Cause, OfGroup},
    topology::PlacedGroup,
};
use crate::{
    metadata::{Command, Outcome, rows::DeletedBlob},
    runtime::{Progress, Step},
    types::{BlobId, CommitSequence, GroupId, NodeId},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// Rows of one step, in a command and in a page: a few milliseconds of the database.
const ROWS_PER_STEP: u32 = 1000;
/// Deletions that some members have carried out while others are away. Beyond it, members are asked again, which is harmless.
const PARTLY_DONE_MAX: usize = 200_000;
/// Chunks behind the end of a blob that its group may hold: those on their way when the group failed under the writer.
const CHUNKS_BEYOND_END_MAX: u32 = 3;
/// How long reads that still need pages of extents hold up the unrolling of contents.
const PAGING_READS_WAIT_MAX: Duration = Duration::from_secs(600);

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
    /// Which members have dropped a blob, while not all have.
    dropped_on: HashMap<BlobId, Vec<NodeId>>,
    /// The newest commit when there was nothing left to unroll.
    unrolled_at: Option<CommitSequence>,
    held_up_since: Option<Duration>,
    rest: Duration,
    progress: Progress,
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
            unrolled_at: None,
            held_up_since: None,
            rest: REST,
            progress: Progress::default(),
        }
    }

    /// Blobs that are gone from every member, and their bytes.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// One page of deletions, and one command's worth of contents.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        if self.cluster.metadata().needs_confirmation() {
            return Ok(Step::Idle);
        }
        let has_unrolled = self.unroll().await?;
        self.first_seen.note(self.cluster.clock().monotonic(), self.cluster.metadata().committed());
        let mut page = self.cluster.metadata().deletions(self.cursor.as_ref(), ROWS_PER_STEP).await?;
        let mut has_more = page.len() == ROWS_PER_STEP as usize;
        if let Some(first_young) = self.first_young(&page) {
            page.truncate(first_young);
            has_more = false;
        }
        self.cursor = page.last().filter(|_| has_more).cloned();
        let finished = self.drop_page(&page).await?;
        self.pages_in_vain = if has_unrolled || finished > 0 { 0 } else { self.pages_in_vain.saturating_add(1) };
        if has_unrolled || has_more || finished > 0 {
            return Ok(Step::Busy);
        }
        self.rest = REST.saturating_mul(std::mem::take(&mut self.pages_in_vain).clamp(1, PAGES_RESTED_FOR_MAX));
        Ok(Step::Idle)
    }

    /// How long to rest after a round: freed space should be seen soon, but a long list of deletions that wait for nodes
    /// which are away is not read through all the time.
    pub fn rest(&self) -> Duration {
        self.rest
    }

    /// The first row that has to wait; all behind it are younger. Where room is short, none waits.
    fn first_young(&self, page: &[DeletedBlob]) -> Option<usize> {
        let topology = self.cluster.membership().topology().load();
        if topology.nodes().any(|(node, _)| node.vitals.is_short_of_room()) {
            return None;
        }
        let reclaimer = self.cluster.reclaimer();
        let is_old =
            |row: &DeletedBlob| self.first_seen.of(row.deleted_at).is_some_and(|at| reclaimer.is_old_enough(at));
        page.iter().position(|row| !is_old(row))
    }

    /// Unrolls some contents; whether there were any. A command that would find nothing is not proposed: it would cost a
    /// sync for nothing.
    async fn unroll(&mut self) -> Result<bool, ClusterError> {
        let metadata = self.cluster.metadata();
        if self.unrolled_at == Some(metadata.committed()) || self.is_held_up() {
            return Ok(false);
        }
        let metadata = self.cluster.metadata();
        let outcome = metadata.propose(Command::UnrollDeletedContents { limit: ROWS_PER_STEP }).await?;
        let has_more = matches!(outcome, Outcome::Progress { rows } if rows > 0);
        self.unrolled_at = (!has_more).then(|| metadata.committed());
        Ok(has_more)
    }

    /// A read of a content with many extents asks for them page by page; unrolling would take them from under it. It gets
    /// some time to end.
    fn is_held_up(&mut self) -> bool {
        if !self.cluster.registry().has_paging_reads() {
            self.held_up_since = None;
            return false;
        }
        let now = self.cluster.clock().monotonic();
        let since = *self.held_up_since.get_or_insert(now);
        now.saturating_sub(since) < PAGING_READS_WAIT_MAX
    }

    /// Drops what may be dropped of the page on every member that is there; returns how many blobs are done with.
    async fn drop_page(&mut self, page: &[DeletedBlob]) -> Result<usize, ClusterError> {
        let topology = self.cluster.membership().topology().load_full();
        let mut by_group: BTreeMap<GroupId, Vec<&DeletedBlob>> = BTreeMap::new();
        for row in page {
            by_group.entry(row.group).or_default().push(row);
        }
        let (mut finished, mut bytes) = (Vec::new(), 0);
        for (group, rows) in by_group {
            let Some(group) = topology.group(group) else { continue };
            for member in &group.members {
                if topology.standing(member.id()).is_some_and(|standing| standing.is_reachable()) {
                    self.drop_on(group, member.id(), &rows).await;
                }
            }
            // Each of those that are members now: some that dropped it may have left the group since.
            let is_done = |row: &&&DeletedBlob| {
                let dropped_on = self.dropped_on.get(&row.blob);
                dropped_on.is_some_and(|nodes| group.members.iter().all(|member| nodes.contains(&member.id())))
            };
            for row in rows.iter().filter(is_done) {
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

    /// A member that does not do it is asked again in the next round; the others go on.
    async fn drop_on(&mut self, group: &Arc<PlacedGroup>, node: NodeId, rows: &[&DeletedBlob]) {
        let Some(member) = group.members.iter().find(|member| member.id() == node) else { return };
        let is_left = |row: &&&DeletedBlob| !self.dropped_on.get(&row.blob).is_some_and(|on| on.contains(&node));
        let candidate = |row: &&DeletedBlob| {
            Some(Candidate {
                blob: row.blob,
                chunk_limit: row.chunk_count.saturating_add(CHUNKS_BEYOND_END_MAX),
                cause: Cause::Deleted { at: row.deleted_at },
                first_seen: self.first_seen.of(row.deleted_at)?,
            })
        };
        let candidates: Vec<Candidate> = rows.iter().filter(is_left).filter_map(candidate).collect();
        if candidates.is_empty() {
            return;
        }
        let of_group = OfGroup { group: group.group, epoch: group.epoch };
        match self.cluster.reclaimer().reclaim(member, of_group, &candidates).await {
            Ok(reclaimed) => self.note_dropped(node, reclaimed.dropped),
            Err(error) => tracing::warn!(node = %member.row.name, %error, "deletions were not carried out"),
        }
    }

    fn note_dropped(&mut self, node: NodeId, blobs: Vec<BlobId>) {
        if self.dropped_on.len() + blobs.len() > PARTLY_DONE_MAX {
            self.dropped_on.clear();
        }
        for blob in blobs {
            self.dropped_on.entry(blob).or_default().push(node);
        }
    }
}

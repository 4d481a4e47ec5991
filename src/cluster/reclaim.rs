//! The one function that asks a node to drop data (invariant 5). Everything that clears anything comes through here.
//!
//! Data is dropped only when it is garbage for certain:
//!
//! 1. The metadata is not a restored backup that nobody has confirmed.
//! 2. Of data that nothing names: a walk over all extents that began after it was first seen has met none that names it (else
//!    its row was lost, `extent_walk`); its term is over, or it is this gateway's own and the table of blobs in flight denies it;
//!    *then* a fresh metadata read denies it. In this order: a commit that happens in between is seen by the read.
//! 3. Of a committed deletion: no read under way began at or before it.
//! 4. Of a copy too many: a fresh metadata read says that the node is no member of the settled group, and that no member is known
//!    to lack the blob. Who asks has looked at every member's copy before.
//! 5. Of the command log: a snapshot of this reign is durable on enough nodes that shows all that is in it.
//! 6. The grace period has passed, on the monotonic clock, since this gateway first saw it. A committed deletion does not
//!    wait while its node is short of room; a copy too many and what a snapshot shows never do.
//! 7. The node has not seen newer metadata, or metadata of another history, than we have: the node decides that itself, by
//!    the witness in the request, as it does about our term and the group's epoch.
//!
//! What does not meet all of this is left alone and counted.

use super::{
    cluster_node::ClusterNode, error::ClusterError, in_flight::InFlight, read_registry::ReadRegistry, reign::Reign,
};
use crate::{
    metadata::Metadata,
    node::{
        NodeError,
        api::{DROP_BLOBS_MAX, DropBlobs, DroppedBlob, InventoryCursor, MergeDoubles, MergeReport},
    },
    runtime::Clock,
    types::{BlobId, CommitSequence, Epoch, GroupId, Term},
};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Why data is thought to be garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A row of `deletions`, committed at this sequence.
    Deleted { at: CommitSequence },
    /// No row is known to name it; written under this term. No extent has named it since a walk over all of them began.
    Unnamed { term: Term, no_extent_since: Option<Duration> },
    /// The node is no member of the group any more, and every member was just seen to hold the blob whole.
    Surplus,
    /// Of the command log, which no row names: a snapshot that is durable on enough nodes shows what is in it.
    LogSuperseded,
}

/// A blob that may be garbage on a node.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    pub blob: BlobId,
    /// Highest chunk index that the node may hold, plus one.
    pub chunk_limit: u32,
    pub cause: Cause,
    /// When this gateway first saw that it may be garbage, on the monotonic clock.
    pub first_seen: Duration,
}

/// The group that candidates belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfGroup {
    pub group: GroupId,
    pub epoch: Epoch,
}

/// What became of the candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// The node has dropped these. Not among them is what may lie on a frozen volume of a node that goes on with others: who
    /// asked asks again.
    pub dropped: Vec<BlobId>,
    /// Not garbage: something names them.
    pub named: Vec<BlobId>,
    /// May become garbage: in flight, being read, or too young.
    pub waiting: usize,
}

/// Asks nodes to drop garbage.
#[derive(Debug)]
pub struct Reclaimer {
    metadata: Metadata,
    reign: Reign,
    in_flight: InFlight,
    reads: ReadRegistry,
    clock: Arc<dyn Clock>,
    grace_period: Duration,
    dropped: AtomicU64,
}

impl Reclaimer {
    pub fn new(
        metadata: Metadata,
        reign: Reign,
        in_flight: InFlight,
        reads: ReadRegistry,
        clock: Arc<dyn Clock>,
        grace_period: Duration,
    ) -> Self {
        Self { metadata, reign, in_flight, reads, clock, grace_period, dropped: AtomicU64::new(0) }
    }

    /// Drops those of `candidates` (at most `DROP_BLOBS_MAX`, of one group) that are garbage for certain. Dropping the
    /// future may leave them dropped on the node; asking again is harmless.
    pub async fn reclaim(
        &self,
        node: &ClusterNode,
        of_group: OfGroup,
        candidates: &[Candidate],
    ) -> Result<Reclaimed, ClusterError> {
        let mut reclaimed = Reclaimed::default();
        if candidates.len() > DROP_BLOBS_MAX {
            return Err(ClusterError::Malformed("more blobs than one request drops"));
        }
        if self.metadata.needs_confirmation() {
            reclaimed.waiting = candidates.len();
            return Ok(reclaimed);
        }
        let is_due = |candidate: &&Candidate| {
            self.is_over(candidate) && !self.is_being_read(candidate) && self.has_waited(candidate, node)
        };
        let due: Vec<&Candidate> = candidates.iter().filter(is_due).collect();
        reclaimed.waiting = candidates.len() - due.len();
        // Before the read: what is claimed to be known is never newer than what was looked at.
        let witness = self.reign.witness();
        let mut named = self.named_among(&due).await?;
        named.extend(self.needed_among(node, of_group.group, &due).await?);
        let (kept, garbage): (Vec<&Candidate>, Vec<&Candidate>) =
            due.into_iter().partition(|candidate| named.contains(&candidate.blob));
        reclaimed.named = kept.into_iter().map(|candidate| candidate.blob).collect();
        if garbage.is_empty() {
            return Ok(reclaimed);
        }
        let dropped =
            garbage.iter().map(|garbage| DroppedBlob { blob: garbage.blob, chunk_limit: garbage.chunk_limit });
        let request = DropBlobs {
            term: self.reign.term(),
            witness,
            group: of_group.group,
            epoch: of_group.epoch,
            blobs: dropped.collect(),
        };
        let report = node.api.drop_blobs(request).await.map_err(|error| self.refused(node, &error))?;
        let frozen: HashSet<BlobId> = report.kept.into_iter().collect();
        if !frozen.is_empty() {
            tracing::debug!(node = %node.row.name, blobs = frozen.len(), "a frozen volume of the node drops nothing");
        }
        reclaimed.dropped = garbage.iter().map(|garbage| garbage.blob).filter(|blob| !frozen.contains(blob)).collect();
        self.dropped.fetch_add(reclaimed.dropped.len() as u64, Ordering::Relaxed);
        Ok(reclaimed)
    }

    /// Has the node give up chunks that two of its volumes hold, a piece of the way from `from` on; its last copy of each stays,
    /// so that nothing has to be known of what they are. Nothing happens before a restored backup was confirmed.
    pub async fn merge_doubles(
        &self,
        node: &ClusterNode,
        from: Option<InventoryCursor>,
    ) -> Result<MergeReport, ClusterError> {
        if self.metadata.needs_confirmation() {
            return Ok(MergeReport { next: from, ..MergeReport::default() });
        }
        let request = MergeDoubles { term: self.reign.term(), witness: self.reign.witness(), from };
        node.api.merge_doubles(request).await.map_err(|error| self.refused(node, &error))
    }

    /// Afterwards the node drops nothing of the group that was asked for under an older epoch, neither later nor still.
    /// Needed where a node comes back into a group that it left: copies that were too many a moment ago count again.
    pub async fn fence(&self, node: &ClusterNode, of_group: OfGroup) -> Result<(), ClusterError> {
        let OfGroup { group, epoch } = of_group;
        let (term, witness) = (self.reign.term(), self.reign.witness());
        let request = DropBlobs { term, witness, group, epoch, blobs: Vec::new() };
        node.api.drop_blobs(request).await.map(drop).map_err(|error| self.refused(node, &error))
    }

    /// Whether nobody names it, without its row, or can be about to: its term is over, or it is ours and not in flight. A term newer than ours is
    /// another gateway's.
    fn is_over(&self, candidate: &Candidate) -> bool {
        match candidate.cause {
            Cause::Deleted { .. } | Cause::Surplus | Cause::LogSuperseded => true,
            Cause::Unnamed { term, no_extent_since } => {
                let was_walked = no_extent_since.is_some_and(|since| since >= candidate.first_seen);
                was_walked && term <= self.reign.term() && !self.in_flight.contains(candidate.blob)
            }
        }
    }

    fn is_being_read(&self, candidate: &Candidate) -> bool {
        match candidate.cause {
            Cause::Deleted { at } => !self.reads.is_past(at),
            // Never named, never found by a read. And a read that misses a copy too many takes another.
            Cause::Unnamed { .. } | Cause::Surplus | Cause::LogSuperseded => false,
        }
    }

    fn has_waited(&self, candidate: &Candidate, node: &ClusterNode) -> bool {
        let hurries = match candidate.cause {
            // Room is what they would give.
            Cause::Deleted { .. } => node.vitals.is_short_of_room(),
            Cause::Unnamed { .. } => false,
            Cause::Surplus | Cause::LogSuperseded => true,
        };
        hurries || self.is_old_enough(candidate.first_seen)
    }

    /// Whether the grace period has passed.
    pub fn is_old_enough(&self, first_seen: Duration) -> bool {
        self.clock.monotonic().saturating_sub(first_seen) >= self.grace_period
    }

    /// Those that the metadata names now. A row of `deletions` is a fact that doesn't change, so those are not asked about.
    async fn named_among(&self, due: &[&Candidate]) -> Result<HashSet<BlobId>, ClusterError> {
        let is_unnamed = |candidate: &&&Candidate| matches!(candidate.cause, Cause::Unnamed { .. });
        let unnamed: Vec<BlobId> = due.iter().filter(is_unnamed).map(|candidate| candidate.blob).collect();
        if unnamed.is_empty() {
            return Ok(HashSet::new());
        }
        Ok(self.metadata.known_blobs(&unnamed).await?.into_iter().collect())
    }

    /// Copies that were thought too many, and are not.
    async fn needed_among(
        &self,
        node: &ClusterNode,
        group: GroupId,
        due: &[&Candidate],
    ) -> Result<HashSet<BlobId>, ClusterError> {
        let is_surplus = |candidate: &&&Candidate| candidate.cause == Cause::Surplus;
        let mut blobs: HashSet<BlobId> = due.iter().filter(is_surplus).map(|candidate| candidate.blob).collect();
        if !blobs.is_empty() {
            let asked: Vec<BlobId> = blobs.iter().copied().collect();
            for surplus in self.metadata.surplus_blobs(node.id(), group, &asked).await? {
                blobs.remove(&surplus.blob);
            }
        }
        Ok(blobs)
    }

    fn refused(&self, node: &ClusterNode, error: &NodeError) -> ClusterError {
        self.reign.check(error);
        node.note::<()>(&Err(error.clone()));
        ClusterError::Node(format!("{} dropped nothing: {error}", node.row.name))
    }

    /// Blobs dropped since the start, counted once a node.
    pub fn dropped_count(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

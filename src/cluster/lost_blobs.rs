//! Background step: finds out which blobs of the repair list are lost. Of most rows of the list a right copy is somewhere, and
//! repair brings it; of a lost blob some chunk is right nowhere, and its rows would stand there for ever as if repair were at
//! work. Only blobs that every member lacks are looked at: for certain, not for being in doubt or on its way. Their holders
//! are asked for what they really have, as a verification asks.
//!
//! What was found is kept in memory, for the operator; nothing is decided by it. A blob whose object was deleted or put
//! again leaves the repair list, and so is lost no more.

use super::{Cluster, error::ClusterError, topology::Topology, verify_copies};
use crate::{
    metadata::{
        command::{BlobCopy, MissingReason},
        rows::{BlobRoots, MissingCopy},
    },
    runtime::Step,
    types::BlobId,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Copies of the repair list that are looked through at once: some milliseconds of the database.
const WINDOW: u32 = 5000;
/// Blobs whose copies are read in one step, so that a step takes seconds rather than minutes.
const CHECKS_PER_STEP: usize = 16;
/// A blob is asked for again after so long: a copy may have come back with its node.
const CHECK_AGAIN_AFTER: Duration = Duration::from_secs(600);
/// Blobs that are remembered, some 100 KB; what is beyond is not told of.
const LOST_MAX: usize = 1000;

/// The blobs that were found to be lost. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LostBlobs {
    found: Arc<Mutex<BTreeSet<BlobId>>>,
}

impl LostBlobs {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<BlobId>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, blob: BlobId, is_lost: bool) {
        let mut found = self.lock();
        if !is_lost {
            found.remove(&blob);
        } else if found.len() < LOST_MAX && found.insert(blob) {
            tracing::error!(%blob, "no node holds all chunks of the blob right: it is lost");
        }
    }
}

/// What is lost, of what is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    pub blobs: u64,
    /// Rows of the repair list that no repair will take off.
    pub copies: u64,
}

impl Cluster {
    /// What is lost as far as it was found out, and still on the repair list.
    pub async fn loss(&self) -> Result<Loss, ClusterError> {
        let found: Vec<BlobId> = self.lost_blobs().lock().iter().copied().collect();
        if found.is_empty() {
            return Ok(Loss::default());
        }
        let missing = self.metadata().missing_copies_of(&found).await?;
        let blobs: HashSet<BlobId> = missing.iter().map(|copy| copy.blob).collect();
        Ok(Loss { blobs: blobs.len() as u64, copies: missing.len() as u64 })
    }
}

/// A walk over the repair list, again and again.
#[derive(Debug)]
pub struct FindLost {
    cluster: Cluster,
    after: Option<BlobCopy>,
    /// Of the window under way, still to be asked for.
    suspects: Vec<BlobRoots>,
    /// When on the monotonic clock blobs were asked for.
    checked: HashMap<BlobId, Duration>,
}

impl FindLost {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, after: None, suspects: Vec::new(), checked: HashMap::new() }
    }

    /// A window of the list, or some blobs of it.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        if self.suspects.is_empty() {
            self.suspects = self.next_window().await?;
        }
        for _ in 0..CHECKS_PER_STEP {
            let Some(blob) = self.suspects.pop() else { break };
            let findings = verify_copies::check(&self.cluster, &blob).await;
            self.checked.insert(blob.blob, self.cluster.clock().monotonic());
            self.cluster.lost_blobs().note(blob.blob, findings.is_lost);
        }
        let is_over = self.suspects.is_empty() && self.after.is_none();
        Ok(if is_over { Step::Idle } else { Step::Busy })
    }

    async fn next_window(&mut self) -> Result<Vec<BlobRoots>, ClusterError> {
        let now = self.cluster.clock().monotonic();
        if self.after.is_none() {
            self.checked.retain(|_, at| now.saturating_sub(*at) < CHECK_AGAIN_AFTER);
        }
        let topology = self.cluster.membership().topology().load_full();
        let window = self.cluster.metadata().missing_copies(self.after, WINDOW).await?;
        let (blobs, next) = lacking_most(&window, WINDOW as usize, fewest_members(&topology));
        self.after = next;
        let blobs: Vec<BlobId> = blobs.into_iter().filter(|blob| !self.checked.contains_key(blob)).collect();
        if blobs.is_empty() {
            return Ok(Vec::new());
        }
        let missing = self.cluster.metadata().missing_copies_of(&blobs).await?;
        let mut roots = self.cluster.metadata().blob_roots(&blobs).await?;
        roots.retain(|blob| is_on_no_member(&topology, blob, &missing));
        Ok(roots)
    }
}

/// What a blob's rows must at least be, for every member to lack it.
fn fewest_members(topology: &Topology) -> usize {
    topology.groups().map(|group| group.members.len()).min().unwrap_or(1).max(1)
}

/// Blobs of which the window has so many rows, and behind what the next window begins. One that the window may have cut is
/// left to the next.
fn lacking_most(window: &[BlobCopy], window_max: usize, rows_min: usize) -> (Vec<BlobId>, Option<BlobCopy>) {
    let mut by_blob: Vec<&[BlobCopy]> = window.chunk_by(|one, other| one.blob == other.blob).collect();
    let mut next = None;
    if window.len() >= window_max && by_blob.len() > 1 {
        by_blob.pop();
        next = by_blob.last().and_then(|copies| copies.last()).copied();
    }
    let lacking = by_blob.into_iter().filter(|copies| copies.len() >= rows_min);
    (lacking.filter_map(|copies| copies.first()).map(|copy| copy.blob).collect(), next)
}

/// Whether the list says of every member that it lacks some of the blob.
fn is_on_no_member(topology: &Topology, blob: &BlobRoots, missing: &[MissingCopy]) -> bool {
    let is_certain = |reason| !matches!(reason, MissingReason::InDoubt | MissingReason::Arriving);
    let lacks = |node| {
        let mut rows = missing.iter().filter(|copy| copy.blob == blob.blob);
        rows.any(|copy| copy.node == node && is_certain(copy.reason))
    };
    topology.group(blob.group).is_some_and(|group| group.members.iter().all(|member| lacks(member.id())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    fn copy(blob: u8, node: u8) -> BlobCopy {
        BlobCopy { blob: BlobId::from_bytes([blob; 16]), node: NodeId::from_bytes([node; 16]) }
    }

    #[test]
    fn blobs_with_enough_rows_are_found_and_a_cut_one_comes_with_the_next_window() {
        let list = [copy(1, 1), copy(2, 1), copy(2, 2), copy(3, 1), copy(3, 2), copy(3, 3)];
        let ids = |blobs: &[u8]| blobs.iter().map(|blob| BlobId::from_bytes([*blob; 16])).collect::<Vec<_>>();
        assert_eq!(lacking_most(&list, 9, 3), (ids(&[3]), None));
        assert_eq!(lacking_most(&list, 9, 2), (ids(&[2, 3]), None));
        assert_eq!(lacking_most(&list[..5], 5, 2), (ids(&[2]), Some(copy(2, 2))));
        assert_eq!(lacking_most(&list[3..], 3, 3), (ids(&[3]), None), "nothing else fits");
        assert_eq!(lacking_most(&[], 9, 1), (Vec::new(), None));
    }
}

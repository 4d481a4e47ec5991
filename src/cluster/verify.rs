//! Background step: a verification that an operator began. Every member of a blob's group reads its copy and compares it
//! with the roots in the metadata, so that a node which lies, about what it once acknowledged or what it holds now, is found
//! out. What is missing or wrong goes on the repair list, and repair replaces it from a good copy; the verification waits for
//! that. At last the objects are searched for of which a chunk is right nowhere.

use super::{
    Cluster,
    error::ClusterError,
    known_missing::KnownMissing,
    node_life::Standing,
    verification::{LOST_MAX, Verification, Verifications, VerifyScope, VerifyStage, save},
    verify_copies::{Findings, check},
    verify_names::NameLost,
};
use crate::{
    metadata::{
        Command,
        command::{BlobCopy, MissingReason},
        rows::PieceCursor,
    },
    runtime::{Progress, Step},
    types::{BlobId, CommitSequence, NodeId, ObjectKey},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

/// Blobs, or extents of objects, of one page.
const PAGE: u32 = 64;
/// A step ends when so much was checked: its counts are seen, and the runner lets others have the disks.
const STEP_BYTES: u64 = 256 << 20;
/// Blobs that are looked at on their members at once: a disk's worth, that leaves it to clients and to repair.
const CHECKS_AT_ONCE: usize = 2;
/// How often it is kept how far it has come: what a restart makes it look at again.
const SAVE_INTERVAL: Duration = Duration::from_secs(5);
/// Copies of a node's repair list that are looked through at once.
const REPAIR_PAGE: u32 = 1000;
/// Repairs that have not got on for so long are not waited for any more.
const STANDSTILL: Duration = Duration::from_secs(600);

/// The step's memory; a restart goes on with what was saved.
#[derive(Debug)]
pub struct VerifyCopies {
    cluster: Cluster,
    verifications: Verifications,
    saved_at: Option<Duration>,
    waiting: Option<Waiting>,
    naming: Option<NameLost>,
    progress: Progress,
}

/// For repairs to be made.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// Copies that are still to be repaired, as far as they were counted, and all that were repaired on their nodes. The
    /// first alone may stand still while a node's list is long.
    left: u64,
    repaired: u64,
    /// As many as that.
    since: Duration,
}

impl VerifyCopies {
    pub fn new(cluster: Cluster) -> Self {
        let verifications = cluster.verifications().clone();
        Self::over(cluster, verifications)
    }

    pub(super) fn over(cluster: Cluster, verifications: Verifications) -> Self {
        Self { cluster, verifications, saved_at: None, waiting: None, naming: None, progress: Progress::default() }
    }

    /// Blobs that were looked at, and their bytes.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// A page of copies, a look at what is still to be repaired, or a page of names.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let newest = self.verifications.newest(&self.cluster).await?;
        let Some(mut verification) = newest.filter(Verification::is_under_way) else {
            self.progress.set_left(Some(0));
            return Ok(Step::Idle);
        };
        let stage = verification.stage;
        let step = match stage {
            VerifyStage::Checking => self.check_page(&mut verification).await?,
            VerifyStage::Repairing => self.look_at_repairs(&mut verification).await?,
            VerifyStage::Naming | VerifyStage::Finished => self.name_page(&mut verification).await?,
        };
        let now = self.cluster.clock().monotonic();
        let is_due = self.saved_at.is_none_or(|at| now.saturating_sub(at) >= SAVE_INTERVAL);
        if verification.stage != stage || is_due {
            save(&self.cluster, &verification).await?;
            self.saved_at = Some(now);
        }
        self.progress.set_left(verification.blobs_expected.map(|all| all.saturating_sub(verification.blobs)));
        self.verifications.note(verification);
        Ok(step)
    }

    async fn check_page(&mut self, verification: &mut Verification) -> Result<Step, ClusterError> {
        let page = self.page(verification).await?;
        if page.is_empty() {
            verification.stage = VerifyStage::Repairing;
            self.waiting = None;
            return Ok(Step::Busy);
        }
        let mut bytes = 0;
        for place in page {
            if bytes >= STEP_BYTES {
                break;
            }
            bytes += place.blobs.iter().map(|(_, size)| size).sum::<u64>();
            self.check_blobs(verification, &place.blobs).await?;
            verification.objects += u64::from(place.is_new_object);
            (verification.after_blob, verification.after_piece) = (place.after_blob, place.after_piece);
        }
        Ok(Step::Busy)
    }

    /// What comes next, each with the cursor behind it.
    async fn page(&self, verification: &Verification) -> Result<Vec<Place>, ClusterError> {
        match &verification.scope {
            VerifyScope::Everything => {
                let blobs = self.cluster.metadata().placed_blobs(verification.after_blob, PAGE).await?;
                let together = blobs.chunks(CHECKS_AT_ONCE).map(|blobs| Place {
                    blobs: blobs.iter().map(|blob| (blob.blob, blob.size)).collect(),
                    is_new_object: false,
                    after_blob: blobs.last().map(|blob| blob.blob),
                    after_piece: None,
                });
                Ok(together.collect())
            }
            VerifyScope::Prefix { bucket, prefix, .. } => {
                let after = verification.after_piece.clone().or_else(|| before_prefix(prefix));
                let pieces = self.cluster.metadata().placed_pieces(*bucket, after.as_ref(), PAGE).await?;
                let mut last = verification.after_piece.as_ref().map(|at| (at.key.clone(), at.sequence));
                let (mut places, mut checked) = (Vec::new(), None);
                for piece in pieces.into_iter().take_while(|piece| piece.place.key.as_str().starts_with(prefix)) {
                    let version = Some((piece.place.key.clone(), piece.place.sequence));
                    // Several parts of an object may lie in one blob.
                    let is_again = checked.replace(piece.blob) == Some(piece.blob);
                    places.push(Place {
                        blobs: if is_again { Vec::new() } else { vec![(piece.blob, piece.size)] },
                        is_new_object: version != last,
                        after_blob: None,
                        after_piece: Some(piece.place),
                    });
                    last = version;
                }
                Ok(places)
            }
        }
    }

    async fn check_blobs(&self, verification: &mut Verification, blobs: &[(BlobId, u64)]) -> Result<(), ClusterError> {
        if blobs.is_empty() {
            return Ok(());
        }
        let ids: Vec<BlobId> = blobs.iter().map(|(blob, _)| *blob).collect();
        let roots = self.cluster.metadata().blob_roots(&ids).await?;
        let checks: Vec<BoxFuture<'_, Findings>> =
            roots.iter().map(|blob| check(&self.cluster, blob).boxed()).collect();
        let mut found: Vec<Findings> = stream::iter(checks).buffer_unordered(CHECKS_AT_ONCE).collect().await;
        if found.iter().any(|findings| !findings.bad.is_empty()) {
            // A blob that was deleted while it was looked at is no loss.
            let named: HashSet<BlobId> =
                self.cluster.metadata().blob_roots(&ids).await?.iter().map(|blob| blob.blob).collect();
            found.retain(|findings| named.contains(&findings.blob));
        }
        let bad: Vec<BlobCopy> = found.iter().flat_map(|findings| findings.bad.iter().copied()).collect();
        if !bad.is_empty() {
            tracing::warn!(copies = bad.len(), "a verification found copies that are missing or wrong");
            let known_missing: &KnownMissing = &self.cluster.reads().known_missing;
            known_missing.note(bad.iter().copied());
            let command = Command::MarkMissing { copies: bad, reason: MissingReason::Absent };
            self.cluster.metadata().propose(command).await?;
        }
        for findings in &found {
            let size = roots.iter().find(|blob| blob.blob == findings.blob).map_or(0, |blob| blob.size);
            note(verification, findings, size);
            self.progress.add(1, size);
        }
        Ok(())
    }

    /// Waits until the copies that were found bad are off the repair list. Nodes that are not there are not waited for.
    async fn look_at_repairs(&mut self, verification: &mut Verification) -> Result<Step, ClusterError> {
        let lost: HashSet<BlobId> = verification.lost.iter().copied().collect();
        let topology = self.cluster.membership().topology().load_full();
        let (mut left, mut is_hopeful) = (0, false);
        for (node, bad) in &verification.bad_nodes {
            let on_list = self.left_of(*node, &lost, *bad).await?;
            left += on_list;
            is_hopeful |= on_list > 0 && topology.standing(*node).is_some_and(Standing::is_reachable);
        }
        verification.bad_copies_left = left;
        let now = self.cluster.clock().monotonic();
        let repaired = self.cluster.reads().known_missing.repaired_count(verification.bad_nodes.keys());
        let since = match self.waiting {
            Some(before) if (before.left, before.repaired) == (left, repaired) => before.since,
            _ => now,
        };
        self.waiting = Some(Waiting { left, repaired, since });
        if is_hopeful && now.saturating_sub(since) < STANDSTILL {
            return Ok(Step::Idle);
        }
        verification.stage = VerifyStage::Naming;
        Ok(Step::Busy)
    }

    /// Copies of the node on the repair list, but for those of lost blobs; no more than `enough` are looked for.
    async fn left_of(&self, node: NodeId, lost: &HashSet<BlobId>, enough: u64) -> Result<u64, ClusterError> {
        let (mut after, mut left) = (None, 0);
        while left < enough {
            let page = self.cluster.metadata().missing_blobs_of(node, after, REPAIR_PAGE).await?;
            left += page.iter().filter(|blob| !lost.contains(*blob)).count() as u64;
            match page.last() {
                Some(last) if page.len() == REPAIR_PAGE as usize => after = Some(*last),
                _ => break,
            }
        }
        Ok(left.min(enough))
    }

    async fn name_page(&mut self, verification: &mut Verification) -> Result<Step, ClusterError> {
        let naming = self.naming.get_or_insert_with(|| NameLost::begin(verification));
        if naming.step(&self.cluster, verification).await? == Step::Busy {
            return Ok(Step::Busy);
        }
        self.naming = None;
        verification.stage = VerifyStage::Finished;
        verification.finished = Some(self.cluster.clock().now());
        let Verification { blobs, bad_copies, bad_copies_left, lost_blobs, .. } = verification;
        tracing::info!(blobs, bad_copies, bad_copies_left, lost_blobs, "a verification has finished");
        Ok(Step::Busy)
    }
}

/// Blobs to check together, and the cursor behind them.
struct Place {
    blobs: Vec<(BlobId, u64)>,
    is_new_object: bool,
    after_blob: Option<BlobId>,
    after_piece: Option<PieceCursor>,
}

/// In front of every version of the key that is the prefix itself.
fn before_prefix(prefix: &str) -> Option<PieceCursor> {
    let key = ObjectKey::new(prefix).ok()?;
    // The highest numbers that the database knows.
    let highest = i64::MAX.cast_unsigned();
    Some(PieceCursor { key, sequence: CommitSequence(highest), content_offset: highest })
}

fn note(verification: &mut Verification, findings: &Findings, bytes: u64) {
    let bad = findings.bad.len() as u64;
    verification.blobs += 1;
    verification.bytes += bytes;
    verification.intact_copies += findings.intact;
    verification.bad_copies += bad;
    for copy in &findings.bad {
        *verification.bad_nodes.entry(copy.node).or_default() += 1;
    }
    for node in findings.silent.iter().collect::<BTreeSet<_>>() {
        *verification.unasked.entry(*node).or_default() += 1;
    }
    if findings.is_lost {
        verification.lost_blobs += 1;
        verification.lost_copies += bad;
        if verification.lost.len() < LOST_MAX && !verification.lost.contains(&findings.blob) {
            verification.lost.push(findings.blob);
        }
    }
}

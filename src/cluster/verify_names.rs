//! Which objects need a blob that is lost. No index leads from blobs to objects: their versions are walked through, which is
//! done only when something is lost, and page by page.

use super::{
    Cluster,
    error::ClusterError,
    verification::{LostObject, NAMES_BYTES_MAX, Verification},
};
use crate::{
    metadata::rows::{Bucket, PieceCursor, PlacedPiece},
    runtime::Step,
    types::{BlobId, BucketName, CommitSequence, ObjectKey},
};
use std::collections::{HashSet, VecDeque};

/// Extents of one page, some milliseconds of the database.
const PAGE: u32 = 1000;
const BUCKETS: u32 = 100;

/// A walk over every version of every bucket; kept in memory, a restart begins it anew.
#[derive(Debug)]
pub struct NameLost {
    lost: HashSet<BlobId>,
    buckets: VecDeque<Bucket>,
    after_bucket: Option<BucketName>,
    has_all_buckets: bool,
    after: Option<PieceCursor>,
    /// The version that was counted last: it may need several of the blobs.
    counted: Option<(ObjectKey, CommitSequence)>,
    named_bytes: usize,
}

impl NameLost {
    pub fn begin(verification: &mut Verification) -> Self {
        verification.lost_objects = 0;
        verification.named.clear();
        Self {
            lost: verification.lost.iter().copied().collect(),
            buckets: VecDeque::new(),
            after_bucket: None,
            has_all_buckets: false,
            after: None,
            counted: None,
            named_bytes: 0,
        }
    }

    /// One page; idle when every bucket was walked through.
    pub async fn step(&mut self, cluster: &Cluster, verification: &mut Verification) -> Result<Step, ClusterError> {
        if self.lost.is_empty() {
            return Ok(Step::Idle);
        }
        let Some(bucket) = self.buckets.front() else { return self.more_buckets(cluster).await };
        let page = cluster.metadata().placed_pieces(bucket.id, self.after.as_ref(), PAGE).await?;
        let name = bucket.name.to_string();
        match page.last() {
            Some(last) => self.after = Some(last.place.clone()),
            None => {
                self.buckets.pop_front();
                (self.after, self.counted) = (None, None);
            }
        }
        for piece in page.iter().filter(|piece| self.lost.contains(&piece.blob)).cloned().collect::<Vec<_>>() {
            self.note(verification, &name, piece);
        }
        Ok(Step::Busy)
    }

    async fn more_buckets(&mut self, cluster: &Cluster) -> Result<Step, ClusterError> {
        if self.has_all_buckets {
            return Ok(Step::Idle);
        }
        let after = self.after_bucket.as_ref().map(BucketName::as_str);
        let page = cluster.metadata().buckets("", after, BUCKETS).await?;
        self.has_all_buckets = page.len() < BUCKETS as usize;
        self.after_bucket = page.last().map(|bucket| bucket.name.clone());
        self.buckets.extend(page);
        Ok(Step::Busy)
    }

    fn note(&mut self, verification: &mut Verification, bucket: &str, piece: PlacedPiece) {
        let version = (piece.place.key, piece.place.sequence);
        if self.counted.as_ref() == Some(&version) {
            return;
        }
        verification.lost_objects += 1;
        let key = version.0.as_str().to_owned();
        // In JSON a byte may take six.
        self.named_bytes += bucket.len() + 6 * key.len() + 200;
        if self.named_bytes <= NAMES_BYTES_MAX {
            let named = LostObject { bucket: bucket.to_owned(), key, version: piece.version, blob: piece.blob };
            verification.named.push(named);
        }
        self.counted = Some(version);
    }
}

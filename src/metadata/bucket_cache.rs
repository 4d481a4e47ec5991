//! Buckets that were looked up: a write needs the id of its bucket, and a query for it would cost as much as a GET's
//! look-up.
//!
//! A cached bucket is what every acknowledged command has left (DESIGN.md, "Metadata"): the writer empties the cache before
//! it answers a command that makes or deletes a bucket, and a fill whose read began before that commit is dropped. A
//! bucket that is not there is never cached.

use super::{command::Command, rows::Bucket};
use crate::types::{BucketId, BucketName, CommitSequence};
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// Beyond it the cache begins anew: 10 000 buckets are 2 MB.
const BUCKETS_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct BucketCache {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The newest commit that made or deleted a bucket.
    emptied_at: CommitSequence,
    buckets: HashMap<BucketName, Bucket>,
}

impl BucketCache {
    pub fn get(&self, name: &BucketName) -> Option<Bucket> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).buckets.get(name).cloned()
    }

    pub fn id(&self, name: &BucketName) -> Option<BucketId> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).buckets.get(name).map(|bucket| bucket.id)
    }

    /// Keeps what a read found that began when `read_at` was the newest commit.
    pub fn fill(&self, bucket: &Bucket, read_at: CommitSequence) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if read_at < known.emptied_at {
            return;
        }
        if known.buckets.len() >= BUCKETS_MAX {
            known.buckets.clear();
        }
        known.buckets.insert(bucket.name.clone(), bucket.clone());
    }

    /// Told of each command of a batch that was committed at `committed`, before it is answered.
    pub fn forget_what_changes(&self, command: &Command, committed: CommitSequence) {
        if matches!(command, Command::CreateBucket(_) | Command::DeleteBucket { .. }) {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.emptied_at = committed;
            known.buckets.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Timestamp;

    fn bucket(id: u64) -> Bucket {
        Bucket {
            id: BucketId(id),
            name: "pantry".parse().unwrap(),
            region: String::new(),
            owner: String::new(),
            created: Timestamp::from_unix_millis(0),
        }
    }

    #[test]
    fn a_fill_whose_read_began_before_the_change_is_dropped() {
        let cache = BucketCache::default();
        let name = bucket(1).name;
        cache.fill(&bucket(1), CommitSequence(3));
        assert_eq!(cache.get(&name), Some(bucket(1)));
        cache.forget_what_changes(&Command::DeleteBucket { bucket: BucketId(1) }, CommitSequence(9));
        assert_eq!(cache.get(&name), None);
        cache.fill(&bucket(1), CommitSequence(8));
        assert_eq!(cache.get(&name), None, "the read may have seen the bucket that is gone");
        cache.fill(&bucket(9), CommitSequence(9));
        assert_eq!(cache.get(&name), Some(bucket(9)));
    }

    #[test]
    fn other_commands_leave_it_alone() {
        let cache = BucketCache::default();
        cache.fill(&bucket(1), CommitSequence(3));
        cache.forget_what_changes(&Command::SetBucketTags { bucket: BucketId(1), tags: None }, CommitSequence(4));
        assert_eq!(cache.get(&bucket(1).name), Some(bucket(1)));
    }
}

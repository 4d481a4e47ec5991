//! Buckets that were looked up: a write needs the id of its bucket, and a query for it would cost as much as a GET's
//! look-up.
//!
//! A cached bucket is what every acknowledged command has left (DESIGN.md, "Metadata"): the writer empties the cache before
//! it answers a command that makes, changes or deletes a bucket, and a fill whose read began before that commit is dropped.
//! A bucket that is not there is never cached.
//!
//! A bucket's CORS rules and its lifecycle rules are kept beside it, once a request asked for them.

use super::{command::Command, rows::Bucket};
use crate::types::{
    BucketAccess, BucketId, BucketName, CommitSequence, CorsConfiguration, LifecycleConfiguration, Versioning,
};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Beyond it the cache begins anew: 10 000 buckets are 2 MB.
const BUCKETS_MAX: usize = 10_000;
/// Of all CORS rules together, and of all lifecycle rules. Those of one bucket are written in at most 64 KiB, and 1 MiB.
const RULES_MAX_BYTES: usize = 8 << 20;

#[derive(Debug, Default)]
pub(super) struct BucketCache {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The newest commit that made, changed or deleted a bucket.
    emptied_at: CommitSequence,
    buckets: HashMap<BucketName, Bucket>,
    cors: RulesByName<CorsConfiguration>,
    lifecycle: RulesByName<LifecycleConfiguration>,
}

/// What a look-up of an object needs to know of its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BucketBrief {
    pub id: BucketId,
    pub versioning: Versioning,
    pub access: BucketAccess,
}

impl BucketBrief {
    pub fn of(bucket: &Bucket) -> Self {
        Self { id: bucket.id, versioning: bucket.versioning, access: bucket.access }
    }
}

/// Shared, so that a request does not copy a hundred rules; `None`: the bucket has none.
pub(super) type BucketRules<T> = Option<Arc<T>>;

/// Rules of one kind.
#[derive(Debug)]
struct RulesByName<T> {
    rules: HashMap<BucketName, BucketRules<T>>,
    bytes: usize,
}

impl<T> Default for RulesByName<T> {
    fn default() -> Self {
        Self { rules: HashMap::new(), bytes: 0 }
    }
}

impl<T> RulesByName<T> {
    /// `bytes` is what these take in memory.
    fn keep(&mut self, name: &BucketName, rules: &BucketRules<T>, bytes: usize) {
        if self.rules.len() >= BUCKETS_MAX || self.bytes + bytes > RULES_MAX_BYTES {
            *self = Self::default();
        }
        if self.rules.insert(name.clone(), rules.clone()).is_none() {
            self.bytes += bytes;
        }
    }
}

impl BucketCache {
    pub fn get(&self, name: &BucketName) -> Option<Bucket> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).buckets.get(name).cloned()
    }

    /// All that a look-up of an object needs.
    pub fn brief(&self, name: &BucketName) -> Option<BucketBrief> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.buckets.get(name).map(BucketBrief::of)
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

    /// `None`: nobody has asked since the last change.
    pub fn cors(&self, name: &BucketName) -> Option<BucketRules<CorsConfiguration>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).cors.rules.get(name).cloned()
    }

    /// As `cors`.
    pub fn lifecycle(&self, name: &BucketName) -> Option<BucketRules<LifecycleConfiguration>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).lifecycle.rules.get(name).cloned()
    }

    /// As `fill`.
    pub fn fill_cors(&self, name: &BucketName, cors: &BucketRules<CorsConfiguration>, read_at: CommitSequence) {
        let bytes = cors.as_ref().map_or(0, |cors| cors.memory_bytes());
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if read_at >= known.emptied_at {
            known.cors.keep(name, cors, bytes);
        }
    }

    /// As `fill`.
    pub fn fill_lifecycle(
        &self,
        name: &BucketName,
        rules: &BucketRules<LifecycleConfiguration>,
        read_at: CommitSequence,
    ) {
        let bytes = rules.as_ref().map_or(0, |rules| rules.memory_bytes());
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if read_at >= known.emptied_at {
            known.lifecycle.keep(name, rules, bytes);
        }
    }

    /// Told of each command of a batch that was committed at `committed`, before it is answered.
    pub fn forget_what_changes(&self, command: &Command, committed: CommitSequence) {
        if matches!(
            command,
            Command::CreateBucket(_)
                | Command::DeleteBucket { .. }
                | Command::SetBucketCors { .. }
                | Command::SetBucketVersioning { .. }
                | Command::SetBucketObjectLock { .. }
                | Command::SetBucketLifecycle(_)
                | Command::SetBucketAcl(_)
                | Command::SetBucketOwnership { .. }
                | Command::SetPublicAccessBlock { .. }
        ) {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            *known = Known { emptied_at: committed, ..Known::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::command::SetBucketAcl;
    use crate::types::{Acl, CorsMethod, CorsPattern, CorsRule, Timestamp};

    fn bucket(id: u64) -> Bucket {
        Bucket {
            id: BucketId(id),
            name: "pantry".parse().unwrap(),
            region: String::new(),
            owner: String::new(),
            created: Timestamp::from_unix_millis(0),
            versioning: Versioning::Never,
            object_lock: None,
            access: BucketAccess::default(),
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
        let enable = Command::SetBucketVersioning { bucket: BucketId(9), versioning: Versioning::Enabled };
        cache.forget_what_changes(&enable, CommitSequence(10));
        assert_eq!(cache.brief(&name), None);
        cache.fill(&bucket(9), CommitSequence(10));
        let lock = Command::SetBucketObjectLock { bucket: BucketId(9), configuration: Default::default() };
        cache.forget_what_changes(&lock, CommitSequence(11));
        assert_eq!(cache.get(&name), None);
        for (change, sequence) in [
            Command::SetBucketAcl(SetBucketAcl { bucket: BucketId(9), acl: Acl::PRIVATE, granted: None }),
            Command::SetBucketOwnership { bucket: BucketId(9), ownership: None },
            Command::SetPublicAccessBlock { bucket: BucketId(9), block: None },
        ]
        .into_iter()
        .zip(12..)
        {
            cache.fill(&bucket(9), CommitSequence(11));
            cache.forget_what_changes(&change, CommitSequence(sequence));
            assert_eq!(cache.brief(&name), None, "{change:?}");
        }
    }

    #[test]
    fn rules_for_other_origins_are_kept_until_they_change() {
        let cache = BucketCache::default();
        let name = bucket(1).name;
        assert_eq!(cache.cors(&name), None);
        cache.fill_cors(&name, &None, CommitSequence(3));
        assert_eq!(cache.cors(&name), Some(None), "that there are none is known too");
        cache.forget_what_changes(&Command::SetBucketCors { bucket: BucketId(1), cors: None }, CommitSequence(9));
        assert_eq!(cache.cors(&name), None);
        cache.fill_cors(&name, &None, CommitSequence(8));
        assert_eq!(cache.cors(&name), None, "the read may have seen the rules before");
    }

    #[test]
    fn rules_take_a_bounded_room() {
        let long = CorsPattern::try_from("h".repeat(60_000)).unwrap();
        let rule = CorsRule {
            id: None,
            origins: vec![long],
            methods: vec![CorsMethod::Get],
            allowed_headers: vec![],
            exposed_headers: vec![],
            max_age_seconds: None,
        };
        let cors = Some(Arc::new(CorsConfiguration::new(vec![rule]).unwrap()));
        let cache = BucketCache::default();
        for i in 0..1000 {
            cache.fill_cors(&format!("bucket-{i}").parse().unwrap(), &cors, CommitSequence(1));
            cache.fill_cors(&format!("bucket-{i}").parse().unwrap(), &cors, CommitSequence(1));
        }
        let known = cache.known.read().unwrap();
        let cors = &known.cors;
        assert!(cors.bytes <= RULES_MAX_BYTES && !cors.rules.is_empty(), "{}", cors.bytes);
        let counted: usize = cors.rules.values().flatten().map(|cors| cors.memory_bytes()).sum();
        assert_eq!(cors.bytes, counted);
    }

    #[test]
    fn other_commands_leave_it_alone() {
        let cache = BucketCache::default();
        cache.fill(&bucket(1), CommitSequence(3));
        cache.forget_what_changes(&Command::SetBucketTags { bucket: BucketId(1), tags: None }, CommitSequence(4));
        assert_eq!(cache.get(&bucket(1).name), Some(bucket(1)));
    }
}

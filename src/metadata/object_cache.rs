//! Current objects that were looked up: a GET of one that is known here wakes no thread of the database.
//!
//! A cached object is what every acknowledged command has left (DESIGN.md, "Metadata"): before it answers a command, the
//! writer takes the object that the command changes out, and a fill whose read began before that commit is dropped. It is
//! taken out before the commit's sequence is published, too: a read that registers at a sequence (invariant 5) never finds
//! here what that sequence has deleted. What is not there is never cached.

use super::{
    command::{
        AppendObject, Command, CompleteUpload, CopyObject, DeleteObject, ExpireKey, PutObject, RenameObject,
        SetObjectAcl, SetObjectLegalHold, SetObjectRetention,
    },
    rows::ObjectLookup,
};
use crate::types::{BucketId, ByteSize, ChunkRoot, CommitSequence, ObjectKey};
use quick_cache::{Equivalent, Weighter, unsync::Cache};
use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// A commit drops the fills that are under way in its shard: many shards, few needless drops.
const SHARDS: usize = 64;

#[derive(Debug)]
pub(super) struct ObjectCache {
    shards: Box<[Mutex<Shard>]>,
    choose: RandomState,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Counts since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookupStats {
    /// Look-ups of current objects that were answered without the database.
    pub hits: u64,
    pub misses: u64,
}

#[derive(Debug)]
struct Shard {
    /// The newest commit that changed an object of this shard.
    changed_at: CommitSequence,
    objects: Cache<Name, ObjectLookup, MemoryWeight>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name {
    bucket: BucketId,
    key: ObjectKey,
}

/// The same, to ask with. Hashes as `Name` does: field by field, in this order.
#[derive(Hash)]
struct NameRef<'a> {
    bucket: BucketId,
    key: &'a ObjectKey,
}

impl Equivalent<Name> for NameRef<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        self.bucket == name.bucket && *self.key == name.key
    }
}

/// Weighs an entry in bytes of memory, roughly.
#[derive(Clone, Debug)]
struct MemoryWeight;

impl Weighter<Name, ObjectLookup> for MemoryWeight {
    fn weight(&self, name: &Name, found: &ObjectLookup) -> u64 {
        /// The cache's own slot, the heads of allocations.
        const OVERHEAD_BYTES: usize = 256;
        let object = &found.object;
        let user: usize = object.headers.user.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
        let tags: usize = object.tags.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
        let roots: usize = found.extents.iter().map(|extent| extent.roots.len()).sum();
        let extents = size_of_val(&*found.extents) + roots * ChunkRoot::LENGTH;
        let bytes = size_of_val(&**object) + 2 * name.key.as_bytes().len() + user + tags + extents + OVERHEAD_BYTES;
        bytes as u64
    }
}

impl ObjectCache {
    /// `size` is what the cached objects may weigh together; with 0 nothing is kept.
    pub fn new(size: ByteSize) -> Self {
        /// A small object with a key of usual length.
        const USUAL_BYTES: u64 = 1024;
        let shard_bytes = size.bytes() / SHARDS as u64;
        let shard = || Shard {
            changed_at: CommitSequence(0),
            objects: Cache::with_weighter((shard_bytes / USUAL_BYTES) as usize, shard_bytes, MemoryWeight),
        };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            choose: RandomState::new(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub fn get(&self, bucket: BucketId, key: &ObjectKey) -> Option<ObjectLookup> {
        let name = NameRef { bucket, key };
        let found = self.shard(&name).objects.get(&name).cloned();
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Keeps what a read of the current version found, extents from the first byte on, that began when `read_at` was the
    /// newest commit.
    pub fn fill(&self, bucket: BucketId, found: &ObjectLookup, read_at: CommitSequence) {
        let key = &found.object.key;
        let mut shard = self.shard(&NameRef { bucket, key });
        if read_at >= shard.changed_at {
            shard.objects.insert(Name { bucket, key: key.clone() }, found.clone());
        }
    }

    /// Told of each command of a batch that was committed at `committed`, before it is answered.
    pub fn forget_what_changes(&self, command: &Command, committed: CommitSequence) {
        match objects_changed_by(command) {
            Changed::Nothing => {}
            Changed::One(bucket, key) => self.forget(bucket, key, committed),
            Changed::Two(bucket, keys) => keys.into_iter().for_each(|key| self.forget(bucket, key, committed)),
            Changed::Many => {
                for shard in &self.shards {
                    let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                    shard.changed_at = committed;
                    shard.objects.clear();
                }
            }
        }
    }

    fn forget(&self, bucket: BucketId, key: &ObjectKey, committed: CommitSequence) {
        let name = NameRef { bucket, key };
        let mut shard = self.shard(&name);
        shard.changed_at = committed;
        shard.objects.remove(&name);
    }

    pub fn stats(&self) -> LookupStats {
        LookupStats { hits: self.hits.load(Ordering::Relaxed), misses: self.misses.load(Ordering::Relaxed) }
    }

    fn shard(&self, name: &NameRef<'_>) -> MutexGuard<'_, Shard> {
        let shard = self.choose.hash_one(name) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose look-ups a command may change.
enum Changed<'a> {
    Nothing,
    One(BucketId, &'a ObjectKey),
    Two(BucketId, [&'a ObjectKey; 2]),
    /// More than are worth looking for one by one.
    Many,
}

/// The objects whose look-up the command may change. Without a wildcard: who adds a command decides.
fn objects_changed_by(command: &Command) -> Changed<'_> {
    match command {
        Command::RenamePrefix(_) => Changed::Many,
        Command::RenameObject(RenameObject { bucket, source, destination, .. }) => {
            Changed::Two(*bucket, [source, destination])
        }
        Command::PutObject(PutObject { bucket, key, .. })
        | Command::AppendObject(AppendObject { put: PutObject { bucket, key, .. }, .. })
        | Command::CopyObject(CopyObject { bucket, key, .. })
        | Command::DeleteObject(DeleteObject { bucket, key, .. })
        | Command::SetObjectTags { bucket, key, .. }
        | Command::SetObjectRetention(SetObjectRetention { bucket, key, .. })
        | Command::SetObjectLegalHold(SetObjectLegalHold { bucket, key, .. })
        | Command::SetObjectAcl(SetObjectAcl { bucket, key, .. })
        | Command::ExpireKey(ExpireKey { bucket, key, .. })
        | Command::CompleteUpload(CompleteUpload { bucket, key, .. }) => Changed::One(*bucket, key),
        // A bucket is made and deleted without objects.
        Command::CreateBucket(_)
        | Command::DeleteBucket { .. }
        | Command::SetBucketTags { .. }
        | Command::SetBucketCors { .. }
        | Command::SetBucketWebsite { .. } => Changed::Nothing,
        // What is there stays as it is; what a bucket says about lists is not kept here.
        Command::SetBucketVersioning { .. }
        | Command::SetBucketObjectLock { .. }
        | Command::SetBucketLifecycle(_)
        | Command::SetBucketAcl(_)
        | Command::SetBucketOwnership { .. }
        | Command::SetPublicAccessBlock { .. } => Changed::Nothing,
        // Only when the rules are asked again.
        Command::ScheduleKeys(_) | Command::ForgetDueKeys(_) => Changed::Nothing,
        // Parts are nobody's object yet.
        Command::CreateUpload(_) | Command::PutPart(_) | Command::CopyPart(_) | Command::AbortUpload { .. } => {
            Changed::Nothing
        }
        Command::ForgetCompletedUploads { .. } => Changed::Nothing,
        // Contents that no version names, and their blobs.
        Command::UnrollDeletedContents { .. } | Command::FinishDeletions { .. } => Changed::Nothing,
        // A look-up says in which group a blob is, which never changes, and not who has it.
        Command::BeginTerm { .. }
        | Command::RegisterNode(_)
        | Command::SetNodeState { .. }
        | Command::SetNodeDuty { .. }
        | Command::CreateGroups { .. }
        | Command::ReplaceMember(_)
        | Command::NoteArrivalListed { .. }
        | Command::FinishArrival { .. }
        | Command::ForgetFormerMember { .. }
        | Command::MarkMissing { .. }
        | Command::MarkRepaired { .. } => Changed::Nothing,
        Command::CreateAccessKey(_)
        | Command::SetAccessKeyEnabled { .. }
        | Command::DeleteAccessKey { .. }
        | Command::SaveJobState(_)
        | Command::ConfirmHistory { .. } => Changed::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metadata::{command::VersionSelector, rows::ObjectVersion},
        types::{ETag, Timestamp, VersionId},
    };
    use std::sync::Arc;

    const BUCKET: BucketId = BucketId(1);

    fn found(key: &str, size: u64) -> ObjectLookup {
        let object = ObjectVersion {
            key: ObjectKey::new(key).unwrap(),
            version: VersionId::from_bytes([0; 16]),
            is_null: true,
            is_latest: true,
            is_delete_marker: false,
            created: Timestamp::from_unix_millis(0),
            owner: "root".into(),
            size,
            etag: ETag::from_md5([0; 16]),
            checksum: None,
            headers: Default::default(),
            tags: Default::default(),
            part_count: None,
            content: None,
            lock: Default::default(),
            acl: Default::default(),
        };
        ObjectLookup { object: Arc::new(object), extents: Arc::default(), next_offset: None }
    }

    fn change(key: &str) -> Command {
        let key = ObjectKey::new(key).unwrap();
        Command::SetObjectTags { bucket: BUCKET, key, version: VersionSelector::Latest, tags: Default::default() }
    }

    #[test]
    fn a_fill_whose_read_began_before_the_change_is_dropped() {
        let cache = ObjectCache::new(ByteSize::mib(1));
        let (old, new) = (found("a", 1), found("a", 2));
        cache.fill(BUCKET, &old, CommitSequence(3));
        assert_eq!(cache.get(BUCKET, &old.object.key), Some(old.clone()));
        assert_eq!(cache.get(BucketId(2), &old.object.key), None);
        cache.forget_what_changes(&change("a"), CommitSequence(9));
        assert_eq!(cache.get(BUCKET, &old.object.key), None);
        cache.fill(BUCKET, &old, CommitSequence(8));
        assert_eq!(cache.get(BUCKET, &old.object.key), None, "the read may have seen what is gone");
        cache.fill(BUCKET, &new, CommitSequence(9));
        assert_eq!(cache.get(BUCKET, &old.object.key), Some(new));
        assert_eq!(cache.stats(), LookupStats { hits: 2, misses: 3 });
    }

    #[test]
    fn what_is_kept_weighs_no_more_than_allowed() {
        let size = ByteSize::mib(1);
        let cache = ObjectCache::new(size);
        for number in 0..20_000 {
            cache.fill(BUCKET, &found(&format!("{number}/{}", "k".repeat(900)), 1), CommitSequence(1));
        }
        let weight: u64 = cache.shards.iter().map(|shard| shard.lock().unwrap().objects.weight()).sum();
        assert!(weight > size.bytes() / 2 && weight <= size.bytes(), "{weight}");
        let none = ObjectCache::new(ByteSize::mib(0));
        none.fill(BUCKET, &found("a", 1), CommitSequence(1));
        assert_eq!(none.get(BUCKET, &found("a", 1).object.key), None);
    }
}

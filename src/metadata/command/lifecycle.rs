//! Commands on what goes by itself: which keys the rules are to be asked about again, and what they said.

use crate::types::{
    BucketId, CommitSequence, LifecycleConfiguration, ObjectKey, Timestamp, UploadId, VersionId, VersionName,
};
use serde::{Deserialize, Serialize};

/// Afterwards the bucket has these rules and no others, and all that they could be about is to be gone through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetBucketLifecycle {
    pub bucket: BucketId,
    pub lifecycle: Option<LifecycleConfiguration>,
    /// How many milliseconds after a write the rules are to be asked about its key. `None`: no rule is enabled.
    pub soonest_millis: Option<u64>,
}

/// Afterwards these keys are looked at at these times or before, and the walk over the bucket goes on behind `walked`,
/// or is over. Refused when the rules are no longer those of the commit `rules`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleKeys {
    pub bucket: BucketId,
    pub rules: CommitSequence,
    pub keys: Vec<(ObjectKey, Timestamp)>,
    /// `None`: everything has been gone through.
    pub walked: Option<WalkPlace>,
}

/// How far a walk over a bucket's keys has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkPlace {
    pub stage: WalkStage,
    /// Under which of the prefixes that the rules name: the proposer knows which that is.
    pub prefix: u32,
    /// The last key under it that was gone through.
    pub after: Option<ObjectKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WalkStage {
    Versions,
    Uploads,
}

/// Afterwards what the rules want of one key is done. It was found out from the key as the commit `seen` left it, and
/// from the rules of the commit `rules`: where another one has changed either since, the command is refused and nothing
/// changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpireKey {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub rules: CommitSequence,
    pub seen: CommitSequence,
    pub actions: Vec<ExpireAction>,
    /// When the rules are to be asked again, if there is nothing to do now. `None`: not before the key changes.
    pub next: Option<Timestamp>,
    /// When they are to be asked again about what may not go yet.
    pub retry: Timestamp,
    /// Of a delete marker that is made.
    pub owner: String,
    pub at: Timestamp,
}

impl ExpireKey {
    /// Bound of the actions of one command: some ten milliseconds of the database.
    pub const ACTIONS_MAX: usize = 250;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExpireAction {
    /// The current version goes as by a DeleteObject without a version: where versions are kept, behind a delete
    /// marker.
    Current {
        sequence: CommitSequence,
        marker: VersionId,
    },
    /// The version, or delete marker, goes for good.
    Version {
        sequence: CommitSequence,
        name: VersionName,
    },
    AbortUpload {
        upload: UploadId,
    },
}

/// Afterwards at most `limit` more keys of a bucket without enabled rules, or of one that is gone, are not looked at
/// any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetDueKeys {
    pub bucket: BucketId,
    pub limit: u32,
}

//! What goes by itself (lifecycle rules): versions that expire, delete markers without anything behind them, uploads
//! that nobody completed. Source: Amazon S3 User Guide, "Managing the lifecycle of objects".
//!
//! # How what is due is found
//!
//! A task that looked at every object again and again would read a million rows to find ten, and an index over the
//! times of all versions would cost every write of every bucket, and still not know of tags, of successors or of how
//! many versions are newer. So the metadata keeps a list of *keys to look at* (`lifecycle_due`), of buckets with rules
//! alone: each write puts its key there, for the earliest time at which something of it can be due (`day::soonest`,
//! worked out once when the rules are set), and each change that may make old things due does so for at once. One more
//! row for a write in such a bucket; nothing at all for a write in any other.
//!
//! At its time a key is looked at (`look`): its versions and uploads are read, the rules are asked (`judge`, pure), and
//! one command (`ExpireKey`) does what they want and says when to look again, or never. A key that no rule is about is
//! looked at once after it was written and then no more; one that has a year to live once, a year from now. So the work
//! follows the number of keys that are due.
//!
//! When rules are set, what is there already is gone through once (`step::walk`), in pages, only under the prefixes
//! that rules name, with the place kept in the metadata: this is the only pass over a bucket that there is.
//!
//! # What holds when it is done
//!
//! Between the look and the commit anything may happen. The row in the list carries the commit that changed the key
//! last, and the bucket the one that set its rules; the command names both as they were at the look, and does nothing
//! when either is another by now (`metadata/apply/lifecycle.rs`). So an overwrite, a new tag, a version that was
//! deleted or rules that were taken back win over what was decided before. What may not go (a lock) stays, is counted,
//! and is looked at again after a day.
//!
//! Nothing here is kept in memory: a restart, or a step that is dropped in the middle, goes on from the metadata.

mod day;
mod expiry;
mod judge;
#[cfg(test)]
mod judge_tests;
mod look;
mod preview;
mod step;

pub(super) use day::DayLength;
pub use expiry::Expiry;
#[cfg(test)]
pub(super) use judge::{Judge, What};
pub use preview::{ExpiryKind, LifecyclePreview, PreviewedKind, WouldGo};
pub use step::ExpireObjects;

use super::{ObjectError, Objects, handle::unexpected};
use crate::{
    metadata::{Command, Outcome, command::SetBucketLifecycle},
    types::{BucketName, LifecycleConfiguration},
};
use std::sync::Arc;

/// Beyond it what is due is not counted: a person only sees that it is much.
const COUNTED_MAX: u32 = 100_000;

impl Objects {
    /// Keys that rules are to be asked about now.
    pub async fn count_due_keys(&self) -> Result<u64, ObjectError> {
        Ok(self.metadata.count_due_keys(self.now(), COUNTED_MAX).await?)
    }

    pub async fn bucket_lifecycle(&self, name: &BucketName) -> Result<Arc<LifecycleConfiguration>, ObjectError> {
        self.bucket(name).await?;
        self.metadata.bucket_lifecycle(name).await?.ok_or(ObjectError::NoSuchLifecycleConfiguration)
    }

    /// `None` removes the rules. Rules without an id get one.
    pub async fn set_bucket_lifecycle(
        &self,
        name: &BucketName,
        mut rules: Option<LifecycleConfiguration>,
    ) -> Result<(), ObjectError> {
        let bucket = self.bucket(name).await?;
        if let Some(rules) = &mut rules {
            rules.name_nameless(|| self.new_version_id().to_string());
        }
        let soonest_millis = rules.as_ref().and_then(|rules| day::soonest(rules, self.lifecycle_day));
        let command = SetBucketLifecycle { bucket: bucket.id, lifecycle: rules, soonest_millis };
        match self.propose(Command::SetBucketLifecycle(command)).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

//! What answers say of the future: `x-amz-expiration`, and `x-amz-abort-date` of uploads. In real days, whatever the
//! length of a day is that the rules are carried out by: it is a date. Source: Amazon S3 API Reference, "PutObject",
//! "CreateMultipartUpload".

use super::{
    day::DayLength,
    judge::{self, Due},
};
use crate::{
    objects::{ObjectError, Objects, WrittenVersion},
    types::{BucketName, LifecycleConfiguration, LifecycleRule, ObjectKey, TagSet, Timestamp},
};

/// When something goes, and the id of the rule that wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    pub at: Timestamp,
    pub rule: String,
}

impl From<Due<'_>> for Expiry {
    fn from(due: Due<'_>) -> Self {
        Self { at: due.at, rule: due.rule.to_owned() }
    }
}

impl Objects {
    /// When the object expires, if it stays the current version.
    pub async fn expiry_of(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        created: Timestamp,
        size: u64,
        tags: &TagSet,
    ) -> Result<Option<Expiry>, ObjectError> {
        let Some(rules) = self.metadata.bucket_lifecycle(bucket).await? else { return Ok(None) };
        let due = judge::expiry(&about(&rules, key), DayLength::REAL, created, size, tags);
        Ok(due.map(Expiry::from))
    }

    /// The same of what was just written, whose tags came from elsewhere than the request: they are read where a rule
    /// asks.
    pub async fn expiry_of_written(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        written: &WrittenVersion,
    ) -> Result<Option<Expiry>, ObjectError> {
        let Some(rules) = self.metadata.bucket_lifecycle(bucket).await? else { return Ok(None) };
        let rules = about(&rules, key);
        let mut tags = TagSet::default();
        if rules.iter().any(|rule| !rule.filter.tags.is_empty()) {
            let bucket = self.bucket(bucket).await?;
            match self.current_version(bucket.id, key).await? {
                Some(current) if current.version == written.version => tags = current.tags.clone(),
                // Another write came after it: this one is not current any more.
                _ => return Ok(None),
            }
        }
        Ok(judge::expiry(&rules, DayLength::REAL, written.created, written.size, &tags).map(Expiry::from))
    }

    /// When the upload is aborted, if it is not completed before.
    pub async fn abort_of(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        initiated: Timestamp,
    ) -> Result<Option<Expiry>, ObjectError> {
        let Some(rules) = self.metadata.bucket_lifecycle(bucket).await? else { return Ok(None) };
        Ok(judge::abort(&about(&rules, key), DayLength::REAL, initiated).map(Expiry::from))
    }
}

fn about<'a>(rules: &'a LifecycleConfiguration, key: &ObjectKey) -> Vec<&'a LifecycleRule> {
    rules.enabled().filter(|rule| key.as_str().starts_with(rule.filter.prefix())).collect()
}

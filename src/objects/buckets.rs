//! Buckets: create, delete, look at one, list. Source: Amazon S3 API Reference, "CreateBucket", "ListBuckets".

use super::{ObjectError, Objects, handle::unexpected, tokens};
use crate::{
    metadata::{
        Command, Outcome,
        command::CreateBucket,
        rows::{Bucket, BucketUsage, ListMarker},
    },
    types::{Acl, BucketName, ObjectLockConfiguration, ObjectOwnership, TagSet, Versioning},
};

/// Rows that are counted at a time.
const USAGE_PAGE: u32 = 10_000;

/// Buckets on one page of ListBuckets. Amazon S3 API Reference: 10 000.
pub const BUCKETS_PAGE_MAX: u32 = 10_000;

#[derive(Clone, Debug)]
pub struct CreateBucketInput {
    pub name: BucketName,
    /// The location constraint as the client gave it; empty for the default region.
    pub region: String,
    pub owner: String,
    pub tags: Option<TagSet>,
    pub object_lock: Option<ObjectLockConfiguration>,
    /// Private where the request says nothing.
    pub acl: Option<Acl>,
    pub ownership: Option<ObjectOwnership>,
}

impl CreateBucketInput {
    /// Whether a bucket that is there is what was asked for.
    fn is_met_by(&self, bucket: &Bucket) -> bool {
        (self.object_lock.is_none() || bucket.object_lock.is_some())
            && self.acl.is_none_or(|acl| acl == bucket.access.acl)
            && self.ownership.is_none_or(|ownership| bucket.access.rules.ownership == Some(ownership))
    }
}

#[derive(Clone, Debug, Default)]
pub struct ListBucketsInput {
    pub prefix: String,
    pub token: Option<String>,
    /// `None`: everything at once, as S3 answers clients that don't page.
    pub limit: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct BucketPage {
    pub buckets: Vec<Bucket>,
    pub next_token: Option<String>,
}

impl Objects {
    /// Creating a bucket that one owns already succeeds and changes nothing, as S3 does in us-east-1. (S3 takes its
    /// access control list back there, which nobody who repeats a request can want.) Who asks for Object Lock, a list
    /// or an ownership that is not there gets no success that would be taken for one.
    pub async fn create_bucket(&self, input: CreateBucketInput) -> Result<(), ObjectError> {
        let command = Command::CreateBucket(CreateBucket {
            name: input.name.clone(),
            region: input.region.clone(),
            owner: input.owner.clone(),
            created: self.now(),
            tags: input.tags.clone(),
            object_lock: input.object_lock,
            acl: input.acl.unwrap_or_default(),
            ownership: input.ownership,
            buckets_max: self.buckets_max,
        });
        match self.propose(command).await {
            Ok(Outcome::BucketCreated { .. }) => Ok(()),
            Err(ObjectError::BucketAlreadyOwnedByYou) if input.is_met_by(&self.bucket(&input.name).await?) => Ok(()),
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(error),
        }
    }

    /// Only an empty bucket goes: no versions, no uploads under way.
    pub async fn delete_bucket(&self, name: &BucketName) -> Result<(), ObjectError> {
        let bucket = self.bucket(name).await?;
        match self.propose(Command::DeleteBucket { bucket: bucket.id }).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn set_versioning(&self, name: &BucketName, versioning: Versioning) -> Result<(), ObjectError> {
        let bucket = self.bucket(name).await?;
        match self.propose(Command::SetBucketVersioning { bucket: bucket.id, versioning }).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn head_bucket(&self, name: &BucketName) -> Result<Bucket, ObjectError> {
        self.bucket(name).await
    }

    /// Counted anew, page by page: in proportion to the versions in the bucket. What changes meanwhile may be counted or not.
    pub async fn bucket_usage(&self, bucket: &Bucket) -> Result<BucketUsage, ObjectError> {
        let (mut usage, mut after) = self.metadata.bucket_usage(bucket.id, None, USAGE_PAGE).await?;
        while let Some(key) = after {
            let (more, next) = self.metadata.bucket_usage(bucket.id, Some(&key), USAGE_PAGE).await?;
            usage = BucketUsage { objects: usage.objects + more.objects, bytes: usage.bytes + more.bytes };
            after = next;
        }
        Ok(usage)
    }

    /// More buckets than this can't be made.
    pub fn buckets_max(&self) -> u32 {
        self.buckets_max
    }

    pub async fn list_buckets(&self, input: &ListBucketsInput) -> Result<BucketPage, ObjectError> {
        let limit = input.limit.unwrap_or(BUCKETS_PAGE_MAX).min(BUCKETS_PAGE_MAX);
        let after = match &input.token {
            Some(token) => Some(after_token(token)?),
            None => None,
        };
        // One more than the page shows whether there is another page.
        let mut buckets = self.metadata.buckets(&input.prefix, after.as_deref(), limit + 1).await?;
        let is_truncated = buckets.len() > limit as usize;
        buckets.truncate(limit as usize);
        let last = buckets.last().filter(|_| is_truncated);
        let next_token = last.map(|bucket| tokens::encode(&ListMarker::Key(bucket.name.to_string())));
        Ok(BucketPage { buckets, next_token })
    }
}

fn after_token(token: &str) -> Result<String, ObjectError> {
    match tokens::decode(token) {
        Ok(ListMarker::Key(name)) => Ok(name),
        Ok(ListMarker::CommonPrefix(_)) | Err(tokens::InvalidToken) => Err(tokens::refused(token)),
    }
}

//! The source of a copy: found once before the copy, and read when a digest is needed that nobody has yet. The
//! command looks at it again inside its transaction, so what is found here only prepares.

use super::{
    ObjectError, Objects, ReadConditions, SourceConditions, TagCondition, VersionSelector,
    conditions::Unmet,
    digest::{BodyHasher, Digests},
    get::missing,
};
use crate::{
    cluster::{ContentReader, ReadGuard},
    metadata::{
        command::CopySource,
        rows::{Bucket, ObjectLookup, ReadFrom},
    },
    types::{BucketName, ChecksumAlgorithm, ObjectKey, VersionName},
};
use std::ops::Range;

/// What a copy copies.
#[derive(Clone, Debug)]
pub struct SourceInput {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub version: VersionSelector,
    /// `x-amz-copy-source-if-*`.
    pub conditions: ReadConditions,
}

/// A source as it was found. While it lives, its bytes are not reclaimed.
pub(super) struct FoundSource {
    pub bucket: Bucket,
    pub lookup: ObjectLookup,
    guard: ReadGuard,
}

impl Objects {
    pub(super) async fn find_source(&self, input: &SourceInput) -> Result<FoundSource, ObjectError> {
        let guard = self.cluster.begin_read();
        let bucket = self.bucket(&input.bucket).await?;
        let lookup = self.metadata.lookup(bucket.id, &input.key, input.version, ReadFrom::Offset(0)).await?;
        let lookup = lookup.ok_or_else(|| missing(input.version))?;
        if lookup.object.is_delete_marker {
            return Err(match input.version {
                VersionSelector::Latest => ObjectError::NoSuchKey,
                VersionSelector::Null | VersionSelector::Id(_) => ObjectError::SourceIsDeleteMarker,
            });
        }
        check_source(&input.conditions, &lookup)?;
        Ok(FoundSource { bucket, lookup, guard })
    }

    /// Hashes a slice of the source.
    pub(super) async fn hash_source(
        &self,
        source: FoundSource,
        range: Range<u64>,
        algorithm: ChecksumAlgorithm,
    ) -> Result<Digests, ObjectError> {
        let mut hasher = BodyHasher::new(&self.hashes, [algorithm]);
        let mut reader = source.read(self, range);
        while let Some(bytes) = reader.next().await {
            hasher.update(&bytes?).await;
        }
        Ok(hasher.finish().await)
    }
}

impl FoundSource {
    pub fn read(self, objects: &Objects, range: Range<u64>) -> ContentReader {
        objects.cluster.read(self.guard, &self.lookup, range)
    }

    /// What clients are told of its name: `x-amz-copy-source-version-id`.
    pub fn shown_version(&self) -> Option<VersionName> {
        self.lookup.object.shown(self.bucket.versioning)
    }

    /// What the command names. `pinned`: it must still be the version that was found here.
    pub fn named(&self, input: &SourceInput, pinned: Pinned) -> CopySource {
        CopySource {
            bucket: self.bucket.id,
            key: input.key.clone(),
            version: input.version,
            conditions: source_conditions(&input.conditions),
            expected_version: match pinned {
                Pinned::ToThisVersion => Some(self.lookup.object.version),
                Pinned::No => None,
            },
        }
    }
}

/// Whether something that was computed from the source goes into the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pinned {
    No,
    ToThisVersion,
}

/// Conditions on a source know no 304: what does not hold is a failed precondition.
fn check_source(conditions: &ReadConditions, lookup: &ObjectLookup) -> Result<(), ObjectError> {
    conditions.check(&lookup.object.etag, lookup.object.created).map_err(|unmet| ObjectError::PreconditionFailed {
        condition: match unmet {
            Unmet::Match => "x-amz-copy-source-If-Match",
            Unmet::UnmodifiedSince => "x-amz-copy-source-If-Unmodified-Since",
            Unmet::NoneMatch => "x-amz-copy-source-If-None-Match",
            Unmet::ModifiedSince => "x-amz-copy-source-If-Modified-Since",
        },
    })
}

/// The same conditions for the command. A star needs no tag: the source exists, or the copy fails anyway; and a
/// source that must not exist was refused above.
pub(super) fn source_conditions(conditions: &ReadConditions) -> SourceConditions {
    let tags = |condition: &Option<TagCondition>| match condition {
        Some(TagCondition::Tags(tags)) => Some(tags.clone()),
        Some(TagCondition::Any) | None => None,
    };
    let has_match = conditions.if_match.is_some();
    let has_none_match = conditions.if_none_match.is_some();
    SourceConditions {
        if_match: tags(&conditions.if_match),
        if_none_match: tags(&conditions.if_none_match),
        if_modified_since_seconds: conditions.if_modified_since_seconds.filter(|_| !has_none_match),
        if_unmodified_since_seconds: conditions.if_unmodified_since_seconds.filter(|_| !has_match),
    }
}

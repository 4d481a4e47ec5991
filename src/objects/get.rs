//! GetObject and HeadObject: one look-up, conditions, then which bytes. Source: Amazon S3 API Reference, "GetObject".

use super::{
    ByteRange, ObjectError, Objects, ReadConditions, VersionSelector, conditions::Unmet, error::NotModified,
    overtaken::unless_overtaken, reader::ObjectReader,
};
use crate::{
    identity::Permit,
    metadata::{
        BucketLookup, FoundVersion,
        rows::{ObjectVersion, ReadFrom, VersionPart},
    },
    types::{BucketId, BucketName, ObjectKey, VersionName},
};
use std::{ops::Range, sync::Arc};

#[derive(Clone, Debug)]
pub struct GetInput {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub version: VersionSelector,
    /// Decides about the very version that is read.
    pub permit: Permit,
    pub conditions: ReadConditions,
    pub selection: Selection,
}

/// Which bytes of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    Whole,
    Range(ByteRange),
    /// A part of a multipart object by its number; of any other object, number 1 is the whole.
    Part(u32),
}

/// A version that was found, and which of its bytes were asked for.
#[derive(Clone, Debug)]
pub struct FoundObject {
    pub object: Arc<ObjectVersion>,
    /// What clients are told of its name.
    pub version: Option<VersionName>,
    pub range: Range<u64>,
    pub selection: Selection,
    /// The part, when one was asked for and the object has parts.
    pub part: Option<VersionPart>,
}

impl FoundObject {
    /// Whether the answer is 206: a range or a part was asked for.
    pub fn is_partial(&self) -> bool {
        !matches!(self.selection, Selection::Whole)
    }
}

impl Objects {
    pub async fn head(&self, input: &GetInput) -> Result<FoundObject, ObjectError> {
        unless_overtaken(|| self.try_head(input)).await
    }

    pub(super) async fn try_head(&self, input: &GetInput) -> Result<FoundObject, ObjectError> {
        let found = self.look_up(input, ReadFrom::Nothing).await?;
        self.select(input, &found).await
    }

    /// The reader gives exactly the bytes of the range, or an error; it keeps them from being reclaimed while it lives.
    /// When it is there, its first bytes are there and verified.
    pub async fn get(&self, input: &GetInput) -> Result<(FoundObject, ObjectReader), ObjectError> {
        unless_overtaken(|| self.try_get(input)).await
    }

    async fn try_get(&self, input: &GetInput) -> Result<(FoundObject, ObjectReader), ObjectError> {
        let guard = self.cluster.begin_read();
        let from = match input.selection {
            Selection::Whole | Selection::Part(_) => ReadFrom::Offset(0),
            // The whole may be the answer.
            Selection::Range(_) if input.conditions.if_range.is_some() => ReadFrom::Offset(0),
            Selection::Range(range) => range.read_from(),
        };
        let version = self.look_up(input, from).await?;
        let found = self.select(input, &version).await?;
        let reader = ObjectReader::begin(self.cluster.read(guard, &version.lookup, found.range.clone())).await?;
        Ok((found, reader))
    }

    async fn look_up(&self, input: &GetInput, from: ReadFrom) -> Result<FoundVersion, ObjectError> {
        self.find_version(&input.bucket, &input.key, input.version, from, input.permit).await
    }

    /// A version that is no delete marker, and that the permit covers. Who may not list the bucket is not told what is there.
    pub(super) async fn find_version(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionSelector,
        from: ReadFrom,
        permit: Permit,
    ) -> Result<FoundVersion, ObjectError> {
        let found = match self.metadata.lookup_in(bucket, key, version, from).await? {
            BucketLookup::Found(found) => found,
            BucketLookup::NoSuchBucket => return Err(ObjectError::NoSuchBucket),
            BucketLookup::NoSuchKey { access } if permit.may_miss(access) => return Err(missing(version)),
            BucketLookup::NoSuchKey { .. } => return Err(ObjectError::AccessDenied),
        };
        let object = &found.lookup.object;
        match object.is_delete_marker {
            true if permit.may_miss(found.access) => Err(delete_marker(version, object)),
            false if permit.covers_version(object.acl, found.access) => Ok(found),
            true | false => Err(ObjectError::AccessDenied),
        }
    }

    /// The bytes that the request means, once its conditions hold.
    async fn select(&self, input: &GetInput, found: &FoundVersion) -> Result<FoundObject, ObjectError> {
        let object = found.lookup.object.clone();
        input.conditions.check(&object.etag, object.created).map_err(|unmet| refusal(unmet, &object))?;
        let selection = match input.selection {
            Selection::Range(_) if !input.conditions.allow_range(&object.etag, object.created) => Selection::Whole,
            other => other,
        };
        let (range, part) = match selection {
            Selection::Whole => (0..object.size, None),
            Selection::Range(range) => {
                let invalid = |_| ObjectError::InvalidRange { size: object.size };
                (range.resolve(object.size).map_err(invalid)?, None)
            }
            Selection::Part(number) => self.select_part(&object, number).await?,
        };
        let version = object.shown(found.versioning);
        Ok(FoundObject { object, version, range, selection, part })
    }

    async fn select_part(
        &self,
        object: &ObjectVersion,
        number: u32,
    ) -> Result<(Range<u64>, Option<VersionPart>), ObjectError> {
        let Some(part_count) = object.part_count else {
            return match number {
                1 => Ok((0..object.size, None)),
                _ => Err(ObjectError::NoSuchPartNumber { part_number: number, part_count: 1 }),
            };
        };
        let next = self.parts(object, number.saturating_sub(1), 1).await?;
        let part = next.into_iter().find(|part| part.part_number == number);
        let part = part.ok_or(ObjectError::NoSuchPartNumber { part_number: number, part_count })?;
        Ok((part.offset..part.offset + part.size, Some(part)))
    }

    /// The current version of a key, if there is one that is no delete marker.
    pub(super) async fn current_version(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<Option<Arc<ObjectVersion>>, ObjectError> {
        let lookup = self.metadata.lookup(bucket, key, VersionSelector::Latest, ReadFrom::Nothing).await?;
        Ok(lookup.map(|lookup| lookup.object).filter(|object| !object.is_delete_marker))
    }
}

fn refusal(unmet: Unmet, object: &ObjectVersion) -> ObjectError {
    match unmet {
        Unmet::Match => ObjectError::PreconditionFailed { condition: "If-Match" },
        Unmet::UnmodifiedSince => ObjectError::PreconditionFailed { condition: "If-Unmodified-Since" },
        Unmet::NoneMatch | Unmet::ModifiedSince => ObjectError::NotModified(Box::new(NotModified {
            etag: object.etag.clone(),
            modified: object.created,
            cache_control: object.headers.system.cache_control.clone(),
            expires: object.headers.system.expires.clone(),
        })),
    }
}

/// What S3 answers for a key or version that is not there.
pub(super) fn missing(version: VersionSelector) -> ObjectError {
    match version {
        VersionSelector::Latest => ObjectError::NoSuchKey,
        VersionSelector::Null | VersionSelector::Id(_) => ObjectError::NoSuchVersion,
    }
}

fn delete_marker(asked: VersionSelector, marker: &ObjectVersion) -> ObjectError {
    let (version, modified) = (marker.name(), marker.created);
    match asked {
        VersionSelector::Latest => ObjectError::CurrentIsDeleteMarker { version, modified },
        VersionSelector::Null | VersionSelector::Id(_) => ObjectError::VersionIsDeleteMarker { version, modified },
    }
}

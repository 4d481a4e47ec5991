//! GetObjectAttributes: what HEAD says, and the parts of a multipart object. Source: Amazon S3 API Reference,
//! "GetObjectAttributes".

use super::{
    ObjectError, Objects,
    get::{FoundObject, GetInput},
    overtaken::unless_overtaken,
};
use crate::{
    metadata::rows::{ObjectVersion, VersionPart},
    types::VersionName,
};
use std::sync::Arc;

/// Parts on one page. Amazon S3 API Reference: 1000.
pub const PARTS_PAGE_MAX: u32 = 1000;

/// Which parts to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartPageInput {
    /// Only parts with a higher number.
    pub after_part: u32,
    pub limit: u32,
}

#[derive(Clone, Debug)]
pub struct ObjectAttributes {
    pub object: Arc<ObjectVersion>,
    /// What clients are told of its name.
    pub version: Option<VersionName>,
    /// Of a multipart object, when parts were asked for.
    pub parts: Option<PartPage<VersionPart>>,
}

/// Parts in ascending order.
#[derive(Clone, Debug)]
pub struct PartPage<T> {
    pub parts: Vec<T>,
    pub is_truncated: bool,
}

impl<T> PartPage<T> {
    /// `parts` holds one more than the page when there is another page. A page of nothing has no next: whoever follows
    /// it would never arrive.
    pub(super) fn of(mut parts: Vec<T>, limit: u32) -> Self {
        let is_truncated = limit > 0 && parts.len() > limit as usize;
        parts.truncate(limit as usize);
        Self { parts, is_truncated }
    }
}

impl Objects {
    /// `parts`: none when the client did not ask for them.
    pub async fn attributes(
        &self,
        input: &GetInput,
        parts: Option<PartPageInput>,
    ) -> Result<ObjectAttributes, ObjectError> {
        unless_overtaken(|| self.try_attributes(input, parts)).await
    }

    async fn try_attributes(
        &self,
        input: &GetInput,
        parts: Option<PartPageInput>,
    ) -> Result<ObjectAttributes, ObjectError> {
        let FoundObject { object, version, .. } = self.try_head(input).await?;
        let parts = match parts.filter(|_| object.part_count.is_some()) {
            Some(page) => {
                let limit = page.limit.min(PARTS_PAGE_MAX);
                Some(PartPage::of(self.parts(&object, page.after_part, limit + 1).await?, limit))
            }
            None => None,
        };
        Ok(ObjectAttributes { object, version, parts })
    }

    /// Parts of a version that was found, in order. None of one that was put whole.
    pub(super) async fn parts(
        &self,
        object: &ObjectVersion,
        after_part: u32,
        limit: u32,
    ) -> Result<Vec<VersionPart>, ObjectError> {
        let Some(content) = object.content else { return Ok(Vec::new()) };
        let mut parts = self.metadata.content_parts(content, after_part, limit).await?.ok_or(ObjectError::Overtaken)?;
        // What was appended since the object was looked up is none of its parts.
        parts.retain(|part| part.offset + part.size <= object.size);
        Ok(parts)
    }
}

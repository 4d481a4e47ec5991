//! ListObjectVersions. A bucket without versioning shows each object as its `null` version. Source: Amazon S3 API
//! Reference, "ListObjectVersions".

use super::{
    ObjectError, Objects, VersionSelector,
    list::{LIST_PAGE_MAX, marker_text, next_of},
    tokens,
};
use crate::{
    metadata::rows::{ListEntry, ListedVersion, VersionMarker},
    types::BucketName,
};

#[derive(Clone, Debug)]
pub struct ListVersionsInput {
    pub bucket: BucketName,
    pub prefix: String,
    /// Empty: none.
    pub delimiter: String,
    /// Empty: from the beginning.
    pub key_marker: String,
    pub version_marker: Option<VersionSelector>,
    pub limit: u32,
}

#[derive(Clone, Debug)]
pub struct VersionPage {
    pub entries: Vec<ListEntry<ListedVersion>>,
    pub next: Option<NextVersion>,
}

/// `NextKeyMarker` and `NextVersionIdMarker`.
#[derive(Clone, Debug, PartialEq)]
pub struct NextVersion {
    pub key: String,
    /// Absent behind a common prefix.
    pub version: Option<VersionSelector>,
}

impl Objects {
    pub async fn list_versions(&self, input: ListVersionsInput) -> Result<VersionPage, ObjectError> {
        let bucket = self.bucket(&input.bucket).await?;
        let limit = input.limit.min(LIST_PAGE_MAX);
        if limit == 0 {
            return Ok(VersionPage { entries: Vec::new(), next: None });
        }
        let after = (!input.key_marker.is_empty()).then(|| VersionMarker {
            after: tokens::marker_from_text(&input.key_marker, &input.prefix, &input.delimiter),
            version: input.version_marker,
        });
        let page =
            self.metadata.list_versions(bucket.id, &input.prefix, &input.delimiter, after.as_ref(), limit).await?;
        let next = next_of(&page, |version| version.object.key.as_str()).map(|marker| NextVersion {
            key: marker_text(&marker).to_owned(),
            version: match page.entries.last() {
                Some(ListEntry::Item(version)) if version.is_null => Some(VersionSelector::Null),
                Some(ListEntry::Item(version)) => Some(VersionSelector::Id(version.version)),
                Some(ListEntry::CommonPrefix(_)) | None => None,
            },
        });
        Ok(VersionPage { entries: page.entries, next })
    }
}

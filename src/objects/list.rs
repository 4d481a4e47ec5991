//! ListObjects and ListObjectsV2. Both page through the same query; they differ in how a client names the place where
//! it goes on. Source: Amazon S3 API Reference, "ListObjectsV2".

use super::{ObjectError, Objects, tokens};
use crate::{
    metadata::rows::{ListEntry, ListMarker, ListPage, ListQuery, ListedObject},
    types::BucketName,
};

/// Keys and common prefixes on one page of any list of keys. Amazon S3 API Reference: 1000; more is cut to it.
pub const LIST_PAGE_MAX: u32 = 1000;

#[derive(Clone, Debug)]
pub struct ListInput {
    pub bucket: BucketName,
    pub prefix: String,
    /// Empty: none.
    pub delimiter: String,
    pub position: ListPosition,
    pub limit: u32,
}

/// Where a list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListPosition {
    Start,
    /// `continuation-token`.
    Token(String),
    /// `start-after`.
    After(String),
    /// `marker` of the first version: a key, or a common prefix that the page before ended with.
    Marker(String),
}

#[derive(Clone, Debug)]
pub struct ObjectPage {
    pub entries: Vec<ListEntry<ListedObject>>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<ListMarker>,
}

impl ObjectPage {
    /// For `NextContinuationToken`.
    pub fn next_token(&self) -> Option<String> {
        self.next.as_ref().map(tokens::encode)
    }

    /// For `NextMarker`: the last key or common prefix of the page.
    pub fn next_marker(&self) -> Option<&str> {
        self.next.as_ref().map(marker_text)
    }
}

impl Objects {
    pub async fn list(&self, input: ListInput) -> Result<ObjectPage, ObjectError> {
        let after = match input.position {
            ListPosition::Start => None,
            ListPosition::Token(token) => Some(tokens::decode(&token).map_err(|_| tokens::refused(&token))?),
            ListPosition::After(key) => Some(ListMarker::Key(key)),
            ListPosition::Marker(text) => Some(tokens::marker_from_text(&text, &input.prefix, &input.delimiter)),
        };
        let bucket = self.bucket(&input.bucket).await?;
        let limit = input.limit.min(LIST_PAGE_MAX);
        if limit == 0 {
            return Ok(ObjectPage { entries: Vec::new(), next: None });
        }
        let query = ListQuery { bucket: bucket.id, prefix: input.prefix, delimiter: input.delimiter, after, limit };
        let page = self.metadata.list_objects(&query).await?;
        let next = next_of(&page, |object| object.key.as_str());
        Ok(ObjectPage { entries: page.entries, next })
    }
}

/// Behind the last entry of a page that has a successor.
pub(super) fn next_of<T>(page: &ListPage<T>, key_of: impl Fn(&T) -> &str) -> Option<ListMarker> {
    let last = page.entries.last().filter(|_| page.is_truncated)?;
    Some(match last {
        ListEntry::Item(item) => ListMarker::Key(key_of(item).to_owned()),
        ListEntry::CommonPrefix(prefix) => ListMarker::CommonPrefix(prefix.clone()),
    })
}

pub(super) fn marker_text(marker: &ListMarker) -> &str {
    match marker {
        ListMarker::Key(text) | ListMarker::CommonPrefix(text) => text,
    }
}

//! Before data that no row of `blobs` names is destroyed, all extents are gone through: one that names the blob all the same tells
//! that its row was lost, not that the data is garbage. There is no index from extents to blobs, which every PUT would
//! pay for, so one walk asks for all suspects together, and only when there are some.
//!
//! What the walk has not met in an extent is in none, also when extents come meanwhile. They are in the order of their contents,
//! which are numbered by commits: those that come lie ahead of the walk. A copy of an extent that it has passed was met there.

use super::error::ClusterError;
use crate::{
    metadata::{Metadata, rows::ExtentCursor},
    types::BlobId,
};
use std::{collections::HashSet, time::Duration};

/// Extents of one page: the node's inventories come in steps as long, some milliseconds.
const PAGE_EXTENTS: u32 = 2000;

/// A walk over all extents. Dropped in between, nothing is known.
#[derive(Debug)]
pub struct ExtentWalk {
    /// On the monotonic clock.
    began: Duration,
    /// In order, each once.
    asked: Vec<BlobId>,
    named: HashSet<BlobId>,
    after: Option<ExtentCursor>,
}

/// What a walk has found of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An extent names it.
    Named,
    /// None does, of those that there were since.
    UnnamedSince(Duration),
}

impl ExtentWalk {
    /// `None` when nothing is asked for.
    pub fn begin(at: Duration, mut asked: Vec<BlobId>) -> Option<Self> {
        asked.sort_unstable();
        asked.dedup();
        (!asked.is_empty()).then(|| Self { began: at, asked, named: HashSet::new(), after: None })
    }

    /// Goes on with one page; whether that was the last.
    pub async fn page(&mut self, metadata: &Metadata) -> Result<bool, ClusterError> {
        let page = metadata.extents_in_order(self.after, PAGE_EXTENTS).await?;
        for extent in &page {
            if self.asked.binary_search(&extent.blob).is_ok() {
                self.named.insert(extent.blob);
            }
        }
        let Some(last) = page.last() else { return Ok(true) };
        self.after = Some(last.place);
        Ok(page.len() < PAGE_EXTENTS as usize)
    }

    /// At the end; `None` of what was not asked for.
    pub fn finding(&self, blob: BlobId) -> Option<Finding> {
        self.asked.binary_search(&blob).ok()?;
        Some(if self.named.contains(&blob) { Finding::Named } else { Finding::UnnamedSince(self.began) })
    }

    /// Blobs that extents name.
    pub fn named(&self) -> impl Iterator<Item = BlobId> {
        self.named.iter().copied()
    }
}

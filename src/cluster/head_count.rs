//! Whether a node holds every chunk that it should, one by one: what the mere number of its chunks can't say, because
//! garbage that waits to be cleared counts too, and hides a loss of as many.
//!
//! A window of blobs is taken from the metadata, then the node's inventory is walked and what it shows is ticked off. What is
//! left goes on the repair list: these copies alone are looked at. Then the next window. Every step is one page of one of them.
//!
//! What happens meanwhile hides no loss, and accuses nobody for long:
//!
//! - The window is made before the walk. A blob that is written later is not in it, so it counts for nothing.
//! - What the node is known to lack is asked after the window's blobs were read and before the walk: such blobs are left out.
//!   They are on the repair list until the node has been seen to hold them.
//! - A blob that is deleted and cleared during the walk is left over; the repair list takes no blob that is not named any more,
//!   and none of a group that the node has left.
//! - Compaction moves chunks to where the walk comes last: it misses none, but may see one twice. So chunks are not counted: the
//!   marks of their indices are added up (`index_mark`), and one that is seen twice does not stand for another that is
//!   gone. Blobs of which the sum is odd are looked for again; those of which nothing was seen are gone.
//!
//! It says that records are there, not that their bytes are right: reads and repair check these.

use super::{Cluster, error::ClusterError};
use crate::{
    metadata::{
        Command,
        command::{BlobCopy, MissingReason},
    },
    node::api::{InventoryCursor, InventoryEntry, NodeStatus, index_mark},
    types::{BlobId, NodeId},
};
use std::collections::HashSet;

/// Blobs of one step in the metadata: a few milliseconds of the database.
const BLOBS_PER_STEP: u32 = 1000;
/// Chunks of one page of the inventory: the node reads their headers, some milliseconds.
const PAGE_CHUNKS: u32 = 1000;
/// Blobs of a window: 32 MB. A node with more is walked several times.
const WINDOW_BLOBS: usize = 1 << 20;
/// Walks for blobs that were seen in part or too often. What is odd then is looked at copy by copy.
const WALKS_MAX: u32 = 3;

/// The count of one node; kept in memory between steps.
#[derive(Debug)]
pub struct HeadCount {
    /// How the node was when the count began.
    status: NodeStatus,
    /// How far windows have come in the metadata.
    after: Option<BlobId>,
    has_all: bool,
    missing_count: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Gather { window: Window },
    Walk { window: Window, from: Option<InventoryCursor>, walk: u32 },
    Mark { missing: Vec<BlobId> },
}

/// How far a count has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Busy,
    /// What is missing is on the repair list.
    Finished,
}

impl HeadCount {
    pub fn of(status: NodeStatus) -> Self {
        let stage = Stage::Gather { window: Window::default() };
        Self { status, after: None, has_all: false, missing_count: 0, stage }
    }

    pub fn status(&self) -> &NodeStatus {
        &self.status
    }

    /// One page. Dropping the future loses nothing: the page is asked for again.
    pub async fn step(&mut self, cluster: &Cluster) -> Result<Progress, ClusterError> {
        let node = self.status.node;
        match &mut self.stage {
            Stage::Gather { window } => {
                let page = gather(cluster, node, self.after, window).await?;
                self.after = page.last.or(self.after);
                self.has_all = page.is_end;
                if self.has_all || window.blobs.len() >= WINDOW_BLOBS {
                    self.stage = Stage::Walk { window: std::mem::take(window), from: None, walk: 1 };
                }
            }
            Stage::Walk { window, from, walk } => {
                let topology = cluster.membership().topology().load_full();
                let node = topology.node(node).ok_or(ClusterError::NoSuchNode)?;
                let asked = node.api.inventory(cluster.term(), *from, PAGE_CHUNKS).await;
                let page = asked.map_err(|error| ClusterError::Node(format!("{}: {error}", node.row.name)))?;
                page.blobs.iter().for_each(|entry| window.tick(entry));
                *from = page.next;
                if page.next.is_none() {
                    window.drop_whole();
                    if *walk < WALKS_MAX && window.has_odd() {
                        *walk += 1;
                        window.begin_again();
                    } else {
                        self.stage = Stage::Mark { missing: std::mem::take(window).rest() };
                    }
                }
            }
            Stage::Mark { missing } => {
                let batch = missing.len().saturating_sub(BLOBS_PER_STEP as usize);
                if let copies @ [_, ..] = &missing[batch..] {
                    let copies = copies.iter().map(|blob| BlobCopy { blob: *blob, node }).collect();
                    let command = Command::MarkMissing { copies, reason: MissingReason::InDoubt };
                    cluster.metadata().propose(command).await?;
                    self.missing_count += missing.len() - batch;
                    missing.truncate(batch);
                } else if self.has_all {
                    self.report();
                    return Ok(Progress::Finished);
                } else {
                    self.stage = Stage::Gather { window: Window::default() };
                }
            }
        }
        Ok(Progress::Busy)
    }

    fn report(&self) {
        if self.missing_count > 0 {
            let (node, blobs) = (self.status.node, self.missing_count);
            tracing::error!(%node, blobs, "the node holds less than it should: these copies are looked at");
        }
    }
}

struct Gathered {
    last: Option<BlobId>,
    is_end: bool,
}

/// Puts the next page of the blobs that the node should hold into the window.
async fn gather(
    cluster: &Cluster,
    node: NodeId,
    after: Option<BlobId>,
    window: &mut Window,
) -> Result<Gathered, ClusterError> {
    let page = cluster.metadata().counted_blobs(after, BLOBS_PER_STEP).await?;
    // At most the page's blobs come before its last one, so that one page of the list is enough.
    let from = after.map(|blob| BlobCopy { blob, node });
    let lacking = cluster.metadata().under_replicated(from, Some(node), BLOBS_PER_STEP).await?;
    let lacking: HashSet<BlobId> = lacking.iter().map(|row| row.blob).collect();
    let groups = cluster.membership().topology().load().groups_held_by(node);
    for blob in page.iter().filter(|blob| groups.contains(&blob.group) && !lacking.contains(&blob.blob)) {
        window.expect(blob.blob, blob.chunk_count);
    }
    Ok(Gathered { last: page.last().map(|blob| blob.blob), is_end: page.len() < BLOBS_PER_STEP as usize })
}

/// Blobs that are looked for, in their order.
#[derive(Debug, Default)]
struct Window {
    blobs: Vec<Expected>,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    blob: BlobId,
    /// Sum of its chunks' marks.
    wanted: u64,
    seen: u64,
}

impl Window {
    /// In the order of the blobs.
    fn expect(&mut self, blob: BlobId, chunk_count: u64) {
        let chunks = 0..u32::try_from(chunk_count).unwrap_or(u32::MAX);
        let wanted = chunks.fold(0, |sum: u64, index| sum.wrapping_add(index_mark(index)));
        self.blobs.push(Expected { blob, wanted, seen: 0 });
    }

    fn tick(&mut self, entry: &InventoryEntry) {
        if let Ok(place) = self.blobs.binary_search_by_key(&entry.blob, |expected| expected.blob) {
            let expected = &mut self.blobs[place];
            expected.seen = expected.seen.wrapping_add(entry.index_marks);
        }
    }

    fn drop_whole(&mut self) {
        self.blobs.retain(|expected| expected.seen != expected.wanted);
    }

    /// Whether blobs were seen in part or too often.
    fn has_odd(&self) -> bool {
        self.blobs.iter().any(|expected| expected.seen != 0)
    }

    fn begin_again(&mut self) {
        self.blobs.iter_mut().for_each(|expected| expected.seen = 0);
    }

    fn rest(self) -> Vec<BlobId> {
        self.blobs.into_iter().map(|expected| expected.blob).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{GroupId, Term};

    fn blob(number: u8) -> BlobId {
        BlobId::from_bytes([number; 16])
    }

    /// What a page of an inventory shows when these chunks of the blob are on it.
    fn entry(number: u8, chunks: &[u32]) -> InventoryEntry {
        InventoryEntry {
            blob: blob(number),
            group: GroupId(1),
            term: Term(1),
            chunk_count: u32::try_from(chunks.len()).unwrap(),
            chunk_limit: chunks.iter().max().unwrap() + 1,
            index_marks: chunks.iter().fold(0, |sum: u64, index| sum.wrapping_add(index_mark(*index))),
            bytes: 1,
        }
    }

    fn after_walk(chunk_counts: &[u64], seen: &[InventoryEntry]) -> Window {
        let mut window = Window::default();
        for (number, chunk_count) in (1..).zip(chunk_counts) {
            window.expect(blob(number), *chunk_count);
        }
        seen.iter().for_each(|entry| window.tick(entry));
        window.drop_whole();
        window
    }

    #[test]
    fn chunks_on_several_pages_make_a_whole_blob_and_strangers_count_for_nothing() {
        let window = after_walk(&[3, 1], &[entry(1, &[2, 0]), entry(9, &[0]), entry(2, &[0]), entry(1, &[1])]);
        assert_eq!(window.rest(), []);
    }

    /// Four places were seen for each of them, as many as there should be.
    #[test]
    fn a_chunk_that_was_seen_twice_does_not_stand_for_one_that_is_gone() {
        let window = after_walk(&[4, 4], &[entry(1, &[0, 3, 0, 3]), entry(2, &[0, 1, 2]), entry(2, &[2])]);
        assert!(window.has_odd());
        assert_eq!(window.rest(), [blob(1), blob(2)]);
    }

    #[test]
    fn a_blob_of_which_nothing_was_seen_is_gone_without_another_walk() {
        let mut window = after_walk(&[2, 2], &[entry(2, &[0, 1])]);
        assert!(!window.has_odd());
        window.begin_again();
        assert_eq!(window.rest(), [blob(1)]);
    }
}

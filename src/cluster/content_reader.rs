//! Reads a range of a content: verified bytes, piece by piece, the next fetched while one is with the client.
//!
//! When memory is short (`download_share.rs`) it gives out short copies, fetched one by one, so that it holds none of the
//! budget while its client takes its time.

use super::{
    error::ClusterError,
    fetch::Reads,
    plain_share::{Pieces, pieces_of},
    read_plan::{Fetch, come_to, next_fetch},
    read_registry::ReadGuard,
};
use crate::{
    metadata::rows::{ObjectLookup, PlacedExtent},
    runtime::{PIECE_LENGTH_BYTES, in_current_request},
    types::{BLOCK_LENGTH, ChunkKey, ContentId},
};
use bytes::Bytes;
use std::{collections::VecDeque, ops::Range, sync::Arc};
use tokio_util::task::AbortOnDropHandle;

/// Bytes fetched at once: big enough that the client's connection is fed in few writes, small enough that a slow client
/// holds little.
const FETCH_LENGTH_BYTES: u32 = 1 << 20;
/// Bytes given out at once when there is no memory to keep any: what each client that takes nothing may hold on top of the
/// budget. A block of 64 KiB is read and verified again for each of its slices of this length; that is the price.
const PASSING_LENGTH_BYTES: u32 = 16 * 1024;

/// A range of a content on its way to a client. Keeps what it reads from being reclaimed for as long as it lives.
#[derive(Debug)]
pub struct ContentReader {
    reads: Arc<Reads>,
    content: Option<ContentId>,
    /// Those that are needed from `at` on, as far as they are known.
    extents: VecDeque<PlacedExtent>,
    /// Where the next page of extents begins in the content.
    next_page: Option<u64>,
    /// What has not been asked for yet, in bytes of the content.
    range: Range<u64>,
    /// The piece behind the one that was given out last.
    ahead: Option<Ahead>,
    has_failed: bool,
    /// What the look-up found of extents is all, and is not the object that it found.
    is_contradictory: bool,
    guard: ReadGuard,
}

#[derive(Debug)]
struct Ahead {
    fetch: AbortOnDropHandle<Result<Bytes, ClusterError>>,
    chunk: ChunkKey,
}

/// Bytes with the memory that they are charged to: it comes back when the last slice of them is gone.
struct Charged {
    bytes: Bytes,
    _memory: Pieces,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl ContentReader {
    pub(super) fn new(reads: Arc<Reads>, mut guard: ReadGuard, lookup: &ObjectLookup, range: Range<u64>) -> Self {
        let touches = |extent: &&PlacedExtent| {
            extent.content_offset < range.end && extent.content_offset + extent.extent.length > range.start
        };
        guard.set_paging(lookup.next_offset.is_some_and(|next| next < range.end));
        Self {
            reads,
            content: lookup.object.content,
            extents: lookup.extents.iter().filter(touches).cloned().collect(),
            // The range may begin behind the page that the look-up found.
            next_page: lookup.next_offset.map(|offset| offset.max(range.start)),
            range,
            ahead: None,
            has_failed: false,
            is_contradictory: lookup.next_offset.is_none() && !come_to(lookup.object.size, &lookup.extents),
            guard,
        }
    }

    /// The next bytes, verified; `None` at the end. An error ends the stream: what was given out before it is right, but
    /// not all. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Bytes, ClusterError>> {
        if self.has_failed {
            return None;
        }
        let next = self.try_next().await.transpose();
        self.has_failed = matches!(next, Some(Err(_)));
        next
    }

    async fn try_next(&mut self) -> Result<Option<Bytes>, ClusterError> {
        // Before the first byte, so that a client gets an error and not the beginning of an answer.
        if self.is_contradictory {
            return Err(ClusterError::Malformed("the object's size and its extents don't fit together"));
        }
        if let Some(ahead) = &mut self.ahead {
            let chunk = ahead.chunk;
            let fetched = (&mut ahead.fetch).await;
            self.ahead = None;
            let gone = |_| ClusterError::Unreadable { chunk, reason: "the task that fetched it failed".to_owned() };
            let bytes = fetched.map_err(gone)??;
            self.fetch_ahead();
            return Ok(Some(bytes));
        }
        if self.range.is_empty() {
            return Ok(None);
        }
        self.learn_extents().await?;
        match self.reads.budget.downloads().try_keep(pieces_of(self.wanted_bytes())) {
            Some(memory) => self.fetch_kept(memory).await.map(Some),
            None => self.fetch_passing().await.map(Some),
        }
    }

    async fn fetch_kept(&mut self, memory: Pieces) -> Result<Bytes, ClusterError> {
        let fetch = self.plan_known(fetch_length(&memory))?;
        if let Some(bytes) = self.reads.fetch_inline(&fetch) {
            self.advance(&fetch);
            return Ok(charged(bytes, memory));
        }
        let bytes = self.reads.fetch(&fetch).await?;
        self.advance(&fetch);
        self.fetch_ahead();
        Ok(charged(bytes, memory))
    }

    /// Memory is held here for as long as nodes take, and not a moment longer.
    async fn fetch_passing(&mut self) -> Result<Bytes, ClusterError> {
        let _memory = self.reads.budget.downloads().pass().await?;
        let fetch = self.plan_known(PASSING_LENGTH_BYTES)?;
        let bytes = match self.reads.fetch_inline(&fetch) {
            Some(bytes) => bytes,
            None => self.reads.fetch(&fetch).await?,
        };
        self.advance(&fetch);
        // A slice would keep the whole block alive that it was cut from.
        Ok(Bytes::copy_from_slice(&bytes))
    }

    /// Begins to fetch the next piece if there is plenty of memory and its extent is known.
    fn fetch_ahead(&mut self) {
        if self.range.is_empty() {
            return;
        }
        let Some(memory) = self.reads.budget.downloads().try_keep_ahead(pieces_of(self.wanted_bytes())) else {
            return;
        };
        // A plan that fails fails again, and is reported, when its turn has come.
        let Ok(Some(fetch)) = self.plan(fetch_length(&memory)) else { return };
        self.advance(&fetch);
        let reads = self.reads.clone();
        let task = async move { reads.fetch(&fetch).await.map(|bytes| charged(bytes, memory)) };
        let task = AbortOnDropHandle::new(tokio::spawn(in_current_request(task)));
        self.ahead = Some(Ahead { fetch: task, chunk: fetch.key });
    }

    /// An upper bound of the bytes that the next fetch brings.
    fn wanted_bytes(&self) -> usize {
        let left = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX);
        // The wanted bytes may lie across block borders at both ends.
        left.saturating_add(BLOCK_LENGTH as usize * 2 - 2).min(FETCH_LENGTH_BYTES as usize)
    }

    /// Asks the metadata for the next page of extents when those known are used up.
    async fn learn_extents(&mut self) -> Result<(), ClusterError> {
        if !self.extents.is_empty() {
            return Ok(());
        }
        if let (Some(content), Some(offset)) = (self.content, self.next_page) {
            let (extents, next_page) = self.reads.metadata.extents(content, offset).await?;
            // They are released in order: the page begins behind the range, or not at all.
            if extents.first().is_none_or(|first| first.content_offset > self.range.start) {
                return Err(ClusterError::ContentReleased);
            }
            self.extents = extents.into();
            self.next_page = next_page;
            self.guard.set_paging(next_page.is_some_and(|next| next < self.range.end));
        }
        Ok(())
    }

    /// The next fetch, whose extent was learnt.
    fn plan_known(&mut self, length_max: u32) -> Result<Fetch, ClusterError> {
        self.plan(length_max)?.ok_or(ClusterError::Malformed("the content has fewer extents than its pages say"))
    }

    /// The next fetch, of at most `length_max` bytes; `None` while its extent is not known.
    fn plan(&mut self, length_max: u32) -> Result<Option<Fetch>, ClusterError> {
        let is_used_up = |extent: &PlacedExtent| extent.content_offset + extent.extent.length <= self.range.start;
        while self.extents.front().is_some_and(is_used_up) {
            self.extents.pop_front();
        }
        let wanted = self.range.start..self.range.end.min(self.range.start + u64::from(length_max));
        match self.extents.front() {
            Some(extent) => next_fetch(extent, wanted, length_max)
                .map(Some)
                .map_err(|_| ClusterError::Malformed("the range and the content's extents don't fit together")),
            None if self.next_page.is_some() => Ok(None),
            None => Err(ClusterError::Malformed("the range ends behind the content")),
        }
    }

    fn advance(&mut self, fetch: &Fetch) {
        self.range.start += u64::from(fetch.length);
        let is_used_up = |extent: &PlacedExtent| extent.content_offset + extent.extent.length <= self.range.start;
        if self.extents.front().is_some_and(is_used_up) {
            self.extents.pop_front();
        }
    }
}

fn fetch_length(memory: &Pieces) -> u32 {
    let bytes = u32::try_from(PIECE_LENGTH_BYTES).unwrap_or(u32::MAX);
    memory.count().saturating_mul(bytes).min(FETCH_LENGTH_BYTES)
}

fn charged(bytes: Bytes, memory: Pieces) -> Bytes {
    Bytes::from_owner(Charged { bytes, _memory: memory })
}

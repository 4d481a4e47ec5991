//! Which blocks of which chunks a range of a content needs. Pure.

use crate::{
    metadata::rows::PlacedExtent,
    types::{BLOCK_LENGTH, ChunkKey, ChunkRoot, GroupId},
};
use std::ops::Range;

/// One request to a node: whole blocks of one chunk, and which of their bytes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub group: GroupId,
    pub key: ChunkKey,
    pub root: ChunkRoot,
    /// Length of the whole chunk in bytes.
    pub chunk_length: u32,
    pub first_block: u32,
    pub block_count: u32,
    /// Wanted bytes, counted from the beginning of `first_block`.
    pub skip: u32,
    pub length: u32,
}

impl Fetch {
    /// Bytes that the node sends.
    pub fn fetched_bytes(&self) -> usize {
        (self.block_count * BLOCK_LENGTH).min(self.chunk_length - self.first_block * BLOCK_LENGTH) as usize
    }
}

/// What the metadata says does not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the extent and its blob don't fit together")]
pub struct BrokenExtent;

/// Whether extents that go on to the last one come, without a gap, to the object's end.
pub fn come_to(size: u64, extents: &[PlacedExtent]) -> bool {
    let Some(first) = extents.first() else { return true };
    let end = extents.iter().try_fold(first.content_offset, |at, extent| {
        (extent.content_offset == at).then(|| at.checked_add(extent.extent.length)).flatten()
    });
    end == Some(size)
}

/// The first fetch for `wanted`, bytes of the content that begin inside the extent: at most to the chunk's end, the extent's
/// end and `fetch_max` bytes from the first block on.
pub fn next_fetch(extent: &PlacedExtent, wanted: Range<u64>, fetch_max: u32) -> Result<Fetch, BrokenExtent> {
    let in_extent = wanted.start.checked_sub(extent.content_offset).ok_or(BrokenExtent)?;
    let left = extent.extent.length.checked_sub(in_extent).filter(|left| *left > 0).ok_or(BrokenExtent)?;
    let in_blob = extent.extent.offset + in_extent;
    let chunk_size = u64::from(extent.chunk_size);
    if chunk_size == 0 || in_blob >= extent.blob_size {
        return Err(BrokenExtent);
    }
    let index = u32::try_from(in_blob / chunk_size).map_err(|_| BrokenExtent)?;
    let position = index.checked_sub(extent.first_chunk).ok_or(BrokenExtent)? as usize;
    let root = *extent.roots.get(position).ok_or(BrokenExtent)?;
    let chunk_begin = u64::from(index) * chunk_size;
    let chunk_length = u32::try_from((extent.blob_size - chunk_begin).min(chunk_size)).map_err(|_| BrokenExtent)?;
    let in_chunk = u32::try_from(in_blob - chunk_begin).map_err(|_| BrokenExtent)?;
    let first_block = in_chunk / BLOCK_LENGTH;
    let skip = in_chunk % BLOCK_LENGTH;
    let wanted_length = left.min(wanted.end - wanted.start).min(u64::from(chunk_length - in_chunk));
    // At most `fetch_max`, but always the block in which the wanted bytes begin.
    let length_max = fetch_max.max(BLOCK_LENGTH) / BLOCK_LENGTH * BLOCK_LENGTH - skip;
    let length = u32::try_from(wanted_length.min(u64::from(length_max))).map_err(|_| BrokenExtent)?;
    let block_count = (skip + length).div_ceil(BLOCK_LENGTH);
    let key = ChunkKey { blob: extent.extent.blob, index };
    Ok(Fetch { group: extent.group, key, root, chunk_length, first_block, block_count, skip, length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BlobId, BlockTable, Extent};
    use proptest::prelude::*;
    use std::sync::Arc;

    const CHUNK: u32 = 4 * BLOCK_LENGTH;

    fn root(index: u32) -> ChunkRoot {
        BlockTable::default().root(ChunkKey { blob: BlobId::from_bytes([1; 16]), index }, 0)
    }

    /// An extent at `offset` of a blob of `blob_size` bytes, placed at 1000 in its content.
    fn extent(offset: u64, length: u64, blob_size: u64) -> PlacedExtent {
        let first = (offset / u64::from(CHUNK)) as u32;
        let last = ((offset + length - 1) / u64::from(CHUNK)) as u32;
        PlacedExtent {
            content_offset: 1000,
            extent: Extent { blob: BlobId::from_bytes([1; 16]), offset, length },
            group: GroupId(1),
            blob_size,
            chunk_size: CHUNK,
            first_chunk: first,
            roots: (first..=last).map(root).collect(),
        }
    }

    proptest! {
        #[test]
        fn the_fetches_of_a_range_are_its_bytes_in_order(
            blob_size in 1_u64..1_200_000, cut in (0.0..1.0, 0.0..1.0), wanted in (0.0..1.0, 0.0..1.0), fetch_max in 1_u32..400_000
        ) {
            let part = |of: u64, (from, to): (f64, f64)| {
                let begin = (from * of as f64) as u64;
                (begin, ((to * (of - begin) as f64) as u64).max(1))
            };
            let (offset, length) = part(blob_size, cut);
            let (begin, count) = part(length, wanted);
            let extent = extent(offset, length, blob_size);
            let (mut at, end) = (1000 + begin, 1000 + begin + count);
            while at < end {
                let fetch = next_fetch(&extent, at..end, fetch_max).unwrap();
                let in_blob = u64::from(fetch.key.index) * u64::from(CHUNK)
                    + u64::from(fetch.first_block * BLOCK_LENGTH + fetch.skip);
                prop_assert_eq!(in_blob, offset + (at - 1000));
                prop_assert_eq!(fetch.root, root(fetch.key.index));
                prop_assert!(fetch.length > 0 && u64::from(fetch.length) <= end - at);
                prop_assert!((fetch.skip + fetch.length) as usize <= fetch.fetched_bytes());
                prop_assert!(fetch.fetched_bytes() <= fetch_max.max(BLOCK_LENGTH) as usize);
                at += u64::from(fetch.length);
            }
            prop_assert_eq!(at, end);
        }
    }

    #[test]
    fn only_the_blocks_needed_are_fetched() {
        let extent = extent(0, 1_000_000, 1_000_000);
        let at = 1000 + u64::from(CHUNK) + 70_000;
        let fetch = next_fetch(&extent, at..at + 10, u32::MAX).unwrap();
        assert_eq!((fetch.key.index, fetch.first_block, fetch.block_count), (1, 1, 1));
        assert_eq!((fetch.skip, fetch.length), (70_000 - BLOCK_LENGTH, 10));
    }

    #[test]
    fn extents_that_are_all_end_where_the_object_does() {
        let first = extent(0, 1000, 1000);
        let second = PlacedExtent { content_offset: 2000, ..extent(0, 500, 500) };
        let both = [first.clone(), second.clone()];
        assert!(come_to(2500, &both) && come_to(2500, &both[1..]) && come_to(2000, &both[..1]) && come_to(7, &[]));
        assert!(!come_to(2499, &both) && !come_to(2501, &both));
        let overlapping = PlacedExtent { content_offset: 1999, ..second.clone() };
        let endless = PlacedExtent { extent: Extent { length: u64::MAX, ..first.extent }, ..first.clone() };
        assert!(!come_to(2499, &[first.clone(), overlapping]) && !come_to(999, &[endless]));
        assert!(!come_to(2501, &[first, PlacedExtent { content_offset: 2001, ..second }]), "a gap");
    }

    #[test]
    fn metadata_that_does_not_fit_together_is_an_error() {
        let good = extent(0, 1000, 1000);
        let missing_root = PlacedExtent { roots: Arc::default(), ..good.clone() };
        let beyond_blob = PlacedExtent { blob_size: 500, ..good.clone() };
        let no_chunks = PlacedExtent { chunk_size: 0, ..good.clone() };
        assert_eq!(next_fetch(&missing_root, 1000..1100, 1), Err(BrokenExtent));
        assert_eq!(next_fetch(&beyond_blob, 1600..1700, 1), Err(BrokenExtent));
        assert_eq!(next_fetch(&no_chunks, 1000..1100, 1), Err(BrokenExtent));
        assert_eq!(next_fetch(&good, 999..1100, 1), Err(BrokenExtent));
        assert_eq!(next_fetch(&good, 2000..2100, 1), Err(BrokenExtent));
    }
}

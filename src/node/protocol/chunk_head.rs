//! What stands before a chunk's bytes on the wire, little-endian.
//!
//! A put: group (8 bytes), length of the chunk (4), root (32), block table (4 a block). A slice, the answer to a get:
//! length of the whole chunk (4), index of the first block that follows (4), the whole block table. The table comes last
//! because its length follows from the chunk's; the head is covered by the proof, and with it the table, and through the
//! table the blocks.

use super::CHUNK_LENGTH_MAX;
use crate::types::{BLOCK_LENGTH, BlockTable, ChunkData, ChunkRoot, ChunkSlice, GroupId};
use bytes::Bytes;

/// Head of a put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutHead {
    pub group: GroupId,
    pub length: u32,
    pub root: ChunkRoot,
    pub table: BlockTable,
}

impl PutHead {
    pub fn encode(group: GroupId, root: ChunkRoot, data: &ChunkData) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(44 + 4 * data.table.checksums().len());
        bytes.extend_from_slice(&group.0.to_le_bytes());
        bytes.extend_from_slice(&data.length.to_le_bytes());
        bytes.extend_from_slice(root.as_bytes());
        bytes.extend_from_slice(&data.table.to_bytes());
        bytes
    }

    /// `None` when the bytes are no such head or the chunk would be too long.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (group, bytes) = bytes.split_first_chunk()?;
        let (length, bytes) = bytes.split_first_chunk()?;
        let (root, table) = bytes.split_first_chunk()?;
        let length = u32::from_le_bytes(*length);
        let root = ChunkRoot::from_bytes(*root);
        Some(Self { group: GroupId(u64::from_le_bytes(*group)), length, root, table: decode_table(length, table)? })
    }
}

/// Head of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceHead {
    pub chunk_length: u32,
    pub first_block: u32,
    pub table: BlockTable,
}

impl SliceHead {
    pub fn encode(slice: &ChunkSlice) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 4 * slice.table.checksums().len());
        bytes.extend_from_slice(&slice.chunk_length.to_le_bytes());
        bytes.extend_from_slice(&slice.first_block.to_le_bytes());
        bytes.extend_from_slice(&slice.table.to_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (chunk_length, bytes) = bytes.split_first_chunk()?;
        let (first_block, table) = bytes.split_first_chunk()?;
        let chunk_length = u32::from_le_bytes(*chunk_length);
        let table = decode_table(chunk_length, table)?;
        Some(Self { chunk_length, first_block: u32::from_le_bytes(*first_block), table })
    }

    /// The slice, when `bytes` can be whole blocks of the chunk from the first one on, at most `block_count` of them.
    pub fn into_slice(self, bytes: Bytes, block_count: u32) -> Option<ChunkSlice> {
        let begin = u64::from(self.first_block) * u64::from(BLOCK_LENGTH);
        let end = begin + bytes.len() as u64;
        let whole = end == u64::from(self.chunk_length) || end.is_multiple_of(u64::from(BLOCK_LENGTH));
        let fits = bytes.is_empty() || end <= u64::from(self.chunk_length);
        let asked = bytes.len() as u64 <= u64::from(block_count) * u64::from(BLOCK_LENGTH);
        (whole && fits && asked).then_some(ChunkSlice {
            chunk_length: self.chunk_length,
            table: self.table,
            first_block: self.first_block,
            bytes,
        })
    }
}

fn decode_table(chunk_length: u32, bytes: &[u8]) -> Option<BlockTable> {
    let table = BlockTable::from_bytes(bytes)?;
    (chunk_length <= CHUNK_LENGTH_MAX && table.checksums().len() == BlockTable::block_count(chunk_length))
        .then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table_of(length: u32) -> BlockTable {
        BlockTable::new((0..BlockTable::block_count(length) as u32).map(|i| i.wrapping_mul(0x9E37_79B9)).collect())
    }

    proptest! {
        #[test]
        fn heads_decode_to_what_was_encoded(length in 0..=CHUNK_LENGTH_MAX, group: u64, root: [u8; 32], first: u32) {
            let table = table_of(length);
            let root = ChunkRoot::from_bytes(root);
            let data = ChunkData { pieces: Vec::new(), length, table: table.clone() };
            let put = PutHead::decode(&PutHead::encode(GroupId(group), root, &data)).unwrap();
            prop_assert_eq!(put, PutHead { group: GroupId(group), length, root, table: table.clone() });
            let slice = ChunkSlice { chunk_length: length, table, first_block: first, bytes: Bytes::new() };
            let head = SliceHead::decode(&SliceHead::encode(&slice)).unwrap();
            prop_assert_eq!((head.chunk_length, head.first_block), (length, first));
            prop_assert_eq!(head.table, slice.table);
        }

        #[test]
        fn no_bytes_make_the_decoders_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(head) = PutHead::decode(&bytes) {
                prop_assert_eq!(BlockTable::block_count(head.length), head.table.checksums().len());
            }
            if let Some(head) = SliceHead::decode(&bytes) {
                prop_assert_eq!(BlockTable::block_count(head.chunk_length), head.table.checksums().len());
            }
        }
    }

    #[test]
    fn a_head_whose_table_does_not_fit_its_length_is_refused() {
        let head = |length, table| ChunkData { pieces: Vec::new(), length, table };
        let encode = |data: &ChunkData| PutHead::encode(GroupId(1), ChunkRoot::from_bytes([0; 32]), data);
        assert!(PutHead::decode(&encode(&head(65_536, table_of(65_536)))).is_some());
        assert!(PutHead::decode(&encode(&head(65_537, table_of(65_536)))).is_none());
        assert!(PutHead::decode(&encode(&head(CHUNK_LENGTH_MAX + 1, table_of(CHUNK_LENGTH_MAX + 1)))).is_none());
    }

    #[test]
    fn a_slice_is_whole_blocks_of_its_chunk() {
        let slice = |chunk_length, first_block, bytes: usize, count| {
            let head = SliceHead { chunk_length, first_block, table: table_of(chunk_length) };
            head.into_slice(Bytes::from(vec![0; bytes]), count).is_some()
        };
        assert!(slice(100_000, 0, 65_536, 1));
        assert!(slice(100_000, 0, 100_000, 2));
        assert!(slice(100_000, 1, 34_464, 9));
        assert!(slice(100_000, 0, 0, 0), "the table alone");
        assert!(slice(100_000, 7, 0, 1), "past the end");
        assert!(!slice(100_000, 0, 65_535, 1));
        assert!(!slice(100_000, 0, 100_000, 1), "more than was asked for");
        assert!(!slice(100_000, 1, 65_536, 1), "past the chunk's end");
        assert!(!slice(100_000, u32::MAX, 65_536, 1));
    }
}

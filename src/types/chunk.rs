//! Chunks: how a blob is cut, and what proves that a chunk's bytes are the right ones.
//!
//! A chunk is checked in blocks of 64 KiB. The block table is the list of their CRC32C; the chunk's root is
//! SHA-256 over (blob, index, length, table). Metadata keeps the root, the node keeps bytes and table: a node
//! that answers with the bytes of another chunk, or with old ones, cannot produce a table that fits the root.

use super::BlobId;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Length in bytes of the blocks that are checked one by one: what a ranged read has to fetch at least.
pub const BLOCK_LENGTH: u32 = 64 * 1024;

/// Names one chunk in the whole cluster. Written once, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChunkKey {
    pub blob: BlobId,
    /// Position of the chunk in its blob, from 0.
    pub index: u32,
}

impl fmt::Display for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.blob, self.index)
    }
}

/// CRC32C (Castagnoli) of each block of a chunk, in order. The last block may be short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockTable(Vec<u32>);

impl BlockTable {
    pub fn new(checksums: Vec<u32>) -> Self {
        Self(checksums)
    }

    /// Number of blocks that a chunk of `length` bytes has.
    pub fn block_count(length: u32) -> usize {
        length.div_ceil(BLOCK_LENGTH) as usize
    }

    pub fn checksums(&self) -> &[u32] {
        &self.0
    }

    /// Little-endian, four bytes a block: the form on disk and on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|crc| crc.to_le_bytes()).collect()
    }

    /// `None` when the length is not a multiple of four.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<4>();
        rest.is_empty().then(|| Self(words.iter().map(|word| u32::from_le_bytes(*word)).collect()))
    }

    /// The root that metadata keeps for the chunk.
    pub fn root(&self, key: ChunkKey, length: u32) -> ChunkRoot {
        let mut hash = Sha256::new();
        hash.update(key.blob.as_bytes());
        hash.update(key.index.to_le_bytes());
        hash.update(length.to_le_bytes());
        hash.update(self.to_bytes());
        ChunkRoot(hash.finalize().into())
    }

    /// Whether `block`, the bytes of block `index`, are the ones that the table was made of.
    pub fn block_is_intact(&self, index: usize, block: &[u8]) -> bool {
        self.0.get(index).is_some_and(|expected| *expected == crc32c(block))
    }
}

/// CRC32C of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// SHA-256 over (BlobId, index, length, block table), all integers little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkRoot([u8; 32]);

impl ChunkRoot {
    /// Length in bytes; a blob's roots stand one behind the other in one column.
    pub const LENGTH: usize = 32;

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ChunkRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkRoot({})", const_hex::encode(self.0))
    }
}

impl Serialize for ChunkRoot {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&const_hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for ChunkRoot {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut bytes = [0; Self::LENGTH];
        const_hex::decode_to_slice(text.as_ref(), &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// A whole chunk in memory: its bytes in pieces as they arrived, and the table that was made while they were hashed.
#[derive(Clone, Debug)]
pub struct ChunkData {
    pub pieces: Vec<Bytes>,
    /// Sum of the pieces' lengths.
    pub length: u32,
    pub table: BlockTable,
}

impl ChunkData {
    /// Whether bytes and table are what `root` says. Blocks may lie across pieces.
    pub fn is_intact(&self, key: ChunkKey, root: &ChunkRoot) -> bool {
        let length: u64 = self.pieces.iter().map(|piece| piece.len() as u64).sum();
        length == u64::from(self.length)
            && self.table.checksums().len() == BlockTable::block_count(self.length)
            && self.table.root(key, self.length) == *root
            && self.block_checksums() == self.table.checksums()
    }

    fn block_checksums(&self) -> Vec<u32> {
        let start = || crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
        let (mut checksums, mut block, mut room) = (Vec::new(), start(), BLOCK_LENGTH as usize);
        for piece in &self.pieces {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(room.min(rest.len()));
                block.update(now);
                (rest, room) = (later, room - now.len());
                if room == 0 {
                    checksums.push(std::mem::replace(&mut block, start()).finalize() as u32);
                    room = BLOCK_LENGTH as usize;
                }
            }
        }
        if room < BLOCK_LENGTH as usize {
            checksums.push(block.finalize() as u32);
        }
        checksums
    }
}

/// Whole blocks of a chunk, as a node answers a read: the full table and the blocks from `first_block` on.
/// Not yet verified: whoever asked checks the table against the root, then the blocks against the table.
#[derive(Clone, Debug)]
pub struct ChunkSlice {
    /// Length of the whole chunk in bytes.
    pub chunk_length: u32,
    pub table: BlockTable,
    /// Index of the first block in `bytes`.
    pub first_block: u32,
    pub bytes: Bytes,
}

impl ChunkSlice {
    /// Whether the slice is what `root` says: the right chunk, and every block in it intact.
    pub fn is_intact(&self, key: ChunkKey, root: &ChunkRoot) -> bool {
        let blocks = self.bytes.chunks(BLOCK_LENGTH as usize);
        self.table.checksums().len() == BlockTable::block_count(self.chunk_length)
            && self.first_block as usize + blocks.len() <= self.table.checksums().len()
            && self.ends_on_a_block_border()
            && self.table.root(key, self.chunk_length) == *root
            && blocks.enumerate().all(|(i, block)| self.table.block_is_intact(self.first_block as usize + i, block))
    }

    fn ends_on_a_block_border(&self) -> bool {
        let end = u64::from(self.first_block) * u64::from(BLOCK_LENGTH) + self.bytes.len() as u64;
        end == u64::from(self.chunk_length) || end.is_multiple_of(u64::from(BLOCK_LENGTH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(bytes: &'static [u8]) -> (ChunkKey, ChunkRoot, ChunkSlice) {
        let key = ChunkKey { blob: BlobId::from_bytes([7; 16]), index: 3 };
        let table = BlockTable::new(bytes.chunks(BLOCK_LENGTH as usize).map(crc32c).collect());
        let chunk_length = bytes.len() as u32;
        let root = table.root(key, chunk_length);
        (key, root, ChunkSlice { chunk_length, table, first_block: 0, bytes: Bytes::from_static(bytes) })
    }

    #[test]
    fn a_slice_is_intact_only_for_its_own_key_and_bytes() {
        let (key, root, whole) = slice(b"a chunk");
        assert!(whole.is_intact(key, &root));
        assert!(!whole.is_intact(ChunkKey { index: 4, ..key }, &root));
        let flipped = ChunkSlice { bytes: Bytes::from_static(b"a chunc"), ..whole.clone() };
        assert!(!flipped.is_intact(key, &root));
        let short = ChunkSlice { bytes: Bytes::from_static(b"a chun"), ..whole };
        assert!(!short.is_intact(key, &root));
    }

    #[test]
    fn data_is_intact_however_it_was_cut_into_pieces() {
        let bytes: Vec<u8> = (0..BLOCK_LENGTH * 2 + 100).map(|i| (i % 251) as u8).collect();
        let table = BlockTable::new(bytes.chunks(BLOCK_LENGTH as usize).map(crc32c).collect());
        let key = ChunkKey { blob: BlobId::from_bytes([7; 16]), index: 0 };
        let root = table.root(key, bytes.len() as u32);
        for piece_length in [1000, BLOCK_LENGTH as usize, 100_000, bytes.len()] {
            let pieces = bytes.chunks(piece_length).map(Bytes::copy_from_slice).collect();
            let mut data = ChunkData { pieces, length: bytes.len() as u32, table: table.clone() };
            assert!(data.is_intact(key, &root), "{piece_length}");
            assert!(!data.is_intact(ChunkKey { index: 1, ..key }, &root));
            let last = data.pieces.pop().unwrap();
            assert!(!data.is_intact(key, &root));
            data.pieces.push(vec![0; last.len()].into());
            assert!(!data.is_intact(key, &root));
        }
    }

    #[test]
    fn crc32c_is_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }
}

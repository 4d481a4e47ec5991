//! A chunk while it is being filled: the bytes, the memory that they are charged to, and the block table, which is made here
//! while the bytes pass through the cache anyway.
//!
//! A chunk within one piece keeps the bytes as they came. One that gets longer is copied, piece by piece and once for all
//! copies, to where nodes can write it from without copying it each (`runtime::PiecePool`).

use super::{budget::Budget, error::ClusterError, upload_share::ChunkMemory};
use crate::{
    runtime::{PIECE_LENGTH_BYTES, PieceBuffer, PiecePool},
    types::{BLOCK_LENGTH, BlockTable, ChunkData, crc32c},
};
use bytes::{Buf, Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, Digest};
use std::sync::Arc;

/// Slices shorter than this are copied together: a slice keeps the whole buffer alive that it was cut from, and a body that
/// comes in crumbs would otherwise hold many times the memory that it is charged for. The first slice of a chunk is kept as
/// it is, so small objects are never copied.
const KEPT_SLICE_MIN_BYTES: usize = 32 * 1024;

/// A chunk that grows up to `chunk_size`.
#[derive(Debug)]
pub struct ChunkBuilder {
    memory: ChunkMemory,
    chunk_size: usize,
    length: usize,
    pieces: Vec<Bytes>,
    /// Short slices, copied together; comes after `pieces`.
    tail: BytesMut,
    buffers: Arc<PiecePool>,
    /// The piece that is being filled, once the chunk is longer than one; comes after `pieces`.
    open_piece: Option<PieceBuffer>,
    blocks: Vec<u32>,
    /// Checksum of the last block as far as it has come, and its length so far.
    open_block: Option<Digest>,
    open_length: usize,
}

/// A chunk that is complete, and its memory.
#[derive(Debug)]
pub struct FilledChunk {
    pub data: ChunkData,
    /// Held, not looked at: given back when the chunk is durable, or when its write was given up.
    _memory: ChunkMemory,
}

impl ChunkBuilder {
    pub fn new(budget: &Budget, chunk_size: u32) -> Self {
        Self {
            memory: budget.begin_chunk(),
            chunk_size: chunk_size as usize,
            length: 0,
            pieces: Vec::new(),
            tail: BytesMut::new(),
            buffers: budget.buffers().clone(),
            open_piece: None,
            blocks: Vec::new(),
            open_block: None,
            open_length: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub fn is_full(&self) -> bool {
        self.length == self.chunk_size
    }

    /// Takes as much of `bytes` as fits, in steps of a piece of memory; waits for that memory. Dropping the future
    /// leaves what was not taken in `bytes`.
    pub async fn fill(&mut self, bytes: &mut Bytes) -> Result<(), ClusterError> {
        while !bytes.is_empty() && !self.is_full() {
            let to_piece_end = PIECE_LENGTH_BYTES - self.length % PIECE_LENGTH_BYTES;
            let count = bytes.len().min(to_piece_end).min(self.chunk_size - self.length);
            self.memory.grow_to(self.length + count).await?;
            self.push(bytes.split_to(count));
        }
        Ok(())
    }

    fn push(&mut self, slice: Bytes) {
        self.checksum(&slice);
        self.length += slice.len();
        if self.length <= PIECE_LENGTH_BYTES {
            self.keep(slice);
        } else {
            self.copy(&slice);
        }
        if self.length == PIECE_LENGTH_BYTES {
            self.copy_first_piece();
        }
    }

    fn keep(&mut self, slice: Bytes) {
        if slice.len() < KEPT_SLICE_MIN_BYTES && !self.pieces.is_empty() {
            self.tail.extend_from_slice(&slice);
        } else {
            self.flush_tail();
            self.pieces.push(slice);
        }
    }

    /// `fill` cut the bytes at the border of a piece.
    fn copy(&mut self, bytes: &[u8]) {
        let mut piece = self.open_piece.take().unwrap_or_else(|| self.buffers.take());
        piece.push(bytes);
        match piece.is_full() {
            true => self.pieces.push(piece.into_bytes()),
            false => self.open_piece = Some(piece),
        }
    }

    /// The first piece is whole: the chunk is big.
    fn copy_first_piece(&mut self) {
        self.flush_tail();
        for slice in std::mem::take(&mut self.pieces) {
            self.copy(&slice);
        }
    }

    fn flush_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push(self.tail.split().freeze());
        }
    }

    fn checksum(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let count = bytes.len().min(BLOCK_LENGTH as usize - self.open_length);
            let (block, _) = bytes.split_at(count);
            bytes.advance(count);
            if count == BLOCK_LENGTH as usize {
                self.blocks.push(crc32c(block));
                continue;
            }
            let digest = self.open_block.get_or_insert_with(|| Digest::new(CrcAlgorithm::Crc32Iscsi));
            digest.update(block);
            self.open_length += count;
            if self.open_length == BLOCK_LENGTH as usize {
                self.close_block();
            }
        }
    }

    fn close_block(&mut self) {
        if let Some(digest) = self.open_block.take() {
            // A 32-bit checksum in the library's common type.
            self.blocks.push(digest.finalize() as u32);
            self.open_length = 0;
        }
    }

    /// The chunk as far as it was filled.
    pub fn finish(mut self) -> FilledChunk {
        self.close_block();
        self.flush_tail();
        self.pieces.extend(self.open_piece.take().map(PieceBuffer::into_bytes));
        // `chunk_size` came as a u32, and the length is at most that.
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        let data = ChunkData { pieces: self.pieces, length, table: BlockTable::new(self.blocks) };
        FilledChunk { data, _memory: self.memory }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        runtime::ManualClock,
        types::{ByteSize, Timestamp},
    };
    use proptest::prelude::*;
    use std::time::Duration;

    fn budget() -> Budget {
        let clock = Arc::new(ManualClock::new(Timestamp::default()));
        Budget::new(ByteSize::mib(64), 4 << 20, Duration::from_secs(600), clock)
    }

    fn table_of(bytes: &[u8]) -> BlockTable {
        BlockTable::new(bytes.chunks(BLOCK_LENGTH as usize).map(crc32c).collect())
    }

    fn joined(data: &ChunkData) -> Vec<u8> {
        data.pieces.iter().flat_map(|piece| piece.iter().copied()).collect()
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i % 251) as u8).collect()
    }

    proptest! {
        #[test]
        fn however_bytes_arrive_the_chunk_and_its_table_are_the_same(
            slices in proptest::collection::vec(1_usize..150_000, 1..12)
        ) {
            let whole = content(slices.iter().sum());
            let mut source = Bytes::from(whole.clone());
            let budget = budget();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let chunk = runtime.block_on(async {
                let mut builder = ChunkBuilder::new(&budget, 4 << 20);
                for slice in slices {
                    builder.fill(&mut source.split_to(slice)).await.unwrap();
                }
                builder.finish()
            });
            prop_assert_eq!(joined(&chunk.data), &whole[..]);
            prop_assert_eq!(chunk.data.length as usize, whole.len());
            prop_assert_eq!(&chunk.data.table, &table_of(&whole));
        }
    }

    #[tokio::test]
    async fn a_big_chunk_lies_in_whole_pieces_on_the_border_of_a_page() {
        let budget = budget();
        let whole = content(2 * PIECE_LENGTH_BYTES + 5000);
        let mut builder = ChunkBuilder::new(&budget, 4 << 20);
        for slice in whole.chunks(50_000) {
            builder.fill(&mut Bytes::copy_from_slice(slice)).await.unwrap();
        }
        let chunk = builder.finish();
        let lengths: Vec<usize> = chunk.data.pieces.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [PIECE_LENGTH_BYTES, PIECE_LENGTH_BYTES, 5000]);
        assert!(chunk.data.pieces.iter().all(|piece| piece.as_ptr().align_offset(4096) == 0));
        assert_eq!(joined(&chunk.data), whole);
    }

    #[tokio::test]
    async fn a_full_chunk_takes_no_more_and_leaves_the_rest() {
        let budget = budget();
        let mut builder = ChunkBuilder::new(&budget, BLOCK_LENGTH);
        let mut bytes = Bytes::from(content(BLOCK_LENGTH as usize + 10));
        builder.fill(&mut bytes).await.unwrap();
        assert!(builder.is_full());
        assert_eq!(bytes.len(), 10);
    }

    #[tokio::test]
    async fn crumbs_are_copied_together_and_a_small_object_is_not_copied() {
        let budget = budget();
        let mut builder = ChunkBuilder::new(&budget, 4 << 20);
        let first = Bytes::from(content(4096));
        builder.fill(&mut first.clone()).await.unwrap();
        for _ in 0..1000 {
            builder.fill(&mut Bytes::from_static(b"crumb")).await.unwrap();
        }
        let chunk = builder.finish();
        assert_eq!(chunk.data.pieces.len(), 2);
        assert_eq!(chunk.data.pieces[0].as_ptr(), first.as_ptr());
    }
}

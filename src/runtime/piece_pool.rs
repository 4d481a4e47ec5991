//! Buffers for the pieces of big chunks, on the border of a page: a volume writes such pieces past the page cache without a
//! copy, and all volumes of a process from the same memory. Buffers that are given back are kept for the next chunks, because
//! the page faults of a new one cost as much as filling it.

use bytes::Bytes;
use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bytes of one piece: what memory for data is counted in.
pub const PIECE_LENGTH_BYTES: usize = 256 * 1024;

/// What direct writes ask of an address.
const ALIGNMENT: usize = 4096;

/// Free buffers that are kept: 16 MiB, four chunks that are being filled.
const FREE_MAX: usize = 64;

#[derive(Debug, Default)]
pub struct PiecePool {
    free: Mutex<Vec<Vec<u8>>>,
}

/// A piece that is being filled, up to `PIECE_LENGTH_BYTES`.
#[derive(Debug)]
pub struct PieceBuffer {
    memory: Vec<u8>,
    /// Where in `memory` the piece begins.
    start: usize,
    length: usize,
    pool: Arc<PiecePool>,
}

impl PiecePool {
    pub fn take(self: &Arc<Self>) -> PieceBuffer {
        let free = self.free().pop();
        let memory = free.unwrap_or_else(|| vec![0; PIECE_LENGTH_BYTES + ALIGNMENT]);
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        PieceBuffer { memory, start, length: 0, pool: self.clone() }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PieceBuffer {
    /// Appends the bytes. The caller cut them so that they fit.
    pub fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        self.memory[self.start + self.length..self.start + end].copy_from_slice(bytes);
        self.length = end;
    }

    pub fn is_full(&self) -> bool {
        self.length == PIECE_LENGTH_BYTES
    }

    /// Bytes that it was filled with so far.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The piece as far as it was filled. The buffer goes back to the pool with the last handle.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for PieceBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }
}

impl Drop for PieceBuffer {
    fn drop(&mut self) {
        let mut free = self.pool.free();
        if free.len() < FREE_MAX {
            free.push(mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_lies_on_a_page_and_its_memory_is_used_again() {
        let pool = Arc::<PiecePool>::default();
        let mut piece = pool.take();
        piece.push(b"first ");
        piece.push(b"second");
        assert_eq!((piece.is_full(), piece.length()), (false, 12));
        let bytes = piece.into_bytes();
        assert_eq!(&bytes[..], b"first second");
        let place = bytes.as_ptr();
        assert_eq!(place.align_offset(ALIGNMENT), 0);
        let handle = bytes.slice(3..);
        drop(bytes);
        assert!(pool.free().is_empty(), "somebody still holds it");
        drop(handle);
        let again = pool.take();
        assert_eq!(again.length(), 0);
        assert_eq!(again.as_ref().as_ptr(), place);
    }

    #[test]
    fn only_so_many_buffers_are_kept() {
        let pool = Arc::<PiecePool>::default();
        let taken: Vec<PieceBuffer> = (0..FREE_MAX + 10).map(|_| pool.take()).collect();
        drop(taken);
        assert_eq!(pool.free().len(), FREE_MAX);
    }
}

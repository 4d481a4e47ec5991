//! How the command log lies on the nodes: chunks of the group `GroupId::COMMAND_LOG`, which no metadata names, since
//! they are what metadata is made of when it is lost. So each says itself what it is: a head, then a piece of the payload.
//!
//! A *frame* is a batch of commands as the writer of the metadata carries it out, a *snapshot* a copy of the database.
//! Either may be longer than a chunk and is cut into pieces of at most `PIECE_LENGTH_MAX`, in one blob, one behind the other.
//! Which chunk of its blob a piece is says nothing; its head says everything.

use crate::types::{
    BlobId, BlockTable, ChunkData, ChunkKey, ChunkRoot, ClusterId, CommitSequence, HistoryId, Term, crc32c,
};
use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"LARDRLOG";
/// Grows when the layout changes. What has another one is of a release that we can't read.
const VERSION: u8 = 1;

/// Bytes of a head, its digest included.
pub const HEAD_LENGTH: usize = HASHED_LENGTH + 32;
const HASHED_LENGTH: usize = 88;

/// Bytes of a frame or snapshot in one chunk at most.
pub const PIECE_LENGTH_MAX: usize = 4 << 20;

/// What a piece is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogKind {
    /// Commands `first` to `last`, as `LoggedBatch` writes them.
    Frame = 1,
    /// A copy of the database up to and with `last`; `first` is the same.
    Snapshot = 2,
}

/// What a piece says of itself. All numbers are little-endian on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHead {
    pub kind: LogKind,
    pub cluster: ClusterId,
    pub history: HistoryId,
    /// Of the reign that wrote it.
    pub term: Term,
    /// Counts the frames of a reign, and its snapshots on their own: a later one has a higher number.
    pub number: u64,
    pub first: CommitSequence,
    pub last: CommitSequence,
    /// Position among the pieces, from 0.
    pub piece: u32,
    pub pieces: u32,
}

/// Why a chunk of the log's group is no piece of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFormatError {
    #[error("it does not begin as a piece of the command log does")]
    NotOurs,
    #[error("it is of version {0} of the command log, which this release does not know")]
    UnknownVersion(u8),
    #[error("it is damaged")]
    Damaged,
}

impl LogHead {
    /// The chunk that holds this piece; `key` is part of its digest.
    pub fn seal(&self, key: ChunkKey, payload: Bytes) -> (ChunkData, ChunkRoot) {
        let mut head = BytesMut::with_capacity(HEAD_LENGTH);
        head.put_slice(MAGIC);
        head.put_u8(VERSION);
        head.put_u8(self.kind as u8);
        head.put_u16_le(0);
        head.put_u32_le(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        head.put_slice(self.cluster.as_bytes());
        head.put_slice(self.history.as_bytes());
        head.put_u64_le(self.term.0);
        head.put_u64_le(self.number);
        head.put_u64_le(self.first.0);
        head.put_u64_le(self.last.0);
        head.put_u32_le(self.piece);
        head.put_u32_le(self.pieces);
        let digest = digest(key, &head, &payload);
        head.put_slice(&digest);
        let data = chunk_of(vec![head.freeze(), payload]);
        let root = data.table.root(key, data.length);
        (data, root)
    }

    /// The piece in the whole chunk `bytes`. Nothing of it is believed before its digest was checked.
    pub fn open(key: ChunkKey, bytes: &Bytes) -> Result<(Self, Bytes), LogFormatError> {
        let whole = bytes.split_first_chunk::<HEAD_LENGTH>();
        let Some((head, _)) = whole.filter(|(head, _)| head.starts_with(MAGIC)) else {
            return Err(LogFormatError::NotOurs);
        };
        if head[8] != VERSION {
            return Err(LogFormatError::UnknownVersion(head[8]));
        }
        let payload = bytes.slice(HEAD_LENGTH..);
        let (hashed, expected) = head.split_at(HASHED_LENGTH);
        if digest(key, hashed, &payload) != expected || payload.len() as u64 != u64::from(u32_at(head, 12)) {
            return Err(LogFormatError::Damaged);
        }
        Ok((Self::read(head)?, payload))
    }

    /// The head in the first bytes of a chunk, without the payload that would prove it: `open` does, later.
    pub fn peek(bytes: &[u8]) -> Option<Self> {
        let (head, _) = bytes.split_first_chunk::<HEAD_LENGTH>()?;
        if !head.starts_with(MAGIC) || head[8] != VERSION {
            return None;
        }
        Self::read(head).ok()
    }

    fn read(head: &[u8; HEAD_LENGTH]) -> Result<Self, LogFormatError> {
        let kind = match head[9] {
            1 => LogKind::Frame,
            2 => LogKind::Snapshot,
            _ => return Err(LogFormatError::Damaged),
        };
        let this = Self {
            kind,
            cluster: ClusterId::from_bytes(id_at(head, 16)),
            history: HistoryId::from_bytes(id_at(head, 32)),
            term: Term(u64_at(head, 48)),
            number: u64_at(head, 56),
            first: CommitSequence(u64_at(head, 64)),
            last: CommitSequence(u64_at(head, 72)),
            piece: u32_at(head, 80),
            pieces: u32_at(head, 84),
        };
        let is_whole = this.first <= this.last && this.piece < this.pieces;
        is_whole.then_some(this).ok_or(LogFormatError::Damaged)
    }
}

/// SHA-256 over where the piece lies, its head and its payload: bytes of another chunk, or old ones, don't pass.
fn digest(key: ChunkKey, head: &[u8], payload: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(BlobId::as_bytes(&key.blob));
    hash.update(key.index.to_le_bytes());
    hash.update(head);
    hash.update(payload);
    hash.finalize().into()
}

/// Pieces of a payload. An empty one has one, empty piece.
pub fn pieces_of(payload: &Bytes) -> Vec<Bytes> {
    if payload.is_empty() {
        return vec![Bytes::new()];
    }
    (0..payload.len())
        .step_by(PIECE_LENGTH_MAX)
        .map(|at| payload.slice(at..payload.len().min(at + PIECE_LENGTH_MAX)))
        .collect()
}

fn chunk_of(pieces: Vec<Bytes>) -> ChunkData {
    let length = pieces.iter().map(Bytes::len).sum::<usize>();
    let whole;
    // Blocks lie across the border of head and payload.
    let bytes: &[u8] = match pieces.as_slice() {
        [one] => one,
        several => {
            whole = several.concat();
            &whole
        }
    };
    let table = BlockTable::new(bytes.chunks(crate::types::BLOCK_LENGTH as usize).map(crc32c).collect());
    ChunkData { pieces: vec![Bytes::copy_from_slice(bytes)], length: u32::try_from(length).unwrap_or(u32::MAX), table }
}

fn u32_at(head: &[u8; HEAD_LENGTH], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| head[at + i]))
}

fn u64_at(head: &[u8; HEAD_LENGTH], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| head[at + i]))
}

fn id_at(head: &[u8; HEAD_LENGTH], at: usize) -> [u8; 16] {
    std::array::from_fn(|i| head[at + i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: ChunkKey = ChunkKey { blob: BlobId::from_bytes([7; 16]), index: 3 };

    fn head() -> LogHead {
        LogHead {
            kind: LogKind::Frame,
            cluster: ClusterId::from_bytes([1; 16]),
            history: HistoryId::from_bytes([2; 16]),
            term: Term(5),
            number: 9,
            first: CommitSequence(100),
            last: CommitSequence(104),
            piece: 1,
            pieces: 2,
        }
    }

    fn bytes_of(data: &ChunkData) -> Bytes {
        data.pieces.concat().into()
    }

    #[test]
    fn a_piece_says_what_it_is() {
        let kinds = [LogKind::Frame, LogKind::Snapshot];
        for (kind, payload) in kinds.into_iter().zip([Bytes::new(), Bytes::from(vec![5; 200_000])]) {
            let head = LogHead { kind, ..head() };
            let (data, root) = head.seal(KEY, payload.clone());
            assert!(data.is_intact(KEY, &root));
            assert_eq!(LogHead::open(KEY, &bytes_of(&data)), Ok((head, payload)));
            assert_eq!(LogHead::peek(&bytes_of(&data)[..HEAD_LENGTH]), Some(head));
            assert_eq!(LogHead::peek(&bytes_of(&data)[..HEAD_LENGTH - 1]), None);
            let elsewhere = ChunkKey { index: 4, ..KEY };
            assert_eq!(LogHead::open(elsewhere, &bytes_of(&data)), Err(LogFormatError::Damaged));
        }
    }

    #[test]
    fn pieces_are_the_payload_again() {
        for length in [0, 1, PIECE_LENGTH_MAX, PIECE_LENGTH_MAX + 1, 3 * PIECE_LENGTH_MAX] {
            let payload = Bytes::from(vec![1; length]);
            let pieces = pieces_of(&payload);
            assert_eq!(pieces.len(), length.div_ceil(PIECE_LENGTH_MAX).max(1));
            assert_eq!(pieces.concat(), payload);
        }
    }

    #[test]
    fn another_version_is_named() {
        let (data, _) = head().seal(KEY, Bytes::from_static(b"x"));
        let mut bytes = bytes_of(&data).to_vec();
        bytes[8] = 2;
        assert_eq!(LogHead::open(KEY, &bytes.into()), Err(LogFormatError::UnknownVersion(2)));
    }

    proptest! {
        #[test]
        fn nothing_that_was_changed_passes(payload in prop::collection::vec(any::<u8>(), 0..300), at: usize, flip in 1_u8..) {
            let (data, _) = head().seal(KEY, payload.into());
            let mut bytes = bytes_of(&data).to_vec();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            prop_assert!(LogHead::open(KEY, &bytes.into()).is_err());
        }

        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut begun = MAGIC.to_vec();
            begun.push(VERSION);
            begun.extend(&bytes);
            prop_assert!(LogHead::open(KEY, &bytes.into()).is_err());
            prop_assert!(LogHead::open(KEY, &begun.into()).is_err());
        }
    }
}

//! Bodies: sent as they lie in memory, received in as few copies as their use allows.

use crate::runtime::{PIECE_LENGTH_BYTES, PiecePool};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::OwnedSemaphorePermit;

/// What goes out as one frame. Frames of 256 KiB to 1 MiB cost least (LIMITS.md).
const FRAME_LENGTH_MAX_BYTES: usize = 1 << 20;

/// Pieces below this are gathered: a body that arrives in crumbs must not become a list of crumbs.
const PIECE_LENGTH_MIN_BYTES: usize = 16 * 1024;

/// A body whose pieces are in memory: a head and the pieces behind it.
#[derive(Debug, Default)]
pub struct FrameBody {
    frames: VecDeque<Bytes>,
    /// Bytes in the frames.
    remaining: u64,
    /// What the pieces' memory was taken from: given back when the body was sent, or given up.
    _memory: Option<OwnedSemaphorePermit>,
}

impl FrameBody {
    pub fn new(head: Bytes, pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let mut body = Self::default();
        for piece in std::iter::once(head).chain(pieces) {
            if !piece.is_empty() {
                body.remaining += piece.len() as u64;
                body.frames.push_back(piece);
            }
        }
        body
    }

    /// Gives the memory back when the body is dropped.
    pub fn holding(self, memory: Option<OwnedSemaphorePermit>) -> Self {
        Self { _memory: memory, ..self }
    }

    /// Bytes that were not sent yet: at first the whole body's length.
    pub fn length(&self) -> u64 {
        self.remaining
    }
}

impl Body for FrameBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(mut frame) = self.frames.pop_front() else { return Poll::Ready(None) };
        if frame.len() > FRAME_LENGTH_MAX_BYTES {
            let rest = frame.split_off(FRAME_LENGTH_MAX_BYTES);
            self.frames.push_front(rest);
        }
        self.remaining -= frame.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body's length was not declared")]
    NoLength,
    #[error("the body is longer than it may be")]
    TooLong,
    #[error("the body ended early")]
    Cut,
    #[error("the body could not be read: {0}")]
    Transport(String),
}

/// A body on its way in, of a length that was declared.
pub struct BodyReader<B> {
    body: B,
    /// What the last frame held beyond what was taken.
    unread: Bytes,
    /// Bytes that were declared and not yet taken.
    remaining: u64,
}

impl<B> BodyReader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    pub fn new(body: B) -> Result<Self, BodyError> {
        let remaining = body.size_hint().exact().ok_or(BodyError::NoLength)?;
        Ok(Self { body, unread: Bytes::new(), remaining })
    }

    /// Bytes that are still to be taken: at first the whole body's length.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Takes `length` bytes as one run. Copies only when they come in several frames. The caller bounds the length.
    pub async fn take_contiguous(&mut self, length: usize) -> Result<Bytes, BodyError> {
        let first = self.take_some(length).await?;
        if first.len() == length {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity(length);
        whole.extend_from_slice(&first);
        while whole.len() < length {
            whole.extend_from_slice(&self.take_some(length - whole.len()).await?);
        }
        Ok(whole.freeze())
    }

    /// Takes `length` bytes in pieces that a disk takes as they are, copied while they are warm. The caller bounds the length.
    pub async fn take_aligned(&mut self, length: usize, buffers: &Arc<PiecePool>) -> Result<Vec<Bytes>, BodyError> {
        let mut pieces = Vec::with_capacity(length.div_ceil(PIECE_LENGTH_BYTES));
        let mut left = length;
        while left > 0 {
            let (mut piece, wanted) = (buffers.take(), left.min(PIECE_LENGTH_BYTES));
            while piece.length() < wanted {
                piece.push(&self.take_some(wanted - piece.length()).await?);
            }
            pieces.push(piece.into_bytes());
            left -= wanted;
        }
        Ok(pieces)
    }

    /// Takes `length` bytes in the pieces in which they come, without a copy but of crumbs. The caller bounds the length.
    pub async fn take_pieces(&mut self, length: usize) -> Result<Vec<Bytes>, BodyError> {
        let (mut pieces, mut crumbs, mut taken) = (Vec::new(), BytesMut::new(), 0);
        while taken < length {
            let piece = self.take_some(length - taken).await?;
            taken += piece.len();
            if piece.len() < PIECE_LENGTH_MIN_BYTES {
                crumbs.extend_from_slice(&piece);
                continue;
            }
            if !crumbs.is_empty() {
                pieces.push(crumbs.split().freeze());
            }
            pieces.push(piece);
        }
        if !crumbs.is_empty() {
            pieces.push(crumbs.freeze());
        }
        Ok(pieces)
    }

    /// The next bytes, at least one unless none were asked for, at most `limit`.
    async fn take_some(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        if limit as u64 > self.remaining {
            return Err(BodyError::Cut);
        }
        while self.unread.is_empty() && limit > 0 {
            let frame = self.body.frame().await.ok_or(BodyError::Cut)?;
            let frame = frame.map_err(|error| BodyError::Transport(error.to_string()))?;
            self.unread = frame.into_data().unwrap_or_default();
        }
        let taken = self.unread.split_to(limit.min(self.unread.len()));
        self.remaining -= taken.len() as u64;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    fn reader(pieces: &[Vec<u8>]) -> BodyReader<FrameBody> {
        BodyReader::new(FrameBody::new(Bytes::new(), pieces.iter().cloned().map(Bytes::from))).unwrap()
    }

    proptest! {
        #[test]
        fn a_body_is_taken_as_it_was_sent_however_it_was_cut(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40_000), 0..8),
            cut in 0.0..1.0_f64,
        ) {
            let whole = pieces.concat();
            let cut = (whole.len() as f64 * cut) as usize;
            runtime().block_on(async {
                let mut reader = reader(&pieces);
                assert_eq!(reader.remaining(), whole.len() as u64);
                assert_eq!(reader.take_contiguous(cut).await.unwrap(), whole[..cut]);
                let rest = reader.take_pieces(whole.len() - cut).await.unwrap();
                assert_eq!(rest.concat(), whole[cut..]);
                assert_eq!(reader.remaining(), 0);
                assert_eq!(reader.take_contiguous(1).await, Err(BodyError::Cut));
            });
        }
    }

    #[test]
    fn crumbs_are_gathered_and_large_pieces_are_not_copied() {
        let large = vec![7; PIECE_LENGTH_MIN_BYTES];
        let mut pieces = vec![vec![1]; 1000];
        pieces.push(large.clone());
        pieces.extend(vec![vec![2]; 1000]);
        let length = pieces.concat().len();
        let taken = runtime().block_on(reader(&pieces).take_pieces(length)).unwrap();
        assert_eq!(taken.iter().map(Bytes::len).collect::<Vec<_>>(), [1000, large.len(), 1000]);
    }

    #[test]
    fn aligned_pieces_are_whole_and_lie_on_pages() {
        let sent: Vec<Vec<u8>> = (0..90).map(|n| vec![n; 10_007]).collect();
        let length = sent.concat().len();
        let taken = runtime().block_on(reader(&sent).take_aligned(length, &Arc::default())).unwrap();
        assert_eq!(taken.concat(), sent.concat());
        assert!(taken.iter().all(|piece| piece.as_ptr().align_offset(4096) == 0));
        assert!(taken.iter().rev().skip(1).all(|piece| piece.len() == PIECE_LENGTH_BYTES));
        let cut = runtime().block_on(reader(&sent).take_aligned(length + 1, &Arc::default()));
        assert_eq!(cut, Err(BodyError::Cut));
    }

    #[test]
    fn a_long_piece_goes_out_in_frames() {
        let mut body = FrameBody::new(Bytes::from_static(b"head"), [Bytes::from(vec![0; 5 << 19])]);
        assert_eq!(body.length(), 4 + (5 << 19));
        let frames = runtime().block_on(async {
            let mut lengths = Vec::new();
            while let Some(frame) = body.frame().await {
                lengths.push(frame.unwrap().into_data().unwrap().len());
            }
            lengths
        });
        assert_eq!(frames, [4, 1 << 20, 1 << 20, 1 << 19]);
        assert!(body.is_end_stream() && body.length() == 0);
    }
}

//! The aws-chunked framing, decoded step by step: `size[;chunk-signature=...]\r\n`, the bytes, `\r\n`, and so on to a
//! chunk of size 0, then trailers. Sources: Amazon S3 API Reference, the two pages on transferring a payload in
//! multiple chunks (with and without trailing headers).
//!
//! No byte of a signed chunk is handed on before its signature was verified, so a signed chunk is held in memory and
//! its length is bounded. An unsigned chunk is handed on as it arrives. Work and memory are linear in the input: pieces
//! are sliced, never copied or joined, and a line is bounded.

use super::trailers::{TrailerReader, Trailers};
use crate::{
    objects::BodyError,
    s3::signature::ChunkSigner,
    types::{Checksum, ChecksumAlgorithm},
};
use aws_lc_rs::digest;
use bytes::{Buf, Bytes};
use std::{collections::VecDeque, fmt};

/// Longest signed chunk. Clients send 64 KiB to 1 MiB; a signed part of the smallest size (5 MiB) in one chunk fits.
pub const SIGNED_CHUNK_MAX_BYTES: u64 = 16 << 20;

/// Longest chunk that is held without asking for room: what clients send by default.
pub const FREE_CHUNK_MAX_BYTES: u64 = 128 << 10;

/// A chunk's head has at most 16 + 17 + 64 + 2 bytes.
const LINE_MAX_BYTES: usize = 128;

/// What the signatures in the body cover.
#[derive(Debug)]
pub enum ChunkFraming {
    Signed(ChunkSigner),
    SignedWithTrailer(ChunkSigner),
    UnsignedWithTrailer,
}

/// What comes of one step.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Everything that was pushed is used up.
    NeedInput,
    /// A signed chunk of so many bytes begins, more than is held for free; the next step goes on.
    NeedRoom(u64),
    /// Bytes of the object, verified as far as the framing allows.
    Data(Bytes),
    /// All chunks and trailers were right.
    End,
}

#[derive(Debug)]
enum State {
    Head(Vec<u8>),
    Data {
        remaining: u64,
        signed: Option<HeldChunk>,
    },
    /// The line break behind a chunk's bytes.
    DataEnd(Vec<u8>),
    Trailers(TrailerReader),
    /// The line break behind the last chunk where there are no trailers. AWS's format has it as behind every chunk, and its
    /// SDKs and minio-go send it.
    LastLine(Vec<u8>),
    End,
}

/// A signed chunk whose signature is not verified yet.
struct HeldChunk {
    signature: String,
    /// SHA-256 of the chunk as far as it has come.
    hash: digest::Context,
    pieces: Vec<Bytes>,
}

impl fmt::Debug for HeldChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldChunk").field("pieces", &self.pieces.len()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub struct AwsChunkedDecoder {
    framing: ChunkFraming,
    /// The one trailer that `x-amz-trailer` announced.
    announced: Option<ChecksumAlgorithm>,
    /// Bytes of the object that are still to come by `x-amz-decoded-content-length`.
    expected: u64,
    state: State,
    input: Bytes,
    verified: VecDeque<Bytes>,
    trailing_checksum: Option<Checksum>,
}

impl AwsChunkedDecoder {
    pub fn new(framing: ChunkFraming, decoded_length: u64, announced: Option<ChecksumAlgorithm>) -> Self {
        Self {
            framing,
            announced,
            expected: decoded_length,
            state: State::Head(Vec::new()),
            input: Bytes::new(),
            verified: VecDeque::new(),
            trailing_checksum: None,
        }
    }

    /// More of the body. Only after `NeedInput`.
    pub fn push(&mut self, input: Bytes) {
        debug_assert!(self.input.is_empty());
        self.input = input;
    }

    /// Known after `End`.
    pub fn trailing_checksum(&self) -> Option<&Checksum> {
        self.trailing_checksum.as_ref()
    }

    /// The body has ended: whether it could end here.
    pub fn finish(&self) -> Result<(), BodyError> {
        match &self.state {
            State::End => Ok(()),
            _ => Err(BodyError::Incomplete),
        }
    }

    pub fn step(&mut self) -> Result<Step, BodyError> {
        loop {
            if let Some(bytes) = self.verified.pop_front() {
                return Ok(Step::Data(bytes));
            }
            match &self.state {
                State::End if self.input.is_empty() => return Ok(Step::End),
                State::End => return Err(BodyError::Malformed("There are bytes behind the end of the chunks.")),
                State::Data { remaining: 0, .. } => self.end_of_data()?,
                _ if self.input.is_empty() => return Ok(Step::NeedInput),
                State::Head(_) => {
                    if let Some(step) = self.read_head()? {
                        return Ok(step);
                    }
                }
                State::Data { .. } => {
                    if let Some(bytes) = self.read_data() {
                        return Ok(Step::Data(bytes));
                    }
                }
                State::DataEnd(_) => self.read_data_end()?,
                State::Trailers(_) => self.read_trailers()?,
                State::LastLine(_) => self.read_last_line()?,
            }
        }
    }

    fn read_head(&mut self) -> Result<Option<Step>, BodyError> {
        let State::Head(line) = &mut self.state else { return Ok(None) };
        if !take_line(&mut self.input, line)? {
            return Ok(None);
        }
        let line = std::mem::take(line);
        let head = ChunkHead::parse(&line, &self.framing)?;
        self.expected = self.expected.checked_sub(head.length).ok_or(BodyError::LengthMismatch)?;
        if head.length == 0 {
            return self.end_of_chunks(head.signature).map(|()| None);
        }
        let signed = head.signature.map(|signature| HeldChunk {
            signature,
            hash: digest::Context::new(&digest::SHA256),
            pieces: Vec::new(),
        });
        let needs_room = signed.is_some() && head.length > FREE_CHUNK_MAX_BYTES;
        self.state = State::Data { remaining: head.length, signed };
        Ok(needs_room.then_some(Step::NeedRoom(head.length)))
    }

    /// Takes what is there of the chunk. Bytes that need no signature are returned at once.
    fn read_data(&mut self) -> Option<Bytes> {
        let State::Data { remaining, signed } = &mut self.state else { return None };
        let length = usize::try_from(*remaining).unwrap_or(usize::MAX).min(self.input.len());
        let piece = self.input.split_to(length);
        *remaining -= length as u64;
        match signed {
            Some(held) => {
                held.hash.update(&piece);
                held.pieces.push(piece);
                None
            }
            None => Some(piece),
        }
    }

    /// The chunk is complete: verifies its signature and releases its bytes.
    fn end_of_data(&mut self) -> Result<(), BodyError> {
        let State::Data { signed, .. } = std::mem::replace(&mut self.state, State::DataEnd(Vec::new())) else {
            return Ok(());
        };
        if let Some(held) = signed {
            self.verify(held.hash.finish().as_ref(), &held.signature)?;
            self.verified.extend(held.pieces);
        }
        Ok(())
    }

    fn read_data_end(&mut self) -> Result<(), BodyError> {
        let State::DataEnd(line) = &mut self.state else { return Ok(()) };
        if take_line(&mut self.input, line)? {
            if line != b"\r\n" {
                return Err(BodyError::Malformed("A chunk is longer than its size says."));
            }
            self.state = State::Head(Vec::new());
        }
        Ok(())
    }

    /// The chunk of size 0 was read.
    fn end_of_chunks(&mut self, signature: Option<String>) -> Result<(), BodyError> {
        if let Some(signature) = signature {
            self.verify(digest::digest(&digest::SHA256, &[]).as_ref(), &signature)?;
        }
        if self.expected != 0 {
            return Err(BodyError::LengthMismatch);
        }
        self.state = match self.framing {
            ChunkFraming::Signed(_) => State::LastLine(Vec::new()),
            ChunkFraming::SignedWithTrailer(_) => State::Trailers(TrailerReader::signed()),
            ChunkFraming::UnsignedWithTrailer => State::Trailers(TrailerReader::unsigned()),
        };
        Ok(())
    }

    fn verify(&mut self, hash: &[u8], signature: &str) -> Result<(), BodyError> {
        let accepted = match &mut self.framing {
            ChunkFraming::Signed(signer) | ChunkFraming::SignedWithTrailer(signer) => {
                signer.accepts_chunk(hash, signature)
            }
            ChunkFraming::UnsignedWithTrailer => false,
        };
        if accepted { Ok(()) } else { Err(BodyError::SignatureMismatch) }
    }

    fn read_trailers(&mut self) -> Result<(), BodyError> {
        let State::Trailers(reader) = &mut self.state else { return Ok(()) };
        if reader.read(&mut self.input)? { self.end_of_trailers() } else { Ok(()) }
    }

    fn end_of_trailers(&mut self) -> Result<(), BodyError> {
        let State::Trailers(reader) = std::mem::replace(&mut self.state, State::End) else { return Ok(()) };
        let Trailers { canonical, signature, values } = reader.finish();
        match (&mut self.framing, signature) {
            (ChunkFraming::SignedWithTrailer(signer), Some(signature)) => {
                if !signer.accepts_trailer(&canonical, &signature) {
                    return Err(BodyError::SignatureMismatch);
                }
            }
            (ChunkFraming::UnsignedWithTrailer, None) => {}
            (ChunkFraming::SignedWithTrailer(_), None) => return Err(BodyError::SignatureMismatch),
            (ChunkFraming::UnsignedWithTrailer | ChunkFraming::Signed(_), _) => return Err(BodyError::TrailerMismatch),
        }
        self.trailing_checksum = match (self.announced, values.as_slice()) {
            (None, []) => None,
            (Some(algorithm), [(name, value)]) if name == algorithm.header() => {
                let invalid = |_| BodyError::Refused("The value of the checksum trailer is invalid.");
                Some(Checksum::from_base64(algorithm, value).map_err(invalid)?)
            }
            _ => return Err(BodyError::TrailerMismatch),
        };
        Ok(())
    }

    fn read_last_line(&mut self) -> Result<(), BodyError> {
        let State::LastLine(line) = &mut self.state else { return Ok(()) };
        if take_line(&mut self.input, line)? {
            if line != b"\r\n" {
                return Err(BodyError::Malformed("There are bytes behind the last chunk."));
            }
            self.state = State::End;
        }
        Ok(())
    }
}

/// The head line of a chunk.
struct ChunkHead {
    length: u64,
    /// Present exactly when the framing is signed.
    signature: Option<String>,
}

impl ChunkHead {
    fn parse(line: &[u8], framing: &ChunkFraming) -> Result<Self, BodyError> {
        const MALFORMED: BodyError = BodyError::Malformed("The head of a chunk is malformed.");
        let line = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok()).ok_or(MALFORMED)?;
        let (size, extension) = match line.split_once(';') {
            Some((size, extension)) => (size, Some(extension)),
            None => (line, None),
        };
        let is_hex = (1..=16).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_hexdigit());
        let length = u64::from_str_radix(size, 16).ok().filter(|_| is_hex).ok_or(MALFORMED)?;
        let is_signed = match framing {
            ChunkFraming::Signed(_) | ChunkFraming::SignedWithTrailer(_) => true,
            ChunkFraming::UnsignedWithTrailer => false,
        };
        let signature = match (is_signed, extension) {
            (true, Some(extension)) => Some(extension.strip_prefix("chunk-signature=").ok_or(MALFORMED)?.to_owned()),
            (true, None) => return Err(BodyError::SignatureMismatch),
            (false, None) => None,
            (false, Some(_)) => return Err(MALFORMED),
        };
        if is_signed && length > SIGNED_CHUNK_MAX_BYTES {
            return Err(BodyError::Refused("A signed chunk is longer than 16 MiB."));
        }
        Ok(Self { length, signature })
    }
}

/// Moves bytes up to and with the next line feed from `input` to `line`; says whether the line is complete.
fn take_line(input: &mut Bytes, line: &mut Vec<u8>) -> Result<bool, BodyError> {
    let end = input.iter().take(LINE_MAX_BYTES + 1).position(|b| *b == b'\n').map(|at| at + 1);
    let length = end.unwrap_or(input.len());
    if line.len() + length > LINE_MAX_BYTES {
        return Err(BodyError::Malformed("The head of a chunk is too long."));
    }
    line.extend_from_slice(&input[..length]);
    input.advance(length);
    Ok(end.is_some())
}

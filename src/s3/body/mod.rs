//! The body of a request: read by the operation, paced, decoded, authenticated.
//!
//! An operation takes it in one of two ways: `into_upload_body` streams an object's bytes to the layer below, which
//! hashes them once and compares; `read_document` reads a bounded document whole and compares here.

mod aws_chunked;
mod digests;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod pace;
mod room;
mod source;
mod trailers;

#[cfg(test)]
mod chunked_tests;
#[cfg(test)]
mod document_tests;

pub use digests::check_single_checksum;
pub use pace::{Direction, Pace, PaceLimits, PaceMeter};
pub use source::{BodyRules, BodySource, Expectation, HasWaiters};

use super::{
    error::{S3Code, S3Error},
    form::{FileStep, FormFile},
    operation::Operation,
    signature::Payload,
};
use crate::{
    objects::{BodyError, ExpectedChecksum, ExpectedDigests, UploadBody, check_document},
    types::Checksum,
};
use aws_chunked::{AwsChunkedDecoder, ChunkFraming, Step};
use bytes::{Bytes, BytesMut};
use digests::ChecksumSubject;
use futures_util::future::BoxFuture;
use http::{HeaderMap, header};
use room::Taken;
use std::ops::Deref;

const DECODED_LENGTH: &str = "x-amz-decoded-content-length";

/// A body that nobody wants. Some clients send a document with a request that has none; nobody sends more.
const UNUSED_BODY_MAX_BYTES: usize = 64 << 10;

/// A document up to this length takes no room: one of 1000 keys of usual length.
const SHORT_DOCUMENT_BYTES: usize = 128 << 10;

/// A body that nobody has begun to read.
#[derive(Debug)]
pub struct RequestBody {
    source: BodySource,
    framing: Framing,
    /// Bytes of the object or document; unknown for a plain body without Content-Length.
    declared_length: Option<u64>,
    digests: ExpectedDigests,
}

#[derive(Debug)]
enum Framing {
    Plain,
    /// Boxed: the decoder is some hundred bytes, and most bodies are plain.
    AwsChunked(Box<AwsChunkedDecoder>),
    /// The file of a form whose fields were read already.
    File(Box<FormFile>),
}

impl RequestBody {
    /// The file of a form. `headers` are those that the form's fields say.
    pub fn of_file(headers: &HeaderMap, file: FormFile, source: BodySource) -> Result<Self, S3Error> {
        let digests = digests::expected_digests(headers, &Payload::Unsigned, ChecksumSubject::Body)?;
        Ok(Self { source, framing: Framing::File(Box::new(file)), declared_length: None, digests })
    }

    /// Checks everything about the body that can be known before its first byte.
    pub fn new(
        operation: Operation,
        headers: &HeaderMap,
        payload: Payload,
        source: BodySource,
    ) -> Result<Self, S3Error> {
        let digests = digests::expected_digests(headers, &payload, ChecksumSubject::of(operation))?;
        let framing = match payload {
            Payload::Hash(_) | Payload::Unsigned => None,
            Payload::SignedChunks(signer) => Some(ChunkFraming::Signed(signer)),
            Payload::SignedChunksWithTrailer(signer) => Some(ChunkFraming::SignedWithTrailer(signer)),
            Payload::UnsignedChunksWithTrailer => Some(ChunkFraming::UnsignedWithTrailer),
            // A file is read with the form around it: `of_file`.
            Payload::File(_) => return Err(S3Code::MalformedPOSTRequest.into()),
        };
        let Some(framing) = framing else {
            let wire_length = source.wire_length();
            check_hash_of_nothing(wire_length, &digests)?;
            // A request that says nothing has an empty body; a write has to say so.
            let declared_length = wire_length.filter(|_| headers.contains_key(header::CONTENT_LENGTH));
            return Ok(Self { source, framing: Framing::Plain, declared_length, digests });
        };
        let length = decoded_length(headers)?;
        let announced = match digests.checksum {
            ExpectedChecksum::Trailer(algorithm) => Some(algorithm),
            ExpectedChecksum::None | ExpectedChecksum::Computed(_) | ExpectedChecksum::Value(_) => None,
        };
        let decoder = AwsChunkedDecoder::new(framing, length, announced);
        Ok(Self { source, framing: Framing::AwsChunked(Box::new(decoder)), declared_length: Some(length), digests })
    }

    /// A write says where its body ends: by a length, or by the chunks of `Transfer-Encoding: chunked`. One that says
    /// nothing would make an empty object of a forgotten body.
    pub fn require_framing(&self) -> Result<(), S3Error> {
        let is_framed = self.declared_length.is_some() || self.source.wire_length().is_none();
        if is_framed { Ok(()) } else { Err(S3Code::MissingContentLength.into()) }
    }

    /// For documents that do harm when they arrive changed: S3 wants a digest beside them. Any one that is checked will
    /// do; the message names the one that was the only one once.
    pub fn require_integrity_header(&self) -> Result<(), S3Error> {
        if self.digests.content_md5.is_some() || self.digests.checksum != ExpectedChecksum::None {
            return Ok(());
        }
        Err(S3Error::invalid_request("Missing required header for this request: Content-MD5"))
    }

    pub fn declared_length(&self) -> Option<u64> {
        self.declared_length
    }

    /// What the bytes have to hash to.
    pub fn expected_digests(&self) -> &ExpectedDigests {
        &self.digests
    }

    pub fn into_upload_body(self) -> DecodedBody {
        DecodedBody { source: self.source, framing: self.framing, declared_length: self.declared_length, room: None }
    }

    /// For an operation that has no use for a body: what comes with the request is read and held against what was signed all
    /// the same, and nothing of it is left. One that no signature covers is not looked at.
    pub async fn discard(self) -> Result<Self, S3Error> {
        let is_covered = self.digests.sha256.is_some() || matches!(self.framing, Framing::AwsChunked(_));
        if !is_covered || self.source.wire_length() == Some(0) {
            return Ok(self);
        }
        let source = BodySource::empty(self.source.rules().clone());
        let nothing = Self { source, framing: Framing::Plain, declared_length: None, digests: self.digests.clone() };
        self.read_document(UNUSED_BODY_MAX_BYTES).await?;
        Ok(nothing)
    }

    /// The whole body, at most `limit_bytes` of it, with every digest that the client gave checked. Keep it for as long as
    /// what was made of it: a long one holds room for both.
    pub async fn read_document(self, limit_bytes: usize) -> Result<Document, S3Error> {
        let too_long =
            || S3Error::new(S3Code::MaxMessageLengthExceeded).field("MaxMessageLengthBytes", limit_bytes.to_string());
        if self.declared_length.is_some_and(|length| length > limit_bytes as u64) {
            return Err(too_long());
        }
        let (digests, rules) = (self.digests.clone(), self.source.rules().clone());
        let length_max = self.declared_length.unwrap_or(limit_bytes as u64);
        let mut body = self.into_upload_body();
        let (mut document, mut room) = (BytesMut::new(), None);
        while let Some(bytes) = body.next_bytes().await? {
            if document.len() + bytes.len() > limit_bytes {
                return Err(too_long());
            }
            if room.is_none() && document.len() + bytes.len() > SHORT_DOCUMENT_BYTES {
                let taken = rules.document_room.take(length_max).await;
                room = Some(taken.map_err(|_| S3Error::from(S3Code::SlowDown))?);
            }
            document.extend_from_slice(&bytes);
        }
        let document = document.freeze();
        check_document(&document, &digests, body.trailing_checksum().as_ref())?;
        Ok(Document { bytes: document, _room: room })
    }
}

/// A document that was read whole.
#[derive(Debug)]
pub struct Document {
    bytes: Bytes,
    _room: Option<Taken>,
}

impl Deref for Document {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A request without a body must have signed the hash of nothing, also where no operation looks at the body.
fn check_hash_of_nothing(wire_length: Option<u64>, digests: &ExpectedDigests) -> Result<(), S3Error> {
    match (wire_length, digests.sha256) {
        (Some(0), Some(hash)) if hash != EMPTY_SHA256 => Err(S3Error::content_sha256_mismatch(hash, EMPTY_SHA256)),
        _ => Ok(()),
    }
}

const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

fn decoded_length(headers: &HeaderMap) -> Result<u64, S3Error> {
    let value = headers.get(DECODED_LENGTH).ok_or_else(|| {
        S3Error::with_message(
            S3Code::MissingContentLength,
            "You must provide the x-amz-decoded-content-length HTTP header.",
        )
    })?;
    let text = value.to_str().unwrap_or_default();
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let length = text.parse().ok().filter(|_| is_number);
    length.ok_or_else(|| S3Error::invalid_argument(DECODED_LENGTH, text, "The decoded length is not a number."))
}

/// A body that is being read: decoded and authenticated bytes.
#[derive(Debug)]
pub struct DecodedBody {
    source: BodySource,
    framing: Framing,
    declared_length: Option<u64>,
    /// Room for the long signed chunk that is being read or handed out.
    room: Option<Taken>,
}

impl DecodedBody {
    async fn next_bytes(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let decoder = match &mut self.framing {
                Framing::Plain => return self.source.next().await,
                Framing::AwsChunked(decoder) => decoder,
                Framing::File(file) => match file.step()? {
                    FileStep::Data(bytes) => return Ok(Some(bytes)),
                    FileStep::NeedInput => match self.source.next().await? {
                        Some(bytes) => {
                            file.push(&bytes);
                            continue;
                        }
                        None => return file.finish().map(|()| None),
                    },
                },
            };
            match decoder.step()? {
                Step::Data(bytes) => return Ok(Some(bytes)),
                Step::NeedInput => match self.source.next().await? {
                    Some(bytes) => decoder.push(bytes),
                    None => return decoder.finish().map(|()| None),
                },
                Step::NeedRoom(length) => {
                    // That of the chunk before is given back first.
                    self.room = None;
                    let taken = self.source.rules().chunk_room.take(length).await;
                    self.room = Some(taken.map_err(|_| BodyError::TooSlow)?);
                }
                Step::End => match self.source.next().await? {
                    None => return Ok(None),
                    Some(_) => return Err(BodyError::Malformed("There are bytes behind the end of the chunks.")),
                },
            }
        }
    }
}

impl UploadBody for DecodedBody {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, BodyError>> {
        Box::pin(self.next_bytes())
    }

    fn declared_length(&self) -> Option<u64> {
        self.declared_length
    }

    fn trailing_checksum(&self) -> Option<Checksum> {
        match &self.framing {
            Framing::Plain | Framing::File(_) => None,
            Framing::AwsChunked(decoder) => decoder.trailing_checksum().cloned(),
        }
    }
}

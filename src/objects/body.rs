//! What a verb needs to know of an upload's body: its bytes, already authenticated and decoded, and what the client
//! says that they hash to. The wire layer implements `UploadBody`; nothing here knows of HTTP.

use crate::types::{Checksum, ChecksumAlgorithm};
use bytes::Bytes;
use futures_util::future::BoxFuture;

/// The bytes of an upload in order. Whoever implements it hands out no byte before it was authenticated, and no end
/// before the declared length, the trailers and their signature were checked.
pub trait UploadBody: Send {
    /// The next bytes, `None` at the end. After an error or the end it is not called again. Cancel-safe is not asked:
    /// a verb that is dropped drops the body with it.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, BodyError>>;

    /// Number of bytes that the body will have, when the client said so.
    fn declared_length(&self) -> Option<u64>;

    /// The checksum that came behind the bytes; asked after the end.
    fn trailing_checksum(&self) -> Option<Checksum>;
}

/// A body that did not arrive whole and genuine. Nothing of the upload remains.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body ended before its declared length")]
    Incomplete,
    #[error("a signature inside the body is wrong")]
    SignatureMismatch,
    #[error("the body's framing is malformed: {0}")]
    Malformed(&'static str),
    #[error("the body's trailers are malformed: {0}")]
    MalformedTrailers(&'static str),
    /// What is well-formed and not taken.
    #[error("the body is refused: {0}")]
    Refused(&'static str),
    #[error("the body came slower than the server waits while others need its memory")]
    TooSlow,
    #[error("the decoded length differs from the declared one")]
    LengthMismatch,
    #[error("the announced trailer is missing or another one came")]
    TrailerMismatch,
    #[error("the body is no whole form")]
    MalformedForm,
    /// Of a form: its policy allows no more.
    #[error("the file has more than {most} bytes")]
    TooLong { length: u64, most: u64 },
    /// Of a form: its policy allows no less.
    #[error("the file has fewer than {least} bytes")]
    TooShort { length: u64, least: u64 },
    #[error("the connection failed: {0}")]
    Io(String),
}

/// What the client says that the bytes hash to. Every value that is given is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedDigests {
    /// `Content-MD5`.
    pub content_md5: Option<[u8; 16]>,
    /// `x-amz-content-sha256` when it is a hash.
    pub sha256: Option<[u8; 32]>,
    pub checksum: ExpectedChecksum,
}

/// The checksum that S3 keeps with the object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExpectedChecksum {
    /// The client sends none: a CRC64NVME is computed and kept, as S3 does.
    #[default]
    None,
    /// The client names an algorithm and sends no value: computed and kept.
    Computed(ChecksumAlgorithm),
    /// `x-amz-checksum-*` as a header.
    Value(Checksum),
    /// Announced by `x-amz-trailer`: the value comes behind the bytes.
    Trailer(ChecksumAlgorithm),
}

impl ExpectedChecksum {
    /// The algorithm that is computed over the bytes.
    pub fn algorithm(&self) -> Option<ChecksumAlgorithm> {
        match self {
            Self::None => None,
            Self::Computed(algorithm) | Self::Trailer(algorithm) => Some(*algorithm),
            Self::Value(checksum) => Some(checksum.algorithm()),
        }
    }
}

//! How the body is covered by the signature: `x-amz-content-sha256`. The enums are exhaustive; what they don't name is
//! refused, so there is no second way around the signature.

use super::chunk_signer::ChunkSigner;
use std::ops::RangeInclusive;

/// The header's value, before the request is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// SHA-256 of the whole body.
    Hash([u8; 32]),
    Unsigned,
    SignedChunks,
    SignedChunksWithTrailer,
    UnsignedChunksWithTrailer,
}

impl PayloadKind {
    /// `None`: no form that S3 has.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "UNSIGNED-PAYLOAD" => Some(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Some(Self::SignedChunks),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Some(Self::SignedChunksWithTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Some(Self::UnsignedChunksWithTrailer),
            hash => {
                let is_lower = !hash.bytes().any(|b| b.is_ascii_uppercase());
                let mut value = [0; 32];
                (hash.len() == 64 && is_lower && const_hex::decode_to_slice(hash, &mut value).is_ok())
                    .then_some(Self::Hash(value))
            }
        }
    }

    /// Whether the body is framed as aws-chunked.
    pub fn is_chunked(self) -> bool {
        match self {
            Self::Hash(_) | Self::Unsigned => false,
            Self::SignedChunks | Self::SignedChunksWithTrailer | Self::UnsignedChunksWithTrailer => true,
        }
    }
}

/// How the body of an authenticated request is to be checked.
#[derive(Debug)]
pub enum Payload {
    /// The body's SHA-256 must be this.
    Hash([u8; 32]),
    /// The signature says nothing about the body (TLS does, or the client doesn't care).
    Unsigned,
    /// aws-chunked, each chunk signed.
    SignedChunks(ChunkSigner),
    /// aws-chunked, each chunk and the trailers signed.
    SignedChunksWithTrailer(ChunkSigner),
    /// aws-chunked without signatures; the trailer carries a checksum.
    UnsignedChunksWithTrailer,
    /// The file of a form: the policy that was signed allows these lengths.
    File(RangeInclusive<u64>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_known_form_is_refused() {
        assert_eq!(PayloadKind::parse(&"0a".repeat(32)), Some(PayloadKind::Hash([0x0a; 32])));
        for text in [
            "",
            "unsigned-payload",
            "UNSIGNED-PAYLOAD ",
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
            "STREAMING-UNSIGNED-PAYLOAD",
            &"0A".repeat(32),
            &"0a".repeat(31),
            &"zz".repeat(32),
        ] {
            assert_eq!(PayloadKind::parse(text), None, "{text}");
        }
    }
}

//! Signatures inside an aws-chunked body: each one covers its chunk and the signature before it, beginning with the
//! request's own. Sources: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring
//! Payload in Multiple Chunks" and "... Including trailing headers".

use crate::identity::SigningKey;
use aws_sigv4::sign::v4::calculate_signature;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// SHA-256 of nothing, in hexadecimal.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The chain of signatures of one body.
#[derive(Debug)]
pub struct ChunkSigner {
    key: SigningKey,
    /// Time and scope lines, as they stand in each string to sign.
    context: String,
    previous: String,
}

impl ChunkSigner {
    /// `seed` is the signature of the request itself, already verified.
    pub fn new(key: SigningKey, time: &str, scope: &str, seed: &str) -> Self {
        Self { key, context: format!("{time}\n{scope}"), previous: seed.to_owned() }
    }

    /// Whether `signature` is right for a chunk with this hash; if so the chain moves on.
    #[must_use]
    pub fn accepts_chunk(&mut self, chunk_sha256: &[u8], signature: &str) -> bool {
        let string_to_sign = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{EMPTY_SHA256}\n{}",
            self.context,
            self.previous,
            const_hex::encode(chunk_sha256)
        );
        self.accept(&string_to_sign, signature)
    }

    /// Whether `signature` is right for the trailers, given as `name:value\n` lines in ascending order.
    #[must_use]
    pub fn accepts_trailer(&mut self, canonical_trailers: &str, signature: &str) -> bool {
        let string_to_sign = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}",
            self.context,
            self.previous,
            const_hex::encode(Sha256::digest(canonical_trailers))
        );
        self.accept(&string_to_sign, signature)
    }

    fn accept(&mut self, string_to_sign: &str, signature: &str) -> bool {
        let expected = calculate_signature(self.key.as_bytes(), string_to_sign.as_bytes());
        let is_right = bool::from(expected.as_bytes().ct_eq(signature.as_bytes()));
        if is_right {
            self.previous = expected;
        }
        is_right
    }
}

//! The seam under which hashes stand: one running hash, fed slice by slice.

use super::{
    block_stream::BlockStream,
    md5_blocks::Md5Blocks,
    sha256_blocks::{self, Sha256Blocks},
};
use crate::types::ChecksumAlgorithm;
use aws_lc_rs::digest;
use crc_fast::CrcAlgorithm;

pub type Md5Stream = BlockStream<Md5Blocks, 4>;
pub type Sha256Stream = BlockStream<Sha256Blocks, 8>;

pub trait StreamHash: Send {
    fn update(&mut self, bytes: &[u8]);

    /// The value in big-endian bytes.
    fn finish(self: Box<Self>) -> Vec<u8>;

    /// The running hash, if several of its kind are cheaper side by side.
    fn side_by_side(&mut self) -> Option<SideBySide<'_>> {
        None
    }
}

pub enum SideBySide<'a> {
    Md5(&'a mut Md5Stream),
    Sha256(&'a mut Sha256Stream),
}

impl StreamHash for Md5Stream {
    fn update(&mut self, bytes: &[u8]) {
        Self::update(self, bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        Self::finish(*self)
    }

    fn side_by_side(&mut self) -> Option<SideBySide<'_>> {
        Some(SideBySide::Md5(self))
    }
}

impl StreamHash for Sha256Stream {
    fn update(&mut self, bytes: &[u8]) {
        Self::update(self, bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        Self::finish(*self)
    }

    fn side_by_side(&mut self) -> Option<SideBySide<'_>> {
        Some(SideBySide::Sha256(self))
    }
}

/// SHA-1, and SHA-256 where `sha256_blocks.rs` gains nothing: with the processor's SHA instructions every crate is as fast,
/// without them this one takes half the time of portable code.
impl StreamHash for digest::Context {
    fn update(&mut self, bytes: &[u8]) {
        digest::Context::update(self, bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        digest::Context::finish(*self).as_ref().to_vec()
    }
}

/// A CRC of `length` bytes.
struct Crc {
    digest: crc_fast::Digest,
    length: usize,
}

impl StreamHash for Crc {
    fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        let value = self.digest.finalize().to_be_bytes();
        value[value.len() - self.length..].to_vec()
    }
}

pub fn md5() -> Box<dyn StreamHash> {
    Box::new(Md5Stream::new())
}

pub fn of_checksum(algorithm: ChecksumAlgorithm) -> Box<dyn StreamHash> {
    let crc = |crc: CrcAlgorithm| Box::new(Crc { digest: crc_fast::Digest::new(crc), length: algorithm.length() });
    match algorithm {
        ChecksumAlgorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::Crc64nvme => crc(CrcAlgorithm::Crc64Nvme),
        ChecksumAlgorithm::Sha1 => Box::new(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
        ChecksumAlgorithm::Sha256 if sha256_blocks::is_worth_it() => Box::new(Sha256Stream::new()),
        ChecksumAlgorithm::Sha256 => Box::new(digest::Context::new(&digest::SHA256)),
    }
}

/// Whether the hash is cheap enough to run where the bytes are: a CRC takes 5 us for 256 KiB, MD5 400 us.
pub fn is_cheap(algorithm: ChecksumAlgorithm) -> bool {
    matches!(algorithm, ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c | ChecksumAlgorithm::Crc64nvme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_are_the_published_ones() {
        for (algorithm, expected) in [
            (ChecksumAlgorithm::Crc32, "cbf43926"),
            (ChecksumAlgorithm::Crc32c, "e3069283"),
            (ChecksumAlgorithm::Crc64nvme, "ae8b14860a799888"),
            (ChecksumAlgorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (ChecksumAlgorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let mut hash = of_checksum(algorithm);
            hash.update(b"1234");
            hash.update(b"56789");
            assert_eq!(const_hex::encode(hash.finish()), expected, "{algorithm}");
        }
        let mut hash = md5();
        hash.update(b"123456789");
        assert_eq!(const_hex::encode(hash.finish()), "25f9e794323b453885f5181f1b624d0b");
    }
}

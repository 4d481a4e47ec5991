//! Hashing a body once, while it streams by: MD5 for the entity tag, SHA-256 when the signature or the client asks,
//! the checksum that is kept. CRCs cost almost nothing and run where the bytes are. MD5 and the SHAs cost more than
//! everything else in a big upload together, so they leave the I/O path: each is a lane of its own in a small pool
//! of threads (`pool.rs`). The MD5s of several uploads are computed side by side (`block_stream.rs`), and so are their
//! SHA-256s where the processor has no instructions for them. Bodies of at most 64 KiB are hashed on the spot: a wake-up
//! would cost more than the hash.

mod block_hash;
mod block_stream;
mod body_hasher;
mod hash_queue;
mod md5_blocks;
mod pool;
mod sha256_blocks;
mod stream_hash;

pub use body_hasher::{BodyHasher, Digests, needed_algorithms};
pub use pool::HashPool;

use crate::types::{Checksum, ChecksumAlgorithm};
use stream_hash::StreamHash;

/// The checksum of bytes that are in memory whole.
pub fn checksum_of(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Checksum {
    let mut hash = stream_hash::of_checksum(algorithm);
    hash.update(bytes);
    into_checksum(algorithm, hash)
}

fn into_checksum(algorithm: ChecksumAlgorithm, hash: Box<dyn StreamHash>) -> Checksum {
    Checksum::new(algorithm, hash.finish()).expect("a hash has its algorithm's length")
}

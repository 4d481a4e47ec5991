//! All hashes of one body, fed together. Small bodies are hashed on the spot; a body that grows beyond 64 KiB moves
//! its expensive hashes into lanes of the pool, with the state that they have.

use super::{
    HashPool, checksum_of, into_checksum,
    pool::LaneHandle,
    stream_hash::{self, StreamHash},
};
use crate::{
    objects::{ExpectedChecksum, ExpectedDigests, ObjectError},
    types::{Checksum, ChecksumAlgorithm},
};
use bytes::Bytes;
use futures_util::future::join_all;
use md5::{Digest, Md5};

/// Up to here everything is hashed where the bytes are: SHA-256 and MD5 of 64 KiB take 140 us, as long as the two
/// wake-ups of a hand-over and back on a busy machine.
const INLINE_MAX_BYTES: u64 = 64 << 10;

/// A thread hashes at most this much before it looks after another upload: 400 us of MD5.
const SLICE_MAX_BYTES: usize = 256 << 10;

/// Hashes of one body. Dropped before `finish`, it leaves nothing behind.
pub struct BodyHasher {
    pool: HashPool,
    cheap: Vec<(ChecksumAlgorithm, Box<dyn StreamHash>)>,
    expensive: Expensive,
    length: u64,
}

/// The hash of the entity tag, or of a checksum.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    EntityTag,
    Checksum(ChecksumAlgorithm),
}

enum Expensive {
    Inline(Vec<(Purpose, Box<dyn StreamHash>)>),
    Lanes { lanes: Vec<(Purpose, LaneHandle)>, gathered: Vec<Bytes>, gathered_length: usize },
}

/// What a body hashed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    pub md5: [u8; 16],
    /// Length of the body in bytes.
    pub length: u64,
    checksums: Vec<Checksum>,
}

impl BodyHasher {
    /// MD5 is always computed; each algorithm once, however often it is named.
    pub fn new(pool: &HashPool, algorithms: impl IntoIterator<Item = ChecksumAlgorithm>) -> Self {
        let mut algorithms: Vec<_> = algorithms.into_iter().collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let (cheap, expensive): (Vec<_>, Vec<_>) = algorithms.into_iter().partition(|a| stream_hash::is_cheap(*a));
        let mut hashes = vec![(Purpose::EntityTag, stream_hash::md5())];
        hashes.extend(expensive.into_iter().map(|a| (Purpose::Checksum(a), stream_hash::of_checksum(a))));
        Self {
            pool: pool.clone(),
            cheap: cheap.into_iter().map(|a| (a, stream_hash::of_checksum(a))).collect(),
            expensive: Expensive::Inline(hashes),
            length: 0,
        }
    }

    /// Waits while the pool is behind.
    pub async fn update(&mut self, bytes: &Bytes) {
        self.length += bytes.len() as u64;
        for (_, hash) in &mut self.cheap {
            hash.update(bytes);
        }
        if self.length > INLINE_MAX_BYTES {
            self.move_into_lanes();
        }
        match &mut self.expensive {
            Expensive::Inline(hashes) => hashes.iter_mut().for_each(|(_, hash)| hash.update(bytes)),
            Expensive::Lanes { lanes, gathered, gathered_length } => {
                gather(lanes, gathered, gathered_length, bytes.clone()).await;
            }
        }
    }

    /// Hands on what was gathered for a slice though the slice is not full: its memory is not counted anywhere, and a body
    /// that pauses would hold it.
    pub async fn flush(&mut self) {
        if let Expensive::Lanes { lanes, gathered, gathered_length } = &mut self.expensive
            && !gathered.is_empty()
        {
            *gathered_length = 0;
            send(lanes, std::mem::take(gathered)).await;
        }
    }

    fn move_into_lanes(&mut self) {
        if let Expensive::Inline(hashes) = &mut self.expensive {
            let lanes = hashes.drain(..).map(|(purpose, hash)| (purpose, self.pool.lane(hash))).collect();
            self.expensive = Expensive::Lanes { lanes, gathered: Vec::new(), gathered_length: 0 };
        }
    }

    pub async fn finish(self) -> Digests {
        let hashes = match self.expensive {
            Expensive::Inline(hashes) => hashes,
            Expensive::Lanes { lanes, gathered, .. } => finish_lanes(lanes, gathered).await,
        };
        let mut md5 = [0; 16];
        let mut checksums: Vec<_> = self.cheap.into_iter().map(|(a, hash)| into_checksum(a, hash)).collect();
        for (purpose, hash) in hashes {
            match purpose {
                Purpose::EntityTag => md5.copy_from_slice(&hash.finish()),
                Purpose::Checksum(algorithm) => checksums.push(into_checksum(algorithm, hash)),
            }
        }
        Digests { md5, length: self.length, checksums }
    }
}

/// Small pieces are gathered, so that a thread is woken once a slice; pieces longer than a slice are cut.
async fn gather(lanes: &[(Purpose, LaneHandle)], gathered: &mut Vec<Bytes>, length: &mut usize, mut bytes: Bytes) {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(SLICE_MAX_BYTES - *length));
        *length += piece.len();
        gathered.push(piece);
        if *length == SLICE_MAX_BYTES {
            *length = 0;
            send(lanes, std::mem::take(gathered)).await;
        }
    }
}

async fn send(lanes: &[(Purpose, LaneHandle)], slice: Vec<Bytes>) {
    for (_, lane) in lanes {
        lane.update(slice.clone()).await;
    }
}

/// All at once: a lane learns only here that its upload waits for it.
async fn finish_lanes(lanes: Vec<(Purpose, LaneHandle)>, gathered: Vec<Bytes>) -> Vec<(Purpose, Box<dyn StreamHash>)> {
    if !gathered.is_empty() {
        send(&lanes, gathered).await;
    }
    join_all(lanes.into_iter().map(|(purpose, lane)| async move { (purpose, lane.finish().await) })).await
}

impl Digests {
    /// Of bytes that are in memory whole.
    pub fn of(bytes: &[u8], algorithms: impl Iterator<Item = ChecksumAlgorithm>) -> Self {
        let checksums = algorithms.map(|algorithm| checksum_of(algorithm, bytes)).collect();
        Self { md5: Md5::digest(bytes).into(), length: bytes.len() as u64, checksums }
    }

    pub fn checksum(&self, algorithm: ChecksumAlgorithm) -> Option<&Checksum> {
        self.checksums.iter().find(|checksum| checksum.algorithm() == algorithm)
    }

    /// Compares with what the client said; `trailing` is the checksum that came behind the bytes.
    pub fn check(&self, expected: &ExpectedDigests, trailing: Option<&Checksum>) -> Result<(), ObjectError> {
        if let (Some(expected), Some(actual)) = (expected.sha256, self.checksum(ChecksumAlgorithm::Sha256)) {
            let mut value = [0; 32];
            value.copy_from_slice(actual.value());
            if value != expected {
                return Err(ObjectError::ContentSha256Mismatch { expected, actual: value });
            }
        }
        match expected.content_md5 {
            Some(expected) if expected != self.md5 => {
                return Err(ObjectError::BadContentMd5 { expected, actual: self.md5 });
            }
            _ => {}
        }
        let sent = match &expected.checksum {
            ExpectedChecksum::Value(checksum) => Some(checksum),
            ExpectedChecksum::Trailer(_) => trailing,
            ExpectedChecksum::Computed(_) | ExpectedChecksum::None => None,
        };
        match sent {
            Some(sent) if self.checksum(sent.algorithm()) != Some(sent) => {
                Err(ObjectError::BadChecksum(sent.algorithm()))
            }
            _ => Ok(()),
        }
    }
}

/// Algorithms that a body has to be hashed with so that `expected` can be checked.
pub fn needed_algorithms(expected: &ExpectedDigests) -> impl Iterator<Item = ChecksumAlgorithm> {
    let sha256 = expected.sha256.map(|_| ChecksumAlgorithm::Sha256);
    sha256.into_iter().chain(expected.checksum.algorithm())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn digests_of(pool: &HashPool, pieces: &[Bytes]) -> Digests {
        let mut hasher = BodyHasher::new(pool, ChecksumAlgorithm::ALL);
        for piece in pieces {
            hasher.update(piece).await;
        }
        hasher.finish().await
    }

    #[tokio::test]
    async fn a_body_that_pauses_hashes_to_the_same() {
        let pool = HashPool::start(2).unwrap();
        let whole: Vec<u8> = (0..600_000).map(|i| (i * 31 % 251) as u8).collect();
        let mut hasher = BodyHasher::new(&pool, ChecksumAlgorithm::ALL);
        for piece in whole.chunks(50_001) {
            hasher.update(&Bytes::copy_from_slice(piece)).await;
            hasher.flush().await;
        }
        assert_right(&hasher.finish().await, &whole);
    }

    fn assert_right(digests: &Digests, whole: &[u8]) {
        assert_eq!(digests.md5, <[u8; 16]>::from(Md5::digest(whole)));
        assert_eq!(digests.length, whole.len() as u64);
        for algorithm in ChecksumAlgorithm::ALL {
            assert_eq!(digests.checksum(algorithm), Some(&checksum_of(algorithm, whole)), "{algorithm}");
        }
    }

    #[tokio::test]
    async fn bodies_around_each_limit_hash_right() {
        let pool = HashPool::start(2).unwrap();
        for length in [0, 1, 65_535, 65_536, 65_537, 262_144, 262_145, 1_000_000] {
            let whole: Vec<u8> = (0..length).map(|i| (i * 31 % 251) as u8).collect();
            for piece_length in [1000, 65_536, 300_000, 1_000_000] {
                let pieces: Vec<_> = whole.chunks(piece_length).map(Bytes::copy_from_slice).collect();
                assert_right(&digests_of(&pool, &pieces).await, &whole);
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_uploads_share_one_thread() {
        let pool = HashPool::start(1).unwrap();
        let uploads = (0..20_u8).map(|seed| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let whole = vec![seed; 700_000];
                let pieces: Vec<_> = whole.chunks(50_000).map(Bytes::copy_from_slice).collect();
                assert_right(&digests_of(&pool, &pieces).await, &whole);
            })
        });
        for upload in uploads.collect::<Vec<_>>() {
            upload.await.unwrap();
        }
    }

    /// Its MD5 would be welcome beside theirs, but nobody waits for it for long.
    #[tokio::test]
    async fn an_upload_that_pauses_holds_up_no_other() {
        let pool = HashPool::start(1).unwrap();
        let piece = Bytes::from(vec![7; 300_000]);
        let mut paused = BodyHasher::new(&pool, []);
        paused.update(&piece).await;
        let pieces = vec![Bytes::from(vec![9; 900_000]); 3];
        assert_right(&digests_of(&pool, &pieces).await, &pieces.concat());
        paused.flush().await;
        paused.update(&piece).await;
        assert_eq!(paused.finish().await.md5, <[u8; 16]>::from(Md5::digest([piece.as_ref(); 2].concat())));
    }

    #[tokio::test]
    async fn a_dropped_hasher_leaves_the_pool_working() {
        let pool = HashPool::start(1).unwrap();
        for _ in 0..10 {
            let mut hasher = BodyHasher::new(&pool, []);
            hasher.update(&Bytes::from(vec![1; 400_000])).await;
        }
        assert_right(&digests_of(&pool, &[Bytes::from_static(b"after")]).await, b"after");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn pieces_of_any_length_hash_as_the_whole(lengths in proptest::collection::vec(0..200_000_usize, 0..6)) {
            let pieces: Vec<_> = lengths.iter().map(|length| Bytes::from(vec![*length as u8; *length])).collect();
            let whole = pieces.concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let pool = HashPool::start(1).unwrap();
            assert_right(&runtime.block_on(digests_of(&pool, &pieces)), &whole);
        }
    }

    #[tokio::test]
    async fn every_value_that_the_client_sent_is_checked() {
        let pool = HashPool::start(1).unwrap();
        let digests = digests_of(&pool, &[Bytes::from_static(b"body")]).await;
        let none = ExpectedDigests::default;
        assert_eq!(digests.check(&none(), None), Ok(()));
        let right_md5 = ExpectedDigests { content_md5: Some(digests.md5), ..none() };
        assert_eq!(digests.check(&right_md5, None), Ok(()));
        let wrong_md5 = ExpectedDigests { content_md5: Some([0; 16]), ..none() };
        assert!(matches!(digests.check(&wrong_md5, None), Err(ObjectError::BadContentMd5 { .. })));
        let wrong_sha = ExpectedDigests { sha256: Some([0; 32]), ..wrong_md5 };
        assert!(matches!(digests.check(&wrong_sha, None), Err(ObjectError::ContentSha256Mismatch { .. })));
        let wrong = checksum_of(ChecksumAlgorithm::Sha1, b"other");
        let header = ExpectedDigests { checksum: ExpectedChecksum::Value(wrong.clone()), ..none() };
        assert_eq!(digests.check(&header, None), Err(ObjectError::BadChecksum(ChecksumAlgorithm::Sha1)));
        let trailer = ExpectedDigests { checksum: ExpectedChecksum::Trailer(ChecksumAlgorithm::Sha1), ..none() };
        assert_eq!(digests.check(&trailer, Some(&wrong)), Err(ObjectError::BadChecksum(ChecksumAlgorithm::Sha1)));
        let right = checksum_of(ChecksumAlgorithm::Sha1, b"body");
        assert_eq!(digests.check(&trailer, Some(&right)), Ok(()));
    }
}

//! Checksums of a multipart object from those of its parts, without reading a byte again. Source: Amazon S3 User
//! Guide, "Checking object integrity in Amazon S3": a composite checksum is the algorithm over the parts' binary
//! checksums one behind the other; a full-object checksum exists for the CRCs, which can be combined.

use super::digest::checksum_of;
use crate::types::{Checksum, ChecksumAlgorithm, ChecksumKind, ETag, ObjectChecksum};
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};

/// The kinds that S3 knows for an algorithm: CRC64NVME has no composite form, the SHAs have no full-object form.
pub fn kind_is_possible(algorithm: ChecksumAlgorithm, kind: ChecksumKind) -> bool {
    match algorithm {
        ChecksumAlgorithm::Crc64nvme => kind == ChecksumKind::FullObject,
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => kind == ChecksumKind::Composite,
        ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c => true,
    }
}

/// The kind of an upload that names only an algorithm.
pub fn default_kind(algorithm: ChecksumAlgorithm) -> ChecksumKind {
    match algorithm {
        ChecksumAlgorithm::Crc64nvme => ChecksumKind::FullObject,
        _ => ChecksumKind::Composite,
    }
}

/// The whole object's checksum from its parts in order, each with its length in bytes. `None` when a part's algorithm
/// differs, when there is no part, or when the algorithm does not know the kind.
pub fn combine(algorithm: ChecksumAlgorithm, kind: ChecksumKind, parts: &[(Checksum, u64)]) -> Option<ObjectChecksum> {
    let fits = |(checksum, _): &(Checksum, u64)| checksum.algorithm() == algorithm;
    if parts.is_empty() || !parts.iter().all(fits) || !kind_is_possible(algorithm, kind) {
        return None;
    }
    match kind {
        ChecksumKind::FullObject => full_object(algorithm, parts).map(ObjectChecksum::full_object),
        ChecksumKind::Composite => {
            let values: Vec<u8> = parts.iter().flat_map(|(checksum, _)| checksum.value().iter().copied()).collect();
            let checksum = checksum_of(algorithm, &values);
            Some(ObjectChecksum { checksum, kind, part_count: u32::try_from(parts.len()).ok() })
        }
    }
}

fn full_object(algorithm: ChecksumAlgorithm, parts: &[(Checksum, u64)]) -> Option<Checksum> {
    let crc = match algorithm {
        ChecksumAlgorithm::Crc32 => CrcAlgorithm::Crc32IsoHdlc,
        ChecksumAlgorithm::Crc32c => CrcAlgorithm::Crc32Iscsi,
        ChecksumAlgorithm::Crc64nvme => CrcAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => return None,
    };
    let as_number =
        |checksum: &Checksum| checksum.value().iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let ((first, _), rest) = parts.split_first()?;
    let combined = rest.iter().fold(as_number(first), |so_far, (checksum, length)| {
        crc_fast::checksum_combine(crc, so_far, as_number(checksum), *length)
    });
    let bytes = combined.to_be_bytes();
    Checksum::new(algorithm, bytes[bytes.len() - algorithm.length()..].to_vec()).ok()
}

/// `md5-of-md5s-N`. `None` when a part's tag is no MD5, which no part of ours has.
pub fn multipart_etag<'a>(parts: impl ExactSizeIterator<Item = &'a ETag>) -> Option<ETag> {
    let count = parts.len();
    let mut hash = Md5::new();
    for etag in parts {
        hash.update(etag.md5()?);
    }
    Some(ETag::multipart(hash.finalize().into(), count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts_of(algorithm: ChecksumAlgorithm, bytes: &[u8], cuts: &[usize]) -> Vec<(Checksum, u64)> {
        let mut borders: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        borders.extend([0, bytes.len()]);
        borders.sort_unstable();
        let slices = borders.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        slices.map(|slice| (checksum_of(algorithm, slice), slice.len() as u64)).collect()
    }

    proptest! {
        #[test]
        fn combined_crcs_are_those_of_the_whole(
            bytes in proptest::collection::vec(any::<u8>(), 0..5000),
            cuts in proptest::collection::vec(any::<usize>(), 0..6),
        ) {
            for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64nvme] {
                let parts = parts_of(algorithm, &bytes, &cuts);
                let combined = combine(algorithm, ChecksumKind::FullObject, &parts).unwrap();
                prop_assert_eq!(combined.checksum, checksum_of(algorithm, &bytes));
            }
        }
    }

    /// Values of three parts of 5 MiB of `A`, `B` and `C`, as the conformance suite of the Ceph project has them.
    #[test]
    fn known_parts_give_known_wholes() {
        use ChecksumAlgorithm::*;
        use ChecksumKind::*;
        const PART_LENGTH: u64 = 5 << 20;
        let cases: [(_, _, [&str; 3], &str); 3] = [
            (Crc64nvme, FullObject, ["L/E4WYn8v98=", "xW1l19VobYM=", "cK5MnNaWrW4="], "i+6LR0y3eFo="),
            (Crc32, FullObject, ["JRTCyQ==", "QoZTGg==", "YAgjqw=="], "WgDhBQ=="),
            (
                Sha1,
                Composite,
                ["iIaTCGbm+vdVjNqIMF2S0T7ibMk=", "LS/TJ32bAVKEwRu+sE3X7awh/lk=", "6DDwovUaHwrKNXDMzOGbuvj9kxI="],
                "sizjvY4eud3MrcHdZM3cQ/ol39o=-3",
            ),
        ];
        for (algorithm, kind, parts, whole) in cases {
            let parts: Vec<_> =
                parts.iter().map(|text| (Checksum::from_base64(algorithm, text).unwrap(), PART_LENGTH)).collect();
            assert_eq!(combine(algorithm, kind, &parts).unwrap().to_text(), whole);
        }
    }

    #[test]
    fn what_s3_does_not_know_is_refused() {
        let sha = vec![(checksum_of(ChecksumAlgorithm::Sha256, b"x"), 1)];
        assert_eq!(combine(ChecksumAlgorithm::Sha256, ChecksumKind::FullObject, &sha), None);
        assert_eq!(combine(ChecksumAlgorithm::Sha1, ChecksumKind::Composite, &sha), None);
        assert_eq!(combine(ChecksumAlgorithm::Sha256, ChecksumKind::Composite, &[]), None);
        let crc = vec![(checksum_of(ChecksumAlgorithm::Crc64nvme, b"x"), 1)];
        assert_eq!(combine(ChecksumAlgorithm::Crc64nvme, ChecksumKind::Composite, &crc), None);
    }

    #[test]
    fn the_tag_of_a_multipart_object_is_the_md5_of_its_parts_md5s() {
        let parts = [ETag::from_md5([1; 16]), ETag::from_md5([2; 16])];
        let etag = multipart_etag(parts.iter()).unwrap();
        let mut both = vec![1; 16];
        both.extend([2; 16]);
        assert_eq!(etag, ETag::multipart(Md5::digest(&both).into(), 2));
        assert_eq!(multipart_etag([ETag::multipart([1; 16], 2)].iter()), None);
    }
}

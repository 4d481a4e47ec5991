//! Digests of a document that is in memory whole: the XML body of a request. Bodies of objects are hashed while they
//! stream; documents are small enough to be hashed at once.

use super::{ExpectedChecksum, ExpectedDigests, ObjectError};
use crate::types::{Checksum, ChecksumAlgorithm};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Compares every digest that the client gave; `trailing` is the checksum that came behind the bytes.
pub fn check_document(
    document: &[u8],
    expected: &ExpectedDigests,
    trailing: Option<&Checksum>,
) -> Result<(), ObjectError> {
    if let Some(expected) = expected.sha256 {
        let actual = <[u8; 32]>::from(Sha256::digest(document));
        if actual != expected {
            return Err(ObjectError::ContentSha256Mismatch { expected, actual });
        }
    }
    if let Some(expected) = expected.content_md5 {
        let actual = <[u8; 16]>::from(Md5::digest(document));
        if actual != expected {
            return Err(ObjectError::BadContentMd5 { expected, actual });
        }
    }
    let sent = match &expected.checksum {
        ExpectedChecksum::Value(checksum) => Some(checksum),
        ExpectedChecksum::Trailer(_) => trailing,
        ExpectedChecksum::Computed(_) | ExpectedChecksum::None => None,
    };
    match sent {
        Some(sent) if sent.value() != checksum_bytes(sent.algorithm(), document) => {
            Err(ObjectError::BadChecksum(sent.algorithm()))
        }
        _ => Ok(()),
    }
}

/// Big-endian, as the header carries it.
fn checksum_bytes(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Vec<u8> {
    let crc = |kind| crc_fast::checksum(kind, bytes);
    match algorithm {
        ChecksumAlgorithm::Crc32 => (crc(crc_fast::CrcAlgorithm::Crc32IsoHdlc) as u32).to_be_bytes().to_vec(),
        ChecksumAlgorithm::Crc32c => (crc(crc_fast::CrcAlgorithm::Crc32Iscsi) as u32).to_be_bytes().to_vec(),
        ChecksumAlgorithm::Crc64nvme => crc(crc_fast::CrcAlgorithm::Crc64Nvme).to_be_bytes().to_vec(),
        ChecksumAlgorithm::Sha1 => Sha1::digest(bytes).to_vec(),
        ChecksumAlgorithm::Sha256 => Sha256::digest(bytes).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &[u8] = b"123456789";

    /// Check values of the algorithms' own catalogues, for "123456789".
    const KNOWN: [(ChecksumAlgorithm, &str); 5] = [
        (ChecksumAlgorithm::Crc32, "cbf43926"),
        (ChecksumAlgorithm::Crc32c, "e3069283"),
        (ChecksumAlgorithm::Crc64nvme, "ae8b14860a799888"),
        (ChecksumAlgorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        (ChecksumAlgorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ];

    #[test]
    fn every_algorithm_gives_its_published_value() {
        for (algorithm, hex) in KNOWN {
            assert_eq!(const_hex::encode(checksum_bytes(algorithm, DOCUMENT)), hex, "{algorithm}");
        }
    }

    #[test]
    fn each_wrong_digest_is_refused_for_itself() {
        let none = ExpectedDigests::default;
        assert_eq!(check_document(DOCUMENT, &none(), None), Ok(()));
        let md5 = ExpectedDigests { content_md5: Some([0; 16]), ..none() };
        assert!(matches!(check_document(DOCUMENT, &md5, None), Err(ObjectError::BadContentMd5 { .. })));
        let sha256 = ExpectedDigests { sha256: Some([0; 32]), ..none() };
        assert!(matches!(check_document(DOCUMENT, &sha256, None), Err(ObjectError::ContentSha256Mismatch { .. })));
        for algorithm in ChecksumAlgorithm::ALL {
            let wrong = Checksum::new(algorithm, vec![0; algorithm.length()]).unwrap();
            let right = Checksum::new(algorithm, checksum_bytes(algorithm, DOCUMENT)).unwrap();
            let by_value = ExpectedDigests { checksum: ExpectedChecksum::Value(wrong.clone()), ..none() };
            assert_eq!(check_document(DOCUMENT, &by_value, None), Err(ObjectError::BadChecksum(algorithm)));
            let by_trailer = ExpectedDigests { checksum: ExpectedChecksum::Trailer(algorithm), ..none() };
            assert_eq!(check_document(DOCUMENT, &by_trailer, Some(&wrong)), Err(ObjectError::BadChecksum(algorithm)));
            assert_eq!(check_document(DOCUMENT, &by_trailer, Some(&right)), Ok(()));
        }
    }
}

//! Digests of a document that is in memory whole: the XML body of a request. Bodies of objects are hashed while they
//! stream; documents are small enough to be hashed at once.

use super::{
    ExpectedDigests, ObjectError,
    digest::{Digests, needed_algorithms},
};
use crate::types::Checksum;

/// Compares every digest that the client gave; `trailing` is the checksum that came behind the bytes.
pub fn check_document(
    document: &[u8],
    expected: &ExpectedDigests,
    trailing: Option<&Checksum>,
) -> Result<(), ObjectError> {
    Digests::of(document, needed_algorithms(expected)).check(expected, trailing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        objects::{ExpectedChecksum, checksum_of},
        types::ChecksumAlgorithm,
    };

    const DOCUMENT: &[u8] = b"123456789";

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
            let right = checksum_of(algorithm, DOCUMENT);
            let by_value = ExpectedDigests { checksum: ExpectedChecksum::Value(wrong.clone()), ..none() };
            assert_eq!(check_document(DOCUMENT, &by_value, None), Err(ObjectError::BadChecksum(algorithm)));
            let by_trailer = ExpectedDigests { checksum: ExpectedChecksum::Trailer(algorithm), ..none() };
            assert_eq!(check_document(DOCUMENT, &by_trailer, Some(&wrong)), Err(ObjectError::BadChecksum(algorithm)));
            assert_eq!(check_document(DOCUMENT, &by_trailer, Some(&right)), Ok(()));
        }
    }
}

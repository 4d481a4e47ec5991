//! What the headers say that a body hashes to: `Content-MD5`, `x-amz-checksum-*`, `x-amz-sdk-checksum-algorithm`,
//! `x-amz-trailer`. Only headers count: a checksum in the query of a presigned URL is ignored, as S3 does (the
//! JavaScript SDK signs the checksum of an empty body into such URLs).

use crate::{
    objects::{ExpectedChecksum, ExpectedDigests},
    s3::{
        error::{S3Code, S3Error},
        operation::Operation,
        signature::Payload,
        vocabulary,
    },
    types::{Checksum, ChecksumAlgorithm},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderValue};

const SDK_ALGORITHM: &str = "x-amz-sdk-checksum-algorithm";
const TRAILER: &str = "x-amz-trailer";

/// What the checksum headers of a request are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumSubject {
    /// The body of this request.
    Body,
    /// An object that this request only names: the operation reads the headers itself.
    Object,
}

impl ChecksumSubject {
    pub const fn of(operation: Operation) -> Self {
        match operation {
            Operation::CompleteMultipartUpload
            | Operation::CopyObject
            | Operation::CreateMultipartUpload
            | Operation::UploadPartCopy => Self::Object,
            _ => Self::Body,
        }
    }
}

pub fn expected_digests(
    headers: &HeaderMap,
    payload: &Payload,
    subject: ChecksumSubject,
) -> Result<ExpectedDigests, S3Error> {
    let sha256 = match payload {
        Payload::Hash(hash) => Some(*hash),
        Payload::Unsigned
        | Payload::SignedChunks(_)
        | Payload::SignedChunksWithTrailer(_)
        | Payload::UnsignedChunksWithTrailer
        | Payload::File(_) => None,
    };
    let content_md5 = headers.get("content-md5").map(parse_content_md5).transpose()?;
    let checksum = match subject {
        ChecksumSubject::Body => expected_checksum(headers, payload)?,
        ChecksumSubject::Object => ExpectedChecksum::None,
    };
    Ok(ExpectedDigests { content_md5, sha256, checksum })
}

fn parse_content_md5(value: &HeaderValue) -> Result<[u8; 16], S3Error> {
    let decoded = BASE64.decode(value.as_bytes()).ok();
    decoded.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| S3Code::InvalidDigest.into())
}

fn expected_checksum(headers: &HeaderMap, payload: &Payload) -> Result<ExpectedChecksum, S3Error> {
    let value = checksum_value(headers)?;
    let trailer = announced_trailer(headers, payload)?;
    let expected = match (value, trailer) {
        (Some(_), Some(_)) => return Err(one_checksum_only()),
        (Some(checksum), None) => ExpectedChecksum::Value(checksum),
        (None, Some(algorithm)) => ExpectedChecksum::Trailer(algorithm),
        (None, None) => ExpectedChecksum::None,
    };
    check_sdk_algorithm(headers, &expected)?;
    Ok(expected)
}

/// The one `x-amz-checksum-<algorithm>` header.
fn checksum_value(headers: &HeaderMap) -> Result<Option<Checksum>, S3Error> {
    check_single_checksum(headers)?;
    for algorithm in ChecksumAlgorithm::ALL {
        let Some(value) = headers.get(algorithm.header()) else { continue };
        let checksum = value.to_str().ok().and_then(|text| Checksum::from_base64(algorithm, text).ok());
        // AWS's page of error codes has InvalidRequest here; ceph/s3-tests, which is held against AWS, wants this.
        let checksum = checksum.ok_or_else(|| {
            let message = format!("Value for {} header is invalid.", algorithm.header());
            S3Error::with_message(S3Code::BadDigest, message)
        })?;
        return Ok(Some(checksum));
    }
    Ok(None)
}

/// Of several checksums none would be the one that counts.
pub fn check_single_checksum(headers: &HeaderMap) -> Result<(), S3Error> {
    let count = ChecksumAlgorithm::ALL.into_iter().filter(|algorithm| headers.contains_key(algorithm.header())).count();
    if count > 1 { Err(one_checksum_only()) } else { Ok(()) }
}

fn one_checksum_only() -> S3Error {
    S3Error::invalid_request("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
}

/// The checksum that `x-amz-trailer` announces, for the forms of payload that have trailers.
fn announced_trailer(headers: &HeaderMap, payload: &Payload) -> Result<Option<ChecksumAlgorithm>, S3Error> {
    let Some(value) = headers.get(TRAILER) else { return Ok(None) };
    match payload {
        Payload::SignedChunksWithTrailer(_) | Payload::UnsignedChunksWithTrailer => {}
        Payload::Hash(_) | Payload::Unsigned | Payload::SignedChunks(_) | Payload::File(_) => {
            return Err(S3Error::invalid_request(
                "x-amz-trailer needs an x-amz-content-sha256 of a form that has trailers.",
            ));
        }
    }
    let name = value.to_str().unwrap_or_default().trim();
    if let Some(algorithm) = ChecksumAlgorithm::from_header(name) {
        return Ok(Some(algorithm));
    }
    vocabulary::check_named_header(&name.to_ascii_lowercase())?;
    Err(S3Error::invalid_request("The value specified in the x-amz-trailer header is not supported"))
}

/// An SDK that names its algorithm must also send its value.
fn check_sdk_algorithm(headers: &HeaderMap, expected: &ExpectedChecksum) -> Result<(), S3Error> {
    let Some(value) = headers.get(SDK_ALGORITHM) else { return Ok(()) };
    let name = value.to_str().unwrap_or_default();
    let Some(named) = ChecksumAlgorithm::from_name(name) else {
        vocabulary::check_algorithm(name)?;
        return Err(S3Error::invalid_request(format!("Value for {SDK_ALGORITHM} header is invalid.")));
    };
    match expected.algorithm() {
        Some(sent) if sent == named => Ok(()),
        Some(_) => Err(S3Error::invalid_request(format!("Value for {SDK_ALGORITHM} header is invalid."))),
        None => Err(S3Error::invalid_request(format!(
            "{SDK_ALGORITHM} specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(pairs: &[(&'static str, &str)], payload: &Payload) -> Result<ExpectedDigests, S3Code> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        expected_digests(&headers, payload, ChecksumSubject::Body).map_err(|error| error.code())
    }

    #[test]
    fn a_malformed_content_md5_is_invalid() {
        let good = BASE64.encode([7; 16]);
        let digests = expected(&[("content-md5", &good)], &Payload::Unsigned).unwrap();
        assert_eq!(digests.content_md5, Some([7; 16]));
        for bad in ["", "x", "YWJyYWNhZGFicmE=", &BASE64.encode([7; 15])] {
            assert_eq!(expected(&[("content-md5", bad)], &Payload::Unsigned), Err(S3Code::InvalidDigest), "{bad}");
        }
    }

    #[test]
    fn one_checksum_is_taken_and_two_are_refused() {
        let crc32 = ("x-amz-checksum-crc32", "AAAAAA==");
        let digests = expected(&[crc32, (SDK_ALGORITHM, "CRC32")], &Payload::Unsigned).unwrap();
        assert_eq!(digests.checksum.algorithm(), Some(ChecksumAlgorithm::Crc32));
        for bad in [
            &[crc32, ("x-amz-checksum-crc32c", "AAAAAA==")][..],
            &[crc32, (SDK_ALGORITHM, "SHA1")],
            &[(SDK_ALGORITHM, "CRC32")],
            &[(TRAILER, "x-amz-checksum-crc32")],
        ] {
            assert_eq!(expected(bad, &Payload::Unsigned), Err(S3Code::InvalidRequest), "{bad:?}");
        }
        let short = [("x-amz-checksum-crc32", "AAAA")];
        assert_eq!(expected(&short, &Payload::Unsigned), Err(S3Code::BadDigest));
    }

    #[test]
    fn the_checksum_of_an_object_is_not_that_of_the_document_that_names_it() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-checksum-sha256", HeaderValue::from_static("composite-1"));
        let subject = ChecksumSubject::of(Operation::CompleteMultipartUpload);
        assert_eq!(expected_digests(&headers, &Payload::Unsigned, subject).unwrap(), ExpectedDigests::default());
        assert_eq!(ChecksumSubject::of(Operation::UploadPart), ChecksumSubject::Body);
    }

    #[test]
    fn a_trailer_is_announced_by_its_name() {
        let payload = Payload::UnsignedChunksWithTrailer;
        let digests = expected(&[(TRAILER, "x-amz-checksum-crc64nvme")], &payload).unwrap();
        assert_eq!(digests.checksum, ExpectedChecksum::Trailer(ChecksumAlgorithm::Crc64nvme));
        assert_eq!(expected(&[(TRAILER, "x-amz-meta-x")], &payload), Err(S3Code::InvalidRequest));
        assert_eq!(expected(&[(TRAILER, "X-Amz-Checksum-SHA512")], &payload), Err(S3Code::NotImplemented));
        assert_eq!(expected(&[(SDK_ALGORITHM, "XXHASH3")], &payload), Err(S3Code::NotImplemented));
        assert_eq!(expected(&[(SDK_ALGORITHM, "unheard-of")], &payload), Err(S3Code::InvalidRequest));
        let both = [(TRAILER, "x-amz-checksum-crc32"), ("x-amz-checksum-crc32", "AAAAAA==")];
        assert_eq!(expected(&both, &payload), Err(S3Code::InvalidRequest));
    }
}

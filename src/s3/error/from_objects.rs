//! What the layer below refuses, in S3's words. No `_`: a new reason must be given its code here.

use super::{S3Code, S3Error};
use crate::{
    objects::{BodyError, NotModified, ObjectError},
    types::{Timestamp, VersionName},
};
use http::{HeaderName, HeaderValue, header};

const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");

impl From<ObjectError> for S3Error {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::NoSuchBucket => S3Code::NoSuchBucket.into(),
            ObjectError::BucketAlreadyOwnedByYou => S3Code::BucketAlreadyOwnedByYou.into(),
            ObjectError::BucketAlreadyExists => S3Code::BucketAlreadyExists.into(),
            ObjectError::BucketNotEmpty => S3Code::BucketNotEmpty.into(),
            ObjectError::TooManyBuckets => S3Code::TooManyBuckets.into(),
            ObjectError::NoSuchTagSet => S3Code::NoSuchTagSet.into(),
            ObjectError::NoSuchCorsConfiguration => S3Code::NoSuchCORSConfiguration.into(),
            ObjectError::NoSuchObjectLockConfiguration => S3Code::ObjectLockConfigurationNotFoundError.into(),
            ObjectError::BucketHasNoLock => Self::invalid_request("Bucket is missing Object Lock Configuration"),
            ObjectError::VersioningIsLocked => Self::with_message(
                S3Code::InvalidBucketState,
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
            ),
            ObjectError::VersionsNotKept => Self::with_message(
                S3Code::InvalidBucketState,
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
            ),
            ObjectError::NoSuchLifecycleConfiguration => S3Code::NoSuchLifecycleConfiguration.into(),
            ObjectError::NoSuchWebsiteConfiguration => S3Code::NoSuchWebsiteConfiguration.into(),
            ObjectError::NoSuchOwnershipControls => S3Code::OwnershipControlsNotFoundError.into(),
            ObjectError::NoSuchPublicAccessBlock => S3Code::NoSuchPublicAccessBlockConfiguration.into(),
            ObjectError::AclsDisabled => S3Code::AccessControlListNotSupported.into(),
            ObjectError::PublicAclsBlocked => Self::with_message(
                S3Code::AccessDenied,
                "Access Denied because public access control lists are blocked in the bucket (BlockPublicAcls).",
            ),
            ObjectError::AclAgainstOwnership => S3Code::InvalidBucketAclWithObjectOwnership.into(),
            ObjectError::AccessDenied => S3Code::AccessDenied.into(),
            // S3's page leaves the header out where it is false; ceph/s3-tests reads it.
            ObjectError::NoSuchKey => {
                Self::new(S3Code::NoSuchKey).header(DELETE_MARKER, HeaderValue::from_static("false"))
            }
            ObjectError::NoSuchVersion => S3Code::NoSuchVersion.into(),
            ObjectError::CurrentIsDeleteMarker { version, .. } => delete_marker(S3Code::NoSuchKey, version),
            ObjectError::VersionIsDeleteMarker { version, modified } => {
                let error = delete_marker(S3Code::MethodNotAllowed, version);
                // A 405 says what would be allowed (RFC 9110, section 15.5.6).
                let error = error.header(header::ALLOW, HeaderValue::from_static("DELETE"));
                error.header(header::LAST_MODIFIED, http_date(modified))
            }
            ObjectError::ObjectLocked => {
                Self::with_message(S3Code::AccessDenied, "Access Denied because object protected by object lock.")
            }
            ObjectError::VersionHasNoLock => S3Code::NoSuchObjectLockConfiguration.into(),
            ObjectError::SourceIsDeleteMarker => Self::invalid_request(
                "The source of a copy request may not specifically refer to a delete marker by version id.",
            ),
            ObjectError::PreconditionFailed { condition } => {
                Self::new(S3Code::PreconditionFailed).field("Condition", condition)
            }
            ObjectError::NotModified(known) => not_modified(&known),
            ObjectError::InvalidRange { size } => Self::new(S3Code::InvalidRange)
                .field("ActualObjectSize", size.to_string())
                .header(header::CONTENT_RANGE, header_value(&format!("bytes */{size}"))),
            ObjectError::InvalidCopyRange { size } => Self::with_message(
                S3Code::InvalidRange,
                format!("Range specified is not valid for source object of size: {size}"),
            ),
            // S3's list of codes has InvalidPartNumber with 416; ceph/s3-tests, which is held against AWS, wants this.
            ObjectError::NoSuchPartNumber { part_number, part_count } => Self::new(S3Code::InvalidPart)
                .field("ActualPartCount", part_count.to_string())
                .field("PartNumberRequested", part_number.to_string()),
            ObjectError::WrongWriteOffset { size } => {
                Self::new(S3Code::InvalidWriteOffset).field("ActualObjectSize", size.to_string())
            }
            ObjectError::Conflict => S3Code::ConditionalRequestConflict.into(),
            ObjectError::TooManyParts { limit } => {
                Self::new(S3Code::TooManyParts).field("MaxPartsAllowed", limit.to_string())
            }
            ObjectError::BucketKeepsVersions => Self::with_message(
                S3Code::InvalidBucketState,
                "Objects can be appended to and renamed only in buckets that never kept versions.",
            ),
            ObjectError::KeyTooLong => S3Code::KeyTooLongError.into(),
            ObjectError::TokenTaken => S3Code::IdempotencyParameterMismatch.into(),
            ObjectError::NoSuchUpload => S3Code::NoSuchUpload.into(),
            ObjectError::InvalidPart { part_number } => {
                Self::new(S3Code::InvalidPart).field("PartNumber", part_number.to_string())
            }
            ObjectError::InvalidPartOrder => S3Code::InvalidPartOrder.into(),
            ObjectError::EntityTooSmall { part_number, size, etag } => Self::new(S3Code::EntityTooSmall)
                .field("ProposedSize", size.to_string())
                .field("MinSizeAllowed", PART_LENGTH_MIN_BYTES.to_string())
                .field("PartNumber", part_number.to_string())
                .field("ETag", etag.as_str()),
            ObjectError::EntityTooLarge { limit } => {
                Self::new(S3Code::EntityTooLarge).field("MaxSizeAllowed", limit.to_string())
            }
            ObjectError::BadContentMd5 { expected, actual } => {
                Self::with_message(S3Code::BadDigest, "The Content-MD5 you specified did not match what we received.")
                    .field("ExpectedDigest", const_hex::encode(expected))
                    .field("CalculatedDigest", const_hex::encode(actual))
            }
            ObjectError::ContentSha256Mismatch { expected, actual } => Self::content_sha256_mismatch(expected, actual),
            ObjectError::BadChecksum(algorithm) => Self::with_message(
                S3Code::BadDigest,
                format!("The {algorithm} you specified did not match the calculated checksum."),
            ),
            ObjectError::Body(error) => error.into(),
            ObjectError::InvalidArgument { name, value, reason } => Self::invalid_argument(name, &value, reason),
            ObjectError::InvalidRequest(reason) => Self::invalid_request(reason),
            ObjectError::Busy | ObjectError::Overtaken => S3Code::SlowDown.into(),
            ObjectError::Unavailable(reason) => Self::with_message(S3Code::ServiceUnavailable, reason),
            ObjectError::NoRoom => {
                Self::with_message(S3Code::ServiceUnavailable, "The cluster has no room left for new data.")
            }
            ObjectError::Internal(cause) => Self::internal(cause),
        }
    }
}

/// Amazon S3 User Guide, "Multipart upload limits": 5 MiB, for all parts but the last.
const PART_LENGTH_MIN_BYTES: u64 = 5 << 20;

impl From<BodyError> for S3Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Incomplete => S3Code::IncompleteBody.into(),
            BodyError::SignatureMismatch => S3Code::SignatureDoesNotMatch.into(),
            // To S3 chunks that can't be read are a body that ends too early.
            BodyError::Malformed(reason) => Self::with_message(S3Code::IncompleteBody, reason),
            BodyError::MalformedTrailers(reason) => Self::with_message(S3Code::MalformedTrailerError, reason),
            BodyError::Refused(reason) => Self::invalid_request(reason),
            BodyError::TooSlow => S3Code::RequestTimeout.into(),
            BodyError::LengthMismatch => Self::with_message(
                S3Code::IncompleteBody,
                "The request body does not have the length that x-amz-decoded-content-length declares.",
            ),
            BodyError::TrailerMismatch => Self::with_message(
                S3Code::MalformedTrailerError,
                "The trailers of the body are not those that x-amz-trailer announces.",
            ),
            BodyError::MalformedForm => S3Code::MalformedPOSTRequest.into(),
            BodyError::TooLong { length, most } => Self::new(S3Code::EntityTooLarge)
                .field("ProposedSize", length.to_string())
                .field("MaxSizeAllowed", most.to_string()),
            BodyError::TooShort { length, least } => Self::new(S3Code::EntityTooSmall)
                .field("ProposedSize", length.to_string())
                .field("MinSizeAllowed", least.to_string()),
            // The connection is gone, so nobody reads the answer; it is the client's end that failed.
            BodyError::Io(reason) => {
                let mut error = Self::new(S3Code::IncompleteBody);
                error.0.cause = Some(reason);
                error
            }
        }
    }
}

impl S3Error {
    /// The body's SHA-256 is not the one that was signed.
    pub fn content_sha256_mismatch(expected: [u8; 32], actual: [u8; 32]) -> Self {
        Self::new(S3Code::XAmzContentSHA256Mismatch)
            .field("ClientComputedContentSHA256", const_hex::encode(expected))
            .field("S3ComputedContentSHA256", const_hex::encode(actual))
    }
}

fn not_modified(known: &NotModified) -> S3Error {
    let error = S3Error::new(S3Code::NotModified)
        .header(header::ETAG, header_value(&known.etag.quoted()))
        .header(header::LAST_MODIFIED, http_date(known.modified));
    let stored = [(header::CACHE_CONTROL, &known.cache_control), (header::EXPIRES, &known.expires)];
    stored.into_iter().fold(error, |error, (name, text)| {
        match text.as_deref().map(|text| HeaderValue::from_bytes(text.as_bytes())) {
            Some(Ok(value)) => error.header(name, value),
            _ => error,
        }
    })
}

fn delete_marker(code: S3Code, version: VersionName) -> S3Error {
    let error = S3Error::new(code).header(DELETE_MARKER, HeaderValue::from_static("true"));
    error.header(VERSION_ID, header_value(&version.to_string()))
}

fn http_date(at: Timestamp) -> HeaderValue {
    header_value(&at.to_http_date())
}

/// Of text that we made ourselves: ids, dates and tags are printable ASCII.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_failed_keeps_its_meaning() {
        for (error, code) in [
            (BodyError::Incomplete, S3Code::IncompleteBody),
            (BodyError::SignatureMismatch, S3Code::SignatureDoesNotMatch),
            (BodyError::TooSlow, S3Code::RequestTimeout),
            (BodyError::Malformed("x"), S3Code::IncompleteBody),
            (BodyError::MalformedTrailers("x"), S3Code::MalformedTrailerError),
            (BodyError::TrailerMismatch, S3Code::MalformedTrailerError),
            (BodyError::Refused("x"), S3Code::InvalidRequest),
        ] {
            assert_eq!(S3Error::from(ObjectError::Body(error)).code(), code);
        }
    }

    #[test]
    fn an_internal_cause_is_not_shown_to_the_client() {
        let error = S3Error::from(ObjectError::Internal("the secret place broke".into()));
        assert_eq!(error.code(), S3Code::InternalError);
        assert!(!error.message().contains("secret"));
        assert_eq!(error.cause(), Some("the secret place broke"));
    }
}

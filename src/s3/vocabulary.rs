//! Every `x-amz-*` header and every query parameter that S3 knows, and what is done with it: used, checked, harmless, or
//! refused because it would change the meaning of the request and we don't have it. Names that S3 doesn't know are
//! ignored, as S3 does. Sub-resources (`?acl`) are the router's. Source: Amazon S3 API Reference, request syntax and
//! common request headers.

use super::{
    error::{S3Code, S3Error},
    operation::Operation,
    query::Query,
};
use crate::identity::Principal;
use Operation as Op;
use http::HeaderMap;

/// What is done with a name.
enum Treatment {
    /// Read by the operation, or by the wire on its way there.
    Used,
    /// Read by the operation; on others ignoring it would do more, or something else, than was asked.
    Only,
    /// Only some values mean something that we have.
    Checked(fn(&str) -> Result<(), S3Error>),
    /// Ignoring it changes nothing that the client could see.
    Harmless,
    /// Ignoring it would be a lie.
    Refused,
}

/// On which operations a name means anything; on others it is ignored, or refused (`Treatment::Only`).
enum On {
    Any,
    These(&'static [Operation]),
}

struct Word {
    name: &'static str,
    on: On,
    treatment: Treatment,
}

const fn used(name: &'static str, on: &'static [Operation]) -> Word {
    Word { name, on: On::These(on), treatment: Treatment::Used }
}

const fn only(name: &'static str, on: &'static [Operation]) -> Word {
    Word { name, on: On::These(on), treatment: Treatment::Only }
}

const fn wire(name: &'static str) -> Word {
    Word { name, on: On::Any, treatment: Treatment::Used }
}

const fn harmless(name: &'static str) -> Word {
    Word { name, on: On::Any, treatment: Treatment::Harmless }
}

const fn refused(name: &'static str) -> Word {
    Word { name, on: On::Any, treatment: Treatment::Refused }
}

const fn checked(name: &'static str, on: On, check: fn(&str) -> Result<(), S3Error>) -> Word {
    Word { name, on, treatment: Treatment::Checked(check) }
}

/// Operations that begin an object.
const WRITES: &[Operation] = &[Op::CopyObject, Op::CreateMultipartUpload, Op::PostObject, Op::PutObject];
/// Operations that carry bytes or a document with a checksum.
const CHECKSUMMED: &[Operation] = &[
    Op::CompleteMultipartUpload,
    Op::CopyObject,
    Op::CreateMultipartUpload,
    Op::DeleteObjects,
    Op::PostObject,
    Op::PutObject,
    Op::UploadPart,
];
const COPIES: &[Operation] = &[Op::CopyObject, Op::UploadPartCopy];
const READS: &[Operation] = &[Op::GetObject, Op::HeadObject];
const LISTS: &[Operation] = &[Op::ListMultipartUploads, Op::ListObjectVersions, Op::ListObjects, Op::ListObjectsV2];
const WITH_ACL: &[Operation] = &[
    Op::CopyObject,
    Op::CreateBucket,
    Op::CreateMultipartUpload,
    Op::PostObject,
    Op::PutBucketAcl,
    Op::PutObject,
    Op::PutObjectAcl,
    Op::RenameObject,
];
/// Operations after which an object is in a storage class.
const CLASSED: &[Operation] =
    &[Op::CopyObject, Op::CreateMultipartUpload, Op::PostObject, Op::PutObject, Op::RenameObject];

/// In ascending order.
const HEADERS: &[Word] = &[
    used("x-amz-acl", WITH_ACL),
    used("x-amz-bucket-object-lock-enabled", &[Op::CreateBucket]),
    harmless("x-amz-bucket-object-lock-token"),
    used("x-amz-bypass-governance-retention", &[Op::DeleteObject, Op::DeleteObjects, Op::PutObjectRetention]),
    used("x-amz-checksum-algorithm", CHECKSUMMED),
    used("x-amz-checksum-crc32", CHECKSUMMED),
    used("x-amz-checksum-crc32c", CHECKSUMMED),
    used("x-amz-checksum-crc64nvme", CHECKSUMMED),
    refused("x-amz-checksum-md5"),
    used("x-amz-checksum-mode", READS),
    used("x-amz-checksum-sha1", CHECKSUMMED),
    used("x-amz-checksum-sha256", CHECKSUMMED),
    refused("x-amz-checksum-sha512"),
    used("x-amz-checksum-type", CHECKSUMMED),
    refused("x-amz-checksum-xxhash128"),
    refused("x-amz-checksum-xxhash3"),
    refused("x-amz-checksum-xxhash64"),
    used("x-amz-client-token", &[Op::RenameObject]),
    harmless("x-amz-confirm-remove-self-bucket-access"),
    wire("x-amz-content-sha256"),
    only("x-amz-copy-source", COPIES),
    only("x-amz-copy-source-if-match", COPIES),
    only("x-amz-copy-source-if-modified-since", COPIES),
    only("x-amz-copy-source-if-none-match", COPIES),
    only("x-amz-copy-source-if-unmodified-since", COPIES),
    only("x-amz-copy-source-range", &[Op::UploadPartCopy]),
    refused("x-amz-copy-source-server-side-encryption-customer-algorithm"),
    refused("x-amz-copy-source-server-side-encryption-customer-key"),
    refused("x-amz-copy-source-server-side-encryption-customer-key-md5"),
    harmless("x-amz-create-session-mode"),
    wire("x-amz-date"),
    wire("x-amz-decoded-content-length"),
    checked("x-amz-expected-bucket-owner", On::Any, check_owner),
    used("x-amz-grant-full-control", WITH_ACL),
    used("x-amz-grant-read", WITH_ACL),
    used("x-amz-grant-read-acp", WITH_ACL),
    used("x-amz-grant-write", WITH_ACL),
    used("x-amz-grant-write-acp", WITH_ACL),
    refused("x-amz-if-match-initiated-time"),
    only("x-amz-if-match-last-modified-time", &[Op::DeleteObject]),
    only("x-amz-if-match-size", &[Op::DeleteObject]),
    used("x-amz-max-parts", &[Op::GetObjectAttributes]),
    used("x-amz-metadata-directive", &[Op::CopyObject]),
    harmless("x-amz-mfa"),
    used("x-amz-mp-object-size", &[Op::CompleteMultipartUpload]),
    used("x-amz-object-attributes", &[Op::GetObjectAttributes]),
    only("x-amz-object-lock-legal-hold", WRITES),
    only("x-amz-object-lock-mode", WRITES),
    only("x-amz-object-lock-retain-until-date", WRITES),
    used("x-amz-object-ownership", &[Op::CreateBucket]),
    harmless("x-amz-optional-object-attributes"),
    used("x-amz-part-number-marker", &[Op::GetObjectAttributes]),
    only("x-amz-rename-source", &[Op::RenameObject]),
    only("x-amz-rename-source-if-match", &[Op::RenameObject]),
    only("x-amz-rename-source-if-modified-since", &[Op::RenameObject]),
    only("x-amz-rename-source-if-none-match", &[Op::RenameObject]),
    only("x-amz-rename-source-if-unmodified-since", &[Op::RenameObject]),
    harmless("x-amz-request-payer"),
    wire("x-amz-sdk-checksum-algorithm"),
    wire("x-amz-security-token"),
    refused("x-amz-server-side-encryption"),
    refused("x-amz-server-side-encryption-aws-kms-key-id"),
    refused("x-amz-server-side-encryption-bucket-key-enabled"),
    refused("x-amz-server-side-encryption-context"),
    refused("x-amz-server-side-encryption-customer-algorithm"),
    refused("x-amz-server-side-encryption-customer-key"),
    refused("x-amz-server-side-encryption-customer-key-md5"),
    harmless("x-amz-skip-destination-validation"),
    checked("x-amz-source-expected-bucket-owner", On::These(COPIES), check_owner),
    checked("x-amz-storage-class", On::These(CLASSED), check_storage_class),
    used("x-amz-tagging", WRITES),
    used("x-amz-tagging-directive", &[Op::CopyObject]),
    wire("x-amz-trailer"),
    used("x-amz-transition-default-minimum-object-size", &[Op::PutBucketLifecycleConfiguration]),
    harmless("x-amz-user-agent"),
    used("x-amz-website-redirect-location", WRITES),
    only("x-amz-write-offset-bytes", &[Op::PutObject]),
];

const OVERRIDES: &[Operation] = READS;
const WITH_VERSION: &[Operation] = &[
    Op::DeleteObject,
    Op::DeleteObjectTagging,
    Op::GetObject,
    Op::GetObjectAcl,
    Op::GetObjectAttributes,
    Op::GetObjectLegalHold,
    Op::GetObjectRetention,
    Op::GetObjectTagging,
    Op::HeadObject,
    Op::PutObjectAcl,
    Op::PutObjectLegalHold,
    Op::PutObjectRetention,
    Op::PutObjectTagging,
    Op::RestoreObject,
    Op::SelectObjectContent,
    Op::UpdateObjectEncryption,
];

/// In ascending order. `versionId` has a rule of its own.
const PARAMETERS: &[Word] = &[
    wire("AWSAccessKeyId"),
    wire("Expires"),
    wire("Signature"),
    wire("X-Amz-Algorithm"),
    wire("X-Amz-Content-Sha256"),
    wire("X-Amz-Credential"),
    wire("X-Amz-Date"),
    wire("X-Amz-Expires"),
    wire("X-Amz-Security-Token"),
    wire("X-Amz-Signature"),
    wire("X-Amz-SignedHeaders"),
    used("allow-unordered", LISTS),
    used("bucket-region", &[Op::ListBuckets]),
    used("continuation-token", &[Op::ListBuckets, Op::ListObjectsV2]),
    used("delimiter", LISTS),
    used("encoding-type", LISTS),
    used("fetch-owner", &[Op::ListObjectsV2]),
    harmless("id"),
    used("key-marker", &[Op::ListMultipartUploads, Op::ListObjectVersions]),
    only("larder-prefix", &[Op::RenameObject]),
    wire("list-type"),
    used("marker", &[Op::ListObjects]),
    used("max-buckets", &[Op::ListBuckets]),
    used("max-keys", &[Op::ListObjectVersions, Op::ListObjects, Op::ListObjectsV2]),
    used("max-parts", &[Op::ListParts]),
    used("max-uploads", &[Op::ListMultipartUploads]),
    used("part-number-marker", &[Op::ListParts]),
    only("partNumber", &[Op::GetObject, Op::HeadObject, Op::UploadPart, Op::UploadPartCopy]),
    used(
        "prefix",
        &[Op::ListBuckets, Op::ListMultipartUploads, Op::ListObjectVersions, Op::ListObjects, Op::ListObjectsV2],
    ),
    used("read-stats", &[Op::HeadBucket]),
    used("response-cache-control", OVERRIDES),
    used("response-content-disposition", OVERRIDES),
    used("response-content-encoding", OVERRIDES),
    used("response-content-language", OVERRIDES),
    used("response-content-type", OVERRIDES),
    used("response-expires", OVERRIDES),
    harmless("select-type"),
    used("start-after", &[Op::ListObjectsV2]),
    used("upload-id-marker", &[Op::ListMultipartUploads]),
    wire("uploadId"),
    used("version-id-marker", &[Op::ListObjectVersions]),
    harmless("x-id"),
];

/// Refuses what the request says and we don't do.
pub fn check(operation: Operation, headers: &HeaderMap, query: &Query) -> Result<(), S3Error> {
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-")) {
        match find(HEADERS, name.as_str()) {
            Some(word) => word.check(operation, value.to_str().unwrap_or_default())?,
            None => check_unknown(operation, name.as_str())?,
        }
    }
    for (name, value) in query.iter() {
        let word = find(PARAMETERS, name);
        word.map_or(Ok(()), |word| word.check(operation, value))?;
        if name == "versionId" && !WITH_VERSION.contains(&operation) {
            return Err(S3Error::invalid_argument(name, value, "This operation does not accept a version-id."));
        }
        let is_read = name == "versionId" || word.is_some_and(|word| word.is_read_by(operation));
        if is_read && query.repeats(name) {
            return Err(S3Error::invalid_argument(name, value, "The parameter stands more than once in the request."));
        }
    }
    Ok(())
}

/// A checksum of an algorithm that nobody knows can't be compared, and whoever sent it relies on that it was.
fn check_unknown(operation: Operation, name: &str) -> Result<(), S3Error> {
    if name.starts_with("x-amz-checksum-") && CHECKSUMMED.contains(&operation) {
        let message = "The algorithm type you specified in x-amz-checksum- header is invalid.";
        return Err(S3Error::invalid_request(message).field("Header", name));
    }
    Ok(())
}

/// Of a header that stands in a query which is not presigned, where S3 does not look for it.
pub fn check_misplaced_header(name: &str) -> Result<(), S3Error> {
    let treatment = find(HEADERS, name).map(|word| &word.treatment);
    match treatment {
        Some(Treatment::Harmless) => Ok(()),
        None if !name.starts_with("x-amz-meta-") => Ok(()),
        Some(Treatment::Refused) => Err(not_implemented(name)),
        None | Some(Treatment::Used | Treatment::Only | Treatment::Checked(_)) => {
            Err(S3Error::invalid_argument(name, "", "Only a presigned URL may carry this header in its query."))
        }
    }
}

/// Refuses the name of a header that S3 knows and we don't do, where it stands in another header's value.
pub fn check_named_header(name: &str) -> Result<(), S3Error> {
    match find(HEADERS, name) {
        Some(Word { treatment: Treatment::Refused, .. }) => Err(not_implemented(name)),
        _ => Ok(()),
    }
}

/// The same of a checksum's algorithm: `XXHASH3` is that of `x-amz-checksum-xxhash3`.
pub fn check_algorithm(name: &str) -> Result<(), S3Error> {
    check_named_header(&format!("x-amz-checksum-{}", name.to_ascii_lowercase()))
}

fn find<'a>(words: &'a [Word], name: &str) -> Option<&'a Word> {
    words.binary_search_by(|word| word.name.cmp(name)).ok().and_then(|at| words.get(at))
}

impl Word {
    fn applies(&self, operation: Operation) -> bool {
        match self.on {
            On::Any => true,
            On::These(operations) => operations.contains(&operation),
        }
    }

    /// Whether its value matters there, so that two of them would be ambiguous.
    fn is_read_by(&self, operation: Operation) -> bool {
        match self.treatment {
            Treatment::Used | Treatment::Only | Treatment::Checked(_) => self.applies(operation),
            Treatment::Harmless | Treatment::Refused => false,
        }
    }

    fn check(&self, operation: Operation, value: &str) -> Result<(), S3Error> {
        let applies = self.applies(operation);
        match &self.treatment {
            Treatment::Refused if applies => Err(not_implemented(self.name)),
            Treatment::Only if !applies => Err(not_implemented(self.name)),
            Treatment::Checked(check) if applies => check(value),
            Treatment::Used | Treatment::Only | Treatment::Harmless | Treatment::Refused | Treatment::Checked(_) => {
                Ok(())
            }
        }
    }
}

/// The refusal of a header or parameter that would change what the request means.
pub fn not_implemented(name: &str) -> S3Error {
    let message = "A header or query parameter you provided implies functionality that is not implemented";
    S3Error::with_message(S3Code::NotImplemented, message).field("Header", name)
}

fn check_owner(value: &str) -> Result<(), S3Error> {
    if value == Principal::OWNER { Ok(()) } else { Err(S3Code::AccessDenied.into()) }
}

fn check_storage_class(value: &str) -> Result<(), S3Error> {
    if value == "STANDARD" {
        Ok(())
    } else {
        Err(S3Error::new(S3Code::InvalidStorageClass).field("StorageClassRequested", value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with_header(operation: Operation, name: &'static str, value: &str) -> Option<S3Code> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        check(operation, &headers, &Query::default()).err().map(|error| error.code())
    }

    #[test]
    fn the_tables_are_in_order_without_repetitions() {
        for table in [HEADERS, PARAMETERS] {
            let names: Vec<_> = table.iter().map(|word| word.name).collect();
            assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        }
    }

    #[test]
    fn what_changes_the_meaning_and_is_not_there_is_refused() {
        for word in HEADERS.iter().filter(|word| matches!(word.treatment, Treatment::Refused)) {
            assert_eq!(with_header(Op::PutObject, word.name, "x"), Some(S3Code::NotImplemented), "{}", word.name);
        }
    }

    #[test]
    fn what_would_do_more_than_was_asked_is_refused_where_it_is_not_read() {
        for (name, read, other) in [
            ("x-amz-copy-source", Op::CopyObject, Op::RenameObject),
            ("x-amz-copy-source", Op::UploadPartCopy, Op::PostObject),
            ("x-amz-copy-source-if-match", Op::CopyObject, Op::PutObject),
            ("x-amz-copy-source-if-modified-since", Op::UploadPartCopy, Op::UploadPart),
            ("x-amz-copy-source-range", Op::UploadPartCopy, Op::CopyObject),
            ("x-amz-rename-source", Op::RenameObject, Op::PutObject),
            ("x-amz-rename-source-if-match", Op::RenameObject, Op::CopyObject),
            ("x-amz-if-match-size", Op::DeleteObject, Op::PutObject),
            ("x-amz-if-match-last-modified-time", Op::DeleteObject, Op::DeleteObjects),
            ("x-amz-object-lock-mode", Op::CopyObject, Op::UploadPart),
            ("x-amz-object-lock-legal-hold", Op::PostObject, Op::CompleteMultipartUpload),
        ] {
            assert_eq!(with_header(read, name, "1"), None, "{name}");
            assert_eq!(with_header(other, name, "1"), Some(S3Code::NotImplemented), "{name}");
        }
        let part = Query::parse("partNumber=1").unwrap();
        assert!(check(Op::HeadObject, &HeaderMap::new(), &part).is_ok());
        for operation in [Op::DeleteObject, Op::AbortMultipartUpload] {
            let refused = check(operation, &HeaderMap::new(), &part).unwrap_err();
            assert_eq!(refused.code(), S3Code::NotImplemented, "{operation:?}");
        }
    }

    #[test]
    fn values_that_mean_what_we_do_anyway_pass() {
        for (name, good, bad, code) in [
            ("x-amz-storage-class", "STANDARD", "GLACIER", S3Code::InvalidStorageClass),
            ("x-amz-expected-bucket-owner", Principal::OWNER, "123456789012", S3Code::AccessDenied),
        ] {
            assert_eq!(with_header(Op::PutObject, name, good), None, "{name}");
            assert_eq!(with_header(Op::PutObject, name, bad), Some(code), "{name}");
        }
    }

    #[test]
    fn names_that_s3_does_not_know_or_not_there_are_ignored() {
        assert_eq!(with_header(Op::PutObject, "x-amz-unheard-of", "x"), None);
        assert_eq!(with_header(Op::GetObject, "x-amz-checksum-unheard-of", "x"), None);
        assert_eq!(with_header(Op::PutObject, "x-amz-meta-server-side-encryption", "x"), None);
        assert_eq!(with_header(Op::GetObject, "x-amz-acl", "public-read"), None);
        let query = Query::parse("unheard-of=1&prefix=x").unwrap();
        assert!(check(Op::PutObject, &HeaderMap::new(), &query).is_ok());
    }

    #[test]
    fn a_checksum_that_nobody_knows_is_refused_where_there_is_something_to_compare() {
        for operation in [Op::PutObject, Op::UploadPart, Op::PostObject, Op::CompleteMultipartUpload] {
            let refused = with_header(operation, "x-amz-checksum-unheard-of", "AAAAAA==");
            assert_eq!(refused, Some(S3Code::InvalidRequest), "{operation:?}");
        }
    }

    /// The first of two counted.
    #[test]
    fn a_parameter_that_is_read_stands_once() {
        for (operation, text) in [
            (Op::GetObject, "versionId=null&versionId=null"),
            (Op::GetObject, "partNumber=1&partNumber=2"),
            (Op::GetObject, "response-content-type=a&response-content-type=b"),
            (Op::UploadPart, "partNumber=1&uploadId=a&partNumber=2"),
            (Op::ListObjectsV2, "list-type=2&prefix=a&prefix=b"),
            (Op::ListObjectsV2, "list-type=2&list-type=2"),
            (Op::ListObjects, "max-keys=1&max-keys=1"),
        ] {
            let refused = check(operation, &HeaderMap::new(), &Query::parse(text).unwrap()).unwrap_err();
            assert_eq!(refused.code(), S3Code::InvalidArgument, "{text}");
        }
        for (operation, text) in [
            (Op::PutObject, "prefix=a&prefix=b"),
            (Op::GetObject, "unheard-of=1&unheard-of=2"),
            (Op::GetObject, "x-id=GetObject&x-id=GetObject"),
        ] {
            assert!(check(operation, &HeaderMap::new(), &Query::parse(text).unwrap()).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_version_is_refused_where_none_can_be_named() {
        let query = Query::parse("versionId=null").unwrap();
        for operation in Operation::ALL {
            let refused = check(*operation, &HeaderMap::new(), &query).is_err();
            assert_eq!(refused, !WITH_VERSION.contains(operation), "{operation:?}");
        }
    }
}

//! S3's error codes with status and default message. Source: Amazon S3 API Reference, "Error responses".

use http::StatusCode;

macro_rules! codes {
    ($($variant:ident $status:ident $message:literal,)*) => {
        /// The codes that this server answers with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum S3Code {
            $($variant,)*
        }

        impl S3Code {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As in `<Code>`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                }
            }

            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)*
                }
            }

            /// The text of `<Message>` where the place that refuses has nothing better to say.
            pub const fn default_message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)*
                }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported BAD_REQUEST "The bucket does not allow ACLs",
    AccessDenied FORBIDDEN "Access Denied",
    AccessForbidden FORBIDDEN "CORSResponse: CORS is not enabled for this bucket.",
    AuthorizationHeaderMalformed BAD_REQUEST "The authorization header is malformed.",
    AuthorizationQueryParametersError BAD_REQUEST "The query parameters that authorize the request are malformed.",
    BadDigest BAD_REQUEST "The digest that you specified did not match what we received.",
    BadRequest BAD_REQUEST "The request is malformed.",
    BucketAlreadyExists CONFLICT "The requested bucket name is not available. Select a different name and try again.",
    BucketAlreadyOwnedByYou CONFLICT "Your previous request to create the named bucket succeeded and you already own it.",
    BucketNotEmpty CONFLICT "The bucket you tried to delete is not empty",
    ConditionalRequestConflict CONFLICT "A conflicting operation occurred during the request. Look at the object again, then retry.",
    EntityTooLarge BAD_REQUEST "Your proposed upload exceeds the maximum allowed size",
    EntityTooSmall BAD_REQUEST "Your proposed upload is smaller than the minimum allowed size",
    IdempotencyParameterMismatch BAD_REQUEST "Parameters on this idempotent request are inconsistent with parameters used in previous request(s).",
    IllegalLocationConstraintException BAD_REQUEST "The location constraint does not fit this endpoint.",
    IllegalVersioningConfigurationException BAD_REQUEST "The versioning configuration specified in the request is invalid",
    IncompleteBody BAD_REQUEST "You did not provide the number of bytes specified by the Content-Length HTTP header.",
    InternalError INTERNAL_SERVER_ERROR "We encountered an internal error. Please try again.",
    InvalidAccessKeyId FORBIDDEN "The access key ID you provided does not exist in our records.",
    InvalidArgument BAD_REQUEST "Invalid Argument",
    InvalidBucketAclWithObjectOwnership BAD_REQUEST "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    InvalidBucketName BAD_REQUEST "The specified bucket is not valid.",
    InvalidBucketState CONFLICT "The request is not valid for the current state of the bucket.",
    InvalidDigest BAD_REQUEST "The Content-MD5 you specified is not valid.",
    InvalidLocationConstraint BAD_REQUEST "The specified location-constraint is not valid",
    InvalidPart BAD_REQUEST "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    InvalidPartNumber RANGE_NOT_SATISFIABLE "The requested partnumber is not satisfiable",
    InvalidPartOrder BAD_REQUEST "The list of parts was not in ascending order. Parts must be ordered by part number.",
    InvalidPolicyDocument BAD_REQUEST "The content of the form does not meet the conditions specified in the policy document.",
    InvalidRange RANGE_NOT_SATISFIABLE "The requested range is not satisfiable",
    InvalidRequest BAD_REQUEST "The request is not valid.",
    InvalidRetentionPeriod BAD_REQUEST "Default retention period must be a positive integer value.",
    InvalidStorageClass BAD_REQUEST "The storage class you specified is not valid",
    InvalidTag BAD_REQUEST "The tag provided was not a valid tag.",
    InvalidToken BAD_REQUEST "The provided token is malformed or otherwise invalid.",
    InvalidURI BAD_REQUEST "Couldn't parse the specified URI.",
    InvalidWriteOffset BAD_REQUEST "The write offset value that you specified does not match the current object size.",
    KeyTooLongError BAD_REQUEST "Your key is too long",
    MalformedACLError BAD_REQUEST "The ACL that you provided was not well formed or did not validate against our published schema",
    MalformedPOSTRequest BAD_REQUEST "The body of your POST request is not well-formed multipart/form-data.",
    MalformedTrailerError BAD_REQUEST "The trailers of the body are malformed.",
    MalformedXML BAD_REQUEST "The XML you provided was not well-formed or did not validate against our published schema",
    MaxMessageLengthExceeded BAD_REQUEST "Your request was too big.",
    MaxPostPreDataLengthExceeded BAD_REQUEST "Your POST request fields preceding the upload file were too large.",
    MetadataTooLarge BAD_REQUEST "Your metadata headers exceed the maximum allowed metadata size.",
    MethodNotAllowed METHOD_NOT_ALLOWED "The specified method is not allowed against this resource.",
    MissingContentLength LENGTH_REQUIRED "You must provide the Content-Length HTTP header.",
    MissingSecurityHeader BAD_REQUEST "Your request was missing a required header",
    NoSuchBucket NOT_FOUND "The specified bucket does not exist",
    NoSuchBucketPolicy NOT_FOUND "The bucket policy does not exist",
    NoSuchCORSConfiguration NOT_FOUND "The CORS configuration does not exist",
    NoSuchConfiguration NOT_FOUND "The specified configuration does not exist.",
    NoSuchKey NOT_FOUND "The specified key does not exist.",
    NoSuchLifecycleConfiguration NOT_FOUND "The lifecycle configuration does not exist",
    NoSuchObjectLockConfiguration NOT_FOUND "The specified object does not have a ObjectLock configuration",
    NoSuchPublicAccessBlockConfiguration NOT_FOUND "The public access block configuration was not found",
    NoSuchTagSet NOT_FOUND "The TagSet does not exist",
    NoSuchUpload NOT_FOUND "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might have been aborted or completed.",
    NoSuchVersion NOT_FOUND "The specified version does not exist.",
    NoSuchWebsiteConfiguration NOT_FOUND "The specified bucket does not have a website configuration",
    NotImplemented NOT_IMPLEMENTED "A header, query parameter or operation that you asked for implies functionality that is not implemented.",
    NotModified NOT_MODIFIED "Not Modified",
    ObjectLockConfigurationNotFoundError NOT_FOUND "Object Lock configuration does not exist for this bucket",
    OwnershipControlsNotFoundError NOT_FOUND "The bucket ownership controls were not found",
    PreconditionFailed PRECONDITION_FAILED "At least one of the pre-conditions you specified did not hold",
    ReplicationConfigurationNotFoundError NOT_FOUND "The replication configuration was not found",
    RequestHeaderSectionTooLarge BAD_REQUEST "Your request header section exceeds the maximum allowed size.",
    RequestTimeTooSkewed FORBIDDEN "The difference between the request time and the current time is too large.",
    RequestTimeout BAD_REQUEST "Your socket connection to the server was not read from or written to within the timeout period.",
    ServerSideEncryptionConfigurationNotFoundError NOT_FOUND "The server side encryption configuration was not found",
    ServiceUnavailable SERVICE_UNAVAILABLE "Service is unable to handle request. Please try again.",
    SignatureDoesNotMatch FORBIDDEN "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    SlowDown SERVICE_UNAVAILABLE "Please reduce your request rate.",
    TooManyBuckets BAD_REQUEST "You have attempted to create more buckets than allowed.",
    TooManyParts BAD_REQUEST "You have attempted to add more parts than the maximum that is allowed for an object.",
    UnexpectedContent BAD_REQUEST "This request contains unsupported content.",
    UnresolvableGrantByEmailAddress BAD_REQUEST "The email address you provided does not match any account on record.",
    XAmzContentSHA256Mismatch BAD_REQUEST "The provided 'x-amz-content-sha256' header does not match what was computed.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_message_and_a_status_that_is_no_success() {
        for code in S3Code::ALL {
            assert!(!code.default_message().is_empty(), "{}", code.name());
            assert!(!code.status().is_success(), "{}", code.name());
        }
    }
}

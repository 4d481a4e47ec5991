//! What the identity layer refuses, in S3's words.

use super::{S3Code, S3Error};
use crate::identity::{Denied, IdentityError};

impl From<Denied> for S3Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Nothing(_) => S3Code::AccessDenied.into(),
            Denied::NoSuchBucket => S3Code::NoSuchBucket.into(),
        }
    }
}

impl From<IdentityError> for S3Error {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::NoSuchAccessKey => S3Code::InvalidAccessKeyId.into(),
            IdentityError::Unavailable(_) => {
                Self::with_message(S3Code::ServiceUnavailable, "Access keys can't be read now. Please try again.")
            }
            IdentityError::AccessKeyExists
            | IdentityError::IsRootKey
            | IdentityError::InvalidName
            | IdentityError::InvalidRootKey(_)
            | IdentityError::DoesNotOpen(_) => Self::internal(error),
        }
    }
}

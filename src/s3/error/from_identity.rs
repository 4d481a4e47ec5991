//! What the identity layer refuses, in S3's words.

use super::{S3Code, S3Error};
use crate::identity::Denied;

impl From<Denied> for S3Error {
    fn from(_: Denied) -> Self {
        S3Code::AccessDenied.into()
    }
}
